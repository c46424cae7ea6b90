"""Frames of pandas, polars and Arrow: what DuckDB would change as it reads them is refused first.

DuckDB renames columns that it takes for one, cuts nanoseconds, and writes the addresses of objects. None of the three
libraries is needed here: one is looked at if the author's code has brought it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isnan
from typing import Any, NoReturn

from duckstring.author.errors import WriteError

_MOST_DIGITS = 38
_DAYS_OF_A_MONTH = 30

CheckNames = Callable[[str, Sequence[str]], None]


def check_frame(table: str, data: Any, check_names: CheckNames) -> None:  # noqa: ANN401 - whatever the author gives
    """Look at a frame before DuckDB does.

    Raises:
        WriteError: DuckDB would not read what is there.
    """
    library = type(data).__module__.partition(".")[0]
    if library == "pandas" and hasattr(data, "dtypes") and hasattr(data, "columns"):
        check_names(table, [str(name) for name in data.columns])
        _check_index(table, data)
        _check_pandas(table, data)
    elif library == "polars" and (hasattr(data, "collect_schema") or hasattr(data, "schema")):
        schema = data.collect_schema() if hasattr(data, "collect_schema") else data.schema
        check_names(table, list(schema))
        _check_polars(table, data, schema)
    elif (schema := getattr(data, "projected_schema", None) or getattr(data, "schema", None)) is not None and library == "pyarrow":
        check_names(table, schema.names)
        _check_arrow(table, data, schema, check_names)


def _check_index(table: str, frame: Any) -> None:  # noqa: ANN401 - a pandas frame
    """DuckDB reads columns only. An index with a name is a column to its author: what groupby and set_index make of one."""
    if names := [repr(name) for name in frame.index.names if name is not None]:
        what = "the index " if len(names) == 1 else "the levels of the index "
        raise WriteError(
            f"Table {table!r}: {what}{', '.join(names)} would be left out.",
            hint="Write frame.reset_index(), which makes columns of it; or frame.reset_index(drop=True).",
        )


def _check_pandas(table: str, frame: Any) -> None:  # noqa: ANN401 - a pandas frame
    for name in frame.columns:
        column = frame[name]
        kind = str(column.dtype)
        # Instants without a zone are read as they are, nanoseconds and all.
        if kind == "timedelta64[ns]" or kind.startswith(("datetime64[ns, ", "timestamp[ns, tz=", "duration[ns]")):
            _check_nanoseconds(table, name, column)
        if kind.startswith("timedelta64") and (column.dropna().abs().dt.days >= _DAYS_OF_A_MONTH).any():
            # Added to a date they would lead to another day.
            why = "holds durations of 30 days and more, which DuckDB reads as months"
            _refuse(table, name, why, f"Write whole numbers, for example frame[{name!r}].dt.total_seconds().")
        if column.dtype.kind == "O":
            _check_objects(table, name, column)


def _check_nanoseconds(table: str, name: object, column: Any) -> None:  # noqa: ANN401 - a pandas column
    parts = column.dropna().dt
    if (parts.nanoseconds if hasattr(parts, "nanoseconds") else parts.nanosecond).any():
        _refuse_nanoseconds(table, name, f"Round it: frame[{name!r}].dt.as_unit('us'), or write whole numbers.")


def _check_objects(table: str, name: object, column: Any) -> None:  # noqa: ANN401 - a pandas column
    """DuckDB takes the type of a sample of the values, and reads the others as that: 1.5 as 2 among whole numbers."""
    found = {_plain_kind(kind) for kind in set(map(type, column))} - {None}
    if float in found and len(found) > 1 and all(isnan(value) for value in column if isinstance(value, float)):
        found.discard(float)  # not a number: how pandas says that there is none
    if any(kind and kind.__module__ == "numpy" and kind.__name__ != "ndarray" for kind in found):
        _refuse(table, name, "holds NumPy's numbers as objects, which DuckDB reads as text", f"Write frame[{name!r}].infer_objects().")
    if len(found) > 1 and found != {int, Decimal}:
        names = " and ".join(sorted(kind.__name__ for kind in found if kind))
        _refuse(table, name, f"mixes {names}", f"Make them one type, for example frame[{name!r}].astype(str).")
    if Decimal in found:
        _check_decimals(table, name, [value for value in column if isinstance(value, Decimal)])


def _plain_kind(kind: type) -> type | None:
    """The type that DuckDB reads a Python type as; None for what says that there is no value."""
    if kind.__name__ in {"NoneType", "NAType", "NaTType"}:
        return None
    for plain in (bool, datetime, date, float, str, bytes, Decimal, dict):
        if issubclass(kind, plain):
            return plain
    return kind


def _check_decimals(table: str, name: object, values: Sequence[Decimal]) -> None:
    """DuckDB makes FLOATs of decimals beside one that is no number, and reads positive exponents wrong."""
    whole = scale = 0
    for value in values:
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent > 0:
            _refuse(table, name, f"holds {value!r}, which DuckDB reads wrong", "Write full digits, None for what is no number, or text.")
        whole, scale = max(whole, len(value.as_tuple().digits) + exponent), max(scale, -exponent)
    if whole + scale > _MOST_DIGITS:
        _refuse(table, name, f"holds decimals that together need {whole + scale} digits, of {_MOST_DIGITS}", "Round them, or write text.")


def _check_polars(table: str, frame: Any, schema: Any) -> None:  # noqa: ANN401 - polars's own
    for name, dtype in schema.items():
        for inner in _polars_types(dtype):
            kind = str(inner)
            if kind == "Object":
                _refuse(table, name, "holds Python objects, of which DuckDB reads addresses", "Write a type of polars.")
            if "time_unit='ns'" in kind and ("Duration" in kind or "time_zone=None" not in kind):
                series = frame[name] if inner is dtype and not hasattr(frame, "collect") else None
                if series is None or (series.to_physical() % 1000 != 0).any():
                    _refuse_nanoseconds(table, name, f"Round it: pl.col({name!r}).dt.cast_time_unit('us').")


def _polars_types(dtype: Any) -> Iterator[Any]:  # noqa: ANN401 - a type of polars
    yield dtype
    inner = [field.dtype for field in getattr(dtype, "fields", ())] or [getattr(dtype, "inner", None)]
    for one in inner:
        if one is not None:
            yield from _polars_types(one)


def _check_arrow(table: str, data: Any, schema: Any, check_names: CheckNames) -> None:  # noqa: ANN401 - pyarrow's own
    for field in schema:
        for inner in _arrow_types(field.type):
            if fields := _struct_fields(inner):
                check_names(table, fields)
            kind = str(inner)
            if kind in {"duration[ns]", "month_day_nano_interval"} or kind.startswith("timestamp[ns, tz="):
                column = data.column(field.name) if inner is field.type and hasattr(data, "column") else None
                if column is None or _has_nanoseconds(column, kind):
                    _refuse_nanoseconds(table, field.name, "Cast it to microseconds, for example pyarrow.compute.cast(..., safe=False).")


def _has_nanoseconds(column: Any, kind: str) -> bool:  # noqa: ANN401 - a column of pyarrow's
    if kind == "month_day_nano_interval":
        return any(value.nanoseconds % 1000 for value in column.to_pylist() if value is not None)
    from pyarrow import ArrowInvalid, int64  # type: ignore[import-untyped]  # noqa: PLC0415 - the author's code has loaded it

    numbers = column.cast(int64())
    try:
        numbers.cast("duration[ns]").cast("duration[us]", safe=True)
    except ArrowInvalid:
        return True
    return False


def _arrow_types(dtype: Any) -> Iterator[Any]:  # noqa: ANN401 - a type of pyarrow
    yield dtype
    for place in range(dtype.num_fields):
        yield from _arrow_types(dtype.field(place).type)


def _struct_fields(dtype: Any) -> list[str]:  # noqa: ANN401 - a type of pyarrow
    return [dtype.field(place).name for place in range(dtype.num_fields)] if str(dtype).startswith("struct<") else []


def _refuse_nanoseconds(table: str, name: object, hint: str) -> NoReturn:
    _refuse(table, name, "holds nanoseconds, which DuckDB would cut to microseconds", hint)


def _refuse(table: str, name: object, why: str, hint: str) -> NoReturn:
    raise WriteError(f"Table {table!r}: column {str(name)!r} {why}.", hint=hint)
