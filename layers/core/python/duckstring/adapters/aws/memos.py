"""What Ripples remember: one item a try, which says whose attempt looked at it last."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.author.memory import SupersededError
from duckstring.model.names import Line

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_TTL_SECONDS = 400 * 86_400
_NOT_LATER = "(attribute_not_exists(#attempt) OR #attempt <= :attempt)"


class DynamoMemory:
    """``author.memory.Memory``.

    Looking claims the item for one's attempt. So a late worker of an earlier attempt, which is still about to remember what it
    has started, cannot do so behind the back of the attempt that has looked and found nothing.
    """

    def __init__(self, clients: Clients, table: str, key: Mapping[str, AttributeValueTypeDef], *, attempt: int) -> None:
        """The item ``key`` of ``table``, on behalf of ``attempt``."""
        self._clients, self._table, self._key, self._attempt = clients, table, key, attempt

    def entries(self) -> Mapping[str, str]:
        """All that is remembered, and the claim to it."""
        found = self._update("SET #memo = if_not_exists(#memo, :nothing)", _NOT_LATER, {}, {":nothing": {"M": {}}})
        return _texts(found)

    def keep(self, key: str, text: str) -> None:
        """Remember one value; others that somebody keeps at the same time stay."""
        self._update("SET #memo.#key = :text", "#attempt = :attempt", {"#key": key}, {":text": {"S": text}})

    def _update(
        self, change: str, condition: str, names: Mapping[str, str], values: Mapping[str, AttributeValueTypeDef]
    ) -> Mapping[str, AttributeValueTypeDef]:
        expires = int(time.time()) + _TTL_SECONDS
        try:
            return self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=self._key,
                UpdateExpression=f"{change}, #attempt = :attempt, #expires = :expires",
                ConditionExpression=condition,
                ExpressionAttributeNames={"#memo": "memo", "#attempt": "attempt", "#expires": "expires", **names},
                ExpressionAttributeValues={":attempt": {"N": str(self._attempt)}, ":expires": {"N": str(expires)}, **values},
                ReturnValues="ALL_NEW",
            )["Attributes"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise SupersededError(self._attempt) from error


class DynamoMemories:
    """``run_ripple.Memories``: the items of all tries."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Items in ``table``."""
        self._clients, self._table = clients, table

    def of(self, line: Line, *, run: int, ripple: str, tried: int, attempt: int) -> DynamoMemory:
        """For an attempt that goes on."""
        return DynamoMemory(self._clients, self._table, _memo_key(line, run, ripple, tried), attempt=attempt)

    def last(self, line: Line, *, run: int, ripple: str, tried: int) -> Mapping[str, str]:
        """As it was left, for one who only looks."""
        found = self._clients.dynamodb.get_item(TableName=self._table, Key=_memo_key(line, run, ripple, tried), ConsistentRead=True)
        return _texts(found.get("Item", {}))


def _memo_key(line: Line, run: int, ripple: str, tried: int) -> dict[str, AttributeValueTypeDef]:
    return {"pk": {"S": f"LINE#{line}"}, "sk": {"S": f"MEMO#{run:010d}#{ripple}#{tried}"}}


def _texts(item: Mapping[str, AttributeValueTypeDef]) -> dict[str, str]:
    return {name: value["S"] for name, value in item.get("memo", {}).get("M", {}).items()}
