"""Reads what SQS delivers to the orchestrator as letters, grouped by line and in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.letter_form import (
    LetterFormError,
    NewerLetterError,
    checked_instant,
    checked_object,
)
from duckstring.engine.letters import Letter
from duckstring.engine.signals import AlarmRang
from duckstring.model.instants import Instant
from duckstring.model.names import Address, LimitAddress, Line, limit_of
from duckstring.model.schema import NewerSchemaError
from duckstring.orchestrator.ports import Received, ReceivedByLimit

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_NO_LETTER = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a body may raise: whatever it is, the other letters of the delivery go on."""
_LONGEST_WAIT = 60
_SHOWN = 300
_EARLY = timedelta(seconds=1)
"""Clocks may disagree by this much about when a delay is over; the engine sets again what rings a
little early, for a later time: the letter of the same time would be taken for an echo.
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Newer:
    """A letter that claims a newer schema than ours, and how many letters of its line came
    before it.
    """

    schema: int
    after: int
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """The letters of one line, or of one limit, in one delivery. ``newer``: those that cannot be
    read here.
    """

    line: Address
    letters: list[Received] = field(default_factory=list)
    to_limit: list[ReceivedByLimit] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    newer: list[Newer] = field(default_factory=list)
    seen: int = 1


def batches(records: Sequence[Mapping[str, Any]], attempts: str = "") -> list[Batch]:
    """Records by line, each line's in order. What is not a letter is dropped with one line of
    the log: it can never be read.

    ``attempts``: the id of the role of attempts. SQS says of each message which session of which
    role has sent it.
    """
    found: dict[Address, Batch] = {}
    for record in records:
        attributes = record["attributes"]
        try:
            whole = checked_object(record["body"])
            to = _address(whole)
            _check_group(to, attributes)
            batch = found.setdefault(to, _batch(to, attributes))
            _put(batch, whole, attributes, attempts)
        except NewerLetterError as error:
            _keep_newer(error, record, found)
            continue
        except _NO_LETTER as error:
            refuse(error, record)
            continue
        batch.messages.append(record["messageId"])
        batch.receipts.append(record["receiptHandle"])
        batch.kinds.append(whole["kind"])
    return list(found.values())


def _attempt(sender: str, attempts: str) -> str:
    role, _, session = sender.partition(":")
    return session or "?" if attempts and role == attempts else ""


def _address(whole: Mapping[str, Any]) -> Address:
    to = str(whole["to"])
    return LimitAddress(to) if limit_of(to) else Line(to)


def _put(batch: Batch, whole: dict[str, Any], attributes: Mapping[str, str], attempts: str) -> None:
    """Add a letter. A limit has kinds of letters of its own, which mean nothing to a line."""
    mark = (int(attributes["SentTimestamp"]), attributes["SequenceNumber"])
    attempt = _attempt(attributes.get("SenderId", ""), attempts)
    if limit_of(batch.line):
        batch.to_limit.append(ReceivedByLimit(codec.limit_signal_of(whole), mark, attempt))
        return
    token = whole.get("token", "")
    known = token if isinstance(token, str) else ""
    batch.letters.append(Received(codec.signal_of(whole), mark, known, attempt))


def _batch(to: Address, attributes: Mapping[str, str]) -> Batch:
    return Batch(to, seen=int(attributes["ApproximateReceiveCount"]))


def _check_group(to: Address, attributes: Mapping[str, str]) -> None:
    if (group := attributes.get("MessageGroupId", to)) != to:
        raise LetterFormError(f"it is to {to}, in the group of {group[:60]!a}")


def _keep_newer(
    claim: NewerLetterError, record: Mapping[str, Any], found: dict[Address, Batch]
) -> None:
    try:
        _check_group(claim.to, record["attributes"])
    except LetterFormError as error:
        refuse(error, record)
        return
    batch = found.setdefault(claim.to, _batch(claim.to, record["attributes"]))
    batch.newer.append(Newer(claim.schema, len(batch.messages), record))


def divided(batch: Batch, deployed: Callable[[], int]) -> tuple[Batch, Batch]:
    """The letters to deliver now; and those that wait for the newer release, because one of them
    is of its schema, and a line's letters are taken in order.

    A claim to a schema beyond ``deployed()`` is forged, or of a worker that is ahead of everybody
    else. Such a letter is refused: it must not hold its line up.
    """
    if not batch.newer:
        return batch, Batch(batch.line)
    known = deployed()
    for place, one in enumerate(batch.newer):
        if one.schema <= known:
            return _cut(batch, batch.newer[place:])
        why = LetterFormError(f"it says that it has schema {one.schema}, which nobody deployed")
        refuse(why, one.record)
    return replace(batch, newer=[]), Batch(batch.line)


def _cut(batch: Batch, newer: Sequence[Newer]) -> tuple[Batch, Batch]:
    """The letters before the first of ``newer``; and these with all that came after it."""
    at, later = newer[0].after, [one.record for one in newer]
    now = Batch(
        batch.line,
        letters=batch.letters[:at],
        to_limit=batch.to_limit[:at],
        messages=batch.messages[:at],
        receipts=batch.receipts[:at],
        kinds=batch.kinds[:at],
        seen=batch.seen,
    )
    waiting = Batch(
        batch.line,
        messages=[*batch.messages[at:], *(record["messageId"] for record in later)],
        receipts=[*batch.receipts[at:], *(record["receiptHandle"] for record in later)],
        seen=batch.seen,
    )
    return now, waiting


def forwarded(
    records: Sequence[Mapping[str, Any]], now: Instant
) -> tuple[list[Letter], list[tuple[Line, Instant]]]:
    """Letters that waited in the delay queue, for their line's group; and the alarms that are not
    due yet.

    These came from Scheduler, ahead of time: it keeps time within a minute, the delay queue to the
    second.

    Raises:
        NewerSchemaError: one is of a newer release. No worker sends to that queue, so it is true.
    """
    letters: list[Letter] = []
    early: list[tuple[Line, Instant]] = []
    for record in records:
        try:
            whole = checked_object(record["body"])
            to, signal = Line(whole["to"]), codec.signal_of(whole)
            due = (
                checked_instant(whole["at"], "at")
                if isinstance(signal, AlarmRang) and "at" in whole
                else now
            )
        except NewerLetterError as error:
            raise NewerSchemaError(error.schema, f"a delay of {error.to}") from error
        except _NO_LETTER as error:
            refuse(error, record)
            continue
        if due > now + _EARLY:
            early.append((to, due))
        else:
            letters.append(
                Letter(
                    to, signal, key=f"{to}:{whole['kind']}:{whole.get('at', record['messageId'])}"
                )
            )
    return letters, early


def refuse(why: Exception, record: Mapping[str, Any]) -> None:
    """One line of the log, whatever the body is."""
    logger.error(
        "letter refused: %s",
        why,
        extra={"message_id": record.get("messageId"), "body": ascii(record["body"][:_SHOWN])},
    )


def wait_after(receives: int) -> int:
    """Seconds until a message is shown again that was received so often."""
    return min((1 << min(receives, 6)) - 1, _LONGEST_WAIT)


def postpone(sqs: SQSClient, mailbox: str, batch: Batch) -> None:
    """Show failed messages again soon (longer each time), not only after the queue's long
    visibility timeout.
    """
    wait = wait_after(batch.seen)
    sqs.change_message_visibility_batch(
        QueueUrl=mailbox,
        Entries=[
            {"Id": str(i), "ReceiptHandle": r, "VisibilityTimeout": wait}
            for i, r in enumerate(batch.receipts[:10])
        ],
    )
