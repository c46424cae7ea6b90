"""The findings of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from duckstring.model.names import Line


@dataclass(slots=True)
class Report:
    """What a sweep repaired. Lines and runs by name. ``bounds``: log lines of their own."""

    lines: int = 0
    restoring: bool = False
    restored: list[Line] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    owing: list[Line] = field(default_factory=list)
    woken: list[Line] = field(default_factory=list)
    unlisted: list[Line] = field(default_factory=list)
    untold: list[Line] = field(default_factory=list)
    unheld: list[Line] = field(default_factory=list)
    removed: list[Line] = field(default_factory=list)
    misheard: list[Line] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    tidied: bool = False
    manifests: int = 0
    memos: int = 0
    history: int = 0
    arrivals: int = 0
    objects: int = 0
    packages: int = 0
    uploads: int = 0
    catalogs: int = 0
    not_in_lake: list[Line] = field(default_factory=list)
    not_in_iceberg: list[Line] = field(default_factory=list)
    looked: bool = False
    bounds: list[Mapping[str, object]] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """In the form for the log and the caller."""
        return {name: getattr(self, name) for name in self.__slots__}
