"""A function that waits for a batch of messages gets them together.

Emulator: it keeps ``MaximumBatchingWindowInSeconds`` of an event source and does not look at it.
AWS: Lambda gathers messages of a queue until the window is over or the batch is full.
For us: the exporter of the lake would make a catalog for each run that publishes.
"""

from __future__ import annotations

import time

from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_RECEIVE = NAMES.replaced("services.sqs", "_receive_messages_for_esm", "queue_url max_number")
_COLLECT = NAMES.called("services.sqs", "_collect_msgs", "q max_n vis_timeout")
_QUEUE = NAMES.called("services.sqs", "_get_q", "url")
_LOCK = NAMES.value("services.sqs", "_queues_lock", "lock")
_MAPPINGS = NAMES.called("services.lambda_svc", "_iter_all_esms")


def gather_batches() -> None:
    """Have pollers wait for as long as an event source says."""
    receive = _RECEIVE.read()

    def receive_together(queue_url: str, max_number: int) -> Foreign:
        with _LOCK.read():
            queue = _QUEUE.read()(queue_url)
            window = _window(str(queue["attributes"].get("QueueArn")))
            if not window:
                return receive(queue_url, max_number)
            now = time.time()
            waiting = [one for one in queue["messages"] if one["visible_at"] <= now]
            oldest = min((one["sent_at"] for one in waiting), default=now)
            if len(waiting) < max_number and now - oldest < window:
                return []
            seconds = int(queue["attributes"].get("VisibilityTimeout", "30"))
            return _COLLECT.read()(queue, max_number, seconds)

    _RECEIVE.replace(receive_together)


def _window(queue: str) -> float:
    """How long the event source of a queue waits for more, in seconds."""
    found = (one for _, _, one in _MAPPINGS.read()() if one.get("EventSourceArn") == queue)
    return max((float(one.get("MaximumBatchingWindowInSeconds") or 0) for one in found), default=0)
