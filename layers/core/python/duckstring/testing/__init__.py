"""A Catchment in memory: a discrete-event simulation with the same ``step`` as the deployed one. It
is in no function's layer.
"""
