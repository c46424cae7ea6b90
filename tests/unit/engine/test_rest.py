"""Whether a line is at rest, in one word."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.engine.rest import unrest, word_of
from duckstring.engine.state import Down, PondState, Run, SourceReport, SourceView
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound, Watch
from duckstring.model.values import replace

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
FAILURE = Failure("load", 1, "ValueError", "no such rate")
LINE, ORDERS = Line("sales@1"), Line("orders@1")
RUN = Run(1, NOON, NEVER, timedelta(0), "1.0.0", "key", "src/pond.py", 0, NOON)
DOWN = SourceView(ORDERS, "1.0.0", report=SourceReport(down=Down(ORDERS, "killed")))
LATE = Watch(StaleBound(within=timedelta(hours=2)), NOON, stale=NOON)


@dataclass
class Case:
    word: str
    unrest: str | None
    changes: dict[str, object]


@pytest.mark.parametrize(
    "case",
    [
        Case("idle", None, {}),
        Case("idle", None, {"watch": replace(LATE, stale=NEVER)}),
        Case("idle", "stale", {"watch": LATE}),
        Case("idle", "running", {"runs": {1: replace(RUN, failure=FAILURE)}, "watch": LATE}),
        Case("waiting", "waiting", {"pull": NOON}),
        Case("waiting", "waiting", {"targets": (NOON,), "watch": LATE}),
        Case("waiting", "waiting", {"woken": NOON}),
        Case("waiting", "waiting", {"force": True}),
        Case("blocked", "blocked", {"sources": {ORDERS: DOWN}, "pull": NOON}),
        Case("failed", "failed", {"health": "failed", "pull": NOON}),
        Case("failed", "failed", {"health": "failed", "runs": {1: replace(RUN, failure=FAILURE)}}),
        Case("running", "running", {"health": "failed", "runs": {1: RUN}}),
        Case("running", "running", {"runs": {1: RUN}, "sources": {ORDERS: DOWN}}),
        Case("killed", "killed", {"health": "killed", "runs": {1: RUN}}),
    ],
)
def test_the_word_that_says_most(case):
    state = replace(PondState(LINE), **case.changes)
    assert (word_of(state), unrest(state)) == (case.word, case.unrest)
