"""Deletes rows of history in DynamoDB: of runs, and of their attempts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.history import run_sort_key
from duckstring.adapters.aws.items import to_item
from duckstring.adapters.aws.layout import (
    attempts_of,
    line_partition,
    parse_attempt_key,
    work_partition,
)
from duckstring.adapters.aws.run_marks import MARKED, kinds_of_asker, mark_sort_key, number_of
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line

if TYPE_CHECKING:
    from duckstring.adapters.aws.layout import Key

_AT_ONCE = 8
_LAST = "~"


class DynamoExpiry:
    """``ports.HistoryStore``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Rows lie in ``table``."""
        self._clients, self._table = clients, table

    def old_runs(self, line: Line, *, before: Instant, last: int) -> Iterator[int]:
        """The oldest runs, up to number ``last``, as far as each began before an instant. A run
        that began later ends the list: a line's runs begin in the order of their numbers.
        """
        found = self._items(line_partition(line), run_sort_key(0), run_sort_key(last), "started")
        old = takewhile(lambda item: item["started"]["S"] < to_text(before), found)
        return (int(item["sk"]["S"].removeprefix("RUN#")) for item in old)

    def forget_runs(self, line: Line, numbers: Collection[int]) -> int:
        """Delete the rows of these runs, those of their attempts and their marks first. Answers how
        many.
        """
        keys = [*self._attempts(line, numbers), *self._marks(line, numbers)]
        runs = [_key(line_partition(line), run_sort_key(number)) for number in numbers]
        self._delete(keys)
        self._delete(runs)
        return len(keys) + len(runs)

    def _attempts(self, line: Line, numbers: Collection[int]) -> Iterator[Key]:
        """Where they lie now, and where they lay before they had a partition of their own."""
        wanted = frozenset(numbers)
        first, last = attempts_of(min(wanted)), f"{attempts_of(max(wanted))}{_LAST}"
        for partition in (work_partition(line), line_partition(line)):
            for item in self._items(partition, first, last):
                which = parse_attempt_key(item["sk"]["S"])
                if which and which[0] in wanted:
                    yield _key(partition, item["sk"]["S"])

    def _marks(self, line: Line, numbers: Collection[int]) -> Iterator[Key]:
        wanted, partition = frozenset(numbers), line_partition(line)
        for status in MARKED:
            first, last = (mark_sort_key(status, end(wanted)) for end in (min, max))
            for item in self._items(partition, first, last):
                if number_of(item["sk"]["S"]) in wanted:
                    yield _key(partition, item["sk"]["S"])
        first, last = (run_sort_key(end(wanted)) for end in (min, max))
        for item in self._items(partition, first, last, "by"):
            number = int(item["sk"]["S"].removeprefix("RUN#"))
            if "by" in item and number in wanted:
                for kind in kinds_of_asker(item["by"]["S"]):
                    yield _key(partition, mark_sort_key(kind, number))

    def _items(
        self, partition: str, first: str, last: str, *names: str
    ) -> Iterator[dict[str, Any]]:
        named: dict[str, Any] = {}
        if names:
            named["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item({":pk": partition, ":first": first, ":last": last}),
            ProjectionExpression=", ".join(["pk", "sk", *(f"#{name}" for name in names)]),
            **named,
        )
        return (item for page in pages for item in page["Items"])

    def _delete(self, keys: Collection[Key]) -> None:
        """One by one: a batch takes a right by which items could be written, too."""
        delete = self._clients.dynamodb.delete_item
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for _ in pool.map(lambda key: delete(TableName=self._table, Key=key), keys):
                pass


def _key(partition: str, sort_key: str) -> Key:
    return {"pk": {"S": partition}, "sk": {"S": sort_key}}
