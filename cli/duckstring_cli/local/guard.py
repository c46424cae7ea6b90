"""Access control of a local Catchment's server. Part of the server; it runs before the emulator
sees a request.

The emulator does not authenticate callers, and lets every web page read its answers. But a caller
can run code as the emulator's user: create a function, invoke it. So here

- a request that a web page can cause is refused: one to another Host (DNS rebinding), with an
  Origin, with fetch metadata of another site, a preflight, an upgrade; no answer allows another
  origin to read it;
- every other request must be signed with a key of this Catchment (``signatures.py``), the
  emulator's own pages included;
- the exceptions carry a secret of their own (``credentials.py``): what a task asks of its host, a
  custom resource's answer. Nothing of such a request but its path and its body goes on.

What goes on is what was looked at: a copy of the head, and how far the request may reach
(``Reach``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Failure = tuple[str, str]
"""A code of AWS's, and words."""
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""

TARGET, ACCEPTED, REACH = "duckstring.target", "duckstring.accepted", "duckstring.reach"
"""In the scope: the request's target as it was sent; whom to tell that its sender has the key;
how far it may reach.
"""

_HOST = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d{1,5})?", re.IGNORECASE)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})
_ONCE = frozenset(
    {
        "authorization",
        "content-type",
        "host",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-target",
    }
)
_OF_A_SECRET = frozenset({b"authorization", b"content-length", b"host", b"transfer-encoding"})
_PAGES = ("access-control-", "sec-fetch-", "sec-websocket-")
_TYPED = {
    ("sec-fetch-site", "none"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-user", "?1"),
}
_PROXIES = ("forwarded", "x-forwarded-", "x-original-", "x-rewrite-", "x-http-method")
_CLOSED = (
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"sandbox"),
    (b"x-content-type-options", b"nosniff"),
)
"""An object of the user's that a browser opens by a presigned URL is data, not a page of this
origin.
"""


class Reach(Enum):
    """Where in the emulator an accepted request may arrive: anywhere, or, if its body is not
    signed, in S3 alone.
    """

    ALL = "all"
    S3 = "s3"


@dataclass(frozen=True)
class Request:
    """A request as it was sent, but for its body.

    ``headers``: by name in lower case; of several lines with a comma between, as they are signed.
    ``repeated``: those names.
    """

    method: str
    target: str
    path: str
    raw_path: str
    query_string: str
    headers: Mapping[str, str]
    repeated: frozenset[str]

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """The request of an ASGI scope."""
        path = str(scope["path"])
        raw_path = bytes(scope.get("raw_path") or path.encode()).decode("latin-1")
        headers, repeated = joined((_name(name), _text(value)) for name, value in scope["headers"])
        return cls(
            method=str(scope["method"]),
            target=str(scope.get(TARGET, raw_path)),
            path=path,
            raw_path=raw_path,
            query_string=bytes(scope.get("query_string", b"")).decode("latin-1"),
            headers=headers,
            repeated=repeated,
        )

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The query's values by name."""
        return parse_qs(self.query_string, keep_blank_values=True)


def joined(lines: Iterable[tuple[str, str]]) -> tuple[dict[str, str], frozenset[str]]:
    """Each header once, and the names of those that have several lines."""
    found: dict[str, str] = {}
    repeated: set[str] = set()
    for name, value in lines:
        if name in found:
            repeated.add(name)
            found[name] += f",{value}"
        else:
            found[name] = value
    return found, frozenset(repeated)


def fault_of(request: Request) -> str:
    """Why a request is refused even if it is signed: a web page may have caused it. Empty: it is
    not refused.
    """
    if request.method not in _METHODS:
        return f"{request.method} is not allowed here"
    if not request.target.startswith("/"):
        return "the request's target must be a path"
    # Another port than ours is not foreign: a tunnel to this machine has one.
    if not _HOST.fullmatch(request.headers.get("host", "").strip()):
        return (
            "use 127.0.0.1 or localhost as the host, found "
            f"{request.headers.get('host', 'none')[:100]!r}"
        )
    if not request.repeated.isdisjoint(_ONCE):
        return f"the header {min(request.repeated & _ONCE)!r} is there more than once"
    return next(
        filter(
            None,
            (
                _fault_of_header(name, request.headers[name])
                for name in request.headers
                if _is_odd(name)
            ),
        ),
        "",
    )


