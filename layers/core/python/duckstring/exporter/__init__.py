"""The exporter: makes a new catalog of the lake where Ponds have published (``export``)."""
