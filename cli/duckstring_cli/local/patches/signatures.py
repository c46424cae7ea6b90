"""Signatures of requests are checked by the guard, with what the emulator computes of them.

Emulator: it has all that computes signatures, and looks at them only in a mode of its own that also
enforces policies. It lets in a root that needs no secret.
AWS: a request without a valid signature is refused before anything is done.
For us: web pages and other users of the machine must not reach a Catchment. ``signatures.py``
decides; nothing is replaced here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duckstring_cli.local.patches.declared import Names

NAMES = Names()

_PARSE_HEADER = NAMES.called("core.sigv4", "parse_header_signature", "headers")
_PARSE_QUERY = NAMES.called("core.sigv4", "parse_query_signature", "query_params")
_TIME_FAILURE = NAMES.called("core.sigv4", "request_time_failure", "signature")
_IS_EXPIRED = NAMES.called("core.sigv4", "presigned_request_is_expired", "amz_date expires")
_DOCUMENTS = NAMES.called(
    "core.sigv4",
    "header_signing_documents",
    "signature method raw_path query_params headers body",
    named="presigned",
)
_SIGNING_KEY = NAMES.called("core.sigv4", "_cached_signing_key", "secret date_stamp region service")
_CHUNKS_MATCH = NAMES.called("core.sigv4", "_chunk_signatures_match", "body seed signature key")
for _part in (
    "access_key_id",
    "date_stamp",
    "region",
    "service",
    "signed_headers",
    "signature",
    "amz_date",
):
    NAMES.attribute("core.sigv4", f"HeaderSignature.{_part}")
_IS_ROOT = NAMES.called("core.iam_evaluator", "is_root_access_key", "access_key_id")
_RESOLVE = NAMES.called(
    "core.iam_evaluator", "resolve_credential", "access_key_id account_id session_token"
)
_SECRET = NAMES.attribute("core.iam_evaluator", "ResolvedCredential.secret_access_key")
_ACCOUNT_OF_SESSION = NAMES.called("core.responses", "_account_from_sts_session", "access_key_id")
_ACCOUNT = NAMES.called("core.responses", "get_account_id")
_DETECT_SERVICE = NAMES.called("core.router", "detect_service", "method path headers query_params")
_DENIED = NAMES.called(
    "core.iam_actions",
    "access_denied_response",
    "service action principal_arn request_id",
    named="error_code message headers",
)
_NEW_ID = NAMES.called("core.responses", "new_uuid")
_FIX_TYPE = NAMES.called("core.responses", "fix_error_content_type", "service status headers")


class Sigv4:
    """The emulator's functions, looked up once: each request needs several."""

    def __init__(self) -> None:
        self.parse_header_signature = _PARSE_HEADER.read()
        self.parse_query_signature = _PARSE_QUERY.read()
        self.request_time_failure = _TIME_FAILURE.read()
        self.presigned_request_is_expired = _IS_EXPIRED.read()
        self.header_signing_documents = _DOCUMENTS.read()
        self.signing_key = _SIGNING_KEY.read()
        self.chunks_match = _CHUNKS_MATCH.read()


def is_root(key_id: str) -> bool:
    """Whether the emulator would let that key in without a secret."""
    return bool(_IS_ROOT.read()(key_id))


def secret_of(key_id: str, token: str) -> str | None:
    """The secret of a key that the emulator gave out."""
    account = _ACCOUNT_OF_SESSION.read()(key_id) or _ACCOUNT.read()()
    return _SECRET.of(_RESOLVE.read()(key_id, account, token), None) or None


def refuse(
    method: str,
    path: str,
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    *,
    code: str,
    message: str,
) -> tuple[int, dict[str, str], bytes | str]:
    """Status, headers and body of a refusal, in the form of the service that was asked."""
    service = _DETECT_SERVICE.read()(method, path, headers, query)
    status, answered, body = _DENIED.read()(
        service, "", "", _NEW_ID.read()(), error_code=code, message=message, headers=headers
    )
    _FIX_TYPE.read()(service, status, answered)
    return status, answered, body
