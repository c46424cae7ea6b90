"""Tests of $name: run them with `duckstring pond test`."""

from datetime import date


def test_all_rows_are_loaded_at_first(pond_run):
    assert [row["id"] for row in pond_run().rows("$name")] == [1, 2, 3, 4]


def test_new_rows_are_added(pond_run, tables, monkeypatch):
    day = date(2030, 1, 2)
    tables["$name"] = [{"id": 4, "day": day, "customer": "cem", "amount": 99.9}]
    monkeypatch.setattr("pond.fetch", lambda after: [(after + 1, "2030-01-03", "dan", 5.0)])

    assert [row["id"] for row in pond_run().rows("$name")] == [4, 5]


def test_a_run_without_news_changes_nothing(pond_run):
    pond_run()

    assert pond_run().ripples == {"load": "skipped"}
