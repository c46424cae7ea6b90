"""DynamoDB's items and requests as plain values, and botocore's refusals.

boto3 has a serializer too. It is not used: a function would import boto3 for it (35 ms of a cold
start; all else is botocore), it refuses floats, and it reads numbers as ``Decimal``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from duckstring.errors import InvariantError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

Item = dict[str, Any]
"""An item as the low-level client has it: attribute name to ``{"S": ...}``."""


class Update(TypedDict):
    """The part of an UpdateItem request that says what changes, and when."""

    UpdateExpression: str
    ConditionExpression: str
    ExpressionAttributeNames: dict[str, str]
    ExpressionAttributeValues: Item


def to_item(values: Mapping[str, object]) -> Item:
    """Plain values (text, numbers, booleans, lists and objects of them) as an item.

    None is left out.

    Raises:
        InvariantError: a value is none of these.
    """
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, object]:
    """An item as plain values, lists and objects of them; numbers whole where they are.

    Raises:
        InvariantError: an attribute is of another kind (a set, binary data, null).
    """
    return {name: _plain(value) for name, value in item.items()}


def update(
    change: str,
    condition: str,
    values: Mapping[str, object],
    *,
    names: Mapping[str, str] | None = None,
) -> Update:
    """What UpdateItem is to change, and on what condition.

    Args:
        change: an update expression, for example ``SET #status = :status``.
        condition: a condition expression.
        values: for ``:status`` the plain value ``status``. Those that neither expression has are
            left out: DynamoDB refuses them.
        names: the attribute that ``#key`` stands for, where it is not called ``key``.
    """
    named = {word[1:] for word in re.findall(r"#\w+", f"{change} {condition}")}
    valued = {word[1:] for word in re.findall(r":\w+", f"{change} {condition}")}
    return {
        "UpdateExpression": change,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": (names or {}).get(name, name) for name in named},
        "ExpressionAttributeValues": to_item({f":{name}": values[name] for name in valued}),
    }


def assigned(values: Mapping[str, object]) -> str:
    """``#status = :status, #rows = :rows``: each value to the attribute of its name."""
    return ", ".join(f"#{name} = :{name}" for name in values)


def code_of(error: ClientError) -> str:
    """The service's code of the error."""
    return error.response.get("Error", {}).get("Code", "")


def _attribute(value: object) -> dict[str, object]:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": str(value)}
        case list() | tuple():
            return {"L": [_attribute(one) for one in value]}
        case Mapping():
            return {"M": to_item(value)}
        case _:
            raise InvariantError(
                "An item holds text, numbers, booleans, and lists and objects of them, not "
                f"{value!r}."
            )


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
