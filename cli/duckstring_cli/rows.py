"""Rows on the screen, on stdout for programs, or in a file: what ``query``, ``sql`` and ``puddle
query`` have in common.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from duckstring_cli import render
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

Style = Literal["table", "csv", "json"]

DEFAULT_LIMIT = 20
_WIDEST = 40
_NUMBERS = {
    "float",
    "double",
    "decimal",
    *(f"{sign}{size}int" for sign in ("", "u") for size in ("tiny", "small", "big", "huge")),
}
_NUMBERS |= {"integer", "uinteger"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a user wants to have rows: printed in a ``style``, or in the Parquet ``file``.
    ``limit``: rows at most, as it was typed.
    """

    style: Style
    limit: int | None = None
    file: Path | None = None

    @property
    def most(self) -> int | None:
        """Rows at most; None: all."""
        if self.limit is None and self.style == "table" and self.file is None:
            return DEFAULT_LIMIT
        return self.limit


def wanted(*, csv: bool, as_json: bool, parquet: Path | None = None, limit: int | None) -> Wanted:
    """What the options say.

    Raises:
        BadInputError: more than one form is asked for, or a folder for a file.
    """
    if csv + as_json + bool(parquet) > 1:
        raise BadInputError("Give one of --csv, --json and --parquet.")
    if parquet is not None and (parquet.name in {"", ".."} or parquet.is_dir()):
        raise BadInputError(f"{str(parquet)!r} is a folder.", hint="Name a file in it.")
    if parquet is not None and not parquet.suffix:
        parquet = parquet.with_suffix(".parquet")
    return Wanted("csv" if csv else "json" if as_json else "table", limit, parquet)


def limited(select: str, limit: int | None) -> str:
    """The SELECT with so many rows at most."""
    return select if limit is None else f"FROM ({select}\n) LIMIT {limit}"


def save_rows(
    con: DuckDBPyConnection, select: str, target: Path, catchment: Catchment | None
) -> int:
    """Write what ``select`` gives to a file, and show that it takes time. Gives the number of
    rows.
    """
    from duckstring_cli import saving

    with render.steps() as step:
        step(f"Writing {target}")
        return saving.save(con, select, target, catchment)


def say_saved(rows: int, target: Path) -> None:
    """``30 rows in routes.csv``."""
    render.say(f"{render.count(rows)} row{'' if rows == 1 else 's'} in {escape(str(target))}")


def show_rows(
    con: DuckDBPyConnection,
    relation: DuckDBPyRelation,
    select: str,
    catchment: Catchment | None,
    how: Wanted,
) -> None:
    """Print the rows of ``select``, which ``relation`` gives too: as a ``table`` as wide as the
    terminal, as ``csv`` or as ``json``.

    ``catchment`` is None for files of this machine.
    """
    from duckstring_cli import reading

    with reading.reading_rows(catchment):
        if how.style == "table":
            rows, more, hidden = print_rows(relation, how.most or DEFAULT_LIMIT)
            footnotes(rows, more=more, hidden=hidden)
        else:
            _stream(con, limited(select, how.most), how.style)


def _stream(con: DuckDBPyConnection, select: str, style: Literal["csv", "json"]) -> None:
    from duckstring_cli import streaming

    streaming.stream(con, select, style, sys.stdout, _escape(style, to_terminal=_is_terminal()))


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _escape(style: Literal["csv", "json"], *, to_terminal: bool) -> Callable[[str], str]:
    """For stdout: JSON the same everywhere, with escapes of its own; CSV as it is for programs,
    and harmless for a terminal.
    """
    from duckstring.model.foreign import for_terminal, harmless_json

    if style == "json":
        return harmless_json
    return (lambda text: for_terminal(text, lines=True)) if to_terminal else str


class Shown(NamedTuple):
    """Rows as they are printed. ``more``: there are more of them."""

    columns: list[str]
    numbers: list[bool]
    cells: list[list[str]]
    more: bool


def shown(relation: DuckDBPyRelation, limit: int) -> Shown:
    """The first rows of a relation, as text that is harmless to a terminal."""
    from duckstring_cli import reading

    found = reading.as_text(relation.limit(limit + 1)).fetchall()
    return Shown(
        [_plain(name) for name in relation.columns],
        [dtype.id in _NUMBERS for dtype in relation.types],
        [[_cell(value) for value in row] for row in found[:limit]],
        len(found) > limit,
    )


def print_rows(relation: DuckDBPyRelation, limit: int) -> tuple[int, bool, list[str]]:
    """Rows as a table as wide as the terminal. Gives what there is to say of it: rows shown,
    whether there are more, columns left out.
    """
    found = shown(relation, limit)
    return len(found.cells), found.more, print_shown(found)


def print_shown(found: Shown) -> list[str]:
    """Print a table as wide as the terminal. Gives the columns that are left out."""
    from rich.text import Text

    columns, cells = found.columns, found.cells
    console = render.out()
    kept = columns_that_fit(columns, cells, console.width)
    made = render.table()
    for index in kept:
        made.add_column(
            Text(columns[index]),
            justify="right" if found.numbers[index] else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
        made.columns[-1].max_width = (
            max(_WIDEST, len(columns[index])) if console.is_terminal else None
        )
    for row in cells:
        made.add_row(*(Text(row[index]) for index in kept))
    console.print(made)
    return [name for index, name in enumerate(columns) if index not in kept]


def footnotes(rows: int, *, more: bool, hidden: list[str], took: str = "") -> None:
    """On stderr: how many rows there are, what is left out, and how long it took."""
    from rich.text import Text

    console = render.err()
    if hidden:
        console.print(
            Text(
                f"{len(hidden)} more columns: {', '.join(hidden)} (pick with SQL, or --csv)",
                style="dim",
            )
        )
    counted = f"{rows} row{'' if rows == 1 else 's'}{took}"
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
