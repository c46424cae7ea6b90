"""Tests of $name: run them with `duckstring pond test`."""

from datetime import date

ANN = {"id": 1, "day": date(2030, 1, 1), "customer": "ann", "amount": 10.0}
BOB = {"id": 2, "day": date(2030, 1, 2), "customer": "bob", "amount": 5.0}


def test_a_second_run_adds_what_is_new(pond_run, tables, clock):
    tables["$source.$source"] = [ANN]
    pond_run()
    clock.move("1d")
    tables["$source.$source"] = [ANN, BOB]

    found = pond_run().rows("$name")

    assert [(row["id"], row["seen_in_run"]) for row in found] == [(1, 1), (2, 2)]


def test_what_is_there_stays_when_the_source_forgets_it(pond_run, tables, clock):
    tables["$source.$source"] = [ANN]
    pond_run()
    clock.move("1d")
    tables["$source.$source"] = [BOB]

    assert [row["id"] for row in pond_run().rows("$name")] == [1, 2]
