"""Worked examples of runs that overlap: docs/engine.md, "Runs that overlap"."""

from __future__ import annotations

from duckstring.engine.signals import RippleSucceeded, SourceTold
from duckstring.engine.state import PondState, Run, SourceReport
from duckstring.engine.step import step
from duckstring.engine.visible import (
    dropped_tables,
    found_runs,
    visible_positions,
    visible_tables,
)
from duckstring.model.catalog import DroppedTable, Position, TableVersion
from duckstring.model.failures import Failure
from duckstring.model.names import Line, table_key, writer_of
from duckstring.model.values import replace
from duckstring.testing.simulator import START, Attempted, Work, World, chain_of, pond, seconds
from tests.unit.engine.test_demand import A, B, deployed

TAKEN = f"{A.partition('@')[0]}.run"


def version(one: Attempted, table: str) -> TableVersion:
    line, run, ripple, attempt = one
    key = table_key(line, table, run=run, ripple=ripple, attempt=attempt, invocation="x")
    return TableVersion(table, key, 1, 1, key)


def position(number: int) -> Position:
    return Position(table_key(A, "run", run=number, ripple="run", attempt=1, invocation="x"))


class Overlap:
    """B's ``add`` is quick and ``slow`` is slow, so that runs overlap. ``writes`` says which tables
    ``add`` writes in which run, ``fails`` in which runs ``slow`` fails.
    """

    def __init__(self, writes: dict[int, tuple[str, ...]], fails: set[int], **more: float) -> None:
        self.writes, self.fails = writes, fails
        self.seen: dict[int, tuple[tuple[int, ...], object]] = {}
        self.world = deployed(
            pond(A),
            pond(B, A, ripples=chain_of("add", "slow"), source_retries=9),
            durations={f"{B}.slow": 6, f"{B}.add": 1, **more},
            works=self.work,
            outcome=self.outcome,
        )

    def work(self, one: Attempted, found: PondState) -> Work | None:
        line, number, ripple, _ = one
        if (line, ripple) != (B, "add"):
            return None
        run = found.runs[number]
        self.seen[number] = found_runs(found, run), visible_positions(found, run, "add")
        tables = {name: version(one, name) for name in self.writes.get(number, ())}
        return Work(tables, {TAKEN: position(number)} if tables else {})

    def outcome(self, one: Attempted) -> Failure | None:
        line, number, ripple, attempt = one
        if (line, ripple) == (B, "slow") and number in self.fails:
            return Failure("slow", attempt, "ValueError", "no luck")
        return None

    def play(self, *waits: float) -> World:
        for wait in waits:
            self.world.trigger(B, "pulse")
            self.world.run_until(self.world.now + seconds(wait))
        self.world.run_until(self.world.now + seconds(60))
        return self.world


def written(state: PondState) -> dict[str, int]:
    return {name: writer_of(one.key)[0] for name, one in state.tables.items() if name != "slow"}


def test_a_later_run_goes_on_from_a_table_and_a_position_of_a_run_that_fails_afterwards() -> None:
    overlap = Overlap({1: ("a", "b"), 2: ("a",)}, fails={1})
    state = overlap.play(3, 3).states[B]
    assert overlap.seen[2] == ((1,), {TAKEN: position(1)})
    assert state.snapshot == 2
    assert written(state) == {"a": 2, "b": 1}, "b is of the run that failed: run 2 had found it"
    assert state.positions == {"add": {TAKEN: position(2)}}


def test_what_nobody_had_built_on_when_its_run_failed_is_not_published() -> None:
    overlap = Overlap({1: ("a", "b"), 2: ("a",)}, fails={1})
    state = overlap.play(20, 20).states[B]
    assert overlap.seen[2] == ((), {})
    assert written(state) == {"a": 2}
    assert state.positions == {"add": {TAKEN: position(2)}}


def test_a_ripple_that_skipped_upon_a_run_that_fails_publishes_what_it_had_found() -> None:
    overlap = Overlap({1: ("a",), 2: ()}, fails={1})
    state = overlap.play(3, 3).states[B]
    assert (state.snapshot, written(state)) == (2, {"a": 1})
    assert state.positions == {"add": {TAKEN: position(1)}}


def test_an_attempt_that_is_at_work_when_the_run_fails_that_it_has_seen_goes_on_from_it() -> None:
    overlap = Overlap({1: ("a", "b"), 2: ("a",)}, fails={1}, **{f"{B}.add": 5})
    world = overlap.world
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(7.5))
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(5))
    state = world.states[B]
    assert state.health == "failed"
    assert state.runs[1].failure is not None
    assert state.runs[1].seen_by == {"add": 2}, "it stays in flight as long as that attempt"
    world.run_until(world.now + seconds(60))
    state = world.states[B]
    assert overlap.seen[2][0] == (1,)
    assert (written(state), dict(state.runs)) == ({"a": 2, "b": 1}, {})


