"""A Catchment in memory: a discrete-event simulation on the same ``step`` as the deployed one.
In no function's layer.
"""
