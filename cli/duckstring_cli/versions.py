"""Which rows of two versions of a table may differ: those that lie in objects, or have keys, that
only one of them has. The rest is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckstring.author import stored
from duckstring.author.columns import ColumnTypes
from duckstring.author.contents import (
    CHANGE,
    Content,
    Object,
    first_states,
    last_states,
    rows_of,
    same_key,
    scan,
)
from duckstring.model.sql import quoted
from duckstring_cli import reading

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.model.answers.tables import TableRow


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the table: its objects, and its columns as they lie there and as written."""

    objects: Sequence[Object]
    complete: frozenset[str]
    """The addresses of the objects that say what their rows were before."""
    merge_key: Sequence[str]
    stored: ColumnTypes
    changed: ColumnTypes
    columns: ColumnTypes

    def rows(self, objects: Sequence[Object] | None = None) -> str:
        """SQL of its rows, or of those that lie in some of its objects."""
        some = self.objects if objects is None else objects
        content = Content(some or self.objects[-1:], self.merge_key)
        sql = self.as_written(rows_of(content, self.stored))
        return sql if some else f"FROM ({sql}) LIMIT 0"

    def as_written(self, rows: str, *more: str) -> str:
        """SQL: stored rows as they were written."""
        return stored.as_written(rows, self.stored, self.changed, *more)


def version_of(con: DuckDBPyConnection, row: TableRow) -> Version:
    """Looks at the end of its newest object."""
    content = reading.content_of(row)
    lies, changed = stored.stored_columns(con, content), stored.changed_types(con, content)
    complete = {part["uri"] for part in row.get("parts") or () if part["use"] == "both"}
    return Version(
        content.objects,
        frozenset(complete),
        row.get("merge_key") or (),
        lies,
        changed,
        {**lies, **changed},
    )


def rows_that_may_differ(before: Version, after: Version) -> tuple[str, str]:
    """SQL of the rows of each version that may differ."""
    old, new = before.objects, after.objects
    if not any(one.kind == "changes" for one in (*old, *new)):
        both = {one.uri for one in old} & {one.uri for one in new}
        left, right = ([one for one in some if one.uri not in both] for some in (old, new))
        return before.rows(left), after.rows(right)
    same = _same_beginning(old, new)
    if not same or list(before.merge_key) != list(after.merge_key):
        return before.rows(), after.rows()
    if same == len(old) and _is_complete(after, new[same:]):
        return _states(after, new[same:])
    if same == len(new) and _is_complete(before, old[same:]):
        newer, older = _states(before, old[same:])
        return older, newer
    named = [*old[same:], *new[same:]]
    return _with_keys(before, named), _with_keys(after, named)


def _same_beginning(old: Sequence[Object], new: Sequence[Object]) -> int:
    """How many objects both have at their beginning."""
    return next(
        (at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a.uri != b.uri),
        min(len(old), len(new)),
    )


def _is_complete(side: Version, objects: Sequence[Object]) -> bool:
    """Whether they say what was before them. Those that others were folded into do not."""
    return all(one.uri in side.complete for one in objects)


def _states(side: Version, added: Sequence[Object]) -> tuple[str, str]:
    """SQL of the rows that objects name, as they were before these objects, and after them."""
    content, change = Content(added, side.merge_key), quoted(CHANGE)
    was = side.as_written(first_states(content, side.stored), CHANGE)
    became = side.as_written(last_states(content, side.stored), CHANGE)
    return (
        f"FROM ({was}) WHERE {change} <> 'insert'",
        f"FROM ({became}) WHERE {change} <> 'delete'",
    )


def _with_keys(side: Version, named: Sequence[Object]) -> str:
    """SQL of the rows whose keys these objects name."""
    key = ", ".join(map(quoted, side.merge_key))
    keys = " UNION ALL ".join(f"SELECT {key} FROM {scan(one.uri)}" for one in named)  # noqa: S608 - quoted
    rows = rows_of(Content(side.objects, side.merge_key), side.stored)
    on = same_key(side.stored, side.merge_key, "b", "c")
    return side.as_written(f"SELECT b.* FROM ({rows}) AS b SEMI JOIN ({keys}) AS c ON ({on})")  # noqa: S608 - quoted
