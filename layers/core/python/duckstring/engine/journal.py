"""The journal of a line: the letters of each commit, so that the past can be told.

An entry has all that a commit was made of. A commit and its replay call the same function
(``folded``), so the fold of the entries from a stored state gives each state that was stored after
it. A later release may come to another one. A chapter ends with the stored state, so a reader finds
that out (``Told.differs``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from duckstring.engine.effects import Effect
from duckstring.engine.ripples import kept_warnings
from duckstring.engine.signals import (
    ExecutionEnded,
    GateReached,
    RippleSucceeded,
    Signal,
    SourceTold,
)
from duckstring.engine.state import PondState, bounded
from duckstring.engine.step import Step, steps
from duckstring.model.failures import shortened
from duckstring.model.instants import NEVER, Instant
from duckstring.model.limits import CAUSE, within
from duckstring.model.values import Value, replace

_JUST = timedelta(microseconds=1)


class Entry(Value, frozen=True):
    """One commit: the letters that were folded at ``now``, and the revision that they led to.

    ``spent``: the run that was left no retry, because there was no room for what its Ripple wrote.
    ``left_out``: so many letters were too large for the journal.
    """

    revision: int
    now: Instant
    signals: tuple[Signal, ...] = ()
    spent: int = 0
    left_out: int = 0


class Chapter(Value, frozen=True):
    """Entries that lie together, and the state that the last of them led to, as it was stored.

    ``at``: when that was; the latest instant before, if a clock was set back. ``key``: empty while
    the chapter is being written.
    """

    state: PondState
    at: Instant = NEVER
    key: str = ""
    entries: tuple[Entry, ...] = ()


class Told(NamedTuple):
    """What an entry led to. ``differs``: this release comes to another state at the end of the
    chapter than the one that was stored.
    """

    entry: Entry
    before: PondState
    state: PondState
    effects: tuple[Effect, ...]
    differs: bool = False


class Unknown(NamedTuple):
    """What the line was like after ``since`` and before ``until`` cannot be told: it is not kept,
    or (``differs``) this release comes to another state than the one that was stored. ``since``:
    None if nothing before is kept.
    """

    since: Instant | None
    until: Instant
    differs: bool = False


def folded(state: PondState, entry: Entry) -> Step:
    """What the entry makes of ``state``. The new state still has the old revision: the store raises
    it.
    """
    run = state.runs.get(entry.spent)
    if run is not None:
        state = replace(state, runs={**state.runs, run.number: replace(run, budget=0)})
    return steps(state, entry.signals, entry.now)


def brief(entry: Entry) -> Entry:
    """The entry with as much of long texts as a state keeps of them. It leads to the same state.

    So a journal holds no text that is not stored anyway, and few bytes.
    """
    return replace(entry, signals=tuple(map(_brief, entry.signals)))


def _brief(signal: Signal) -> Signal:
    match signal:
        case GateReached() if signal.failure is not None:
            return replace(signal, failure=shortened(signal.failure))
        case SourceTold():
            return replace(signal, report=bounded(signal.report))
        case ExecutionEnded(_, _, status, cause):
            return replace(signal, status=within(status, CAUSE), cause=within(cause, CAUSE))
        case RippleSucceeded() if signal.warnings:
            return replace(signal, warnings=kept_warnings(signal.warnings))
        case _:
            return signal


def told(before: Chapter | None, chapter: Chapter) -> Iterator[Told | Unknown]:
    """What the entries of a chapter led to, one after the other, as far as that is known. What is
    ``Unknown`` comes last.

    Args:
        before: the chapter before. None: it is not kept, or there was none, because the line is
            new.
        chapter: whose entries are told.
    """
    state = before.state if before is not None else _new(chapter)
    since = before.at if before is not None else None
    for entry in chapter.entries:
        if state is not None and entry.revision <= state.revision:
            continue  # told already: who ended the chapter before died, and the next one did not
        if state is None or entry.revision != state.revision + 1:
            break
        if entry.left_out:
            since = entry.now - _JUST
            break
        stepped = folded(state, entry)
        after = replace(stepped.state, revision=entry.revision)
        differs = entry.revision == chapter.state.revision and after != chapter.state
        yield Told(entry, state, after, stepped.effects, differs)
        state, since = after, entry.now
    if state is None or state.revision != chapter.state.revision:
        yield Unknown(since, chapter.at)


def _new(chapter: Chapter) -> PondState | None:
    """The state before a line's first letter. None: the chapter is not a line's first."""
    is_first = bool(chapter.entries) and chapter.entries[0].revision == 1
    return PondState(chapter.state.line) if is_first else None


def state_at(before: Chapter | None, chapter: Chapter, at: Instant) -> PondState | Unknown:
    """What the line was like at an instant after the end of the chapter ``before``, and before the
    end of ``chapter``. ``before`` is None as for ``told``.
    """
    state = before.state if before is not None else _new(chapter)
    is_past = False
    for one in told(before, chapter):
        if isinstance(one, Unknown):
            if one.since is None or at > one.since:
                return one
        elif one.differs:
            return Unknown(before.at if before else None, chapter.at, differs=True)
        elif one.entry.now > at:
            is_past = True
        elif not is_past:
            state = one.state
    assert state is not None  # noqa: S101 - otherwise nothing is kept before, and all is unknown
    return state
