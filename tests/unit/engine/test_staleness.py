"""Worked examples of staleness: docs/engine.md, "Staleness", followed through the simulator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.engine.effects import Announce, SetAlarm
from duckstring.engine.signals import AlarmRang, Deployed, Removed, StaleBoundSet, Triggered
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound, of_tide
from duckstring.model.values import replace
from duckstring.testing.simulator import START, Attempted, World, pond, seconds
from tests.unit.engine.test_demand import CHAIN, A, B, C, deployed

HOUR = timedelta(hours=1)
TWO_HOURS = StaleBound(2 * HOUR)
NO_BOUND = StaleBound()


def second_run_of(line: str) -> Callable[[Attempted], Failure | None]:
    """It fails."""
    return lambda attempted: (
        Failure(attempted[2], attempted[3], "ValueError", "no rows")
        if attempted[:2] == (line, 2)
        else None
    )


def told(world: World, line: str = C) -> list[tuple[str, str]]:
    return [
        (event.event, event.previous)
        for of, event in world.events
        if of == line and event.event in {"stale", "fresh"}
    ]


def declared(bound: StaleBound | None, **words: object) -> World:
    """A chain that has run once, at its start."""
    world = deployed(*CHAIN, **words)
    world.trigger(C, "pulse")
    world.run_until(START + seconds(60))
    world.declare_stale(C, bound)
    world.run_until(world.now)
    return world


def test_data_that_passes_its_bound_is_announced_once_and_again_when_it_is_fresh() -> None:
    world = declared(TWO_HOURS)
    world.run_until(START + 2 * HOUR - seconds(1))
    assert told(world) == []
    world.run_until(START + 2 * HOUR + seconds(2))
    assert told(world) == [("stale", "ok")]
    world.run_until(START + 9 * HOUR)
    assert told(world) == [("stale", "ok")]
    world.trigger(C, "pulse")
    world.run_until(START + 10 * HOUR)
    assert told(world) == [("stale", "ok"), ("fresh", "stale")]
    world.run_until(START + 24 * HOUR)
    assert told(world) == [("stale", "ok"), ("fresh", "stale"), ("stale", "ok")]


def test_the_announcement_says_which_bound() -> None:
    world = declared(TWO_HOURS)
    world.run_until(START + 3 * HOUR)
    (event,) = [event for _, event in world.events if event.event == "stale"]
    assert event.reason == f"{C} has passed its bound: 2h"
    assert event.f == world.states[C].end_f
    assert world.states[C].watch.stale == world.states[C].end_f + 2 * HOUR


def test_a_failed_and_a_blocked_line_become_stale_too() -> None:
    world = declared(TWO_HOURS, outcome=second_run_of(B))
    world.declare_stale(B, TWO_HOURS)
    world.trigger(C, "pulse")
    world.run_until(START + 3 * HOUR)
    assert world.states[B].health == "failed"
    assert world.states[C].blocked
    assert told(world, B) == [("stale", "failed")]
    assert told(world, C) == [("stale", "ok")]


def test_a_line_that_runs_becomes_stale_too() -> None:
    world = declared(TWO_HOURS, durations={C: 5 * 3600})
    world.run_until(START + 6 * HOUR)
    world.trigger(C, "pulse")
    world.run_until(START + 9 * HOUR)
    assert world.states[C].runs
    assert told(world)[-1] == ("stale", "ok")


def test_a_line_that_never_ran_is_counted_from_when_its_bound_was_declared() -> None:
    world = deployed(*CHAIN)
    world.run_until(START + 5 * HOUR)
    world.declare_stale(C, TWO_HOURS)
    world.run_until(START + 7 * HOUR - seconds(1))
    assert told(world) == []
    world.run_until(START + 7 * HOUR + seconds(2))
    assert told(world) == [("stale", "ok")]


def test_old_data_is_stale_at_once_under_a_declared_bound_but_not_under_a_new_tide() -> None:
    world = declared(None)
    world.run_until(START + 9 * HOUR)
    world.trigger(C, "tide", bound=2 * HOUR)
    world.run_until(START + 9.5 * HOUR)
    assert told(world) == []
    world = declared(None)
    world.run_until(START + 9 * HOUR)
    world.declare_stale(C, TWO_HOURS)
    world.run_until(world.now)
    assert told(world) == [("stale", "ok")]


def test_a_tide_that_holds_its_bound_is_never_stale() -> None:
    world = deployed(*CHAIN)
    world.trigger(C, "tide", bound=HOUR)
    world.run_until(START + 30 * HOUR)
    assert told(world) == []


def test_a_tide_whose_line_is_blocked_becomes_stale() -> None:
    world = deployed(*CHAIN, outcome=second_run_of(A))
    world.trigger(C, "tide", bound=HOUR)
    world.run_until(START + 10 * HOUR)
    assert world.states[C].blocked
    assert told(world) == [("stale", "ok")]


@pytest.mark.parametrize(
    ("hours", "allowed"), [(0.1, 0.2), (1, 2), (2, 3), (4, 5), (24, 30), (168, 210)]
)
def test_a_tide_allows_the_time_that_its_lineage_takes(hours: float, allowed: float) -> None:
    assert of_tide(hours * HOUR) == StaleBound(allowed * HOUR)


def test_a_declared_bound_counts_in_place_of_the_tides() -> None:
    world = declared(StaleBound(10 * HOUR))
    world.trigger(C, "tide", bound=HOUR)
    world.order(A, "kill")
    world.run_until(START + 9.9 * HOUR)
    assert told(world) == []
    world.run_until(START + 10.1 * HOUR)
    assert told(world) == [("stale", "ok")]


def test_none_ends_the_episode_and_no_bound_at_all_takes_the_tides() -> None:
    world = declared(TWO_HOURS)
    world.run_until(START + 3 * HOUR)
    world.declare_stale(C, NO_BOUND)
    world.run_until(START + 30 * HOUR)
    assert told(world) == [("stale", "ok"), ("fresh", "stale")]
    assert world.states[C].watch is None
    world.declare_stale(C, None)
    world.trigger(C, "tide", bound=HOUR)
    world.run_until(START + 31 * HOUR)
    assert world.states[C].watch.bound == of_tide(HOUR)


def test_another_bound_under_which_it_is_stale_as_well_is_the_same_episode() -> None:
    world = declared(TWO_HOURS)
    world.run_until(START + 5 * HOUR)
    world.declare_stale(C, StaleBound(3 * HOUR))
    world.run_until(START + 6 * HOUR)
    assert told(world) == [("stale", "ok")]
    world.declare_stale(C, StaleBound(30 * HOUR))
    world.run_until(START + 7 * HOUR)
    assert told(world) == [("stale", "ok"), ("fresh", "stale")]


def test_removing_the_line_ends_the_episode_and_a_deploy_does_not() -> None:
    world = declared(TWO_HOURS)
    world.run_until(START + 3 * HOUR)
    world.deploy(replace(CHAIN[-1], version="1.0.1"))
    world.run_until(START + 4 * HOUR)
    assert told(world) == [("stale", "ok")]
    assert world.states[C].stale_bound == TWO_HOURS
    world.remove(C)
    world.run_until(START + 5 * HOUR)
    assert told(world) == [("stale", "ok"), ("fresh", "stale")]
    assert world.states[C].watch is None


def test_a_bound_of_a_line_that_is_not_deployed_yet_counts_from_its_deploy() -> None:
    line, now = Line("later@1"), START
    state = step(PondState(line), StaleBoundSet(TWO_HOURS), now).state
    assert state.watch is None
    after = step(state, Deployed(pond(line)), now + HOUR)
    assert after.state.watch.since == now + HOUR
    assert after.effects[-1] == SetAlarm(now + 3 * HOUR)


def test_an_alarm_that_rings_early_late_or_twice_changes_nothing() -> None:
    world = declared(TWO_HOURS)
    state, due = world.states[C], world.states[C].end_f + 2 * HOUR
    early = step(state, AlarmRang(), due - seconds(1))
    assert not [e for e in early.effects if isinstance(e, Announce)]
    assert isinstance(early.effects[-1], SetAlarm)
    late = step(early.state, AlarmRang(), due + 5 * HOUR)
    assert [e.event for e in late.effects if isinstance(e, Announce)] == ["stale"]
    again = step(late.state, AlarmRang(), due + 5 * HOUR)
    assert not again.effects
    assert again.state == late.state


def test_a_clock_demands_data_of_its_own_day() -> None:
    by_six = StaleBound(at="06:00", tz="Europe/Berlin")  # 05:00 in UTC
    world = deployed(*CHAIN)
    world.declare_stale(C, by_six)
    world.run_until(START + 4 * HOUR)
    world.trigger(C, "pulse")
    world.run_until(START + 24 * HOUR)
    assert told(world) == []
    world.run_until(START + 29 * HOUR - seconds(1))
    assert told(world) == []
    world.run_until(START + 29 * HOUR + seconds(2))
    assert told(world) == [("stale", "ok")]
    world.run_until(START + 80 * HOUR)
    assert told(world) == [("stale", "ok")]
    world.trigger(C, "pulse")
    world.run_until(START + 81 * HOUR)
    assert told(world) == [("stale", "ok"), ("fresh", "stale")]


def test_data_of_the_evening_before_is_not_of_the_day() -> None:
    world = deployed(*CHAIN)
    world.declare_stale(C, StaleBound(at="06:00", tz="Europe/Berlin"))
    world.run_until(START + 22.9 * HOUR)  # 23:54 in Berlin
    world.trigger(C, "pulse")
    world.run_until(START + 30 * HOUR)
    assert told(world)[-1] == ("stale", "ok")


def test_a_clock_on_weekdays_lets_the_weekend_pass() -> None:
    world = deployed(*CHAIN)  # START is a Tuesday
    world.declare_stale(C, StaleBound(at="06:00", on=frozenset({"WED", "FRI"})))
    world.trigger(C, "pulse")
    world.run_until(START + 29 * HOUR)
    assert told(world) == []
    world.run_until(START + 30 * HOUR + seconds(2))
    assert told(world) == [("stale", "ok")]


def test_a_clock_under_which_the_line_never_ran_counts_from_its_declaration() -> None:
    world = deployed(*CHAIN)
    world.run_until(START + 7 * HOUR)
    world.declare_stale(C, StaleBound(at="06:00"))
    world.run_until(START + 29 * HOUR)
    assert told(world) == []
    world.run_until(START + 31 * HOUR)
    assert told(world) == [("stale", "ok")]


def test_data_ahead_of_its_day_satisfies_the_deadlines_up_to_then() -> None:
    line, now = Line("ahead@1"), START + HOUR
    state = replace(PondState(line), release=pond(line), end_f=START + 49 * HOUR)
    after = step(state, StaleBoundSet(StaleBound(at="06:00")), now)
    assert after.effects == (SetAlarm(datetime(2030, 1, 4, 6, tzinfo=UTC)),)


def test_a_clock_that_this_release_cannot_read_is_never_due() -> None:
    line = Line("odd@1")
    state = replace(PondState(line), release=pond(line))
    after = step(state, StaleBoundSet(StaleBound(at="06:00", tz="Nowhere/City")), START)
    assert after.effects == ()
    assert after.state.watch.stale == NEVER


def test_removing_a_tide_removes_its_bound() -> None:
    line = Line("one@1")
    state = replace(PondState(line), release=pond(line), end_f=START, start_f=START)
    state = step(state, Triggered("tide", START, HOUR), START).state
    assert state.watch is not None
    assert step(state, Triggered("remove", START), START + HOUR).state.watch is None
    removed = step(state, Removed(START + HOUR), START + HOUR)
    assert removed.state.watch is None


def test_a_line_that_is_removed_while_it_is_down_is_no_longer_down() -> None:
    world = declared(TWO_HOURS)
    world.order(C, "kill")
    world.remove(C)
    world.run_until(world.now)
    (event,) = [event for of, event in world.events if of == C and event.event == "recovered"]
    assert (event.previous, event.reason) == ("killed", f"{C} was removed")
