"""Who asks for a change: what is sent with it.

To a Catchment in AWS a proof goes: a request to STS, signed here and sent by the Catchment's
function (``duckstring/model/callers.py``). A Catchment on this machine has one key for everybody.
So it is told what the machine calls its user.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from duckstring.model.access import level_for
from duckstring.model.callers import BODY, HEADER, TYPE, digest

if TYPE_CHECKING:
    from duckstring_cli.catchments import Access

Request = Mapping[str, object]


def by_this_user(request: Request) -> Request:
    """A request to a Catchment on this machine. One that only looks is nobody's."""
    if level_for(request) == "viewer":
        return request
    return _with(request, {"user": _user(), "host": socket.gethostname().partition(".")[0]})


def proven(request: Request, access: Access, *, region: str, bucket: str) -> Request:
    """A request to a Catchment in AWS whose bucket has that name."""
    if level_for(request) == "viewer":
        return request
    credentials = access.session.get_credentials()
    if credentials is None:  # the call itself says so
        return request
    signer = Signer(credentials.get_frozen_credentials(), region or access.session.region_name)
    return _with(request, {"proof": _proof(signer, access.endpoint, digest(request, bucket))})


def _with(request: Request, told: Request) -> Request:
    known = request.get("caller")
    return {**request, "caller": {**(known if isinstance(known, Mapping) else {}), **told}}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may have no name for its user
        return str(os.getuid()) if hasattr(os, "getuid") else ""


class Signer(NamedTuple):
    """Who signs, and the region of the Catchment."""

    credentials: Any
    region: str


def _proof(signer: Signer, endpoint: str | None, bound_to: str) -> Request:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    url = _sts(endpoint, signer.region)
    host = urlsplit(url).netloc
    signed = AWSRequest("POST", url, {"Host": host, "Content-Type": TYPE, HEADER: bound_to}, BODY)
    SigV4Auth(signer.credentials, "sts", signer.region).add_auth(signed)
    return {
        "host": host,
        "date": signed.headers["X-Amz-Date"],
        "token": signed.headers.get("X-Amz-Security-Token") or "",
        "authorization": signed.headers["Authorization"],
    }


def _sts(endpoint: str | None, region: str) -> str:
    """The address at which the function asks: STS of the Catchment's region, or the emulator's."""
    own = endpoint or os.environ.get("AWS_ENDPOINT_URL", "")
    if own.startswith("http://"):
        return f"{own.rstrip('/')}/"
    end = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://sts.{region}.{end}/"
