"""The index of lines that are not at rest, in DynamoDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from duckstring.adapters.aws.items import to_item
from duckstring.adapters.aws.reader import DynamoStateReader
from duckstring.adapters.aws.rest_index import SETTLED, DynamoRestIndex, partitions
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.errors import StateConflictError
from duckstring.model.names import Line
from duckstring.model.values import replace
from tests.integration.aws import catchment

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SALES = Line("sales@1")
MARK = (1, "1")


class Indexed:
    def __init__(self, here):
        self.here, table = here, here.settings.table
        self.store = DynamoStateStore(here.clients, table)
        self.index = DynamoRestIndex(here.clients, table)
        self.reader = DynamoStateReader(here.clients, table)
        self.index.settle(NOON - SETTLED, is_whole=True)

    def becomes(self, line=SALES, **changes):
        held = self.store.load(Line(line))
        return self.store.commit(held, replace(held.state, **changes), (), MARK)

    def found(self, now=NOON):
        return self.index.not_at_rest(now)


@pytest.fixture
def indexed(monkeypatch):
    with catchment(monkeypatch) as here:
        yield Indexed(here)


def test_a_line_is_in_the_index_while_its_state_is_not_at_rest(indexed):
    for changes, word in (
        ({"pull": NOON}, "waiting"),
        ({"health": "failed"}, "failed"),
        ({"health": "ok", "pull": None}, None),
        ({"health": "killed"}, "killed"),
    ):
        indexed.becomes(**changes)
        assert indexed.found() == ({SALES: word} if word else {})
        assert indexed.reader.read([SALES])[SALES].listed == (word or "")


def test_many_lines_are_found_in_all_partitions(indexed):
    lines = [Line(f"p{number}@1") for number in range(40)]
    for line in lines:
        indexed.becomes(line, woken=NOON)
    assert indexed.found() == dict.fromkeys(lines, "waiting")
    used = {indexed.here.items(f"LINE#{line}")["STATE"]["gsi2pk"]["S"] for line in lines}
    assert used == set(partitions())


def test_a_commit_that_loses_changes_nothing_in_the_index(indexed):
    stale = indexed.store.load(SALES)
    indexed.becomes(health="failed")
    with pytest.raises(StateConflictError):
        indexed.store.commit(stale, replace(stale.state, health="ok"), (), MARK)
    assert indexed.found() == {SALES: "failed"}


def test_an_outbox_that_is_cleared_keeps_the_line_in_the_index(indexed):
    indexed.store.clear(indexed.becomes(health="failed"))
    assert indexed.found() == {SALES: "failed"}


def test_an_item_of_an_older_release_is_not_in_the_index_until_its_next_commit(indexed):
    indexed.becomes(health="failed")
    indexed.here.clients.dynamodb.update_item(
        TableName=indexed.here.settings.table,
        Key=to_item({"pk": "LINE#sales@1", "sk": "STATE"}),
        UpdateExpression="REMOVE gsi2pk, gsi2sk, unrest",
    )
    assert indexed.found() == {}
    assert indexed.reader.read([SALES])[SALES].listed == ""
    indexed.becomes()  # as the sweep's nudge does
    assert indexed.found() == {SALES: "failed"}


def test_the_index_is_believed_when_all_was_well_for_a_while(indexed):
    indexed.index.settle(NOON, is_whole=False)
    assert indexed.found() is None
    indexed.index.settle(NOON, is_whole=False)
    indexed.index.settle(NOON, is_whole=True)
    assert indexed.found(NOON + SETTLED - timedelta(seconds=1)) is None
    indexed.index.settle(NOON + SETTLED, is_whole=True)
    assert indexed.found(NOON + SETTLED) == {}


def test_two_sweeps_at_once_note_it_once(indexed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(indexed.index, "_since", lambda: None)
        indexed.index.settle(NOON, is_whole=True)
    assert indexed.found() == {}, "it was noted already, and longer ago"
    with monkeypatch.context() as patch:
        patch.setattr(indexed.index, "_since", lambda: NOON)
        indexed.index.settle(NOON, is_whole=False)
        indexed.index.settle(NOON, is_whole=False)
    assert indexed.found() is None


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException"])
def test_a_table_without_the_index_has_no_answer(indexed, monkeypatch, code):
    def refuse(_):
        raise ClientError({"Error": {"Code": code, "Message": "no index: gsi2"}}, "Query")

    monkeypatch.setattr(indexed.index, "_part", refuse)
    assert indexed.found() is None


def test_a_throttled_query_is_no_answer_about_the_index(indexed, monkeypatch):
    def refuse(_):
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "x"}}, "Query")

    monkeypatch.setattr(indexed.index, "_part", refuse)
    with pytest.raises(ClientError):
        indexed.found()


def test_a_word_of_a_newer_release_is_still_not_at_rest(indexed):
    indexed.becomes(health="failed")
    indexed.here.clients.dynamodb.update_item(
        TableName=indexed.here.settings.table,
        Key=to_item({"pk": "LINE#sales@1", "sk": "STATE"}),
        UpdateExpression="SET unrest = :word",
        ExpressionAttributeValues=to_item({":word": "drowning"}),
    )
    assert indexed.found() == {SALES: "waiting"}
