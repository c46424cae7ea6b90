"""Where lineage is told, by option: which addresses are allowed, and which get a key."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from duckstring.errors import OperatorError

KEY_OWNER, KEY_NAME = "openlineage", "OPENLINEAGE_API_KEY"
"""The entry of the Catchment's secret that has the receiver's key: that of a Pond of this name, so
that no Ripple of another Pond sees it.
"""
_LONGEST = 1_000
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_HINT = (
    "Give the address that takes events: https://HOST/api/v1/lineage, or http:// within your own "
    "network; no user, password or #. The key is set by: "
    f"duckstring secret set {KEY_NAME} --pond {KEY_OWNER}"
)


def parse_receiver(text: str, *, where: str) -> str:
    """The address of a receiver; empty: there is none. ``where``: what it was given as.

    Raises:
        OperatorError: it is not an address that events can be posted to. The text does not repeat
            it: it may have a password.
    """
    url = text.strip()
    if not url or url == "off":
        return ""
    if fault := _fault_of(url):
        raise OperatorError(f"{where}: {fault}.", hint=_HINT)
    return url


def may_have_key(url: str) -> bool:
    """Whether a key may be sent to this address: nobody on the way can read it."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _HERE


def host_of(url: str) -> str:
    """The host of an address, and its port where it has one."""
    return urlsplit(url).netloc


def _fault_of(url: str) -> str:
    if not _VISIBLE.fullmatch(url) or len(url) > _LONGEST:
        return f"it has blanks, other signs than ASCII, or more than {_LONGEST}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not an address"
    if parts.scheme not in {"https", "http"} or not host:
        return "it does not begin with https://HOST or http://HOST"
    if "@" in parts.netloc or parts.fragment:
        return "it has a user, a password or a #"
    return ""
