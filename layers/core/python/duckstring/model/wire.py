"""JSON from outside: made safe to store, and shown in a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = Any

LARGEST = 2**53 - 1
"""The largest whole number that every reader of JSON takes exactly."""


def storable(value: Json) -> Json:
    """The same with lone surrogates as escapes. JSON can spell them, and nothing can store them."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case list() | tuple():
            return [storable(one) for one in value]
        case dict():
            return {storable(name): storable(one) for name, one in value.items()}
        case _:
            return value


def shown(value: Json, most: int, *, text_form: Callable[[object], str] = ascii) -> str:
    """A short piece of it, of ``most`` characters and a mark where it was cut.

    ``text_form`` is ``repr`` where a text of any language is to stay readable.
    """
    match value:
        case str():
            text = text_form(value[:most])
        case int() if abs(value) > LARGEST:
            text = f"a whole number of {value.bit_length()} bits"
        case int() | float() | None:
            text = ascii(value)
        case _:
            text = _whole(value, text_form)
    return text if len(text) <= most else f"{text[:most]}..."


def _whole(value: Json, text_form: Callable[[object], str]) -> str:
    try:
        return text_form(value)
    except (ValueError, RecursionError):  # a number in it has thousands of digits, or it is deep
        return "a list" if isinstance(value, list) else "an object"
