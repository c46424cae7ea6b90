"""The sweep's door."""
