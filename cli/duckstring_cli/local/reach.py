"""How far an accepted request reaches in the emulator. Standard library only: part of the server.

The emulator finds a request's service by whatever it carries: the target header, the service in the Authorization header, an
``Action`` in the query or in a form in the body, the path, the host; pages and data planes by path and host before that; and
lines after the last chunk of a body become headers. A presigned URL is signed without its body and without most headers, so a
form would lead it to any service. So a request whose body is not signed is for S3, whatever it carries; and of the lines after
a body only checksums are headers.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from duckstring_cli.local.emulator import ministack
from duckstring_cli.local.guard import REACH, Reach, Scope

_BESIDE_SERVICES = ("_handle_pre_body_request", "_handle_post_body_shortcuts", "_handle_special_data_plane_request")
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
    for name in _BESIDE_SERVICES:
        setattr(app, name, _unless_s3_alone(getattr(app, name)))
    detect, routing_params, decode = app.detect_service, app._routing_params, app._decode_aws_chunked_body  # noqa: SLF001

    def detect_service(*given: Any) -> str:  # noqa: ANN401 - the emulator has no types
        return "s3" if _s3_alone.get() else str(detect(*given))

    def params_but_of_forms(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:  # noqa: ANN401
        return query if _s3_alone.get() else routing_params(method, path, headers, body, query)

    def decode_chunks(body: bytes, headers: dict[str, str]) -> Any:  # noqa: ANN401
        sent = set(headers)
        decoded = decode(body, headers)
        for name in headers.keys() - sent:
            if not name.startswith("x-amz-checksum-"):
                del headers[name]
        return decoded

    app.detect_service, app._routing_params, app._decode_aws_chunked_body = detect_service, params_but_of_forms, decode_chunks  # noqa: SLF001


def _unless_s3_alone(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(handler)
    async def handle(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        return None if _s3_alone.get() else await handler(*given, **named)

    return handle
