"""What is done of an outbox, and under which keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from duckstring.engine.effects import Announce, RecordAttempt, RecordRun, SetAlarm, TellSinks
from duckstring.engine.signals import SourceTold
from duckstring.engine.state import Down, PondState, SourceReport
from duckstring.model.limits import REASON, stored_bytes
from duckstring.model.names import Line
from duckstring.model.values import replace
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


class Heard:
    """Whoever is told of runs, and which rows were written by then."""

    def __init__(self, notes: MemoryNotes) -> None:
        self.notes = notes
        self.told: list[tuple[list[int], set[tuple[str, int]]]] = []

    def tell(self, line: Line, rows: Sequence[RecordRun]) -> None:
        written = {("run", run) for _, run in self.notes.runs}
        written |= {("attempt", run) for _, run, _, _ in self.notes.attempts}
        self.told.append(([row.run for row in rows], written))


def test_runs_are_told_once_their_rows_and_those_of_their_attempts_are_written() -> None:
    mine, state = ports(), PondState(Line("sales@1"), revision=7)
    heard = Heard(mine.history)
    mine = replace(mine, news=heard)
    row = RecordRun(3, NOON, "1.0.0", "killed", NOON, NOON)
    begun = RecordRun(4, NOON, "1.0.0", "running", NOON)
    attempt = RecordAttempt(3, "load", 1, "killed", NOON)
    perform(state, (row, begun, attempt), mine)
    perform(state, (SetAlarm(NOON),), mine)
    assert heard.told == [([3, 4], {("run", 3), ("run", 4), ("attempt", 3)})]
