"""The snapshots of a line that are kept, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from duckstring.api import kept as use_case
from duckstring.api.requests import KeptRequest, TablesRequest, read
from duckstring.api.tables import NotPublishedError, SnapshotNotKeptError, tables_of_snapshot
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import PondState, Run, SourceReport, SourceView
from duckstring.errors import OperatorError
from duckstring.model.as_of import Kept
from duckstring.model.catalog import Part, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import to_text
from duckstring.model.names import Line, file_of_key, table_key
from duckstring.model.retention import KEPT, Retention
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests.unit.api.world import NOON, ShelfCatalog, StillClock, graph, release

SALES, REPORTS = Line("sales@1"), Line("reports@1")
DAY = timedelta(days=1)
UNSAID = Retention()


def version(number, table="orders", size=5):
    key = table_key(SALES, table, run=number, ripple="load", attempt=1, invocation="x")
    return TableVersion(table, key, 10, size, "fp", version=f"1.0.{number}")


def grown(*numbers):
    """A table that each of these runs has added to."""
    parts = tuple(Part(file_of_key(version(one).key), 10, 5) for one in numbers)
    whole = replace(version(numbers[-1]), rows=10 * len(parts), bytes=5 * len(parts))
    return replace(whole, parts=parts)


class Files:
    def uri(self, key):
        return f"s3://bucket/{key}"


@dataclass
class World:
    """Manifests of ``sales@1``: its number to how many days old it is, and its tables."""

    manifests: dict[int, tuple[float, list[TableVersion]]]
    of: Retention = UNSAID
    reader: PondState | None = None
    warned: int = 0
    former: int = 0
    requests: list[str] = field(default_factory=list)

    def read(self, lines):
        self.requests.append("states")
        last = max(self.manifests, default=0)
        sinks = {self.reader.line: (1, 1)} if self.reader else {}
        _, tables = self.manifests.get(last, (0, []))
        sales = PondState(
            SALES,
            snapshot=last,
            sinks=sinks,
            former=self.former,
            release=replace(release("sales@1"), retention=self.of),
            tables={one.table: one for one in tables},
        )
        there = {SALES: Seen(sales)} | ({self.reader.line: Seen(self.reader)} if sinks else {})
        return {line: there[line] for line in lines if line in there}

    def kept(self, line, *, below, most):
        self.requests.append("kept")
        numbers = sorted((one for one in self.manifests if one < below), reverse=True)[:most]
        return [Kept(one, NOON - self.manifests[one][0] * DAY) for one in numbers]

    def read_many(self, wanted):
        self.requests.append("manifests")
        return {
            (line, number): PublishSnapshot(
                number,
                NOON - self.manifests[number][0] * DAY,
                {one.table: one for one in self.manifests[number][1]},
                warnings=(CheckWarning("few", 3, ""),) if number == self.warned else (),
            )
            for line, number in wanted
            if number in self.manifests
        }

    def ask(self, whole=KEPT, **asked):
        return use_case.kept(
            read(KeptRequest, {"pond": "sales", **asked}),
            catalog=ShelfCatalog(graph(release("sales@1"))),
            states=self,
            published=self,
            whole=whole,
            clock=StillClock(),
        )

    def tables(self, **asked):
        return tables_of_snapshot(
            read(TablesRequest, {"pond": "sales", **asked}),
            catalog=ShelfCatalog(graph(release("sales@1"))),
            states=self,
            published=self,
            files=Files(),
        )

    def why(self, **asked):
        return {
            one["snapshot"]: [*one["reasons"], *one["read_by"]]
            for one in self.ask(**asked)["snapshots"]
        }


def test_each_snapshot_says_what_it_is_and_what_only_it_has():
    world = World({3: (2, [grown(1, 3)]), 7: (0.5, [grown(1, 3, 7), version(7, "b", 9)])}, warned=7)
    newest, older = world.ask()["snapshots"]
    assert newest == {
        "snapshot": 7,
        "run": "sales@1/7",
        "f": to_text(NOON - DAY / 2),
        "held_f": to_text(NOON - DAY / 2),
        "version": "1.0.7",
        "tables": 2,
        "rows": 40,
        "bytes": 24,
        "bytes_alone": 0,
        "reasons": ["published", "last", "young"],
        "read_by": [],
        "warnings": 1,
    }
    assert (older["rows"], older["bytes"], older["bytes_alone"]) == (20, 10, 0)
    rewritten = World({3: (2, [version(3)]), 4: (2, [version(3)]), 7: (1, [version(7)])})
    assert [one["bytes_alone"] for one in rewritten.ask()["snapshots"]] == [0, 5, 0]


def test_what_was_published_again_is_not_alone_in_the_snapshot_that_it_comes_from():
    first, second = [version(1)], [version(2)]
    world = World({1: (3, first), 2: (2, second), 3: (1, first)})
    assert [one["bytes_alone"] for one in world.ask()["snapshots"]] == [0, 5, 0]


def test_what_a_line_published_before_it_was_removed_is_not_listed():
    world = World({number: (9 - number, []) for number in range(1, 6)}, former=3)
    answer = world.ask()
    assert [one["snapshot"] for one in answer["snapshots"]] == [5, 4]
    assert answer["next"] is None


def test_a_snapshot_that_wrote_nothing_has_no_version():
    """An operator removed a table."""
    newest, _ = World({3: (2, [version(3)]), 4: (2, [version(3)])}).ask()["snapshots"]
    assert newest["version"] is None


def test_why_each_is_kept_follows_from_the_pond_the_catchment_and_its_readers():
    ages = {1: 9, 2: 5, 4: 3, 5: 2, 9: 0.5}
    run = Run(6, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON, pins={SALES: 2})
    told = {SALES: SourceView(SALES, report=SourceReport(snapshot=9))}
    world = World(
        {number: (age, []) for number, age in ages.items()},
        of=Retention(days=3),
        reader=PondState(REPORTS, runs={6: run}, sources=told),
    )
    assert world.why(whole=Retention(2, 30)) == {
        9: ["published", "last", "young", "reports@1"],
        5: ["last", "young"],
        4: [],
        2: ["reports@1"],
        1: [],
    }
    assert world.ask()["retention"] == {"snapshots": 3, "days": 3}
    assert World(world.manifests).why() == {
        9: ["published", "last", "young"],
        5: ["last"],
        4: ["last"],
        2: [],
        1: [],
    }


def test_many_are_shown_in_pages_that_join():
    world = World({number: (200 - number, [version(number)]) for number in range(1, 121)})
    pages, before = [], {}
    while True:
        answer = world.ask(**before)
        pages.append(answer["snapshots"])
        if answer["next"] is None:
            break
        before = {"before": answer["next"]}
    assert [len(page) for page in pages] == [50, 50, 20]
    rows = [row for page in pages for row in page]
    assert [row["snapshot"] for row in rows] == list(range(120, 0, -1))
    assert [row["bytes_alone"] for row in rows] == [0, *[5] * 119]
    assert world.requests.count("manifests") == 3


@pytest.mark.parametrize("before", [0, -1, 10**11, "7", True])
def test_a_page_begins_before_a_snapshots_number(before):
    with pytest.raises(OperatorError, match="before"):
        World({1: (1, [])}).ask(before=before)


def test_a_pond_without_a_snapshot_is_refused():
    with pytest.raises(NotPublishedError):
        World({}).ask()
    with pytest.raises(PondNotFoundError):
        World({}).ask(pond="sale")


def test_the_tables_of_an_earlier_snapshot_are_those_that_it_had():
    world = World({3: (2, [version(3), version(3, "b", 9)]), 7: (0.5, [version(7)])})
    then = world.tables(snapshot=3)
    assert (then["snapshot"], then["f"]) == (3, to_text(NOON - 2 * DAY))
    found = {row["table"]: (row["bytes"], row["written_in"]) for row in then["tables"]}
    assert found == {"b": (9, "sales@1/3"), "orders": (5, "sales@1/3")}
    assert world.tables(snapshot=7) == world.tables()
    assert [row["uri"] for row in world.tables()["tables"]] == [f"s3://bucket/{version(7).key}"]


@pytest.mark.parametrize("number", [2, 4, 8])
def test_a_snapshot_that_is_not_kept_or_not_there_yet_is_refused(number):
    world = World({2: (3, [version(2)]), 3: (2, [version(3)]), 7: (0.5, [version(7)])}, former=2)
    with pytest.raises(SnapshotNotKeptError, match=f"sales@1 has no snapshot {number}"):
        world.tables(snapshot=number)


def test_a_number_of_a_snapshot_is_a_whole_number_from_1():
    world = World({3: (0, [version(3)])})
    for number in (0, -1, "3", 1.5, True):
        with pytest.raises(OperatorError, match="snapshot is "):
            world.tables(snapshot=number)
