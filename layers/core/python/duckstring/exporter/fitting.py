"""How a table is shown in Iceberg: its columns, and whether its own files will do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckstring.author.columns import ColumnType, ColumnTypes
from duckstring.exporter.columns import flat_types
from duckstring.exporter.now import Table, is_plain
from duckstring.model.iceberg import MOST_COPIED
from duckstring.model.sql import quoted

MOST_COLUMNS = 1_000
"""Of a table, with those inside others. Glue keeps all of them in one item."""
MOST_MEASURED = 100
"""The first columns of a table: manifests have their bounds. So many do Iceberg's own writers take,
by default. So the entry of a file in a manifest has at most some 15 kB.
"""
_LONGEST_NAME = 255
_TYPES = {
    "boolean": "boolean",
    "tinyint": "int",
    "smallint": "int",
    "integer": "int",
    "bigint": "long",
    "utinyint": "int",
    "usmallint": "int",
    "float": "float",
    "double": "double",
    "varchar": "string",
    "json": "string",
    "blob": "binary",
    "uuid": "uuid",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamp with time zone": "timestamptz",
}
"""By DuckDB's id of a type: Iceberg's, which the files hold as they are."""
_DECIMAL = re.compile(r"decimal\(\d+,\d+\)")
_COPIED = {
    "uinteger": ("long", "BIGINT"),
    "ubigint": ("decimal(20,0)", "DECIMAL(20,0)"),
    "timestamp_ns": ("string", "VARCHAR"),
}
"""Types that Iceberg does not have: its type, and the one that the value is cast to. A reader may
take 32 bits without a sign for negative numbers; a timestamp of Iceberg has microseconds.
"""


@dataclass(frozen=True, slots=True)
class IcebergColumn:
    """A column, or a part of one. ``type``: Iceberg's word for it; ``list``, ``map`` and
    ``struct`` have ``parts``.
    """

    name: str
    type: str
    parts: tuple[IcebergColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """A table's columns. ``casts``: the SQL types that columns are copied as; None: its files are
    shown as they are. ``why_not``: it cannot be shown.
    """

    columns: Sequence[IcebergColumn] = ()
    casts: Mapping[str, str] | None = None
    why_not: str = ""


def fit(table: Table, columns: ColumnTypes) -> Fit:
    """How a table is shown whose files have these ``columns``.

    Tables that are merged by a key would be copied in one run and not in the next: what is too
    large is left out whether it was folded or not.
    """
    if why := _misfit(columns):
        return Fit(why_not=why)
    found = {name: _fitted(name, kind) for name, kind in columns.items()}
    shown = [one for one in found.values() if one is not None]
    if len(shown) < len(found):
        name = next(name for name, one in found.items() if one is None)
        return Fit(why_not=f"Iceberg has no type for column {name!r}: {columns[name]}")
    size = sum(one.bytes for one in table.files)
    reason = _reason_to_copy(table, columns)
    if size > MOST_COPIED and reason:
        return Fit(
            why_not=f"{reason}, so it would be copied, and {size // 1024**2:,} MiB are too much "
            f"(at most {MOST_COPIED // 1024**2})"
        )
    if is_plain(table) and not any(_is_cast(kind) for kind in columns.values()):
        return Fit(shown)
    return Fit(shown, {name: _cast(kind) for name, kind in columns.items() if _is_cast(kind)})


def select(fitted: Fit, rows: str, columns: ColumnTypes) -> str:
    """SQL: a table's ``rows`` as they are copied."""
    casts = fitted.casts or {}
    items = [
        f"{quoted(name)}::{casts[name]} AS {quoted(name)}" if name in casts else quoted(name)
        for name in columns
    ]
    return f"SELECT {', '.join(items)} FROM ({rows})"  # noqa: S608 - quoted


def type_in_iceberg(text: str) -> str:
    """Iceberg's word for a type of DuckDB that files hold as it is; empty: it has none, or it has
    parts.
    """
    kind = text.lower()
    return kind if _DECIMAL.fullmatch(kind) else _TYPES.get(kind, "")


def _misfit(columns: ColumnTypes) -> str:
    names = [name for name, _ in flat_types(columns)]
    if len(names) > MOST_COLUMNS:
        return f"{len(names):,} columns; Glue takes {MOST_COLUMNS:,} of ours"
    for name in names:
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            return f"a column's name is empty, not printable or longer than {_LONGEST_NAME}"
        if "." in name:
            return f"column {name!r}: Iceberg takes the point for a part of another column"
    return ""


def _reason_to_copy(table: Table, columns: ColumnTypes) -> str:
    if table.version.merge_key:
        return "it is merged by a key"
    if not is_plain(table):
        return "another engine wrote files of it"
    name = next((name for name, kind in columns.items() if _is_cast(kind)), None)
    return "" if name is None else f"column {name!r} has a type that Iceberg lacks"


def _fitted(name: str, kind: ColumnType) -> IcebergColumn | None:
    match kind.kind:
        case "decimal":
            width, scale = kind.numbers
            return IcebergColumn(name, f"decimal({width},{scale})")
        case "list":
            inside = [_fitted("element", kind.part("child"))]
        case "map":
            inside = [_fitted(part, kind.part(part)) for part in ("key", "value")]
        case "struct":
            inside = [_fitted(part, inner) for part, inner in kind.parts]
        case _:
            known = _TYPES.get(kind.kind) or _COPIED.get(kind.kind, ("",))[0]
            return IcebergColumn(name, known) if known else None
    parts = tuple(part for part in inside if part is not None)
    return IcebergColumn(name, kind.kind, parts) if len(parts) == len(inside) else None


def _is_cast(kind: ColumnType) -> bool:
    return kind.kind in _COPIED or any(_is_cast(part) for _, part in kind.parts)


def _cast(kind: ColumnType) -> str:
    """The SQL type of what is copied."""
    match kind.kind:
        case "list":
            return f"{_cast(kind.part('child'))}[]"
        case "map":
            return f"MAP({_cast(kind.part('key'))}, {_cast(kind.part('value'))})"
        case "struct":
            fields = ", ".join(f"{quoted(name)} {_cast(part)}" for name, part in kind.parts)
            return f"STRUCT({fields})"
        case _:
            return _COPIED[kind.kind][1] if kind.kind in _COPIED else kind.text
