"""AWS signatures of requests to a local Catchment, checked against its keys. Part of the server.

The emulator has what computes them (``ministack.core.sigv4``), and looks at them only in a mode of its own that also enforces
policies. Signature Version 4 in the header or the query, and Version 2 in the query: what boto3 signs URLs with, unless it is
told otherwise.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import Any
from urllib.parse import urlsplit

from duckstring_cli.local.emulator import ministack
from duckstring_cli.local.guard import Answer, Failure, ReadBody, Request
from duckstring_cli.local.keys import AccessKey

_LONGEST_URL = 604_800
_SHA1_MARKS = ("AWSAccessKeyId", "Signature", "Expires")
_NO_KEY = ("MissingAuthenticationToken", "sign requests with the Catchment's access key (duckstring catchment env prints it)")
_UNKNOWN = ("InvalidClientTokenId", "the access key is not one of this Catchment's (duckstring catchment env prints it)")
_MISMATCH = ("SignatureDoesNotMatch", "the signature is not that of the Catchment's secret access key")
_EXPIRED = ("AccessDenied", "the presigned URL has expired")
_OTHER_BODY = ("XAmzContentSHA256Mismatch", "the body is not the one that was signed")
_OLD = ("RequestTimeTooSkewed", "it was signed too long ago, or by another clock")
_ANY_BODY = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD")
"""What is signed where the body is not. Any other text in its place is the body's hash, or says that its chunks are signed."""
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_TWICE = ("InvalidRequest", "a request is signed once: in its header or in its query")
_NOT_S3 = ("AccessDenied", "only URLs of S3 can be signed in advance")
_UNSIGNED = "the header {!r} is not signed"