@lru_cache(maxsize=512)
def _is_odd(name: str) -> bool:
    """Whether no AWS SDK sends it: a browser or a proxy has added it. Remembered: SDKs send the
    same names again and again.
    """
    return name in {"origin", "upgrade"} or name.startswith((*_PAGES, *_PROXIES))


def _fault_of_header(name: str, value: str) -> str:
    if name == "upgrade":
        # A parser of HTTP/1.1 reads no body after it: an upload would be an empty object.
        return "upgrades are not allowed here, use HTTP/1.1"
    if name.startswith(_PROXIES):
        return f"call it without a proxy between: the header {name[:100]!r} is not allowed"
    # What a person types into the address bar comes from no site: a presigned URL can be opened.
    is_typed = (name, value) in _TYPED
    return "" if is_typed else "web pages may not call it"


class Body:
    """A body that can be read before it is received."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: list[Message] = []

    async def parts(self) -> AsyncIterator[bytes]:
        """Its parts as they come. To be asked once."""
        more = True
        while more:
            message = await self._receive()
            self._read.append(message)
            more = message["type"] == "http.request" and bool(message.get("more_body"))
            yield message.get("body", b"")

    async def read(self) -> bytes:
        """All of it."""
        return b"".join([part async for part in self.parts()])

    async def digest(self) -> str:
        """The SHA-256 of all of it, in hexadecimal."""
        found = hashlib.sha256()
        async for part in self.parts():
            found.update(part)
        return found.hexdigest()

    async def receive(self) -> Message:
        """What was read, then what comes."""
        return self._read.pop(0) if self._read else await self._receive()


class Guard:
    """Stands before ``app``.

    ``may_pass``: the request carries a secret of its own. ``judge``: how far its signature lets it
    reach, or why that is not accepted; it reads the body only where that is signed. ``refusal``:
    the answer that says so in the words of the service that was called.
    """

    def __init__(
        self,
        app: App,
        *,
        may_pass: Callable[[Request], bool],
        judge: Callable[[Request, Body], Awaitable[Failure | Reach]],
        refusal: Callable[[Request, Failure], Answer],
    ) -> None:
        self._app = app
        self._may_pass, self._judge, self._refusal = may_pass, judge, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        # Of its own: the server's lists are not to change what was looked at.
        scope = {**scope, "headers": tuple(scope["headers"])}
        request, closed, body = Request.of(scope), _closing(send), Body(receive)
        if fault := fault_of(request):
            body_sent = json.dumps({"message": f"Refused: {fault}."}).encode()
            await _answer(
                request,
                closed,
                (403, {"Content-Type": "application/json", "Connection": "close"}, body_sent),
            )
            return
        if self._may_pass(request):
            scope = _of_a_secret(scope)
        elif isinstance(judged := await self._judge(request, body), Reach):
            scope[REACH] = judged
        else:
            await _answer(request, closed, self._refusal(request, judged))
            return
        scope.get(ACCEPTED, bool)()
        await self._app(scope, body.receive, closed)


def _of_a_secret(scope: Scope) -> Scope:
    """The secret stands for a path. What else might lead the emulator to another service is left
    out.
    """
    headers = tuple((name, value) for name, value in scope["headers"] if name in _OF_A_SECRET)
    return {**scope, "headers": headers, "query_string": b""}


def _closing(send: Send) -> Send:
    """Answers that allow no other origin anything."""

    async def send_closed(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [
                (name, value)
                for name, value in message.get("headers", ())
                if not name.lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": [*kept, *_CLOSED]}
        await send(message)

    return send_closed


async def _answer(request: Request, send: Send, answer: Answer) -> None:
    status, headers, body = answer
    sent = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]
    sent.append((b"content-length", str(len(body)).encode()))
    if "expect" in request.headers:
        # A client that waits to be asked for the body does not send it after this. The connection
        # is out of step.
        sent.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})


@lru_cache(maxsize=512)
def _name(sent: bytes) -> str:
    return sent.decode("latin-1").lower()


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
