"""Asks STS who has signed a caller's proof (``model/callers.py``)."""

from __future__ import annotations

import http.client
import logging
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from duckstring.model.audits import is_arn
from duckstring.model.callers import BODY, headers_of, is_sts

_log = logging.getLogger("duckstring.callers")
_PATIENCE = 3.0
_MOST_BYTES = 10_000
_ARN = re.compile(rb"<Arn>([^<]{1,500})</Arn>")


class StsCallers:
    """``ports.Callers``.

    The function sends the caller's request to STS, and to no other host. It has no rights for that,
    and needs none.
    """

    def __init__(self, endpoint: str = "") -> None:
        """``endpoint``: of an emulator of AWS; empty: AWS itself."""
        self._own = urlsplit(endpoint)

    def who(self, proof: Mapping[str, object], bound_to: str) -> str:
        """The ARN of who has signed the proof; empty: STS does not accept it, or does not answer.

        A change is not refused for that: it only has nobody's name.
        """
        host = str(proof.get("host", ""))
        if not (is_sts(host) or (host and host == self._own.netloc)):
            return ""
        headers = headers_of(proof, host, bound_to)
        if headers is None:
            return ""
        try:
            status, body = self._ask(host, headers)
        except (OSError, http.client.HTTPException) as error:
            _log.warning("STS was not asked for the caller: %s", type(error).__name__)
            return ""
        found = _ARN.search(body)
        arn = found[1].decode(errors="replace") if found and status == http.client.OK else ""
        if not is_arn(arn):
            _log.warning("STS did not name the caller", extra={"status": status})
            return ""
        return arn

    def _ask(self, host: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        is_own = host == self._own.netloc and self._own.scheme == "http"
        kind = http.client.HTTPConnection if is_own else http.client.HTTPSConnection
        connection = kind(host, timeout=_PATIENCE)
        try:
            connection.request("POST", "/", BODY, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST_BYTES)
        finally:
            connection.close()
