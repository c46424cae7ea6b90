"""Lambda handlers of a Catchment."""
