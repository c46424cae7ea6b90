"""What a connection to the server may cost before anybody has shown a key. Part of the server:
uvicorn's HTTP protocol, with limits.

Uvicorn waits for a head for ever, keeps whatever is sent before its end, and adds lines after the
last chunk of a body (trailers) to the head that was looked at. Here

- a head arrives within a time and a size; so does the rest of a body whose request is answered
  already;
- trailers are refused, and what was looked at is a copy;
- when there are too many connections one gives way: the oldest that has never shown a key, or else
  one that waits for a request. Not the newest: while strangers keep opening connections, that is a
  user's who is about to show one.
"""

from __future__ import annotations

import importlib
import json
import resource
from http import HTTPStatus
from typing import Any, Protocol

from duckstring_cli.local.guard import ACCEPTED, TARGET
from duckstring_cli.local.patches.wire import protocol

HEAD_WITHIN = 20.0
_LARGEST_HEAD = 65_536
_MOST_CONNECTIONS = 8_192
_NO_HTTP = (HTTPStatus.BAD_REQUEST, "this is not HTTP/1.1")
_LONG_HEAD = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"a request's head has at most {_LARGEST_HEAD:,} bytes",
)
_TRAILERS = (HTTPStatus.BAD_REQUEST, "headers after the body are not allowed here")
_FULL = (HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")


def most_connections() -> int:
    """Well below the number of files that this process may have open: workers, objects and the
    state need some.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(soft // 2, _MOST_CONNECTIONS)
    )


class Connection(Protocol):
    """As far as its place matters."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request."""


class Places:
    """Who may stay."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._strangers: dict[Connection, None] = {}
        self._known: dict[Connection, None] = {}

    def take(self, newcomer: Connection) -> Connection | None:
        """A place for one more. Answers who gives way for it; it may be the newcomer."""
        self._strangers[newcomer] = None
        if len(self._strangers) + len(self._known) <= self._limit:
            return None
        leaving = next(iter(self._strangers))
        if leaving is newcomer:
            leaving = next((one for one in self._known if one.is_idle), newcomer)
        self.leave(leaving)
        return leaving

    def promote(self, one: Connection) -> None:
        """It has shown a key."""
        if one in self._strangers:
            del self._strangers[one]
            self._known[one] = None

    def leave(self, one: Connection) -> None:
        """It is closed."""
        self._strangers.pop(one, None)
        self._known.pop(one, None)


class Limited:
    """Goes before uvicorn's protocol, whose names these are."""

    places: Places
    head_within: float
    parsing: Any
    """httptools: the module."""
    url: bytes
    headers: list[tuple[bytes, bytes]]
    cycle: Any
    loop: Any
    parser: Any
    pipeline: Any
    scope: Any
    timeout_keep_alive_handler: Any
    timeout_keep_alive_task: Any
    transport: Any
    _unset_keepalive_if_required: Any

    _limit: Any = None
    _head_bytes = 0
    _in_head = False
    _in_message = False
    _has_ended = False
    _ignores_input = False
    _fault = _NO_HTTP

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn is typed, and not installed here
        """A place, if there is one."""
        super().connection_made(transport)  # type: ignore[misc]
        leaving: Any = self.places.take(self)
        if leaving is self:
            self._fault = _FULL
            self._refuse()
        elif leaving is not None:
            leaving.transport.abort()
        self._close_within_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """Its place is free."""
        self.places.leave(self)
        self._lift_limit()
        super().connection_lost(exc)  # type: ignore[misc]

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request."""
        return (
            not self._in_message
            and not self.pipeline
            and (self.cycle is None or self.cycle.response_complete)
        )

    def data_received(self, data: bytes) -> None:
        """Parse it, and wait no longer than is right for the rest."""
        if self._ignores_input:
            return
        self._unset_keepalive_if_required()
        self._has_ended = False
        try:
            self.parser.feed_data(data)
        except self.parsing.HttpParserUpgrade:
            # What follows is another language. The guard refuses the request, and closes.
            self._ignores_input = True
        except self.parsing.HttpParserError:
            self._refuse()
        else:
            self._wait_for_head(len(data))

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()  # type: ignore[misc]

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, and of nothing else."""
        if self._in_message:
            self._fault = _TRAILERS
            raise ValueError(_TRAILERS)
        super().on_header(name, value)  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        """What is looked at is what arrived until now."""
        if (
            len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            > _LARGEST_HEAD
        ):
            self._fault = _LONG_HEAD
            raise ValueError(_LONG_HEAD)
        self._in_head, self._in_message, self._head_bytes = False, True, 0
        self._lift_limit()
        # As it was sent: uvicorn drops the host of an absolute target.
        self.scope[TARGET] = self.url.decode("latin-1")
        self.scope[ACCEPTED] = self._accepted
        self.scope["headers"] = tuple(self.headers)
        super().on_headers_complete()  # type: ignore[misc]

    def on_message_complete(self) -> None:
        """The body is there."""
        self._in_message, self._has_ended = False, True
        self._lift_limit()
        super().on_message_complete()  # type: ignore[misc]

    def on_response_complete(self) -> None:
        """The rest of a body that nobody reads has a time to arrive, and so has the rest of a
        next head.
        """
        super().on_response_complete()  # type: ignore[misc]
        if (self._in_head or self._in_message) and self.cycle.response_complete:
            self._close_within_limit()

    def _accepted(self) -> None:
        self.places.promote(self)

    def _wait_for_head(self, received: int) -> None:
        if self._in_message:
            return
        # What came behind the end of a body is not counted: it is little.
        self._head_bytes += 0 if self._has_ended else received
        if self._head_bytes > _LARGEST_HEAD:
            self._fault = _LONG_HEAD
            self._refuse()
        elif self.is_idle and self.timeout_keep_alive_task is None:
            self._close_within_limit()

    def _close_within_limit(self) -> None:
        if self._limit is None:
            self._limit = self.loop.call_later(self.head_within, self.timeout_keep_alive_handler)

    def _lift_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _refuse(self) -> None:
        cycle = self.cycle
        if not self.pipeline and (
            cycle is None or cycle.response_complete or not cycle.response_started
        ):
            self.transport.write(_answer(*self._fault))
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        self._ignores_input = True
        self.transport.close()


def limited_protocol(*, head_within: float = HEAD_WITHIN, connections: int = 0) -> type:
    """The HTTP protocol of a server."""
    base: type = protocol()
    parsing = importlib.import_module("httptools")
    places = Places(connections or most_connections())
    return type(
        "LimitedProtocol",
        (Limited, base),
        {"places": places, "head_within": head_within, "parsing": parsing},
    )


def _answer(status: HTTPStatus, why: str) -> bytes:
    body = json.dumps({"message": f"Refused: {why}."})
    lines = (
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        "",
        body,
    )
    return "\r\n".join((f"HTTP/1.1 {status.value} {status.phrase}", *lines)).encode()
