"""The duckstring command."""
