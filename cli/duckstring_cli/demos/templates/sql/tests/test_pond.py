"""Tests of $name: run them with `duckstring pond test`."""

from datetime import date


def test_refunds_are_left_out(pond_run, tables):
    tables["$source.$source"] = [
        {"id": 1, "day": date(2030, 1, 1), "customer": "ann", "amount": 10.0},
        {"id": 2, "day": date(2030, 1, 1), "customer": "ann", "amount": -10.0},
    ]

    assert [row["id"] for row in pond_run().rows("$name")] == [1]


def test_amounts_are_summed_by_day(pond_run):
    days = pond_run().rows("$second")  # of the Puddles in src/puddles.py

    assert [(row["rows"], row["amount"]) for row in days] == [(2, 20.5)]
