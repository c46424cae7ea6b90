"""The index of lines that are not at rest.

A line's item names them in attributes of the index ``gsi2`` while it is not at rest, and has none
of these at rest. They are written with the state, in the same conditional write. So an item is in
the index if, and only if, its state is not at rest, whatever died in between. The index itself
follows within moments: a reader takes names from it, and reads the states.

Items that were written before this have no such attributes. Until the sweep has found that each
line which is not at rest has them (``CATALOG``, ``INDEXED``), there is no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zlib import crc32

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of, to_item
from duckstring.engine.rest import unrest
from duckstring.engine.state import PondState
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.names import Line
from duckstring.model.statuses import UNREST, Unrest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

INDEX, WORD = "gsi2", "unrest"
"""The index, and the one attribute besides keys that it has."""
SHARDS = 8
"""Partitions: DynamoDB takes 1,000 writes/s in one, and a run writes two or three times."""
SETTLED = timedelta(minutes=10)
"""So long all was well before the index is believed: what an older release writes during an upgrade
is found by one of the two sweeps of that time.
"""
_INDEXED = to_item({"pk": "CATALOG", "sk": "INDEXED"})
_NO_INDEX = {"ValidationException", "ResourceNotFoundException"}


def partitions() -> list[str]:
    """``NOT_AT_REST#0`` and so on."""
    return [f"NOT_AT_REST#{number}" for number in range(SHARDS)]


def attributes(state: PondState) -> dict[str, AttributeValueTypeDef]:
    """What a line's item has for the index; nothing at rest."""
    word = unrest(state)
    if word is None:
        return {}
    partition = partitions()[crc32(state.line.encode()) % SHARDS]
    return {"gsi2pk": {"S": partition}, "gsi2sk": {"S": state.line}, WORD: {"S": word}}


class DynamoRestIndex:
    """``ports.RestIndex``, and the sweep's side of it."""

    def __init__(self, clients: Clients, table: str) -> None:
        """The index of ``table``."""
        self._clients, self._table = clients, table

    def not_at_rest(self, now: Instant) -> Mapping[Line, Unrest] | None:
        """Every line that is not at rest, removed ones included. None: nobody knows yet, or the
        table has no such index.
        """
        since = self._since()
        if since is None or now - since < SETTLED:
            return None
        try:
            with ThreadPoolExecutor(max_workers=SHARDS) as pool:
                return dict(pair for part in pool.map(self._part, partitions()) for pair in part)
        except ClientError as error:
            if code_of(error) not in _NO_INDEX:
                raise
            return None

    def settle(self, now: Instant, *, is_whole: bool) -> None:
        """Note since when every line that is not at rest has its attributes; or that some have
        not.
        """
        if (self._since() is not None) == is_whole:
            return
        change = "SET #since = :now" if is_whole else "REMOVE #since"
        condition = f"attribute_{'not_' if is_whole else ''}exists(#since)"
        given: dict[str, Any] = {}
        if is_whole:
            given["ExpressionAttributeValues"] = to_item({":now": to_text(now)})
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=_INDEXED,
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#since": "since"},
                **given,
            )
        except ClientError as error:  # another sweep did it
            if code_of(error) != "ConditionalCheckFailedException":
                raise

    def _since(self) -> Instant | None:
        found = self._clients.dynamodb.get_item(
            TableName=self._table, Key=_INDEXED, ConsistentRead=True
        ).get("Item", {})
        return from_text(found["since"]["S"]) if "since" in found else None

    def _part(self, partition: str) -> list[tuple[Line, Unrest]]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="gsi2pk = :pk",
            ExpressionAttributeValues=to_item({":pk": partition}),
        )
        return list(_named(item for page in pages for item in page["Items"]))


def _named(
    items: Iterator[Mapping[str, AttributeValueTypeDef]],
) -> Iterator[tuple[Line, Unrest]]:
    """A word that only a newer release knows is read as the one that needs nobody."""
    for item in items:
        word = item[WORD]["S"]
        known: Unrest = next((one for one in UNREST if one == word), "waiting")
        yield Line(item["gsi2sk"]["S"]), known
