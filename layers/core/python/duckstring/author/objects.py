"""Python values in the object columns of a frame: what DuckDB would read as another value is
refused first.

DuckDB makes text of every object that it does not know, and of lists and dicts with such an object
in them. Where the values at one place differ in type it makes text of all, or casts them. So all
values of one place are looked at together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, NoReturn
from uuid import UUID

from duckstring.author.columns import path_of
from duckstring.author.errors import WriteError

_MOST_DIGITS = 38
_EXACT_IN_DOUBLE = 2**53
_NOTHING = "nothing"
_KINDS: Sequence[tuple[type, str]] = (
    (bool, "bool"), (int, "int"), (float, "float"), (str, "str"),
    (bytes, "bytes"), (bytearray, "bytes"), (memoryview, "bytes"), (Decimal, "Decimal"),
    (datetime, "datetime"), (date, "date"), (time, "time"), (timedelta, "timedelta"),
    (UUID, "UUID"), (list, "list"), (tuple, "list"), (dict, "dict"),
)  # fmt: skip
_TOGETHER = ({"int", "Decimal"}, {"int", "float"})
"""Kinds of which DuckDB makes one that holds both; the second where it holds all of the whole
numbers.
"""
_OF_ARRAYS = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"})
_SURROGATES = "holds text with a lone surrogate, which is not a character"


@dataclass(frozen=True, slots=True)
class Place:
    """Where values lie: a column of a frame, or all that is at one place inside of it."""

    table: str
    column: object
    path: str
    is_inside: bool = False

    def inside(self, path: str) -> Place:
        """The place of what is in the values."""
        return Place(self.table, self.column, path, is_inside=True)

    def refuse(self, why: str, hint: str) -> NoReturn:
        """Say what is wrong.

        Raises:
            WriteError: always.
        """
        raise WriteError(f"Table {self.table!r}: column {self.path!r} {why}.", hint=hint)

    def mapped(self, by: str, what: str) -> str:
        """The hint that makes something else of each value."""
        return (
            what
            if self.is_inside
            else f"{what[:-1]}: frame[{self.column!r}].map({by}, na_action='ignore')."
        )


def check_objects(table: str, column: object, values: Iterable[object]) -> None:
    """Look at all values of an object column.

    Raises:
        WriteError: DuckDB would read one as another value.
    """
    _check(Place(table, column, str(column)), list(values))


def _check(place: Place, values: Sequence[object]) -> None:
    found: dict[str, list[Any]] = {}
    for kind in dict.fromkeys(map(type, values)):
        if (name := _kind(place, kind)) != _NOTHING:
            found.setdefault(name, []).extend(value for value in values if type(value) is kind)
    if "float" in found and len(found) > 1 and all(value != value for value in found["float"]):  # noqa: PLR0124 - NaN
        del found["float"]  # not a number: how pandas says that there is none
    _check_together(place, found)
    for name, held in found.items():
        if (check := _CHECKS.get(name)) is not None:
            check(place, held)


def _kind(place: Place, kind: type) -> str:
    """What DuckDB reads values of a Python type as."""
    if kind.__name__ in {"NoneType", "NAType", "NaTType"}:
        return _NOTHING
    for known, name in _KINDS:
        if issubclass(kind, known):
            return name
    if kind.__module__.partition(".")[0] == "numpy":
        if kind.__name__ == "ndarray":
            return "ndarray"
        hint = (
            "Write Python's own: value.item()."
            if place.is_inside
            else f"Write frame[{place.column!r}].infer_objects()."
        )
        place.refuse("holds NumPy's numbers as objects, which DuckDB reads as text", hint)
    is_set = issubclass(kind, (set, frozenset))
    hint = (
        place.mapped("list", "Make lists.")
        if is_set
        else place.mapped("str", "Write text, if it is meant.")
    )
    return place.refuse(
        f"holds objects of the type {kind.__name__}, which DuckDB reads as text", hint
    )


def _check_together(place: Place, found: Mapping[str, Sequence[Any]]) -> None:
    if len(found) < 2 or (found.keys() == _TOGETHER[0]):  # noqa: PLR2004 - one of them is no mixture
        return
    if (
        place.is_inside
        and found.keys() == _TOGETHER[1]
        and all(abs(value) <= _EXACT_IN_DOUBLE for value in found["int"])
    ):
        return
    hint = (
        "Make them one type."
        if place.is_inside
        else f"Make them one type, for example frame[{place.column!r}].astype(str)."
    )
    place.refuse(f"mixes {' and '.join(sorted(found))}", hint)


def _check_text(place: Place, values: Iterable[str]) -> None:
    for value in values:
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            how = "lambda text: text.encode('utf-8', 'backslashreplace').decode()"
            place.refuse(f"{_SURROGATES}: {value[:40]!a}", place.mapped(how, "Replace it."))


def _check_integers(place: Place, values: Iterable[int]) -> None:
    least, most = min(values), max(values)
    if least < -(2**127) or most >= (2**127 if least < 0 else 2**128):
        place.refuse(
            "holds whole numbers of more than 128 bits, which DuckDB reads as text",
            place.mapped("str", "Write text."),
        )


def _check_decimals(place: Place, values: Sequence[Decimal]) -> None:
    """DuckDB makes FLOATs of decimals beside one that is not a number, and reads positive exponents
    wrong.
    """
    whole = scale = 0
    for value in values:
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent > 0:
            place.refuse(
                f"holds {value!r}, which DuckDB reads wrong",
                "Write full digits, None for what is not a number, or text.",
            )
        whole, scale = max(whole, len(value.as_tuple().digits) + exponent), max(scale, -exponent)
    if whole + scale > _MOST_DIGITS:
        place.refuse(
            f"holds decimals that together need {whole + scale} digits, of {_MOST_DIGITS}",
            "Round them, or write text.",
        )


def _check_lists(place: Place, values: Sequence[Iterable[object]]) -> None:
    _check(place.inside(f"{place.path}[]"), list(chain.from_iterable(values)))


def _check_zones(place: Place, values: Sequence[Any]) -> None:
    """DuckDB forgets the zone of a time beside one that has none."""
    name = "datetime" if isinstance(values[0], datetime) else "time"
    if sum(value.tzinfo is not None for value in values) not in {0, len(values)}:
        place.refuse(
            f"mixes {name} with a zone and without one",
            "Give a zone to all or to none: value.replace(tzinfo=...).",
        )
    if any(value.tzinfo is not None and value.utcoffset() is None for value in values):
        place.refuse(
            f"holds a {name} whose zone has no offset without a day",
            "Take the zone away: value.replace(tzinfo=None).",
        )
    _check_nanoseconds(place, values)


def _check_nanoseconds(place: Place, values: Sequence[Any]) -> None:
    """Pandas has kinds of instants and durations of its own."""
    if any(getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0) for value in values):
        how = "lambda value: value.round('us')"
        place.refuse(
            "holds nanoseconds, which DuckDB would cut to microseconds",
            place.mapped(how, "Round it."),
        )


def _check_dicts(place: Place, values: Sequence[Mapping[Any, object]]) -> None:
    """DuckDB makes a STRUCT of dicts with the same keys in one order, and a MAP of others."""
    for key in dict.fromkeys(chain.from_iterable(values)):
        if not isinstance(key, str):
            place.refuse(
                f"holds dicts with the key {key!r}, of which DuckDB makes text",
                "Make text of it, if it is meant.",
            )
        _check_text(place, [key])
    orders = {tuple(value) for value in values}
    _check_keys(place, dict.fromkeys(chain.from_iterable(orders)), is_struct=len(orders) == 1)
    if len(orders) > 1:
        _check(
            place.inside(f"{place.path}.value"), [one for value in values for one in value.values()]
        )
        return
    for key in (keys := orders.pop()):
        _check(place.inside(f"{place.path}.{path_of(key)}"), [value[key] for value in values])
    if set(keys) == {"key", "value"}:
        _check_map(place, values)


def _check_keys(place: Place, keys: Iterable[str], *, is_struct: bool) -> None:
    names = [key.encode().lower() for key in keys]  # as DuckDB compares them: a to z only
    if len(set(names)) < len(names) or (
        is_struct and any(not name or b"\0" in name for name in names)
    ):
        why = (
            f"holds dicts with the keys {', '.join(map(repr, keys))}, which cannot all be names "
            "of a STRUCT's fields"
        )
        place.refuse(why, "Rename them, so that they differ by more than case.")


def _check_map(place: Place, values: Sequence[Mapping[str, Any]]) -> None:
    """``{"key": [...], "value": [...]}`` is how DuckDB is given a MAP."""
    for value in values:
        keys, held = value["key"], value["value"]
        if not isinstance(keys, (list, tuple)) or not isinstance(held, (list, tuple)):
            return  # a STRUCT
        if len(keys) != len(held) or len({repr(key) for key in keys}) < len(keys) or None in keys:
            place.refuse(
                "holds a MAP as 'key' and 'value' whose keys are not one for each value",
                "Give each value a key of its own.",
            )


def _check_arrays(place: Place, values: Sequence[Any]) -> None:
    dtypes = {value.dtype for value in values}
    if any(value.ndim != 1 for value in values) or (len(dtypes) > 1):
        place.refuse(
            "holds arrays of NumPy of several dimensions or types",
            place.mapped("lambda array: array.tolist()", "Make lists."),
        )
    dtype = dtypes.pop()
    if dtype.kind == "O":
        _check_lists(place, values)
    elif f"{dtype.kind}{dtype.itemsize}" not in _OF_ARRAYS or not dtype.isnative:
        how = "array.astype('M8[us]').tolist()" if dtype.kind == "M" else "array.tolist()"
        place.refuse(
            f"holds arrays of {dtype}, which DuckDB does not read",
            place.mapped(f"lambda array: {how}", "Make lists."),
        )


_CHECKS: Mapping[str, Callable[[Place, list[Any]], None]] = {
    "str": _check_text,
    "int": _check_integers,
    "Decimal": _check_decimals,
    "datetime": _check_zones,
    "time": _check_zones,
    "timedelta": _check_nanoseconds,
    "list": _check_lists,
    "dict": _check_dicts,
    "ndarray": _check_arrays,
}
