"""The columns of a table as DuckLake has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from duckstring.author.columns import ColumnType, ColumnTypes

_TYPES = {
    "boolean": "boolean",
    "tinyint": "int8",
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "utinyint": "uint8",
    "usmallint": "uint16",
    "uinteger": "uint32",
    "ubigint": "uint64",
    "float": "float32",
    "double": "float64",
    "varchar": "varchar",
    "json": "json",
    "blob": "blob",
    "uuid": "uuid",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamp_ns": "timestamp_ns",
    "timestamp with time zone": "timestamptz",
}
"""By DuckDB's id of a type."""
_ITEM = "element"
_ITEM_IN_FILE = "list"


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or a part of one. ``source`` is what it is called in a Parquet file, where that is
    another name.
    """

    name: str
    type: str
    parts: tuple[Column, ...] = ()
    source: str = ""


def columns_of(columns: ColumnTypes) -> Sequence[Column] | None:
    """None: one of the columns has a type that DuckLake does not know."""
    found = [_column(name, kind) for name, kind in columns.items()]
    known = [column for column in found if column is not None]
    return known if len(known) == len(found) else None


def flat(columns: Iterable[Column]) -> Iterator[Column]:
    """All columns, each followed by its parts."""
    for one in columns:
        yield one
        yield from flat(one.parts)


def flat_types(
    columns: Iterable[tuple[str, ColumnType]] | ColumnTypes,
) -> Iterator[tuple[str, ColumnType]]:
    """All names and types, each followed by what is inside."""
    for name, kind in columns.items() if isinstance(columns, Mapping) else columns:
        yield name, kind
        yield from flat_types(kind.parts)


def _column(name: str, kind: ColumnType, source: str = "") -> Column | None:
    match kind.kind:
        case "decimal":
            width, scale = kind.numbers
            return Column(name, f"decimal({width},{scale})", source=source)
        case "list":
            inside = [_column(_ITEM, kind.part("child"), _ITEM_IN_FILE)]
        case "map":
            inside = [_column(part, kind.part(part)) for part in ("key", "value")]
        case "struct":
            inside = [_column(part, inner) for part, inner in kind.parts]
        case _:
            known = _TYPES.get(kind.kind)
            return Column(name, known, source=source) if known else None
    parts = tuple(part for part in inside if part is not None)
    return Column(name, kind.kind, parts, source) if len(parts) == len(inside) else None
