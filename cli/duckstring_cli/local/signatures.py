"""AWS signatures of requests to a local Catchment, checked against its keys. Part of the server.

``patches/signatures.py`` has what the emulator computes of them. Signature Version 4 in the header
or the query, and Version 2 in the query: what boto3 signs URLs with, unless it is told otherwise.

The head is checked before the body is read. Where the body's hash is not in the head, the signature
is over both: such bodies are read up to a limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from typing import Any, Protocol
from urllib.parse import urlsplit

from duckstring_cli.local.guard import Answer, Body, Failure, Reach, Request
from duckstring_cli.local.keys import AccessKey
from duckstring_cli.local.patches import signatures as emulator

_LONGEST_URL = 604_800
_SHA1_MARKS = ("AWSAccessKeyId", "Signature", "Expires")
_NO_KEY = (
    "MissingAuthenticationToken",
    "sign requests with the Catchment's access key (duckstring catchment env prints it)",
)
_UNKNOWN = (
    "InvalidClientTokenId",
    "the access key is not one of this Catchment's (duckstring catchment env prints it)",
)
_MISMATCH = (
    "SignatureDoesNotMatch",
    "the signature is not that of the Catchment's secret access key",
)
_EXPIRED = ("AccessDenied", "the presigned URL has expired")
_OTHER_BODY = ("XAmzContentSHA256Mismatch", "the body is not the one that was signed")
_OLD = ("RequestTimeTooSkewed", "it was signed too long ago, or by another clock")
_TWICE = ("InvalidRequest", "a request is signed once: in its header or in its query")
_NOT_S3 = ("AccessDenied", "only URLs of S3 can be signed in advance")
_UNSIGNED = "the header {!r} is not signed"
_ODD_HEADER = (
    "IncompleteSignature",
    (
        "the Authorization header has Credential, SignedHeaders and Signature, in this order, each "
        "once"
    ),
)
_NO_HASH = (
    "InvalidRequest",
    "x-amz-content-sha256 is neither the hash of a body nor a name that is known in its place",
)
_UNSIGNED_BODY = ("AccessDenied", "the body is not signed")
_ODD_PATH = ("InvalidRequest", "the path has an empty part or dots, which are not signed")
_LOOSE_CHUNKS = ("InvalidRequest", "a body in chunks of aws-chunked is signed as STREAMING-")
_TOO_LARGE = (
    "EntityTooLarge",
    "sign the hash of a body that long in the header x-amz-content-sha256",
)
_TOO_MANY = ("SlowDown", "too many bodies at once whose hash is not in a header")
_TOO_SLOW = ("RequestTimeout", "the body took too long to arrive")
_STATUS = {"EntityTooLarge": 413, "SlowDown": 503, "RequestTimeout": 400}

_AUTHORIZATION = re.compile(
    (
        r"AWS4-HMAC-SHA256 +Credential=[^/,=\s]+/\d{8}/[^/,=\s]+/[^/,=\s]+/aws4_request *, "
        r"*SignedHeaders=[^,=\s]+ *, *Signature=[^,=\s]+"
    ),
    re.ASCII,
)
"""As SDKs write it. The header itself is not signed: of two credentials the emulator might take
the other one.
"""
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_ANY_BODY = frozenset({"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
_CHUNKS = frozenset(
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"}
)
"""What is signed in the place of a body's hash: any body will do; its chunks are signed."""
_ODD_PARTS = re.compile(r"/\.{0,2}/|/\.{1,2}$")
"""Of a path, which is signed without them but for S3."""
_MEANING = frozenset({"content-type", "content-encoding", "smithy-protocol"})
"""By these services but for S3, where they are an object's metadata, tell one operation from
another.
"""
_NO_MEANING = frozenset({"x-amz-content-sha256", "x-amzn-trace-id"})

_LARGEST = 72 * 2**20
"""Bytes of a body whose hash is not in a header: AWS takes 70,167,211 with the code of a
function.
"""
_LARGEST_TOGETHER = 4 * _LARGEST
_ARRIVES_WITHIN = 60.0


class Signature(Protocol):
    """What the emulator reads from a request that is signed by Version 4."""

    access_key_id: str
    amz_date: str
    date_stamp: str
    region: str
    service: str
    signed_headers: str
    signature: str


