"""Arrivals: which objects that arrive in a bucket ask which line for what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from duckstring.errors import OperatorError

_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_MOST_BUCKETS = 20
"""A rule's pattern ends at 2048 characters; so many names of the longest kind fit."""

ArrivalKind = Literal["pulse", "tap"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A rule: an object in ``bucket`` whose key begins with ``prefix`` and ends with ``suffix``
    sends a trigger of ``kind``.
    """

    name: str
    bucket: str
    prefix: str = ""
    suffix: str = ""
    kind: ArrivalKind = "pulse"

    def matches(self, key: str) -> bool:
        """Whether an object of this key counts. Prefix and suffix are plain text and do not
        share a character of it.
        """
        return (
            len(key) >= len(self.prefix) + len(self.suffix)
            and key.startswith(self.prefix)
            and key.endswith(self.suffix)
        )


def parse_buckets(text: str, *, where: str) -> tuple[str, ...]:
    """The buckets whose events reach a Catchment, from ``landing,inbox``. ``where`` is named in an
    error.

    Raises:
        OperatorError: a name is not a valid bucket name, or there are too many.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if bad := [name for name in names if not _BUCKET.match(name)]:
        raise OperatorError(
            f"{where}{text.strip()}: {bad[0]!r} is not a valid bucket name.",
            hint="Allowed: names of buckets with commas between.",
        )
    if len(names) > _MOST_BUCKETS:
        raise OperatorError(
            f"{where}{text.strip()}: {len(names)} buckets.", hint=f"Allowed: up to {_MOST_BUCKETS}."
        )
    return names
