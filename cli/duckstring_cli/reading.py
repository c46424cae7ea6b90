"""Read published snapshots with DuckDB on the user's machine, straight from the Catchment's
bucket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from duckstring.author import stored
from duckstring.author.contents import Content, Object, whole
from duckstring.author.contract import Published
from duckstring.author.database import threads_for
from duckstring.errors import OperatorError, nearest
from duckstring.model.answers.tables import DroppedTable, TableRow, TablesAnswer
from duckstring.model.names import parse_table_key
from duckstring.model.sql import literal, quoted
from duckstring_cli import bucket
from duckstring_cli.aws_errors import PEOPLE, not_running
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import AccessError, BadInputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/(.+)", re.ASCII)
_FORBIDDEN = "(HTTP 403 "
"""What DuckDB says of an answer that S3 refuses."""


def connect_locked(
    catchment: Catchment, snapshot: TablesAnswer, sql: str, *, writes: Iterable[Path] = ()
) -> DuckDBPyConnection:
    """As ``connect``, for SQL of users: it reads the published tables and nothing else, and writes
    the files in ``writes``.

    Raises:
        OperatorError: the bucket cannot be read.
    """
    con = connect(catchment, snapshot, sql)
    # Whole addresses: what is allowed by its beginning may end in ?s3_endpoint=.
    read = [one.uri for table in snapshot["tables"] for one in content_of(table).objects]
    lock(con, files=[*read, *map(str, writes)])
    return con


def connect(catchment: Catchment, snapshot: TablesAnswer, sql: str) -> DuckDBPyConnection:
    """A DuckDB connection with a view for each published table that ``sql`` may mean, under the
    table's name.

    A view costs a look at its file: those of tables that are not named are left out, unless none
    is.

    Raises:
        OperatorError: the bucket cannot be read.
    """
    con = database()
    if snapshot["tables"]:
        open_s3(con, catchment)
    named = [
        table for table in snapshot["tables"] if quoted(table["table"])[1:-1].lower() in sql.lower()
    ]
    with reading_from(catchment):
        for table in named or snapshot["tables"]:
            con.execute(f"CREATE VIEW {quoted(table['table'])} AS {table_sql(con, table)}")
    return con


def table_sql(con: DuckDBPyConnection, table: TableRow) -> str:
    """SQL that reads one table of an answer, as it was written. Costs a look at its file's end.

    Raises:
        OperatorError: its address is not one that a Ripple can have written.
        duckdb.Error: the file cannot be read.
    """
    return stored.select(con, content_of(table))


def published_columns(catchment: Catchment, snapshot: TablesAnswer) -> dict[str, Published]:
    """The columns of each published table, as they were written.

    Raises:
        OperatorError: the bucket cannot be read.
    """
    con = database()
    if snapshot["tables"]:
        open_s3(con, catchment)
    with reading_from(catchment):
        return {
            table["table"]: stored.published(con, content_of(table)) for table in snapshot["tables"]
        }


def database() -> DuckDBPyConnection:
    """A DuckDB in memory that shows instants in UTC and prints nothing by itself."""
    import duckdb

    con = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET enable_progress_bar = false")  # DuckDB would print it among the rows
    return con


def lock(
    con: DuckDBPyConnection, *, folders: Iterable[str] = (), files: Iterable[str] = ()
) -> None:
    """From now on a connection reads and writes what lies in these folders, and these files, and
    no statement can change that.
    """
    con.execute("SET python_enable_replacements = false")
    con.execute(f"SET allowed_directories = [{', '.join(map(literal, folders))}]")
    con.execute(f"SET allowed_paths = [{', '.join(map(literal, files))}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def content_of(table: TableRow) -> Content:
    """What a table's rows lie in."""
    parts = table.get("parts")  # a Catchment of the release before has none
    if not parts:
        return whole(address(table, table["uri"]))
    live = [part for part in parts if part["use"] != "news"]
    return Content(
        [Object(address(table, part["uri"]), part["kind"], part["rows"]) for part in live],
        table["merge_key"],
    )


