"""A Catchment in memory as the sweep sees it, at one instant."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from duckstring.engine.rest import unrest
from duckstring.engine.state import PondState, Run
from duckstring.model.catalog import Removal, TableVersion
from duckstring.model.instants import NEVER
from duckstring.model.lake import Exported, Listing, digest_of, shown
from duckstring.model.names import (
    Line,
    parse_line,
    table_key,
)
from duckstring.model.retention import KEPT
from duckstring.model.values import replace
from duckstring.ports import Seen
from duckstring.sweep.ports import SweepPorts
from duckstring.sweep.sweep import sweep
from duckstring.testing.fakes import MemoryLimits
from tests.unit.api.world import (
    NOON,
    Archive,
    AttemptRows,
    Executions,
    Garbage,
    KeptObjects,
    Operators,
    Post,
    Residence,
    ShelfCatalog,
    States,
    StillClock,
    SweptIceberg,
    SweptLake,
    graph,
    release,
)

SALES, REPORTS = Line("sales@1"), Line("reports@1")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOW = NOON + timedelta(hours=1)
SELECTED = release("sales@1")
LONG_AGO = (int((NOON.timestamp()) * 1000), "1")
JUST_NOW = (int(NOW.timestamp() * 1000) - 1000, "1")


def run(number=1, **changes):
    return replace(Run(number, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON), **changes)


def pond(**changes):
    return replace(PondState(SALES, release=SELECTED), **changes)


class Shelf:
    """``ports.HistoryStore``: when each run of a line began, and how long that is kept."""

    def __init__(self, runs, *, kept=None):
        self.runs, self.asked, self.kept, self.slow = runs, [], kept, None

    def old_runs(self, line, *, before, last):
        self.asked.append((line, before, last))
        for number, began in sorted(self.runs.get(line, {}).items()):
            if number > last or began >= before:
                return
            yield number

    def forget_runs(self, line, numbers):
        for number in numbers:
            del self.runs[line][number]
        if self.slow:
            self.slow()
        return 3 * len(numbers)


def listed(seen):
    return dataclasses.replace(seen, listed=unrest(seen.state) or "")


class RestNote:
    """``ports.RestIndexKeeper``: whether the index is whole, as it was noted last."""

    is_whole = None

    def settle(self, now, *, is_whole):
        self.is_whole = is_whole


class World:
    def __init__(
        self,
        *seen,
        releases=(SELECTED,),
        removals=(),
        versions=(),
        described=None,
        garbage=None,
        rows=None,
    ):
        self.post, self.garbage = Post(), garbage or Garbage(open=False)
        self.limits = MemoryLimits()
        held = {one.state.line: listed(one) for one in seen}
        self.rest = RestNote()
        executions = Executions(described or {})
        self.catalog = ShelfCatalog(
            graph(*releases), gone={removal.line: removal for removal in removals}
        )
        self.catalog.versions |= {(parse_line(one.line)[0], one.version): one for one in versions}
        clock, self.operated, self.backlog = StillClock(NOW), Operators(), KeptObjects()
        self.ports = SweepPorts(
            self.catalog,
            Archive(self.catalog),
            States(held),
            self.rest,
            self.limits,
            executions,
            AttemptRows(rows or {}),
            self.garbage,
            Residence(),
            Shelf({}),
            self.operated,
            self.backlog,
            SweptLake(is_there=False),
            SweptIceberg(is_there=False),
            MINUTE,
            None,
            KEPT,
            self.post,
            clock,
        )

    def holds(self, *seen):
        """Items as they are, whatever the index has of them."""
        held = States({one.state.line: one for one in seen})
        self.ports = dataclasses.replace(self.ports, states=held)
        return self

    def came(self, came):
        """Its table came here then; None: it is being restored."""
        self.ports = dataclasses.replace(self.ports, residence=Residence(came))
        return self

    def shows(self, lake):
        self.ports = dataclasses.replace(self.ports, lake=lake)
        return self

    def remembers(self, shelf):
        self.ports = dataclasses.replace(self.ports, history=shelf, history_kept=shelf.kept)
        return self

    def letters(self):
        self.report = sweep(self.ports)
        return [(letter.to, letter.signal) for letter in self.post.letters]


HOUR = 60


def key(number, table="t"):
    return table_key(SALES, table, run=number, ripple="load", attempt=1, invocation="a")


def version(number, table="t"):
    return TableVersion(table, key(number, table), 1, 1, "x")


OLD = NOW - 2 * DAY


def stored(numbers, f=OLD):
    return Garbage(
        {SALES: {n: (f, frozenset({key(n)})) for n in numbers}}, {key(n): OLD for n in numbers}
    )


def kept(garbage):
    return sorted(int(name.rsplit("/", 1)[1][:10]) for name in garbage.written)


def tidied_twice(world):
    """The objects of what is forgotten go with the next tidying."""
    world.letters()
    world.garbage.open = True
    world.letters()


def gone(days):
    return Removal(SALES, NOW - days * DAY)


F = NOON - DAY
LATE, RECENT = NOW - timedelta(minutes=3), NOW - MINUTE


def lake_of(lines, *, expires=NEVER, named=()):
    """A lake whose newest catalog shows these lines."""
    newest = Exported(1, "lake/1", NOON, digest=digest_of(lines), expires=expires)
    return SweptLake(newest, Listing(lines, named))


def looked(lake, *seen):
    world = World(*seen).shows(lake)
    world.letters()
    return lake.asked, world.report["not_in_lake"]


def told(number, line=SALES):
    return {line: shown(f"{line}/{number}", F)}


def publishes(number, committed=LATE):
    return Seen(pond(snapshot=number, snapshot_f=F), mark=LONG_AGO, committed=committed)
