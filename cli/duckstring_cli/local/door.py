"""The api function of a Catchment on this machine, invoked by one signed request.

boto3 would do it as well: importing it, and reading its description of Lambda, takes more processor
than all else that ``duckstring status`` does. A Catchment in AWS is reached through boto3, because
profiles, logins, proxies and endpoints are its business. The signature is AWS's Signature Version 4
with the Catchment's key; a test compares it with botocore's signer.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from duckstring_cli.local.keys import AccessKey

_CONNECTS_WITHIN = 5.0
_ANSWERS_WITHIN = 900.0
"""Seconds: a deploy imports every Pond."""


class UnansweredError(Exception):
    """Nothing listens on the port, or what listens there does not speak HTTP."""


class RefusedError(Exception):
    """The Catchment's AWS refused the request: ``code`` as AWS calls it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How to invoke one function: where, under which name, signed with what."""

    port: int
    region: str
    function: str
    key: AccessKey
    patience: float = _ANSWERS_WITHIN

    def invoke(self, request: Mapping[str, object]) -> tuple[Any, bool]:
        """Invoke it once; nothing is repeated.

        Returns:
            The function's answer, read from its JSON, and whether the function broke instead.

        Raises:
            UnansweredError: nothing answers, or not within ``patience`` seconds.
            RefusedError: the function was not invoked.
        """
        body = json.dumps(request).encode()
        path = f"/2015-03-31/functions/{quote(self.function, safe='')}/invocations"
        host = f"127.0.0.1:{self.port}"
        headers = signed(self.key, host, path, body, region=self.region, now=datetime.now(UTC))
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=min(_CONNECTS_WITHIN, self.patience)
        )
        try:
            connection.connect()
            connection.sock.settimeout(self.patience)
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnansweredError(str(error)) from error
        finally:
            connection.close()
        if answer.status >= http.client.MULTIPLE_CHOICES:
            raise _refusal(answer, content)
        return json.loads(content or b"null"), bool(answer.headers.get("x-amz-function-error"))


def signed(
    key: AccessKey, host: str, path: str, body: bytes, *, region: str, now: datetime
) -> dict[str, str]:
    """The headers of a POST to Lambda, with its Signature Version 4.

    ``path``: as it is sent, its parts quoted once. It has no query.
    """
    at, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
    headers = {
        "host": host,
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": at,
    }
    names = ";".join(headers)
    lines = [f"{name}:{value}\n" for name, value in headers.items()]
    # Of every service but S3 the path is quoted once more for the signature.
    whole = "\n".join(
        ["POST", quote(path, safe="/~"), "", "".join(lines), names, headers["x-amz-content-sha256"]]
    )
    scope = f"{day}/{region}/lambda/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(whole.encode()).hexdigest()}"
    secret = f"AWS4{key.secret_access_key}".encode()
    for part in (day, region, "lambda", "aws4_request"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _refusal(answer: http.client.HTTPResponse, content: bytes) -> RefusedError:
    try:
        said = json.loads(content)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    code = answer.headers.get("x-amzn-errortype") or said.get("__type") or str(answer.status)
    message = said.get("message") or said.get("Message") or answer.reason
    return RefusedError(str(code).partition(":")[0].rpartition("#")[2], str(message))
