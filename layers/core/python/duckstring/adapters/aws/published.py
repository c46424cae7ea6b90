"""Manifests that are kept, for readers of the past: ``api.ports.PublishedReader``; and which were
not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from duckstring.adapters.aws.batches import items
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import Item, to_item
from duckstring.adapters.aws.state import manifest_key, read_manifest
from duckstring.engine.effects import PublishSnapshot
from duckstring.model.as_of import Kept
from duckstring.model.instants import from_text
from duckstring.model.names import Line

_PREFIX, _DROPPED = "MANIFEST#", "DROPPED#"


def dropped_key(line: Line) -> Item:
    """The key of the item that records which snapshots of a line the sweep has deleted."""
    return to_item({"pk": "CATALOG", "sk": f"{_DROPPED}{line}"})


def read_dropped(clients: Clients, table: str, lines: Collection[Line]) -> Mapping[Line, int]:
    """See ``sweep.ports.GarbageStore.dropped``."""
    found = items(clients, table, (dropped_key(line) for line in sorted(lines)))
    return {
        Line(item["sk"]["S"].removeprefix(_DROPPED)): int(item["number"]["N"]) for item in found
    }


class DynamoPublished:
    """``api.ports.PublishedReader``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Read manifests in ``table``."""
        self._clients, self._table = clients, table

    def kept(self, line: Line, *, below: int, most: int) -> Sequence[Kept]:
        """The last ``most`` snapshots with smaller numbers than ``below``, newest first. One
        request.
        """
        found = self._clients.dynamodb.query(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ProjectionExpression="sk, f",
            ExpressionAttributeValues={
                ":pk": manifest_key(line, 0)["pk"],
                ":first": manifest_key(line, 0)["sk"],
                ":last": manifest_key(line, below - 1)["sk"],
            },
            ScanIndexForward=False,
            Limit=most,
        )
        return [
            Kept(int(item["sk"]["S"].removeprefix(_PREFIX)), from_text(item["f"]["S"]))
            for item in found["Items"]
        ]

    def dropped(self, lines: Collection[Line]) -> Mapping[Line, int]:
        """The greatest number of a snapshot that the sweep has deleted, of each line for which that
        is recorded.
        """
        return read_dropped(self._clients, self._table, lines)

    def read_many(
        self, snapshots: Collection[tuple[Line, int]]
    ) -> Mapping[tuple[Line, int], PublishSnapshot]:
        """The manifests of these snapshots, as far as they are kept.

        Raises:
            TransientError: DynamoDB kept putting some of them off.
            NewerSchemaError: a newer release wrote one of them.
        """
        keys = (manifest_key(line, number) for line, number in sorted(snapshots))
        found = (read_manifest(item) for item in items(self._clients, self._table, keys))
        return {(line, manifest.run): manifest for line, manifest in found}
