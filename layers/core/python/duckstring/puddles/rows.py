"""What a Puddle's function, or a test, gives for a table: rows in any of the usual forms, as what
``Lake.write`` takes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from duckdb import Error

from duckstring.author.errors import WriteError
from duckstring.author.objects import check_objects
from duckstring.model.sql import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

READERS = {
    ".csv": "read_csv", ".json": "read_json", ".jsonl": "read_json", ".ndjson": "read_json",
    ".parquet": "read_parquet",
}  # fmt: skip
FORMS = (
    "a DuckDB relation, SQL text, a list of dicts, a pandas, polars or Arrow table, or the path of "
    "a .csv, .json, .jsonl or .parquet file"
)
_FILE = re.compile(rf"[^\s'\"]+(?:{'|'.join(map(re.escape, READERS))})", re.IGNORECASE)


def file_in(value: object) -> Path | None:
    """The file that a value names: a ``Path``, or text such as ``data/orders.csv``. None: the value
    is something else.
    """
    if isinstance(value, Path):
        return value
    return Path(value) if isinstance(value, str) and _FILE.fullmatch(value) else None


def readable_rows(table: str, value: object, con: DuckDBPyConnection, root: Path) -> object:
    """``value`` in a form that ``Lake.write`` takes.

    Args:
        table: for messages.
        value: one of ``FORMS``.
        con: the connection that the rows are written with.
        root: relative paths of files start here.

    Raises:
        WriteError: it is none of them, a file cannot be read, or rows do not fit each other.
    """
    if value is None:
        raise WriteError(f"Table {table!r}: there is nothing (None).", hint=f"Give {FORMS}.")
    if (file := file_in(value)) is not None:
        return _of_file(table, root / file, file)
    if isinstance(value, (int, float, bytes, Mapping)):
        raise WriteError(
            f"Table {table!r}: found {type(value).__name__}, which has no rows.",
            hint=f"Give {FORMS}.",
        )
    if isinstance(value, str):
        _check_select(table, value, con)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    return _of_dicts(table, value, con)


def _check_select(table: str, text: str, con: DuckDBPyConnection) -> None:
    """A text is one SELECT. Anything else would be executed before it is refused."""
    try:
        found = con.extract_statements(text)
    except Error:
        return  # the parser's own words are shown where the text is read
    if len(found) != 1 or found[0].type.name not in {"SELECT", "MULTI"}:
        kinds = ", ".join(one.type.name for one in found) or "no statement"
        raise WriteError(
            f"Table {table!r}: found {kinds}; allowed: the text of one SELECT.",
            hint=f"Give {FORMS}.",
        )


def _of_file(table: str, path: Path, named: Path) -> str:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise WriteError(
            f"Table {table!r}: {named} is no file of a known form.",
            hint=f"Its name ends in {', '.join(READERS)}.",
        )
    if not path.is_file():
        raise WriteError(
            f"Table {table!r}: there is no file {named}.",
            hint="A path is relative to the project's folder, where pond.toml is.",
        )
    return f"FROM {reader}({literal(str(path))})"


def _of_dicts(table: str, rows: Sequence[object], con: DuckDBPyConnection) -> object:
    """Column by column, so that all values of one are looked at together."""
    if not rows:
        raise WriteError(
            f"Table {table!r}: an empty list has no columns.",
            hint="Give SQL: SELECT NULL::INTEGER AS id LIMIT 0.",
        )
    columns: dict[str, None] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
            raise WriteError(
                f"Table {table!r}: row {number} is {type(row).__name__}; allowed: a dict of column "
                "names and values."
            )
        columns |= dict.fromkeys(row)
    values = {name: [row.get(name) for row in rows if isinstance(row, Mapping)] for name in columns}
    if not columns:
        raise WriteError(f"Table {table!r}: its rows have no columns.")
    for name, held in values.items():
        check_objects(table, name, held)
    nans = {name for name, held in values.items() if any(map(_is_nan, held))}
    # As a parameter, NaN would become NULL.
    items = ", ".join(
        f"unnest(?{'::VARCHAR[]::DOUBLE[]' if name in nans else ''}) AS {quoted(name)}"
        for name in columns
    )
    given = [
        [None if one is None else str(one) for one in held] if name in nans else held
        for name, held in values.items()
    ]
    return con.sql(f"SELECT {items}", params=given)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
