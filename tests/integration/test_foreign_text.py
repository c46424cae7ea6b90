"""Hostile text into every store: what lies there is text without secrets, and reads back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings

from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.engine.effects import RecordRun
from duckstring.model.attempts import AttemptFinished, AttemptStarted, OnKillCalled, Site
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from tests.hostile import NEEDLE, SECRET, check_stored, hostile, redactor
from tests.integration.aws import catchment

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
few = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        yield found


def stores(here):
    place = here.clients, here.settings.table, here.settings.bucket
    return AttemptRows(*place, redactor()), DynamoHistory(*place), DynamoHistoryReader(*place)


@few
@given(hostile)
@example(f"{NEEDLE} \ud800 \udcff \0 {SECRET}")
@example(f"{NEEDLE} {SECRET * 4_000}{'x' * 70_000}")
def test_an_attempts_row_and_what_overflows_it(here, text):
    rows, _, read = stores(here)
    number = (
        sum(
            len(page["Items"])
            for page in [here.clients.dynamodb.scan(TableName=here.settings.table)]
        )
        + 1
    )
    rows.started(SALES, AttemptStarted(number, "load", 1, NOON, Site()))
    rows.finished(
        SALES, AttemptFinished(number, "load", 1, "failed", NOON, text, text, f"Traceback:\n{text}")
    )
    rows.claim_on_kill(SALES, run=number, ripple="load", attempt=1)
    rows.called_on_kill(SALES, OnKillCalled(number, "load", 1, "refused", text))
    (found,) = read.attempts(SALES, number)
    for name in ("error", "message", "traceback", "on_kill_message"):
        check_stored(str(found[name]))
    if key := found.get("overflow"):
        check_stored(
            here.clients.s3.get_object(Bucket=here.settings.bucket, Key=key)["Body"].read().decode()
        )


@few
@given(hostile)
@example(f"{NEEDLE} \ud800 \udcff \0")
def test_a_runs_row_whoever_brought_the_message(here, text):
    _, write, read = stores(here)
    number = (
        sum(
            len(page["Items"])
            for page in [here.clients.dynamodb.scan(TableName=here.settings.table)]
        )
        + 1
    )
    failure = Failure("load", 1, text, text)
    write.record_run(SALES, RecordRun(number, NOON, "1.0.0", "failed", NOON, NOON, failure=failure))
    found = read.run(SALES, number)
    assert found is not None
    for name in ("error", "message"):
        str(found[name]).encode()
        assert NEEDLE in str(found[name])
