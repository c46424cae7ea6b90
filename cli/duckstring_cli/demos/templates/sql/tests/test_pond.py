"""Tests of $name: run them with `duckstring pond test`."""


def test_refunds_are_left_out(pond_run, tables):
    tables["$source.$source"] = [
        {"id": 1, "day": "2030-01-01", "customer": "ann", "amount": 10.0},
        {"id": 2, "day": "2030-01-01", "customer": "ann", "amount": -10.0},
    ]

    assert [row["id"] for row in pond_run().rows("$name")] == [1]


def test_amounts_are_summed_by_day(pond_run):
    days = pond_run().rows("$second")  # of the Puddles in src/puddles.py

    assert [(row["rows"], row["amount"]) for row in days] == [(2, 20.5)]
