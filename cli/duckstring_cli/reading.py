"""Read published snapshots with DuckDB on the user's machine, straight from the Catchment's
bucket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from duckstring.author import stored
from duckstring.author.contents import Content, Object, whole
from duckstring.author.contract import Published
from duckstring.errors import OperatorError, nearest
from duckstring.model.answers import DroppedTable, TableRow, TablesAnswer
from duckstring.model.foreign import for_terminal
from duckstring.model.names import parse_table_key
from duckstring.model.sql import literal, quoted
from duckstring_cli import catchments
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import PEOPLE, not_running, translated_errors
from duckstring_cli.errors import AccessError, BadInputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation
    from duckdb.sqltypes import DuckDBPyType

_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/(.+)", re.ASCII)
_FORBIDDEN = "(HTTP 403 "
"""What DuckDB says of an answer that S3 refuses."""
FORMATS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
    ".csv": "FORMAT csv, HEADER",
    ".json": "FORMAT json, ARRAY",
}


def connect(catchment: Catchment, snapshot: TablesAnswer, sql: str) -> DuckDBPyConnection:
    """A DuckDB connection with a view for each published table that ``sql`` may mean, under the
    table's name.

    A view costs a look at its file: those of tables that are not named are left out, unless none
    is.

    Raises:
        OperatorError: the bucket cannot be read.
    """
    import duckdb

    con = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    con.execute("SET TimeZone = 'UTC'")
    if snapshot["tables"]:
        _open_s3(con, catchment)
    named = [
        table for table in snapshot["tables"] if quoted(table["table"])[1:-1].lower() in sql.lower()
    ]
    with reading_from(catchment):
        for table in named or snapshot["tables"]:
            con.execute(
                f"CREATE VIEW {quoted(table['table'])} AS {stored.select(con, _content(table))}"
            )
    return con


def published_columns(catchment: Catchment, snapshot: TablesAnswer) -> dict[str, Published]:
    """The columns of each published table, as they were written.

    Raises:
        OperatorError: the bucket cannot be read.
    """
    import duckdb

    con = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    con.execute("SET TimeZone = 'UTC'")
    if snapshot["tables"]:
        _open_s3(con, catchment)
    with reading_from(catchment):
        return {
            table["table"]: stored.published(con, _content(table)) for table in snapshot["tables"]
        }


def _content(table: TableRow) -> Content:
    """What a table's rows lie in."""
    parts = table.get("parts")  # a Catchment of the release before has none
    if not parts:
        return whole(_address(table, table["uri"]))
    live = [part for part in parts if part["use"] != "news"]
    return Content(
        [Object(_address(table, part["uri"]), part["kind"], part["rows"]) for part in live],
        table["merge_key"],
    )


def _address(table: TableRow, uri: str) -> str:
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


def _open_s3(con: DuckDBPyConnection, catchment: Catchment) -> None:
    import duckdb

    package = files("duckdb_extension_httpfs")
    path = package / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    con.execute(f"LOAD {literal(str(path))}")
    with translated_errors(catchment):
        access = catchments.session(catchment)
        found = access.session.get_credentials()
        if found is None:
            raise OperatorError(
                f"No AWS credentials for Catchment {catchment.name!r}.",
                hint="Log in, for example: aws sso login",
            )
        keys = found.get_frozen_credentials()
        # The client knows what the user's profile and environment say of S3: a region, an endpoint
        # of their own.
        s3 = access.client("s3").meta
    endpoint = urlsplit(s3.endpoint_url)
    parts = {
        "KEY_ID": keys.access_key,
        "SECRET": keys.secret_key,
        "SESSION_TOKEN": keys.token,
        "REGION": s3.region_name,
    }
    if ".amazonaws.com" not in endpoint.netloc:
        parts |= {"ENDPOINT": endpoint.netloc, "URL_STYLE": "path"}
    options = ", ".join(f"{name} {literal(value)}" for name, value in parts.items() if value)
    plain = ", USE_SSL false" if endpoint.scheme == "http" else ""
    con.execute(f"CREATE SECRET catchment (TYPE s3, {options}{plain})")


