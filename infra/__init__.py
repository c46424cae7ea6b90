"""The stack of a Catchment."""
