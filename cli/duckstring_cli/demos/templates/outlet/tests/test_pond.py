"""Tests of $name: run them with `duckstring pond test`."""


def test_the_best_customer_comes_first(pond_run, tables):
    tables["$source.$source"] = [
        {"id": 1, "day": "2030-01-01", "customer": "ann", "amount": 10.0},
        {"id": 2, "day": "2030-01-01", "customer": "bob", "amount": 20.0},
        {"id": 3, "day": "2030-01-02", "customer": "ann", "amount": 5.0},
    ]

    assert pond_run().rows("$name") == [
        {"customer": "bob", "rows": 1, "amount": 20.0},
        {"customer": "ann", "rows": 2, "amount": 15.0},
    ]
