"""What a published table may become within a major version: more columns, and types that hold all
that the old ones held.

Whether a value changes its meaning is decided by the table of widenings below and nothing else. A
column that never held a value has no type that anybody could rely on: it takes its first one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from typing_extensions import override

from duckstring.author.columns import ColumnType, ColumnTypes, inside_of, path_of
from duckstring.author.errors import ContractError

_SIGNED = ("tinyint", "smallint", "integer", "bigint", "hugeint")
_UNSIGNED = ("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint")
_DIGITS = {
    "tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19,
    "utinyint": 3, "usmallint": 5, "uinteger": 10, "ubigint": 20,
}  # fmt: skip
"""Of the largest value: a DECIMAL with as many before the point holds them all."""
_HELD_DIGITS = {"tinyint": 2, "smallint": 4, "integer": 9, "bigint": 18, "hugeint": 38}
"""Of which every number fits: a DECIMAL(p,0) of so many becomes that type without loss."""
_EXACT_IN = {
    "float": {"tinyint", "smallint", "utinyint", "usmallint"},
    "double": {"tinyint", "smallint", "integer", "utinyint", "usmallint", "uinteger", "float"},
}
"""Floating point types hold whole numbers of 24 and 53 bits exactly."""
_OTHERS = {
    "date": {"timestamp", "timestamp_ms", "timestamp_s"},
    "timestamp_s": {"timestamp_ms", "timestamp"},
    "timestamp_ms": {"timestamp"},
    "time": {"time_ns"},
    "enum": {"varchar"},
    "json": {"varchar"},
}
_WITH_FIELDS = frozenset({"struct", "union"})
_AS_STORED_BEFORE = {
    "hugeint": ("DECIMAL(38,0)", "DOUBLE"), "uhugeint": ("DECIMAL(38,0)", "DOUBLE"),
    "bignum": ("VARCHAR",), "bit": ("VARCHAR",), "time_ns": ("VARCHAR",), "enum": ("VARCHAR",),
    "timestamp_s": ("TIMESTAMP",), "timestamp_ms": ("TIMESTAMP",),
    "geometry": ("GEOMETRY('OGC:CRS84')", "BLOB"),
}  # fmt: skip
"""What files of the release before hold of these types, which it changed without a word."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One place at which what is written is not what was published. ``written`` is None: it is
    no longer there.
    """

    column: str
    path: str
    published: ColumnType
    written: ColumnType | None

    @override
    def __str__(self) -> str:
        """For the author."""
        if self.written is None:
            return f"column {self.path!r} is dropped (it was {self.published})"
        return f"column {self.path!r} was {self.published} and would be {self.written}"


@dataclass(frozen=True, slots=True)
class Published:
    """A published table's columns; ``filled``: the paths that ever held a value, in this version or
    one before.

    ``by_release_before``: the file says nothing of its types, which may be other ones than were
    written.
    """

    columns: ColumnTypes
    filled: Collection[str]
    by_release_before: bool = False


def breaches(published: Published, written: ColumnTypes) -> Iterator[Breach]:
    """Where the contract would be broken, in the order of the published columns."""
    for name, kind in published.columns.items():
        path = path_of(name)
        if name not in written:
            yield Breach(name, path, kind, None)
        else:
            yield from _Comparison(name, published).differences(kind, written[name], path)


def check_contract(table: str, published: Published, written: ColumnTypes) -> None:
    """A published schema may only grow.

    Raises:
        ContractError: a column was dropped, or its type would no longer hold what it held.
    """
    if found := list(breaches(published, written)):
        raise ContractError(table, [str(breach) for breach in found])


def widens(old: ColumnType, new: ColumnType) -> bool:
    """Whether every value of one scalar type is exactly one of the other."""
    return (
        new.kind in _OTHERS.get(old.kind, ())
        or old.kind in _EXACT_IN.get(new.kind, ())
        or _integers_widen(old.kind, new.kind)
        or _decimals_widen(old, new)
        or (old.kind == new.kind == "enum" and _in_order(old.values, new.values))
    )


@dataclass(frozen=True, slots=True)
class _Comparison:
    column: str
    published: Published

    def differences(self, old: ColumnType, new: ColumnType, path: str) -> Iterator[Breach]:
        if old == new or path not in self.published.filled:
            return
        if old.kind in _WITH_FIELDS and old.kind == new.kind:
            yield from self._fields(old, new, path)
        elif self._is_same_container(old, new):
            for (name, part), (_, other) in zip(old.parts, new.parts, strict=True):
                yield from self.differences(part, other, inside_of(old, path, name))
        elif not widens(old, new) and not self._stored_before(old, new):
            yield Breach(self.column, path, old, new)

    def _is_same_container(self, old: ColumnType, new: ColumnType) -> bool:
        """Whether only the types inside can differ."""
        match old.kind, new.kind:
            case ("list", "list") | ("array", "list") | ("map", "map"):
                return True
            case ("array", "array"):
                return old.numbers == new.numbers
            case ("list", "array"):
                return self.published.by_release_before
            case _:
                return False

    def _fields(self, old: ColumnType, new: ColumnType, path: str) -> Iterator[Breach]:
        fields: Mapping[str, ColumnType] = dict(new.parts)
        for name, part in old.parts:
            inside = inside_of(old, path, name)
            if name in fields:
                yield from self.differences(part, fields[name], inside)
            else:
                yield Breach(self.column, inside, part, None)

    def _stored_before(self, old: ColumnType, new: ColumnType) -> bool:
        if not self.published.by_release_before:
            return False
        return old.text in _AS_STORED_BEFORE.get(new.kind, ()) or (old.kind, new.kind) == (
            "struct",
            "union",
        )


def _integers_widen(old: str, new: str) -> bool:
    if new == "bignum":
        return old in _SIGNED or old in _UNSIGNED
    for order in (_SIGNED, _UNSIGNED):
        if old in order and new in order:
            return order.index(old) < order.index(new)
    return old in _UNSIGNED and new in _SIGNED and _UNSIGNED.index(old) < _SIGNED.index(new)


def _decimals_widen(old: ColumnType, new: ColumnType) -> bool:
    """Neither the digits before the point nor those after it may become fewer."""
    if new.kind == "decimal":
        whole = new.numbers[0] - new.numbers[1]
        if old.kind == "decimal":
            return old.numbers[0] - old.numbers[1] <= whole and old.numbers[1] <= new.numbers[1]
        return old.kind in _DIGITS and _DIGITS[old.kind] <= whole
    return (
        old.kind == "decimal"
        and old.numbers[1] == 0
        and old.numbers[0] <= _HELD_DIGITS.get(new.kind, 0)
    )


def _in_order(few: tuple[str, ...], many: tuple[str, ...]) -> bool:
    """Whether all of the one are among the other, in the same order: an ENUM compares by its
    order.
    """
    rest = iter(many)
    return all(value in rest for value in few)
