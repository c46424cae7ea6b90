"""Rows of published tables, as text: for the page's grid and its SQL, and as files.

DuckDB runs here, with the user's rights on the Catchment's bucket. What the page asks for reads
the tables of one snapshot and nothing else: no file of this machine, no other address.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from duckstring.model.answers import TablesAnswer
from duckstring.model.sql import quoted
from duckstring_cli import reading, saving, selects
from duckstring_cli.client import Client

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_ROWS = 10_000
OnOpen = Callable[["DuckDBPyConnection"], None]


class Column(TypedDict):
    """A column's name, and its type as DuckDB calls it."""

    name: str
    type: str


class Grid(TypedDict):
    """Rows as text; NULL is None. ``more``: there are more rows. ``seconds``: how long it took."""

    columns: list[Column]
    rows: list[list[str | None]]
    more: bool
    seconds: float


def of_table(client: Client, snapshot: TablesAnswer, table: str, limit: int, on: OnOpen) -> Grid:
    """The first rows of a published table.

    Raises:
        BadInputError: there is no such table.
        OperatorError: its files cannot be read.
    """
    reading.find_table(snapshot, table)
    return of_select(client, snapshot, f"FROM {quoted(table)}", limit, on)


def of_sql(client: Client, snapshot: TablesAnswer, sql: str, limit: int, on: OnOpen) -> Grid:
    """The first rows of one SELECT over a Pond's tables.

    Raises:
        BadInputError: it is not one SELECT, or DuckDB does not accept it.
        OperatorError: the tables' files cannot be read.
    """
    return of_select(client, snapshot, selects.one_select(sql), limit, on)


def of_select(client: Client, snapshot: TablesAnswer, select: str, limit: int, on: OnOpen) -> Grid:
    """The first rows of a SELECT that is known to be one."""
    began = time.monotonic()
    with _opened(client, snapshot, select, on) as con, reading.reading_from(client.catchment):
        relation = reading.ask(con, select, client.catchment, snapshot)
        columns: list[Column] = [
            {"name": name, "type": str(kind)}
            for name, kind in zip(relation.columns, relation.types, strict=True)
        ]
        rows = reading.as_text(relation).limit(limit + 1).fetchall()
    return {
        "columns": columns,
        "rows": [list(row) for row in rows[:limit]],
        "more": len(rows) > limit,
        "seconds": round(time.monotonic() - began, 3),
    }


def export(client: Client, snapshot: TablesAnswer, sql: str, target: Path, on: OnOpen) -> None:
    """Write all rows of one SELECT to a file, in the format that its name ends in.

    Raises:
        BadInputError: it is not one SELECT, or DuckDB does not accept it.
        OperatorError: the tables' files cannot be read.
    """
    select = selects.one_select(sql)
    writes = [saving.unfinished(target)]
    with _opened(client, snapshot, select, on, writes) as con:
        reading.ask(con, select, client.catchment, snapshot)
        saving.save(con, select, target, client.catchment)


@contextmanager
def _opened(
    client: Client,
    snapshot: TablesAnswer,
    select: str,
    on: OnOpen,
    writes: Iterable[Path] = (),
) -> Iterator[DuckDBPyConnection]:
    con = reading.connect_locked(client.catchment, snapshot, select, writes=writes)
    try:
        on(con)
        yield con
    finally:
        con.close()
