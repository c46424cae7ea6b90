"""Rows of a SELECT in a file, whole or not at all, and in forms that the formats can hold."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.errors import OperatorError
from duckstring.model.foreign import for_terminal
from duckstring.model.sql import literal, quoted
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import BadInputError
from duckstring_cli.forms import in_json
from duckstring_cli.reading import first_line, reading_from

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

FORMATS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
    ".csv": "FORMAT csv, HEADER",
    ".json": "FORMAT json, ARRAY",
}


def save(con: DuckDBPyConnection, sql: str, target: Path, catchment: Catchment | None) -> int:
    """Write a SELECT's rows to a file, whole or not at all, in the format that its name ends with.
    Gives the number of rows.

    Raises:
        BadInputError: the format is unknown, or the SELECT is wrong.
        OperatorError: the file cannot be written, or the snapshot not be read.
    """
    import duckdb

    options = FORMATS.get(target.suffix.lower())
    if options is None:
        raise BadInputError(
            f"{target.name!r} has no known format.", hint=f"End the name with {', '.join(FORMATS)}."
        )
    if not target.parent.is_dir():
        raise BadInputError(f"There is no folder {str(target.parent)!r}.", hint="Create it first.")
    partial = unfinished(target)
    try:
        partial.touch()  # what fails from here on is not the folder's fault
        with reading_from(catchment):
            select = _storable(con, sql, target.suffix.lower())
            found = con.execute(
                f"COPY ({select}\n) TO {literal(str(partial))} ({options}, USE_TMP_FILE false)"
            ).fetchone()
        partial.replace(target)
    except duckdb.Error as error:
        raise BadInputError(first_line(error)) from error
    except OSError as error:
        raise OperatorError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            partial.unlink()
    return int(found[0]) if found else 0


def unfinished(target: Path) -> Path:
    """What the file is called until it is whole.

    Raises:
        BadInputError: its name is no text that DuckDB takes.
    """
    try:
        str(target).encode()
    except UnicodeEncodeError as error:
        raise BadInputError(
            f"The file name {for_terminal(str(target))} is not UTF-8 text here.",
            hint="Choose another name, or a UTF-8 locale.",
        ) from error
    return target.with_name(f".{target.name}.partial")


def _storable(con: DuckDBPyConnection, sql: str, suffix: str) -> str:
    """The SELECT with the columns that the format cannot hold as they are made such that it can.
    A CSV's header is one line of text.
    """
    relation = con.sql(sql)
    change = {".parquet": _in_parquet, ".json": in_json}.get(suffix, _as_it_is)
    changes = [change(f"#{place}", dtype) for place, dtype in enumerate(relation.types, 1)]
    names = [for_terminal(name) if suffix == ".csv" else name for name in relation.columns]
    if not any(changes) and names == relation.columns:
        return sql
    columns = zip(names, changes, strict=True)
    selected = ", ".join(
        f"{changed or f'#{place}'} AS {quoted(name)}"
        for place, (name, changed) in enumerate(columns, 1)
    )
    return f"SELECT {selected} FROM ({sql}\n)"  # noqa: S608 - it is the user's own


def _as_it_is(_value: str, _dtype: DuckDBPyType) -> str:
    return ""


def _in_parquet(value: str, dtype: DuckDBPyType) -> str:
    """Parquet has no integers of 128 bits: DuckDB would store rounded DOUBLEs."""
    return f"{value}::DECIMAL(38, 0)" if dtype.id in {"hugeint", "uhugeint"} else ""
