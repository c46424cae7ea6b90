"""Small immutable values: what the engine keeps, sends and requests.

They are structs of msgspec. It makes and compares them in C, and reads and writes their JSON
without objects in between: a state of 10 Ripples takes a twentieth of the time that dataclasses and
``json`` took (``bench/codec.py``).
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

_Value = TypeVar("_Value")


def _wire_name(name: str) -> str:
    """A field called ``kind`` would collide with a union's tag."""
    return "kind_" if name == "kind" else name


def kind_of(name: str) -> str:
    """What a class is called in JSON: its name in snake_case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Value(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=False, rename=_wire_name
):
    """A value. Fields at their default are left out of its JSON, so an item stays small, and an
    older text reads as a newer value.
    """


class Tagged(Value, frozen=True, tag=kind_of, tag_field="kind"):
    """A value that is one of several: its JSON says which, as ``kind``."""


if TYPE_CHECKING:

    def replace(value: _Value, /, **changes: object) -> _Value:
        """``value`` with ``changes``."""
else:

    def replace(value, /, **changes):  # noqa: ANN001, ANN003, ANN201 - typed above
        """``value`` with ``changes``."""
        if isinstance(value, msgspec.Struct):
            return msgspec.structs.replace(value, **changes)
        return dataclasses.replace(value, **changes)
