"""``dataclasses.replace`` for the small frozen values of a step, five times as fast:
bench/engine.py is why.

What a constructor has made keeps its fields in a table that its class shares, which CPython reads
slowly as soon as somebody asks for it as a ``__dict__``. A value with a ``dict`` of its own is read
as fast as slots are, and copied at one go.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeVar

Value = TypeVar("Value")

_new, _set = object.__new__, object.__setattr__


def made_of(kind: type[Value], fields: dict[str, object]) -> Value:
    """A value of a frozen dataclass without slots, made of all its ``fields``: it keeps this
    very ``dict``.
    """
    value = _new(kind)
    _set(value, "__dict__", fields)
    return value


if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414 - for checkers it is the same, fields and all
else:

    def replace(value, /, **changes):  # noqa: ANN001, ANN003, ANN201 - typed above
        """``value`` with ``changes``; quick where its dataclass has no slots, and no
        ``__post_init__`` in any case.
        """
        try:
            held = value.__dict__
        except AttributeError:
            return dataclasses.replace(value, **changes)
        new = _new(type(value))
        _set(new, "__dict__", {**held, **changes})
        return new
