"""How far an accepted request reaches in the emulator. Standard library only: part of the server.

The emulator finds a request's service by whatever it carries: the target header, the service in the
Authorization header, an ``Action`` in the query or in a form in the body, the path, the host; pages
and data planes by path and host before that; and lines after the last chunk of a body become
headers. A presigned URL is signed without its body and without most headers, so a form would lead
it to any service. So a request whose body is not signed is for S3, whatever it carries; and of the
lines after a body only checksums are headers.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from duckstring_cli.local.emulator import ministack
from duckstring_cli.local.guard import REACH, Reach, Scope

_BESIDE_SERVICES = (
    "_handle_pre_body_request",
    "_handle_post_body_shortcuts",
    "_handle_special_data_plane_request",
)
"""What the emulator looks for, by path and host, before it looks for a service."""

_s3_alone: ContextVar[bool] = ContextVar("s3_alone", default=False)


@contextmanager
def reaching(scope: Scope) -> Iterator[None]:
    """Within: the emulator takes the request no further than the guard has said."""
    token = _s3_alone.set(scope.get(REACH) is Reach.S3)
    try:
        yield
    finally:
        _s3_alone.reset(token)


def bound_routes() -> None:
    """Have the emulator's router know."""
    app = ministack("app")
    wrapped = {**dict.fromkeys(_BESIDE_SERVICES, _unless_s3_alone), **_IN_ROUTING}
    for name, wrap in wrapped.items():
        setattr(app, name, wrap(getattr(app, name)))


def _unless_s3_alone(handler: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @functools.wraps(handler)
    async def handle(*given: object, **named: object) -> object:
        return None if _s3_alone.get() else await handler(*given, **named)

    return handle


def _s3_if_alone(detect: Callable[..., str]) -> Callable[..., str]:
    def detect_service(*given: object) -> str:
        return "s3" if _s3_alone.get() else detect(*given)

    return detect_service


def _without_forms(routing_params: Callable[..., object]) -> Callable[..., object]:
    def params(method: str, path: str, headers: object, body: bytes, query: object) -> object:
        return query if _s3_alone.get() else routing_params(method, path, headers, body, query)

    return params


def _checksums_alone(decode: Callable[..., object]) -> Callable[..., object]:
    def decode_chunks(body: bytes, headers: dict[str, str]) -> object:
        sent = set(headers)
        decoded = decode(body, headers)
        for name in headers.keys() - sent:
            if not name.startswith("x-amz-checksum-"):
                del headers[name]
        return decoded

    return decode_chunks


_IN_ROUTING: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "detect_service": _s3_if_alone,
    "_routing_params": _without_forms,
    "_decode_aws_chunked_body": _checksums_alone,
}
"""What the emulator finds a service by, and its parameters."""
