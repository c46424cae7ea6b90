"""Duckstring."""
