"""Worked examples of the delay before a Ripple is tried again in the same run, and of errors after
which it is not.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.engine.delays import delay_before
from duckstring.engine.effects import AnswerGate, SetAlarm
from duckstring.engine.signals import (
    AlarmRang,
    Deployed,
    ExecutionEnded,
    GateReached,
    Triggered,
)
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.model.catalog import Release, RippleSpec
from duckstring.model.failures import Failure
from duckstring.model.instants import ZERO
from duckstring.model.values import replace
from duckstring.testing.simulator import START, Attempted, World, chain_of, pond, seconds
from tests.unit.engine.test_demand import A, counts, deployed
from tests.unit.engine.test_faults import fails

MOMENT = timedelta(microseconds=1)
"""The epoch of the simulator's first trigger."""


def delaying(release: Release, delay: int = 30, **more: object) -> Release:
    """Each Ripple waits before it is tried again."""
    specs = (replace(spec, retry_delay_seconds=delay, **more) for spec in release.ripples)
    return replace(release, ripples=tuple(specs))


def started(world: World) -> list[tuple[str, int, float]]:
    """Ripple, attempt, and the seconds since the beginning."""
    return [(a[2], a[3], round((at - START).total_seconds(), 3)) for a, at in world.attempts]


def failing(release: Release, *which: tuple[str, int], final: bool = False) -> World:
    outcome = fails(*which)

    def ended(attempted: Attempted) -> Failure | None:
        failure = outcome(attempted)
        return replace(failure, final=final) if failure else None

    return deployed(release, outcome=ended)


def waiting(after: float = 5, **more: object) -> World:
    """A world in which the second attempt of a run waits, so many seconds after the trigger."""
    world = failing(delaying(pond(A, immediate_retries=3), **more), (A, 1))
    world.trigger(A, "pulse")
    world.run_until(START + seconds(after))
    assert [one[:2] for one in started(world)] == [("run", 1)]
    return world


@pytest.mark.parametrize(
    ("delay", "tried", "waits"),
    [
        (30, 1, 30),
        (30, 2, 60),
        (30, 3, 120),
        (30, 7, 1_920),
        (30, 8, 3_600),
        (1, 1_000, 3_600),
        (3_600, 1, 3_600),
        (3_600, 2, 3_600),
    ],
)
def test_a_delay_is_doubled_with_each_try_up_to_an_hour(delay, tried, waits):
    spec = RippleSpec("run", retry_delay_seconds=delay)
    assert delay_before(spec, tried=tried) == seconds(waits)


def test_what_names_no_delay_waits_for_none():
    assert delay_before(RippleSpec("run"), tried=3) == ZERO
    assert delay_before(None, tried=1) == ZERO


def test_a_ripple_is_tried_again_when_its_delay_is_over_and_no_worker_waits_for_that():
    ripples = chain_of("x", "y")
    world = failing(delaying(pond(A, ripples=ripples, immediate_retries=3)), (f"{A}.y", 3))
    world.trigger(A, "pulse")
    world.run_until()
    assert started(world) == [("x", 1, 0), ("y", 1, 1), ("y", 2, 32), ("y", 3, 93), ("y", 4, 214)]
    assert counts(world, "success") == {A: 1}
    assert world.sent["AlarmRang"] == 3, "one alarm for each delay, and no more"


def test_the_attempt_that_waits_says_until_when_and_its_branch_waits_at_the_gate():
    world = waiting()
    attempt = world.states[A].ripples["run"].attempt
    assert (attempt.number, attempt.tried, attempt.dispatched, attempt.delayed) == (
        2,
        2,
        False,
        True,
    )
    assert attempt.since == START + seconds(31) + MOMENT
    assert world.states[A].alarm == attempt.since
    assert len(world.waiting()) == 1
    world.run_until()
    assert started(world) == [("run", 1, 0), ("run", 2, 31)]


