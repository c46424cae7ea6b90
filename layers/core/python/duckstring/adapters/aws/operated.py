"""What operators have set for Ponds and for the whole Catchment, in DynamoDB: tags, and the hold.

All of it lies in one partition, which one query reads. No worker reads or writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from duckstring.adapters.aws.items import code_of, from_item, to_item
from duckstring.model.instants import from_text, to_text
from duckstring.model.said import NO_HOLD, Hold
from duckstring.model.tags import Tags
from duckstring.ports import Operations

if TYPE_CHECKING:
    from duckstring.adapters.aws.clients import Clients

PARTITION = "OPERATED"
_HOLD, _TAGS, _TAG = "HOLD", "TAGS#", "tag_"


class DynamoOperated:
    """``ports.Operated``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Keep it in ``table``."""
        self._clients, self._table = clients, table

    def read(self) -> Operations:
        """All of it."""
        tags: dict[str, Tags] = {}
        hold = NO_HOLD
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": PARTITION}),
        )
        for item in (item for page in pages for item in page["Items"]):
            name = item["sk"]["S"]
            if name == _HOLD:
                hold = _hold(item)
            elif found := _tags(item):
                tags[name.removeprefix(_TAGS)] = found
        return Operations(tags, hold)

    def hold(self) -> Hold:
        """Whether new runs are held."""
        found = self._clients.dynamodb.get_item(
            TableName=self._table, Key=_key(_HOLD), ConsistentRead=True
        ).get("Item")
        return _hold(found) if found else NO_HOLD

    def set_hold(self, hold: Hold) -> bool:
        """Replace it, unless a newer one is there."""
        values = {"at": to_text(hold.at), "on": hold.on, "by": hold.by, "note": hold.note}
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table,
                Item={**_key(_HOLD), **to_item(values)},
                ConditionExpression="attribute_not_exists(pk) OR #at < :at",
                ExpressionAttributeNames={"#at": "at"},
                ExpressionAttributeValues=to_item({":at": values["at"]}),
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def tag(self, pond: str, *, put: Tags, remove: tuple[str, ...] = ()) -> None:
        """Set and remove tags of a Pond. Those of others, set at the same time, stay."""
        names = {f"#{i}": f"{_TAG}{key}" for i, key in enumerate((*put, *remove))}
        values = {f":{i}": value for i, value in enumerate(put.values())}
        sets = ", ".join(f"#{i} = :{i}" for i in range(len(put)))
        gone = ", ".join(f"#{i}" for i in range(len(put), len(names)))
        change = " ".join(filter(None, (sets and f"SET {sets}", gone and f"REMOVE {gone}")))
        given: dict[str, Any] = {"ExpressionAttributeValues": to_item(values)} if values else {}
        self._clients.dynamodb.update_item(
            TableName=self._table,
            Key=_key(f"{_TAGS}{pond}"),
            UpdateExpression=change,
            ExpressionAttributeNames=names,
            **given,
        )


def _key(name: str) -> dict[str, Any]:
    return to_item({"pk": PARTITION, "sk": name})


def _hold(item: Mapping[str, Any]) -> Hold:
    held = from_item(item)
    by, note = str(held.get("by", "")), str(held.get("note", ""))
    return Hold(from_text(str(held["at"])), bool(held["on"]), by, note)


def _tags(item: Mapping[str, Any]) -> Tags:
    return {
        name.removeprefix(_TAG): value["S"]
        for name, value in sorted(item.items())
        if name.startswith(_TAG)
    }
