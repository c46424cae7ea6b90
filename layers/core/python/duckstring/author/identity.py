"""The fingerprint of a table that was just written: that of the published version, if both have the
same rows, and else another one.

Rows are read for it only where nothing cheaper tells the two apart: how many rows there are, the
columns, and what the ends of the files say of each column (how many NULLs, the least and the
greatest value). Where all of that is the same, both are read, and the sums of their rows' hashes
are compared. The sum is kept with the version: the next time only what is new is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

from duckstring.author.columns import OWN, ColumnType, ColumnTypes
from duckstring.author.contents import Content, content_of, rows_of
from duckstring.author.contract import Published
from duckstring.author.fingerprint import fingerprint
from duckstring.author.stored import leaves, stored_columns
from duckstring.model.catalog import TableVersion
from duckstring.model.sql import literal
from duckstring.model.values import replace

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.author.lake import Lake

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


class _Leaf(NamedTuple):
    """A column: its place among the file's columns."""

    place: int
    kind: ColumnType


def new_fingerprint() -> str:
    """One that no other version has. Its rows were not read."""
    return token_hex(16)


def measured(lake: Lake, made: TableVersion, columns: ColumnTypes) -> TableVersion:
    """The version with the fingerprint of its rows, which all versions with these rows have that
    were measured. All of it is read.
    """
    total = _total(lake, made)
    return replace(made, fingerprint=fingerprint(columns, made.rows, total), total=str(total))


def identified(
    lake: Lake,
    made: TableVersion,
    columns: ColumnTypes,
    published: TableVersion | None,
    before: Published | None,
) -> TableVersion:
    """The version with the fingerprint of ``published`` if it has its rows and columns, and else
    with another one. ``before``: the columns of ``published``.
    """
    if published is None or before is None or _is_other(lake, made, columns, published, before):
        return replace(made, fingerprint=new_fingerprint())
    total = _total(lake, made)
    there = int(published.total) if published.total else _total(lake, published)
    same = published.fingerprint if total == there else fingerprint(columns, made.rows, total)
    return replace(made, fingerprint=same, total=str(total))


def _is_other(
    lake: Lake,
    made: TableVersion,
    columns: ColumnTypes,
    published: TableVersion,
    before: Published,
) -> bool:
    """Whether the two differ for certain, without a look at their rows."""
    if made.rows != published.rows or before.by_release_before:
        return True
    if [*columns.items()] != [*before.columns.items()]:
        return True
    ours, theirs = content_of(made, lake.uri), content_of(published, lake.uri)
    if len(theirs.objects) > 1 or any(part.is_adopted for part in published.live):
        return False
    with lake.classified_errors(), lake.con.cursor() as cursor:
        found = list(islice(_leaves(cursor, ours), _MOST_COLUMNS))
        return bool(found) and any(
            one is not None and other is not None and one != other
            for one, other in zip(
                _ends(cursor, ours, found), _ends(cursor, theirs, found), strict=True
            )
        )


def _leaves(con: DuckDBPyConnection, content: Content) -> Iterator[_Leaf]:
    place = 0
    for kind in stored_columns(con, content).values():
        if kind.kind in _EXACT:
            yield _Leaf(place, kind)
        place += leaves(kind)


def _ends(
    con: DuckDBPyConnection, content: Content, found: list[_Leaf]
) -> Iterator[tuple[object, ...] | None]:
    """Of each column: the number of NULLs, the least and the greatest value. None: the end of the
    file does not say.
    """
    items = ", ".join(item for leaf in found for item in _items(leaf))
    row = con.execute(
        f"SELECT {items} FROM {OWN}parquet_metadata({literal(content.newest.uri)})"  # noqa: S608 - numbers and types
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives one
    for place in range(0, len(row), 4):
        is_told, *values = row[place : place + 4]
        yield tuple(values) if is_told else None


def _items(leaf: _Leaf) -> Iterator[str]:
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


def _total(lake: Lake, version: TableVersion) -> int:
    content = content_of(version, lake.uri)
    with lake.classified_errors(), lake.con.cursor() as cursor:
        rows = rows_of(content, stored_columns(cursor, content))
    return lake.summed(rows)[1]
