"""What the stores hold, and what keeping them costs a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from duckstring_cli import render
from duckstring_cli.stores.held import Stores, found_or, version_pages

_GB = 1_000_000_000
_TABLE_GB = 0.25 + 0.20
"""Dollars a month in us-east-1: storage, and recovery to a point in time."""
_BUCKET_GB = 0.023
_SECRET = 0.40


@dataclass(frozen=True, slots=True)
class Remains:
    """What is there. ``items`` and ``table_bytes`` are as DynamoDB counts them: every six hours.

    ``objects`` are those that can be read; ``versions`` those that were deleted or replaced, and
    can come back.
    """

    items: int
    table_bytes: int
    objects: int
    object_bytes: int
    versions: int
    version_bytes: int
    has_secret: bool

    @property
    def dollars(self) -> float:
        """What it costs a month, at the list prices of us-east-1."""
        table = self.table_bytes / _GB * _TABLE_GB
        bucket = (self.object_bytes + self.version_bytes) / _GB * _BUCKET_GB
        return table + bucket + (_SECRET if self.has_secret else 0.0)

    def lines(self, stores: Stores) -> list[str]:
        """One line for each store."""
        found = [
            f"table   {stores.table}: {self.items:,} items, {render.size(self.table_bytes)}",
            f"bucket  {stores.bucket}: {self.objects:,} objects, {render.size(self.object_bytes)}",
        ]
        if self.versions:
            found[-1] += (
                f", and {self.versions:,} deleted or replaced ones, "
                f"{render.size(self.version_bytes)}"
            )
        return [*found, f"secret  {stores.secret}"] if self.has_secret else found

    def to_json(self) -> dict[str, object]:
        """For programs."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        return kept | {"dollars_a_month": round(self.dollars, 2)}


def measure(stores: Stores) -> Remains:
    """Count what is there. The bucket is listed, a thousand versions a request. A store that is
    gone holds nothing.
    """
    table: dict[str, Any] = found_or(
        lambda: stores.open("dynamodb").describe_table(TableName=stores.table)["Table"], {}
    )
    current, former = [0, 0], [0, 0]
    for page in version_pages(stores):
        for one in page.get("Versions", []):
            counted = current if one["IsLatest"] else former
            counted[0] += 1
            counted[1] += one["Size"]
    return Remains(
        items=int(table.get("ItemCount", 0)),
        table_bytes=int(table.get("TableSizeBytes", 0)),
        objects=current[0],
        object_bytes=current[1],
        versions=former[0],
        version_bytes=former[1],
        has_secret=bool(stores.secret),
    )
