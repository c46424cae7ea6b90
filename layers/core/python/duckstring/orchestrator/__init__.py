"""The orchestrator: it takes letters to a line, steps the line's state, and performs the resulting
effects.
"""
