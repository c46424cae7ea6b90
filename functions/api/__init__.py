"""The api's door: what operators ask of a Catchment."""
