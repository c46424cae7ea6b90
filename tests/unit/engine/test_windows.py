"""Worked examples of Windows: docs/engine.md, "Windows", followed through the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duckstring.engine.effects import DropSchedule, SetAlarm, SetSchedule
from duckstring.engine.signals import AlarmRang, WindowAdded, WindowOpened, WindowRemoved
from duckstring.engine.step import step
from duckstring.model.instants import ZERO, Instant
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.testing.simulator import START, World, chain_of, pond, seconds
from tests.unit.engine.test_demand import CHAIN, A, B, C, counts, deployed
from tests.unit.engine.test_faults import fails

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = Window("nightly", START + 2 * HOUR, DAY, 3 * HOUR)


def at(hours: float) -> Instant:
    return START + hours * HOUR


def windowed(*windows: Window, chain: tuple = CHAIN, **words: object) -> World:
    world = deployed(*chain, **words)
    for window in windows:
        world.post("api", A, WindowAdded(window))
    world.run_until(world.now)
    return world


def test_demand_waits_for_the_opening_and_its_freshness_is_the_windows_end() -> None:
    world = windowed(NIGHTLY)
    world.trigger(C, "pulse")
    world.run_until(at(1.9))
    assert counts(world) == {A: 0, B: 0, C: 0}
    world.run_until()
    assert [world.states[line].end_f for line in (A, B, C)] == [at(5)] * 3
    assert [world.states[line].delay for line in (A, B, C)] == [3 * HOUR] * 3
    assert at(2) <= world.runs(A)[0].started <= at(2) + seconds(1)


def test_a_wave_under_a_daily_window_runs_the_lineage_once_a_day() -> None:
    world = windowed(NIGHTLY)
    world.trigger(C, "wave")
    world.run_until(at(24 * 5))
    assert counts(world) == {A: 5, B: 5, C: 5}
    assert [run.f for run in world.runs(C)] == [at(5 + 24 * n) for n in range(5)]


def test_a_second_pulse_within_an_occurrence_is_satisfied_by_its_run() -> None:
    world = windowed(NIGHTLY)
    world.run_until(at(2.5))
    world.trigger(C, "pulse")
    world.run_until(at(3))
    world.trigger(C, "pulse")
    world.trigger(A, "pulse")
    world.run_until()
    assert counts(world) == {A: 1, B: 1, C: 1}
    assert world.at_rest()


def test_a_tap_within_a_used_occurrence_waits_for_the_next() -> None:
    world = windowed(NIGHTLY)
    world.run_until(at(2.5))
    world.trigger(A, "tap")
    world.run_until(at(3))
    world.trigger(A, "tap")
    world.run_until(at(25))
    assert counts(world)[A] == 1
    world.run_until()
    assert [run.f for run in world.runs(A)] == [at(5), at(29)]


def test_a_tide_counts_staleness_from_the_opening_and_never_stacks() -> None:
    world = windowed(NIGHTLY)
    world.trigger(C, "tide", bound=DAY)
    world.run_until(at(24 * 4))
    assert counts(world) == {A: 4, B: 4, C: 4}
    world.trigger(C, "tide", bound=HOUR)
    world.run_until(at(24 * 6 + 1))
    assert counts(world) == {A: 6, B: 6, C: 6}
    assert len(world.states[C].targets) <= 1


def test_weekdays_and_until_leave_openings_out() -> None:
    window = Window(
        "some", START, HOUR, HOUR, on=frozenset({"TUE", "THU"}), until=START + 9 * DAY
    )  # START is a Tuesday
    world = windowed(window)
    world.trigger(A, "wave")
    world.run_until()
    assert {run.f.strftime("%a") for run in world.runs(A) if run.f.hour} == {"Tue", "Thu"}
    assert len(world.runs(A)) == 24 * 3
    assert not world.at_rest(), "the Wave still waits, for an opening that never comes"


def test_the_ticks_of_the_clock_are_only_wake_ups() -> None:
    world = windowed(NIGHTLY)
    world.trigger(A, "wave")
    for hours in (0.5, 1.9, 2.1, 2.2, 6, 6):
        world.run_until(at(hours))
        world.post("clock", A, WindowOpened("nightly"))
        world.run_until(world.now)
    assert [run.f for run in world.runs(A)] == [at(5)]


def test_an_alarm_that_rings_too_early_is_set_again() -> None:
    state = windowed(NIGHTLY).states[A]
    waiting = step(state, WindowOpened("nightly"), at(0)).state
    assert waiting.alarm is None, "nothing is wanted"
    world = windowed(NIGHTLY)
    world.trigger(A, "pulse")
    world.run_until(at(1))
    early = step(world.states[A], AlarmRang(), at(2) - seconds(1.5))
    assert early.effects == (SetAlarm(at(2)),)


def test_a_failed_inlet_is_tried_again_while_its_window_is_open_and_else_at_the_next_opening() -> (
    None
):
    a = pond(A, source_retries=2)
    world = windowed(
        NIGHTLY, chain=(a, *CHAIN[1:]), outcome=fails((f"{A}.run", 1), (f"{A}.run", 2))
    )
    world.trigger(C, "wave")
    world.run_until(at(4))
    runs = world.runs(A)
    assert [run.status for run in runs] == ["failed", "failed", "success"]
    assert runs[1].started - runs[0].started >= seconds(60)
    assert at(5) < world.states[C].end_f < at(5) + seconds(0.1)
    late = windowed(
        Window("short", at(2), DAY, seconds(30)),
        chain=(a, *CHAIN[1:]),
        outcome=fails((f"{A}.run", 1)),
    )
    late.trigger(C, "wave")
    late.run_until(at(27))
    assert [run.started.day for run in late.runs(A)] == [1, 2]


@pytest.mark.parametrize("kind", ["pulse", "tap", "wave"])
def test_an_inlet_that_is_down_for_good_is_not_woken_at_each_opening(kind: str) -> None:
    """Nothing can begin there before somebody clears it: an alarm would be a call of the
    function for nothing, each time.
    """
    world = windowed(
        Window("often", at(2), HOUR, seconds(600)),
        chain=(pond(A), *CHAIN[1:]),
        outcome=fails((f"{A}.run", 1)),
    )
    world.trigger(C, "pulse")
    world.run_until(at(2) + seconds(900))
    assert world.states[A].health == "failed"
    world.trigger(C, kind)
    before = len(world.log)
    world.run_until(at(20))
    assert not [
        signal for to, signal, _ in world.log[before:] if to == A and isinstance(signal, AlarmRang)
    ]
    world.order(A, "clear")
    world.run_until(at(22))
    assert world.states[C].end_f > at(20)


def test_overlapping_rules_or_namesakes_do_nothing_and_the_same_rule_repairs_its_schedule() -> None:
    world = windowed(NIGHTLY)
    for other in (Window("nightly", at(10), DAY, HOUR), Window("late", at(4), DAY, HOUR), NIGHTLY):
        world.post("api", A, WindowAdded(other))
    world.run_until(world.now)
    assert dict(world.states[A].windows) == {"nightly": NIGHTLY}
    assert world.schedules == [(A, SetSchedule(NIGHTLY))] * 2


def test_without_its_rule_the_inlet_runs_whenever_it_is_asked() -> None:
    world = windowed(NIGHTLY)
    world.trigger(C, "pulse")
    world.run_until(at(1))
    world.post("api", A, WindowRemoved("nightly"))
    world.run_until()
    assert world.schedules[-1] == (A, DropSchedule("nightly"))
    assert counts(world) == {A: 1, B: 1, C: 1}
    assert world.states[A].delay == timedelta()
    assert world.runs(C)[0].finished < at(1.1)


def test_a_pond_with_sources_has_no_use_for_windows() -> None:
    world = deployed(*CHAIN)
    world.post("api", B, WindowAdded(NIGHTLY))
    world.trigger(C, "pulse")
    world.run_until()
    assert counts(world) == {A: 1, B: 1, C: 1}


def test_two_inlets_under_windows_join_at_the_older_end_and_its_delay() -> None:
    world = deployed(pond(A), pond(B), pond(C, A, B, ripples=chain_of("x")))
    world.post("api", A, WindowAdded(Window("a", at(1), DAY, 2 * HOUR)))
    world.post("api", B, WindowAdded(Window("b", at(2), DAY, 6 * HOUR)))
    world.trigger(C, "wave")
    world.run_until(at(20))
    assert world.states[C].end_f == at(3)
    assert world.states[C].delay == 2 * HOUR


def test_a_wave_under_a_cron_rule_runs_once_an_opening_over_a_change_of_clocks() -> None:
    spring = Window(
        "spring", START, ZERO, HOUR, tz="Europe/Berlin", cron="30 2 * MAR,APR SUN,MON"
    )  # START is in January
    world = windowed(spring)
    world.trigger(C, "wave")
    world.run_until(datetime(2030, 3, 29, tzinfo=UTC))
    before = len(world.runs(C))
    world.run_until(datetime(2030, 4, 2, tzinfo=UTC))
    sunday, monday = (run.f for run in world.runs(C)[before:])
    assert sunday == datetime(2030, 3, 31, 2, tzinfo=UTC), "02:30 was skipped: 03:00 to 04:00"
    assert monday == datetime(2030, 4, 1, 1, 30, tzinfo=UTC)
    assert [run.started - run.f for run in world.runs(A)[before:]] == [
        pytest.approx(-HOUR, abs=seconds(1))
    ] * 2


def test_demand_sets_its_alarm_at_the_opening_of_a_calendar_rule() -> None:
    monthly = Window("monthly", START, ZERO, ZERO, tz="Europe/Berlin", cron="0 6 1 * *")
    world = windowed(monthly)
    world.run_until(START + seconds(2))
    world.trigger(A, "tap")
    world.run_until(START + 2 * DAY)
    assert len(world.runs(A)) == 1
    world.trigger(A, "tap")
    world.run_until(START + 3 * DAY)
    assert len(world.runs(A)) == 1, "one run an opening"
    assert world.states[A].alarm == datetime(2030, 2, 1, 5, tzinfo=UTC)
    world.run_until()
    assert [run.f.month for run in world.runs(A)] == [2, 3]


def test_a_calendar_rule_that_meets_another_is_ignored_by_the_line() -> None:
    rule = Window("six", START, ZERO, HOUR, tz="Europe/Berlin", cron="0 6 * * *")
    world = windowed(
        rule, replace(rule, name="again"), replace(rule, name="seven", cron="0 7 * * *")
    )
    assert sorted(world.states[A].windows) == ["seven", "six"]
