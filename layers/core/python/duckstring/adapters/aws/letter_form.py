"""Checks the form of a letter's body before it is used. The code of every Pond may write to the
mailbox, and may write anything.

A field's form follows from its type in ``engine/signals.py`` or ``engine/limits.py``, so a new
signal needs no code here. These checks concern the JSON's shape only; ``orchestrator/credible.py``
checks a letter's claims against the line. Any text is either a letter or a ``LetterFormError``: any
other error would keep the other lines of the delivery waiting.
"""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, NewType, Union, get_args, get_origin

import msgspec

from duckstring.adapters.aws.older import renewed_signal
from duckstring.engine.limits import LimitSignal
from duckstring.engine.signals import Signal
from duckstring.model.instants import Instant, from_text
from duckstring.model.limits import FOREIGN_TEXTS, MOST_DEPTH, MOST_LETTER_BYTES, MOST_TEXT
from duckstring.model.names import Address, Line, limit_of, parse_line
from duckstring.model.schema import SCHEMA
from duckstring.model.values import kind_of
from duckstring.model.wire import LARGEST, shown, storable

_MOST_ITEMS = 1_000
_MOST_SHOWN = 60
_MOST_SECONDS = 3_660 * 86_400
"""Ten years: longer than any Window, Tide or attempt."""
_LAST_YEAR = 2_999
"""Some room is left for what is reckoned from an instant."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
"""In UTC, as every sender of ours writes it: a state keeps no other zone."""
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""One that nothing ends goes on to the end of the body: so each quotation mark is looked at
once.
"""
_BRACKET = re.compile(r"[\[\]{}]")

Json = Any
Check = Callable[[Json, str], None]


class LetterFormError(ValueError):
    """The body is not a letter's. The text says where, and what was found."""


class NewerLetterError(Exception):
    """The letter says that it has a newer schema than ours. Whether that is so is not known."""

    def __init__(self, to: Address, schema: int) -> None:
        """Keep whom it is to, and the ``schema`` that it claims."""
        super().__init__(f"it says that it has schema {schema}; this function knows {SCHEMA}")
        self.to, self.schema = to, schema


def checked_object(body: str) -> dict[str, Json]:
    """The JSON object of a letter whose every field has the form that its signal gives it.

    Raises:
        LetterFormError: a field has another form.
        NewerLetterError: it claims a newer schema, so its form is not known here.
    """
    _check_size(body)
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LetterFormError(f"it is not JSON ({type(error).__name__})") from error
    if "\\ud" in body.lower():
        whole = storable(whole)
    if not isinstance(whole, dict):
        raise LetterFormError(f"it is {type(whole).__name__}, not an object")
    to = whole.get("to")
    is_to_limit = isinstance(to, str) and bool(limit_of(to))
    if not is_to_limit:
        _check_line(to, "to")
    schema = whole.get("schema", SCHEMA)
    _check_whole(schema, "schema")
    if schema > SCHEMA:
        raise NewerLetterError(Line(whole["to"]), schema)
    kind = whole.get("kind")
    members = _limit_members() if is_to_limit else _members()
    member = members.get(kind) if isinstance(kind, str) else None
    if member is None:
        raise LetterFormError(f"kind is {_shown(kind)}")
    letter: dict[str, Json] = renewed_signal(whole)
    _form(member)(letter, str(kind))
    return letter


def _check_size(body: str) -> None:
    """Before anything is read: what reads JSON, or goes through what was read, does so by
    recursion.
    """
    try:
        size = len(body.encode())
    except UnicodeEncodeError:
        raise LetterFormError("it is not text") from None
    if size > MOST_LETTER_BYTES:
        raise LetterFormError(f"it has more than {MOST_LETTER_BYTES} bytes")
    if body.count("[") + body.count("{") <= MOST_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", body)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MOST_DEPTH:
            raise LetterFormError(f"it is nested more than {MOST_DEPTH} deep")


@cache
def _members() -> Mapping[str, type]:
    return {kind_of(member.__name__): member for member in get_args(Signal)}


@cache
def _limit_members() -> Mapping[str, type]:
    return {kind_of(member.__name__): member for member in get_args(LimitSignal)}


