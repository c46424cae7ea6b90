"""Tests of $name: run them with `duckstring pond test`."""

from datetime import date


def test_the_best_customer_comes_first(pond_run, tables):
    tables["$source.$source"] = [
        {"id": 1, "day": date(2030, 1, 1), "customer": "ann", "amount": 10.0},
        {"id": 2, "day": date(2030, 1, 1), "customer": "bob", "amount": 20.0},
        {"id": 3, "day": date(2030, 1, 2), "customer": "ann", "amount": 5.0},
    ]

    assert pond_run().rows("$name") == [
        {"customer": "bob", "rows": 1, "amount": 20.0},
        {"customer": "ann", "rows": 2, "amount": 15.0},
    ]
