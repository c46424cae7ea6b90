"""What checks found, on its way through DynamoDB and S3."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duckstring.adapters.aws.attempts import LONG_TEXT, AttemptRows
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.items import to_item
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.adapters.aws.vending import answer_of, answer_to_object
from duckstring.engine.effects import PublishSnapshot, RecordRun
from duckstring.engine.state import PondState
from duckstring.model.attempts import AttemptFinished
from duckstring.model.checks import CheckResult, CheckWarning, in_words, to_object
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.vendor.ports import Permitted

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LATE = CheckWarning("late", 3, "too late")
FAILED = CheckResult("amounts", outcome="failed", rows=1, columns=("id",), sample=(("7",),))
WARNED = CheckResult("late", "warn", "warned", 3, "too late", ("id",), (("1",), (None,), ("3",)))


@pytest.fixture
def rows(here):
    return AttemptRows(here.clients, here.settings.table, here.settings.bucket)


@pytest.fixture
def read(here):
    return DynamoHistoryReader(here.clients, here.settings.table, here.settings.bucket)


def test_a_failed_check_is_in_the_row_of_its_attempt_and_is_its_recorded_end(rows, read):
    words = in_words([FAILED, WARNED])
    row = AttemptFinished(1, "checks", 1, "check", NOON, "CheckFailed", words)
    assert rows.finished(SALES, replace(row, checks=(FAILED, WARNED)))
    (found,) = read.attempts(SALES, 1)
    assert (found["status"], found["message"]) == ("check", words)
    assert found["checks"] == [to_object(FAILED), to_object(WARNED)]
    outcome, failure = rows.recorded_end(SALES, run=1, ripple="checks", attempt=1)
    assert (outcome, failure.message) == ("check", words)


def test_a_success_that_warns_keeps_its_words_and_long_ones_in_an_object(rows, read):
    words = "w" * (LONG_TEXT + 1)
    row = AttemptFinished(1, "checks", 1, "success", NOON, message=words, checks=(WARNED,))
    assert rows.finished(SALES, row)
    (found,) = read.attempts(SALES, 1)
    assert (found["status"], found["message"], found["reads"]) == ("success", words, None)
    assert found["overflow"] == "errors/sales@1/1-checks-1.txt"


@pytest.mark.parametrize("text", ['[{"check": "Late"}]', "no", "[7]", '{"a": 1}'])
def test_what_somebody_else_wrote_in_their_place_is_left_out(here, read, text):
    item = {"pk": "WORK#sales@1", "sk": "ATTEMPT#0000000001#checks#0001", "status": "success"}
    here.clients.dynamodb.put_item(
        TableName=here.settings.table, Item=to_item({**item, "checks": text})
    )
    (found,) = read.attempts(SALES, 1)
    assert found["checks"] is None


def test_the_warnings_of_a_run_are_in_its_row(here, read):
    history = DynamoHistory(here.clients, here.settings.table, here.settings.bucket)
    history.record_run(SALES, RecordRun(1, NOON, "1.0.0", "success", NOON, NOON, warnings=(LATE,)))
    found = read.run(SALES, 1)
    assert found["warnings"] == [{"check": "late", "rows": 3, "message": "too late"}]
    history.record_run(SALES, RecordRun(2, NOON, "1.0.0", "success", NOON, NOON))
    assert "warnings" not in read.run(SALES, 2)


def test_the_warnings_of_a_snapshot_are_read_back_with_it(here):
    store = DynamoStateStore(here.clients, here.settings.table)
    held = store.load(SALES)
    snapshot = PublishSnapshot(1, NOON, {}, warnings=(LATE,))
    state = replace(held.state, snapshot=1, warnings=(LATE,))
    store.commit(held, state, (snapshot,), (1, "1"), NOON)
    assert store.read(SALES, 1) == snapshot
    again = store.load(SALES)
    assert again.state.warnings == (LATE,)
    assert again.outbox == (PublishSnapshot(1, NOON),), "what is committed need not be told again"


def test_the_vendor_gives_an_attempt_the_warnings_of_its_sources():
    snapshots = {SALES: PublishSnapshot(1, NOON, {}, warnings=(LATE,))}
    permitted = Permitted(PondState(Line("reports@1")), snapshots, {}, [])
    assert answer_of(answer_to_object(permitted)).snapshots == snapshots
