"""Which table comes from which, and which attempts an object's rows came through."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from duckstring.api import lineage as lineages
from duckstring.api import trace as traces
from duckstring.api.ports import Attempted
from duckstring.api.remove_table import TableNotPublishedError
from duckstring.api.requests import LineageRequest, TraceRequest, read
from duckstring.api.tables import NotPublishedError
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model.catalog import RippleSpec, TableVersion
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import to_text
from duckstring.model.lineage import Lineage, TableRead
from duckstring.model.names import Line, run_key, table_key
from duckstring.model.permits import AttemptName
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests.unit.api.world import NOON, ShelfCatalog, graph, release, source


def of(ref, *writers, sure=True):
    line, _, table = ref.rpartition(".")
    return TableRead(line, table, writers, sure)


@dataclass
class World:
    """``wrote``: line to {table: (run, Ripple)}. ``reads``: attempt to what it has read."""

    wrote: dict = field(default_factory=dict)
    reads: dict = field(default_factory=dict)
    sources: dict = field(default_factory=dict)
    ripples: dict = field(default_factory=dict)
    gone: set = field(default_factory=set)
    pins: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)

    def catalog(self):
        made = graph(
            *(release(line, "", *map(source, self.sources.get(line, ()))) for line in self.wrote)
        )
        for line, specs in self.ripples.items():
            made[line] = replace(made[line], ripples=specs)
        return ShelfCatalog(made)

    def read(self, lines):
        self.requests.append(("states", len(lines)))
        return {line: Seen(self.state(line)) for line in lines if self.wrote.get(line) is not None}

    def state(self, line):
        tables = {
            table: TableVersion(
                table,
                table_key(line, table, run=run, ripple=ripple, attempt=1, invocation="x"),
                1, 1, "x", NOON, "1.0.0",
            )
            for table, (run, ripple) in self.wrote[line].items()
        }  # fmt: skip
        last = max((run for run, _ in self.wrote[line].values()), default=1)
        return PondState(Line(line), snapshot=last, end_f=NOON, tables=tables)

    def row(self, name):
        reads = self.reads.get((name.line, name.run, name.ripple))
        return Attempted("success", Lineage(tuple(reads)) if reads is not None else None, "a" * 64)

    def attempts(self, names):
        self.requests.append(("attempts", len(names)))
        return {one: self.row(one) for one in names if (one.line, one.run) not in self.gone}

    def attempts_of(self, runs):
        self.requests.append(("runs' attempts", len(runs)))
        return {
            (name := AttemptName(Line(line), run, ripple, 1)): self.row(name)
            for line, run, ripple in self.reads
            if (line, run) in runs
        }

    def runs(self, runs):
        self.requests.append(("runs", len(runs)))
        return {
            (line, run): {
                "run": run_key(line, run),
                "f": to_text(NOON),
                "version": "1.0.0",
                "pins": self.pins.get((line, run)),
            }
            for line, run in runs
            if (line, run) not in self.gone
        }

    def removed(self, pond=None):
        return []

    def lineage(self, pond, **asked):
        return lineages.lineage(
            read(LineageRequest, {"pond": pond, **asked}),
            catalog=self.catalog(),
            states=self,
            recorded=self,
        )

    def nodes(self, pond, **asked):
        found = self.lineage(pond, **asked)["nodes"]
        return {f"{one['line']}.{one['table'] or one['ripple'] + '()'}" for one in found}

    def trace(self, pond, *writers, **asked):
        return traces.trace(
            read(TraceRequest, {"pond": pond, "writers": [*writers], **asked}),
            catalog=self.catalog(),
            removals=self,
            recorded=self,
        )


@pytest.fixture
def world():
    """raw -> sales (clean -> totals) -> reports."""
    return World(
        wrote={
            "raw@1": {"orders": (5, "load"), "prices": (5, "load")},
            "sales@1": {"clean": (7, "clean"), "totals": (7, "totals")},
            "reports@1": {"daily": (9, "daily"), "other": (9, "other")},
            "idle@1": None,
        },
        reads={
            ("raw@1", 5, "load"): [],
            ("sales@1", 7, "clean"): [
                of("raw@1.orders", "5-load-1"),
                of("raw@1.prices", "4-load-1", sure=False),
            ],
            ("sales@1", 7, "totals"): [of("clean", "7-clean-1")],
            ("reports@1", 9, "daily"): [of("sales@1.totals", "7-totals-1")],
            ("reports@1", 9, "other"): [],
        },
        sources={"sales@1": ["raw@1"], "reports@1": ["sales@1"]},
        pins={("sales@1", 7): {"raw@1": 6}, ("reports@1", 9): {"sales@1": 7}},
    )


def test_a_pond_has_its_tables_and_those_one_step_away(world):
    assert world.nodes("sales") == {
        "sales@1.clean",
        "sales@1.totals",
        "raw@1.orders",
        "raw@1.prices",
        "reports@1.daily",
    }
    clean = world.lineage("sales")["nodes"][0]
    assert (clean["ripple"], clean["run"], clean["recorded"]) == ("clean", "sales@1/7", "yes")
    assert clean["reads"] == [
        {"line": "raw@1", "table": "orders", "sure": True, "run": "raw@1/5", "ripple": "load"},
        {"line": "raw@1", "table": "prices", "sure": False, "run": "raw@1/4", "ripple": "load"},
    ]


@pytest.mark.parametrize(
    ("table", "up", "down", "nodes"),
    [
        ("totals", 0, 0, {"sales@1.totals"}),
        ("totals", 1, 0, {"sales@1.totals", "sales@1.clean"}),
        (
            "totals",
            1000,
            0,
            {"sales@1.totals", "sales@1.clean", "raw@1.orders", "raw@1.prices"},
        ),
        ("clean", 0, 1, {"sales@1.clean", "sales@1.totals"}),
        ("clean", 0, 1000, {"sales@1.clean", "sales@1.totals", "reports@1.daily"}),
    ],
)
def test_one_table_is_followed_as_far_as_is_asked(world, table, up, down, nodes):
    assert world.nodes("sales", table=table, up=up, down=down) == nodes


def test_what_reads_and_writes_no_table_is_found_below(world):
    world.ripples["reports@1"] = (
        *map(RippleSpec, ("daily", "other", "send")),
        RippleSpec("checks", checks=("c",)),
    )
    world.reads["reports@1", 9, "send"] = [of("sales@1.totals", "7-totals-1")]
    world.reads["reports@1", 9, "checks"] = [of("sales@1.totals", "7-totals-1")]
    assert "reports@1.send()" in world.nodes("sales", down=1)
    assert "reports@1.checks()" not in world.nodes("sales", down=1)


def test_a_row_that_says_nothing_is_told_from_one_that_is_gone(world):
    del world.reads["sales@1", 7, "totals"]
    world.gone.add(("reports@1", 9))
    found = {one["table"]: one["recorded"] for one in world.lineage("sales", up=0)["nodes"]}
    assert found == {"clean": "yes", "totals": "no"}
    found = {one["table"]: one["recorded"] for one in world.lineage("reports")["nodes"]}
    assert found == {"daily": "gone", "other": "gone"}


def test_tables_that_read_each_other_are_gone_round_once(world):
    world.reads["raw@1", 5, "load"] = [of("reports@1.daily", "9-daily-1"), of("orders", "4-load-1")]
    assert len(world.nodes("sales", table="clean", up=1000, down=1000)) == 5


@pytest.mark.parametrize(
    ("pond", "asked", "error"),
    [
        ("nope", {}, PondNotFoundError),
        ("idle", {}, NotPublishedError),
        ("sales", {"table": "nope"}, TableNotPublishedError),
        ("sales", {"up": -1}, OperatorError),
        ("sales", {"down": 5001}, OperatorError),
    ],
)
def test_what_is_not_there_is_refused(world, pond, asked, error):
    with pytest.raises(error):
        world.lineage(pond, **asked)


def chain(ponds, tables=1):
    names = [f"p{number}@1" for number in range(ponds)]
    return World(
        wrote={name: {f"t{table}": (1, f"r{table}") for table in range(tables)} for name in names},
        reads={
            (name, 1, f"r{table}"): [of(f"{before}.t{table}", f"1-r{table}-1")] if before else []
            for before, name in zip([None, *names], names, strict=False)
            for table in range(tables)
        },
        sources={name: [before] for before, name in pairwise(names)},
        ripples={name: tuple(RippleSpec(f"r{n}") for n in range(tables)) for name in names},
    )


def test_a_chain_of_500_ponds_takes_three_requests():
    world = chain(500)
    assert len(world.nodes("p499", up=1000, down=0)) == 500
    assert world.requests == [("states", 500), ("attempts", 500), ("runs' attempts", 0)]
    assert len(world.nodes("p250", up=1000, down=1000)) == 500


def test_tables_that_are_reached_in_many_ways_are_looked_at_once():
    world = chain(60, tables=2)
    for (line, _, _), reads in world.reads.items():
        if reads:
            before = reads[0].line
            reads[:] = [of(f"{before}.t0", "1-r0-1"), of(f"{before}.t1", "1-r1-1")]
            assert line != before
    assert len(world.nodes("p59", up=1000, down=0)) == 120
    assert len(world.trace("p59", "1-r0-1")["attempts"]) == 119


def test_a_catchment_of_too_many_tables_says_so():
    world = chain(60, tables=100)
    answer = world.lineage("p59", up=1000, down=0)
    assert (len(answer["nodes"]), answer["left_off"]) == (lineages.MOST_TABLES, 1000)


def ids(answer):
    return [(one["steps"], one["id"]) for one in answer["attempts"]]


def test_rows_are_traced_to_the_attempts_and_snapshots_that_they_came_through(world):
    answer = world.trace("reports", "9-daily-1")
    assert ids(answer) == [
        (0, "reports@1/9-daily-1"),
        (1, "sales@1/7-totals-1"),
        (2, "sales@1/7-clean-1"),
        (3, "raw@1/5-load-1"),
        (3, "raw@1/4-load-1"),
    ]
    assert answer["left_off"] == 0
    first, _, clean, _, gone = answer["attempts"]
    assert (first["version"], first["package"], first["run_kept"]) == ("1.0.0", "a" * 64, True)
    assert first["reads"][0]["snapshot"] == 7
    assert [(one["table"], one["snapshot"], one["sure"]) for one in clean["reads"]] == [
        ("orders", 6, True),
        ("prices", 6, False),
    ]
    assert gone["recorded"] == "no"


def test_a_trace_ends_where_it_is_told_to_or_where_rows_are_gone(world):
    answer = world.trace("reports", "9-daily-1", depth=1)
    assert (len(answer["attempts"]), answer["left_off"]) == (2, 1)
    world.gone.add(("sales@1", 7))
    answer = world.trace("reports", "9-daily-1")
    assert [(one["run_kept"], one["recorded"]) for one in answer["attempts"]] == [
        (True, "yes"),
        (False, "gone"),
    ]


def test_a_ripple_that_goes_on_from_its_own_output_is_not_followed_through_its_runs(world):
    world.reads["sales@1", 7, "totals"] = [of("totals", "6-totals-1"), of("clean", "6-clean-1")]
    assert (2, "sales@1/6-totals-1") not in ids(world.trace("reports", "9-daily-1"))
    assert (2, "sales@1/6-clean-1") in ids(world.trace("reports", "9-daily-1"))


def test_a_trace_takes_two_requests_for_each_step_and_stops_at_many_attempts():
    world = chain(40)
    world.trace("p39", "1-r0-1")
    assert len(world.requests) == 80
    wide = World(
        wrote={"a@1": {"t": (9, "r")}, "b@1": {"t": (1, "r")}},
        reads={("a@1", 9, "r"): [of(f"b@1.t{n}", f"{n}-r-1") for n in range(1, 701)]},
    )
    answer = wide.trace("a", "9-r-1")
    assert (len(answer["attempts"]), answer["left_off"]) == (500, 201)


@pytest.mark.parametrize("writer", ["", "x", "1-load", "0-load-1", "1-Load-1", "1-load-1\n", "a/b"])
def test_a_text_that_names_no_attempt_is_refused(world, writer):
    with pytest.raises(OperatorError, match="writers"):
        world.trace("sales", writer)
