"""Arrivals: which objects that arrive in a bucket ask which line for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ArrivalKind = Literal["pulse", "tap"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A rule: an object in ``bucket`` whose key begins with ``prefix`` and ends with ``suffix`` sends a trigger of ``kind``."""

    name: str
    bucket: str
    prefix: str = ""
    suffix: str = ""
    kind: ArrivalKind = "pulse"

    def matches(self, key: str) -> bool:
        """Whether an object of this key counts. Prefix and suffix are plain text and do not share a character of it."""
        return len(key) >= len(self.prefix) + len(self.suffix) and key.startswith(self.prefix) and key.endswith(self.suffix)
