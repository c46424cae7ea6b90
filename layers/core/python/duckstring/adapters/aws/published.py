"""Manifests that are kept, for readers of the past: ``api.ports.PublishedReader``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from duckstring.adapters.aws.batches import items
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.state import manifest_key, read_manifest
from duckstring.engine.effects import PublishSnapshot
from duckstring.model.as_of import Kept
from duckstring.model.instants import from_text
from duckstring.model.names import Line

_PREFIX = "MANIFEST#"


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