class Signatures:
    """Knows the Catchment's key, and those that the emulator gave out to somebody who had it
    (AssumeRole, CreateAccessKey).
    """

    def __init__(self, key: AccessKey) -> None:
        self._key = key
        self._sigv4 = emulator.Sigv4()
        self._waiting = 0

    async def judge(self, request: Request, body: Body) -> Failure | Reach:
        """How far the request may reach, or why it is not accepted."""
        header = request.headers.get("authorization", "")
        if header and not request.query_string:
            return await self._of_header(request, body)
        marks = {name.lower() for name in request.query}
        in_query = not marks.isdisjoint({"x-amz-credential", "x-amz-signature", "x-amz-algorithm"})
        sha1 = "awsaccesskeyid" in marks
        if (bool(header) + in_query + sha1) > 1:
            return _TWICE
        if header:
            return await self._of_header(request, body)
        if not in_query and not sha1:
            return _NO_KEY
        failure = self._of_url(request) if in_query else self._of_sha1_url(request)
        return failure or Reach.S3

    async def _of_header(self, request: Request, body: Body) -> Failure | Reach:
        if failure := _odd_header(request.headers["authorization"]):
            return failure
        signature = self._sigv4.parse_header_signature(request.headers)
        if isinstance(signature, tuple):
            return signature
        if (
            secret := self._secret(
                signature.access_key_id, request.headers.get("x-amz-security-token", "")
            )
        ) is None:
            return _UNKNOWN
        # A request that another program has received, while the server was stopped, is soon of no
        # use to it.
        if not _DATE.fullmatch(signature.amz_date) or self._sigv4.request_time_failure(signature):
            return _OLD
        return _not_signed(request, signature) or await self._of_body(
            request, body, signature, secret
        )

    async def _of_body(
        self, request: Request, body: Body, signature: Signature, secret: str
    ) -> Failure | Reach:
        if not (declared := request.headers.get("x-amz-content-sha256", "")):
            read = await self._read(request, body)
            return (
                read
                if isinstance(read, tuple)
                else self._mismatch(request, signature, secret, read) or Reach.ALL
            )
        if failure := self._mismatch(request, signature, secret):
            return failure
        if declared in _ANY_BODY:
            return Reach.S3
        if declared in _CHUNKS:
            return (
                Reach.ALL if self._are_signed(await body.read(), signature, secret) else _OTHER_BODY
            )
        return Reach.ALL if await body.digest() == declared.lower() else _OTHER_BODY

    async def _read(self, request: Request, body: Body) -> bytes | Failure:
        """A body of nobody knows whom, yet."""
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > len(str(_LARGEST)) or int(length) > _LARGEST:
            return _TOO_LARGE
        parts: list[bytes] = []
        held = 0
        try:
            async with asyncio.timeout(_ARRIVES_WITHIN):
                async for part in body.parts():
                    parts.append(part)
                    held += len(part)
                    self._waiting += len(part)
                    if held > _LARGEST or self._waiting > _LARGEST_TOGETHER:
                        return _TOO_LARGE if held > _LARGEST else _TOO_MANY
        except TimeoutError:
            return _TOO_SLOW
        finally:
            self._waiting -= held
        return b"".join(parts)

    def _of_url(self, request: Request) -> Failure | None:
        if _repeated(request):
            return _TWICE
        signature = self._sigv4.parse_query_signature(request.query)
        if isinstance(signature, tuple):
            return signature
        if (
            secret := self._secret(signature.access_key_id, _first(request, "X-Amz-Security-Token"))
        ) is None:
            return _UNKNOWN
        if signature.service != "s3" or _is_page(request):
            return _NOT_S3
        if failure := _not_signed(request, signature, presigned=True) or self._mismatch(
            request, signature, secret, presigned=True
        ):
            return failure
        return self._expired(request, signature.amz_date)

    def _expired(self, request: Request, signed_at: str) -> Failure | None:
        seconds = _first(request, "X-Amz-Expires")
        try:
            if 0 < int(seconds) <= _LONGEST_URL and not self._sigv4.presigned_request_is_expired(
                signed_at, seconds
            ):
                return None
        except (ValueError, OverflowError):
            pass
        return _EXPIRED

    def _mismatch(
        self,
        request: Request,
        signature: Signature,
        secret: str,
        body: bytes = b"",
        *,
        presigned: bool = False,
    ) -> Failure | None:
        _, text = self._sigv4.header_signing_documents(
            signature,
            request.method,
            request.raw_path,
            request.query,
            request.headers,
            body,
            presigned=presigned,
        )
        if signature.date_stamp != signature.amz_date[:8]:
            return _MISMATCH
        expected = hmac.new(
            self._signing_key(signature, secret), text.encode(), hashlib.sha256
        ).hexdigest()
        return (
            None
            if hmac.compare_digest(expected.encode(), signature.signature.encode())
            else _MISMATCH
        )

    def _signing_key(self, signature: Signature, secret: str) -> bytes:
        key = self._sigv4.signing_key(
            secret, signature.date_stamp, signature.region, signature.service
        )
        return bytes(key)

    def _are_signed(self, chunks: bytes, signature: Signature, secret: str) -> bool:
        match = self._sigv4.chunks_match
        try:
            return bool(
                match(chunks, signature.signature, signature, self._signing_key(signature, secret))
            )
        except TypeError:
            # It compares texts, which must be ASCII for that.
            return False

    def _of_sha1_url(self, request: Request) -> Failure | None:
        from botocore.auth import HmacV1QueryAuth  # the emulator's own dependency; rarely needed
        from botocore.awsrequest import HTTPHeaders
        from botocore.credentials import Credentials

        key_id, signature, expires = (_first(request, name) for name in _SHA1_MARKS)
        token = _first(request, "x-amz-security-token")
        if (secret := self._secret(key_id, token)) is None:
            return _UNKNOWN
        loose = request.query.keys() - {
            *_SHA1_MARKS,
            "x-amz-security-token",
            *HmacV1QueryAuth.QSAOfInterest,
        }
        if loose or _repeated(request) or _is_page(request):
            return _NOT_S3
        if _has_loose_chunks(request):
            return _LOOSE_CHUNKS
        headers: Any = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        signer: Any = HmacV1QueryAuth(Credentials(key_id, secret, token or None))
        signer._get_date = lambda: expires  # noqa: SLF001 - when the URL ends, in the place of today's date
        expected = signer.get_signature(
            request.method,
            urlsplit(f"http://here{request.raw_path}?{request.query_string}"),
            headers,
        )
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return _MISMATCH
        return None if expires.isdecimal() and time.time() < int(expires) else _EXPIRED

    def _secret(self, key_id: str, token: str) -> str | None:
        if key_id == self._key.access_key_id:
            return None if token else self._key.secret_access_key
        # The emulator's root needs no secret: "test", or any twelve digits.
        if not key_id or emulator.is_root(key_id):
            return None
        return emulator.secret_of(key_id, token)


