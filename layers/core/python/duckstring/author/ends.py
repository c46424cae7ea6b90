"""What the ends of two files tell of their columns: whether one differs for certain, and which one
most likely does. No row is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from duckstring.author.columns import OWN, ColumnType, ColumnTypes
from duckstring.author.stored import leaves
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_EXACT = frozenset(
    {
        "boolean", "tinyint", "smallint", "integer", "bigint",
        "utinyint", "usmallint", "uinteger", "ubigint", "decimal", "float", "double",
        "date", "timestamp", "varchar",
    }
)  # fmt: skip
"""Types whose least and greatest value follow from the rows alone. Of a column with NaN, DuckDB
writes neither.
"""
_MOST_COLUMNS = 100
"""Of which the ends of files are compared."""
_OF_CHUNKS = (
    "row_group_id, column_id, total_compressed_size AS small, total_uncompressed_size AS large, "
    "num_values AS rows, stats_null_count AS nulls, min_is_exact AND max_is_exact AS is_exact, "
    f"{OWN}encode(stats_min_value) AS least, {OWN}encode(stats_max_value) AS greatest"
)
_TOLD = ("rows", "nulls", "is_exact", "least", "greatest")
_SIZES = ("small", "large")
_ORDERED = 0.5
"""Of the columns: if so many have chunks of the same sizes, the rows come in the same order."""
_TRIED = 0.125
"""What a look at one column may cost, of what a look at all rows costs, where the rows come in
another order: it often finds nothing then.
"""


class Column(NamedTuple):
    """A column in both files: its place among the files' columns and its type; whether what is told
    of its chunks differs, and how much they differ in size. ``bytes``: of both; ``cost``: before
    compression, which is what reading them costs.
    """

    name: str
    place: int
    kind: ColumnType
    is_told_apart: bool
    apart: int
    bytes: int
    cost: int


def compared(
    con: DuckDBPyConnection, stored: ColumnTypes, one: str, other: str
) -> Sequence[Column]:
    """The columns of two files that both have the columns ``stored``."""
    sides = (
        f"(SELECT {_OF_CHUNKS} FROM {OWN}parquet_metadata({literal(uri)}))"  # noqa: S608 - quoted
        for uri in (one, other)
    )
    told = " OR ".join(f"a.{item} IS DISTINCT FROM b.{item}" for item in _TOLD)
    apart = (
        f"{OWN}abs(coalesce(a.small, 0) - coalesce(b.small, 0)) + "
        "CAST(a.large IS DISTINCT FROM b.large AS INTEGER)"
    )
    items = (apart, *(f"coalesce(a.{item}, 0) + coalesce(b.{item}, 0)" for item in _SIZES))
    sums = ", ".join(f"CAST({OWN}sum({item}) AS BIGINT)" for item in items)
    of_leaf = con.execute(
        f"SELECT {OWN}bool_or({told}), {sums} FROM {' AS a FULL JOIN '.join(sides)} AS b "  # noqa: S608 - quoted
        "USING (row_group_id, column_id) GROUP BY column_id ORDER BY column_id"
    ).fetchall()
    return list(_columns(stored, of_leaf))


def _columns(stored: ColumnTypes, of_leaf: Sequence[Sequence[int]]) -> Iterator[Column]:
    place = 0
    for name, kind in stored.items():
        mine = of_leaf[place : place + leaves(kind)]
        apart, size, cost = (sum(leaf[item] for leaf in mine) for item in (1, 2, 3))
        yield Column(name, place, kind, any(leaf[0] for leaf in mine), apart, size, cost)
        place += leaves(kind)


def differ(con: DuckDBPyConnection, columns: Sequence[Column], one: str, other: str) -> bool:
    """Whether a column differs for certain: in its number of NULLs, its least or greatest value."""
    found = [it for it in columns if it.is_told_apart and it.kind.kind in _EXACT][:_MOST_COLUMNS]
    return bool(found) and any(
        ours is not None and theirs is not None and ours != theirs
        for ours, theirs in zip(_ends(con, one, found), _ends(con, other, found), strict=True)
    )


def suspect(columns: Sequence[Column], *, is_known: bool) -> str:
    """The column that most likely differs, if a look at it in both files is much cheaper than at
    all rows; empty: there is none. ``is_known``: all rows would be read of one file only.
    """
    apart = [column for column in columns if column.apart]
    is_ordered = len(columns) - len(apart) >= _ORDERED * len(columns)
    most = sum(column.cost for column in columns) * (1 if is_ordered else _TRIED)
    near = [column for column in apart if column.cost * (2 if is_known else 1) < most]
    return max(near, key=lambda column: column.apart / column.bytes).name if near else ""


def _ends(
    con: DuckDBPyConnection, uri: str, found: Sequence[Column]
) -> Iterator[tuple[object, ...] | None]:
    """Of each column: the number of NULLs, the least and the greatest value. None: the end of the
    file does not say.
    """
    items = ", ".join(item for leaf in found for item in _items(leaf))
    row = con.execute(
        f"SELECT {items} FROM {OWN}parquet_metadata({literal(uri)})"  # noqa: S608 - numbers and types
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives one
    for place in range(0, len(row), 4):
        is_told, *values = row[place : place + 4]
        yield tuple(values) if is_told else None


def _items(leaf: Column) -> Iterator[str]:
    least, greatest = _value("min", leaf.kind), _value("max", leaf.kind)
    of = f"FILTER (WHERE column_id = {leaf.place})"
    told = (
        "stats_null_count IS NOT NULL AND (stats_null_count = num_values OR "
        f"(coalesce(min_is_exact AND max_is_exact, false) AND {least} IS NOT NULL AND {greatest} "
        "IS NOT NULL))"
    )
    yield f"coalesce({OWN}bool_and({told}) {of}, false)"
    yield f"{OWN}sum(stats_null_count) {of}"
    yield f"{OWN}min({least}) {of}"
    yield f"{OWN}max({greatest}) {of}"


def _value(which: str, kind: ColumnType) -> str:
    """As bytes, an author's collation does not count."""
    value = f"stats_{which}_value"
    return (
        f"{OWN}encode({value})" if kind.kind == "varchar" else f"TRY_CAST({value} AS {kind.text})"
    )
