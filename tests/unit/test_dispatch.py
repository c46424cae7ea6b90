"""What is done of an outbox, and under which keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from duckstring.adapters.memory.ports import MemoryClock, MemoryMailbox, MemoryNotes, MemorySchedules, MemoryWorkers
from duckstring.engine.effects import Announce, SetAlarm
from duckstring.engine.state import PondState
from duckstring.model.names import Line
from duckstring.service.dispatch import Hands, perform

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
FIRST = Announce("failed", "", NOON, 1, "no rows")
SECOND = Announce("failed", "", NOON + timedelta(seconds=5), 2, "no rows, either")


def hands() -> Hands:
    clock = MemoryClock(NOON)
    mailbox = MemoryMailbox(clock)
    notes = MemoryNotes(clock, mailbox)
    return Hands(mailbox, None, None, notes, notes, notes, MemorySchedules(), MemoryWorkers())


def test_two_runs_that_fail_in_one_delivery_are_two_events() -> None:
    mine, state = hands(), PondState(Line("sales@1"), revision=7)
    perform(state, (FIRST, SetAlarm(NOON), SECOND), mine)
    assert list(mine.bus.events.values()) == [FIRST, SECOND]
    perform(state, (FIRST, SetAlarm(NOON), SECOND), mine)
    assert list(mine.bus.events) == ["sales@1:7:0:failed", "sales@1:7:2:failed"]
