"""The Puddles of $name: small tables that stand in for its Sources when it is tried out on your own
machine.

A deployed Pond never reads this file. Once pond.toml names a Source, a function marked
``@puddle(table="source.table")`` says what that table holds here; $name has no Sources yet.
"""
