"""Worked examples of earlier snapshots that are published again: docs/engine.md, "An earlier
snapshot".
"""

from __future__ import annotations

import pytest

from duckstring.engine.effects import PublishSnapshot, RecordRun
from duckstring.engine.signals import Republished
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.engine.tables import again
from duckstring.model.catalog import DroppedTable, Position
from duckstring.model.instants import NEVER
from duckstring.model.names import Line, table_key
from duckstring.model.values import replace
from duckstring.testing.simulator import World, chain_of, pond, seconds
from tests.unit.engine.test_demand import A, B, counts
from tests.unit.engine.test_tables import made, pulse, version

LINE = Line(A)


def three() -> World:
    """A has published a and b, then a, then a and c."""
    world = made({1: ("a", "b"), 2: ("a",), 3: ("a", "c")})
    return pulse(pulse(world))


def test_all_tables_go_back_together_under_a_new_number() -> None:
    world = three()
    before = world.states[A]
    world.publish_again(A, 1)
    world.run_until()
    after, first = world.states[A], world.snapshots[LINE, 1]
    assert (after.snapshot, after.runs_started, after.tables) == (4, 4, first.tables)
    assert (after.end_f, after.start_f, after.changed_f, after.snapshot_f) == (
        before.end_f,
        before.start_f,
        before.changed_f,
        before.snapshot_f,
    )
    assert after.held_f == first.f
    assert after.dropped == {"c": DroppedTable(4, "1.0.0", removed=True)}
    kept = world.snapshots[LINE, 4]
    assert (kept.f, kept.held_f, kept.tables) == (before.snapshot_f, first.f, first.tables)
    rows = [(row.run, row.status, row.f) for row in world.runs(A, "rollback")]
    assert rows == [(4, "rollback", before.end_f)]
    assert world.states[B].sources[LINE].report.snapshot == 4
    assert counts(world)[B] == 3, "no Sink runs for it"
    assert world.at_rest()


def test_the_next_run_is_made_and_its_sinks_see_a_change_even_if_nothing_is_new() -> None:
    """Its Source has nothing new, so that it would pass without it."""
    world = made({1: ("a",)}, prints=lambda *_: "same")
    pulse(world)
    passed = counts(world, "pass")[B]
    assert passed, "B passes where A has nothing new"
    world.order(B, "force")
    world.run_until()
    world.publish_again(B, 1)
    world.run_until()
    assert world.states[B].held_f == world.snapshots[Line(B), 1].f
    pulse(world)
    assert counts(world, "pass")[B] == passed
    assert world.states[B].held_f == NEVER
    world.publish_again(A, 1)
    pulse(world)
    assert counts(world, "pass")[B] == passed
    assert world.states[A].changed_f == world.states[A].end_f


def test_what_was_published_again_is_published_again() -> None:
    world = three()
    world.publish_again(A, 1)
    world.run_until()
    pulse(world)
    newest = world.states[A].snapshot
    world.publish_again(A, 4)
    world.run_until()
    state = world.states[A]
    assert (state.snapshot, state.held_f) == (newest + 1, world.snapshots[LINE, 1].f)
    assert state.tables == world.snapshots[LINE, 1].tables


def test_how_far_ripples_had_read_their_sources_goes_back_too_but_of_those_that_are_there() -> None:
    world = three()
    key = table_key(LINE, "a", run=1, ripple="load", attempt=1, invocation="x")
    held = {"load": {"s.a": Position(key, whole=True)}, "gone": {"s.a": Position(key)}}
    wanted = again(replace(world.snapshots[LINE, 1], positions=held), over=3)
    assert wanted is not None
    stepped = step(world.states[A], wanted, world.now)
    assert stepped.state.positions == {"load": held["load"]}
    (published,) = [one for one in stepped.effects if isinstance(one, PublishSnapshot)]
    assert published.positions == stepped.state.positions


