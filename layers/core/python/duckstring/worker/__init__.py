"""The worker: one attempt of one Ripple, from the invocation to the report, with a process of
its own for the author's code.
"""
