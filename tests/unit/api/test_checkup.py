"""What the api's doctor says of lines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api.checkup import PATIENCE, Glue, checkup
from duckstring.engine.state import PondState, Run
from duckstring.errors import TransientError
from duckstring.model.iceberg import Database
from duckstring.model.instants import NEVER
from duckstring.model.lake import shown
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.ports import SOON, Seen
from tests.unit.api.world import (
    NOON,
    Executions,
    Operators,
    ShelfCatalog,
    States,
    StillClock,
    graph,
    release,
)

SALES = Line("sales@1")
SELECTED = release(SALES)
NOW = NOON + timedelta(hours=3)
QUIET = (int((NOW - PATIENCE).timestamp() * 1000), "1")
STATE = PondState(SALES, revision=3, release=SELECTED)
RUN = Run(4, NOON, NEVER, timedelta(0), "1.0.0", "a", "m", 0, started=NOW - timedelta(minutes=20))


def findings(seen, *, described=None, selected=SELECTED, glue=None):
    answer = checkup(
        catalog=ShelfCatalog(graph(selected)),
        states=States({SALES: seen} if seen else {}),
        executions=Executions(described or {}),
        operated=Operators(),
        clock=StillClock(NOW),
        glue=glue,
    )
    assert answer["lines"] == 1
    return [(one["kind"], one["message"]) for one in answer["findings"]]


def test_a_healthy_line_is_not_mentioned():
    well = replace(STATE, runs={4: RUN}, alarm=NOW - timedelta(minutes=9))
    seen = Seen(well, owes=True, mark=QUIET, committed=NOW - SOON - PATIENCE)
    assert findings(seen, described={"sales@1/4-1": ("RUNNING", "")}) == []


@pytest.mark.parametrize("described", [{}, {"sales@1/4-1": ("ABORTED", "Outside: stopped")}])
def test_a_run_without_an_execution_is_found(described):
    (kind, message), *rest = findings(
        Seen(replace(STATE, runs={4: RUN}), mark=QUIET), described=described
    )
    told = "ABORTED: Outside: stopped" if described else "gone: there is none"
    assert (kind, message, rest) == (
        "execution",
        f"has run sales@1/4 in flight since 20m, whose execution is {told}.",
        [],
    )


@pytest.mark.parametrize("change", ["young", "letters"])
def test_a_run_whose_end_may_be_on_its_way_is_left_alone(change):
    run = replace(RUN, started=NOW - PATIENCE / 2) if change == "young" else RUN
    mark = QUIET if change == "young" else (int(NOW.timestamp() * 1000) - 1000, "1")
    assert findings(Seen(replace(STATE, runs={4: run}), mark=mark)) == []


def test_effects_that_nobody_performed_are_found():
    (finding,) = findings(Seen(STATE, owes=True, mark=QUIET, committed=NOW - timedelta(minutes=30)))
    assert finding[0] == "outbox"
    assert finding[1].startswith("committed effects 30m ago")


def test_an_alarm_that_did_not_ring_is_found():
    assert findings(Seen(replace(STATE, alarm=NOW - timedelta(minutes=11)), mark=QUIET)) == [
        ("alarm", "waits for an alarm that was due 11m ago.")
    ]


@pytest.mark.parametrize(
    "seen",
    [
        None,
        Seen(
            replace(
                STATE, release=replace(SELECTED, version="0.9.0", deployed=NOON - timedelta(days=1))
            )
        ),
    ],
)
def test_a_deploy_that_its_line_never_heard_of_is_found(seen):
    (finding,) = findings(seen)
    assert finding == (
        "deploy",
        "has not received the deploy of 1.0.0, 3h ago: it runs the version before, or nothing.",
    )


def test_a_deploy_that_waits_for_runs_in_flight_was_heard_of():
    held = replace(
        STATE, release=replace(SELECTED, deployed=NOON - timedelta(days=1)), next_release=SELECTED
    )
    assert findings(Seen(held, mark=QUIET)) == []


def test_what_could_not_be_looked_at_is_told_by_the_numbers(monkeypatch):
    def describe(*_given, **_named):
        raise TransientError("too much at once")

    monkeypatch.setattr(Executions, "describe", describe)
    answer = checkup(
        catalog=ShelfCatalog(graph(SELECTED)),
        states=States({SALES: Seen(replace(STATE, runs={4: RUN}), mark=QUIET)}),
        executions=Executions(),
        operated=Operators(),
        clock=StillClock(NOW),
        glue=None,
    )
    assert (answer["runs"], answer["looked_at"], answer["findings"]) == (1, 0, [])


class Known:
    def __init__(self, *databases):
        self.databases = {one.name: one for one in databases}

    def all(self):
        return self.databases


def glue_with(shown, line=SALES):
    known = Database("duckstring_dev__sales", line, "s", shown, NOON)
    return Glue(Known(known), "dev", timedelta(minutes=1))


def test_what_is_published_and_not_in_glue_is_found_once_the_export_had_time():
    late = Seen(replace(STATE, snapshot=3, snapshot_f=NOON), committed=NOW - timedelta(hours=1))
    there = shown("sales@1/3", NOON)
    assert findings(late, glue=glue_with(there)) == []
    assert findings(late, glue=None) == []
    for glue in (glue_with(""), glue_with("sales@1/2 x"), Glue(Known(), "dev", timedelta(0))):
        ((kind, message),) = findings(late, glue=glue)
        assert kind == "iceberg"
        assert "is not in Glue as it is published" in message
    young = replace(late, committed=NOW - PATIENCE)
    assert findings(young, glue=glue_with("")) == []
    others = glue_with(there, Line("gone@1"))
    assert len(findings(late, glue=others)) == 2, "a line that is gone is still there"
