"""The commands, one file a group. Each parses, calls and prints; what is heavy is imported where
it is used.
"""
