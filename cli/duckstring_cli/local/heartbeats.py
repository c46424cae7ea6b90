"""Heartbeats of state machines: a task that waits for a token fails when its worker falls silent,
as in AWS. ``patches/heartbeats.py`` has the emulator ask here.

Standard library only: part of the server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Scope = tuple[str, str]
"""An account and a region."""


@dataclass(slots=True)
class _Awaited:
    """A task that must send a heartbeat every so many ``seconds``."""

    seconds: float
    scope: Scope
    last_beat: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> float:
        return self.last_beat + self.seconds


class Heartbeats:
    """The tokens that must send heartbeats. One thread sleeps until the first of them would be
    late.
    """

    def __init__(self, fail: Callable[[Scope, str], None]) -> None:
        """``fail`` ends the task of a token that is late."""
        self._fail = fail
        self._changed = threading.Condition()
        self._awaited: dict[str, _Awaited] = {}

    def start(self) -> None:
        """Watch."""
        threading.Thread(target=self._watch, name="heartbeats", daemon=True).start()

    @contextmanager
    def awaiting(self, token: str, seconds: float, scope: Scope) -> Iterator[None]:
        """Within the block, the token must send a heartbeat every so many ``seconds``."""
        with self._changed:
            self._awaited[token] = _Awaited(seconds, scope)
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._awaited.pop(token, None)

    def note(self, token: str) -> None:
        """Record a heartbeat."""
        with self._changed:
            if task := self._awaited.get(token):
                task.last_beat = time.monotonic()

    def _watch(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                late = {token: task for token, task in self._awaited.items() if task.due <= now}
                for token in late:
                    del self._awaited[token]
                if not late:
                    first = min((task.due for task in self._awaited.values()), default=None)
                    self._changed.wait(None if first is None else first - now)
            for token, task in late.items():
                self._fail(task.scope, token)
