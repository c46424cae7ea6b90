"""Limits in DynamoDB and in the mailbox (moto)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.inbox import batches
from duckstring.adapters.aws.limits import PARTITION, DynamoLimits
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.engine.effects import Claim
from duckstring.engine.letters import Letter
from duckstring.engine.limits import (
    GrantTokens,
    LimitRemoved,
    LimitSet,
    LimitState,
    TokensClaimed,
    step,
)
from duckstring.engine.signals import AlarmRang, Deployed, Restored, TokensGranted
from duckstring.errors import StateConflictError, StateTooLargeError
from duckstring.model.catalog import RippleSpec
from duckstring.model.names import Line, limit_address
from duckstring.model.schema import SCHEMA, NewerSchemaError
from duckstring.model.values import replace
from duckstring.orchestrator.ports import HeldLimit
from duckstring.ports import SeenLimit
from duckstring.testing.simulator import pond
from tests.integration.aws import catchment

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SALES = Line("sales@1")
CLAIMED = TokensClaimed(SALES, (Claim(1, 7, "load"), Claim(2, 8, "join", True)), (3, 0), 70)
STATE = step(LimitState("databricks", tokens=1), CLAIMED, NOON).state
OUTBOX = (GrantTokens(SALES, (1,)),)
ADDRESS = limit_address("databricks")


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        yield found


@pytest.fixture
def limits(here):
    return DynamoLimits(here.clients, here.settings.table)


def test_a_limit_reads_back_as_it_was_with_its_outbox_until_that_is_cleared(limits):
    assert limits.load("databricks") == HeldLimit(LimitState("databricks"))
    fresh = limits.load("databricks")
    held = limits.commit(fresh, STATE, OUTBOX, (5, "9"), NOON)
    assert held == HeldLimit(replace(STATE, revision=1), OUTBOX, (5, "9"), NOON)
    assert limits.load("databricks") == held
    limits.clear(held)
    assert limits.load("databricks").outbox == ()
    assert limits.schema("databricks") == SCHEMA


def test_of_two_who_commit_one_wins_and_an_old_clear_clears_nothing(limits):
    fresh = limits.load("databricks")
    first = limits.commit(fresh, STATE, OUTBOX, (1, "1"), NOON)
    with pytest.raises(StateConflictError, match="since revision 0"):
        limits.commit(fresh, STATE, (), (1, "1"), NOON)
    second = limits.commit(first, STATE, OUTBOX, (2, "2"), NOON)
    with pytest.raises(StateConflictError, match="since revision 1"):
        limits.commit(first, STATE, (), (2, "2"), NOON)
    limits.clear(first)
    assert limits.load("databricks") == second


def test_all_limits_are_read_at_once(limits):
    for name in ("databricks", "glue"):
        state = replace(STATE, name=name)
        limits.commit(limits.load(name), state, OUTBOX if name == "glue" else (), (1, "1"), NOON)
    assert limits.read() == {
        name: SeenLimit(replace(STATE, name=name, revision=1), name == "glue", (1, "1"), NOON)
        for name in ("databricks", "glue")
    }


def test_one_that_has_no_room_is_refused_before_it_is_stored(limits):
    long = TokensClaimed(SALES, tuple(Claim(n, 1, "x" * 48) for n in range(1, 1500)), (1, 0))
    state = step(LimitState("databricks"), long, NOON).state
    limits.commit(limits.load("databricks"), state, (), (1, "1"), NOON)
    grants = tuple(GrantTokens(Line(f"p{n}@1"), (n,)) for n in range(9000))
    with pytest.raises(StateTooLargeError, match="databricks of limit databricks"):
        limits.commit(limits.load("databricks"), state, grants, (1, "1"), NOON)


def test_one_of_a_newer_release_is_left_as_it_is(here, limits):
    limits.commit(limits.load("databricks"), STATE, (), (1, "1"), NOON)
    (item,) = here.items(PARTITION).values()
    newer = {**item, "schema": {"N": str(SCHEMA + 1)}}
    here.clients.dynamodb.put_item(TableName=here.settings.table, Item=newer)
    for read in (lambda: limits.load("databricks"), limits.read):
        with pytest.raises(NewerSchemaError, match="limit databricks"):
            read()
    assert limits.schema("databricks") == SCHEMA + 1


def received(body, *, group=ADDRESS, sender="AROAORCHESTRATOR:x"):
    return {
        "body": body,
        "messageId": "m",
        "receiptHandle": "r",
        "attributes": {
            "MessageGroupId": group,
            "SentTimestamp": "7",
            "SequenceNumber": "8",
            "ApproximateReceiveCount": "1",
            "SenderId": sender,
        },
    }


@pytest.mark.parametrize(
    "signal",
    [CLAIMED, LimitSet(3, NOON), LimitRemoved(NOON), AlarmRang(), Restored(NOON)],
    ids=lambda signal: type(signal).__name__,
)
def test_a_letter_to_a_limit_comes_as_it_was_sent_in_a_group_of_its_own(here, signal):
    sent = Letter(ADDRESS, signal, "key")
    SqsMailbox(here.clients, here.settings.mailbox).send([sent])
    (message,) = here.clients.sqs.receive_message(
        QueueUrl=here.settings.mailbox, AttributeNames=["All"]
    )["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "limit:databricks"
    (batch,) = batches([received(message["Body"], sender="ROLE:attempt")], "ROLE")
    assert (batch.line, batch.letters) == (ADDRESS, [])
    (letter,) = batch.to_limit
    assert (letter.signal, letter.mark, letter.attempt) == (signal, (7, "8"), "attempt")


@pytest.mark.parametrize(
    ("body", "group"),
    [
        (codec.letter(ADDRESS, Deployed(pond("sales@1"))), ADDRESS),
        (codec.letter(SALES, LimitSet(3, NOON)), SALES),
        (codec.letter(ADDRESS, LimitSet(3, NOON)), SALES),
        (codec.letter(ADDRESS, LimitSet(-3, NOON)), ADDRESS),
        (json.dumps({"to": "limit:Data Bricks", "kind": "alarm_rang"}), "limit:Data Bricks"),
        (json.dumps({"to": "limit:", "kind": "alarm_rang"}), "limit:"),
    ],
    ids=["a line's kind", "a limit's kind", "another group", "below zero", "no name", "empty"],
)
def test_a_letter_that_is_none_of_its_addressee_is_refused(body, group, caplog):
    assert [batch for batch in batches([received(body, group=group)]) if batch.messages] == []
    assert "letter refused" in caplog.text


def test_letters_about_limits_say_which_schema_their_reader_must_know():
    uses = replace(pond("sales@1"), ripples=(RippleSpec("run", uses=("databricks",)),))
    for signal in (CLAIMED, TokensGranted("databricks", (1,)), Deployed(uses)):
        assert codec.schema_of(signal) == 6
    assert codec.schema_of(Deployed(pond("sales@1"))) == 0