def refusal(request: Request, failure: Failure) -> Answer:
    """An answer from which the caller's SDK reads the failure."""
    code, message = failure
    status, headers, body = emulator.refuse(
        request.method,
        request.path,
        request.headers,
        request.query,
        code=code,
        message=f"Refused: {message}.",
    )
    return (
        _STATUS.get(code, status),
        headers,
        body if isinstance(body, bytes) else str(body).encode(),
    )


def _odd_header(authorization: str) -> Failure | None:
    if not authorization.startswith("AWS4-HMAC-SHA256 "):
        return _NO_KEY
    return None if _AUTHORIZATION.fullmatch(authorization) else _ODD_HEADER


def _not_signed(
    request: Request, signature: Signature, *, presigned: bool = False
) -> Failure | None:
    """What of the head decides what the request does, and is not signed. As AWS has it, such a
    header cannot be added.
    """
    signed, of_s3 = set(signature.signed_headers.lower().split(";")), signature.service == "s3"
    # The name of a body's hash is signed by the hash itself, and in the query there is none.
    free = _NO_MEANING - {"x-amz-content-sha256"} if presigned else _NO_MEANING
    loose = [
        name
        for name in request.headers
        if name not in signed and name not in free and _has_meaning(name, of_s3=of_s3)
    ]
    if loose or "host" not in signed:
        return "AccessDenied", _UNSIGNED.format((loose or ["host"])[0])
    if not of_s3 and _ODD_PARTS.search(request.raw_path):
        return _ODD_PATH
    declared = request.headers.get("x-amz-content-sha256", "")
    if not declared or _HASH.fullmatch(declared):
        return _LOOSE_CHUNKS if _has_loose_chunks(request) else None
    if declared not in _ANY_BODY | _CHUNKS:
        return _NO_HASH
    return None if of_s3 else _UNSIGNED_BODY


def _has_meaning(name: str, *, of_s3: bool) -> bool:
    return name.startswith("x-amz") or (name in _MEANING and not of_s3)


def _has_loose_chunks(request: Request) -> bool:
    """Whether the emulator would read the body as chunks although the signature does not declare
    chunks.
    """
    return "aws-chunked" in request.headers.get("content-encoding", "").lower()


def _is_page(request: Request) -> bool:
    """Whether it is for one of the emulator's or the server's own pages. No bucket has such a
    name.
    """
    return request.path.startswith("/_")


def _repeated(request: Request) -> bool:
    names = [name.lower() for name in request.query]
    return len(set(names)) < len(names) or any(
        len(values) > 1
        for name, values in request.query.items()
        if name.lower().startswith("x-amz")
    )


def _first(request: Request, name: str) -> str:
    """The value of a query's name, however that is written."""
    return next(
        (values[0] for known, values in request.query.items() if known.lower() == name.lower()), ""
    )
