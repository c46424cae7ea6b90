"""``duckstring query`` and ``duckstring get``: read what a Pond has published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.model.answers.tables import TableRow, TablesAnswer
from duckstring.model.sql import quoted
from duckstring_cli import render, rows
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    MostRows,
    OfVersion,
    PondName,
    RowsAsCsv,
    RowsAsJson,
    RowsInParquet,
    major_of,
    open_client,
)
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from rich.text import Text


def query(
    pond: PondName,
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE", show_default=False, help="A published table; otherwise list them."
        ),
    ] = None,
    sql: Annotated[
        str | None,
        typer.Option(
            "--sql",
            metavar="SQL|@FILE",
            help="A SELECT over the Pond's tables, or @ and a file with one.",
        ),
    ] = None,
    limit: MostRows = None,
    csv: RowsAsCsv = False,
    as_json: RowsAsJson = False,
    parquet: RowsInParquet = None,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Read what a Pond has published.

    Without TABLE and --sql, a list of the tables. SQL sees every table of the Pond under its name.
    """
    if table and sql:
        raise BadInputError(
            "Give a TABLE or --sql, not both.",
            hint="--sql sees every table of the Pond under its name.",
        )
    how = rows.wanted(csv=csv, as_json=as_json, parquet=parquet, limit=limit)
    asked, picked = sql_of(sql) if sql is not None else None, major_of(major, version)
    client = open_client(catchment)
    snapshot = client.tables(pond, major=picked)
    if table is None and asked is None:
        if csv or parquet:
            from duckstring_cli import reading

            raise BadInputError(
                f"{'--csv' if csv else '--parquet'} needs a TABLE or --sql.",
                hint=reading.tables_of(snapshot),
            )
        _list(snapshot, as_json=as_json)
        return
    _answer(client.catchment, snapshot, _select(snapshot, table, asked), how)


def get(
    pond: PondName,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", show_default=False, help="A published table.")
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="Ends in .parquet, .csv or .json; otherwise TABLE.parquet.",
        ),
    ] = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Save a published table to a file."""
    from duckstring_cli import reading

    picked = major_of(major, version)
    client = open_client(catchment)
    snapshot = client.tables(pond, major=picked)
    reading.find_table(snapshot, table)
    target = file or Path(f"{table}.parquet")
    if target.is_dir():
        target = target / f"{table}.parquet"
    saved = _save(client.catchment, snapshot, f"FROM {quoted(table)}", target)
    if as_json:
        render.print_json({"file": str(target), "rows": saved, "f": snapshot["f"]})
    else:
        rows.say_saved(saved, target)


def sql_of(text: str) -> str:
    """The one SELECT in a text, or in the file that ``@`` and its name stand for.

    Raises:
        BadInputError: it is something else.
    """
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInputError(
                f"{text[1:]} cannot be read: {getattr(error, 'strerror', None) or error}."
            ) from error
    from duckstring_cli import selects

    return selects.one_select(text)


def _select(snapshot: TablesAnswer, table: str | None, asked: str | None) -> str:
    from duckstring_cli import reading

    if table is None:
        return asked or ""
    reading.find_table(snapshot, table)
    return f"FROM {quoted(table)}"


def _answer(catchment: Catchment, snapshot: TablesAnswer, select: str, how: rows.Wanted) -> None:
    from duckstring_cli import reading

    if how.file is not None:
        saved = _save(catchment, snapshot, rows.limited(select, how.limit), how.file)
        rows.say_saved(saved, how.file)
        return
    con = reading.connect_locked(catchment, snapshot, select)
    relation = reading.ask(con, select, catchment, snapshot)
    rows.show_rows(con, relation, select, catchment, how)


def _save(catchment: Catchment, snapshot: TablesAnswer, select: str, target: Path) -> int:
    from duckstring_cli import reading, saving

    con = reading.connect_locked(catchment, snapshot, select, writes=[saving.unfinished(target)])
    reading.ask(con, select, catchment, snapshot)
    return rows.save_rows(con, select, target, catchment)


def _list(snapshot: TablesAnswer, *, as_json: bool) -> None:
    from rich.text import Text

    if as_json:
        render.print_json(snapshot)
        return
    from duckstring_cli import reading

    older = any(row.get("older") for row in snapshot["tables"])
    made = render.table(
        "TABLE",
        "ROWS",
        "BYTES",
        "WRITTEN IN",
        *(["VERSION", "AS OF"] if older else []),
        right=("ROWS", "BYTES"),
    )
    for row in snapshot["tables"]:
        age = [Text(row.get("version") or ""), _as_of(row)] if older else []
        made.add_row(
            Text(row["table"]),
            render.count(row["rows"]),
            render.size(row["bytes"]),
            row["written_in"],
            *age,
        )
    render.out().print(
        made if snapshot["tables"] else reading.no_tables(snapshot),
        soft_wrap=not snapshot["tables"],
    )
    render.err().print(f"[dim]{snapshot['line']}, fresh as of {render.moment(snapshot['f'])}[/]")


def _as_of(row: TableRow) -> Text:
    """Nothing for a table that is as fresh as its Pond."""
    from rich.text import Text

    if not row.get("older"):
        return Text("")
    return Text(
        render.moment(row.get("as_of")) if row.get("as_of") else "not known", style="yellow"
    )
