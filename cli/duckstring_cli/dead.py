"""Dead letters, which no delivery could handle. They are shown as they are, and moved back in their
order.

This uses the user's own credentials: a Catchment whose functions are broken has dead letters, and
must be helped all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duckstring.errors import OperatorError

QUEUES = ("mailbox", "delays", "events", "lineage")
ALWAYS = ("mailbox", "delays", "events")
"""Those that every Catchment has. The queue of lineage has one that tells of it."""
OUTPUTS = {
    "mailbox": ("DeadLetters", "Mailbox"),
    "delays": ("DeadDelays", "Delays"),
    "events": ("DeadEvents", "OrchestratorFunction"),
    "lineage": ("DeadRunNews", "RunNews"),
}
"""Where each lies dead, and where it goes back to."""

_SHOWN = 10
"""SQS shows no more of one line at a time."""
_PEEK_SECONDS = 20
_MOVE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Dead:
    """One dead letter: ``line`` and ``kind`` as far as it can be read; ``error`` where it
    carries one. ``sent``: epoch milliseconds.
    """

    queue: str
    id: str
    line: str
    kind: str
    sent: int
    body: str
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "id": self.id,
            "line": self.line,
            "kind": self.kind,
            "sent": self.sent,
            "error": self.error,
        }


class DeadLetterQueues:
    """The dead letters of a Catchment."""

    def __init__(self, client: Callable[[str], Any], outputs: Mapping[str, str]) -> None:
        """``client`` gives a service's client."""
        self._client, self._outputs = client, outputs

    def knows(self, queue: str) -> bool:
        """Whether the stack names it: one that is older than this command does not, and not every
        one tells of lineage.
        """
        return all(output in self._outputs for output in OUTPUTS[queue])

    def count(self, queue: str) -> int:
        """How many there are, about."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        held = self._sqs.get_queue_attributes(QueueUrl=self._from(queue), AttributeNames=names)[
            "Attributes"
        ]
        return sum(int(held[name]) for name in names)

    def look(self, queue: str) -> list[Dead]:
        """The first few, which stay where they are."""
        found = self._receive(queue, _PEEK_SECONDS)
        if found:
            self._let_be(queue, found)
        return [_read(queue, message) for message in found]

    def redrive(self, queue: str) -> Iterator[Dead]:
        """Move all back, in order, and report each when it has been moved. One that comes back dead
        is not moved twice.

        Raises:
            OperatorError: one cannot be moved; those before it were.
        """
        seen: set[str] = set()
        while found := self._receive(queue, _MOVE_SECONDS):
            for message in found:
                dead = _read(queue, message)
                if dead.id in seen:
                    return
                seen.add(dead.id)
                try:
                    self._revive(queue, message)
                except Exception:
                    self._let_be(queue, found)
                    raise
                self._sqs.delete_message(
                    QueueUrl=self._from(queue), ReceiptHandle=message["ReceiptHandle"]
                )
                yield dead

    def _let_be(self, queue: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Others see these at once again, as far as they are still there."""
        entries = [
            {"Id": str(i), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0}
            for i, one in enumerate(messages)
        ]
        self._sqs.change_message_visibility_batch(QueueUrl=self._from(queue), Entries=entries)

    def _revive(self, queue: str, message: Mapping[str, Any]) -> None:
        body, attributes = message["Body"], message.get("Attributes", {})
        match queue:
            case "mailbox" | "lineage":
                # Of its own id, not its old one: SQS would swallow that for five minutes.
                self._sqs.send_message(
                    QueueUrl=self._to(queue),
                    MessageBody=body,
                    MessageGroupId=attributes["MessageGroupId"],
                    MessageDeduplicationId=f"redrive-{message['MessageId']}",
                )
            case "delays":
                self._sqs.send_message(QueueUrl=self._to(queue), MessageBody=body)
            case _:
                self._client("lambda").invoke(
                    FunctionName=self._to(queue),
                    InvocationType="Event",
                    Payload=_event(body).encode(),
                )

    def _receive(self, queue: str, seconds: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._from(queue),
            MaxNumberOfMessages=_SHOWN,
            VisibilityTimeout=seconds,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])  # type: ignore[no-any-return]

    @property
    def _sqs(self) -> Any:  # noqa: ANN401 - botocore's clients have no static type without a service
        return self._client("sqs")

    def _from(self, queue: str) -> str:
        return self._output(OUTPUTS[queue][0])

    def _to(self, queue: str) -> str:
        return self._output(OUTPUTS[queue][1])

    def _output(self, name: str) -> str:
        if name not in self._outputs and name in OUTPUTS["lineage"]:
            raise OperatorError(
                "The Catchment tells nobody of lineage: it has no such queue.",
                hint="See -c openlineage= in docs/lineage.md.",
            )
        if name not in self._outputs:
            raise OperatorError(
                f"The Catchment's stack has no output {name}: it is older than this command.",
                hint="Deploy it again.",
            )
        return self._outputs[name]


def _read(queue: str, message: Mapping[str, Any]) -> Dead:
    sent = int(message.get("Attributes", {}).get("SentTimestamp", 0))
    body, error = message["Body"], ""
    try:
        record = json.loads(body)
    except ValueError:
        return Dead(queue, message["MessageId"], "", "unreadable", sent, body)
    record = record if isinstance(record, dict) else {}
    if queue == "lineage":
        of, kind = str(record.get("run", "")), str(record.get("status", "unreadable"))
        return Dead(queue, message["MessageId"], of, kind, sent, body)
    if queue != "events":
        return Dead(
            queue,
            message["MessageId"],
            str(record.get("to", "")),
            str(record.get("kind", "unreadable")),
            sent,
            body,
        )
    event = json.loads(_event(body))
    response = record.get("responsePayload")
    if isinstance(response, dict):
        error = ": ".join(
            str(response[name]) for name in ("errorType", "errorMessage") if response.get(name)
        )
    reason = message.get("MessageAttributes", {}).get("ERROR_MESSAGE", {}).get("StringValue", "")
    return Dead(
        queue,
        message["MessageId"],
        _subject(event),
        str(event.get("detail-type", "unreadable")),
        sent,
        body,
        error or reason,
    )


def _event(body: str) -> str:
    """The event itself: EventBridge keeps it plain, Lambda in a record of what it tried."""
    record = json.loads(body)
    inner = record.get("requestPayload") if isinstance(record, dict) else None
    return json.dumps(inner) if isinstance(inner, dict) else body


def _subject(event: Mapping[str, Any]) -> str:
    """What an event is about: a Pond, a run's execution, an object."""
    detail = event.get("detail")
    if not isinstance(detail, dict):
        return ""
    arrived = detail.get("object")
    return str(
        detail.get("pond")
        or detail.get("name")
        or (arrived.get("key") if isinstance(arrived, dict) else "")
        or ""
    )
