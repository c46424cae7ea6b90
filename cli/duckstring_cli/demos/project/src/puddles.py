"""The Puddles of $name: small tables that stand in for its Sources when it is tried out on your own machine.

A deployed Pond never reads this file. $name has no Sources yet, so there is nothing to stand in for.
"""