def newest(table: TableRow) -> str:
    """The address of the object that was written last: each version of a table has another one."""
    return table["uri"] or table["parts"][-1]["uri"]


def address(table: TableRow, uri: str) -> str:
    """Where an object lies: checked again, for DuckDB signs a request to whatever address it is
    given.

    Raises:
        OperatorError: it is not the address of a table version.
    """
    found = _ADDRESS.fullmatch(uri)
    if found is None or parse_table_key(found[1]) is None:
        raise OperatorError(
            (
                f"Table {table['table']!r} has the address {uri[:200]!a}, which no Ripple "
                "of this Catchment can have written."
            ),
            hint=(
                "Nothing was read. Somebody who may write letters or items of this Catchment has "
                "put it there: docs/aws.md."
            ),
        )
    return uri


@contextmanager
def reading_from(catchment: Catchment | None) -> Iterator[None]:
    """Files that cannot be read become one clear line. None: they lie on this machine.

    Raises:
        OperatorError: why.
    """
    import duckdb

    try:
        yield
    except (duckdb.IOException, duckdb.HTTPException) as error:
        raise _unreadable(catchment, error) from error


@contextmanager
def reading_rows(catchment: Catchment | None) -> Iterator[None]:
    """Rows are read late: whatever goes wrong then becomes one clear line, too.

    Raises:
        OperatorError: why.
    """
    import duckdb

    try:
        with reading_from(catchment):
            yield
    except duckdb.Error as error:
        raise OperatorError(first_line(error)) from error


def open_s3(con: DuckDBPyConnection, catchment: Catchment) -> Callable[[], None]:
    """Let DuckDB read the Catchment's bucket, with the user's own credentials. Gives what hands it
    newer ones if there are any: temporary credentials end.

    Raises:
        OperatorError: there are none, or the Catchment does not run.
    """
    import duckdb

    package = files("duckdb_extension_httpfs")
    path = package / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    con.execute(f"LOAD {literal(str(path))}; SET threads = {threads_for()}")
    reached = bucket.reach(catchment)
    endpoint = urlsplit(reached.endpoint)
    place = {"REGION": reached.region}
    if ".amazonaws.com" not in endpoint.netloc:
        place |= {"ENDPOINT": endpoint.netloc, "URL_STYLE": "path"}
    plain = ", USE_SSL false" if endpoint.scheme == "http" else ""
    used: list[bucket.Keys] = []

    def renew() -> None:
        if (keys := reached.keys()) in used:
            return
        parts = {
            "KEY_ID": keys.key_id,
            "SECRET": keys.secret,
            "SESSION_TOKEN": keys.token,
            **place,
        }
        options = ", ".join(f"{name} {literal(value)}" for name, value in parts.items() if value)
        con.execute(f"CREATE OR REPLACE SECRET catchment (TYPE s3, {options}{plain})")
        used[:] = [keys]

    renew()
    return renew


def ask(
    con: DuckDBPyConnection, sql: str, catchment: Catchment, snapshot: TablesAnswer
) -> DuckDBPyRelation:
    """Run one SELECT over a snapshot.

    Raises:
        BadInputError: DuckDB does not accept it.
        OperatorError: the snapshot's files cannot be read.
    """
    return ask_of(con, sql, catchment, tables_of(snapshot))


def ask_of(
    con: DuckDBPyConnection, sql: str, catchment: Catchment | None, known: str
) -> DuckDBPyRelation:
    """Run one SELECT. ``known``: a sentence about the tables that there are, for a hint.

    Raises:
        BadInputError: DuckDB does not accept it.
        OperatorError: the files cannot be read.
    """
    import duckdb

    try:
        with reading_from(catchment):
            relation = con.sql(sql)
    except duckdb.CatalogException as error:
        raise BadInputError(_with_place(con, sql, error), hint=known) from error
    except duckdb.Error as error:
        raise BadInputError(_with_place(con, sql, error)) from error
    if relation is None:
        raise BadInputError(
            "That SQL gives no rows.", hint="Published tables are read only: write a SELECT."
        )
    return relation


