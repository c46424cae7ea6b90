"""Laws of tables that are added to: whatever runs overlap and fail, each row of a Source is in what
its Sink has published once, up to the position that is published with it. Objects are folded, and
swept as soon as nobody may read them any more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.pins import objects_of, pinned
from duckstring.engine.state import PondState
from duckstring.engine.visible import visible_positions, visible_tables
from duckstring.model.catalog import Part, Release, TableVersion
from duckstring.model.names import Line, file_of_key, location_of_key, table_key
from duckstring.model.parts import (
    MOST_PARTS,
    first_to_fold,
    folded,
    news_after,
    part_faults,
    position_of,
)
from duckstring.model.values import replace
from duckstring.sweep import tidy
from duckstring.testing.simulator import Attempted, Work, World, chain_of, pond, seconds
from tests.property.worlds import Fate, looks, weather, world_of

SOURCE, SINK = Line("s@1"), Line("k@1")
REF = "s.t"
SINKS_TABLES = ("even", "odd")


@dataclass
class Rows:
    """What lies in each object, and what each version has: the tables without their rows."""

    held: dict[str, Counter[str]] = field(default_factory=dict)
    whole: dict[str, Counter[str]] = field(default_factory=dict)
    swept: set[str] = field(default_factory=set)

    def of(self, version: TableVersion) -> Counter[str]:
        return sum((self.held[version.key_of(part)] for part in version.live), Counter())

    def added(
        self, there: TableVersion | None, rows: Counter[str], one: Attempted, table: str
    ) -> TableVersion:
        """The table with a part more; what is folded is folded as the author's code does."""
        line, run, ripple, attempt = one
        keys = iter(
            table_key(line, table, run=run, ripple=ripple, attempt=attempt, invocation=f"x{n}")
            for n in range(2)
        )
        key = next(keys)
        self.held[key] = rows
        parts: tuple[Part, ...] = ()
        if there is not None:
            parts = there.contents
            if (first := first_to_fold(there.live)) is not None:
                into = next(keys)
                gone = there.live[first:]
                self.held[into] = sum((self.held[there.key_of(p)] for p in gone), Counter())
                size = sum(part.bytes for part in gone)
                parts = folded(parts, Part(file_of_key(into), size, size, use="base"))
        size = rows.total()
        parts = (*parts, Part(file_of_key(key), size, size))
        version = TableVersion(table, key, size, size, key, parts=parts if there else ())
        assert not list(part_faults(version))
        assert sum(not part.is_adopted for part in version.contents) <= MOST_PARTS
        self.whole[key] = self.of(version)
        return version

    def adopted(
        self, there: TableVersion | None, rows: Counter[str], one: Attempted, table: str
    ) -> TableVersion:
        """The table as files of another engine, which the first attempt of its run has started."""
        line, run, ripple, attempt = one
        first, key = (
            table_key(line, table, run=run, ripple=ripple, attempt=number, invocation="x")
            for number in (1, attempt)
        )
        file, old = f"{location_of_key(first)}part-0", self.of(there) if there else Counter()
        self.held[file], self.held[key] = old + rows, Counter()
        size = self.held[file].total()
        parts = (
            Part(file_of_key(file), size, size, use="base"),
            Part(file_of_key(key), 0, 0, use="start"),
        )
        version = TableVersion(table, key, size, size, key, parts=parts)
        assert not list(part_faults(version))
        self.whole[key] = self.of(version)
        return version


@dataclass
class Authors:
    """The Source's ``load`` appends a row in each run, or has another engine write all of them. The
    Sink's ``add`` reads what is new of it, and appends some of the rows to each of its tables;
    everything it writes anew.
    """

    world: World
    rows: Rows = field(default_factory=Rows)

    def work(self, one: Attempted, found: PondState) -> Work | None:
        line, number, ripple, attempt = one
        run = found.runs.get(number)
        if ripple not in {"load", "add"}:
            return None
        if run is None or number not in self.world.states[line].runs:
            return Work(
                {}
            )  # it was killed: nothing comes of it, and what it had found may be swept
        tables = visible_tables(found, run)
        if ripple == "load":
            row = Counter([f"{number}/{attempt}"])
            write = self.rows.adopted if number % 5 == 0 else self.rows.added
            return Work({"t": write(tables.get("t"), row, one, "t")})
        snapshot = self.world.snapshots.get((SOURCE, run.pins.get(SOURCE, 0)))
        if snapshot is None or "t" not in snapshot.tables:
            return Work({})
        source = snapshot.tables["t"]
        position = visible_positions(found, run, ripple).get(REF)
        news = news_after(source, position)
        parts = source.live if news is None else news
        rows = sum((self.rows.held[source.key_of(part)] for part in parts), Counter())
        written = {}
        for name in SINKS_TABLES:
            mine = Counter({row: n for row, n in rows.items() if _table_of(row) == name})
            there = None if news is None else tables.get(name)
            if mine or news is None:
                written[name] = self.rows.added(there, mine, one, name)
        return Work(written, {REF: position_of(source)})


