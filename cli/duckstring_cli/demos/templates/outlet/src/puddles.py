"""The Puddles of $name: small tables in the place of its Sources, to run it on your own machine.

A Catchment never reads this file.
"""

from duckstring import puddle


@puddle("$source.$source")
def some_rows() -> list[dict[str, object]]:
    return [
        {"id": 1, "day": "2030-01-01", "customer": "ann", "amount": 12.5},
        {"id": 2, "day": "2030-01-01", "customer": "bob", "amount": 8.0},
        {"id": 3, "day": "2030-01-02", "customer": "ann", "amount": -12.5},
    ]
