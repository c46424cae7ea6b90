"""What no history of the simulator comes to by itself: limits, and letters that come late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.engine.effects import Announce, CallOnKill, RecordRun, SetSchedule, StopRun
from duckstring.engine.signals import (
    AlarmRang,
    ComputePinned,
    Ordered,
    SinkAttached,
    SinkDetached,
    TargetReceived,
    WindowAdded,
)
from duckstring.engine.state import Attempt, PondState
from duckstring.engine.step import step, steps
from duckstring.model.compute import Pin
from duckstring.model.failures import Failure
from duckstring.model.limits import MOST_PINS, MOST_SINKS
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import MOST_WINDOWS, Window
from duckstring.testing.simulator import START, chain_of, pond, seconds
from tests.unit.engine.test_demand import A, B, deployed

SINK = Line("late@1")


def test_the_pins_of_a_line_are_limited_and_one_that_is_there_may_change() -> None:
    pins = {f"r{number}": Pin("lambda") for number in range(MOST_PINS)}
    held = PondState(A, release=pond(A), compute=pins)
    more = step(held, ComputePinned("another", "task", 8192), START)
    assert more.state.compute == pins
    changed = step(held, ComputePinned("r0", "task", 8192), START).state.compute
    assert changed == {**pins, "r0": Pin("task", 8192)}


def test_a_sink_that_detaches_twice_or_late_changes_nothing() -> None:
    attached = step(PondState(A), SinkAttached(SINK, (3, 0)), START).state
    assert step(attached, SinkDetached(SINK, (2, 0)), START).state == attached
    gone = step(attached, SinkDetached(SINK, (4, 0)), START).state
    assert gone.sinks == {}


def test_a_line_takes_no_more_sinks_than_it_can_keep() -> None:
    sinks = {Line(f"s{number}@1"): (1, 0) for number in range(MOST_SINKS)}
    full = PondState(A, sinks=sinks)
    assert step(full, SinkAttached(SINK, (1, 0)), START).state.sinks == sinks


def test_sinks_whose_letters_come_together_are_both_known_and_the_old_state_stays() -> None:
    known, new = Line("known@1"), Line("new@1")
    before = PondState(A, release=pond(A), sinks={SINK: (1, 0)})
    letters = (TargetReceived(known, START, (2, 0)), TargetReceived(new, START, (5, 1)))
    after = steps(before, letters, START).state
    assert after.sinks == {SINK: (1, 0), known: (2, 0), new: (5, 1)}
    assert before.sinks == {SINK: (1, 0)}


@pytest.mark.parametrize(("early", "is_left"), [(0, False), (2, False), (3, True)])
def test_an_alarm_counts_unless_it_rings_so_early_that_another_one_was_meant(
    early: int, *, is_left: bool
) -> None:
    alarm = START + seconds(60)
    before = PondState(A, release=pond(A), alarm=alarm)
    after = step(before, AlarmRang(), alarm - seconds(early)).state
    assert after.alarm == (alarm if is_left else None)


def test_a_line_takes_no_more_windows_than_each_step_can_look_at() -> None:
    day, minute = seconds(86_400), seconds(60)
    rules = [
        Window(f"w{number}", START + number * minute, day, minute)
        for number in range(MOST_WINDOWS + 1)
    ]
    full = steps(PondState(A, release=pond(A)), map(WindowAdded, rules), START).state
    assert list(full.windows.values()) == rules[:-1]
    again = step(full, WindowAdded(rules[0]), START)
    assert again.state.windows == full.windows
    assert again.effects == (SetSchedule(rules[0]),), "it repairs the schedule of its own rule"


def test_a_line_that_was_killed_is_not_killed_again() -> None:
    killed = step(PondState(A, release=pond(A)), Ordered("kill", START), START)
    assert [effect.event for effect in killed.effects if isinstance(effect, Announce)] == ["killed"]
    assert step(killed.state, Ordered("kill", START), START) == (killed.state, ())


def test_a_kill_stops_a_run_that_has_failed_and_does_not_record_it_again() -> None:
    world = deployed(pond(B, ripples=chain_of("x", "y")), durations={f"{B}.x": 50})
    world.trigger(B, "pulse")
    world.run_until(START + seconds(5))
    state = world.states[B]
    (number, run), x = next(iter(state.runs.items())), state.ripples["x"]
    assert x.attempt is not None
    failed = replace(run, failure=Failure("y", 1, "ValueError", "no"))
    never_begun = replace(x, attempt=Attempt(number, 1, START))
    held = replace(
        state,
        runs={number: failed},
        ripples={**state.ripples, "x": never_begun},
        health="failed",
        failure=failed.failure,
    )
    killed = step(held, Ordered("kill", START), START + timedelta(seconds=6))
    kinds = [type(effect) for effect in killed.effects]
    assert StopRun in kinds
    assert RecordRun not in kinds
    assert CallOnKill not in kinds
