"""The world in memory: a Catchment as a discrete-event simulation, on the same ``step`` as the deployed one."""
