"""Forged letters at the orchestrator's own door: acknowledged, told to the log, and without any effect."""

from __future__ import annotations

import importlib
import json
import sys
from datetime import UTC, datetime

import pytest

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.effects import AttachTo
from duckstring.engine.signals import Deployed, GateReached, Removed, RippleSucceeded, SinkAttached
from duckstring.engine.state import PondState
from duckstring.model.catalog import Release, RippleSpec, TableVersion
from duckstring.model.names import Line
from tests.integration.aws import catchment

SALES, ORDERS = Line("sales@1"), Line("orders@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
RELEASE = Release(SALES, "1.0.0", "inlet", (), (RippleSpec("load"),), "src/pond.py", "artifacts/sales/1.0.0/ab.zip", "ab", 0, 0, NOON)
EVIL = TableVersion("t", "data/sales@1/t/0000000001-load-1-x.parquet?s3_endpoint=evil.example", 1, 1, "x")


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        monkeypatch.setenv("DUCKSTRING_DELAYS", found.clients.sqs.create_queue(QueueName="delays")["QueueUrl"])
        yield found


@pytest.fixture
def handler(here):
    sys.modules.pop("functions.orchestrator.handler", None)
    yield importlib.import_module("functions.orchestrator.handler")
    sys.modules.pop("functions.orchestrator.handler", None)


def record(body, number, group=SALES):
    return {
        "eventSourceARN": "arn:aws:sqs:eu-central-1:1:mailbox.fifo",
        "messageId": f"m{number}",
        "receiptHandle": f"r{number}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "9", "SequenceNumber": str(number), "MessageGroupId": group},
    }


FORGED = [
    codec.letter(SALES, Removed(NOON)),
    codec.letter(SALES, Deployed(RELEASE)),
    codec.letter(SALES, RippleSucceeded(1, "load", 1, {"t": EVIL})),
    codec.letter(SALES, GateReached(1, 1, "load")),
    json.dumps({"to": "sales@1", "kind": "removed", "at": 7}),
    codec.letter(ORDERS, SinkAttached(SALES, (1, 0))),
    "[" * 100_000,
    "\ud800",
]


def test_forged_letters_change_nothing_and_hold_nothing_up(here, handler, caplog):
    store = DynamoStateStore(here.clients, here.settings.table)
    held = store.commit(store.load(SALES), PondState(SALES, runs_started=7), (AttachTo(ORDERS),), (1, "0"), NOON)
    answer = handler.handle({"Records": [record(body, number) for number, body in enumerate(FORGED, start=1)]}, None)
    assert answer == {"batchItemFailures": []}
    assert store.load(SALES) == held, "what an earlier delivery still owes is owed still"
    assert not here.items("TOKEN#sales@1")
    assert here.letters() == []
    lines = [line for line in caplog.messages if line.startswith("letter refused: ")]
    assert len(lines) == len(FORGED)
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_a_real_letter_among_forged_ones_is_delivered(here, handler):
    bodies = [FORGED[0], codec.letter(SALES, SinkAttached(ORDERS, (1, 0))), FORGED[6]]
    records = [record(body, number) for number, body in enumerate(bodies, start=1)]
    assert handler.handle({"Records": records}, None) == {"batchItemFailures": []}
    assert DynamoStateStore(here.clients, here.settings.table).load(SALES).state.sinks == {ORDERS: (1, 0)}


def test_what_the_delay_queue_cannot_read_does_not_keep_the_others(here, handler):
    delays = {"eventSourceARN": "arn:aws:sqs:eu-central-1:1:delays"}
    bodies = ["no letter", codec.letter(SALES, SinkAttached(ORDERS, (1, 0)))]
    records = [{**record(body, number), **delays} for number, body in enumerate(bodies, start=1)]
    assert handler.handle({"Records": records}, None) == {"batchItemFailures": []}
    assert here.letters() == [(SALES, SinkAttached(ORDERS, (1, 0)))]


def test_a_deployment_that_the_catalog_has_selected_is_taken(here, handler):
    handler.app.catalog.select([RELEASE], overwrite=False, revision=handler.app.catalog.revision())
    handler.handle({"Records": [record(codec.letter(SALES, Deployed(RELEASE)), 1)]}, None)
    state = DynamoStateStore(here.clients, here.settings.table).load(SALES).state
    assert state.release == RELEASE
