"""Whether a line will pass its bound, from what its lineage took before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

import pytest

from duckstring.api.late import takes, will_be_late
from duckstring.api.requests import StatusRequest
from duckstring.api.status import status
from duckstring.engine.state import PondState
from duckstring.model.answers.status import StatusAnswer
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound
from duckstring.ports import Seen
from duckstring.testing.simulator import START, World, pond, seconds
from tests.unit.api.shapes import faults
from tests.unit.api.world import ShelfCatalog, StillClock, status_ports
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


class Past:
    """``HistoryReader`` over ``ROWS``, and of which lines it was asked."""

    def __init__(self, rows: Mapping[Line, list[dict]]) -> None:
        self.rows, self.asked = rows, []

    def runs(self, *, now: Instant, limit: int, line: Line) -> list[dict]:
        self.asked.append(line)
        return self.rows[line]

    def last_runs(self, numbers: Mapping[Line, int]) -> Mapping[Line, dict]:
        return {}


class Reads:
    """``StateReader``."""

    def __init__(self, states: Mapping[Line, PondState]) -> None:
        self.states, self.asked = states, list[set[Line]]()

    def read(self, lines: Collection[Line]) -> dict[Line, Seen]:
        self.asked.append(set(lines))
        return {line: Seen(self.states[line]) for line in lines}


def status_of(
    made: World, past: Past, states: Reads | None = None, **asked: object
) -> dict[str, dict]:
    deployed_now = {line: one.release for line, one in made.states.items() if one.release}
    needed = status_ports(
        ShelfCatalog(deployed_now),
        states=states or Reads(made.states),
        history=past,
        clock=StillClock(made.now),
    )
    answer = status(StatusRequest(**asked), **needed)
    assert list(faults(answer, StatusAnswer)) == []
    return {line["line"]: line["bound"] for line in answer["lines"]}


@pytest.mark.parametrize("asked", [{"pond": "reports"}, {}], ids=["one", "all"])
def test_status_foretells_what_why_foretells(asked):
    made = world(14 * MINUTE)
    made.trigger(REPORTS, "pulse")
    made.run_until(made.now + seconds(5))
    told = status_of(made, Past(ROWS), **asked)["reports@1"]["late"]
    assert told["text"] == late(made)
    assert (told["line"], told["at"][:19]) == ("delays@1", "2030-01-01T00:14:00")
    assert told["expected"] > told["at"]
    assert told["because"] in told["text"]


def test_lines_that_rest_cost_no_request_and_are_foretold_nothing():
    past, made = Past(ROWS), world(14 * MINUTE)
    told = status_of(made, past)
    assert "late" not in told["reports@1"]
    assert told["sales@1"] is None
    assert past.asked == []
    states = Reads(made.states)
    assert "late" not in status_of(made, past, states, pond="reports")["reports@1"]
    assert states.asked == [{REPORTS}], "nor are the lines above it read"


def test_of_very_many_lines_at_work_the_history_of_twenty_is_read():
    lines = [Line(f"pond{n}@1") for n in range(60)]
    made = deployed(*map(pond, lines), durations=dict.fromkeys(lines, 60))
    for line in lines:
        made.trigger(line, "pulse")
    made.run_until(made.now + 2 * MINUTE)
    for line in lines:
        made.declare_stale(line, StaleBound(3 * MINUTE))
        made.trigger(line, "pulse")
    made.run_until(made.now + seconds(5))
    past = Past(dict.fromkeys(lines, history(9, 9, 9)))
    told = status_of(made, past)
    assert len(past.asked) == len(set(past.asked)) == 20
    assert sum("late" in bound for bound in told.values()) == 20
