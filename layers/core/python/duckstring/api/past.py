"""Which snapshot of a line held as of an instant. Rules: docs/query.md, "One freshness"."""

from __future__ import annotations

from collections.abc import Collection

from duckstring.api.ports import PublishedReader
from duckstring.engine.state import PondState
from duckstring.model.as_of import Look, dropped_before, holding, oldest
from duckstring.model.instants import Instant
from duckstring.model.names import Line


class Past:
    """The snapshots of lines that are kept, since the line was removed last. Threads may share it
    after ``learn``.
    """

    def __init__(self, published: PublishedReader, now: Instant) -> None:
        """Look at what ``published`` has."""
        self._published, self._now = published, now
        self._dropped: dict[Line, int | None] = {}

    def learn(self, lines: Collection[Line]) -> None:
        """Read up to where the sweep has deleted snapshots of these lines, in one request."""
        if new := set(lines) - self._dropped.keys():
            found = self._published.dropped(new)
            self._dropped |= {line: found.get(line) for line in new}

    def number(self, state: PondState, at: Instant) -> int:
        """The number of the snapshot that held as of an instant before the line's newest. 0: it is
        not kept, or there was none yet.
        """
        kept = holding(self._look(state.line), state.snapshot, at, dropped=self._gone(state))
        return kept.number if kept is not None else 0

    def oldest(self, state: PondState) -> Instant:
        """The freshness of the oldest snapshot that is kept for sure."""
        return oldest(self._look(state.line), state.snapshot, dropped=self._gone(state)).f

    def _gone(self, state: PondState) -> int:
        """The greatest number of a snapshot that does not count any more."""
        self.learn([state.line])
        number = self._dropped[state.line]
        if number is None:
            number = dropped_before(self._look(state.line), state.snapshot, now=self._now)
        return max(number, state.former)

    def _look(self, line: Line) -> Look:
        return lambda below, most: self._published.kept(line, below=below, most=most)
