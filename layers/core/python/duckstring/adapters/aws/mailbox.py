"""The mailbox: SQS FIFO, one message group a line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.engine.letters import Letter
from duckstring.errors import TransientError
from duckstring.model.names import Line

_BATCH = 10
_ALLOWED = re.compile(r"^[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}$")


class SqsMailbox:
    """``ports.Mailbox``."""

    def __init__(self, clients: Clients, url: str) -> None:
        """Post into the queue at ``url``."""
        self._clients, self._url = clients, url

    def send(self, letters: Sequence[Letter]) -> Sequence[str]:
        """Post all, up to ten a request, in order; gives each letter's sequence number.

        No request has two letters of one line: SQS may refuse the first and take the second, which is then heard first, and
        makes the first no news when it is posted again.

        Raises:
            TransientError: SQS took only some; posting all again is safe.
        """
        numbers: list[str] = []
        for batch in _batches(letters):
            answer = self._clients.sqs.send_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {
                        "Id": str(index),
                        "MessageBody": codec.letter(letter.to, letter.signal),
                        "MessageGroupId": letter.to,
                        "MessageDeduplicationId": dedup_id(letter.key),
                    }
                    for index, letter in enumerate(batch)
                ],
            )
            if failed := answer.get("Failed"):
                raise TransientError(f"The mailbox refused {len(failed)} of {len(batch)} letters: {failed[0].get('Message', '')}")
            numbers += [sent["SequenceNumber"] for sent in sorted(answer["Successful"], key=lambda sent: int(sent["Id"]))]
        return numbers


def _batches(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    batch: dict[Line, Letter] = {}
    for letter in letters:
        if letter.to in batch or len(batch) == _BATCH:
            yield [*batch.values()]
            batch.clear()
        batch[letter.to] = letter
    if batch:
        yield [*batch.values()]


def dedup_id(key: str) -> str:
    """``key`` itself where SQS allows it, else its hash."""
    return key if _ALLOWED.match(key) else hashlib.sha256(key.encode()).hexdigest()
