"""What changed in a table since it was last taken: rows, each with what became of it.

The answer is net: a key comes once, or twice for an update, however often it changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckstring.author.columns import OWN, ColumnTypes
from duckstring.author.contents import (
    CHANGE,
    Content,
    content_of,
    content_of_parts,
    first_states,
    last_states,
    rows_of,
    same_key,
    scan,
    whole,
)
from duckstring.author.fingerprint import differs, other_hash, row_hash
from duckstring.author.stored import as_written, changed_types, stored_columns
from duckstring.model.catalog import Part, Position, TableVersion
from duckstring.model.names import table_of_key
from duckstring.model.parts import news_after
from duckstring.model.sql import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Plan:
    """How a delta is found. ``news``: the parts that have it. ``before``: the object of the version
    that was taken last, to compare with. Neither: it is everything (``is_full``).
    """

    version: TableVersion
    news: tuple[Part, ...] | None = None
    before: str = ""

    @property
    def is_full(self) -> bool:
        """Whether it is everything, because what was taken before is not known any more."""
        return self.news is None and not self.before


def plan(version: TableVersion, position: Position | None) -> Plan:
    """How to find what a reader at ``position`` has not taken."""
    news = news_after(version, position)
    if news is not None or position is None:
        return Plan(version, news)
    is_the_same_table = table_of_key(position.key) == table_of_key(version.key)
    return Plan(version, before=position.key if position.whole and is_the_same_table else "")


def select(con: DuckDBPyConnection, found: Plan, uri: Callable[[str], str]) -> str:
    """SQL: the table's columns as they were written, and ``_change``."""
    version = found.version
    content = content_of(version, uri)
    columns = stored_columns(con, content)
    if found.before:
        rows = _compared(rows_of(content, columns), rows_of(whole(uri(found.before)), {}), columns)
    elif found.news is None:
        rows = _inserts(rows_of(content, columns))
    elif not found.news:
        rows = f"{_inserts(rows_of(content, columns))} LIMIT 0"
    else:
        rows = _news(content_of_parts(version, found.news, uri), columns)
    return as_written(rows, columns, changed_types(con, content), CHANGE)


def is_comparable(con: DuckDBPyConnection, found: Plan, uri: Callable[[str], str]) -> bool:
    """Whether the version that was taken before has the columns of today's."""
    old, new = whole(uri(found.before)), content_of(found.version, uri)
    return all(
        list(look(con, old).items()) == list(look(con, new).items())
        for look in (stored_columns, changed_types)
    )


def _inserts(rows: str) -> str:
    return f"SELECT *, 'insert' AS {quoted(CHANGE)} FROM ({rows})"  # noqa: S608 - ours


def _news(content: Content, columns: ColumnTypes) -> str:
    """What the parts say; of several, what comes of it for each key."""
    if not content.has_changes:
        return _inserts(rows_of(content, columns))
    if len(content.objects) == 1:
        return f"FROM {scan(content.newest.uri)}"
    key, names = content.merge_key, _names(columns)
    first, last = first_states(content, columns), last_states(content, columns)
    change = quoted(CHANGE)
    on = same_key(columns, key, "f", "l")
    pairs = f"({first}) AS f JOIN ({last}) AS l ON ({on})"
    was, is_there = f"f.{change} <> 'insert'", f"l.{change} <> 'delete'"
    kept = f"{was} AND {is_there} AND ({differs(columns, 'f', 'l')})"
    return " UNION ALL ".join(
        (
            f"SELECT {names('l')}, 'insert' AS {change} FROM {pairs} WHERE NOT {was} AND {is_there}",  # noqa: S608, E501 - quoted
            f"SELECT {names('f')}, 'delete' AS {change} FROM {pairs} WHERE {was} AND NOT {is_there}",  # noqa: S608, E501 - quoted
            f"SELECT {names('f')}, 'update_before' AS {change} FROM {pairs} WHERE {kept}",  # noqa: S608 - quoted
            f"SELECT {names('l')}, 'update_after' AS {change} FROM {pairs} WHERE {kept}",  # noqa: S608 - quoted
        )
    )


def _compared(new: str, old: str, columns: ColumnTypes) -> str:
    """Two versions, row by row: what one has more often than the other. Rows are compared by two
    hashes of theirs, so that neither a collation nor -0.0 makes two of them one.
    """
    one, other, count, place = marks = _marks(columns)
    hashes = f"{row_hash(columns)} AS {one}, {other_hash(columns)} AS {other}"
    new, old = (f"(SELECT *, {hashes} FROM ({rows}))" for rows in (new, old))  # noqa: S608 - ours
    names = _names(columns)("r")
    return " UNION ALL ".join(
        f"SELECT {names}, {change} AS {quoted(CHANGE)} FROM (SELECT r.*, d.{count}, "  # noqa: S608 - quoted
        f"{OWN}row_number() OVER (PARTITION BY r.{one}, r.{other}) AS {place} "
        f"FROM {rows} AS r JOIN ({_more(rows, others, marks)}) AS d USING ({one}, {other})) AS r "
        f"WHERE r.{place} <= r.{count}"
        for rows, others, change in ((new, old, "'insert'"), (old, new, "'delete'"))
    )


def _more(rows: str, others: str, marks: Sequence[str]) -> str:
    """How many rows there are of each kind, beyond those among the others."""
    one, other, count, _ = marks
    return (
        f"SELECT {one}, {other}, {OWN}sum(n) AS {count} FROM ("  # noqa: S608 - ours
        f"SELECT {one}, {other}, 1 AS n FROM {rows} UNION ALL "
        f"SELECT {one}, {other}, CAST('-1' AS INTEGER) AS n FROM {others}) "
        f"GROUP BY {one}, {other} HAVING {OWN}sum(n) > 0"
    )


def _marks(columns: ColumnTypes) -> Sequence[str]:
    """Names that the table does not have: of two hashes, a number of rows, and a place."""
    mark = "~"
    while any(name.startswith(mark) for name in columns):
        mark += "~"
    return [quoted(f"{mark}{one}") for one in ("1", "2", "n", "i")]


def _names(columns: ColumnTypes) -> Callable[[str], str]:
    listed: Sequence[str] = [quoted(name) for name in columns]
    return lambda of: ", ".join(f"{of}.{name}" for name in listed)