def one_select(sql: str) -> str:
    """The one SELECT in ``sql``, without what follows it. FROM, WITH, PIVOT, DESCRIBE, SHOW and
    SUMMARIZE are SELECTs.

    Raises:
        BadInputError: it is another statement, several, or none. Nothing has run.
    """
    import duckdb

    try:
        # Where the locale is not UTF-8, Python keeps the bytes of an argument as lone surrogates.
        sql = sql.encode("utf-8", "surrogateescape").decode("utf-8")
        found = duckdb.extract_statements(sql)
    except UnicodeError as error:
        raise BadInputError("The SQL is not UTF-8 text.") from error
    except duckdb.Error as error:
        raise BadInputError(str(error).strip()) from error
    # PIVOT is a SELECT and a CREATE TYPE before it that the parser adds, without a text.
    kinds = [one.type.name for one in found if one.query or one.type.name == "SELECT"]
    if kinds == ["SELECT"] and _first_word(sql) == "PRAGMA":
        kinds = ["PRAGMA"]  # DuckDB parses many of them into a SELECT
    if kinds == ["SELECT"]:
        return _bare(sql)
    if not kinds:
        raise BadInputError(
            "The SQL is empty.", hint='For example: --sql "SELECT count(*) FROM worst_routes"'
        )
    what = (
        f"is {kinds[0]}" if len(kinds) == 1 else f"has {len(kinds)} statements ({', '.join(kinds)})"
    )
    raise BadInputError(
        f"That SQL {what}; query runs one SELECT and nothing else.",
        hint="Published tables are read only: write one SELECT.",
    )


def _first_word(sql: str) -> str:
    import duckdb

    starts = [at for at, _ in duckdb.tokenize(sql)]  # counted in bytes
    return sql.encode()[starts[0] :].decode().split(maxsplit=1)[0].upper() if starts else ""


def _bare(sql: str) -> str:
    """One SELECT as it can stand inside another statement."""
    import duckdb

    text, starts = sql.encode(), [at for at, _ in duckdb.tokenize(sql)]  # counted in bytes
    bare = text[: next((at for at in starts if text[at : at + 1] == b";"), len(text))].decode()
    return (
        f"FROM ({bare}\n)"
        if _first_word(sql) in {"DESC", "DESCRIBE", "SHOW", "SUMMARIZE"}
        else bare
    )


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
        raise BadInputError(_first(error), hint=known) from error
    except duckdb.Error as error:
        raise BadInputError(str(error).strip()) from error
    if relation is None:
        raise BadInputError(
            "That SQL gives no rows.", hint="Published tables are read only: write a SELECT."
        )
    return relation


def _unreadable(catchment: Catchment | None, error: Exception) -> OperatorError:
    """Why the files cannot be read."""
    message = _first(error)
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
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.touch()  # what fails from here on is not the folder's fault
        with reading_from(catchment):
            select = _storable(con, sql, target.suffix.lower())
            found = con.execute(
                f"COPY ({select}\n) TO {literal(str(partial))} ({options})"
            ).fetchone()
        partial.replace(target)
    except duckdb.Error as error:
        raise BadInputError(_first(error)) from error
    except UnicodeEncodeError as error:
        raise BadInputError(
            f"The file name {for_terminal(str(target))} is not UTF-8 text here.",
            hint="Choose another name, or a UTF-8 locale.",
        ) from error
    except OSError as error:
        raise OperatorError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            partial.unlink()
    return int(found[0]) if found else 0


def as_text(relation: DuckDBPyRelation) -> DuckDBPyRelation:
    """Every value as DuckDB writes it: Python has no words for some, and shows others wrong."""
    return relation.project(
        ", ".join(
            f"#{place}::VARCHAR AS {quoted(name)}" for place, name in enumerate(relation.columns, 1)
        )
    )


def _storable(con: DuckDBPyConnection, sql: str, suffix: str) -> str:
    """The SELECT with the columns that the format cannot hold as they are made such that it can.
    A CSV's header is one line of text.
    """
    relation = con.sql(sql)
    change = {".parquet": _in_parquet, ".json": _in_json}.get(suffix, _as_it_is)
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


def _in_json(value: str, dtype: DuckDBPyType, depth: int = 0) -> str:
    """JSON has neither NaN nor Infinity: they become null, however deep they lie. Nothing if
    there is nothing to change.
    """
    each = f"x{depth}"
    match dtype.id:
        case "float" | "double":
            return f"CASE WHEN isfinite({value}) THEN {value} END"
        case "list" | "array":
            changed = _in_json(each, _child(dtype, "child"), depth + 1)
            return changed and f"list_transform({value}, lambda {each}: {changed})"
        case "map":
            changed = _in_json(each, _child(dtype, "value"), depth + 1)
            return changed and (
                f"map(map_keys({value}), list_transform(map_values({value}), lambda {each}: "
                f"{changed}))"
            )
        case "struct":
            parts = {
                name: f"struct_extract({value}, {literal(name)})" for name, _ in dtype.children
            }
            changes = {
                name: _in_json(part, _child(dtype, name), depth) for name, part in parts.items()
            }
            packed = ", ".join(
                f"{quoted(name)} := {changes[name] or part}" for name, part in parts.items()
            )
            return (
                f"CASE WHEN {value} IS NOT NULL THEN struct_pack({packed}) END"
                if any(changes.values())
                else ""
            )
        case _:
            return ""


def _child(dtype: DuckDBPyType, name: str) -> DuckDBPyType:
    return cast("DuckDBPyType", dict(dtype.children)[name])


def _first(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
