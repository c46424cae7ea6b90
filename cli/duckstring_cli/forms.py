"""Values in forms that JSON can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from duckstring.model.sql import literal, quoted

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType


def in_json(value: str, dtype: DuckDBPyType, depth: int = 0) -> str:
    """JSON has neither NaN nor Infinity: they become null, however deep they lie. Nothing if
    there is nothing to change.
    """
    each = f"x{depth}"
    match dtype.id:
        case "float" | "double":
            return f"CASE WHEN isfinite({value}) THEN {value} END"
        case "list" | "array":
            changed = in_json(each, _child(dtype, "child"), depth + 1)
            return changed and f"list_transform({value}, lambda {each}: {changed})"
        case "map":
            changed = in_json(each, _child(dtype, "value"), depth + 1)
            return changed and (
                f"map(map_keys({value}), list_transform(map_values({value}), lambda {each}: "
                f"{changed}))"
            )
        case "struct":
            parts = {
                name: f"struct_extract({value}, {literal(name)})" for name, _ in dtype.children
            }
            changes = {
                name: in_json(part, _child(dtype, name), depth) for name, part in parts.items()
            }
            packed = ", ".join(
                f"{quoted(name)} := {changes[name] or part}" for name, part in parts.items()
            )
            return (
                f"CASE WHEN {value} IS NOT NULL THEN struct_pack({packed}) END"
                if any(changes.values())
                else ""
            )
        case _:
            return ""


def _child(dtype: DuckDBPyType, name: str) -> DuckDBPyType:
    return cast("DuckDBPyType", dict(dtype.children)[name])
