"""The engine: when anything runs. Pure: no AWS, no clock, no randomness, no input or output.

Read ``step.py`` first. The rules are those of docs/engine.md.
"""
