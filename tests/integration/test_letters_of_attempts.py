"""A letter from an attempt counts only if it is that attempt's success. SQS says who sent it."""

from __future__ import annotations

import io
import json

import pytest

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.inbox import batches
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.signals import (
    GateReached,
    Ordered,
    Removed,
    RippleSucceeded,
    SinkAttached,
    SourceTold,
    Triggered,
)
from duckstring.engine.state import SourceReport
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName, session_name
from duckstring.orchestrator.ports import Held
from tests.integration.test_foreign_letters import NOON, ORDERS, SALES, in_flight, record

ROLE = "AROAEXAMPLEOFATTEMPTS"
OWN = session_name(AttemptName(SALES, 42, "load", 1))
SUCCESS = RippleSucceeded(42, "load", 1)


@pytest.fixture(autouse=True)
def role(monkeypatch):
    monkeypatch.setenv("DUCKSTRING_ATTEMPT_ROLE_ID", ROLE)


def sent(signal, sender, *, to=SALES, number=1):
    letter = record(codec.letter(to, signal), number, to)
    letter["attributes"]["SenderId"] = sender
    return letter


def committed(here):
    store = DynamoStateStore(here.clients, here.settings.table)
    store.commit(Held(in_flight()), in_flight(), (), (0, ""), NOON)
    return store


def test_an_attempts_own_success_counts(here, handler):
    store = committed(here)
    handler.handle({"Records": [sent(SUCCESS, f"{ROLE}:{OWN}")]}, None)
    assert store.load(SALES).state.ripples["load"].attempt is None


def test_a_run_that_is_over_is_logged_as_the_dashboard_reads_it(here, handler, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", written)
    committed(here)
    handler.handle({"Records": [sent(Ordered("kill", NOON), "AROAOTHER:x")]}, None)
    said = [json.loads(line) for line in written.getvalue().splitlines()]
    (over,) = [line for line in said if line["message"] == "run over"]
    assert (over["line"], over["run"], over["status"]) == (SALES, "sales@1/42", "killed")
    assert over["seconds"] >= 0


OTHERS = {
    "another attempt's success": RippleSucceeded(42, "load", 2),
    "another Ripple's success": RippleSucceeded(42, "join", 1),
    "its own branch at a gate": GateReached(
        42, 1, "load", 1, "failed", Failure("load", 1, "E", "no")
    ),
    "a removal of its own line": Removed(NOON),
    "a trigger": Triggered("pulse", NOON),
    "a Sink that listens": SinkAttached(ORDERS, (1, 0)),
    "a report of a Source": SourceTold(ORDERS, SourceReport(NOON, NOON, snapshot=1), (1, 0)),
}


@pytest.mark.parametrize("forged", OTHERS)
def test_whatever_else_an_attempt_sends_is_refused(here, handler, caplog, forged):
    held = committed(here).load(SALES)
    answer = handler.handle({"Records": [sent(OTHERS[forged], f"{ROLE}:{OWN}")]}, None)
    assert answer == {"batchItemFailures": []}
    assert DynamoStateStore(here.clients, here.settings.table).load(SALES) == held
    (line,) = [line for line in caplog.messages if line.startswith("letter refused: ")]
    assert OWN in line


@pytest.mark.parametrize(
    "session",
    [
        session_name(AttemptName(Line("orders@1"), 42, "load", 1)),
        session_name(AttemptName(SALES, 41, "load", 1)),
        session_name(AttemptName(SALES, 42, "load", 2)),
        "",
        "?",
        OWN.upper(),
        f"{OWN}:more",
    ],
)
def test_another_attempt_does_not_finish_this_one(here, handler, session):
    held = committed(here).load(SALES)
    handler.handle({"Records": [sent(SUCCESS, f"{ROLE}:{session}")]}, None)
    assert DynamoStateStore(here.clients, here.settings.table).load(SALES) == held


def test_what_the_catchments_own_parts_send_is_taken(here, handler):
    store = committed(here)
    for number, sender in enumerate(("AROAOTHER:duckstring-Orchestrator", "123456789012"), 1):
        one = Line(f"sink{number}@1")
        handler.handle({"Records": [sent(SinkAttached(one, (1, 0)), sender, number=number)]}, None)
        assert one in store.load(SALES).state.sinks


def test_without_a_role_of_attempts_nobody_is_one():
    (batch,) = batches([sent(SUCCESS, f"{ROLE}:{OWN}")], "")
    assert [one.attempt for one in batch.letters] == [""]
    assert json.loads(sent(SUCCESS, "x")["body"])["kind"] == "ripple_succeeded"
