"""The Puddles of $name: small tables that stand in for its Sources when it runs on your own machine
(duckstring pond run).

A deployed Pond never reads this file. Once pond.toml names a Source, a function marked
``@puddle("source.table")`` says what that table holds here; $name has no Sources yet.
"""
