"""States of limits in DynamoDB: one item each, in one partition, so that a query finds all. Each is
replaced only at the revision that was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.items import code_of
from duckstring.adapters.aws.schemas import STAMP, readable, schema_of
from duckstring.adapters.aws.state import checked, read_when
from duckstring.engine.limits import GrantTokens, LimitState
from duckstring.errors import StateConflictError
from duckstring.model.instants import Instant, to_text
from duckstring.model.values import replace
from duckstring.orchestrator.ports import HeldLimit
from duckstring.ports import Mark, SeenLimit

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from duckstring.adapters.aws.clients import Clients

    Item = dict[str, AttributeValueTypeDef]

PARTITION = "LIMITS"
_RACE = "ConditionalCheckFailedException"


class DynamoLimits:
    """``ports.LimitStore`` and ``ports.LimitReader``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Keep states in ``table``."""
        self._clients, self._table = clients, table

    def load(self, name: str) -> HeldLimit:
        """A strongly consistent read.

        Raises:
            NewerSchemaError: a newer release wrote it.
        """
        item = self._item(name)
        if not item:
            return HeldLimit(LimitState(name))
        seen = _seen(item)
        text = item["outbox"]["S"] if "outbox" in item else "[]"
        return HeldLimit(seen.state, codec.grants_from_text(text), seen.mark, seen.committed)

    def schema(self, name: str) -> int:
        """The schema of a limit's item, which may be newer than ours; 0: it has none."""
        return schema_of(self._item(name))

    def commit(
        self,
        held: HeldLimit,
        state: LimitState,
        outbox: tuple[GrantTokens, ...],
        mark: Mark,
        now: Instant,
    ) -> HeldLimit:
        """One conditional write."""
        new = HeldLimit(replace(state, revision=held.state.revision + 1), outbox, mark, now)
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table,
                Item=checked(_item(new), f"limit {state.name}", hint="Use several limits."),
                ConditionExpression="attribute_not_exists(pk) OR revision = :held"
                if held.state.revision == 0
                else "revision = :held",
                ExpressionAttributeValues={":held": {"N": str(held.state.revision)}},
            )
        except ClientError as error:
            if code_of(error) != _RACE:
                raise
            raise StateConflictError(
                f"Limit {state.name} was committed by another delivery since revision "
                f"{held.state.revision}."
            ) from error
        return new

    def clear(self, held: HeldLimit) -> None:
        """Remove the outbox, unless a newer commit has replaced it."""
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=_key(held.state.name),
                UpdateExpression="REMOVE outbox",
                ConditionExpression="revision = :held",
                ExpressionAttributeValues={":held": {"N": str(held.state.revision)}},
            )
        except ClientError as error:
            if code_of(error) != _RACE:
                raise

    def read(self) -> Mapping[str, SeenLimit]:
        """Every limit that ever got a letter.

        Raises:
            NewerSchemaError: a newer release wrote one of them.
        """
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": PARTITION}},
            ConsistentRead=True,
        )
        found = (_seen(item) for page in pages for item in page["Items"])
        return {seen.state.name: seen for seen in found}

    def _item(self, name: str) -> Item:
        got = self._clients.dynamodb.get_item(
            TableName=self._table, Key=_key(name), ConsistentRead=True
        )
        return dict(got.get("Item", {}))


def _key(name: str) -> Item:
    return {"pk": {"S": PARTITION}, "sk": {"S": name}}


def _item(held: HeldLimit) -> Item:
    item: Item = {
        **_key(held.state.name),
        **STAMP,
        "revision": {"N": str(held.state.revision)},
        "state": {"S": codec.limit_to_text(held.state)},
        "mark": {"S": f"{held.mark[0]}:{held.mark[1]}"},
        "committed": {"S": to_text(held.committed)},
    }
    if held.outbox:
        item["outbox"] = {"S": codec.grants_to_text(held.outbox)}
    return item


def _seen(item: Mapping[str, AttributeValueTypeDef]) -> SeenLimit:
    readable(item, f"limit {item['sk']['S']}")
    mark, committed = read_when(item)
    return SeenLimit(codec.limit_from_text(item["state"]["S"]), "outbox" in item, mark, committed)
