"""Many items by their keys, a hundred a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from duckstring.adapters.aws.clients import Clients
from duckstring.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, KeysAndAttributesTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

_BATCH = 100
"""DynamoDB's most."""
_ROUNDS = 8


def items(
    clients: Clients, table: str, keys: Iterable[Mapping[str, Any]], *, only: Sequence[str] = ()
) -> Iterator[Item]:
    """Those of the items that exist, in no order, each read consistently. ``only``: these
    attributes of theirs.

    Raises:
        TransientError: DynamoDB kept putting some of them off.
    """
    rest = iter(keys)
    while batch := list(islice(rest, _BATCH)):
        yield from _batch(clients, table, batch, only)


def _batch(
    clients: Clients, table: str, keys: Sequence[Mapping[str, Any]], only: Sequence[str]
) -> Iterator[Item]:
    """What DynamoDB could not answer is asked again."""
    wanted = keys
    for _ in range(_ROUNDS):
        asked: KeysAndAttributesTypeDef = {"Keys": wanted, "ConsistentRead": True}
        if only:
            asked["ProjectionExpression"] = ", ".join(f"#{name}" for name in only)
            asked["ExpressionAttributeNames"] = {f"#{name}": name for name in only}
        answer = clients.dynamodb.batch_get_item(RequestItems={table: asked})
        yield from answer["Responses"].get(table, [])
        if not (left := answer.get("UnprocessedKeys", {}).get(table)):
            return
        wanted = left["Keys"]
    raise TransientError(
        f"DynamoDB put off {len(wanted)} of {len(keys)} items {_ROUNDS} times.",
        hint="Try again in a moment.",
    )
