"""DynamoDB's items and plain values, and botocore's refusals and our errors: the two
translations, each once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duckstring.errors import InvariantError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

Item = dict[str, Any]
"""An item as the low-level client has it: attribute name to ``{"S": ...}``."""


def to_item(values: Mapping[str, object]) -> Item:
    """Plain values (text, whole numbers, booleans) as an item; None is left out."""
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, object]:
    """An item as plain values, lists and objects of them; numbers whole where they are."""
    return {name: _plain(value) for name, value in item.items()}


def code_of(error: ClientError) -> str:
    """The service's word for what went wrong."""
    return error.response.get("Error", {}).get("Code", "")


def _attribute(value: object) -> dict[str, object]:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case _:
            raise InvariantError(f"An item holds text, whole numbers and booleans, not {value!r}.")


def _plain(attribute: Mapping[str, Any]) -> object:
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "L":
            return [_plain(one) for one in value]
        case "M":
            return from_item(value)
        case _:
            raise InvariantError(
                "An item holds text, numbers, booleans, and lists and objects of them, not "
                f"{kind} {value!r}."
            )
