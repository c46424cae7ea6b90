"""The Puddles of $name: small tables in the place of its Sources, to run it on your own machine.

A Catchment never reads this file.
"""

from datetime import date

from duckstring import puddle


@puddle("$source.$source")
def some_rows() -> list[dict[str, object]]:
    return [
        {"id": 1, "day": date(2030, 1, 1), "customer": "ann", "amount": 12.5},
        {"id": 2, "day": date(2030, 1, 1), "customer": "bob", "amount": 8.0},
        {"id": 3, "day": date(2030, 1, 2), "customer": "ann", "amount": -12.5},
    ]