class Signatures:
    """Knows the Catchment's key, and those that the emulator gave out to somebody who had it (AssumeRole, CreateAccessKey)."""

    def __init__(self, key: AccessKey) -> None:
        self._key = key
        self._sigv4 = ministack("core.sigv4")

    async def failure(self, request: Request, read_body: ReadBody) -> Failure | None:
        """Why the request is not accepted. None: it is."""
        header = request.headers.get("authorization", "")
        if header and not request.query_string:
            return await self._of_header(request, read_body)
        marks = {name.lower() for name in request.query}
        in_query = not marks.isdisjoint({"x-amz-credential", "x-amz-signature", "x-amz-algorithm"})
        sha1 = "awsaccesskeyid" in marks
        if (bool(header) + in_query + sha1) > 1:
            return _TWICE
        if header:
            return await self._of_header(request, read_body)
        if in_query:
            return self._of_url(request)
        return self._of_sha1_url(request) if sha1 else _NO_KEY

    async def _of_header(self, request: Request, read_body: ReadBody) -> Failure | None:
        if not request.headers["authorization"].startswith("AWS4-HMAC-SHA256 "):
            return _NO_KEY
        signature = self._sigv4.parse_header_signature(request.headers)
        if isinstance(signature, tuple):
            return signature
        if (secret := self._secret(signature.access_key_id, request.headers.get("x-amz-security-token", ""))) is None:
            return _UNKNOWN
        # A request that another program has received, while the server was stopped, is soon of no use to it.
        if not _DATE.fullmatch(signature.amz_date) or self._sigv4.request_time_failure(signature):
            return _OLD
        declared = request.headers.get("x-amz-content-sha256", "").strip()
        body = b"" if declared.startswith(_ANY_BODY) else await read_body()
        if declared and not declared.startswith((*_ANY_BODY, "STREAMING-")) and declared.lower() != hashlib.sha256(body).hexdigest():
            return _OTHER_BODY
        return self._mismatch(request, signature, secret, body)

    def _of_url(self, request: Request) -> Failure | None:
        if _repeated(request):
            return _TWICE
        signature = self._sigv4.parse_query_signature(request.query)
        if isinstance(signature, tuple):
            return signature
        if (secret := self._secret(signature.access_key_id, _first(request, "X-Amz-Security-Token"))) is None:
            return _UNKNOWN
        if signature.service != "s3" or not _is_for_s3(request):
            return _NOT_S3
        if failure := self._mismatch(request, signature, secret, b"", presigned=True):
            return failure
        return self._expired(request, signature.amz_date)

    def _expired(self, request: Request, signed_at: str) -> Failure | None:
        seconds = _first(request, "X-Amz-Expires")
        try:
            if 0 < int(seconds) <= _LONGEST_URL and not self._sigv4.presigned_request_is_expired(signed_at, seconds):
                return None
        except ValueError:
            pass
        return _EXPIRED

    def _mismatch(self, request: Request, signature: Any, secret: str, body: bytes, *, presigned: bool = False) -> Failure | None:  # noqa: ANN401 - the emulator has no types
        signed = set(signature.signed_headers.lower().split(";"))
        # As AWS has it: a header that changes what a request means cannot be added to a signed one.
        loose = [name for name in request.headers if name.startswith("x-amz-") and name not in signed and name != "x-amz-content-sha256"]
        if "host" not in signed or loose:
            return "AccessDenied", _UNSIGNED.format((loose or ["host"])[0])
        failed = self._sigv4.header_signature_failure(
            signature, secret, request.method, request.raw_path, request.query, request.headers, body, presigned=presigned
        )
        return _MISMATCH if failed else None

    def _of_sha1_url(self, request: Request) -> Failure | None:
        from botocore.auth import HmacV1QueryAuth  # the emulator's own dependency; rarely needed
        from botocore.awsrequest import HTTPHeaders
        from botocore.credentials import Credentials

        key_id, signature, expires = (_first(request, name) for name in _SHA1_MARKS)
        token = _first(request, "x-amz-security-token")
        if (secret := self._secret(key_id, token)) is None:
            return _UNKNOWN
        loose = request.query.keys() - {*_SHA1_MARKS, "x-amz-security-token", *HmacV1QueryAuth.QSAOfInterest}
        if loose or _repeated(request) or not _is_for_s3(request):
            return _NOT_S3
        headers: Any = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        signer: Any = HmacV1QueryAuth(Credentials(key_id, secret, token or None))
        signer._get_date = lambda: expires  # noqa: SLF001 - when the URL ends, in the place of today's date
        expected = signer.get_signature(request.method, urlsplit(f"http://here{request.raw_path}?{request.query_string}"), headers)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return _MISMATCH
        return None if expires.isdecimal() and time.time() < int(expires) else _EXPIRED

    def _secret(self, key_id: str, token: str) -> str | None:
        if key_id == self._key.access_key_id:
            return None if token else self._key.secret_access_key
        identities = ministack("core.iam_evaluator")
        # The emulator's root needs no secret: "test", or any twelve digits.
        if not key_id or identities.is_root_access_key(key_id):
            return None
        responses = ministack("core.responses")
        account = responses._account_from_sts_session(key_id) or responses.get_account_id()  # noqa: SLF001
        found = identities.resolve_credential(key_id, account, token)
        return getattr(found, "secret_access_key", None) or None


def refusal(request: Request, failure: Failure) -> Answer:
    """An answer from which the caller's SDK reads the failure."""
    router, actions, responses = ministack("core.router"), ministack("core.iam_actions"), ministack("core.responses")
    service = router.detect_service(request.method, request.path, request.headers, request.query)
    code, message = failure
    status, headers, body = actions.access_denied_response(
        service, "", "", responses.new_uuid(), error_code=code, message=f"Refused: {message}.", headers=request.headers
    )
    responses.fix_error_content_type(service, status, headers)
    return status, headers, body if isinstance(body, bytes) else str(body).encode()


def _is_for_s3(request: Request) -> bool:
    """Whether the emulator takes it for a request to S3: a presigned URL must not open another door."""
    found = ministack("core.router").detect_service(request.method, request.path, request.headers, request.query)
    return bool(found == "s3") and not request.path.startswith("/_")


def _repeated(request: Request) -> bool:
    names = [name.lower() for name in request.query]
    return len(set(names)) < len(names) or any(
        len(values) > 1 for name, values in request.query.items() if name.lower().startswith("x-amz")
    )


def _first(request: Request, name: str) -> str:
    """The value of a query's name, however that is written."""
    return next((values[0] for known, values in request.query.items() if known.lower() == name.lower()), "")
