"""The schema of stored items, and the newest schema that was ever deployed here.

A letter may claim a newer schema than ours. Every worker may write letters, so the claim is
believed only if the newer release itself has announced that schema, in a partition that no worker
writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from duckstring.adapters.aws.items import code_of, to_item, update
from duckstring.model.schema import SCHEMA, check_schema

if TYPE_CHECKING:
    from duckstring.adapters.aws.clients import Clients

STAMP: Mapping[str, Any] = {"schema": {"N": str(SCHEMA)}}
"""The attribute of every item that only this release or a newer one reads safely."""

_KEY = {"pk": "SCHEMA", "sk": "DEPLOYED"}


def schema_of(item: Mapping[str, Any]) -> int:
    """The schema that an item has; 0: it is older than that attribute."""
    return int(item["schema"]["N"]) if "schema" in item else 0


def readable(item: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    """The item, which ``what`` names.

    Raises:
        NewerSchemaError: a newer release wrote it.
    """
    check_schema(schema_of(item), what)
    return item


class DeployedSchema:
    """The newest schema that was deployed in this Catchment."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Keep it in ``table``."""
        self._clients, self._table = clients, table
        self._announced = 0

    def read(self) -> int:
        """0: nobody has announced one."""
        found = self._clients.dynamodb.get_item(
            TableName=self._table, Key=to_item(_KEY), ConsistentRead=True
        )
        return schema_of(found.get("Item", {}))

    def announce(self, schema: int) -> None:
        """Record it, once in a process, before a letter of that schema is sent."""
        if schema <= self._announced:
            return
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=to_item(_KEY),
                **update(
                    "SET #schema = :schema",
                    "attribute_not_exists(#schema) OR #schema < :schema",
                    {"schema": schema},
                ),
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
        self._announced = schema
