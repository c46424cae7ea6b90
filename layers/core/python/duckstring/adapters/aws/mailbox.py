"""The mailbox: SQS FIFO, one message group a line, and one a limit."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.schemas import DeployedSchema
from duckstring.engine.letters import Letter
from duckstring.errors import TransientError
from duckstring.model.limits import MOST_LETTER_BYTES
from duckstring.model.names import Address

_BATCH = 10
_SECRET_BYTES = 16


@dataclass(slots=True)
class _Batch:
    """Of one request: letters of different lines, and their bodies."""

    bodies: dict[Address, tuple[Letter, str]] = field(default_factory=dict)
    size: int = 0

    def has_room(self, letter: Letter, body: str) -> bool:
        return (
            letter.to not in self.bodies
            and len(self.bodies) < _BATCH
            and self.size + len(body) <= MOST_LETTER_BYTES
        )

    def add(self, letter: Letter, body: str) -> None:
        self.bodies[letter.to] = letter, body
        self.size += len(body)  # a body is ASCII: a character is a byte


class SqsMailbox:
    """``ports.Mailbox``.

    SQS drops a message whose deduplication id its group had in the last five minutes. A sender
    chooses the id, and a worker that reads a line's state could work out the next one and use it
    first. So each id contains a secret of this process. A letter that two processes send arrives
    twice; the second changes nothing.
    """

    def __init__(self, clients: Clients, url: str, schema: DeployedSchema | None = None) -> None:
        """Post into the queue at ``url``. ``schema`` is told before a letter of a newer one goes
        out; None: a worker, which may not tell it.
        """
        self._clients, self._url, self._schema = clients, url, schema
        self._secret = secrets.token_bytes(_SECRET_BYTES)

    def send(self, letters: Sequence[Letter]) -> Sequence[str]:
        """Post all, up to ten a request, in order; gives each letter's sequence number.

        No request has two letters of one line: SQS may refuse the first and take the second, which
        is then received first, so that the first is ignored as older when it is posted again. A
        request also has no more bytes than SQS takes, because it would never take them.

        Raises:
            TransientError: SQS took only some; posting all again is safe.
        """
        if self._schema and (newest := max(map(_schema_of, letters), default=0)):
            self._schema.announce(newest)
        numbers: list[str] = []
        for batch in _batches(letters):
            answer = self._clients.sqs.send_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {
                        "Id": str(index),
                        "MessageBody": body,
                        "MessageGroupId": letter.to,
                        "MessageDeduplicationId": dedup_id(letter, body, self._secret),
                    }
                    for index, (letter, body) in enumerate(batch)
                ],
            )
            if failed := answer.get("Failed"):
                raise TransientError(
                    f"The mailbox refused {len(failed)} of {len(batch)} letters: "
                    f"{failed[0].get('Message', '')}"
                )
            numbers += [
                sent["SequenceNumber"]
                for sent in sorted(answer["Successful"], key=lambda sent: int(sent["Id"]))
            ]
        return numbers


def _schema_of(letter: Letter) -> int:
    """What its reader must know; 0: what every reader that refuses newer ones knows."""
    return codec.schema_of(letter.signal)


def _batches(letters: Sequence[Letter]) -> Iterator[list[tuple[Letter, str]]]:
    batch = _Batch()
    for letter in letters:
        body = codec.letter(letter.to, letter.signal)
        if batch.bodies and not batch.has_room(letter, body):
            yield [*batch.bodies.values()]
            batch = _Batch()
        batch.add(letter, body)
    if batch.bodies:
        yield [*batch.bodies.values()]


def dedup_id(letter: Letter, body: str, secret: bytes) -> str:
    """The same for the same letter again: one with this key and body, or of this event."""
    known = (
        (b"", letter.key.encode())
        if letter.is_of_event
        else (secret, letter.key.encode(), body.encode())
    )
    return hashlib.sha256(b"\0".join(known)).hexdigest()
