"""What is done of an outbox, and under which keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from duckstring.engine.effects import Announce, SetAlarm, TellSinks
from duckstring.engine.signals import SourceTold
from duckstring.engine.state import Down, PondState, SourceReport
from duckstring.model.limits import REASON, stored_bytes
from duckstring.model.names import Line
from duckstring.orchestrator.perform import perform
from duckstring.orchestrator.ports import EffectPorts
from duckstring.testing.fakes import (
    MemoryClock,
    MemoryMailbox,
    MemoryNotes,
    MemorySchedules,
    MemoryWorkers,
)

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


def test_a_reason_of_an_outbox_of_before_is_told_in_as_many_words_as_a_sink_takes() -> None:
    mine, state = ports(), PondState(Line("sales@1"), revision=7, sinks={Line("reports@1"): (1, 0)})
    down = Down(Line("sales@1"), "failed", "\u00e9" * 99_000)
    perform(state, (TellSinks(SourceReport(NOON, NOON, snapshot=7, down=down)),), mine)
    (letter,) = mine.mailbox.queues[Line("reports@1")]
    assert isinstance(letter.signal, SourceTold)
    assert letter.signal.report.down
    assert REASON - 5 < stored_bytes(letter.signal.report.down.message) <= REASON