def test_a_removed_table_comes_back_and_the_next_run_says_what_to_do_with_it() -> None:
    world = made({1: ("a", "b"), 2: ("a",)})
    world.deploy(pond(A, version="1.1.0", ripples=chain_of("load")))
    world.remove_table(A, "b")
    world.run_until()
    world.publish_again(A, 1)
    world.run_until()
    assert (set(world.states[A].tables), world.states[A].dropped) == ({"a", "b"}, {})
    pulse(world)
    failure = world.states[A].failure
    assert failure is not None
    assert failure.error == "ContractError"


@pytest.mark.parametrize("snapshot", [0, -1, 3, 4])
def test_what_is_published_or_was_never_is_not_published_again(snapshot: int) -> None:
    world = three()
    signal = Republished(snapshot, 3, world.now, world.states[A].tables)
    stepped = step(world.states[A], signal, world.now)
    assert stepped == (replace(world.states[A]), ())


def test_nothing_goes_back_under_a_run_in_flight_or_where_nothing_is_deployed() -> None:
    world = made({1: ("a",), 2: ("a", "b")}, durations={A: 10})
    pulse(world)
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(3))
    wanted = again(world.snapshots[LINE, 1], over=2)
    assert wanted is not None
    before = world.states[A]
    assert before.runs
    assert not _published(step(before, wanted, world.now).effects)
    assert not _published(step(PondState(LINE, snapshot=2), wanted, world.now).effects)


def test_a_failed_or_killed_line_goes_back_and_stays_down() -> None:
    world = three()
    world.order(A, "kill")
    world.run_until()
    world.publish_again(A, 1)
    world.run_until()
    assert (world.states[A].snapshot, world.states[A].health) == (4, "killed")


def test_what_a_line_published_before_it_was_removed_is_not_its_own_any_more() -> None:
    world = three()
    world.remove(A)
    world.run_until()
    world.deploy(version("1.0.0"))
    pulse(pulse(world))
    before = world.states[A]
    assert (before.former, before.snapshot) == (3, 5)
    world.publish_again(A, 3)
    world.run_until()
    assert world.states[A].snapshot == before.snapshot
    world.publish_again(A, 4)
    world.run_until()
    assert world.states[A].snapshot == before.snapshot + 1


def test_a_manifest_of_the_release_before_keeps_too_little() -> None:
    assert again(PublishSnapshot(1, NEVER), over=2) is None


def test_a_letter_that_comes_late_does_not_roll_back_what_was_published_meanwhile() -> None:
    world = three()
    wanted = again(world.snapshots[LINE, 1], over=3)
    assert wanted is not None
    pulse(world)
    assert not _published(step(world.states[A], wanted, world.now).effects)
    assert not _published(step(world.states[A], replace(wanted, over=1), world.now).effects)


def test_what_the_version_has_written_once_need_not_be_written_again() -> None:
    world = made({1: ("a", "b"), 2: ("a", "b"), 3: ("a",)})
    world.deploy(pond(A, version="1.1.0", ripples=chain_of("load")))
    pulse(pulse(world))
    world.publish_again(A, 1)
    world.run_until()
    pulse(world)
    assert (world.states[A].health, set(world.states[A].tables)) == ("ok", {"a", "b"})


def test_positions_of_a_source_that_was_removed_and_came_again_do_not_come_back() -> None:
    world = made({1: ("a",)})
    key = table_key(LINE, "a", run=1, ripple="load", attempt=1, invocation="x")
    newer = table_key(LINE, "a", run=9, ripple="load", attempt=1, invocation="x")
    held = {B: {"a.a": Position(key, whole=True), "a.b": Position(newer)}}
    pulse(world)
    world.order(B, "force")
    world.run_until()
    world.remove(A)
    world.run_until()
    world.deploy(pond(A))
    pulse(world)
    state = world.states[B]
    ripple = next(iter(state.ripples))
    kept = replace(world.snapshots[Line(B), 1], positions={ripple: held[B]})
    wanted = again(kept, over=state.snapshot)
    assert wanted is not None
    assert step(state, wanted, world.now).state.positions == {ripple: {"a.b": Position(newer)}}


def _published(effects: tuple[object, ...]) -> list[object]:
    return [one for one in effects if isinstance(one, PublishSnapshot | RecordRun)]
