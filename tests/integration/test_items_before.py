"""A Catchment of the release before goes on: its items, recorded from that release, with attempts
and tokens in ``LINE#``.

In ``items_before/items.json`` run 41 of sales@1 is published, and run 42 is in flight: ``load``
pauses and remembers something, ``join`` waits at its gate, ``side`` runs as a task.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.executions import TokenGates
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.memos import DynamoMemories
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.adapters.aws.sweeper import AttemptRowReader
from duckstring.adapters.aws.workers import FargateWorkers
from duckstring.engine.effects import AnswerGate, RecordAttempt, StopTask
from duckstring.engine.signals import GateReached
from duckstring.model.attempts import AttemptFinished, AttemptStarted, Began, Site, Usage
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName
from tests.integration.aws import PERMITS, catchment

SALES = Line("sales@1")
JOIN = AttemptName(SALES, 42, "join", 1)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ITEMS = json.loads((Path(__file__).parent / "items_before" / "items.json").read_text())
TASK = "arn:aws:ecs:eu-central-1:123456789012:task/tasks/1"


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        for item in ITEMS:
            found.clients.dynamodb.put_item(TableName=found.settings.table, Item=item)
        yield found


@pytest.fixture
def rows(here):
    return AttemptRows(here.clients, here.settings.table, here.settings.bucket)


@pytest.fixture
def read(here):
    return DynamoHistoryReader(here.clients, here.settings.table, here.settings.bucket)


def test_its_state_and_its_published_tables_are_read(here):
    store = DynamoStateStore(here.clients, here.settings.table)
    held = store.load(SALES)
    assert (held.state.snapshot, sorted(held.state.runs)) == (41, [42])
    assert [spec.pauses for spec in held.state.release.ripples] == [False] * 3
    assert store.read(SALES, 41).tables == held.state.tables


def test_its_history_is_shown_as_it_was(read):
    attempts = {(row["ripple"], row["attempt"]): row for row in read.attempts(SALES, 41)}
    assert {which: row["status"] for which, row in attempts.items()} == {
        ("load", 1): "success",
        ("join", 1): "failed",
        ("join", 2): "success",
    }
    assert attempts["load", 1]["tables"] == {"orders": {"rows": 3, "bytes": 300}}
    assert (attempts["join", 1]["error"], attempts["join", 1]["message"]) == (
        "ValueError",
        "no such day",
    )
    assert attempts["load", 1]["invocations"] == [
        {
            "started": "2030-01-01T12:00:00.000000Z",
            "log_stream": "stream-1",
            "request_id": "request-1",
        }
    ]


def test_an_attempt_that_paused_goes_on_with_its_own_start_its_pauses_and_what_it_remembered(
    here, rows, read
):
    began = rows.started(
        SALES,
        AttemptStarted(42, "load", 1, NOON + 60 * SECOND, Site(request_id="request-5"), pauses=1),
    )
    assert began == Began(NOON + 9 * SECOND, 1, Usage(1.5, 200))
    memory = DynamoMemories(here.clients, here.settings.table).of(
        SALES, run=42, ripple="load", tried=1, attempt=1
    )
    assert memory.entries() == {"run_id": "7"}
    memory.keep("url", '"x"')
    assert memory.entries() == {"run_id": "7", "url": '"x"'}
    assert rows.finished(SALES, AttemptFinished(42, "load", 1, "success", NOON + 61 * SECOND))
    (row,) = [row for row in read.attempts(SALES, 42) if row["ripple"] == "load"]
    assert (row["status"], row["pauses"], row["resumes"], row["started"]) == (
        "success",
        1,
        None,
        "2030-01-01T12:00:09.000000Z",
    )


def test_an_attempt_that_has_not_paused_looks_for_nothing_of_before(here, rows):
    began = rows.started(
        SALES,
        AttemptStarted(42, "load", 2, NOON + 60 * SECOND, Site(request_id="request-5"), pauses=1),
    )
    assert began == Began(NOON + 60 * SECOND, 0, Usage())


def test_memory_is_there_for_the_next_attempt_and_for_one_who_only_looks(here):
    memories = DynamoMemories(here.clients, here.settings.table)
    assert memories.last(SALES, run=42, ripple="load", tried=1) == {"run_id": "7"}
    assert memories.of(SALES, run=42, ripple="load", tried=1, attempt=2).entries() == {
        "run_id": "7"
    }


@pytest.fixture
def told(here, monkeypatch):
    heard: list[tuple[str, str]] = []
    states = here.clients.stepfunctions

    def success(*, taskToken, output):  # noqa: N803 - as boto3 has it
        if taskToken == "gone":
            raise states.exceptions.TaskDoesNotExist(
                {"Error": {"Code": "TaskDoesNotExist"}}, "SendTaskSuccess"
            )
        heard.append((taskToken, output))

    monkeypatch.setattr(states, "send_task_success", success)
    return heard


def test_a_branch_that_waits_is_answered_and_its_token_forgotten(here, told):
    gates = TokenGates(here.clients, here.settings.table, PERMITS)
    gates.answer(SALES, AnswerGate(42, 1, "join", "lambda", 1))
    assert told == [("token-of-join", json.dumps({"attempt": 1, "permit": PERMITS.of(JOIN)}))]
    assert not [key for key in here.items("LINE#sales@1") if key.startswith("TOKEN#")]


def test_a_letter_that_was_redriven_late_does_not_keep_a_branch_of_before_waiting(here, told):
    gates = TokenGates(here.clients, here.settings.table, PERMITS)
    gates.keep(SALES, GateReached(42, 1, "join"), token="gone")
    gates.answer(SALES, AnswerGate(42, 1, "join", "lambda", 1))
    assert told == [("token-of-join", json.dumps({"attempt": 1, "permit": PERMITS.of(JOIN)}))]


def test_a_task_that_began_before_is_stopped_by_what_it_wrote_and_sees_that_it_is_not_wanted(
    here, read, monkeypatch
):
    lost = Failure("side", 1, "Killed", "an operator killed it")
    history = DynamoHistory(here.clients, here.settings.table, here.settings.bucket)
    history.record_attempt(SALES, RecordAttempt(42, "side", 1, "killed", NOON + 70 * SECOND, lost))
    old = here.items("LINE#sales@1")["ATTEMPT#0000000042#side#0001"]
    assert old["status"] == {"S": "killed"}, "the worker of before looks there"
    (row,) = [row for row in read.attempts(SALES, 42) if row["ripple"] == "side"]
    assert (row["status"], row["where"], row["request_id"], row["message"]) == (
        "killed",
        "task",
        TASK,
        "an operator killed it",
    )
    fargate = FargateWorkers(
        here.clients, here.settings.table, PERMITS, cluster=here.settings.cluster, function="ripple"
    )
    asked: list[str] = []
    monkeypatch.setattr(fargate, "_task", lambda arn: asked.append(arn) or ())
    fargate.stop_task(SALES, StopTask(42, "side", 1))
    assert asked == [TASK]


def test_what_an_attempt_of_before_said_of_its_own_end_stays(here, rows, read):
    history = DynamoHistory(here.clients, here.settings.table, here.settings.bucket)
    history.record_attempt(
        SALES,
        RecordAttempt(
            41, "join", 1, "crashed", NOON + 9 * SECOND, Failure("join", 1, "Crash", "exit 1")
        ),
    )
    (row,) = [
        row for row in read.attempts(SALES, 41) if (row["ripple"], row["attempt"]) == ("join", 1)
    ]
    assert (row["status"], row["message"]) == ("failed", "no such day")
    assert rows.recorded_end(SALES, run=41, ripple="load", attempt=1) is None


def test_the_sweep_and_status_see_the_row_of_an_attempt_that_began_before(here):
    row = AttemptRowReader(here.clients, here.settings.table).attempt(
        SALES, run=42, ripple="load", attempt=1
    )
    assert row is not None
    assert (row["status"], row["resumes"], row["pauses"]) == (
        "running",
        "2030-01-01T12:01:00.000000Z",
        1,
    )