def test_what_was_handed_on_is_handed_on_again_if_that_run_fails_too() -> None:
    overlap = Overlap({1: ("a", "b", "c"), 2: ("a", "b"), 3: ("a",)}, fails={1, 2})
    state = overlap.play(2, 2, 2).states[B]
    assert overlap.seen[3] == ((1, 2), {TAKEN: position(2)})
    assert written(state) == {"a": 3, "b": 2, "c": 1}
    assert state.positions == {"add": {TAKEN: position(3)}}


def test_a_table_that_the_newer_run_has_dropped_does_not_come_back() -> None:
    overlap = Overlap({1: ("a", "b"), 2: ("a",)}, fails={1})
    conditions = overlap.world.conditions
    overlap.world.conditions = replace(
        conditions, drops=lambda one: ("b",) if one[:3] == (B, 2, "add") else ()
    )
    assert written(overlap.play(3, 3).states[B]) == {"a": 2}


def test_a_run_sees_what_is_published_and_what_open_runs_up_to_its_own_have_written() -> None:
    def table(name: str, run: int) -> TableVersion:
        return version((B, run, "add", 1), name)

    def in_flight(number: int, *names: str, **more: object) -> Run:
        outputs = {name: table(name, number) for name in names}
        f = START + seconds(number)
        run = Run(number, f, START, seconds(0), "1.0.0", "a", "m", 0, START, outputs=outputs)
        return replace(run, **more)

    failure = Failure("slow", 1, "ValueError", "no luck")
    runs = [
        in_flight(2, "a", "b"),
        in_flight(3, "a", "c", failure=failure),
        in_flight(4, "d", dropped=frozenset({"b", "d", "e"})),
        in_flight(5, "a"),
    ]
    state = PondState(
        B,
        tables={name: table(name, 1) for name in ("a", "e", "z")},
        dropped={"old": DroppedTable(1, "0.9.0")},
        runs={run.number: run for run in runs},
    )

    def seen(number: int) -> dict[str, int]:
        tables = visible_tables(state, state.runs[number])
        return {name: writer_of(one.key)[0] for name, one in tables.items()}

    assert seen(2) == {"a": 2, "b": 2, "e": 1, "z": 1}
    assert seen(3) == {"a": 3, "b": 2, "c": 3, "e": 1, "z": 1}, "only a failed run sees its own"
    assert seen(4) == {"a": 2, "d": 4, "z": 1}
    assert dropped_tables(state, state.runs[2]) == state.dropped
    assert dropped_tables(state, state.runs[4]) == {
        **state.dropped,
        "b": DroppedTable(4, "1.0.0"),
        "e": DroppedTable(4, "1.0.0"),
    }
    assert found_runs(state, state.runs[5]) == (2, 4)


def test_positions_of_a_source_that_was_removed_are_forgotten() -> None:
    state = Overlap({1: ("a",)}, fails=set()).play(3).states[B]
    assert state.positions["add"]
    told = SourceTold(A, SourceReport(), (state.sources[A].heard[0] + 1, 0))
    assert step(state, told, state.end_f).state.positions == {}
    other = Line("other@1")
    kept = replace(
        state,
        sources={**state.sources, other: replace(state.sources[A], line=other)},
    )
    told = SourceTold(other, SourceReport(), (state.sources[A].heard[0] + 1, 0))
    assert step(kept, told, state.end_f).state.positions == state.positions


def test_positions_of_a_source_that_was_removed_while_a_run_read_it_are_not_published() -> None:
    overlap = Overlap({1: ("a",)}, fails=set())
    world = overlap.world
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(4))
    world.remove(A)
    world.run_until(world.now + seconds(60))
    state = world.states[B]
    assert (state.snapshot, written(state), state.positions) == (1, {"a": 1}, {})


def test_positions_of_a_ripple_that_is_gone_are_forgotten() -> None:
    world = Overlap({1: ("a",)}, fails=set()).play(3)
    world.deploy(
        pond(B, A, version="1.1.0", ripples=(*chain_of("add", "slow"), ("more", ("slow",))))
    )
    world.run_until()
    assert set(world.states[B].positions) == {"add"}
    world.deploy(pond(B, A, version="1.2.0", ripples=chain_of("other", "slow")))
    world.run_until()
    assert world.states[B].positions == {}


def test_a_report_of_an_attempt_that_does_not_count_takes_nothing() -> None:
    state = Overlap({1: ("a",)}, fails=set()).play(3).states[B]
    late = RippleSucceeded(1, "add", 1, positions={TAKEN: position(9)})
    assert step(state, late, state.end_f).state == state
