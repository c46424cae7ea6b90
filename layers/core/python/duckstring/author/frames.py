"""Frames of pandas, polars and Arrow: what DuckDB would change as it reads them is refused first.

DuckDB renames columns that it takes for one, cuts nanoseconds, and writes the addresses of objects.
None of the three libraries is needed here: one is looked at if the author's code has brought it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from duckstring.author.errors import WriteError
from duckstring.author.objects import check_objects
from duckstring.author.writing import check_names

_DAYS_OF_A_MONTH = 30


def check_frame(table: str, data: Any) -> None:  # noqa: ANN401 - whatever the author gives
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
    elif (
        schema := getattr(data, "projected_schema", None) or getattr(data, "schema", None)
    ) is not None and library == "pyarrow":
        check_names(table, schema.names)
        _check_arrow(table, data, schema)


def columns_alone(data: Any) -> Iterator[tuple[str, object, str]]:  # noqa: ANN401 - whatever the author gives
    """Each column of a frame as a frame, and how text is made of it. Nothing of what can be read
    only once.
    """
    library = type(data).__module__.partition(".")[0]
    if library == "pandas" and hasattr(data, "iloc"):
        for place, name in enumerate(data.columns):
            cast = (
                f"frame[{name!r}].sparse.to_dense()"
                if "Sparse" in str(data.dtypes.iloc[place])
                else f"frame[{name!r}].astype(str)"
            )
            yield str(name), data.iloc[:, [place]], cast
    elif library == "polars" and hasattr(data, "collect_schema"):
        for name in data.collect_schema():
            yield name, data.select(name), f"pl.col({name!r}).cast(pl.String)"
    elif library == "pyarrow" and hasattr(data, "column") and hasattr(data, "select"):
        for name in data.schema.names:
            yield name, data.select([name]), f"pyarrow.compute.cast(table[{name!r}], 'string')"


def readable(data: Any) -> Any:  # noqa: ANN401 - whatever the author gives
    """The frame, or a copy where its values lie as DuckDB cannot read them, or reads them wrong:
    backwards, or masked with gaps.
    """
    if (
        type(data).__module__.partition(".")[0] != "pandas"
        or not hasattr(data, "iloc")
        or not hasattr(data, "columns")
    ):
        return data
    arrays = [data.iloc[:, place].array for place in range(data.shape[1])]
    return data.copy() if any(map(_has_odd_strides, arrays)) else data


def _has_odd_strides(array: Any) -> bool:  # noqa: ANN401 - an array of pandas
    parts: list[Any] = [getattr(array, name, None) for name in ("_data", "_mask", "_ndarray")]
    *masked, plain = (getattr(part, "strides", ()) for part in parts)
    gaps = any(
        strides and strides != (part.itemsize,)
        for strides, part in zip(masked, parts, strict=False)
    )
    return gaps or min(plain, default=0) < 0


def rows_of_objects(data: Any) -> int:  # noqa: ANN401 - whatever the author gives
    """How many rows a pandas frame with object columns has."""
    is_pandas = (
        type(data).__module__.partition(".")[0] == "pandas"
        and hasattr(data, "dtypes")
        and hasattr(data, "columns")
    )
    return len(data) if is_pandas and any(dtype.kind == "O" for dtype in data.dtypes) else 0


def _check_index(table: str, frame: Any) -> None:  # noqa: ANN401 - a pandas frame
    """DuckDB reads columns only. An index with a name is a column to its author: what groupby
    and set_index make of one.
    """
    if frame.columns.nlevels > 1:
        raise WriteError(
            f"Table {table!r}: the frame's columns have names in {frame.columns.nlevels} levels.",
            hint=(
                "Make one of them: frame.columns = ['_'.join(map(str, names)) for names in "
                "frame.columns]."
            ),
        )
    if names := [repr(name) for name in frame.index.names if name is not None]:
        what = "the index " if len(names) == 1 else "the levels of the index "
        raise WriteError(
            f"Table {table!r}: {what}{', '.join(names)} would be left out.",
            hint=(
                "Write frame.reset_index(), which makes columns of it; or "
                "frame.reset_index(drop=True)."
            ),
        )


def _check_pandas(table: str, frame: Any) -> None:  # noqa: ANN401 - a pandas frame
    for place, name in enumerate(frame.columns):
        _check_column(table, name, frame.iloc[:, place])


def _check_column(table: str, name: object, column: Any) -> None:  # noqa: ANN401 - a pandas column
    dtype, kind = column.dtype, str(column.dtype)
    if kind == "category":
        _check_categories(table, name, column.cat.categories)
    elif hasattr(dtype, "pyarrow_dtype"):
        from pyarrow import Table  # type: ignore[import-untyped]  # noqa: PLC0415 - the author's code has loaded it

        arrow = Table.from_pandas(column.to_frame(str(name)), preserve_index=False)
        _check_arrow(table, arrow, arrow.schema)
    elif dtype.kind == "O" and getattr(dtype, "storage", "") != "pyarrow":
        check_objects(table, name, column)
    # Instants without a zone are read as they are, nanoseconds and all.
    elif kind == "timedelta64[ns]" or kind.startswith("datetime64[ns, "):
        _check_nanoseconds(table, name, column)
    if kind.startswith("timedelta64") and (column.dropna().abs().dt.days >= _DAYS_OF_A_MONTH).any():
        # Added to a date they would lead to another day.
        why = "holds durations of 30 days and more, which DuckDB reads as months"
        _refuse(
            table,
            name,
            why,
            f"Write whole numbers, for example frame[{name!r}].dt.total_seconds().",
        )


def _check_categories(table: str, name: object, categories: Any) -> None:  # noqa: ANN401 - a pandas index
    """DuckDB makes an ENUM of text; of numbers and instants the column that they stand for."""
    if categories.dtype.kind != "O":
        _check_column(table, name, categories.to_series())
    elif not len(categories) or not all(
        isinstance(one, str) and "\0" not in one for one in categories
    ):
        why = "has categories that cannot become an ENUM: none, or some that are not text"
        _refuse(table, name, why, f"Write frame[{name!r}].astype(object), or .astype(str).")
    else:
        check_objects(table, name, categories)


def _check_nanoseconds(table: str, name: object, column: Any) -> None:  # noqa: ANN401 - a pandas column
    parts = column.dropna().dt
    if (parts.nanoseconds if str(column.dtype).startswith("timedelta") else parts.nanosecond).any():
        _refuse_nanoseconds(
            table, name, f"Round it: frame[{name!r}].dt.as_unit('us'), or write whole numbers."
        )


def _check_polars(table: str, frame: Any, schema: Any) -> None:  # noqa: ANN401 - polars's own
    for name, dtype in schema.items():
        for inner in _polars_types(dtype):
            kind = str(inner)
            if fields := [field.name for field in getattr(inner, "fields", ())]:
                check_names(table, fields)
            if kind.startswith(("Categorical", "Enum")) and inner is not dtype:
                # Polars hands them over as Arrow's dictionaries.
                why = (
                    "has categories inside of another type, of which DuckDB reads those of other "
                    "rows"
                )
                _refuse(
                    table,
                    name,
                    why,
                    (
                        f"Make text of them: pl.col({name!r}).cast(pl.List(pl.String)), or as deep "
                        "as they lie."
                    ),
                )
            if kind == "Object":
                _refuse(
                    table,
                    name,
                    "holds Python objects, of which DuckDB reads addresses",
                    "Write a type of polars.",
                )
            if "time_unit='ns'" in kind and ("Duration" in kind or "time_zone=None" not in kind):
                series = frame[name] if inner is dtype and not hasattr(frame, "collect") else None
                if series is None or (series.to_physical() % 1000 != 0).any():
                    _refuse_nanoseconds(
                        table, name, f"Round it: pl.col({name!r}).dt.cast_time_unit('us')."
                    )


def _polars_types(dtype: Any) -> Iterator[Any]:  # noqa: ANN401 - a type of polars
    yield dtype
    inner = [field.dtype for field in getattr(dtype, "fields", ())] or [
        getattr(dtype, "inner", None)
    ]
    for one in inner:
        if one is not None:
            yield from _polars_types(one)


def _check_arrow(table: str, data: Any, schema: Any) -> None:  # noqa: ANN401 - pyarrow's own
    for field in schema:
        _check_values(table, data, field)
        for inner in _arrow_types(field.type):
            if fields := _struct_fields(inner):
                check_names(table, fields)
            kind = str(inner)
            if kind.startswith(("run_end_encoded", "dictionary")) and inner is not field.type:
                # Of a part of an array it takes the values of other rows.
                why = (
                    f"has {kind.partition('<')[0]} values inside of another type, which DuckDB "
                    "reads wrong"
                )
                _refuse(
                    table,
                    field.name,
                    why,
                    "Cast it to a type of plain values, for example table.cast(schema).",
                )
            if kind in {"duration[ns]", "month_day_nano_interval"} or kind.startswith(
                "timestamp[ns, tz="
            ):
                column = (
                    data.column(field.name)
                    if inner is field.type and hasattr(data, "column")
                    else None
                )
                if column is None or _has_nanoseconds(column, kind):
                    _refuse_nanoseconds(
                        table,
                        field.name,
                        (
                            "Cast it to microseconds, for example pyarrow.compute.cast(..., "
                            "safe=False)."
                        ),
                    )


def _check_values(table: str, data: Any, field: Any) -> None:  # noqa: ANN401 - pyarrow's own
    """What is not a value of its type: text that is not UTF-8, a time after midnight. A stream's
    values are seen by DuckDB first.
    """
    from pyarrow import ArrowInvalid  # noqa: PLC0415 - the author's code has loaded it

    if not hasattr(data, "column"):
        return
    try:
        data.column(field.name).validate(full=True)
    except ArrowInvalid as error:
        whole = "binary" if "string" in str(field.type) else "integers"
        _refuse(
            table,
            field.name,
            f"holds a value that is not a {field.type}: {error}",
            f"Read it as {whole}, or mend its values.",
        )


def _has_nanoseconds(column: Any, kind: str) -> bool:  # noqa: ANN401 - a column of pyarrow's
    if kind == "month_day_nano_interval":
        return any(value.nanoseconds % 1000 for value in column.to_pylist() if value is not None)
    from pyarrow import ArrowInvalid, int64  # noqa: PLC0415 - the author's code has loaded it

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
    return (
        [dtype.field(place).name for place in range(dtype.num_fields)]
        if str(dtype).startswith("struct<")
        else []
    )


def _refuse_nanoseconds(table: str, name: object, hint: str) -> NoReturn:
    _refuse(table, name, "holds nanoseconds, which DuckDB would cut to microseconds", hint)


def _refuse(table: str, name: object, why: str, hint: str) -> NoReturn:
    raise WriteError(f"Table {table!r}: column {str(name)!r} {why}.", hint=hint)
