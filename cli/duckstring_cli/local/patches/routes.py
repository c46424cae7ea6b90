"""A request whose body is not signed is for S3, whatever it carries.

Emulator: it finds a request's service by whatever it carries: the target header, the service in the
Authorization header, an ``Action`` in the query or in a form in the body, the path, the host; pages
and data planes by path and host before that; and lines after the last chunk of a body become
headers.
AWS: each service has a host of its own, and refuses what is not signed for it.
For us: a presigned URL is signed without its body and without most headers, so a form would lead it
to any service. ``reach.py`` knows how far the guard lets the request go; of the lines after a body
only checksums are headers.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from duckstring_cli.local.patches.declared import Names
from duckstring_cli.local.reach import is_s3_alone

NAMES = Names()

_BESIDE_SERVICES = (
    NAMES.replaced(
        "app",
        "_handle_pre_body_request",
        "method path headers query_params request_id",
        is_async=True,
    ),
    NAMES.replaced(
        "app",
        "_handle_post_body_shortcuts",
        "method path headers body query_params request_id",
        is_async=True,
    ),
    NAMES.replaced(
        "app",
        "_handle_special_data_plane_request",
        "method path headers body query_params request_id raw_path raw_query_string client_ip",
        is_async=True,
    ),
)
"""What the emulator looks for, by path and host, before it looks for a service."""

_DETECT_SERVICE = NAMES.replaced("app", "detect_service", "method path headers query_params")
_ROUTING_PARAMS = NAMES.replaced("app", "_routing_params", "method path headers body query_params")
_DECODE_CHUNKS = NAMES.replaced("app", "_decode_aws_chunked_body", "body headers")


def bound_routes() -> None:
    """Have the emulator's router take no request further than the guard has said."""
    for handler in _BESIDE_SERVICES:
        handler.replace(_unless_s3_alone(handler.read()))
    _DETECT_SERVICE.replace(_s3_if_alone(_DETECT_SERVICE.read()))
    _ROUTING_PARAMS.replace(_without_forms(_ROUTING_PARAMS.read()))
    _DECODE_CHUNKS.replace(_checksums_alone(_DECODE_CHUNKS.read()))


def _unless_s3_alone(handler: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @functools.wraps(handler)
    async def handle(*given: object, **named: object) -> object:
        return None if is_s3_alone() else await handler(*given, **named)

    return handle


def _s3_if_alone(detect: Callable[..., str]) -> Callable[..., str]:
    def detect_service(*given: object) -> str:
        return "s3" if is_s3_alone() else detect(*given)

    return detect_service


def _without_forms(routing_params: Callable[..., object]) -> Callable[..., object]:
    def params(method: str, path: str, headers: object, body: bytes, query: object) -> object:
        return query if is_s3_alone() else routing_params(method, path, headers, body, query)

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