YOUNG = timedelta(minutes=2)
"""Longer than any letter takes here. The sweep spares what is younger than a day."""


def sweep(world: World, rows: Rows) -> None:
    """Delete the objects that the sweep would delete, but much sooner."""
    states, named = world.states, set[str]()
    pins = pinned(states.values())
    for line, state in states.items():
        named |= set(tidy._named(state))
        read = pins.get(line, {}).keys()
        for (of, number), snapshot in world.snapshots.items():
            is_young = number >= state.snapshot or world.now - snapshot.f < YOUNG
            if of == line and (number in read or is_young):
                named |= objects_of(snapshot)
    for key in list(rows.held):
        if key not in named and not tidy._may_be_wanted(key, states):
            del rows.held[key]
            rows.swept.add(key)


def _table_of(row: str) -> str:
    return SINKS_TABLES[int(row.partition("/")[0]) % 2]


@dataclass
class Books:
    """Looks at each snapshot that the Sink publishes."""

    rows: Rows
    seen: int = 0

    def __call__(self, before: PondState, after: PondState) -> None:
        if after.line != SINK or after.snapshot == before.snapshot or not after.snapshot:
            return
        position = after.positions.get("add", {}).get(REF)
        if position is None:
            return  # the Source was removed since: the next run starts with everything
        self.seen += 1
        expected = self.rows.whole[position.key]
        published = sum(
            (self.rows.of(after.tables[name]) for name in SINKS_TABLES if name in after.tables),
            Counter(),
        )
        assert published == expected, (
            f"lost {expected - published}, too many {published - expected}"
        )


def _world(seed: int) -> tuple[World, Books, Fate]:
    pace = (0.2, 1, 2, 5, 9)
    world = world_of(weather(seed, dull=0.0, pace=pace), seed)
    authors, fate = Authors(world), Fate(seed, 0.2)
    laws, books = world.watch, Books(authors.rows)
    world.conditions = replace(
        world.conditions,
        works=authors.work,
        outcome=lambda one: fate(one) if one[2] != "load" or one[0] == SOURCE else None,
        skips=lambda _: False,
    )

    def watch(before: PondState, after: PondState) -> None:
        assert laws is not None
        laws(before, after)
        books(before, after)

    world.watch = watch
    return world, books, fate


def _something_happens(
    world: World, data: st.DataObject, releases: tuple[Release, Release], rows: Rows
) -> None:
    sink = releases[1]
    back = [
        key
        for key, snapshot in world.snapshots.items()
        if snapshot.run < world.states[key[0]].snapshot and not objects_of(snapshot) & rows.swept
    ]
    match data.draw(
        st.sampled_from(
            ["pulse"] * 8
            + ["sweep"] * 4
            + ["back"] * (3 if back else 0)
            + ["tap", "force", "wake", "kill", "deploy", "remove"]
        )
    ):
        case "sweep":
            sweep(world, rows)
        case "back":
            world.publish_again(*data.draw(st.sampled_from(back)))
            world.run_until(world.now + seconds(3))  # objects live longer than a letter takes
        case "deploy":
            version = f"1.{data.draw(st.integers(1, 3))}.0"
            world.deploy(replace(sink, version=version, artifact=f"artifacts/k/{version}"))
        case "remove":
            world.remove(data.draw(st.sampled_from([SOURCE, SINK])))
            world.run_until(world.now + seconds(1))
            world.deploy(*releases)
        case "kill":
            world.order(SINK, "kill")
            world.order(SINK, "wake")
        case "force" | "wake" as verb:
            world.order(data.draw(st.sampled_from([SOURCE, SINK])), verb)
        case kind:
            world.trigger(SINK, kind)
    world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 1, 2, 3, 8, 30, 300]))))


@looks(120)
@given(st.integers(0, 2**16), st.data())
def test_each_row_of_a_source_is_published_once_however_runs_overlap_and_fail(
    seed: int, data: st.DataObject
) -> None:
    world, books, fate = _world(seed)
    source = pond(SOURCE, ripples=chain_of("load", "check"), immediate_retries=1, source_retries=5)
    sink = pond(
        SINK, SOURCE, ripples=chain_of("add", "mid", "slow"), immediate_retries=1, source_retries=5
    )
    world.deploy(source, sink)
    world.run_until()
    for _ in range(data.draw(st.integers(6, 24))):
        _something_happens(world, data, (source, sink), books.rows)
    fate.healed = True
    for line in (SOURCE, SINK):
        world.order(line, "wake")
    world.run_until(world.now + timedelta(hours=3))
    world.trigger(SINK, "pulse")
    world.run_until(world.now + timedelta(hours=3))
    state, told = world.states[SINK], world.states[SOURCE]
    assert books.seen
    assert state.positions["add"][REF] == position_of(told.tables["t"])
    assert not state.runs
