"""Worked examples of whole tables: docs/engine.md, "Tables", followed through the simulator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pytest

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.signals import TableRemoved
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.engine.tables import MOST_DROPPED
from duckstring.model.catalog import DroppedTable, Release, TableVersion
from duckstring.model.instants import NEVER
from duckstring.model.names import Line, writer_of
from duckstring.model.values import replace
from duckstring.testing.simulator import Attempted, World, chain_of, pond, seconds
from tests.unit.engine.test_demand import A, B, counts, deployed

RUN1 = f"{A}/1"


def version(number: str, *ripples: str) -> Release:
    return pond(A, version=number, ripples=chain_of(*(ripples or ("load",))))


def by_run(table: Mapping[int, Collection[str]]) -> Callable[[Attempted], Collection[str]]:
    """What each run of A writes, the last entry from then on; the other lines write one table."""
    return lambda one: table[min(one[1], max(table))] if one[0] == A else (one[2],)


def made(
    runs: Mapping[int, Collection[str]],
    *,
    keeps: object = (),
    drops: object = (),
    durations: dict[str, float] | None = None,
    **words: object,
) -> World:
    """A at 1.0.0 with a Sink B, after its first run."""
    kept = keeps if callable(keeps) else lambda one, _: keeps if one[0] == A else ()
    dropped = drops if callable(drops) else lambda one: drops if one[0] == A and one[1] > 1 else ()
    world = deployed(
        version("1.0.0"),
        pond(B, A),
        writes=by_run(runs),
        keeps=kept,
        drops=dropped,
        durations=durations,
        **words,
    )
    return pulse(world)


def pulse(world: World) -> World:
    world.trigger(B, "pulse")
    world.run_until()
    return world


def renamed(*, keeps: object = (), drops: object = ()) -> World:
    """Version 1.0.0 wrote a and b; 1.1.0 writes b alone."""
    world = made({1: ("a", "b"), 2: ("b",)}, keeps=keeps, drops=drops)
    world.deploy(version("1.1.0"))
    return pulse(world)


def test_a_table_that_a_new_version_leaves_unwritten_fails_the_run_and_nothing_is_published() -> (
    None
):
    world = renamed()
    state, failed = world.states[A], world.runs(A, "failed")
    assert (state.snapshot, set(state.tables), state.end_f) == (1, {"a", "b"}, world.runs(A)[0].f)
    assert [run.run for run in failed] == [2]
    assert (state.health, state.failure) == ("failed", failed[0].failure)
    assert failed[0].failure is not None
    assert failed[0].failure.error == "ContractError"
    assert failed[0].failure.message == (
        "Version 1.1.0 no longer writes what this major version has published. Table 'a' (last "
        "written by run a@1/1 of version "
        "1.0.0, Ripple 'load'). Write it again; or carry it over on purpose: "
        'pond.keep_table("a"); or retire it: '
        'pond.drop_table("a") in a Ripple, or `duckstring pond remove a -m 1 --table a`. A new '
        "major version may leave it out."
    )
    assert [event.event for line, event in world.events if line == A][-2:] == ["failed", "contract"]
    assert counts(world, "success")[B] == 1
    assert world.states[B].blocked
    assert not state.runs
    assert not world.waiting()


def test_a_breach_is_tried_again_as_often_as_any_failed_run() -> None:
    world = made({1: ("a", "b"), 2: ("b",), 3: ("a", "b")})
    world.set_budgets(A, source=1)
    world.deploy(version("1.1.0"))
    pulse(world)
    world.run_until(world.now + seconds(120))
    assert [run.status for run in world.runs(A)] == ["success", "failed", "success"]
    assert world.states[A].health == "ok"
    assert counts(world, "success")[B] == 2


def test_a_table_whose_ripple_is_gone_or_has_another_name_is_a_breach() -> None:
    world = made({1: ("a", "b"), 2: ("b",)}, skips=lambda one: one[:2] == (A, 2))
    world.deploy(version("1.1.0", "ingest"))
    pulse(world)
    failure = world.states[A].failure
    assert failure is not None
    assert (
        "Tables 'a' (last written by run a@1/1 of version 1.0.0, Ripple 'load', which is gone); "
        "'b' (last written" in failure.message
    )


def test_within_a_version_a_table_that_is_written_now_and_then_is_carried_over() -> None:
    world = pulse(made({1: ("a", "b"), 2: ("b",)}))
    state, (first, second) = world.states[A], world.runs(A)
    assert (state.health, state.snapshot) == ("ok", 2)
    assert {
        name: (writer_of(one.key)[0], one.f, one.as_of) for name, one in state.tables.items()
    } == {
        "a": (1, first.f, first.f),
        "b": (2, second.f, second.f),
    }
    assert state.tables == world.snapshots[A, 2].tables
    assert state.snapshot_f == second.f


def test_the_same_package_again_and_the_way_back_to_it_carry_over() -> None:
    world = renamed()
    world.deploy(version("1.0.0"))
    pulse(world)
    assert (world.states[A].health, set(world.states[A].tables), world.states[A].snapshot) == (
        "ok",
        {"a", "b"},
        3,
    )
    world.deploy(version("1.0.0"))
    pulse(world)
    assert (world.states[A].health, world.states[A].snapshot) == ("ok", 4)


def test_other_contents_under_the_same_version_are_a_new_version() -> None:
    world = made({1: ("a", "b"), 2: ("b",)})
    world.deploy(replace(version("1.0.0"), artifact="artifacts/a/1.0.0/other.zip"))
    pulse(world)
    assert world.states[A].health == "failed"


def test_what_its_author_keeps_is_carried_over_by_later_runs_of_that_version_as_well() -> None:
    world = renamed(keeps=lambda one, _: ("a",) if one[:2] == (A, 2) else ())
    assert (world.states[A].health, set(world.states[A].tables)) == ("ok", {"a", "b"})
    pulse(world)
    state = world.states[A]
    assert (state.health, state.snapshot) == ("ok", 3)
    assert (state.tables["a"].f, state.tables["a"].version) == (world.runs(A)[0].f, "1.0.0")
    world.deploy(version("1.2.0"))
    pulse(world)
    assert world.states[A].health == "failed"


def test_a_ripple_that_skips_keeps_its_tables_until_it_runs() -> None:
    world = made({1: ("a", "b"), 3: ("b",)}, skips=lambda one: one[:2] == (A, 2))
    world.deploy(version("1.1.0"))
    pulse(world)
    state = world.states[A]
    assert (state.health, state.snapshot) == ("ok", 2)
    assert {one.as_of for one in state.tables.values()} == {state.end_f}
    assert {one.f for one in state.tables.values()} == {world.runs(A)[0].f}
    pulse(world)
    assert world.states[A].health == "failed"


def test_the_skip_of_another_ripple_keeps_nothing() -> None:
    runs = {1: {"load": ("a", "b"), "more": ("c",)}, 2: {"load": ("b",), "more": ()}}
    world = deployed(
        version("1.0.0", "load", "more"),
        writes=lambda one: runs[min(one[1], 2)][one[2]],
        keeps=lambda *_: (),
        skips=lambda one: one[1:3] == (2, "more"),
    )
    for number in ("1.0.0", "1.1.0"):
        world.deploy(version(number, "load", "more"))
        world.trigger(A, "pulse")
        world.run_until()
    failure = world.states[A].failure
    assert failure is not None
    assert "Table 'a' (" in failure.message
    assert "'c'" not in failure.message


def test_a_dropped_table_is_gone_and_its_readers_can_be_told_since_when() -> None:
    world = renamed(drops=("a",))
    state = world.states[A]
    assert (state.health, set(state.tables)) == ("ok", {"b"})
    assert state.dropped == world.snapshots[A, 2].dropped == {"a": DroppedTable(2, "1.1.0")}
    assert state.changed_f == state.end_f
    pulse(world)  # the call stays in the code: there is nothing to drop any more
    assert world.states[A].dropped == {"a": DroppedTable(2, "1.1.0")}


def test_dropping_is_a_change_where_all_else_is_as_it_was() -> None:
    world = made({1: ("a", "b"), 2: ("b",)}, drops=("a",), prints=lambda *_: "same")
    pulse(world)
    assert world.states[A].changed_f == world.states[A].end_f
    assert counts(world, "pass")[B] == 0


def test_a_table_that_is_written_again_is_no_longer_dropped() -> None:
    world = made(
        {1: ("a", "b"), 2: ("b",), 3: ("a", "b")},
        drops=lambda one: ("a",) if one[:2] == (A, 2) else (),
    )
    pulse(pulse(world))
    assert (set(world.states[A].tables), dict(world.states[A].dropped)) == ({"a", "b"}, {})


def test_what_a_run_writes_is_not_dropped_by_another_of_its_ripples() -> None:
    world = deployed(
        version("1.0.0", "load", "clean"),
        writes=lambda one: ("a",) if one[2] == "load" else ("b",),
        drops=lambda one: ("a",) if one[2] == "clean" else (),
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert set(world.states[A].tables) == {"a", "b"}


def test_the_memory_of_dropped_tables_is_bounded() -> None:
    names = [f"t{number:03d}" for number in range(MOST_DROPPED + 5)]
    world = made({1: (*names, "b"), 2: ("b",)}, drops=names)
    pulse(world)
    assert set(world.states[A].tables) == {"b"}
    assert len(world.states[A].dropped) == MOST_DROPPED


def test_an_operator_removes_a_table_at_once_where_nothing_runs() -> None:
    world = made({1: ("a", "b")})
    before = world.states[A]
    world.remove_table(A, "a")
    world.run_until()
    state = world.states[A]
    assert (set(state.tables), state.snapshot, state.runs_started) == ({"b"}, 2, 2)
    assert (state.end_f, state.changed_f, state.start_f) == (
        before.end_f,
        before.changed_f,
        before.start_f,
    )
    assert world.snapshots[A, 2] == PublishSnapshot(
        2,
        before.end_f,
        state.tables,
        {"a": DroppedTable(2, "1.0.0", removed=True)},
        positions={},
    )
    assert world.snapshots[A, 1].tables.keys() == {"a", "b"}, (
        "a run that pinned it goes on reading it"
    )
    assert world.states[B].sources[Line(A)].report.snapshot == 2
    assert [(row.run, row.status) for row in world.runs(A, "removal")] == [(2, "removal")]
    assert counts(world)[B] == 1, "no Sink runs for it"
    assert world.at_rest()


def test_after_a_removal_the_next_freshness_counts_as_changed() -> None:
    world = made({1: ("a", "b")}, prints=lambda *_: "same")
    world.remove_table(A, "b")
    world.run_until()
    world.deploy(pond(A, version="1.1.0", ripples=chain_of("load")))
    world.conditions = replace(
        world.conditions, writes=lambda one: ("a",) if one[0] == A else (one[2],)
    )
    pulse(world)
    assert world.states[A].changed_f == world.states[A].end_f
    assert counts(world, "pass")[B] == 0


def test_a_removal_waits_for_the_runs_in_flight_and_goes_with_the_first_that_publishes() -> None:
    world = made({1: ("a", "b"), 2: ("b",)}, durations={A: 10})
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(1))
    world.remove_table(A, "a")
    world.run_until(world.now + seconds(1))
    assert (set(world.states[A].tables), set(world.states[A].removing)) == ({"a", "b"}, {"a"})
    world.run_until()
    state = world.states[A]
    assert (set(state.tables), state.snapshot, state.removing) == ({"b"}, 2, frozenset())
    assert state.dropped == {"a": DroppedTable(2, "1.0.0", removed=True)}
    assert not world.runs(A, "removal")


def test_what_a_run_in_flight_has_written_is_published_though_it_was_removed_meanwhile() -> None:
    world = made({1: ("a", "b")}, durations={A: 10})
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(1))
    world.remove_table(A, "a")
    world.run_until()
    assert (set(world.states[A].tables), world.states[A].removing) == ({"a", "b"}, frozenset())


@pytest.mark.parametrize("verb", ["kill", "fail"])
def test_a_removal_that_waits_is_done_when_the_run_comes_to_nothing(verb: str) -> None:
    world = made({1: ("a", "b"), 2: ()}, durations={A: 10})
    world.deploy(version("1.1.0"))
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(1))
    world.remove_table(A, "a")
    if verb == "kill":
        world.order(A, "kill")
    world.run_until()
    assert (
        set(world.states[A].tables),
        world.states[A].snapshot,
        world.states[A].health != "ok",
    ) == ({"b"}, 3, True)


def test_removing_the_table_is_a_way_out_of_a_breach() -> None:
    world = renamed()
    world.remove_table(A, "a")
    world.run_until()
    world.order(A, "wake")
    world.run_until()
    assert (world.states[A].health, set(world.states[A].tables)) == ("ok", {"b"})
    assert counts(world, "success")[B] == 2


def test_removing_what_is_not_there_does_nothing() -> None:
    world = made({1: ("a", "b")})
    before = world.states[A]
    world.remove_table(A, "nothing")
    world.remove_table("nobody@1", "a")
    world.run_until()
    assert replace(world.states[A], revision=before.revision) == before
    assert step(PondState(Line(A)), TableRemoved("a"), world.now).effects == ()


def old_state(world: World) -> World:
    """As a Catchment kept it before it knew which package a table is of."""
    state = world.states[A]
    tables = {
        name: TableVersion(one.table, one.key, one.rows, one.bytes, one.fingerprint)
        for name, one in state.tables.items()
    }
    world.states[Line(A)] = replace(state, tables=tables, snapshot_f=NEVER)
    return world


def test_tables_of_an_older_state_are_carried_over_by_their_package_and_owed_by_the_next() -> None:
    world = pulse(old_state(made({1: ("a", "b"), 2: ("b",)})))
    assert (world.states[A].health, world.states[A].snapshot) == ("ok", 2)
    old_state(world).deploy(version("1.1.0"))
    pulse(world)
    failure = world.states[A].failure
    assert failure is not None
    assert "Table 'a' (last written by run a@1/1, Ripple 'load')" in failure.message
