"""Who may talk to the page's server: the page itself, and nobody else on this machine or the web.

A browser sends requests of any site to 127.0.0.1. So each request must name this server as its
host (a foreign name that resolves to 127.0.0.1 is refused), must not come from another site, and a
request for data must carry the token of this start, which only the address that was printed has.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Refusal = tuple[int, str, str]
"""Status, message, hint."""

MOST_BYTES = 1_000_000
"""Of a request's body."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; worker-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Content security: nothing is loaded from elsewhere, and no text becomes code."""

_HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Refuses what does not come from the page, before anything else sees it."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: Iterable[str]) -> None:
        """``hosts``: what the header Host may say, port included."""
        self._app, self._token, self._hosts = app, token, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a web socket
            return
        sender = _guarded(send, private=scope["path"].startswith("/api"))
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, sender)
        else:
            status, message, hint = refusal
            answer = error("PageRefusedError", message, hint, status=status)
            await answer(scope, receive, sender)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers, is_api = Headers(scope=scope), scope["path"].startswith("/api")
        return self._of_site(headers, is_api=is_api) or self._of_request(
            scope["method"], headers, is_api=is_api
        )

    def _of_site(self, headers: Headers, *, is_api: bool) -> Refusal | None:
        """What a browser says of where a request is from."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return (
                421,
                "This server is not known by that name.",
                "Open the address that it printed.",
            )
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "same-origin")
        is_link = not is_api and headers.get("sec-fetch-mode") == "navigate"
        if (origin is not None and origin not in {f"http://{host}" for host in self._hosts}) or (
            site not in {"same-origin", "none"} and not is_link
        ):
            return 403, "Another site may not talk to this server.", ""
        return None

    def _of_request(self, method: str, headers: Headers, *, is_api: bool) -> Refusal | None:
        if method not in ({"GET", "POST"} if is_api else {"GET", "HEAD"}):
            return 405, f"{method} is not known here.", ""
        if not is_api:
            return None
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return 401, "This page was opened from an earlier start.", "Run duckstring ui again."
        return _body_refusal(headers) if method == "POST" else None


def _body_refusal(headers: Headers) -> Refusal | None:
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return 415, "The body must be JSON.", ""
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        return 411, "The body's length must be told.", ""
    if int(length) > MOST_BYTES:
        return 413, f"The body has {int(length):,} bytes; allowed: {MOST_BYTES:,}.", ""
    return None


def error(kind: str, message: str, hint: str, *, status: int) -> JSONResponse:
    """A refusal, as the page reads it."""
    return JSONResponse(
        {"error": {"type": kind, "message": message, "hint": hint}}, status_code=status
    )


def _guarded(send: Send, *, private: bool) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if private:
                headers["cache-control"] = "no-store"
        await send(message)

    return with_headers
