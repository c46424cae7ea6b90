"""What can be known of Ponds before they are deployed: ``duckstring pond check`` and ``plan``.

Nothing of the author's is run, but for the import of the Python module, in a process of its own as
a Catchment does it.
"""
