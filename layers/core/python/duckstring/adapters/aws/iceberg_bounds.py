"""What a manifest says of a file's columns: counts, and bounds in the form of Iceberg's
specification ("Single-value serialization"), by the ids of columns.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from pyiceberg.conversions import to_bytes
from pyiceberg.types import DecimalType, PrimitiveType
from pyiceberg.utils.decimal import unscaled_to_decimal
from pyiceberg.utils.truncate import truncate_upper_bound_text_string

from duckstring.adapters.aws.iceberg_schema import may_become

if TYPE_CHECKING:
    from pyiceberg.schema import Schema

    from duckstring.exporter.footers import Bound, ColumnStatistics, FileStatistics

_LONGEST = 16
"""Characters or bytes of a bound, as Iceberg's own writers have it (``truncate(16)``)."""


def metrics_of(statistics: FileStatistics, schema: Schema) -> dict[str, Any]:
    """The fields of a ``DataFile`` that say what a file has; none: nothing is known.

    Args:
        statistics: by the names of columns.
        schema: the table's. A column has no bounds if the file has it as a type that readers would
            have to convert.
    """
    kinds = {
        one.name: (one.field_id, one.field_type)
        for one in schema.fields
        if isinstance(one.field_type, PrimitiveType)
    }
    found = [
        (*kinds[one.name], one)
        for one in statistics.columns
        if one.name in kinds and may_become(one.type, str(kinds[one.name][1]))
    ]
    fields = {
        "column_sizes": {number: one.bytes for number, _, one in found},
        "value_counts": {number: one.values for number, _, one in found},
        "null_value_counts": {n: one.nulls for n, _, one in found if one.nulls is not None},
        "nan_value_counts": {n: one.nans for n, _, one in found if one.nans is not None},
        "lower_bounds": {
            n: low for n, kind, one in found if (low := _lower(kind, one)) is not None
        },
        "upper_bounds": {n: up for n, kind, one in found if (up := _upper(kind, one)) is not None},
        "split_offsets": list(statistics.offsets),
    }
    return {name: told for name, told in fields.items() if told}


def _lower(kind: PrimitiveType, one: ColumnStatistics) -> bytes | None:
    low = one.low
    if isinstance(low, float) and low == 0:
        low = -0.0  # Parquet's bounds may have either zero
    if isinstance(low, str):
        low = low[:_LONGEST]
    return _serialized(kind, low)


def _upper(kind: PrimitiveType, one: ColumnStatistics) -> bytes | None:
    high = one.high
    if isinstance(high, float) and high == 0:
        high = 0.0
    if isinstance(high, str):
        high = truncate_upper_bound_text_string(high, _LONGEST)
    return _serialized(kind, high)


def _serialized(kind: PrimitiveType, value: Bound | None) -> bytes | None:
    """None: the type cannot have the value."""
    if value is None or (isinstance(value, bytes) and len(value) > _LONGEST):
        return None  # bytes are not cut: engines answer min() and max() by these bounds
    try:
        if isinstance(kind, DecimalType) and isinstance(value, int):
            return to_bytes(kind, unscaled_to_decimal(value, kind.scale))
        return to_bytes(kind, value)
    except (struct.error, ValueError):
        # A surrogate, where the last character before them was counted up, is a ValueError.
        return None
