"""Random histories of a Source that writes, appends and merges, and a Sink that reads deltas, with
failures, retries and sweeps. Tables and deltas equal brute force over plain Python values.

``PROVE_HISTORIES=1000`` looks at a thousand.
"""

from __future__ import annotations

import os
import random
from ast import literal_eval
from collections import Counter

import pytest

from duckstring.model.names import Line
from duckstring.model.parts import MOST_LIVE, MOST_NEWS
from tests.unit.parts_kit import Sandbox

HISTORIES = int(os.environ.get("PROVE_HISTORIES", "20"))
TEXTS = ("a", "A", "", "ä", None, "b'c")
NUMBERS = (-0.0, 1.5, None)  # DuckDB's Parquet dictionaries make one of -0.0 and 0.0


class FailedError(Exception):
    """What the author's code raises."""


class Story:
    """One history. ``log`` and ``items`` are what the tables must be."""

    def __init__(self, root, seed):
        self.random, self.root = random.Random(seed), root
        self.source = Sandbox(root)
        self.sink = Sandbox(root, Line("reports@1"), sources={"sales": self.source})
        self.log, self.items = Counter(), {}
        self.taken = {"log": None, "items": None}
        self.lag = {"log": 0, "items": 0}
        self.fulls = 0
        self.checked = {}
        self.lake = self.source.attempt()._lake

    def play(self, steps):
        for _ in range(steps):
            self.random.choice(
                [self.append, self.append, self.append, self.merge, self.merge, self.merge,
                 self.write_log, self.write_items, self.read, self.read, self.read, self.sweep]
            )()  # fmt: skip
            self.check()

    def rows(self, most):
        draw = self.random
        return [
            (draw.randrange(8), draw.choice(TEXTS), draw.choice(NUMBERS))
            for _ in range(draw.randint(0, most))
        ]

    def attempts(self, line, work):
        """Attempts of one run, until one succeeds or the run fails. False: it failed."""
        again = False
        while True:
            pond = line.attempt(again=again)
            pond.con.execute("SET default_collation = 'NOCASE'")
            try:
                work(pond)
                self.fail_at_times()
            except FailedError:
                if self.random.random() < 0.4:
                    return False
                again = True
                continue
            line.succeed(pond)
            return True

    def fail_at_times(self):
        if self.random.random() < 0.15:
            raise FailedError

    def append(self):
        pieces = [self.rows(4) for _ in range(self.random.choice([1, 1, 1, 2]))]
        before = self.source.tables.get("log")
        if self.attempts(
            self.source, lambda pond: [pond.append_table("log", sql(rows)) for rows in pieces]
        ):
            self.log += counted([row for rows in pieces for row in rows])
            self.lag["log"] += self.source.tables["log"] != before

    def merge(self):
        new = {row[0]: row for row in self.rows(5)}
        gone = set(self.random.sample(range(10), 3)) - new.keys()
        kinds = [None, f"SELECT unnest({sorted(gone)}) AS id"]
        delete = self.random.choice(kinds)
        if self.attempts(
            self.source,
            lambda pond: pond.merge_table("items", sql(new.values()), key=["id"], delete=delete),
        ):
            left = {k: row for k, row in self.items.items() if delete is None or k not in gone}
            self.items = {**left, **new}
            self.lag["items"] += 1

    def write_log(self):
        before = self.source.tables.get("log")
        rows = self.rows(6)
        if self.random.random() < 0.3:
            rows = [literal_eval(row) for row in self.log.elements()]
        if self.random.random() < 0.4 and self.attempts(
            self.source, lambda pond: pond.write_table("log", sql(rows))
        ):
            self.compare_with("log", before, self.log == counted(rows))
            self.log = counted(rows)

    def write_items(self):
        before = self.source.tables.get("items")
        rows = {row[0]: row for row in self.rows(6)}
        if self.random.random() < 0.3:
            rows = dict(self.items)
        if self.random.random() < 0.4 and self.attempts(
            self.source, lambda pond: pond.write_table("items", sql(rows.values()))
        ):
            self.compare_with("items", before, self.items == rows)
            self.items = rows

    def compare_with(self, name, before, same):
        """A table that is written whole has the fingerprint of before if its rows are the same."""
        if before is not None:
            assert (self.source.tables[name].fingerprint == before.fingerprint) == same

    def read(self):
        found = {}

        def take(pond):
            for name in self.source.tables:
                ref = f"sales.{name}"
                found[name] = pond.delta_is_full(ref), pond.read_delta(ref).fetchall()

        if self.source.tables and self.attempts(self.sink, take):
            for name, (is_full, delta) in found.items():
                self.compare(name, is_full, delta)
                self.taken[name] = self.now(name)
                self.lag[name] = 0

    def now(self, name):
        return Counter(self.log) if name == "log" else counted(self.items.values())

    def compare(self, name, is_full, delta):
        old, new = self.taken[name], self.now(name)
        assert is_full or old is not None
        self.fulls += is_full and old is not None
        old = Counter() if is_full else old
        changes = {
            kind: counted(row[:-1] for row in delta if row[-1] in kind.split())
            for kind in ("insert update_after", "delete update_before")
        }
        assert changes["insert update_after"] == new - old
        assert changes["delete update_before"] == old - new
        if name == "items":
            updated = {row[0] for row in delta if row[-1] == "update_after"}
            assert updated == {row[0] for row in delta if row[-1] == "update_before"}
            assert len({(row[0], row[-1]) for row in delta}) == len(delta)

    def sweep(self):
        """Objects that nobody names are deleted."""
        named = {key for version in self.source.tables.values() for key in version.keys}
        named |= {one.key for one in self.sink.positions.values() if one.whole}
        for file in self.root.rglob("*.parquet"):
            if str(file.relative_to(self.root)) not in named:
                file.unlink()

    def check(self):
        for name, version in self.source.tables.items():
            if self.checked.get(name) == version:
                continue
            self.checked[name], expected = version, self.now(name)
            found = self.lake.read(("main", name), version)
            assert counted(found.fetchall()) == expected
            assert version.rows == expected.total()
            assert len(version.live) <= MOST_LIVE
            assert len(version.contents) <= MOST_LIVE + MOST_NEWS
            anew = self.lake.write(name, found, key=f"again/{version.key}", published=version)
            assert anew.fingerprint == version.fingerprint
            assert version.total in {"", anew.total}


def counted(rows):
    return Counter(repr(row) for row in rows)


def sql(rows):
    values = ", ".join(f"({k}, {text(t)}, {number(x)})" for k, t, x in rows) or "(NULL, NULL, NULL)"
    return (
        "SELECT id::BIGINT AS id, t::VARCHAR AS t, x::DOUBLE AS x "
        f"FROM (VALUES {values}) AS v(id, t, x) WHERE id IS NOT NULL"
    )


def text(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def number(value):
    return "NULL" if value is None else f"'{value!r}'"


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_tables_and_deltas_of_a_random_history_equal_brute_force(seed, tmp_path):
    story = Story(tmp_path, seed)
    story.play(14)
