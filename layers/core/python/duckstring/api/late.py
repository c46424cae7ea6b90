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
from duckstring.model.instants import ZERO, Instant, from_text
from duckstring.model.names import Line
from duckstring.model.staleness import due, in_words
from duckstring.model.windows import minute_in_words

if TYPE_CHECKING:
    from duckstring.model.answers.runs import RunRow

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


def will_be_late(state: PondState, held: Mapping[Line, PondState], rows: Rows, now: Instant) -> str:
    """A sentence where the line is going to pass its bound before it publishes; else empty.

    Args:
        state: the line's.
        held: of the lines above it.
        rows: gives a line's history, the newest run first.
        now: the time.
    """
    watch = state.watch
    if watch is None or watch.is_stale:
        return ""
    at = due(watch, state.end_f, state.delay, now)
    if at is None:
        return ""
    walk = _Walk({**held, state.line: state}, rows, now)
    ready = walk.ready(state.line)
    if ready is None or ready <= at:
        return ""
    slow = max(walk.path, key=lambda one: (one.more, one.now))
    return (
        f"It will pass its bound ({in_words(watch.bound)}) at {minute_in_words(_cut(at))}, "
        f"{_because(slow)}: it is expected at {minute_in_words(_cut(ready))}."
    )


def _because(slow: Takes) -> str:
    takes = f"because {slow.line} takes {_shown(slow.now)}"
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
