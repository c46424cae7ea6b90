"""Columns and their types, read from DuckDB once. The other modules of the package use these
values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import TYPE_CHECKING

from typing_extensions import override

from duckstring.model.sql import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation
    from duckdb.sqltypes import DuckDBPyType

_LONGEST_SHOWN = 200

OWN = "system.main."
"""Before the name of a function: DuckDB's own, and no macro that the author has given the same
name.
"""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """One type, all the way down.

    ``kind`` is DuckDB's id of it (``"list"``). ``text`` is SQL that makes the same type in any
    database: the names of an author's own types are gone. ``parts`` are the types inside: a list's
    and an array's ``child``, a map's ``key`` and ``value``, a struct's fields, a union's members.
    ``numbers`` are DECIMAL's width and scale, or an ARRAY's length; ``values`` an ENUM's.
    """

    kind: str
    text: str
    parts: tuple[tuple[str, ColumnType], ...] = ()
    numbers: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    shown: str = field(default="", compare=False)

    def part(self, name: str) -> ColumnType:
        """The type inside that is called so."""
        return dict(self.parts)[name]

    @override
    def __str__(self) -> str:
        """As DuckDB writes it, shortened where it is very long."""
        text = self.shown or self.text
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


ColumnTypes = Mapping[str, ColumnType]
"""Column names, in order, and their types."""


def column_types(relation: DuckDBPyRelation) -> ColumnTypes:
    """The columns of a relation whose names are known to differ."""
    return dict(zip(relation.columns, map(read_type, relation.types), strict=True))


def read_type(dtype: DuckDBPyType) -> ColumnType:
    """What DuckDB says of a type, as a value."""
    kind, shown = dtype.id, str(dtype)
    match kind:
        case "list" | "array" | "map" | "struct" | "union":
            return _nested(kind, dtype, shown)
        case "decimal":
            numbers = tuple(number for _, number in dtype.children if isinstance(number, int))
            return ColumnType(
                kind, f"DECIMAL({numbers[0]},{numbers[1]})", numbers=numbers, shown=shown
            )
        case "enum":
            values = tuple(dict(dtype.children)["values"])  # type: ignore[arg-type]  # DuckDB's stubs know types only
            return ColumnType(kind, enum_of(values), values=values, shown=shown)
        case "varchar":
            return (
                ColumnType("json", "JSON")
                if shown == "JSON"
                else ColumnType(kind, "VARCHAR", shown=shown)
            )
        case "geometry":
            return ColumnType(kind, shown)
        case _:
            return ColumnType(kind, _SIMPLE.get(kind, kind.upper()), shown=shown)


def enum_of(values: tuple[str, ...]) -> str:
    """The SQL text of an ENUM."""
    return f"ENUM({', '.join(map(literal, values))})"


def path_of(*names: str) -> str:
    """A column, or a field in one, as messages and files name it: ``orders.id``, ``"x.y".z``."""
    return ".".join(name if name.isidentifier() else quoted(name) for name in names)


def inside_of(kind: ColumnType, path: str, name: str) -> str:
    """The path of a part of what lies at ``path``: ``tags[]`` for a list's items,
    ``prices.value``, ``customer.id``.
    """
    return f"{path}[]" if kind.kind in {"list", "array"} else f"{path}.{path_of(name)}"


def applied(operator: str, *values: str) -> str:
    """``a + b`` with DuckDB's own ``+``: an author may have a macro of that name, and a bare
    operator calls it.
    """
    return f'{OWN}"{operator}"({", ".join(values)})'


def duckdb_message(error: BaseException) -> str:
    """DuckDB's error message. With ``errors_as_json``, which an author may set, it is inside of
    JSON.
    """
    text = str(error)
    start = text.find('{"exception_type":')
    if start < 0:
        return text
    try:
        parsed, _ = JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return text
    return str(parsed.get("exception_message", text))


_SIMPLE = {"timestamp_tz": "TIMESTAMP WITH TIME ZONE", "time_tz": "TIME WITH TIME ZONE"}


def _nested(kind: str, dtype: DuckDBPyType, shown: str) -> ColumnType:
    found = dtype.children
    if kind == "union":
        found = found[1:]  # the first is the tag
    parts = tuple(
        (name, read_type(part)) for name, part in found if not isinstance(part, (int, list))
    )
    child = parts[0][1].text if parts else ""
    match kind:
        case "list":
            return ColumnType(kind, f"{child}[]", parts, shown=shown)
        case "array":
            size = next(part for _, part in found if isinstance(part, int))
            return ColumnType(kind, f"{child}[{size}]", parts, (size,), shown=shown)
        case "map":
            return ColumnType(kind, f"MAP({child}, {parts[1][1].text})", parts, shown=shown)
        case _:
            return ColumnType(kind, f"{kind.upper()}({_fields(parts)})", parts, shown=shown)


def _fields(fields: tuple[tuple[str, ColumnType], ...]) -> str:
    return ", ".join(f"{quoted(name)} {part.text}" for name, part in fields)
