"""Read-only access: many states at once, and the addresses of published tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.state import read_when
from duckstring.errors import TransientError
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line, checked_table_key
from duckstring.ports import Seen

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

_BATCH = 100
_ROUNDS = 8


class DynamoStateReader:
    """``ports.StateReader``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Read states in ``table``."""
        self._clients, self._table = clients, table

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        """The states of those lines that ever got a letter, each read consistently.

        Raises:
            TransientError: DynamoDB kept putting some of them off.
        """
        rest = iter(sorted(set(lines)))
        seen: dict[Line, Seen] = {}
        while batch := list(islice(rest, _BATCH)):
            for item in self._items(batch):
                found = _seen(item)
                seen[found.state.line] = found
        return seen

    def _items(self, lines: Sequence[Line]) -> Iterator[Item]:
        """One batch; what DynamoDB could not answer is asked again."""
        keys: Sequence[Mapping[str, object]] = [
            {"pk": {"S": f"LINE#{line}"}, "sk": {"S": "STATE"}} for line in lines
        ]
        for _ in range(_ROUNDS):
            asked = {self._table: {"Keys": keys, "ConsistentRead": True}}
            answer = self._clients.dynamodb.batch_get_item(RequestItems=asked)  # type: ignore[arg-type]
            yield from answer["Responses"].get(self._table, [])
            if not (left := answer.get("UnprocessedKeys", {}).get(self._table)):
                return
            keys = left["Keys"]
        raise TransientError(
            f"DynamoDB put off {len(keys)} of {len(lines)} states {_ROUNDS} times.",
            hint="Try again in a moment.",
        )


class BucketFiles:
    """``ports.TableFiles``."""

    def __init__(self, bucket: str) -> None:
        """Table versions lie in ``bucket``."""
        self._bucket = bucket

    def uri(self, version: TableVersion) -> str:
        """The ``s3://`` address of a table version.

        Raises:
            InvariantError: its key is not one that a worker of ours writes.
        """
        return f"s3://{self._bucket}/{checked_table_key(version.key)}"


def _seen(item: Item) -> Seen:
    return Seen(codec.state_from_text(item["state"]["S"]), "outbox" in item, *read_when(item))
