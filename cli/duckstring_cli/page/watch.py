"""The status of a Catchment, for any number of open pages: read while somebody waits, and told
when it has changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from duckstring.model.answers.status import StatusAnswer
from duckstring.model.instants import to_text
from duckstring_cli.page.looks import Known, any_runs

_OF_THE_CLOCK = "staleness_seconds"
"""It grows by itself; a page reckons it from ``end_f``."""
_STAYS_BUSY = 30.0
"""Seconds after a change."""


class Read(Protocol):
    """Reads the status."""

    def __call__(self, *, lines: Sequence[str] | None) -> StatusAnswer:
        """Of ``lines``, or of all of them."""


@dataclass(frozen=True)
class Pace:
    """Seconds between two looks: while something runs or has just changed, and otherwise."""

    busy: float
    quiet: float


class StatusWatch:
    """Reads the status at its pace, however many ask, and nothing while nobody does."""

    def __init__(self, read: Read, *, pace: Pace) -> None:
        self._read, self._pace = read, pace
        self._lock = asyncio.Lock()
        self._known = Known()
        self._acted_on: set[str] = set()
        self._expired = 0
        self._read_at: float | None = None
        self._changed_at = 0.0
        self._answer: StatusAnswer | None = None
        self._version = ""

    async def newest(self, after: str, wait: float) -> tuple[str, StatusAnswer | None]:
        """The status and its version, as soon as that is not ``after``.

        None instead of the status: it has not changed within ``wait`` seconds.

        Raises:
            OperatorError: the Catchment does not answer.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + wait
        while True:
            await self._refresh()
            if self._version != after:
                return self._version, self._answer
            left = until - clock()
            if left <= 0:
                return self._version, None
            await asyncio.sleep(min(self._pace.busy, left))

    def expire(self, line: str | None = None) -> None:
        """Somebody has acted, on ``line`` if that is known: the next look is at once."""
        self._expired += 1
        self._read_at = None
        self._changed_at = asyncio.get_running_loop().time()
        if line:
            self._acted_on.add(line)

    async def _refresh(self) -> None:
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if self._read_at is not None and clock() - self._read_at < self._every(clock()):
                return
            began, now = clock(), to_text(datetime.now(UTC))
            acted_on, expired = frozenset(self._acted_on), self._expired
            lines = self._known.next_look(now, acted_on)
            answer = self._known.take(await asyncio.to_thread(self._read, lines=lines))
            if (version := version_of(answer)) != self._version:
                self._changed_at = began
            self._answer, self._version = answer, version
            # What somebody did meanwhile may not be in it.
            if expired == self._expired:
                self._read_at = began
                self._acted_on -= acted_on if lines is None else set(lines)

    def _every(self, now: float) -> float:
        is_busy = now - self._changed_at < _STAYS_BUSY or (
            self._answer is not None and any_runs(self._answer["lines"])
        )
        return self._pace.busy if is_busy else self._pace.quiet


def version_of(answer: StatusAnswer) -> str:
    """Equal for two answers that say the same at different times."""
    of_all = [answer.get("limits"), answer.get("maintenance")]
    lines = [_timeless(line) for line in answer["lines"]]
    said = json.dumps([lines, of_all], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:20]


def _timeless(part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [_timeless(one) for one in value] if name == "sources" else value
        for name, value in part.items()
        if name != _OF_THE_CLOCK
    }
