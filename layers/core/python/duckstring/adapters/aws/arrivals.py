"""Arrival rules in DynamoDB, twice each: by line, where names are unique, and by bucket, where
an event looks them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of, to_item
from duckstring.model.arrivals import Arrival, ArrivalKind
from duckstring.model.names import Line, parse_line

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import ConditionCheckTypeDef, TransactWriteItemTypeDef

_CATALOG = "CATALOG"
Key = tuple[str, str]
"""(pk, sk)."""


class DynamoArrivals:
    """``ports.Arrivals``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Keep the rules in ``table``."""
        self._clients, self._table = clients, table

    def of_line(self, line: Line) -> Sequence[Arrival]:
        """A line's rules, by name."""
        return [arrival for _, arrival in self._found(_partition(line), f"ARRIVAL#{line}#")]

    def of_bucket(self, bucket: str) -> Sequence[tuple[Line, Arrival]]:
        """Every rule about a bucket."""
        return list(self._found(_CATALOG, f"ARRIVAL#{bucket}#"))

    def add(self, line: Line, arrival: Arrival) -> bool:
        """Add a rule, unless the line has one of that name or is not deployed."""
        values = {
            "line": line,
            "name": arrival.name,
            "bucket": arrival.bucket,
            "prefix": arrival.prefix,
            "suffix": arrival.suffix,
            "kind": arrival.kind,
        }
        deployed: ConditionCheckTypeDef = {
            "TableName": self._table,
            "Key": to_item({"pk": _CATALOG, "sk": f"LINE#{line}"}),
            "ConditionExpression": "attribute_exists(pk)",
        }
        puts: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": to_item({"pk": pk, "sk": sk, **values}),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for pk, sk in _keys(line, arrival)
        ]
        try:
            self._clients.dynamodb.transact_write_items(
                TransactItems=[{"ConditionCheck": deployed}, *puts]
            )
        except ClientError as error:
            if code_of(error) != "TransactionCanceledException":
                raise
            return False
        return True

    def remove(self, line: Line, arrival: Arrival) -> None:
        """Remove a rule from both places."""
        self._clients.dynamodb.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": self._table, "Key": to_item({"pk": pk, "sk": sk})}}
                for pk, sk in _keys(line, arrival)
            ]
        )

    def keys_of(self, line: Line) -> Sequence[Key]:
        """The keys of a line's rules, for the removal of the line."""
        return [key for arrival in self.of_line(line) for key in _keys(line, arrival)]

    def _found(self, partition: str, prefix: str) -> Iterator[tuple[Line, Arrival]]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": partition}, ":prefix": {"S": prefix}},
        )
        return (_read(item) for page in pages for item in page["Items"])


def _partition(line: Line) -> str:
    return f"POND#{parse_line(line)[0]}"


def _keys(line: Line, arrival: Arrival) -> tuple[Key, Key]:
    """No part of a key contains the separator."""
    return (_partition(line), f"ARRIVAL#{line}#{arrival.name}"), (
        _CATALOG,
        f"ARRIVAL#{arrival.bucket}#{line}#{arrival.name}",
    )


def _read(item: Mapping[str, Any]) -> tuple[Line, Arrival]:
    text = {name: str(value["S"]) for name, value in item.items()}
    arrival = Arrival(
        text["name"],
        text["bucket"],
        text["prefix"],
        text["suffix"],
        cast("ArrivalKind", text["kind"]),
    )
    return Line(text["line"]), arrival
