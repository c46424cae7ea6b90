"""The web page of a Catchment: ``duckstring ui``. A server on 127.0.0.1 that goes to the Catchment
with the user's own credentials, and the page's files, which are built from ``ui/``.
"""
