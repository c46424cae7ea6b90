"""What Ripples remember, in DynamoDB."""

from __future__ import annotations

import json

import pytest

from duckstring.adapters.aws.memos import DynamoMemories
from duckstring.author.memory import MOST_BYTES, Memo, SupersededError
from duckstring.model.names import Line
from tests.integration import aws

SALES = Line("sales@1")
TRY = {"run": 42, "ripple": "load", "tried": 1}


@pytest.fixture
def world(monkeypatch):
    with aws.catchment(monkeypatch) as found:
        yield found


@pytest.fixture
def memories(world):
    return DynamoMemories(world.clients, world.settings.table)


def test_values_are_kept_one_by_one_in_the_items_of_their_tries(world, memories):
    first, again = (memories.of(SALES, **TRY, attempt=1) for _ in range(2))
    assert first.entries() == again.entries() == {}
    first.keep("run id", "7")
    again.keep("url", '"https://example.com"')
    first.keep("run id", "8")
    assert memories.last(SALES, **TRY) == {"run id": "8", "url": '"https://example.com"'}
    assert memories.last(SALES, **{**TRY, "tried": 2}) == {}
    [(key, item)] = world.items("WORK#sales@1").items()
    assert key == "MEMO#0000000042#load#1"
    assert set(item) == {"pk", "sk", "memo", "attempt", "looked"}


def test_the_attempt_that_looked_last_is_the_only_one_that_may_keep_anything(memories):
    early, late = (memories.of(SALES, **TRY, attempt=attempt) for attempt in (1, 2))
    early.entries()
    early.keep("a", "1")
    assert late.entries() == {"a": "1"}
    for late_word in (lambda: early.keep("a", "2"), early.entries):
        with pytest.raises(SupersededError):
            late_word()
    late.keep("a", "3")
    assert memories.last(SALES, **TRY) == {"a": "3"}


def test_all_that_may_be_remembered_fits_into_the_item(memories):
    memo = Memo(memories.of(SALES, **TRY, attempt=1))
    for number in range(4):
        memo.remember(f"{number}", "\u00fc" * (MOST_BYTES // 24 - 2))
    assert Memo(memories.of(SALES, **TRY, attempt=2)).recall("3", None) == "\u00fc" * (
        MOST_BYTES // 24 - 2
    )


def test_one_who_only_looks_claims_nothing(memories):
    memory = memories.of(SALES, **TRY, attempt=1)
    memory.entries()
    assert memories.last(SALES, **TRY) == {}
    memory.keep("a", json.dumps([1]))
    assert memories.last(SALES, **TRY) == {"a": "[1]"}