@cache
def _form(kind: Any) -> Check:  # noqa: ANN401, C901, PLR0911 - annotations are of any type; one return a form
    if kind is Line:
        return _check_line
    if isinstance(kind, NewType):
        return _form(kind.__supertype__)
    if simple := _SIMPLE.get(kind):
        return simple
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _row_form(kind) if kind.__struct_config__.array_like else _object_form(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _literal_form(arguments)
    if origin in {Union, types.UnionType}:
        return _optional_form(arguments)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return _fixed_form(arguments)
    if origin in {tuple, frozenset}:
        return _list_form(arguments[0])
    return _mapping_form(arguments)


def _object_form(kind: type[msgspec.Struct]) -> Check:
    plan = [
        (field.encode_name, _field_form(kind, field), field.required)
        for field in msgspec.structs.fields(kind)
    ]

    def check(value: Json, where: str) -> None:
        if not isinstance(value, dict):
            raise LetterFormError(f"{where} is {_shown(value)}")
        for name, form, is_needed in plan:
            if name in value:
                form(value[name], f"{where}.{name}")
            elif is_needed:
                raise LetterFormError(f"{where} has no {name}")

    return check


def _row_form(kind: type[msgspec.Struct]) -> Check:
    """A value that is written as a list of its fields."""
    fields = msgspec.structs.fields(kind)
    plan = [(field.encode_name, _field_form(kind, field)) for field in fields]
    least = sum(field.required for field in fields)

    def check(value: Json, where: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= len(plan):
            raise LetterFormError(f"{where} is {_shown(value)}")
        for (name, form), one in zip(plan, value, strict=False):
            form(one, f"{where}.{name}")

    return check


def _field_form(kind: type, field: msgspec.structs.FieldInfo) -> Check:
    most = FOREIGN_TEXTS.get((kind.__name__, field.name))
    return _form(field.type) if most is None else _text_form(most)


def _optional_form(arguments: tuple[Any, ...]) -> Check:
    """Of a value or nothing. No letter has a field of several classes."""
    (member,) = [argument for argument in arguments if argument is not type(None)]
    form = _form(member)

    def check(value: Json, where: str) -> None:
        if value is not None:
            form(value, where)

    return check


def _literal_form(allowed: tuple[Any, ...]) -> Check:
    def check(value: Json, where: str) -> None:
        if not isinstance(value, str) or value not in allowed:
            raise LetterFormError(f"{where} is {_shown(value)}")

    return check


def _list_form(item: Any) -> Check:  # noqa: ANN401 - annotations are of any type
    form = _form(item)

    def check(value: Json, where: str) -> None:
        if not isinstance(value, list) or len(value) > _MOST_ITEMS:
            raise LetterFormError(f"{where} is {_shown(value)}")
        for place, one in enumerate(value):
            form(one, f"{where}[{place}]")

    return check


def _fixed_form(arguments: tuple[Any, ...]) -> Check:
    forms = [_form(argument) for argument in arguments]

    def check(value: Json, where: str) -> None:
        if not isinstance(value, list) or len(value) != len(forms):
            raise LetterFormError(f"{where} is {_shown(value)}")
        for place, (form, one) in enumerate(zip(forms, value, strict=True)):
            form(one, f"{where}[{place}]")

    return check


def _mapping_form(arguments: tuple[Any, ...]) -> Check:
    key, form = _form(arguments[0]), _form(arguments[1])

    def check(value: Json, where: str) -> None:
        if not isinstance(value, dict) or len(value) > _MOST_ITEMS:
            raise LetterFormError(f"{where} is {_shown(value)}")
        for name, one in value.items():
            key(name, where)
            form(one, f"{where}.{name[:48]}")

    return check


def _check_line(value: Json, where: str) -> None:
    try:
        parse_line(value if isinstance(value, str) else "")
    except ValueError:
        raise LetterFormError(f"{where} is {_shown(value)}") from None


def _text_form(most: int) -> Check:
    def check(value: Json, where: str) -> None:
        if not isinstance(value, str):
            raise LetterFormError(f"{where} is {_shown(value)}")
        if len(value) > most or len(value.encode()) > most:
            raise LetterFormError(f"{where} has more than {most} bytes")

    return check


def _check_flag(value: Json, where: str) -> None:
    if not isinstance(value, bool):
        raise LetterFormError(f"{where} is {_shown(value)}")


def _check_whole(value: Json, where: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise LetterFormError(f"{where} is {_shown(value)}")


def _check_seconds(value: Json, where: str) -> None:
    # A whole number of hundreds of digits can be compared, but is not a float.
    is_number = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )
    if not is_number or not 0 <= value <= _MOST_SECONDS:
        raise LetterFormError(f"{where} is {_shown(value)}")


def _check_duration(value: Json, where: str) -> None:
    """ISO 8601; of the release before, seconds."""
    if not isinstance(value, str):
        return _check_seconds(value, where)
    try:
        duration = msgspec.convert(value, timedelta)
    except msgspec.ValidationError:
        raise LetterFormError(f"{where} is {_shown(value)}") from None
    return _check_seconds(duration.total_seconds(), where)


def _check_instant(value: Json, where: str) -> None:
    checked_instant(value, where)


def checked_instant(value: Json, where: str) -> Instant:
    """The instant that a letter's text is.

    Raises:
        LetterFormError: it is not an instant, or lies too far ahead.
    """
    try:
        at = from_text(value) if isinstance(value, str) and _INSTANT.fullmatch(value) else None
    except (ValueError, OverflowError):
        at = None
    if at is None or at.year > _LAST_YEAR:
        raise LetterFormError(f"{where} is {_shown(value)}")
    return at


def _shown(value: Json) -> str:
    return shown(value, _MOST_SHOWN)


_SIMPLE: Mapping[Any, Check] = {
    str: _text_form(MOST_TEXT),
    bool: _check_flag,
    int: _check_whole,
    float: _check_seconds,
    datetime: _check_instant,
    timedelta: _check_duration,
}
