"""What Parquet files say of their columns at their ends: how much there is of each, and between
which values all of it lies.

A bound that is wrong loses rows without a word: engines skip the file. And engines answer ``min()``
and ``max()`` by bounds alone. So a bound is given only if the file has it exactly, for each row
group with values. Text is the exception: writers cut it, and engines know that.

NaN is in no order that engines agree on. DuckDB gives no bounds of a row group with a NaN. Other
writers do, so bounds are taken from its files only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from duckstring.exporter.fitting import type_in_iceberg
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Bound = int | float | str | bytes
_WRITER = "DuckDB version "
_MOST_GROUPS = 10_000
"""Row groups whose places are told: a manifest has them for each file."""
_FINITE = "nullif(nullif({0}, 'infinity'), '-infinity')"
"""Other engines read infinite dates as finite ones."""
_DAY = 86_400_000_000
_TIME = "TRY_CAST({0} AS TIME)"
_READ = {
    "boolean": "TRY_CAST({0} AS BOOLEAN)::INTEGER",
    "int": "TRY_CAST({0} AS BIGINT)",
    "long": "TRY_CAST({0} AS BIGINT)",
    # By way of FLOAT: of the next double, the text could be another float.
    "float": "TRY_CAST({0} AS FLOAT)::DOUBLE",
    "double": "TRY_CAST({0} AS DOUBLE)",
    "date": f"TRY_CAST({_FINITE} AS DATE) - DATE '1970-01-01'",
    # 24:00:00 is a time in DuckDB only.
    "time": f"CASE WHEN epoch_us({_TIME}) < {_DAY} THEN epoch_us({_TIME}) END",
    "timestamp": f"epoch_us(TRY_CAST({_FINITE} AS TIMESTAMP))",
    "timestamptz": f"epoch_us(TRY_CAST({_FINITE} AS TIMESTAMPTZ))",
    "decimal": "TRY_CAST(replace({0}, '.', '') AS HUGEINT)",
    "string": "{0}",
    "binary": "TRY_CAST({0} AS BLOB)",
}
"""SQL by Iceberg's types: from the text that DuckDB makes of a bound to what has its order. UUID is
not among them. Engines order them in two ways: Java's by numbers with signs.
"""
_NOTHING = "nullif({0}, {0})"
_CHUNK = (
    *("row_group_id", "column_id", "num_values", "total_compressed_size", "stats_null_count"),
    *("stats_min_value", "stats_max_value", "min_is_exact", "max_is_exact"),
    *("data_page_offset", "dictionary_page_offset"),
)
_HELD = "count(*) FILTER (WHERE num_values > coalesce(stats_null_count, 0))"
"""How many row groups have a value that is not NULL."""
_PARTS = "CASE WHEN type IS NULL THEN num_children END"
"""Some writers say of a column that holds values that it has 0 parts."""
_TYPE = "CASE WHEN repetition_type <> 'REPEATED' THEN duckdb_type END"
"""A repeated column is a list, in the form that lists had first."""
_OFFSETS = """
SELECT NULL, min(least(
    data_page_offset, coalesce(nullif(dictionary_page_offset, 0), data_page_offset)
)), NULL, NULL, NULL, NULL FROM chunks GROUP BY row_group_id
"""
"""Rows without a column: where each row group begins."""


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """One column in one file.

    Attributes:
        name: the column.
        type: its type in this file, in Iceberg's words.
        bytes: what it takes, compressed.
        values: how many there are, NULL among them.
        nulls: how many of them are NULL; None: unknown.
        nans: how many of them are NaN; None: unknown, or of another type.
        low, high: no value is outside. Dates in days, times and timestamps in microseconds, since
            1970; decimals without their point; None: unknown.
    """

    name: str
    type: str
    bytes: int
    values: int
    nulls: int | None = None
    nans: int | None = None
    low: Bound | None = None
    high: Bound | None = None


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """One file. ``offsets``: where its row groups begin."""

    columns: Sequence[ColumnStatistics] = ()
    offsets: Sequence[int] = ()


class _Leaf(NamedTuple):
    """A column without parts. ``number``: its place among all columns that hold values."""

    number: int
    name: str
    type: str


class _Node(NamedTuple):
    name: str
    parts: int | None
    kind: str | None


def read_statistics(con: DuckDBPyConnection, uri: str, columns: Iterable[str]) -> FileStatistics:
    """What a file says of these columns. Those with parts, and those of a type that Iceberg does
    not have, are left out.

    Costs a HEAD and a GET of the file's end, unless DuckDB has kept it.
    """
    wanted = set(columns)
    leaves = [one for one in _leaves(con, uri) if one.name in wanted]
    selects = [_OFFSETS, *_selects(leaves, has_bounds=_is_by_duckdb(con, uri))]
    rows = con.execute(
        f"WITH chunks AS MATERIALIZED (SELECT {', '.join(_CHUNK)} "  # noqa: S608 - quoted
        f"FROM parquet_metadata({literal(uri)})) {' UNION ALL '.join(selects)}"
    ).fetchall()
    offsets = sorted(begin for number, begin, *_ in rows if number is None)
    found = {number: _Found(*told) for number, *told in rows if number is not None}
    return FileStatistics(
        [_statistics(leaf, found[leaf.number]) for leaf in leaves if leaf.number in found],
        offsets if len(offsets) <= _MOST_GROUPS else (),
    )


def _leaves(con: DuckDBPyConnection, uri: str) -> list[_Leaf]:
    """The file's own columns that have no parts, and names of their own."""
    rows = con.execute(
        f"SELECT name, {_PARTS}, {_TYPE} FROM parquet_schema({literal(uri)}) ORDER BY column_id"  # noqa: S608 - quoted
    ).fetchall()
    root, *nodes = (_Node(*row) for row in rows)
    top = list(_top(root.parts or 0, iter(nodes)))
    names = Counter(node.name for node, _ in top)
    return [
        _Leaf(number, node.name, kind)
        for node, number in top
        if node.parts is None
        and names[node.name] == 1
        and (kind := type_in_iceberg(node.kind or ""))
    ]


