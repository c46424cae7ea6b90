"""How a caller proves who it is: a request to STS (GetCallerIdentity) that the caller signs and the
Catchment's function sends. STS says whose signature it is.

The signature also covers the digest of the caller's request and of the Catchment that it is meant
for, in a header of ours. So nobody can use it for another request, or in another Catchment. Nothing
else can be done with it, and STS accepts it for a few minutes only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

HEADER = "x-duckstring-request"
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
TYPE = "application/x-www-form-urlencoded; charset=utf-8"
NOT_SIGNED = frozenset({"caller", "schema"})
"""Fields of a request that the digest leaves out."""
_HOST = re.compile(r"sts(-fips)?(\.[a-z0-9-]{1,32})?\.amazonaws\.com(\.cn)?", re.ASCII)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[A-Za-z0-9/_-]{1,200}, SignedHeaders=([a-z0-9;-]{1,200}), "
    r"Signature=[0-9a-f]{64}",
    re.ASCII,
)
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9+/=_.:-]{1,8192}", re.ASCII)


def digest(request: Mapping[str, object], catchment: str) -> str:
    """What a proof is bound to: a request, and the ``catchment`` (its bucket, whose name no other
    Catchment has).
    """
    bound = {name: value for name, value in request.items() if name not in NOT_SIGNED}
    text = json.dumps([catchment, bound], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def is_sts(host: str) -> bool:
    """Whether a host is one of STS."""
    return _HOST.fullmatch(host) is not None


def headers_of(proof: Mapping[str, object], host: str, bound_to: str) -> dict[str, str] | None:
    """The headers of the request to STS, of a caller's ``proof``. None: it has another form, or
    does not cover what it has to.
    """
    authorization, date, token = (
        str(proof.get(name, "")) for name in ("authorization", "date", "token")
    )
    found = _AUTHORIZATION.fullmatch(authorization)
    if found is None or not _DATE.fullmatch(date) or (token and not _TOKEN.fullmatch(token)):
        return None
    if not {HEADER, "host", "x-amz-date"} <= set(found[1].split(";")):
        return None
    headers = {
        "host": host,
        "content-type": TYPE,
        "x-amz-date": date,
        HEADER: bound_to,
        "authorization": authorization,
    }
    return headers | ({"x-amz-security-token": token} if token else {})
