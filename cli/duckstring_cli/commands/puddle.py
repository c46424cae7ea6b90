"""``duckstring puddle``: what lies in a project's ``puddles`` folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError, nearest
from duckstring.model.sql import quoted
from duckstring_cli import durations, render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    MostRows,
    RowsAsCsv,
    RowsAsJson,
    open_client,
)
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.puddles.project import LocalPond
    from duckstring.puddles.tables import LocalTable
    from duckstring.puddles.taken import Recorded, Snapshot

DEFAULT_ROWS = 1000

app = typer.Typer(
    help="Tables of a Pond on this machine: inputs, outputs, recorded rows.", no_args_is_help=True
)

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", show_default=False, help="A Pond's folder; otherwise this one."),
]
Rows = Annotated[
    int, typer.Option("--rows", metavar="N", min=1, help="Rows of a table at most, a sample.")
]


@app.command("ls", epilog="Example: duckstring puddle ls")
def ls(folder: Folder = None, as_json: AsJson = False) -> None:
    """List inputs and outputs, with rows, size and age."""
    from duckstring.model.instants import to_text
    from duckstring.puddles.tables import tables_of
    from duckstring_cli.projects import MachineClock, open_project

    found = tables_of(open_project(folder, in_place=True))
    if as_json:
        render.print_json(
            {
                "tables": [
                    {
                        "table": one.name,
                        "rows": one.rows,
                        "bytes": one.bytes,
                        "made": to_text(one.made),
                        "origin": one.origin,
                    }
                    for one in found
                ]
            }
        )
        return
    if not found:
        render.note(_nothing(folder))
        return
    now = to_text(MachineClock().now())
    made = render.table(
        "TABLE", "ROWS", "BYTES", "AGE", "FROM", right=("ROWS", "BYTES"), last="cut"
    )
    for one in found:
        age = render.between(to_text(one.made), now)
        made.add_row(
            one.name,
            render.count(one.rows),
            render.size(one.bytes),
            "" if age is None else durations.brief(age),
            _origin(one),
        )
    render.out().print(made)


@app.command("show", epilog="Example: duckstring puddle show totals")
def show(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", show_default=False, help="source.table, or a table of the Pond's own."
        ),
    ],
    folder: Folder = None,
    limit: MostRows = None,
    csv: RowsAsCsv = False,
    as_json: RowsAsJson = False,
) -> None:
    """Print the rows of an input or an output."""
    pond, con = _opened(folder)
    known = _known(pond)
    if table not in known:
        raise BadInputError(
            f"There is no table {table!r}; there are {', '.join(known) or 'none'}.",
            hint=nearest(table, known) or _nothing(folder),
        )
    path = ".".join(quoted(part) for part in table.split("."))
    _print(con, f"FROM {path}", "", limit=limit, csv=csv, as_json=as_json)


@app.command(
    "query", epilog='Example: duckstring puddle query "SELECT count(*) FROM products.product"'
)
def query(
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL|@FILE", show_default=False, help="One SELECT, or @ and a file with one."
        ),
    ],
    folder: Folder = None,
    limit: MostRows = None,
    csv: RowsAsCsv = False,
    as_json: RowsAsJson = False,
) -> None:
    """Ask one SELECT over inputs (source.table) and outputs (table)."""
    from duckstring_cli.commands.query import sql_of

    select = sql_of(sql)
    pond, con = _opened(folder)
    known = f"Tables here: {', '.join(_known(pond)) or 'none'}."
    _print(con, select, known, limit=limit, csv=csv, as_json=as_json)


@app.command("record", epilog="Example: duckstring puddle record products.product --rows 200")
def record(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE.TABLE", show_default=False, help="A published table of a Source."
        ),
    ],
    folder: Folder = None,
    rows: Rows = DEFAULT_ROWS,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            "--mask", metavar="COLUMN", help="Mask this column, too. May be given several times."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="COLUMN",
            help="Do not mask this column, though its name looks secret or personal.",
        ),
    ] = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Take rows of a published table into puddles/recorded, and a Puddle that reads them.

    Values of columns whose names look secret or personal are masked: replaced by tokens.
    """
    from duckstring.model.instants import to_text
    from duckstring.puddles.hydrate import check_source
    from duckstring.puddles.taken import ColumnMasks, columns_of
    from duckstring.puddles.taken import record as store
    from duckstring_cli.projects import open_project
    from duckstring_cli.snapshots import mask_key, open_snapshot

    if both := sorted({*(mask or ())} & {*(keep or ())}):
        raise BadInputError(f"Give --mask or --keep for {both[0]!r}, not both.")
    source, dot, table = ref.partition(".")
    if not dot or not table:
        raise BadInputError(f"Give SOURCE.TABLE, found {ref!r}.", hint="For example orders.line.")
    pond = open_project(folder, in_place=True)
    check_source(pond, source)
    client = open_client(catchment)
    snapshot, _ = open_snapshot(pond, client, source, table)
    _check_columns(columns_of(snapshot, table), {"--mask": mask or [], "--keep": keep or []})
    made = store(
        pond,
        snapshot,
        table,
        rows=rows,
        masks=ColumnMasks(mask_key(), mask or [], keep or []),
        note=lambda one: _note(one, snapshot, ref),
    )
    line = _add_puddle(pond, ref, made, snapshot)
    if as_json:
        render.print_json(
            {
                "table": ref,
                "file": made.file,
                "rows": made.rows,
                "of": made.of,
                "masked": list(made.masked),
                "f": to_text(snapshot.f),
                "snapshot": snapshot.number,
                "catchment": snapshot.catchment,
                "puddle": line,
            }
        )
        return
    _show_recorded(made, snapshot, ref, line, folder)


