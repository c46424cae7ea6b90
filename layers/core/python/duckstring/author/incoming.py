"""The rows that an author gives to be written: SQL, a relation, a frame or an Arrow stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from duckstring.author.columns import OWN, duckdb_message
from duckstring.author.errors import WriteError
from duckstring.author.frames import check_frame, columns_alone, readable, rows_of_objects
from duckstring.author.keeping import encoded, restored
from duckstring.author.writing import kept_columns
from duckstring.model.sql import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_STREAM = "~stream"


def selected(table: str, relation: DuckDBPyRelation | None) -> DuckDBPyRelation:
    """What DuckDB makes of the author's SQL: nothing, where it is a statement without rows."""
    if relation is None:
        raise WriteError(
            f"Table {table!r}: that SQL gives no rows.", hint="Write the text of a SELECT."
        )
    return relation


def registered(con: DuckDBPyConnection, table: str, data: object) -> DuckDBPyRelation:
    """A relation over data that is not a relation of this database."""
    from duckdb import DuckDBPyRelation, Error  # noqa: PLC0415 - the worker starts without DuckDB

    if not isinstance(data, DuckDBPyRelation):
        check_frame(table, data)
    # Arrow has fewer types than DuckDB: a TIMETZ would lose its offset, a large UHUGEINT be -1.
    columns = kept_columns(table, data) if isinstance(data, DuckDBPyRelation) else {}
    try:
        if not isinstance(data, DuckDBPyRelation):
            con.register(_STREAM, readable(data))
            return con.sql(f"FROM {quoted(_STREAM)}")
        con.register(
            _STREAM,
            _foreign(
                table,
                data.project(", ".join(encoded(name, kind) for name, kind in columns.items())),
            ),
        )
        items = ", ".join(restored(name, kind) for name, kind in columns.items())
        return con.sql(f"SELECT {items} FROM {quoted(_STREAM)}")  # noqa: S608 - quoted
    except (
        Error,
        ValueError,
        NotImplementedError,
    ) as error:  # Arrow's own are kinds of the latter two
        if (refused := _unread(con, table, data)) is not None:
            raise refused from error
        raise WriteError(
            (
                f"Table {table!r}: {type(data).__name__} is nothing that can be written as a "
                f"table. {duckdb_message(error).splitlines()[0]}"
            ),
            hint=(
                "Write a relation (pond.con.sql(...)), an Arrow table, a pandas or polars frame, "
                "or SQL text."
            ),
        ) from error


@contextmanager
def reading(con: DuckDBPyConnection, table: str, data: object) -> Iterator[None]:
    """What DuckDB says of a frame's values as it reads them, of the column that it is about.

    It takes the type of an object column from a sample of the values, and casts the others to it:
    here it looks at all.
    """
    from duckdb import Error  # noqa: PLC0415 - the worker starts without DuckDB

    (sample,) = con.execute(f"SELECT {OWN}current_setting('pandas_analyze_sample')").fetchone() or (
        0,
    )
    if (rows := rows_of_objects(data)) > sample:
        con.execute(f"SET SESSION pandas_analyze_sample = {rows}")
    try:
        yield
    except (
        Error,
        ValueError,
        NotImplementedError,
    ) as error:  # Arrow's own are kinds of the latter two
        if (refused := _unread(con, table, data)) is not None:
            raise refused from error
        raise


def _unread(con: DuckDBPyConnection, table: str, data: object) -> WriteError | None:
    from duckdb import Error  # noqa: PLC0415 - the worker starts without DuckDB

    for name, alone, cast in columns_alone(data):
        with suppress(Error):  # what failed has left a transaction
            con.rollback()
        try:
            con.register(_STREAM, alone)
            con.execute(
                f"SELECT {OWN}max({OWN}hash(COLUMNS(*), "  # noqa: S608 - quoted
                f"CAST(COLUMNS(*) AS VARCHAR))) FROM {quoted(_STREAM)}"
            ).fetchall()
        except (Error, ValueError, NotImplementedError) as error:
            reason = duckdb_message(error).splitlines()[0]
            why = f"column {name!r} is nothing that DuckDB reads: {reason}"
            return WriteError(f"Table {table!r}: {why}", hint=f"Cast it, for example {cast}.")
    return None


def _foreign(table: str, relation: DuckDBPyRelation) -> object:
    try:
        return relation.to_arrow_reader()
    except ImportError as error:
        raise WriteError(
            f"Table {table!r}: this relation belongs to another DuckDB connection.",
            hint="Make it with pond.con.sql(...) instead of duckdb.sql(...).",
        ) from error