def _top(count: int, nodes: Iterator[_Node]) -> Iterator[tuple[_Node, int]]:
    """The columns at the top of a schema, each with the number of its first leaf."""
    number = 0
    for _ in range(count):
        node = next(nodes)
        yield node, number
        number += _count_leaves(node, nodes)


def _count_leaves(node: _Node, nodes: Iterator[_Node]) -> int:
    """How many leaves a column has. Takes from ``nodes`` what is below it."""
    if node.parts is None:
        return 1
    return sum(_count_leaves(next(nodes), nodes) for _ in range(node.parts))


def _selects(leaves: Sequence[_Leaf], *, has_bounds: bool) -> Iterator[str]:
    """SQL by type, each for the columns of one."""
    by_type: dict[str, list[int]] = {}
    for leaf in leaves:
        by_type.setdefault(leaf.type.partition("(")[0], []).append(leaf.number)
    for kind, numbers in by_type.items():
        yield _select(kind, numbers, _READ.get(kind, _NOTHING) if has_bounds else _NOTHING)


def _is_by_duckdb(con: DuckDBPyConnection, uri: str) -> bool:
    (by,) = con.execute(
        f"SELECT created_by FROM parquet_file_metadata({literal(uri)})"  # noqa: S608 - quoted
    ).fetchone() or ("",)
    return str(by or "").startswith(_WRITER)


class _Found(NamedTuple):
    """A row of ``_select``. ``low`` and ``high`` are text, in hex where they are bytes."""

    bytes: int
    values: int
    nulls: int | None
    low: str | None
    high: str | None


def _select(kind: str, numbers: Iterable[int], read: str) -> str:
    """SQL: what all row groups say of columns of one type.

    Where all is NULL in a row group, the others give the bounds.
    """
    text = "hex({})" if kind == "binary" else "{}::VARCHAR"

    def bound(side: str) -> str:
        value = read.format(f"stats_{side}_value")
        exact = "" if kind == "string" else f" FILTER (WHERE {side}_is_exact)"
        best = text.format(f"{side}({value}){exact}")
        return f"CASE WHEN count({value}){exact} = {_HELD} THEN {best} END"

    return (
        "SELECT column_id, sum(total_compressed_size)::HUGEINT, sum(num_values)::HUGEINT, "  # noqa: S608 - our own words
        "CASE WHEN count(*) = count(stats_null_count) THEN sum(stats_null_count)::HUGEINT END, "
        f"{bound('min')}, {bound('max')} FROM chunks "
        f"WHERE column_id IN ({', '.join(map(str, numbers))}) GROUP BY column_id"
    )


def _statistics(leaf: _Leaf, found: _Found) -> ColumnStatistics:
    low, high = _value(leaf.type, found.low), _value(leaf.type, found.high)
    if found.nulls == found.values:
        low = high = None
    is_float = leaf.type in {"float", "double"}
    return ColumnStatistics(
        leaf.name,
        leaf.type,
        found.bytes,
        found.values,
        found.nulls,
        0 if is_float and None not in {low, high} else None,
        low,
        high,
    )


def _value(kind: str, text: str | None) -> Bound | None:
    if text is None or kind == "string":
        return text
    if kind == "binary":
        return bytes.fromhex(text)
    return float(text) if kind in {"float", "double"} else int(text)
