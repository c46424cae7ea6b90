"""The demo of external pipelines as Ponds: the Pond projects, and the service that runs their
pipelines.
"""
