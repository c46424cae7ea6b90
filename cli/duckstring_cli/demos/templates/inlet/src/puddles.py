"""The Puddles of $name: small tables for runs on your own machine. A Catchment never reads this.

An Inlet has no Sources, so this is what an earlier run of its own has left.
"""

from duckstring import puddle


@puddle("$name.$name")
def yesterday() -> str:
    return "SELECT 1 AS id, DATE '2030-01-01' AS day, 'ann' AS customer, 12.5::DOUBLE AS amount"
