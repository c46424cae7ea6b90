"""What runs have used: their own rows, and those of their attempts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api.cost import cost
from duckstring.api.history import RunNotFoundError
from duckstring.api.requests import CostRequest
from duckstring.errors import OperatorError
from duckstring.model.answers.runs import CostAnswer
from duckstring.model.names import Line
from duckstring.ports import AttemptUsed
from duckstring.testing.fakes import MemoryClock
from tests.unit.api.shapes import faults
from tests.unit.api.world import NOON, Rows


def row(run: str, **more):
    line, _, number = run.partition("/")
    pond, _, major = line.partition("@")
    return {
        "run": run,
        "pond": pond,
        "major": int(major),
        "number": int(number),
        "started": "2030-01-01T11:00:00Z",
        "status": "success",
        "overtaken_by": None,
        **more,
    }


def asked(rows: Rows, **request):
    found = cost(
        CostRequest(**request), catalog=None, removals=None, history=rows, clock=MemoryClock(NOON)
    )
    assert [*faults(found, CostAnswer)] == []
    return found


def given_up(where, seconds: float, memory_mib: int = 1024) -> AttemptUsed:
    ended = f"2030-01-01T11:{int(seconds) // 60:02}:{int(seconds) % 60:02}Z"
    return AttemptUsed("sales@1/2", "lost", {}, "2030-01-01T11:00:00Z", ended, where, memory_mib)


def test_a_run_and_its_attempts_are_one_sum():
    rows = Rows(
        [row("sales@1/2", used={"s3_reads": 1}, pins={"raw@1": 3}, wanted="wave")],
        used_by=[
            AttemptUsed("sales@1/2", "success", {"s3_reads": 2}),
            AttemptUsed("sales@1/2", "failed", {"s3_writes": 1}),
        ],
    )
    (one,) = asked(rows)["runs"]
    assert one["used"] == {"s3_reads": 3, "s3_writes": 1}
    assert (one["sources"], one["wanted"]) == ({"raw@1": 3}, "wave")
    assert (one["attempts"], one["estimated"], one["running"]) == (2, 0, 0)


def test_the_attempts_of_a_line_are_read_in_one_span():
    rows = Rows([row("sales@1/9"), row("raw@1/4"), row("sales@1/7")])
    assert len(asked(rows)["runs"]) == 3
    assert sorted(rows.spans) == [(Line("raw@1"), 4, 4), (Line("sales@1"), 7, 9)]


@pytest.mark.parametrize(
    ("attempt", "used"),
    [
        (given_up("lambda", 30), {"lambda_invocations": 1, "lambda_gb_seconds": 30}),
        (given_up("lambda", 1800), {"lambda_invocations": 1, "lambda_gb_seconds": 900}),
        (given_up("task", 10, 8192), {"fargate_vcpu_seconds": 120, "fargate_gb_seconds": 480}),
        (given_up(None, 10), {}),
        (AttemptUsed("sales@1/2", "lost", {}), {}),
    ],
)
def test_an_attempt_that_could_not_say_is_estimated_by_its_time(attempt, used):
    (one,) = asked(Rows([row("sales@1/2")], used_by=[attempt]))["runs"]
    assert (one["used"], one["estimated"]) == (used, 1)


def test_an_attempt_that_goes_on_is_not_in_it():
    going = AttemptUsed("sales@1/2", "running", {}, "2030-01-01T11:00:00Z", "", "lambda", 1024)
    (one,) = asked(Rows([row("sales@1/2")], used_by=[going]))["runs"]
    assert (one["used"], one["running"], one["estimated"]) == ({}, 1, 0)


def test_a_full_answer_says_that_there_may_be_more():
    rows = Rows([row("sales@1/2"), row("sales@1/1")])
    assert asked(rows, limit=1)["more"]
    assert not asked(rows, limit=3)["more"]
    asked(rows, limit=1, before="sales@1/2", since="2030-01-01T10:00:00Z")
    assert rows.wanted.before == rows.rows[0]
    assert rows.wanted.since == NOON - timedelta(hours=2)


def test_a_span_that_is_none_is_refused():
    with pytest.raises(OperatorError, match="since"):
        asked(Rows(), since="soon")
    with pytest.raises(RunNotFoundError):
        asked(Rows(), before="sales@1/2")
