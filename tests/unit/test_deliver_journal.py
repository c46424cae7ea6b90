"""What a delivery hands to the journal leads to the very state that it commits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.engine.effects import Effect, PublishSnapshot
from duckstring.engine.journal import Entry, folded
from duckstring.engine.signals import (
    Deployed,
    GateReached,
    Republished,
    RippleSucceeded,
    Signal,
    Triggered,
)
from duckstring.engine.state import PondState
from duckstring.errors import StateTooLargeError
from duckstring.model.catalog import TableVersion
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line, table_key
from duckstring.model.values import replace
from duckstring.orchestrator.deliver import deliver
from duckstring.orchestrator.ports import Held, Received
from duckstring.ports import Mark
from duckstring.testing.fakes import Machine, MemoryClock, MemoryMailbox, MemoryStateStore
from duckstring.testing.simulator import pond, seconds

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
KEY = table_key(SALES, "made", run=1, ripple="run", attempt=1, invocation="0a1b2c3d")
MADE = TableVersion("made", KEY, 1, 1, "abc")


@dataclass
class Store(MemoryStateStore):
    """Remembers each entry with the state before it and after it. ``too_large``: letters for which
    there is no room.
    """

    too_large: type[Signal] | None = None
    written: list[tuple[PondState, Entry, PondState]] = field(default_factory=list)

    def commit(
        self,
        held: Held,
        state: PondState,
        outbox: tuple[Effect, ...],
        mark: Mark,
        now: Instant = NEVER,
        entry: Entry | None = None,
    ) -> Held:
        assert entry is not None
        if self.too_large and any(isinstance(one, self.too_large) for one in entry.signals):
            raise StateTooLargeError("Too large.", hint="Less.")
        new = super().commit(held, state, outbox, mark, now, entry)
        self.written.append((held.state, entry, new.state))
        return new


class Sales:
    """A line, and what is delivered to it."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.sent = store, MemoryClock(NOON), 0
        mailbox = MemoryMailbox(self.clock)
        self.machine = Machine(self.clock, mailbox, lambda _line, _ripple: seconds(1))

    def take(self, *signals: Signal) -> None:
        letters = []
        for signal in signals:
            self.sent += 1
            letters.append(Received(signal, (self.sent, str(self.sent)), "token"))
        self.clock.instant += timedelta(seconds=1)
        deliver(
            SALES, letters, store=self.store, gates=self.machine,
            perform=lambda _state, _outbox: None, clock=self.clock,
        )  # fmt: skip

    def judge(self) -> Entry:
        """All entries lead from state to state; the last one."""
        for before, entry, after in self.store.written:
            found = replace(folded(before, entry).state, revision=entry.revision)
            assert found == after
        return self.store.written[-1][1]


def deployed(store: Store) -> Sales:
    line = Sales(store)
    line.take(Deployed(replace(pond("sales@1"), immediate_retries=3)))
    line.take(Triggered("pulse", NOON))
    return line


def test_letters_of_one_delivery_are_one_entry():
    line = deployed(Store())
    line.take(GateReached(1, 1, "run"), Triggered("tap", NOON))
    assert len(line.judge().signals) == 2


def test_a_success_that_has_no_room_is_kept_as_the_failure_that_it_was_taken_for():
    line = deployed(Store(too_large=RippleSucceeded))
    line.take(RippleSucceeded(1, "run", 1, {"made": MADE}))
    entry = line.judge()
    assert entry.spent == 1
    assert isinstance(entry.signals[0], GateReached)
    assert line.store.load(SALES).state.health == "failed"


def test_an_earlier_snapshot_is_kept_with_what_its_manifest_has():
    store = Store()
    line = deployed(store)
    line.take(RippleSucceeded(1, "run", 1, {"made": MADE}))
    line.take(Triggered("pulse", NOON + timedelta(minutes=1)))
    other = replace(MADE, key=KEY.replace("0000000001", "0000000002"), fingerprint="def")
    line.take(RippleSucceeded(2, "run", 1, {"made": other}))
    store.manifests[SALES, 1] = replace(
        store.manifests[SALES, 1], positions=store.manifests[SALES, 1].positions or {}
    )
    line.take(Republished(1, 2))
    (signal,) = line.judge().signals
    assert isinstance(signal, Republished)
    assert signal.tables
    assert isinstance(store.manifests[SALES, 1], PublishSnapshot)


@pytest.mark.parametrize("size", [0, 50_000])
def test_a_long_failure_is_kept_as_far_as_the_state_keeps_it(size):
    line = deployed(Store())
    failure = Failure("run", 1, "ValueError", "x" * size)
    line.take(GateReached(1, 1, "run", 1, "failed", failure))
    (signal,) = line.judge().signals
    assert isinstance(signal, GateReached)
    assert len(signal.failure.message) <= 1_200
