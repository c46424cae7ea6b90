"""What a line says again after its Catchment was restored."""

from __future__ import annotations

from datetime import timedelta

from duckstring.engine.effects import AttachTo, SendPull, SendTarget, SetSchedule, TellSinks
from duckstring.engine.signals import PullReceived, Restored, SourceTold
from duckstring.engine.state import (
    UNHEARD,
    PondState,
    RippleState,
    SourceReport,
    SourceView,
)
from duckstring.engine.step import step
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.testing.simulator import START, pond, seconds

RAW, SALES, REPORTS = Line("raw@1"), Line("sales@1"), Line("reports@1")
NOW = START + timedelta(hours=1)
FRESH = START + timedelta(minutes=1)
HELD = PondState(
    SALES,
    revision=40,
    release=pond(SALES, RAW),
    start_f=FRESH,
    end_f=FRESH,
    snapshot=7,
    pull=NOW - seconds(5),
    targets=(NOW - seconds(3),),
    sources={RAW: SourceView(RAW, report=SourceReport(FRESH), taken=FRESH, heard=(90, 1))},
    sinks={REPORTS: (50, 2)},
    ripples={"run": RippleState("run", start_f=FRESH, end_f=FRESH)},
    alarm=NOW + seconds(60),
)


def test_a_line_registers_reports_and_asks_again():
    after = step(HELD, Restored(NOW), NOW)
    assert after.effects == (
        AttachTo(RAW),
        TellSinks(SourceReport(FRESH, NEVER, timedelta(0), 7)),
        SendPull(RAW, NOW - seconds(5), FRESH, waits=True),
        SendTarget(RAW, NOW - seconds(3)),
    )
    assert after.state.restored == NOW
    assert after.state.alarm is None


def test_it_says_so_once():
    once = step(HELD, Restored(NOW), NOW).state
    assert step(once, Restored(NOW), NOW) == (once, ())
    assert step(once, Restored(NOW - seconds(1)), NOW) == (once, ())


def test_an_instant_in_the_future_is_not_believed():
    assert step(HELD, Restored(NOW + timedelta(minutes=2)), NOW) == (HELD, ())


def test_what_others_say_counts_although_they_said_more_before_the_restore():
    after = step(HELD, Restored(NOW), NOW).state
    assert after.sources[RAW].heard == after.sinks[REPORTS] == UNHEARD
    told = step(after, SourceTold(RAW, SourceReport(NOW, NOW), (3, 0)), NOW).state
    assert told.sources[RAW].report.end_f == NOW
    asked = step(
        replace(after, pull=None), PullReceived(REPORTS, NOW, FRESH, (2, 0), waits=True), NOW
    ).state
    assert asked.pull is not None


def test_a_line_that_may_not_ask_is_silent_to_its_sources():
    killed = replace(HELD, health="killed", pull=None, targets=())
    effects = step(killed, Restored(NOW), NOW).effects
    assert [type(one) for one in effects] == [AttachTo, TellSinks]


def test_an_inlets_windows_are_scheduled_again():
    window = Window("daily", START, timedelta(days=1), timedelta(hours=2))
    inlet = replace(
        HELD, release=pond(SALES), sources={}, sinks={}, windows={"daily": window}, alarm=NOW
    )
    effects = step(inlet, Restored(NOW), NOW).effects
    assert effects[0] == SetSchedule(window)
