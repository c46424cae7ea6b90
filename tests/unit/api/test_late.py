"""Whether a line will pass its bound, from what its lineage took before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api.late import takes, will_be_late
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound
from duckstring.testing.simulator import START, World, pond, seconds
from tests.unit.engine.test_demand import deployed

SALES, DELAYS, REPORTS = Line("sales@1"), Line("delays@1"), Line("reports@1")
CHAIN = (pond(SALES), pond(DELAYS, SALES), pond(REPORTS, DELAYS))
MINUTE = timedelta(minutes=1)


def row(began: Instant, minutes: float, status: str = "success") -> dict:
    finished = to_text(began + minutes * MINUTE) if minutes else None
    return {"started": to_text(began), "finished": finished, "status": status}


def history(*minutes: float) -> list[dict]:
    """One run an hour, the newest first, the last an hour ago."""
    return [row(START - (n + 1) * timedelta(hours=1), took) for n, took in enumerate(minutes)]


ROWS = {
    SALES: history(1, 1, 1, 1, 1, 1),
    DELAYS: history(4, 4, 4, 1, 1, 1, 1),
    REPORTS: history(1, 1, 1, 1),
}


def world(bound: timedelta = 8 * MINUTE) -> World:
    """Everything has run at the start, and is asked for again after four minutes."""
    made = deployed(*CHAIN, durations={DELAYS: 240, SALES: 60, REPORTS: 60})
    made.trigger(REPORTS, "pulse")
    made.run_until(START + 10 * MINUTE)
    made.declare_stale(REPORTS, StaleBound(bound))
    made.run_until(made.now)
    return made


def late(made: World) -> str:
    held = {line: state for line, state in made.states.items() if line != REPORTS}
    return will_be_late(made.states[REPORTS], held, lambda line: ROWS[line], made.now)


def test_a_line_that_waits_for_a_slow_source_says_when_it_will_be_late_and_because_of_whom():
    made = world(14 * MINUTE)
    made.trigger(REPORTS, "pulse")
    made.run_until(made.now + seconds(5))
    assert late(made) == (
        "It will pass its bound (14m) at 2030-01-01 00:14 UTC, because delays@1 takes 4m since "
        f"{DELAYS_SINCE}, and took 1m before: it is expected at 2030-01-01 00:16 UTC."
    )


DELAYS_SINCE = "2029-12-31 21:00 UTC"


def test_a_line_that_will_be_in_time_says_nothing():
    made = world(30 * MINUTE)
    made.trigger(REPORTS, "pulse")
    made.run_until(made.now + seconds(5))
    assert late(made) == ""


def test_a_line_that_runs_is_expected_when_its_run_has_taken_what_runs_take():
    made = world(15 * MINUTE)
    made.trigger(REPORTS, "pulse")
    made.run_until(START + 15 * MINUTE - seconds(1))
    assert late(made).startswith("It will pass its bound (15m) at 2030-01-01 00:15 UTC")


@pytest.mark.parametrize("what", ["at rest", "no bound", "stale", "blocked", "unknown"])
def test_nothing_is_said_where_nothing_is_known_or_asked_for(what, monkeypatch):
    made = world(StaleBound().within if what == "no bound" else 14 * MINUTE)
    if what != "at rest":
        made.trigger(REPORTS, "pulse")
        made.run_until(made.now + seconds(5))
    if what == "stale":
        made.declare_stale(REPORTS, StaleBound(seconds(1)))
        made.run_until(made.now)
    if what == "blocked":
        made.order(SALES, "kill")
        made.run_until(made.now + seconds(1))
    if what == "unknown":
        monkeypatch.setitem(ROWS, REPORTS, [row(START, 0, "running"), row(START, 9, "failed")])
    assert late(made) == ""


def test_what_is_slower_by_little_is_as_usual():
    assert takes(SALES, history(1.1, 1.1, 1.1, 1, 1, 1)).usual is None
    assert takes(SALES, history(2, 2, 2)).usual is None
    assert takes(SALES, history()) is None
    assert takes(SALES, history(4, 4, 4, 4, 1, 1, 1, 1, 1)).since == START - timedelta(hours=4)
