"""DynamoDB's items and plain values, and botocore's refusals and our errors: the two translations, each once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_WRITE = TypeSerializer()
_READ = TypeDeserializer()

Item = dict[str, Any]
"""An item as the low-level client has it: attribute name to ``{"S": ...}``."""


def to_item(values: Mapping[str, object]) -> Item:
    """Plain values (text, whole numbers, booleans) as an item; None is left out."""
    return {name: _WRITE.serialize(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, object]:
    """An item as plain values; numbers whole where they are."""
    return {name: _plain(_READ.deserialize(value)) for name, value in item.items()}


def code_of(error: ClientError) -> str:
    """The service's word for what went wrong."""
    return error.response.get("Error", {}).get("Code", "")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
