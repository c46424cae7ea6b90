"""``duckstring sql``: one SELECT over all Ponds, or a shell for many."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from duckstring_cli import render, rows
from duckstring_cli.commands.options import (
    CatchmentName,
    MostRows,
    RowsAsCsv,
    RowsAsJson,
    RowsInParquet,
    open_client,
)
from duckstring_cli.errors import BadInputError


def sql(
    statement: Annotated[
        str | None,
        typer.Argument(
            metavar="SQL|@FILE",
            show_default=False,
            help="A SELECT over all Ponds, or @ and a file with one; otherwise a shell, or stdin.",
        ),
    ] = None,
    consistent: Annotated[
        bool,
        typer.Option("--consistent", help="Read all Ponds as of the newest freshness they share."),
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="WHEN",
            show_default=False,
            help="Read what was current then: 2030-01-31T02:00 (UTC), 02:00, 2h ago as 2h.",
        ),
    ] = None,
    limit: MostRows = None,
    csv: RowsAsCsv = False,
    as_json: RowsAsJson = False,
    parquet: RowsInParquet = None,
    catchment: CatchmentName = None,
) -> None:
    """Read the tables of all Ponds with SQL, or in a shell.

    A table is POND.TABLE. POND is the Pond's highest major, POND_v1 its major 1.
    """
    from duckstring_cli.commands.query import sql_of

    how = rows.wanted(csv=csv, as_json=as_json, parquet=parquet, limit=limit)
    if consistent and at is not None:
        raise BadInputError("Give --consistent or --at, not both.")
    then = _instant(at)
    if statement is None and sys.stdin.isatty():
        _shell(catchment, how, consistent=consistent, at=then)
        return
    select = sql_of(statement if statement is not None else _typed_in())
    _answer(select, catchment, how, consistent=consistent, at=then)


def _instant(at: str | None) -> str | None:
    if at is None:
        return None
    from duckstring.model.instants import to_text
    from duckstring_cli import moments
    from duckstring_cli.projects import MachineClock

    return to_text(moments.ago(at, now=MachineClock().now()))


def _typed_in() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise BadInputError("The SQL on stdin is not UTF-8 text.") from error


def _answer(
    select: str, catchment: str | None, how: rows.Wanted, *, consistent: bool, at: str | None
) -> None:
    from duckstring_cli import saving
    from duckstring_cli.lake import Lake

    client = open_client(catchment)
    writes = [str(saving.unfinished(how.file))] if how.file is not None else []
    lake = Lake(client, consistent=consistent, at=at, writes=writes)
    relation = lake.ask(select)
    if lake.f is not None:
        render.err().print(f"[dim]as of {render.moment(lake.f)}[/]")
    if how.file is None:
        rows.show_rows(lake.con, relation, select, client.catchment, how)
        return
    limited = rows.limited(select, how.limit)
    rows.say_saved(rows.save_rows(lake.con, limited, how.file, client.catchment), how.file)


def _shell(catchment: str | None, how: rows.Wanted, *, consistent: bool, at: str | None) -> None:
    if how.style != "table" or how.file is not None:
        raise BadInputError(
            "--csv, --json and --parquet need SQL.",
            hint='For example: duckstring sql "FROM sales.orders" --csv',
        )
    from duckstring_cli import shell

    shell.run(open_client(catchment), how, consistent=consistent, at=at)
