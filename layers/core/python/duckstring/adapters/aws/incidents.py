"""What has been told of each line: an item of DynamoDB each, changed by conditional writes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of
from duckstring.errors import StateConflictError
from duckstring.model.events import Trouble
from duckstring.model.incidents import Incident, Told
from duckstring.model.names import Line
from duckstring.model.values import replace

PARTITION = "ALERTS"
_incidents = msgspec.json.Decoder(dict[Trouble, Incident])


class DynamoIncidents:
    """``orchestrator.alert.Incidents``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Keep them in ``table``."""
        self._clients, self._table = clients, table

    def read(self, line: Line) -> Told:
        """What is told of it."""
        got = self._clients.dynamodb.get_item(
            TableName=self._table, Key=_key(line), ConsistentRead=True
        )
        item = got.get("Item")
        if item is None:
            return Told(line)
        incidents: Mapping[Trouble, Incident] = _incidents.decode(item["incidents"]["S"])
        return Told(line, int(item["revision"]["N"]), incidents)

    def write(self, told: Told) -> Told:
        """Replace what was read."""
        new = replace(told, version=told.version + 1)
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table,
                Item={
                    **_key(told.line),
                    "revision": {"N": str(new.version)},
                    "incidents": {"S": msgspec.json.encode(new.incidents).decode()},
                },
                ConditionExpression="revision = :held"
                if told.version
                else "attribute_not_exists(pk) OR revision = :held",
                ExpressionAttributeValues={":held": {"N": str(told.version)}},
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            raise StateConflictError(f"What is told of {told.line} was changed.") from error
        return new


def _key(line: Line) -> dict[str, dict[str, str]]:
    return {"pk": {"S": PARTITION}, "sk": {"S": line}}
