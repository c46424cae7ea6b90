"""Heartbeats of the emulator's Step Functions: a task that waits for a token fails when its worker
falls silent, as in AWS.

Standard library only: part of the server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from duckstring_cli.local.emulator import ministack

_ERROR = {"Error": "States.HeartbeatTimeout", "Cause": ""}


@dataclass(slots=True)
class _Awaited:
    """A task that has to be heard of every so many ``seconds``; ``scope``: its account and
    region.
    """

    seconds: float
    scope: tuple[str, str]
    heard: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> float:
        return self.heard + self.seconds


class Heartbeats:
    """The tokens that have to be heard of. One thread sleeps until the first of them would be
    late.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._awaited: dict[str, _Awaited] = {}

    def supply(self) -> None:
        """Have the emulator's tasks keep their ``HeartbeatSeconds``."""
        states, responses = ministack("services.stepfunctions"), ministack("core.responses")
        invoke, hear = states._invoke_with_callback, states._send_task_heartbeat  # noqa: SLF001 - the emulator's edge

        def invoke_and_await(resource: Any, given: Any, token: str, definition: Any) -> Any:  # noqa: ANN401
            seconds = definition.get("HeartbeatSeconds")
            if seconds is None:
                return invoke(resource, given, token, definition)
            with self._awaiting(
                token,
                _Awaited(float(seconds), (responses.get_account_id(), responses.get_region())),
            ):
                return invoke(resource, given, token, definition)

        def hear_and_note(data: Any) -> Any:  # noqa: ANN401
            answer = hear(data)
            self._note(str(data.get("taskToken")))
            return answer

        states._invoke_with_callback, states._send_task_heartbeat = invoke_and_await, hear_and_note  # noqa: SLF001
        threading.Thread(target=self._watch, name="heartbeats", daemon=True).start()

    @contextmanager
    def _awaiting(self, token: str, task: _Awaited) -> Iterator[None]:
        with self._changed:
            self._awaited[token] = task
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._awaited.pop(token, None)

    def _note(self, token: str) -> None:
        with self._changed:
            if task := self._awaited.get(token):
                task.heard = time.monotonic()

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
                _fail(token, task)


def _fail(token: str, task: _Awaited) -> None:
    waiting = ministack("services.stepfunctions")._task_tokens.get_scoped(*task.scope, token)  # noqa: SLF001
    if waiting and not waiting["event"].is_set():
        waiting["error"] = dict(_ERROR)
        waiting["event"].set()
