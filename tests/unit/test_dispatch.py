"""What is done of an outbox, and under which keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from duckstring.engine.effects import Announce, SetAlarm
from duckstring.engine.state import PondState
from duckstring.model.names import Line
from duckstring.orchestrator.perform import perform
from duckstring.orchestrator.ports import EffectPorts
from duckstring.testing.fakes import MemoryClock, MemoryMailbox, MemoryNotes, MemorySchedules, MemoryWorkers

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
FIRST = Announce("failed", "", NOON, 1, "no rows")
SECOND = Announce("failed", "", NOON + timedelta(seconds=5), 2, "no rows, either")


def ports() -> EffectPorts:
    clock = MemoryClock(NOON)
    mailbox = MemoryMailbox(clock)
    notes = MemoryNotes(clock, mailbox)
    return EffectPorts(mailbox, None, None, notes, notes, notes, MemorySchedules(), MemoryWorkers())


def test_two_runs_that_fail_in_one_delivery_are_two_events() -> None:
    mine, state = ports(), PondState(Line("sales@1"), revision=7)
    perform(state, (FIRST, SetAlarm(NOON), SECOND), mine)
    assert list(mine.bus.events.values()) == [FIRST, SECOND]
    perform(state, (FIRST, SetAlarm(NOON), SECOND), mine)
    assert list(mine.bus.events) == ["sales@1:7:0:failed", "sales@1:7:2:failed"]
