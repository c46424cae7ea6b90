"""``duckstring query`` and ``duckstring get``: read what a Pond has published."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from duckstring.errors import OperatorError
from duckstring.model.answers import TableRow, TablesAnswer
from duckstring.model.sql import quoted
from duckstring_cli import render
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    PondName,
    major_of,
    open_client,
)
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation
    from rich.text import Text

DEFAULT_LIMIT = 20
_WIDEST = 40
_PART = 65_536
_NUMBERS = {
    "float",
    "double",
    "decimal",
    *(f"{sign}{size}int" for sign in ("", "u") for size in ("tiny", "small", "big", "huge")),
}
_NUMBERS |= {"integer", "uinteger"}


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
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            metavar="N",
            min=1,
            help=f"Rows at most; otherwise {DEFAULT_LIMIT} on screen, all elsewhere.",
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="All rows as CSV on stdout.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All rows as JSON on stdout.")] = False,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="All rows into a Parquet file.")
    ] = None,
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
    if csv + as_json + bool(parquet) > 1:
        raise BadInputError("Give one of --csv, --json and --parquet.")
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
    select = _select(snapshot, table, asked)
    shown = limit if limit is not None else None if csv or as_json or parquet else DEFAULT_LIMIT
    if parquet:
        _save(
            client.catchment,
            snapshot,
            limited(select, limit),
            parquet if parquet.suffix else parquet.with_suffix(".parquet"),
        )
    else:
        _show(
            client.catchment,
            snapshot,
            select,
            limit=shown,
            style="csv" if csv else "json" if as_json else "table",
        )


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
    _save(client.catchment, snapshot, f"FROM {quoted(table)}", target, as_json=as_json)


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
    from duckstring_cli import reading

    return reading.one_select(text)


def _select(snapshot: TablesAnswer, table: str | None, asked: str | None) -> str:
    from duckstring_cli import reading

    if table is None:
        return asked or ""
    reading.find_table(snapshot, table)
    return f"FROM {quoted(table)}"


def limited(select: str, limit: int | None) -> str:
    """The SELECT with so many rows at most."""
    return select if limit is None else f"FROM ({select}\n) LIMIT {limit}"


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


def _save(
    catchment: Catchment,
    snapshot: TablesAnswer,
    select: str,
    target: Path,
    *,
    as_json: bool = False,
) -> None:
    from duckstring_cli import reading

    con = reading.connect(catchment, snapshot, select)
    with render.steps() as step:
        step(f"Writing {target}")
        reading.ask(con, select, catchment, snapshot)
        rows = reading.save(con, select, target, catchment)
    if as_json:
        render.print_json({"file": str(target), "rows": rows, "f": snapshot["f"]})
        return
    render.say(f"{render.count(rows)} row{'' if rows == 1 else 's'} in {escape(str(target))}")


def _show(
    catchment: Catchment, snapshot: TablesAnswer, select: str, *, limit: int | None, style: str
) -> None:
    from duckstring_cli import reading

    con = reading.connect(catchment, snapshot, select)
    relation = reading.ask(con, select, catchment, snapshot)
    show_rows(con, relation, limited(select, limit), catchment, limit=limit, style=style)


def show_rows(
    con: DuckDBPyConnection,
    relation: DuckDBPyRelation,
    select: str,
    catchment: Catchment | None,
    *,
    limit: int | None,
    style: str,
) -> None:
    """Print rows: as a ``table`` as wide as the terminal, or what ``select`` gives as ``csv`` or
    ``json``.

    ``catchment`` is None for files of this machine.
    """
    with _rows_of(catchment):
        if style == "table":
            rows, more, hidden = print_rows(relation, limit or DEFAULT_LIMIT)
            _footnotes(rows, more=more, hidden=hidden)
        else:
            _stream(con, select, catchment, style)


@contextmanager
def _rows_of(catchment: Catchment | None) -> Iterator[None]:
    """The rows themselves are read late: say what went wrong then, too."""
    import duckdb

    from duckstring_cli import reading

    try:
        with reading.reading_from(catchment):
            yield
    except duckdb.Error as error:
        raise OperatorError(str(error).strip().splitlines()[0]) from error


def _stream(con: DuckDBPyConnection, select: str, catchment: Catchment | None, style: str) -> None:
    """What DuckDB itself writes: the same as a saved file has."""
    from duckstring_cli import reading

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"rows.{style}"
        reading.save(con, select, file, catchment)
        with file.open(encoding="utf-8", errors="backslashreplace", newline="") as written:
            _copy(written, style, to_terminal=_is_terminal())


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _copy(written: TextIO, style: str, *, to_terminal: bool) -> None:
    """To stdout: JSON the same everywhere, with escapes of its own; CSV as it is for programs,
    and harmless for a terminal.
    """
    from duckstring.model.foreign import for_terminal, harmless_json

    if style == "csv" and not to_terminal:
        shutil.copyfileobj(written, sys.stdout)
        return
    while part := written.read(_PART):
        sys.stdout.write(harmless_json(part) if style == "json" else for_terminal(part, lines=True))


def print_rows(relation: DuckDBPyRelation, limit: int) -> tuple[int, bool, list[str]]:
    """Rows as a table as wide as the terminal. Gives what there is to say of it: rows shown,
    whether there are more, columns left out.
    """
    from rich.text import Text

    from duckstring_cli import reading

    columns = [_plain(name) for name in relation.columns]
    numbers = [dtype.id in _NUMBERS for dtype in relation.types]
    rows = reading.as_text(relation.limit(limit + 1)).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    cells = [[_cell(value) for value in row] for row in rows]
    console = render.out()
    kept = columns_that_fit(columns, cells, console.width)
    made = render.table()
    for index in kept:
        made.add_column(
            Text(columns[index]),
            justify="right" if numbers[index] else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
        made.columns[-1].max_width = (
            max(_WIDEST, len(columns[index])) if console.is_terminal else None
        )
    for row in cells:
        made.add_row(*(Text(row[index]) for index in kept))
    console.print(made)
    return len(rows), more, [name for index, name in enumerate(columns) if index not in kept]


def _footnotes(rows: int, *, more: bool, hidden: list[str]) -> None:
    from rich.text import Text

    console = render.err()
    if hidden:
        console.print(
            Text(
                f"{len(hidden)} more columns: {', '.join(hidden)} (pick with --sql, or --csv)",
                style="dim",
            )
        )
    counted = f"{rows} row{'' if rows == 1 else 's'}"
    console.print(
        Text(
            f"first {counted}; all of them: --csv, --json, --parquet FILE, or --limit"
            if more
            else counted,
            style="dim",
        )
    )


def _cell(value: str | None) -> str:
    return "·" if value is None else _plain(value)


def _plain(text: str) -> str:
    """On one line, and harmless to a terminal: published data may hold its control codes."""
    from duckstring.model.foreign import for_terminal

    return for_terminal(" ".join(text.split()))


def columns_that_fit(columns: list[str], cells: list[list[str]], width: int) -> list[int]:
    """The first columns that a terminal has room for; always one."""
    kept: list[int] = []
    used = 0
    for index, name in enumerate(columns):
        needs = (
            min(max([len(name), *(len(row[index]) for row in cells)]), max(_WIDEST, len(name))) + 2
        )
        if kept and used + needs > width:
            break
        kept.append(index)
        used += needs
    return kept