def test_an_attempt_that_is_lost_is_made_again_at_once():
    world = deployed(
        delaying(pond(A, immediate_retries=1)), outcome=fails((A, 1)), ends=lambda _, _mib: "lost"
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert started(world) == [("run", 1, 0), ("run", 2, 1)]


def test_an_attempt_that_is_lost_after_its_delay_does_not_wait_once_more():
    ends = {1: "failed", 2: "lost"}
    world = deployed(
        delaying(pond(A, immediate_retries=1)),
        outcome=fails((A, 2)),
        ends=lambda attempted, _mib: ends[attempted[3]],
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert started(world) == [("run", 1, 0), ("run", 2, 31), ("run", 3, 32)]


def test_an_alarm_that_rings_early_is_set_again():
    world = waiting(6)
    state = world.states[A]
    early = step(state, AlarmRang(), START + seconds(30))
    assert [type(effect) for effect in early.effects] == [SetAlarm]
    assert early.effects[0].at == START + seconds(31) + MOMENT
    assert not early.state.ripples["run"].attempt.dispatched


def test_delays_of_two_ripples_ring_each_at_its_time():
    two = pond(A, ripples=(("x", ()), ("y", ())), immediate_retries=2)
    specs = tuple(
        replace(spec, retry_delay_seconds={"x": 40, "y": 20}[spec.name]) for spec in two.ripples
    )
    world = failing(replace(two, ripples=specs), (f"{A}.x", 1), (f"{A}.y", 1))
    world.trigger(A, "pulse")
    world.run_until()
    assert started(world) == [("x", 1, 0), ("y", 1, 0), ("y", 2, 21), ("x", 2, 41)]


@pytest.mark.parametrize("verb", ["sleep", "clear"])
def test_a_run_that_waits_is_in_flight_so_sleep_and_clear_leave_it(verb):
    world = waiting()
    world.order(A, verb)
    world.run_until()
    assert started(world) == [("run", 1, 0), ("run", 2, 31)]
    assert counts(world, "success") == {A: 1}


def test_a_kill_ends_the_wait_and_calls_no_on_kill_for_a_try_that_has_not_begun():
    world = waiting(on_kill=True)
    world.order(A, "kill")
    world.run_until()
    assert started(world) == [("run", 1, 0)]
    assert (world.kill_calls, world.rows, world.waiting()) == ([], [], [])
    assert counts(world, "killed") == {A: 1}


def test_a_kill_of_an_attempt_at_work_after_its_delay_calls_on_kill():
    world = waiting(on_kill=True)
    world.run_until(START + seconds(31.5))
    world.order(A, "kill")
    world.run_until()
    assert [(call.attempt, call.tried) for _, call in world.kill_calls] == [(2, 2)]


def test_an_execution_that_is_lost_meanwhile_is_launched_again_and_the_delay_stays():
    world = waiting()
    world.lose_executions()
    world.run_until()
    assert started(world) == [("run", 1, 0), ("run", 2, 31)]
    assert counts(world, "success") == {A: 1}


def test_a_deploy_waits_for_the_run_that_waits():
    world = waiting()
    world.deploy(pond(A, version="1.1.0"))
    world.run_until(START + seconds(20))
    assert world.states[A].release.version == "1.0.0"
    world.run_until()
    assert world.states[A].release.version == "1.1.0"
    assert counts(world, "success") == {A: 1}


def test_a_restored_line_sets_its_alarm_again():
    world = waiting()
    world.restore()
    world.run_until()
    assert [one[:2] for one in started(world)] == [("run", 1), ("run", 2)]
    assert counts(world, "success") == {A: 1}


def test_another_ripples_failure_ends_the_wait_with_the_run():
    two = pond(A, ripples=(("x", ()), ("y", ())), immediate_retries=1)
    world = deployed(
        delaying(two),
        outcome=fails((f"{A}.x", 1), (f"{A}.y", 1)),
        durations={f"{A}.x": 1, f"{A}.y": 4},
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert [one[:2] for one in started(world)] == [("x", 1), ("y", 1)]
    assert counts(world, "failed") == {A: 1}
    assert world.states[A].runs == {}
    assert world.waiting() == []


def test_an_error_that_is_final_fails_the_run_and_spends_none_of_its_budget():
    world = failing(delaying(pond(A, immediate_retries=3)), (A, 1), final=True)
    world.trigger(A, "pulse")
    world.run_until()
    assert started(world) == [("run", 1, 0)]
    (row,) = world.runs(A, "failed")
    assert row.failure == Failure("run", 1, "ValueError", f"no luck in {A}", final=True)
    assert world.states[A].failure.final


def test_a_final_error_leaves_the_tries_of_new_runs():
    world = deployed(
        pond(A, immediate_retries=3, source_retries=1),
        outcome=lambda one: (
            Failure("run", 1, "ValueError", "no", final=True) if one[1] == 1 else None
        ),
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert [a[:2] + a[3:] for a, _ in world.attempts] == [(A, 1, 1), (A, 2, 1)]
    assert counts(world, "success") == {A: 1}


def test_a_delay_that_is_over_while_its_branch_has_no_place_hides_no_other_one():
    specs = tuple(
        RippleSpec(name, retry_delay_seconds=delay) for name, delay in (("one", 10), ("two", 60))
    )
    state = PondState(A)
    failed = [
        GateReached(1, 1, spec.name, 1, "failed", Failure(spec.name, 1, "ValueError", "no"))
        for spec in specs
    ]
    for signal in (
        Deployed(replace(pond(A, immediate_retries=9), ripples=specs)),
        Triggered("pulse", START),
        *failed,
        ExecutionEnded(1, 1, "ABORTED"),
        GateReached(1, 2, "two"),
    ):
        state, _ = step(state, signal, START)
    after = step(state, AlarmRang(), START + seconds(10))
    assert after.effects == (SetAlarm(START + seconds(60)),)
    later = step(after.state, AlarmRang(), START + seconds(60))
    assert AnswerGate(1, 2, "two", "lambda", 2) in later.effects
