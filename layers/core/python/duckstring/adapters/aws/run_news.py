"""Runs that have begun or ended, told to the function that tells of lineage: SQS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice

from duckstring.adapters.aws.clients import Clients
from duckstring.engine.effects import RecordRun
from duckstring.errors import TransientError
from duckstring.model.instants import to_text
from duckstring.model.names import Line, run_key

_BATCH = 10


class SqsRunNews:
    """``orchestrator.ports.RunNews``: a FIFO queue, one message group a run."""

    def __init__(self, clients: Clients, url: str) -> None:
        """Send to the queue at ``url``."""
        self._clients, self._url = clients, url

    def tell(self, line: Line, rows: Sequence[RecordRun]) -> None:
        """Send a message for each row, in order, up to ten a request. One that is sent again
        within five minutes is dropped by SQS.

        Raises:
            TransientError: SQS took only some; sending all again is safe.
        """
        left = iter(rows)
        while batch := list(islice(left, _BATCH)):
            answer = self._clients.sqs.send_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {
                        "Id": str(index),
                        "MessageBody": json.dumps(
                            {"run": run_key(line, row.run), "status": row.status}
                        ),
                        "MessageGroupId": run_key(line, row.run),
                        "MessageDeduplicationId": (
                            f"{run_key(line, row.run)}:{to_text(row.started)}:{row.status}"
                        ),
                    }
                    for index, row in enumerate(batch)
                ],
            )
            if failed := answer.get("Failed"):
                raise TransientError(
                    f"The queue of lineage refused {len(failed)} of {len(batch)} messages: "
                    f"{failed[0].get('Message', '')}"
                )
