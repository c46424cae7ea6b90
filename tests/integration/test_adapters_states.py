"""States, outboxes and snapshots of lines in DynamoDB."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.published import DynamoPublished
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.effects import (
    AnswerGate,
    PublishSnapshot,
    SendPull,
)
from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError, StateTooLargeError
from duckstring.model.as_of import Kept
from duckstring.model.catalog import Position, TableVersion
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.ports import Held
from tests.integration.adapters_kit import NOW, SALES

TABLE = {"orders": TableVersion("orders", "data/sales@1/orders/1.parquet", 3, 100, "abc")}


class TestStates:
    def test_an_unknown_line_is_fresh(self, aws: Clients, table: str) -> None:
        assert DynamoStateStore(aws, table).load(SALES) == Held(PondState(SALES))

    def test_a_commit_is_read_back_whole_with_its_outbox_and_mark(
        self, aws: Clients, table: str
    ) -> None:
        store = DynamoStateStore(aws, table)
        committed = store.commit(
            store.load(SALES),
            PondState(SALES, end_f=NOW),
            (SendPull(Line("a@1"), NOW, NEVER),),
            (7, "008"),
            NOW,
        )
        assert committed.state.revision == 1
        assert store.load(SALES) == committed

    @pytest.mark.parametrize(
        "outbox", [(), (PublishSnapshot(1, NOW, TABLE),)], ids=["plain", "publishing"]
    )
    def test_of_two_commits_from_one_revision_the_second_is_refused(
        self, aws: Clients, table: str, outbox: tuple[PublishSnapshot, ...]
    ) -> None:
        store = DynamoStateStore(aws, table)
        for revision in range(2):  # a line's first commit and a later one
            held = store.load(SALES)
            winner = store.commit(held, PondState(SALES, failures=revision), (), (1, "1"))
            with pytest.raises(StateConflictError):
                store.commit(held, PondState(SALES, failures=99), outbox, (1, "1"))
            assert store.load(SALES) == winner
        assert store.read(SALES, 1) is None, "the loser's snapshot must not exist"

    def test_a_snapshot_is_there_as_soon_as_the_commit_that_publishes_it(
        self, aws: Clients, table: str
    ) -> None:
        store = DynamoStateStore(aws, table)
        snapshot = PublishSnapshot(4, NOW, TABLE)
        store.commit(store.load(SALES), PondState(SALES, snapshot=4), (snapshot,), (1, "1"))
        assert store.read(SALES, 4) == snapshot

    def test_a_snapshot_keeps_how_far_ripples_had_read_and_as_of_when_its_data_is(
        self, aws: Clients, table: str
    ) -> None:
        store, key = DynamoStateStore(aws, table), next(iter(TABLE.values())).key
        held = Held(PondState(SALES))
        taken = {"load": {"sales.orders": Position(key, whole=True)}}
        for number, positions, held_f in ((4, taken, NEVER), (5, {}, NOW), (6, None, NEVER)):
            snapshot = PublishSnapshot(number, NOW, TABLE, positions=positions, held_f=held_f)
            held = store.commit(held, held.state, (snapshot,), (0, ""))
            assert store.read(SALES, number) == snapshot
            assert held.outbox[0] == snapshot
            assert store.load(SALES).outbox == (PublishSnapshot(number, NOW, held_f=held_f),)

    def test_the_manifests_of_the_past_are_found_newest_first(
        self, aws: Clients, table: str
    ) -> None:
        store, held = DynamoStateStore(aws, table), Held(PondState(SALES))
        for number in (4, 9, 12):
            snapshot = PublishSnapshot(number, NOW + timedelta(hours=number), TABLE)
            held = store.commit(held, held.state, (snapshot,), (0, ""))
        published = DynamoPublished(aws, table)
        assert [one.number for one in published.kept(SALES, below=13, most=2)] == [12, 9]
        assert published.kept(SALES, below=9, most=3) == [Kept(4, NOW + timedelta(hours=4))]
        assert published.kept(SALES, below=4, most=3) == []
        assert published.kept(Line("sale@1"), below=99, most=3) == []
        wanted = [(SALES, 4), (SALES, 9), (SALES, 5), (Line("other@1"), 4)]
        found = published.read_many(wanted)
        assert {key: one.run for key, one in found.items()} == {(SALES, 4): 4, (SALES, 9): 9}
        assert found[SALES, 4].tables == TABLE

    def test_a_snapshot_is_not_kept_in_the_outbox_as_well(self, aws: Clients, table: str) -> None:
        store = DynamoStateStore(aws, table)
        committed = store.commit(
            store.load(SALES),
            PondState(SALES),
            (PublishSnapshot(4, NOW, TABLE), SendPull(SALES, NOW, NEVER)),
            (1, "1"),
        )
        assert committed.outbox[0] == PublishSnapshot(4, NOW, TABLE)
        assert store.load(SALES).outbox == (PublishSnapshot(4, NOW), SendPull(SALES, NOW, NEVER))

    def test_why_a_branch_is_sent_home_is_not_kept_for_a_second_time(
        self, aws: Clients, table: str
    ) -> None:
        store = DynamoStateStore(aws, table)
        answer = AnswerGate(4, 1, "load", "cancelled", failure=Failure("load", 1, "E", "m"))
        committed = store.commit(store.load(SALES), PondState(SALES), (answer,), (1, "1"))
        assert committed.outbox == (answer,)
        assert store.load(SALES).outbox == (replace(answer, failure=None),)

    @pytest.mark.parametrize(
        "outbox", [(), (PublishSnapshot(4, NOW, TABLE),)], ids=["alone", "with a manifest"]
    )
    def test_a_state_that_no_item_holds_is_refused_before_dynamodb_is_asked(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch, outbox: tuple[Any, ...]
    ) -> None:
        store = DynamoStateStore(aws, table)
        held = store.load(SALES)
        monkeypatch.setattr(aws.dynamodb, "put_item", lambda **_: pytest.fail("it was asked"))
        monkeypatch.setattr(
            aws.dynamodb, "transact_write_items", lambda **_: pytest.fail("it was asked")
        )
        sinks = {Line(f"s{number}@1"): (1, 0) for number in range(30_000)}
        with pytest.raises(StateTooLargeError, match="STATE of sales@1 would have 499,0"):
            store.commit(held, PondState(SALES, sinks=sinks), outbox, (1, "1"))

    def test_clearing_removes_the_outbox_of_that_commit_only(
        self, aws: Clients, table: str
    ) -> None:
        store = DynamoStateStore(aws, table)
        effects = (SendPull(Line("a@1"), NOW, NEVER),)
        first = store.commit(store.load(SALES), PondState(SALES), effects, (1, "1"))
        store.clear(first)
        assert store.load(SALES).outbox == ()
        second = store.commit(store.load(SALES), PondState(SALES), effects, (1, "2"))
        store.clear(first)
        assert store.load(SALES).outbox == second.outbox
