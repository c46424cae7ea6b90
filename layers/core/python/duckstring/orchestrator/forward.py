"""From outside events to letters: a trigger on the bus, an object that arrived, an execution that
ended.

A rule of the bus can name only a fixed message group. So its target is the orchestrator's function,
which puts the letter into its line's group. An event that makes no sense is dropped and logged.
Raising an error would only have it delivered again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from duckstring.engine.letters import Letter
from duckstring.engine.signals import ExecutionEnded, ObjectArrived, Triggered
from duckstring.errors import OperatorError
from duckstring.model.arrivals import ArrivalKind, ArrivedObject, fault_of
from duckstring.model.audits import Audit
from duckstring.model.events import TRIGGER_TYPE
from duckstring.model.find import find_deployed
from duckstring.model.instants import Instant, from_text
from duckstring.model.limits import BY, LAST_WORDS, NOTE, within
from duckstring.model.names import Line, parse_line, read_execution_name
from duckstring.model.said import Said, one_line
from duckstring.model.triggers import read_trigger
from duckstring.ports import Arrivals, Catalog, Clock

_log = logging.getLogger("duckstring.forward")
_SKEW = timedelta(minutes=5)
_MOST_WORD = 1_024
"""Characters of a version or an etag, of which S3 says no more than that they are texts."""
_MOST_IDENTITY = 100
"""Bytes of an event's id in the key of an item. EventBridge's have 36."""
_OVER = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def forward(
    event: Mapping[str, object], *, catalog: Catalog, arrivals: Arrivals, clock: Clock
) -> list[Letter]:
    """The letters that one event leads to. There are none if it is dropped; an object that arrives
    may trigger many lines.
    """
    try:
        if event.get("source") == "aws.s3":
            return _arrived(event, arrivals, clock.now())
        return [_letter(event, catalog, clock)]
    except OperatorError as error:
        _log.warning(
            "event dropped",
            extra={
                "why": error.message,
                "event_id": event.get("id"),
                "source": event.get("source"),
            },
        )
        return []


def _letter(event: Mapping[str, object], catalog: Catalog, clock: Clock) -> Letter:
    if event.get("source") == "aws.states":
        return _ended(event)
    if event.get("detail-type") == TRIGGER_TYPE:
        return _triggered(event, catalog, clock.now())
    raise OperatorError(f"No use for an event of detail-type {event.get('detail-type')!r}.")


def _triggered(event: Mapping[str, object], catalog: Catalog, now: Instant) -> Letter:
    detail = _detail(event)
    pond, major = detail.get("pond"), detail.get("major")
    if not isinstance(pond, str):
        raise OperatorError(f"The event's pond is {pond!r}; allowed: a Pond's name.")
    if major is not None and (isinstance(major, bool) or not isinstance(major, int)):
        raise OperatorError(
            f"The event's major is {major!r}; allowed: a whole number, or none for the highest."
        )
    kind, bound = read_trigger(detail.get("kind"), detail.get("bound"))
    to = find_deployed(catalog, pond, major).line
    return Letter(
        to,
        Triggered(kind, _epoch(detail.get("epoch"), now), bound, _by(event), _note(detail)),
        key=f"trigger:{_identity(event)}",
        is_of_event=True,
    )


def audited(event: Mapping[str, object], letters: Sequence[Letter], now: Instant) -> list[Audit]:
    """What the event has asked for, to be written down before its letters are posted. An arrival
    and an execution's end are nobody's change.

    Without an epoch of the event's own it was asked for at the letter's, by which a run finds who
    asked for it. An epoch that the event names may be of any time.
    """
    return [
        Audit(
            Said(asked.epoch if _detail(event).get("epoch") is None else now, asked.by, asked.note),
            _in_words(asked),
            (parse_line(letter.to)[0],),
            one_line(_identity(event), _MOST_IDENTITY),
        )
        for letter in letters
        if isinstance(asked := letter.signal, Triggered)
    ]


def _in_words(asked: Triggered) -> str:
    """As the api words the same trigger of the command."""
    bound = f" bound={asked.bound.total_seconds()}" if asked.bound is not None else ""
    return f"trigger {asked.kind}{bound}"


def _arrived(event: Mapping[str, object], arrivals: Arrivals, now: Instant) -> list[Letter]:
    """One letter for each line of which a rule fits: if several do, a Pulse asks for more than a
    Tap. A repeat of the event has the same key.
    """
    found = _object(_detail(event), _identity(event))
    if fault := fault_of(found.bucket, found.key, found.size):
        raise OperatorError(f"The event's object cannot be: {fault}.")
    kinds: dict[Line, ArrivalKind] = {}
    for to, rule in arrivals.of_bucket(found.bucket):
        if rule.matches(found.key):
            kinds[to] = "pulse" if rule.kind == "pulse" else kinds.get(to, "tap")
    return [
        Letter(
            to,
            ObjectArrived(found, kind, now),
            key=f"arrival:{found.identity}:{to}",
            is_of_event=True,
        )
        for to, kind in kinds.items()
    ]


def _by(event: Mapping[str, object]) -> str:
    """``event of shop.orders in 123456789012``. Whoever puts an event chooses its source."""
    account = event.get("account")
    where = f" in {account}" if isinstance(account, str) and account else ""
    return one_line(f"event of {event.get('source') or 'nobody'}{where}", BY)


def _note(detail: Mapping[str, object]) -> str:
    note = detail.get("note")
    return one_line(note, NOTE) if isinstance(note, str) else ""


def _object(detail: Mapping[str, object], identity: str) -> ArrivedObject:
    """What the event says of the object. If nothing in it tells one arrival from another, the
    event's identity does.
    """
    bucket, key = _part(detail, "bucket", "name"), _part(detail, "object", "key")
    told = detail.get("object")
    more = told if isinstance(told, Mapping) else {}
    size = more.get("size")
    version, etag, sequencer = (
        str(more.get(name) or "")[:_MOST_WORD] for name in ("version-id", "etag", "sequencer")
    )
    return ArrivedObject(
        bucket,
        key,
        size if isinstance(size, int) and size >= 0 else 0,
        version,
        etag,
        sequencer or f"event:{identity[:_MOST_WORD]}",
    )


def _part(detail: Mapping[str, object], part: str, name: str) -> str:
    held = detail.get(part)
    found = held.get(name) if isinstance(held, Mapping) else None
    if isinstance(found, str) and found:
        return found
    raise OperatorError(f"The event's {part} is {held!r}; allowed: an object with {name}.")


def _epoch(given: object, now: Instant) -> Instant:
    """The event's own epoch, or now. An event's ``time`` has whole seconds, which is too coarse to
    be newer than what just ran.

    An epoch far in the future would satisfy an Inlet until that time.
    """
    if given is None:
        return now
    try:
        epoch = from_text(str(given))
    except ValueError as error:
        raise OperatorError(
            f"The event's epoch is {given!r}; allowed: an instant like 2030-01-01T12:00:00Z."
        ) from error
    if epoch > now + _SKEW:
        raise OperatorError(
            f"The event's epoch {given} lies in the future; now is {now.isoformat()}."
        )
    return epoch


def _ended(event: Mapping[str, object]) -> Letter:
    detail = _detail(event)
    name, status = str(detail.get("name", "")), str(detail.get("status", ""))
    if status not in _OVER:
        raise OperatorError(f"Execution {name!r} is {status!r}, and only its end is news.")
    to, run, launch = read_execution_name(name)
    words = [str(detail[key]) for key in ("error", "cause") if detail.get(key)]
    return Letter(
        to,
        ExecutionEnded(run, launch, status, within(": ".join(words), LAST_WORDS)),
        key=f"ended:{name}:{status}",
    )


def _detail(event: Mapping[str, object]) -> Mapping[str, object]:
    detail = event.get("detail")
    if isinstance(detail, Mapping):
        return detail
    raise OperatorError(f"The event's detail is {type(detail).__name__}; allowed: an object.")


def _identity(event: Mapping[str, object]) -> str:
    """A value that stays the same when the bus delivers an event twice."""
    return str(event.get("id") or json.dumps(event, sort_keys=True, default=str))