def _show_recorded(
    made: Recorded, snapshot: Snapshot, ref: str, line: str, folder: Path | None
) -> None:
    from rich.text import Text

    from duckstring.model.instants import to_text

    render.out().print(
        Text.assemble(
            ("✓", "green"),
            f" {made.file}: {render.count(made.rows)} of {render.count(made.of)} rows of {ref}, "
            f"run {snapshot.number}, fresh as of {render.moment(to_text(snapshot.f))}",
        ),
        soft_wrap=not render.out().is_terminal,
    )
    masked = f"masked: {', '.join(made.masked)}" if made.masked else "no column is masked"
    render.note(f"{masked}. Look at the rows before you commit them.")
    render.note(line)
    named = f" {shlex.quote(str(folder))}" if folder else ""
    render.note(f"Next: duckstring pond hydrate{named} -s {snapshot.source}")


def _note(made: Recorded, snapshot: Snapshot, ref: str) -> bytes:
    from duckstring.model.foreign import json_text
    from duckstring.model.instants import to_text

    told = {
        "table": ref,
        "catchment": snapshot.catchment,
        "snapshot": snapshot.number,
        "f": to_text(snapshot.f),
        "rows": made.rows,
        "of": made.of,
        "masked": list(made.masked),
    }
    return (json_text(told, indent=2) + "\n").encode()


_IMPORT = r"^(from duckstring import .*\bpuddle\b|import duckstring)"
_HEAD = '"""Stand-ins for the Sources, on this machine."""\n\nfrom duckstring import puddle\n'


def _add_puddle(pond: LocalPond, ref: str, made: Recorded, snapshot: Snapshot) -> str:
    """Add a Puddle to the project's module, unless that has one for the table. Says what it did."""
    from duckstring.model.instants import to_text

    path, module = pond.puddles, pond.pondfile.pond.puddles
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    name = re.sub(r"\W", "_", ref)
    if re.search(rf"""@puddle\(\s*(table\s*=\s*)?['"]{re.escape(ref)}['"]""", text):
        return f'{module} has a Puddle for {ref}; to read these rows, let it return "{made.file}".'
    if not text:
        text = _HEAD
    elif not re.search(_IMPORT, text, re.MULTILINE):
        text = f"{text.rstrip()}\n\nfrom duckstring import puddle  # noqa: E402\n"
    masked = f"; masked: {', '.join(made.masked)}" if made.masked else ""
    where = f"{snapshot.source} run {snapshot.number} of {snapshot.catchment}"
    said = f"Rows of {where}, fresh as of {to_text(snapshot.f)}{masked}."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'{text.rstrip()}\n\n\n@puddle("{ref}")\ndef {name}():\n'
        f'    """{_plain(said)}"""\n    return "{made.file}"\n',
        encoding="utf-8",
    )
    return f"{module} has a new Puddle {name}, which reads them."


def _plain(text: str) -> str:
    """Text that ends no docstring: names of columns are others'."""
    return text.encode("ascii", "backslashreplace").decode().replace("\\", "/").replace('"', "'")


def _check_columns(known: Collection[str], given: dict[str, list[str]]) -> None:
    for option, names in given.items():
        for name in names:
            if name not in known:
                raise BadInputError(
                    f"{option} {name!r} is not a column; the table has {', '.join(known)}.",
                    hint=nearest(name, known),
                )


def _opened(folder: Path | None) -> tuple[LocalPond, DuckDBPyConnection]:
    import duckdb

    from duckstring.puddles.tables import open_tables
    from duckstring_cli.projects import open_project

    pond = open_project(folder, in_place=True)
    con = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    con.execute("SET TimeZone = 'UTC'")
    try:
        open_tables(pond, con)
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise OperatorError(
            f"A table in {pond.folder} cannot be read: {first}",
            hint="Make it anew: duckstring pond hydrate, duckstring pond run --fresh",
        ) from error
    return pond, con


def _known(pond: LocalPond) -> list[str]:
    from duckstring.puddles.tables import tables_of

    return [one.name for one in tables_of(pond)]


def _print(
    con: DuckDBPyConnection, select: str, known: str, *, limit: int | None, csv: bool, as_json: bool
) -> None:
    from duckstring_cli import reading, rows

    if csv and as_json:
        raise BadInputError("Give one of --csv and --json.")
    relation = reading.ask_of(con, select, None, known)
    how = rows.wanted(csv=csv, as_json=as_json, limit=limit)
    rows.show_rows(con, relation, select, None, how)


def _origin(one: LocalTable) -> str:
    from duckstring.model.instants import NEVER, to_text

    return one.origin if one.f == NEVER else f"{one.origin}, as of {render.moment(to_text(one.f))}"


def _nothing(folder: Path | None) -> str:
    named = f" {shlex.quote(str(folder))}" if folder else ""
    return f"Make some: duckstring pond hydrate{named}, or duckstring pond run{named}"
