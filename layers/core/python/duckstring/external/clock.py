"""The clock of the jobs: a fake engine (``duckstring.external.fake``) puts one in its place that
waiting moves.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """Tells the time, and waits."""

    def time(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class _System:
    """The machine's own."""

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float, /) -> None:
        time.sleep(seconds)


_clocks: list[Clock] = [_System()]
"""The last one counts."""


def now() -> float:
    """Seconds since 1970."""
    return _clocks[-1].time()


def sleep(seconds: float) -> None:
    """Wait."""
    _clocks[-1].sleep(seconds)


@contextmanager
def replaced(clock: Clock) -> Iterator[None]:
    """Another clock, as long as the block lasts."""
    _clocks.append(clock)
    try:
        yield
    finally:
        _clocks.remove(clock)
