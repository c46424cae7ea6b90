"""The exporter function."""
