"""What attempts have read, of many at once: ``api.ports.LineageReader``.

Every worker may write these rows, so they are read as ``adapters/aws/rows.py`` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from duckstring.adapters.aws.batches import items
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.history import run_item_key, run_row
from duckstring.adapters.aws.items import from_item, to_item
from duckstring.adapters.aws.layout import (
    attempt_key,
    attempts_of,
    parse_attempt_key,
    work_partition,
)
from duckstring.adapters.aws.rows import readable_fields
from duckstring.api.ports import Attempted
from duckstring.model.lineage import from_text
from duckstring.model.names import Line, parse_run
from duckstring.model.permits import AttemptName

if TYPE_CHECKING:
    from duckstring.model.answers.runs import RunRow

Asked = TypeVar("Asked")
Found = TypeVar("Found")

_FIELDS = ("pk", "sk", "status", "started", "finished", "lineage", "package")
_A_REQUEST = 100
_AT_ONCE = 8
_LAST = "~"


class DynamoLineage:
    """``api.ports.LineageReader``."""

    def __init__(self, clients: Clients, table: str) -> None:
        """Rows lie in ``table``."""
        self._clients, self._table = clients, table

    def attempts(self, names: Collection[AttemptName]) -> Mapping[AttemptName, Attempted]:
        """These attempts, a hundred in a request."""

        def read(some: Sequence[AttemptName]) -> list[tuple[AttemptName, Attempted]]:
            keys = (attempt_key(one.line, one.run, one.ripple, one.attempt) for one in some)
            return list(_attempted(items(self._clients, self._table, keys, only=_FIELDS)))

        return dict(_side_by_side(read, names))

    def attempts_of(self, runs: Collection[tuple[Line, int]]) -> Mapping[AttemptName, Attempted]:
        """All attempts of these runs, several runs at a time."""
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            return {name: one for found in pool.map(self._of_run, runs) for name, one in found}

    def _of_run(self, run: tuple[Line, int]) -> list[tuple[AttemptName, Attempted]]:
        line, number = run
        first = attempts_of(number)
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {":pk": work_partition(line), ":first": first, ":last": f"{first}{_LAST}"}
            ),
            ProjectionExpression=", ".join(f"#{name}" for name in _FIELDS),
            ExpressionAttributeNames={f"#{name}": name for name in _FIELDS},
        )
        return list(_attempted(item for page in pages for item in page["Items"]))

    def runs(self, runs: Collection[tuple[Line, int]]) -> Mapping[tuple[Line, int], RunRow]:
        """The rows of these runs, a hundred in a request."""

        def read(some: Sequence[tuple[Line, int]]) -> list[tuple[tuple[Line, int], RunRow]]:
            keys = (run_item_key(line, number) for line, number in some)
            rows = map(run_row, items(self._clients, self._table, keys))
            return [(parse_run(row["run"]), row) for row in rows]

        return dict(_side_by_side(read, runs))


def _side_by_side(
    read: Callable[[Sequence[Asked]], list[Found]], asked: Collection[Asked]
) -> Iterator[Found]:
    all_of_them = list(asked)
    parts = [all_of_them[at : at + _A_REQUEST] for at in range(0, len(asked), _A_REQUEST)]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for found in pool.map(read, parts):
            yield from found


def _attempted(found: Iterable[Mapping[str, Any]]) -> Iterator[tuple[AttemptName, Attempted]]:
    for item in found:
        which = parse_attempt_key(item["sk"]["S"])
        held = readable_fields(item)
        if which is None or "status" not in held:
            continue
        # As ``readable_fields`` has it, it is an object for answers.
        text = from_item({"lineage": item["lineage"]})["lineage"] if "lineage" in held else ""
        line = Line(item["pk"]["S"].partition("#")[2])
        yield (
            AttemptName(line, *which),
            Attempted(
                str(held["status"]),
                from_text(str(text)) if text else None,
                str(held.get("package") or ""),
                _text(held.get("started")),
                _text(held.get("finished")),
            ),
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