def _with_place(con: DuckDBPyConnection, sql: str, error: Exception) -> str:
    """What DuckDB says of a statement that it did not accept. Of a relation it does not say where;
    of a statement it does, and it accepts that no more than it did before.
    """
    import duckdb

    try:
        con.execute(sql)
    except duckdb.Error as placed:
        return str(placed).strip()
    return str(error).strip()


def _unreadable(catchment: Catchment | None, error: Exception) -> OperatorError:
    """Why the files cannot be read."""
    message = first_line(error)
    if catchment is None:
        return OperatorError(f"A file of the tables cannot be read: {message}")
    if (
        "Could not establish connection" in message
        or "Connection refused" in message
        or "Could not connect" in message
    ):
        return not_running(catchment)
    if _FORBIDDEN in message:
        return AccessError(
            f"Your credentials may not read the tables of Catchment {catchment.name!r}: {message}",
            hint=f"Ask the owner of the account for its data policy: {PEOPLE}.",
        )
    return OperatorError(f"The snapshot's files cannot be read: {message}")


def find_table(snapshot: TablesAnswer, table: str) -> TableRow:
    """The published table of that name.

    Raises:
        OperatorError: there is none.
    """
    for row in snapshot["tables"]:
        if row["table"] == table:
            return row
    known = [row["table"] for row in snapshot["tables"]]
    has = f"it has {', '.join(known)}" if known else "it publishes no tables"
    if gone := next((one for one in snapshot.get("dropped", ()) if one["table"] == table), None):
        raise BadInputError(
            f"{snapshot['line']} publishes table {table!r} no longer: {_by_whom(gone)}; {has}.",
            hint=nearest(table, known),
        )
    if not known:
        pond, _, major = snapshot["line"].partition("@")
        raise OperatorError(
            no_tables(snapshot), hint=f"See what ran: duckstring runs {pond} -m {major}"
        )
    raise BadInputError(
        f"{snapshot['line']} has published no table {table!r}; {has}.",
        hint=nearest(table, known) or "Pick one of these.",
    )


def no_tables(snapshot: TablesAnswer) -> str:
    """Why there is nothing to read in a snapshot without tables."""
    gone = [f"{one['table']} ({_by_whom(one)})" for one in snapshot.get("dropped", ())]
    if gone:
        return f"{snapshot['line']} publishes no tables any more; it had {', '.join(gone)}."
    return f"{snapshot['line']} publishes no tables: what ran last wrote none."


def tables_of(snapshot: TablesAnswer) -> str:
    """``Tables here: routes.``, and those that were there once."""
    gone = ", ".join(f"{one['table']} ({_by_whom(one)})" for one in snapshot.get("dropped", ()))
    here = ", ".join(row["table"] for row in snapshot["tables"]) or "none"
    return f"Tables here: {here}." + (f" No longer: {gone}." if gone else "")


def _by_whom(gone: DroppedTable) -> str:
    if gone["removed"]:
        return f"removed by an operator, snapshot {gone['snapshot']}"
    return f"dropped by run {gone['snapshot']} of version {gone['version']}"


def as_text(relation: DuckDBPyRelation) -> DuckDBPyRelation:
    """Every value as DuckDB writes it: Python has no words for some, and shows others wrong."""
    return relation.project(
        ", ".join(
            f"#{place}::VARCHAR AS {quoted(name)}" for place, name in enumerate(relation.columns, 1)
        )
    )


def shortened(value: str, most: int) -> str:
    """SQL: a value's text, cut after so many characters."""
    text = f"{value}::VARCHAR"
    return f"CASE WHEN length({text}) > {most} THEN left({text}, {most}) || '…' ELSE {text} END"


def first_line(error: Exception) -> str:
    """The first line of an error's text that says something."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
