"""The door of a local Catchment's server: who may come in. Part of the server; it runs before the emulator sees a request.

The emulator asks nobody who he is, and lets every web page read its answers. But whoever may call it may run code as its user:
create a function, invoke it. So here

- a request that a web page can cause is refused: one to another Host (DNS rebinding), with an Origin, with fetch metadata of
  another site, a preflight, an upgrade; no answer allows another origin to read it;
- every other request must be signed with a key of this Catchment (``signatures.py``), the emulator's own pages included;
- the exceptions carry a secret of their own (``credentials.py``): what a task asks of its host, a custom resource's answer.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ReadBody = Callable[[], Awaitable[bytes]]
Failure = tuple[str, str]
"""A code of AWS's, and words."""
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""

TARGET = "duckstring.target"
"""In the scope: the request's target as it was sent."""

_HOST = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d{1,5})?", re.IGNORECASE)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})
_ONCE = ("authorization", "content-type", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-target")
_PROXIES = ("forwarded", "x-forwarded-", "x-original-", "x-rewrite-", "x-http-method")
_CLOSED = (
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"sandbox"),
    (b"x-content-type-options", b"nosniff"),
)
"""An object of the user's that a browser opens by a presigned URL is data, not a page of this origin."""


@dataclass(frozen=True)
class Request:
    """A request as it was sent, but for its body. Header names are in lower case."""

    method: str
    target: str
    path: str
    raw_path: str
    query_string: str
    header_list: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """The request of an ASGI scope."""
        path = str(scope["path"])
        raw_path = bytes(scope.get("raw_path") or path.encode()).decode("latin-1")
        return cls(
            method=str(scope["method"]),
            target=str(scope.get(TARGET, raw_path)),
            path=path,
            raw_path=raw_path,
            query_string=bytes(scope.get("query_string", b"")).decode("latin-1"),
            header_list=tuple((name.decode("latin-1").lower(), _text(value)) for name, value in scope["headers"]),
        )

    @cached_property
    def headers(self) -> dict[str, str]:
        """Each header once; of several lines with a comma between, as they are signed."""
        found: dict[str, str] = {}
        for name, value in self.header_list:
            found[name] = f"{found[name]},{value}" if name in found else value
        return found

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The query's values by name."""
        return parse_qs(self.query_string, keep_blank_values=True)

    @cached_property
    def times(self) -> Counter[str]:
        """How often each header was sent."""
        return Counter(name for name, _ in self.header_list)


def fault_of(request: Request) -> str:
    """Why a request is refused whoever has signed it: a web page, or whatever leads one here, may be behind it. Empty: it is not."""
    for rule in (_of_target, _of_host, _of_browser, _of_proxy, _of_repeats):
        if fault := rule(request):
            return fault
    return ""


def _of_target(request: Request) -> str:
    if request.method not in _METHODS:
        return f"{request.method} is not allowed here"
    return "" if request.target.startswith("/") else "the request's target must be a path"


def _of_host(request: Request) -> str:
    # Another port than ours is not foreign: a tunnel to this machine has one.
    if request.times["host"] == 1 and _HOST.fullmatch(request.headers["host"].strip()):
        return ""
    return f"use 127.0.0.1 or localhost as the host, found {request.headers.get('host', 'none')[:100]!r}"


def _of_browser(request: Request) -> str:
    headers = request.headers
    if "origin" in headers or any(name.startswith(("access-control-", "sec-websocket-")) for name in headers):
        return "web pages may not call it"
    # What a person types into the address bar comes from no site: a presigned URL can be opened.
    if any(name.startswith("sec-fetch-") for name in headers) and headers.get("sec-fetch-site") != "none":
        return "web pages may not call it"
    return "upgrades are not allowed here" if "websocket" in headers.get("upgrade", "").lower() else ""


def _of_proxy(request: Request) -> str:
    found = next((name for name in request.headers if name.startswith(_PROXIES)), "")
    return f"call it without a proxy between: the header {found[:100]!r} is not allowed" if found else ""


def _of_repeats(request: Request) -> str:
    found = next((name for name in _ONCE if request.times[name] > 1), "")
    return f"the header {found!r} is there more than once" if found else ""


class Guard:
    """Stands before ``app``.

    ``may_pass``: the request carries a secret of its own. ``failure``: why its signature is not accepted; it reads the body only
    where that is signed. ``refusal``: the answer that says so in the words of the service that was called.
    """

    def __init__(
        self,
        app: App,
        *,
        may_pass: Callable[[Request], bool],
        failure: Callable[[Request, ReadBody], Awaitable[Failure | None]],
        refusal: Callable[[Request, Failure], Answer],
    ) -> None:
        self._app = app
        self._may_pass, self._failure, self._refusal = may_pass, failure, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        request, closed, body = Request.of(scope), _closing(send), _Body(receive)
        if fault := fault_of(request):
            said = json.dumps({"message": f"Refused: {fault}."}).encode()
            await _answer(request, closed, (403, {"Content-Type": "application/json"}, said))
            return
        if not self._may_pass(request) and (failure := await self._failure(request, body.read)):
            await _answer(request, closed, self._refusal(request, failure))
            return
        await self._app(scope, body.receive, closed)


class _Body:
    """A body that can be read before it is received."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: list[Message] = []

    async def read(self) -> bytes:
        """All of it."""
        parts: list[bytes] = []
        while True:
            message = await self._receive()
            self._read.append(message)
            if message["type"] != "http.request":
                break
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        return b"".join(parts)

    async def receive(self) -> Message:
        """What was read, then what comes."""
        return self._read.pop(0) if self._read else await self._receive()


def _closing(send: Send) -> Send:
    """Answers that allow no other origin anything."""

    async def send_closed(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message.get("headers", ()) if not name.lower().startswith(b"access-control-")]
            message = {**message, "headers": [*kept, *_CLOSED]}
        await send(message)

    return send_closed


async def _answer(request: Request, send: Send, answer: Answer) -> None:
    status, headers, body = answer
    sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    sent.append((b"content-length", str(len(body)).encode()))
    if "expect" in request.headers:
        # Whoever waits to be asked for the body does not send it after this: the connection is out of step.
        sent.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
