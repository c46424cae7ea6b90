"""What is written down of each change that somebody asks for: who, when, what, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from duckstring.model.instants import Instant
from duckstring.model.said import Said

ALL = "*"
"""In the place of a Pond: the whole Catchment."""
_CLAIMED = re.compile(r"[^A-Za-z0-9._+@-]")
_LONGEST_NAME = 64
_ARN = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::(\d{12}):(\S{1,400})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Audit:
    """One change. ``what``: the operation and its arguments, in words. ``ponds``: which it is
    about, as they were named (``ALL``: the Catchment). ``request``: the invocation that was asked.
    ``via``: ``page``, or nothing. ``refused``: why nothing was changed.
    """

    said: Said
    what: str
    ponds: tuple[str, ...]
    request: str
    via: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which are wanted: begun at ``since`` or later, older than the one at ``before``; of somebody
    whose name has ``by`` in it.
    """

    since: Instant | None = None
    before: Instant | None = None
    by: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request says of who sends it. ``proof``: a signed request to STS, for the caller's
    ARN (``adapters/aws/callers.py``). ``user`` and ``host``: as the command's machine calls them.
    """

    user: str = ""
    host: str = ""
    via: str = ""
    proof: Mapping[str, object] = field(default_factory=dict)


def claimed(user: str, host: str) -> str:
    """``alice@laptop``: what cannot be mistaken for an ARN, whatever was claimed."""
    parts = (_CLAIMED.sub("_", part.replace("@", "_"))[:_LONGEST_NAME] for part in (user, host))
    return "@".join(part for part in parts if part)


def is_arn(by: str) -> bool:
    """Whether STS has said it."""
    return _ARN.fullmatch(by) is not None


def short(by: str) -> str:
    """Who, as people read it: of ``arn:aws:iam::123456789012:user/alice`` the last part."""
    found = _ARN.fullmatch(by)
    return found[2] if found else by
