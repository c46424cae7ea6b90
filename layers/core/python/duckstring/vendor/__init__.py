"""The vendor: gives each attempt credentials of its own."""
