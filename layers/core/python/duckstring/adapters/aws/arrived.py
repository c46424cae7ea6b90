"""Objects that arrived for a line, in DynamoDB: an item under its number, and one under its
identity, by which a repeat of its event is known.

The orchestrator writes both with the line's state, workers and people read the first, and the sweep
deletes both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

from duckstring.adapters.aws import batches
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.layout import (
    arrival_key,
    arrival_partition,
    arrival_sort_key,
    seen_key,
)
from duckstring.engine.effects import KeepArrival
from duckstring.model.arrivals import ArrivedObject, KeptArrival
from duckstring.model.instants import from_text, to_text
from duckstring.model.names import Line

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

_AT_ONCE = 8
_SEEN = "SEEN#"


def items_of(line: Line, kept: KeepArrival) -> Sequence[Item]:
    """The items of an object that arrived."""
    found = kept.found
    told = {
        "bucket": found.bucket,
        "key": found.key,
        "version": found.version,
        "etag": found.etag,
        "sequencer": found.sequencer,
    }
    texts: Item = {name: {"S": text} for name, text in told.items() if text}
    numbers: Item = {"size": {"N": str(found.size)}, "at": {"S": to_text(kept.at)}}
    seen: Item = {**seen_key(line, found.identity), "number": {"N": str(kept.number)}}
    return {**arrival_key(line, kept.number), **texts, **numbers}, seen


def kept_of(
    clients: Clients, table: str, line: Line, identities: Collection[str]
) -> Collection[str]:
    """Those of the arrivals that the line has kept before, read consistently."""
    keys = [seen_key(line, identity) for identity in sorted(identities)]
    found = batches.items(clients, table, keys, only=("sk",))
    return {item["sk"]["S"].removeprefix(_SEEN) for item in found}


class DynamoBacklog:
    """``ports.Backlog``, and what the sweep deletes of it."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Items in ``table``."""
        self._clients, self._table = clients, table

    def page(self, line: Line, *, after: int, upto: int, most: int) -> Sequence[KeptArrival]:
        """The first objects whose numbers lie behind ``after``, up to ``upto``, in order."""
        if after >= upto:
            return ()
        return list(islice(self._found(line, after, upto, most), most))

    def drop(self, line: Line, arrivals: Collection[KeptArrival]) -> None:
        """Forget them. What says that they have been kept goes first, so that none is left."""
        self._delete([seen_key(line, one.found.identity) for one in arrivals])
        self._delete([arrival_key(line, one.number) for one in arrivals])

    def _found(self, line: Line, after: int, upto: int, most: int) -> Iterator[KeptArrival]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": arrival_partition(line)},
                ":first": {"S": arrival_sort_key(after + 1)},
                ":last": {"S": arrival_sort_key(upto)},
            },
            PaginationConfig={"PageSize": most},
        )
        return (_kept(item) for page in pages for item in page["Items"])

    def _delete(self, keys: Collection[Mapping[str, Any]]) -> None:
        """One by one: a batch takes a right by which items could be written, too."""
        delete = self._clients.dynamodb.delete_item
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for _ in pool.map(lambda key: delete(TableName=self._table, Key=key), keys):
                pass


def _kept(item: Mapping[str, Any]) -> KeptArrival:
    found = ArrivedObject(
        item["bucket"]["S"],
        item["key"]["S"],
        int(item["size"]["N"]),
        *(item.get(name, {}).get("S", "") for name in ("version", "etag", "sequencer")),
    )
    return KeptArrival(int(item["sk"]["S"].partition("#")[2]), found, from_text(item["at"]["S"]))
