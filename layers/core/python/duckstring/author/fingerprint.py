"""A table's fingerprint: equal for equal multisets of rows, in any order, and another one when any
value changes.

A sum of row hashes, so that it needs one pass, no order and no memory. DuckDB's ``hash`` alone is
blind to much: it takes ``[]``, ``[NULL]`` and NULL for one, 0 and -1 in a DECIMAL(38,0), -0.0 and
0.0. So such values are hashed by what shows the difference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

from duckstring.author.columns import OWN, ColumnType, ColumnTypes
from duckstring.model.sql import quoted

_SCHEME = 2
"""What the release before wrote (1, unnamed) equals nothing that this one writes: after an
upgrade a table counts as changed, once.
"""

_DIGITS_OF_64_BITS = 18
"""A DECIMAL of more digits has 128 bits, of which ``hash`` mixes the two halves by XOR: equal
halves give 0.
"""

OF_ANY_TYPE = ("hash", "create_sort_key")
"""What it calls with values of any type."""


def row_hashes(stored: ColumnTypes) -> str:
    """The aggregate over the stored columns: the sum of row hashes, which 64 bits each give 128
    bits for any number of rows.

    Each row's hash is hashed once more: DuckDB joins the columns' hashes by XOR, and sums over XOR
    can cancel.
    """
    return f"coalesce({OWN}sum({row_hash(stored)}), 0)"


def row_hash(stored: ColumnTypes) -> str:
    """The hash of one row over the stored columns, 64 bits."""
    return f"{OWN}hash({OWN}hash({', '.join(_values(stored))}))"


def other_hash(stored: ColumnTypes) -> str:
    """A second hash of one row. Both together tell any number of rows apart."""
    return f"{OWN}hash({OWN}hash('other', {', '.join(reversed(_values(stored)))}))"


def differs(stored: ColumnTypes, left: str, right: str) -> str:
    """SQL: whether two rows differ in any value."""
    pairs = zip(_values(stored, f"{left}."), _values(stored, f"{right}."), strict=True)
    return " OR ".join(
        # As VARCHAR: DuckDB's optimizer fails on a collation of JSON below a join.
        f"CAST({one} AS VARCHAR) COLLATE C IS DISTINCT FROM CAST({other} AS VARCHAR) COLLATE C"
        if is_text
        else f"{one} IS DISTINCT FROM {other}"
        for (one, other), is_text in zip(pairs, _texts(stored), strict=True)
    )


def _values(stored: ColumnTypes, of: str = "") -> list[str]:
    return [
        value for name, kind in stored.items() for value in _hashed(f"{of}{quoted(name)}", kind)
    ]


def _texts(stored: ColumnTypes) -> list[bool]:
    """Of each of ``_values``: whether it is text, which an author's collation would compare."""
    return [
        value.endswith("AS VARCHAR)") or (value == "v" and kind.kind in {"varchar", "json"})
        for kind in stored.values()
        for value in _hashed("v", kind)
    ]


def fingerprint(columns: ColumnTypes, rows: int, total: int) -> str:
    """32 hexadecimal digits, of names, types and rows."""
    schema = [(name, kind.text) for name, kind in columns.items()]
    return sha256(json.dumps([_SCHEME, schema, rows, str(total)]).encode()).hexdigest()[:32]


def _hashed(value: str, kind: ColumnType) -> Sequence[str]:
    """What to hash of a column so that equal hashes mean equal values."""
    match kind.kind:
        case "float" | "double":
            return (
                value,
                f"{OWN}signbit({value})",
                f"CASE WHEN {OWN}isnan({value}) THEN CAST({value} AS BIT) END",
            )
        case "decimal" if kind.numbers[0] > _DIGITS_OF_64_BITS:
            return (f"CAST({value} AS VARCHAR)",)
        case "uuid":
            return (f"CAST({value} AS VARCHAR)",)
        case "list" | "map" | "struct":
            bits = _in_bits(kind)
            whole = value if bits == kind.text else f"CAST({value} AS {bits})"
            return (f"{OWN}create_sort_key({whole}, 'ASC NULLS FIRST')",)
        case _:
            return (value,)


def _in_bits(kind: ColumnType) -> str:
    """The type with every floating point number as its bits: a sort key takes -0.0 for 0.0."""
    match kind.kind:
        case "float" | "double":
            return "BIT"
        case "list":
            return f"{_in_bits(kind.part('child'))}[]"
        case "map":
            return f"MAP({_in_bits(kind.part('key'))}, {_in_bits(kind.part('value'))})"
        case "struct":
            fields = (f"{quoted(name)} {_in_bits(part)}" for name, part in kind.parts)
            return f"STRUCT({', '.join(fields)})"
        case _:
            return kind.text
