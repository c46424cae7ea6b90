"""A Pond on its author's machine: Puddles in the place of its Sources, runs without a Catchment,
and fixtures for tests.

A run here calls the worker's own code over a folder. No function's layer contains this package.
"""
