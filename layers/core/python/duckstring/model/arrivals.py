"""Arrivals: which objects that arrive in a bucket ask which line for what, and the objects
themselves.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from duckstring.errors import OperatorError
from duckstring.model.catalog import Position
from duckstring.model.instants import Instant
from duckstring.model.values import Value

_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_LONGEST_KEY = 1_024
"""UTF-8 bytes of an object's key, in S3."""
_MOST_BYTES = 2**50
_MOST_BUCKETS = 20
"""A rule's pattern ends at 2048 characters; so many names of the longest kind fit."""

ArrivalKind = Literal["pulse", "tap"]

MOST_GIVEN = 10_000
"""Objects that one attempt is given. The rest is the next run's, which is wanted at once."""
ARRIVALS = "arrivals"
"""The name of a Ripple's position among the objects that arrived for its line. Those of tables have
a dot in theirs.
"""


class ArrivedObject(Value, frozen=True):
    """An object that arrived, as S3 says it. What S3 does not say is empty."""

    bucket: str
    key: str
    size: int = 0
    version: str = ""
    etag: str = ""
    sequencer: str = ""

    @property
    def uri(self) -> str:
        """Its address: ``s3://my-landing/in/a.parquet``. Without a bucket it is a file of the
        author's machine, and the key is its path.
        """
        return f"s3://{self.bucket}/{self.key}" if self.bucket else self.key

    @property
    def identity(self) -> str:
        """The same for each event of this very arrival. An object that is written again under its
        key is another arrival.
        """
        told = [self.bucket, self.key, self.version, self.etag, self.sequencer]
        return sha256(json.dumps(told).encode()).hexdigest()[:40]


class KeptArrival(Value, frozen=True):
    """An object that arrived, as its line has kept it. ``at``: when the line received it."""

    number: int
    found: ArrivedObject
    at: Instant


def position_at(number: int) -> Position:
    """The position of who has taken the arrivals up to ``number``."""
    return Position(f"{ARRIVALS}/{number}")


def number_at(position: Position) -> int:
    """What ``position_at`` was given."""
    return int(position.key.rpartition("/")[2])


def fault_of(bucket: str, key: str, size: int) -> str:
    """Why there can be no such object. Empty: there may be."""
    if not _BUCKET.match(bucket):
        return f"{bucket[:80]!a} is not the name of a bucket"
    if not 0 < len(key.encode(errors="backslashreplace")) <= _LONGEST_KEY:
        return f"a key of {len(key)} characters"
    return f"an object of {size} bytes" if size > _MOST_BYTES else ""


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
