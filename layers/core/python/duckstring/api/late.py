"""Whether a line that runs or waits will pass its bound: from what runs took before.

It is reckoned when somebody asks, from rows of history. Nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from duckstring.engine.state import PondState
from duckstring.model.durations import duration_in_words
from duckstring.model.instants import ZERO, Instant, from_text, to_text
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound, due, in_words
from duckstring.model.windows import minute_in_words
from duckstring.ports import HistoryReader

if TYPE_CHECKING:
    from duckstring.model.answers.runs import RunRow
    from duckstring.model.answers.status import LateTold

ROWS = 40
"""Rows of a line's history that are read."""
_MOST_LINES = 20
_RECENT, _LEAST = 3, 3
"""Runs that say what a line takes now; and how many before these say what was usual."""
_SLOWER = 1.2
_SECOND = timedelta(seconds=1)

Rows = Callable[[Line], Sequence["RunRow"]]


@dataclass(frozen=True, slots=True)
class Takes:
    """How long the runs of a line take now; ``usual``: before that, if it was much less; ``since``:
    when the first slow one began.
    """

    line: Line
    now: timedelta
    usual: timedelta | None = None
    since: Instant | None = None

    @property
    def more(self) -> timedelta:
        """How much longer than before."""
        return self.now - self.usual if self.usual is not None else ZERO


@dataclass(frozen=True, slots=True)
class Late:
    """A line will pass its ``bound`` at ``at``, and is expected to publish at ``ready``, because of
    the line that is ``slow``.
    """

    bound: StaleBound
    at: Instant
    ready: Instant
    slow: Takes


def predicted(
    state: PondState, held: Mapping[Line, PondState], rows: Rows, now: Instant
) -> Late | None:
    """Where the line is going to pass its bound before it publishes.

    Args:
        state: the line's.
        held: of the lines above it.
        rows: gives a line's history, the newest run first.
        now: the time.
    """
    at = _due(state, now)
    if at is None or state.watch is None:
        return None
    walk = _Walk({**held, state.line: state}, rows, now)
    ready = walk.ready(state.line)
    if ready is None or ready <= at:
        return None
    slow = max(walk.path, key=lambda one: (one.more, one.now))
    return Late(state.watch.bound, at, ready, slow)


def may_be_late(state: PondState, now: Instant) -> bool:
    """Whether it is worth while to reckon: the line works or is asked for, and has a bound that it
    has not passed.
    """
    is_busy = bool(state.runs or state.targets) or state.pull is not None
    return is_busy and _due(state, now) is not None


def _due(state: PondState, now: Instant) -> Instant | None:
    watch = state.watch
    if watch is None or watch.is_stale:
        return None
    return due(watch, state.end_f, state.delay, now)


def will_be_late(state: PondState, held: Mapping[Line, PondState], rows: Rows, now: Instant) -> str:
    """``predicted`` as a sentence, or nothing."""
    late = predicted(state, held, rows, now)
    return sentence(late) if late is not None else ""


def sentence(late: Late) -> str:
    """When it will pass, because of whom, and when it is expected."""
    return (
        f"It will pass its bound ({in_words(late.bound)}) at {minute_in_words(_cut(late.at))}, "
        f"because {because(late.slow)}: it is expected at {minute_in_words(_cut(late.ready))}."
    )


def told(late: Late) -> LateTold:
    """In the form of docs/protocol.md."""
    return {
        "at": to_text(late.at),
        "expected": to_text(late.ready),
        "line": late.slow.line,
        "because": because(late.slow),
        "text": sentence(late),
    }


class Predictions:
    """Predictions for many lines of one answer, that read the history of at most 20 lines between
    them. Of the others nothing is known.
    """

    def __init__(self, history: HistoryReader, now: Instant) -> None:
        self._history, self._now = history, now
        self._rows: dict[Line, Sequence[RunRow]] = {}

    def of(self, state: PondState, held: Mapping[Line, PondState]) -> LateTold | None:
        """Of one line; ``held`` has the lines above it, as far as they were read."""
        if not may_be_late(state, self._now):
            return None
        late = predicted(state, held, self._read, self._now)
        return told(late) if late is not None else None

    def _read(self, line: Line) -> Sequence[RunRow]:
        if line not in self._rows:
            if len(self._rows) >= _MOST_LINES:
                return ()
            self._rows[line] = self._history.runs(now=self._now, limit=ROWS, line=line)
        return self._rows[line]


def because(slow: Takes) -> str:
    """``delays@1 takes 4m since 02:00, and took 1m before``."""
    takes = f"{slow.line} takes {_shown(slow.now)}"
    if slow.usual is None or slow.since is None:
        return takes
    return (
        f"{takes} since {minute_in_words(_cut(slow.since))}, and took {_shown(slow.usual)} before"
    )


class _Walk:
    """From the line to what it waits for. ``path`` has the lines that are waited for."""

    def __init__(self, held: Mapping[Line, PondState], rows: Rows, now: Instant) -> None:
        self._held, self._rows, self._now = held, rows, now
        self._seen: dict[Line, Instant | None] = {}
        self.path: list[Takes] = []

    def ready(self, line: Line) -> Instant | None:
        """When the line is expected to publish what it works on or is asked for. None: it does
        nothing, cannot, or nothing is known.
        """
        if line not in self._seen:
            self._seen[line] = None  # of a ring
            if len(self._seen) <= _MOST_LINES:
                self._seen[line] = self._reckon(line)
        return self._seen[line]

    def _reckon(self, line: Line) -> Instant | None:
        state = self._held.get(line)
        if state is None or state.blocked:
            return None
        going = [run for run in state.runs.values() if run.failure is None and not run.superseded]
        if not going and state.pull is None and not state.targets:
            return None
        took = takes(line, self._rows(line))
        if took is None:
            return None
        self.path.append(took)
        if going:
            return max(min(run.started for run in going) + took.now, self._now)
        required = (source for source, view in state.sources.items() if not view.optional)
        awaited = [at for source in required if (at := self.ready(source)) is not None]
        return max(awaited, default=self._now) + took.now


def takes(line: Line, rows: Sequence[RunRow]) -> Takes | None:
    """What the line's runs take. None: none has succeeded."""
    ended = [
        (from_text(row["started"]), from_text(row["finished"]) - from_text(row["started"]))
        for row in rows
        if row["status"] == "success" and row["finished"]
    ]
    if not ended:
        return None
    recent, before = ended[:_RECENT], ended[_RECENT:]
    now = _median(recent)
    usual = _median(before) if len(before) >= _LEAST else None
    if usual is None or now < max(usual * _SLOWER, usual + _SECOND):
        return Takes(line, now)
    since = recent[0][0]
    for began, took in ended:
        if took < (now + usual) / 2:
            break
        since = began
    return Takes(line, now, usual, since)


def _median(ended: Sequence[tuple[Instant, timedelta]]) -> timedelta:
    return timedelta(seconds=median(took.total_seconds() for _, took in ended))


def _shown(duration: timedelta) -> str:
    return duration_in_words(timedelta(seconds=max(1, round(duration.total_seconds()))))


def _cut(at: Instant) -> Instant:
    return at.replace(microsecond=0)
