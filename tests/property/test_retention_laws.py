"""No snapshot is deleted that somebody may read: random histories of publishing, pins, readers of
the past, rules that change, and sweeps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.state import PondState, Run, SourceReport, SourceView
from duckstring.model.as_of import Kept, dropped_before, holding, oldest
from duckstring.model.catalog import Part, TableVersion
from duckstring.model.names import Line, file_of_key, table_key
from duckstring.model.retention import KEPT, Retention
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests.property.worlds import looks
from tests.unit.api.world import Garbage, StillClock, release, source
from tests.unit.sweep_kit import NOW
from tests.unit.sweep_kit import World as SweepWorld

SALES, REPORTS = Line("sales@1"), Line("reports@1")
UNSAID = Retention()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Reader:
    """Somebody who reads a snapshot of the past: which objects, and how many tidyings ago they
    asked.
    """

    objects: frozenset[str]
    tidied: int = 0


@dataclass
class History:
    """A line, its Sink, what is stored, and all that there ever was."""

    now: datetime = NOW
    retention: Retention = UNSAID
    number: int = 0
    tables: dict[str, TableVersion] = field(default_factory=dict)
    published: list[tuple[Kept, frozenset[str]]] = field(default_factory=list)
    told: int = 0
    runs: dict[int, int] = field(default_factory=dict)
    """Of the Sink: its number to the snapshot that it has pinned."""
    readers: list[Reader] = field(default_factory=list)
    garbage: Garbage = field(default_factory=lambda: Garbage({SALES: {}}))

    # What happens.

    def write(self, table: str, how: str) -> None:
        key = table_key(SALES, table, run=self.number, ripple="load", attempt=1, invocation="x")
        self.garbage.written[key] = self.now
        version, before = TableVersion(table, key, 1, 1, "x"), self.tables.get(table)
        if before is None or how == "rewrite":
            self.tables[table] = version
            return
        here = Part(file_of_key(key), 1, 1)
        if how == "fold":
            old = [replace(part, use="news") for part in before.contents[-2:]]
            parts = (*old, replace(here, use="base"))
        else:
            parts = (*before.contents, here)
        self.tables[table] = replace(version, parts=parts)

    def publish(self, writes: list[tuple[str, str]]) -> None:
        self.number += 1
        for table, how in writes:
            self.write(table, how)
        objects = frozenset(key for version in self.tables.values() for key in version.keys)
        self.published.append((Kept(self.number, self.now), objects))
        self.garbage.kept[SALES][self.number] = (self.now, objects)

    def fail(self, _: object) -> None:
        """A run that wrote, and was never published."""
        self.number += 1
        before = dict(self.tables)
        self.write("orders", "rewrite")
        self.tables = before

    def tell(self, _: object) -> None:
        self.told = self.published[-1][0].number if self.published else 0

    def begin(self, _: object) -> None:
        if self.told:
            self.runs[len(self.runs) + 1] = self.told

    def end(self, _: object) -> None:
        busy = [number for number, pinned in self.runs.items() if pinned]
        if busy:
            self.runs[busy[0]] = 0

    def wait(self, hours: int) -> None:
        self.now += hours * HOUR

    def keep(self, rule: Retention) -> None:
        self.retention = rule

    def read(self, ago: int) -> None:
        at = self.now - ago * HOUR
        if found := self.held(at):
            self.readers.append(Reader(dict(self.published)[found]))

    def tidy(self, _: object) -> None:
        self.garbage.open = True
        self.world().letters()
        for reader in self.readers:
            reader.tidied += 1

    # What is there.

    def look(self, below: int, most: int) -> list[Kept]:
        kept = self.garbage.kept[SALES]
        numbers = sorted((number for number in kept if number < below), reverse=True)
        return [Kept(number, kept[number][0]) for number in numbers[:most]]

    def dropped(self) -> int:
        found = self.garbage.gone.get(SALES)
        return dropped_before(self.look, self.last, now=self.now) if found is None else found

    @property
    def last(self) -> int:
        return self.published[-1][0].number if self.published else 0

    def held(self, at: datetime) -> Kept | None:
        return holding(self.look, self.last, at, dropped=self.dropped()) if self.last else None

    def world(self) -> SweepWorld:
        selected = replace(release("sales@1"), retention=self.retention)
        sales = PondState(
            SALES,
            release=selected,
            snapshot=self.last,
            runs_started=self.number,
            tables=self.tables if self.last else {},
        )
        runs = {
            number: Run(
                number, NOW, NOW, timedelta(0), "1.0.0", "k", "m", 0, NOW, pins={SALES: pinned}
            )
            for number, pinned in self.runs.items()
            if pinned
        }
        told = {SALES: SourceView(SALES, report=SourceReport(snapshot=self.told))}
        reports = PondState(REPORTS, runs=runs, sources=told, runs_started=len(self.runs))
        described = {f"reports@1/{number}-1": ("RUNNING", "") for number in runs}
        world = SweepWorld(
            Seen(sales),
            Seen(reports),
            releases=(selected, release("reports@1", "", source("sales@1"))),
            described=described,
            garbage=self.garbage,
        )
        world.ports = dataclasses.replace(world.ports, clock=StillClock(self.now), retention=KEPT)
        return world


writes = st.lists(
    st.tuples(st.sampled_from(["orders", "rates"]), st.sampled_from(["rewrite", "append", "fold"])),
    max_size=2,
)
rules = st.builds(Retention, st.none() | st.integers(1, 6), st.none() | st.integers(1, 4))
publishes = st.tuples(st.just("publish"), writes)
waits = st.tuples(st.just("wait"), st.integers(1, 60))
tidies = st.tuples(st.just("tidy"), st.none())
happens = st.one_of(
    publishes,
    publishes,
    waits,
    waits,
    tidies,
    st.tuples(st.sampled_from(["fail", "tell", "begin", "end"]), st.none()),
    st.tuples(st.just("read"), st.integers(0, 100)),
    st.tuples(st.just("keep"), rules),
)


def faults(history: History) -> Iterator[str]:
    objects, manifests = history.garbage.written, history.garbage.kept[SALES]
    every = {kept.number: (kept, of) for kept, of in history.published}
    for number in {history.last, history.told, *history.runs.values()} - {0}:
        if number not in manifests:
            yield f"the manifest of {number} is gone, which is published or pinned"
        elif missing := every[number][1] - objects.keys():
            yield f"{missing} of {number}, which is published or pinned"
    for reader in history.readers:
        if reader.tidied < 2 and (missing := reader.objects - objects.keys()):
            yield f"{missing} are gone under somebody who reads them"
    for number in manifests:
        if missing := every[number][1] - objects.keys():
            yield f"{missing} of {number}, which is kept"


@given(
    st.lists(happens, min_size=30, max_size=80),
    st.lists(st.integers(0, 200), min_size=1, max_size=6),
)
@looks(400)
def test_what_is_published_pinned_or_read_stays_and_the_past_is_told_truly(events, ages):
    history = History()
    for what, of in events:
        before = history.look(history.last + 1, 100)
        getattr(history, what)(of)
        if what == "tidy":
            _the_rule_is_kept(history, before)
        assert [*faults(history)] == []
        _the_past_is_true(history, ages)
    _all_else_goes(history)


def _the_rule_is_kept(history: History, before: list[Kept]) -> None:
    """``before``: what was kept before a tidying, newest first."""
    rule = history.retention.within(KEPT)
    young = [kept for kept in before if history.now - kept.f < timedelta(days=rule.days)]
    wanted = {kept.number for kept in (*young, *before[: rule.snapshots])}
    assert wanted <= history.garbage.kept[SALES].keys()


def _the_past_is_true(history: History, ages: list[int]) -> None:
    if not history.last:
        return
    sure = oldest(history.look, history.last, dropped=history.dropped())
    for age in ages:
        at = history.now - age * HOUR
        truth = [kept for kept, _ in history.published if kept.f <= at]
        found = history.held(at)
        assert found is None or found == truth[-1]
        assert found is not None or at < sure.f


def _all_else_goes(history: History) -> None:
    """Once nothing is young, what is left is what is published, pinned or kept by the rule."""
    history.readers, history.runs = [], {}
    history.tell(None)
    for _ in range(2):
        history.now += 5 * DAY
        history.tidy(None)
    manifests = history.garbage.kept[SALES]
    rule = history.retention.within(KEPT)
    assert len(manifests) <= max(rule.snapshots, 1)
    wanted = set().union(*(objects for _, objects in manifests.values()))
    assert history.garbage.written.keys() == wanted
