"""What Ripples remember: one item for each try. The item says which attempt read it last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of, update
from duckstring.adapters.aws.layout import former_key, memo_key
from duckstring.author.memory import SupersededError
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_NOT_LATER = "(attribute_not_exists(#attempt) OR #attempt <= :attempt)"


class DynamoMemory:
    """``author.memory.Memory``.

    A read claims the item for its attempt. So a late worker of an earlier attempt can no longer
    remember what it has started after a later attempt has read and found nothing. The item says
    when it was last written, and the sweep deletes it, because a worker may not write when an item
    expires.
    """

    def __init__(
        self,
        clients: Clients,
        table: str,
        line: Line,
        key: Mapping[str, AttributeValueTypeDef],
        *,
        attempt: int,
    ) -> None:
        """The item ``key`` of ``table``, on behalf of ``attempt``."""
        self._clients, self._table, self._line, self._key, self._attempt = (
            clients,
            table,
            line,
            dict(key),
            attempt,
        )

    def entries(self) -> Mapping[str, str]:
        """All that is remembered, and the claim to it."""
        found = self._update(
            "SET #memo = if_not_exists(#memo, :nothing)", _NOT_LATER, {"nothing": {}}
        )
        return _texts(found) or self._from_before()

    def keep(self, key: str, text: str) -> None:
        """Remember one value; others that somebody keeps at the same time stay."""
        self._update(
            "SET #memo.#key = :text", "#attempt = :attempt", {"text": text}, names={"key": key}
        )

    def _from_before(self) -> Mapping[str, str]:
        """Take over what was remembered before memory had a partition of its own."""
        found = _item(self._clients, self._table, former_key(self._line, self._key))
        if memo := _texts(found):
            self._update("SET #memo = :memo", "#attempt = :attempt", {"memo": memo})
        return memo

    def _update(
        self,
        change: str,
        condition: str,
        values: Mapping[str, object],
        *,
        names: Mapping[str, str] | None = None,
    ) -> Mapping[str, AttributeValueTypeDef]:
        try:
            return self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=self._key,
                **update(
                    f"{change}, #attempt = :attempt, #looked = :looked",
                    condition,
                    {**values, "attempt": self._attempt, "looked": to_text(_now())},
                    names=names,
                ),
                ReturnValues="ALL_NEW",
            )["Attributes"]
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            raise SupersededError(self._attempt) from error


class DynamoMemories:
    """``run_ripple.Memories``: the items of all tries."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Items in ``table``."""
        self._clients, self._table = clients, table

    def of(self, line: Line, *, run: int, ripple: str, tried: int, attempt: int) -> DynamoMemory:
        """For an attempt that goes on."""
        return DynamoMemory(
            self._clients, self._table, line, memo_key(line, run, ripple, tried), attempt=attempt
        )

    def last(self, line: Line, *, run: int, ripple: str, tried: int) -> Mapping[str, str]:
        """As it was left, for one who only looks."""
        key = memo_key(line, run, ripple, tried)
        return _texts(_item(self._clients, self._table, key)) or _texts(
            _item(self._clients, self._table, former_key(line, key))
        )


def _item(
    clients: Clients, table: str, key: dict[str, AttributeValueTypeDef]
) -> Mapping[str, AttributeValueTypeDef]:
    return clients.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})


def _texts(item: Mapping[str, AttributeValueTypeDef]) -> dict[str, str]:
    """Every worker may write there, so values that are not texts are left out."""
    return {
        name: value["S"]
        for name, value in item.get("memo", {}).get("M", {}).items()
        if "S" in value
    }


def _now() -> Instant:
    return datetime.now(UTC)
