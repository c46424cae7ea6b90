"""Parts that answers of many operations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict

FindingKind = Literal["deploy", "outbox", "alarm", "execution", "hold", "iceberg"]


class Fault(TypedDict):
    """Why a request was refused. ``traceback``: the author's own, where code did not import."""

    type: str
    message: str
    hint: str
    traceback: NotRequired[str]


class Answered(TypedDict):
    """A request that was carried out. ``result`` is the operation's answer."""

    ok: Literal[True]
    result: Mapping[str, object]


class Refused(TypedDict):
    """A request that was refused."""

    ok: Literal[False]
    error: Fault


class SaidTold(TypedDict):
    """Who asked for something, when, and why. Null: it is not known. ``by`` is an ARN that AWS has
    confirmed, what a machine calls its user (``alice@laptop``), or an event.
    """

    at: str
    by: str | None
    note: str | None


class HoldTold(SaidTold):
    """Who holds new runs in the whole Catchment: maintenance."""


class Span(TypedDict):
    """One opening of a Window."""

    start: str
    end: str


class AuditRow(SaidTold):
    """A change that somebody asked for. ``proven``: ``by`` is an ARN that AWS has confirmed.
    ``via``: ``page``, or null. ``what``: the operation and its arguments, in words. ``ponds``:
    which it was about; ``*``: the Catchment. ``request``: the id of the invocation that was asked.
    ``refused``: why nothing was changed; null: it was carried out.
    """

    proven: bool
    via: str | None
    what: str
    ponds: list[str]
    request: str
    refused: str | None
