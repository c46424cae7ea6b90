"""Queues are kept over a restart, and changed by one thread at a time.

Emulator: it finds a queue by its URL, which has the port of the day when the queue was made. It
keeps messages that were in flight invisible. Requests are handled by one thread, state machines
send from threads of their own, and pollers take and delete in theirs; it guards its pollers from
each other, not from who sends meanwhile.
AWS: a queue's URL stays; a message that nobody deletes is visible again when its time is over; each
action is done whole or not at all.
For us: after a restart under another port nobody would poll the queue. A message that came while
the messages that stay were being gathered was lost with them, and a send that met another failed
with an error that no state machine can catch.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_ACTIONS = (
    "SendMessage",
    "SendMessageBatch",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "PurgeQueue",
)

_PORT = NAMES.value("services.sqs", "DEFAULT_PORT", "str")
_LOAD = NAMES.replaced("services.sqs", "load_persisted_state", "data")
_QUEUES = NAMES.value("services.sqs", "_queues", "AccountRegionScopedDict")
_DATA = NAMES.attribute("core.responses", "AccountRegionScopedDict._data")
_LOCK = NAMES.value("services.sqs", "_queues_lock", "lock")
_HANDLERS = NAMES.table("services.sqs", "_HANDLERS", dict.fromkeys(_ACTIONS, "data qurl"))
_PARTS = (
    NAMES.replaced("services.sqs", "_act_send_message", "data qurl"),
    NAMES.replaced("services.sqs", "_collect_msgs", "q max_n vis_timeout"),
    NAMES.replaced("services.sqs", "_dlq_sweep", "q"),
    NAMES.replaced("services.sqs", "_expire_retained", "q"),
    NAMES.replaced("services.eventbridge", "_dispatch_to_sqs", "spec payload sqs_parameters"),
)
"""What other services and the waiting receive call."""


def keep_queues() -> None:
    """Queues survive a restart: under whatever port, and with the messages that were in flight
    visible at once.
    """
    # The URL is a name, with one port for ever.
    _PORT.replace("4566")
    load = _LOAD.read()

    def load_and_release(state: Foreign) -> None:
        load(state)
        now = time.time()
        for queue in _DATA.of(_QUEUES.read()).values():
            for message in queue.get("messages", []):
                if message.get("receive_count"):
                    message["visible_at"] = min(message["visible_at"], now)

    _LOAD.replace(load_and_release)


def guard_queues() -> None:
    """Whatever changes a queue's messages does so alone."""
    lock = threading.RLock()
    # Pollers hold it already, and call what is guarded here.
    _LOCK.replace(lock)

    def alone(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def guarded(*given: Foreign, **named: Foreign) -> Foreign:
            with lock:
                return function(*given, **named)

        return guarded

    handlers = _HANDLERS.read()
    for action in _ACTIONS:
        handlers[action] = alone(handlers[action])
    for part in _PARTS:
        part.replace(alone(part.read()))
