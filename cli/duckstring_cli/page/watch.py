"""The status of a Catchment, for any number of open pages: read while somebody waits, and told
when it has changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from duckstring.model.answers import StatusAnswer

_OF_THE_CLOCK = "staleness_seconds"
"""It grows by itself; a page reckons it from ``end_f``."""


class StatusWatch:
    """Reads the status at most once in ``every`` seconds, however many ask."""

    def __init__(self, read: Callable[[], StatusAnswer], *, every: float) -> None:
        self._read, self._every = read, every
        self._lock = asyncio.Lock()
        self._read_at: float | None = None
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
            await asyncio.sleep(min(self._every, left))

    def expire(self) -> None:
        """Something was changed: the next look reads anew."""
        self._read_at = None

    async def _refresh(self) -> None:
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if self._read_at is not None and clock() - self._read_at < self._every:
                return
            began = clock()
            answer = await asyncio.to_thread(self._read)
            self._answer, self._version, self._read_at = answer, version_of(answer), began


def version_of(answer: StatusAnswer) -> str:
    """Equal for two answers that say the same at different times."""
    said = json.dumps([_timeless(line) for line in answer["lines"]], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:20]


def _timeless(part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [_timeless(one) for one in value] if name == "sources" else value
        for name, value in part.items()
        if name != _OF_THE_CLOCK
    }
