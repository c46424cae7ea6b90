"""A Pond's handle in memory, with what a job of another engine needs of it, and a clock that
waiting moves.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn

from duckstring.author.errors import EnvironmentMissingError
from duckstring.external import clock


class Paused(BaseException):
    """The invocation has ended and comes again after ``wait``."""

    def __init__(self, wait: str | None):
        super().__init__(wait)
        self.wait = wait


@dataclass
class MemoryPond:
    """What survives the workers of one try."""

    run_key: str = "sales-1-120-0123456789abcdef"
    environment: dict[str, str] = field(default_factory=dict)
    memory: dict[str, str] = field(default_factory=dict)
    ends: datetime = datetime(2100, 1, 1, tzinfo=UTC)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("duckstring.pond"))

    def remember(self, key: str, value: object) -> None:
        self.memory[key] = json.dumps(value)

    def recall(self, key: str, default: object = None) -> object:
        return json.loads(self.memory[key]) if key in self.memory else default

    def pause(self, wait: str | None = None) -> NoReturn:
        raise Paused(wait)

    def env(self, name: str) -> str:
        if name not in self.environment:
            raise EnvironmentMissingError(name)
        return self.environment[name]

    def retried(self) -> MemoryPond:
        """The next try, after the Ripple itself failed."""
        return MemoryPond(self.run_key[:-1] + "r", self.environment)


@dataclass
class Time:
    """Seconds since 1970."""

    now: float = 1_900_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def time(self) -> float:
        return self.now


@contextmanager
def virtual_time(_patch=None):
    """The clock of the jobs."""
    time = Time()
    with clock.replaced(time):
        yield time


def turns(job, pond, *, most=200, between=lambda wait: None, **inputs):
    """Call the job as its Ripple is called: again after each pause. What it returns, and the
    pauses.
    """
    pauses = []
    for _ in range(most):
        try:
            return job.run(pond, **inputs), pauses
        except Paused as paused:
            pauses.append(paused.wait)
            between(paused.wait)
    raise AssertionError(f"it still waits after {most} turns: {pauses[-5:]}")
