"""Read-only access: many states at once, and the addresses of published tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from duckstring.adapters.aws.batches import items
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.rest_index import WORD
from duckstring.adapters.aws.state import read_state, read_when, state_key
from duckstring.model.names import Line, checked_table_key
from duckstring.ports import Seen

if TYPE_CHECKING:
    from duckstring.adapters.aws.batches import Item


class DynamoStateReader:
    """``ports.StateReader``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Read states in ``table``."""
        self._clients, self._table = clients, table

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        """The states of those lines that ever got a letter, each read consistently.

        Raises:
            TransientError: DynamoDB kept putting some of them off.
            NewerSchemaError: a newer release wrote one of them.
        """
        keys = map(state_key, sorted(set(lines)))
        found = map(_seen, items(self._clients, self._table, keys))
        return {seen.state.line: seen for seen in found}


class BucketFiles:
    """``ports.TableFiles``."""

    def __init__(self, bucket: str) -> None:
        """Table versions lie in ``bucket``."""
        self._bucket = bucket

    def uri(self, key: str) -> str:
        """The ``s3://`` address of an object of a table version.

        Raises:
            InvariantError: that is no key that a worker of ours writes.
        """
        return f"s3://{self._bucket}/{checked_table_key(key)}"


def _seen(item: Item) -> Seen:
    listed = item[WORD]["S"] if WORD in item else ""
    return Seen(read_state(item), "outbox" in item, *read_when(item), listed=listed)
