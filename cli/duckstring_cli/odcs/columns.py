"""Columns as properties of the Open Data Contract Standard.

``physicalType`` is DuckDB's type, ``logicalType`` the standard's. The standard's schema accepts no
property without one. A column, or a part of one, that never held a value says so: its type is no
promise yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from duckstring.author.columns import ColumnType, inside_of, path_of
from duckstring.author.contract import Published

Property = dict[str, object]

NEVER_FILLED = "It never held a value: its first one may be of another type."
_ONE_OF = "Each value is one of these."

_INTEGERS = {
    "tinyint": "i8", "smallint": "i16", "integer": "i32", "bigint": "i64", "hugeint": "i128",
    "utinyint": "u8", "usmallint": "u16", "uinteger": "u32", "ubigint": "u64", "uhugeint": "u128",
}  # fmt: skip
_WITH_ZONE = {"timezone": True}
_WITHOUT_ZONE = {"timezone": False}
_LOGICAL: Mapping[str, tuple[str, Mapping[str, object]]] = {
    **{kind: ("integer", {"format": form}) for kind, form in _INTEGERS.items()},
    "bignum": ("integer", {}),
    "float": ("number", {"format": "f32"}),
    "double": ("number", {"format": "f64"}),
    "decimal": ("number", {}),
    "boolean": ("boolean", {}),
    "varchar": ("string", {}),
    "enum": ("string", {}),
    "json": ("string", {"format": "json"}),
    "uuid": ("string", {"format": "uuid"}),
    "blob": ("string", {"format": "binary"}),
    "bit": ("string", {"pattern": "^[01]+$"}),
    "date": ("date", {}),
    "time": ("time", _WITHOUT_ZONE),
    "time_ns": ("time", _WITHOUT_ZONE),
    "time with time zone": ("time", _WITH_ZONE),
    "timestamp": ("timestamp", _WITHOUT_ZONE),
    "timestamp_s": ("timestamp", _WITHOUT_ZONE),
    "timestamp_ms": ("timestamp", _WITHOUT_ZONE),
    "timestamp_ns": ("timestamp", _WITHOUT_ZONE),
    "timestamp with time zone": ("timestamp", _WITH_ZONE),
    "list": ("array", {}),
    "array": ("array", {}),
    "struct": ("object", {}),
    "map": ("map", {}),
    "union": ("object", {}),
    "interval": ("string", {"format": "duration"}),
    "geometry": ("string", {"format": "wkt"}),
}
"""By ``ColumnType.kind``. The standard has no spans of time, no shapes, and no unions: what stands
here of them is the form in which others exchange them.
"""


def properties(published: Published, merge_key: Sequence[str] = ()) -> list[Property]:
    """The columns of a table, in order.

    Args:
        published: the columns, and which of them ever held a value.
        merge_key: the columns by which changes name rows. Their values are never NULL.
    """
    return [
        _property({"name": name} | _key(name, merge_key), kind, path_of(name), published)
        for name, kind in published.columns.items()
    ]


def _key(name: str, merge_key: Sequence[str]) -> Property:
    if name not in merge_key:
        return {}
    alone: Property = {"unique": True} if len(merge_key) == 1 else {}
    place = list(merge_key).index(name) + 1
    return {"primaryKey": True, "primaryKeyPosition": place, "required": True} | alone


def _property(
    begun: Property, kind: ColumnType, path: str, published: Published | None
) -> Property:
    """``published`` is None where the emptiness of what is around has been said."""
    logical, options = _LOGICAL.get(kind.kind, ("string", {}))
    if kind.kind == "array":
        options = {"minItems": kind.numbers[0], "maxItems": kind.numbers[0]}
    made = begun | {"logicalType": logical, "physicalType": kind.text}
    if options:
        made |= {"logicalTypeOptions": dict(options)}
    if published is not None and path not in published.filled:
        return made | {"description": NEVER_FILLED} | _inside(kind, path, None)
    if kind.kind == "union":
        made |= {"description": _ONE_OF}
    return made | _inside(kind, path, published)


def _inside(kind: ColumnType, path: str, published: Published | None) -> Property:
    """What a type is made of."""

    def part(name: str, begun: Property) -> Property:
        return _property(begun, kind.part(name), inside_of(kind, path, name), published)

    match kind.kind:
        case "enum" if kind.values:
            return {"enum": [{"value": value} for value in kind.values]}
        case "list" | "array":
            return {"items": part("child", {})}
        case "map":
            return {"map": {"key": part("key", {}), "value": part("value", {})}}
        case "struct" | "union":
            return {"properties": [part(name, {"name": name}) for name, _ in kind.parts]}
        case _:
            return {}
