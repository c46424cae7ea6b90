"""The api Lambda handler: operators' requests to a Catchment."""
