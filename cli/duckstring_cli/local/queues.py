"""The emulator's queues: kept over a restart, and changed by one thread at a time. Standard library
only: part of the server.

Requests are handled by one thread, state machines send from threads of their own, and pollers take
and delete in theirs. The emulator guards its pollers from each other, not from who sends meanwhile:
a message that came while the messages that stay were being gathered was lost with them, and a send
that met another failed with an error that no state machine can catch.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from duckstring_cli.local.emulator import ministack

_ACTIONS = (
    "SendMessage",
    "SendMessageBatch",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "PurgeQueue",
)
_PARTS = ("_act_send_message", "_collect_msgs", "_dlq_sweep", "_expire_retained")
"""What other services and the waiting receive call."""


def keep_queues() -> None:
    """Queues survive a restart: under whatever port, and with the messages that were in flight
    visible at once.
    """
    queues = ministack("services.sqs")
    # The emulator finds a queue by its URL, and would look for one with today's port: a queue from
    # before the port changed would never be polled again. So the URL is a name, with one port for
    # ever.
    queues.DEFAULT_PORT = "4566"
    load = queues.load_persisted_state

    def load_and_release(state: Any) -> None:  # noqa: ANN401 - the emulator has no types
        load(state)
        now = time.time()
        for queue in queues._queues._data.values():  # noqa: SLF001 - the emulator's edge
            for message in queue.get("messages", []):
                if message.get("receive_count"):
                    message["visible_at"] = min(message["visible_at"], now)

    queues.load_persisted_state = load_and_release


def guard_queues() -> None:
    """Whatever changes a queue's messages does so alone."""
    queues, events = ministack("services.sqs"), ministack("services.eventbridge")
    lock = queues._queues_lock = threading.RLock()  # noqa: SLF001 - pollers hold it already, and call what is guarded here

    def alone(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def guarded(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            with lock:
                return function(*given, **named)

        return guarded

    for name in _ACTIONS:
        queues._HANDLERS[name] = alone(queues._HANDLERS[name])  # noqa: SLF001
    for name in _PARTS:
        setattr(queues, name, alone(getattr(queues, name)))
    events._dispatch_to_sqs = alone(events._dispatch_to_sqs)  # noqa: SLF001
