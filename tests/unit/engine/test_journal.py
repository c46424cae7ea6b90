"""The journal, read back: what each entry led to, and what is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duckstring.engine.journal import (
    Chapter,
    Entry,
    Told,
    Unknown,
    brief,
    folded,
    state_at,
    told,
)
from duckstring.engine.signals import (
    AlarmRang,
    ComputePinned,
    Deployed,
    ExecutionEnded,
    GateReached,
    Ordered,
    RippleSucceeded,
    Signal,
    SourceTold,
    Triggered,
)
from duckstring.engine.state import Down, PondState, SourceReport
from duckstring.model.checks import CHECKS, CheckWarning
from duckstring.model.failures import Failure
from duckstring.model.limits import MESSAGE, stored_bytes
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import pond

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SIGNALS = (Deployed(pond("sales@1")), Triggered("pulse", NOON), Ordered("kill", NOON), AlarmRang())


def story() -> tuple[list[Entry], list[PondState]]:
    """An entry for each of SIGNALS, a second apart, and the states: the first is that before."""
    entries, states = [], [PondState(SALES)]
    for number, signal in enumerate(SIGNALS, start=1):
        entries.append(Entry(number, NOON + number * SECOND, (signal,)))
        after = folded(states[-1], entries[-1]).state
        states.append(replace(after, revision=number))
    return entries, states


ENTRIES, STATES = story()
WHOLE = Chapter(STATES[4], NOON + 4 * SECOND, entries=tuple(ENTRIES))


def test_the_entries_of_a_new_line_lead_to_each_of_its_states():
    found = list(told(None, WHOLE))
    assert [one.state for one in found] == STATES[1:]
    assert [one.before for one in found] == STATES[:4]
    assert not any(one.differs for one in found)
    assert found[1].effects == folded(STATES[1], ENTRIES[1]).effects


def test_entries_go_on_from_the_chapter_before():
    first = Chapter(STATES[2], NOON + 2 * SECOND, "first", tuple(ENTRIES[:2]))
    second = Chapter(STATES[4], NOON + 4 * SECOND, entries=tuple(ENTRIES[2:]))
    assert [one.state for one in told(first, second)] == STATES[3:]


def test_what_the_chapter_before_has_as_well_is_told_once():
    first = Chapter(STATES[2], NOON + 2 * SECOND, "first", tuple(ENTRIES[:2]))
    assert [one.state for one in told(first, WHOLE)] == STATES[3:]
    assert state_at(first, WHOLE, NOON + 2.5 * SECOND) == STATES[2]


def test_without_the_chapter_before_nothing_is_known_until_the_end():
    second = Chapter(STATES[4], NOON + 4 * SECOND, entries=tuple(ENTRIES[2:]))
    assert list(told(None, second)) == [Unknown(None, NOON + 4 * SECOND)]
    assert state_at(None, second, NOON) == Unknown(None, NOON + 4 * SECOND)
    bare = Chapter(STATES[4], NOON + 4 * SECOND)
    assert list(told(None, bare)) == [Unknown(None, NOON + 4 * SECOND)]


def test_a_revision_that_is_missing_is_a_gap():
    chapter = replace(WHOLE, entries=(*ENTRIES[:2], *ENTRIES[3:]))
    *known, gap = told(None, chapter)
    assert [one.state for one in known] == STATES[1:3]
    assert gap == Unknown(NOON + 2 * SECOND, NOON + 4 * SECOND)
    assert state_at(None, chapter, NOON + 2 * SECOND) == STATES[2]
    assert state_at(None, chapter, NOON + 2.5 * SECOND) == gap


def test_letters_that_were_left_out_are_a_gap_from_when_they_came():
    left_out = Entry(3, NOON + 3 * SECOND, left_out=2)
    chapter = replace(WHOLE, entries=(*ENTRIES[:2], left_out))
    *_, gap = told(None, chapter)
    assert gap == Unknown(NOON + 3 * SECOND - timedelta(microseconds=1), NOON + 4 * SECOND)
    assert state_at(None, chapter, NOON + 2.9 * SECOND) == STATES[2]
    assert state_at(None, chapter, NOON + 3 * SECOND) == gap


def test_entries_that_end_too_early_are_a_gap():
    chapter = replace(WHOLE, entries=tuple(ENTRIES[:3]))
    assert list(told(None, chapter))[-1] == Unknown(NOON + 3 * SECOND, NOON + 4 * SECOND)


def test_the_state_at_an_instant_is_that_of_the_last_commit_by_then():
    begin = Chapter(STATES[1], NOON + SECOND, "begin", tuple(ENTRIES[:1]))
    rest = replace(WHOLE, entries=tuple(ENTRIES[1:]))
    at = [NOON + part * SECOND for part in (1.5, 2, 2.5, 3.999)]
    assert [state_at(begin, rest, one) for one in at] == [STATES[i] for i in (1, 2, 2, 3)]
    assert state_at(None, WHOLE, NOON) == PondState(SALES)


def test_a_clock_that_was_set_back_changes_no_order():
    back = (ENTRIES[0], replace(ENTRIES[1], now=NOON + 9 * SECOND), *ENTRIES[2:])
    state, stored = PondState(SALES), []
    for entry in back:
        state = replace(folded(state, entry).state, revision=entry.revision)
        stored.append(state)
    chapter = Chapter(state, NOON + 9 * SECOND, entries=back)
    assert state_at(None, chapter, NOON + 5 * SECOND) == stored[0]


def test_a_release_with_other_rules_says_so():
    chapter = replace(WHOLE, state=replace(STATES[4], failures=7))
    *_, last = told(None, chapter)
    assert isinstance(last, Told)
    assert last.differs
    assert state_at(None, chapter, NOON + 2 * SECOND) == Unknown(
        None, NOON + 4 * SECOND, differs=True
    )
    begin = Chapter(STATES[1], NOON + SECOND, "begin", tuple(ENTRIES[:1]))
    rest = replace(chapter, entries=tuple(ENTRIES[1:]))
    found = state_at(begin, rest, NOON + 2 * SECOND)
    assert found == Unknown(NOON + SECOND, NOON + 4 * SECOND, differs=True)


def test_a_run_that_was_left_no_retry_is_folded_so():
    release = replace(pond("sales@1"), immediate_retries=2)
    state = folded(PondState(SALES), Entry(1, NOON, (Deployed(release),))).state
    state = folded(state, Entry(2, NOON, (Triggered("pulse", NOON),))).state
    (run,) = state.runs.values()
    failed = GateReached(1, 1, "run", 1, "failed", Failure("run", 1, "StateTooLargeError", "large"))
    assert run.budget == 2
    assert folded(state, Entry(3, NOON, (failed,), spent=1)).state.health == "failed"
    assert folded(state, Entry(3, NOON, (failed,))).state.health == "ok"
    assert folded(state, Entry(3, NOON, (failed,), spent=9)).state.health == "ok"


LONG = "wörd\n" * 8_000
TEXTS: dict[str, Signal] = {
    "failed": GateReached(1, 1, "run", 1, "failed", Failure("run", 1, LONG, LONG)),
    "lost": GateReached(1, 1, "run", 1, "lost", Failure("run", 1, LONG, LONG)),
    "ended": ExecutionEnded(1, 1, LONG, LONG),
    "down": SourceTold(
        SALES, SourceReport(NOON, NOON, down=Down(SALES, "failed", LONG, error=LONG)), (9, 0)
    ),
    "warned": RippleSucceeded(
        1, CHECKS, 1, warnings=tuple(CheckWarning(f"c{n}", n, LONG) for n in range(80))
    ),
    "short": Triggered("tap", NOON),
    "waits": GateReached(1, 1, "run"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_an_entry_keeps_as_much_of_long_texts_as_the_state_does(name):
    release = pond("delays@1", "sales@1", checks=("c0",))
    begun = [
        Deployed(release),
        SourceTold(SALES, SourceReport(NOON, NOON, snapshot=1), (1, 0)),
        Triggered("pulse", NOON),
        *([RippleSucceeded(1, "run", 1)] if name == "warned" else []),
        *(TEXTS["ended"] for _ in range(4) if name == "ended"),
    ]
    state = folded(PondState(Line("delays@1")), Entry(1, NOON, tuple(begun))).state
    entry = Entry(2, NOON + SECOND, (TEXTS[name],))
    assert folded(state, brief(entry)).state == folded(state, entry).state
    assert folded(state, entry).state != state or name in {"short", "waits", "ended"}
    assert len(repr(brief(entry))) < 20_000
    assert name not in {"short", "waits"} or brief(entry) == entry


@pytest.mark.parametrize("size", [10, 1_150, 1_180, 1_196, 1_201, 4_000])
@pytest.mark.parametrize("more", range(3))
def test_a_long_text_of_an_attempt_that_was_pinned_is_cut_alike_and_names_the_pin(size, more):
    begun = (
        Deployed(pond("sales@1")),
        ComputePinned("run", "lambda"),
        Triggered("pulse", NOON),
    )
    state = folded(PondState(SALES), Entry(1, NOON, begun)).state
    failure = Failure("run", 1, "MemoryError", "x" * more + "\u6f22" * (size // 3))
    entry = Entry(2, NOON, (GateReached(1, 1, "run", 1, "memory", failure),))
    after = folded(state, entry).state
    assert folded(state, brief(entry)).state == after
    assert after.failure is not None
    assert "It is pinned to the function" in after.failure.message
    assert stored_bytes(after.failure.message) <= MESSAGE
