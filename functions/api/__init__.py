"""Doors of the Catchment."""
