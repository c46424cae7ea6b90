"""Rows of published tables, as text: for the page's grid and its SQL, and as files.

DuckDB runs here, with the user's rights on the Catchment's bucket. What the page asks for reads
published tables and nothing else: no file of this machine, no other address.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from duckstring.errors import DuckstringError, OperatorError
from duckstring.model.answers.tables import TablesAnswer
from duckstring.model.instants import to_text
from duckstring.model.sql import quoted
from duckstring_cli import moments, reading, saving, selects, streaming
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError
from duckstring_cli.lake import Lake

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

MOST_ROWS = 10_000
_ROOM = 20_000_000
"""Bytes of an answer, about."""
_LONGEST_CELL = 10_000
"""Characters that are shown. A file has all of them."""
_FIRST_ROWS, _MORE_ROWS = 50, 500
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


def of_select(client: Client, snapshot: TablesAnswer, select: str, limit: int, on: OnOpen) -> Grid:
    """The first rows of a SELECT that is known to be one."""
    began = time.monotonic()
    con = reading.connect_locked(client.catchment, snapshot, select)
    try:
        on(con)
        with reading.reading_rows(client.catchment):
            relation = reading.ask(con, select, client.catchment, snapshot)
            columns = _columns(relation)
            rows = relation.project(_texts(relation)).limit(limit + 1).fetchall()
    finally:
        con.close()
    return {
        "columns": columns,
        "rows": [list(row) for row in rows[:limit]],
        "more": len(rows) > limit,
        "seconds": round(time.monotonic() - began, 3),
    }


def _texts(relation: DuckDBPyRelation) -> str:
    """SQL of what is shown of each column."""
    places = range(1, len(relation.columns) + 1)
    return ", ".join(reading.shortened(f"#{place}", _LONGEST_CELL) for place in places)


def _columns(relation: DuckDBPyRelation) -> list[Column]:
    return [
        {"name": name, "type": str(kind)}
        for name, kind in zip(relation.columns, relation.types, strict=True)
    ]


# SQL over all Ponds


@dataclass(frozen=True, slots=True)
class Asked:
    """One SELECT over all Ponds, and which snapshots it reads, as for ``lake.Lake``."""

    sql: str
    consistent: bool = False
    at: str | None = None

    def lake(self, client: Client, writes: Iterable[str] = ()) -> Lake:
        """A locked database for it."""
        return Lake(client, consistent=self.consistent, at=self.at, writes=writes)


def asked(body: Mapping[str, Any]) -> Asked:
    """What a request's body asks: ``sql``, ``consistent``? and ``at``?, as the command takes it.

    Raises:
        BadInputError: it is wrong.
    """
    sql, consistent, at = body.get("sql"), body.get("consistent", False), body.get("at")
    if not isinstance(sql, str):
        raise BadInputError("sql is a text.")
    if not isinstance(consistent, bool) or not (at is None or isinstance(at, str)):
        raise BadInputError("consistent is true or false, and at a text.")
    if consistent and at is not None:
        raise BadInputError("Give consistent or at, not both.")
    then = to_text(moments.ago(at, now=datetime.now(UTC))) if at is not None else None
    return Asked(selects.one_select(sql), consistent, then)


def of_sql(client: Client, asked: Asked, limit: int, on: OnOpen) -> Generator[str, None, None]:
    """The first rows, as lines of JSON that come one after the other: first ``columns`` and ``f``
    (the freshness that was asked for), then ``rows``, in the end ``more`` and ``seconds``, or
    ``error``.

    Raises:
        BadInputError: DuckDB does not accept the SELECT, or it names what does not exist.
        OperatorError: the Catchment refuses, or the tables cannot be read.
    """
    began = time.monotonic()
    lake = asked.lake(client)
    try:
        on(lake.con)
        relation = lake.ask(asked.sql)
        yield _line({"columns": _columns(relation), "f": lake.f})
        try:
            select = f"SELECT {_texts(relation)} FROM ({asked.sql}\n) LIMIT {limit + 1}"  # noqa: S608 - the user's own
            more = yield from _rows(lake.con, select, limit, client)
        except DuckstringError as error:
            told = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
            yield _line({"error": told})
            return
        yield _line({"more": more, "seconds": round(time.monotonic() - began, 3)})
    finally:
        lake.close()


def _rows(
    con: DuckDBPyConnection, select: str, limit: int, client: Client
) -> Generator[str, None, bool]:
    """Lines with rows. Gives whether there are more."""
    import duckdb

    left, room, most = limit, _ROOM, _FIRST_ROWS
    try:
        with reading.reading_from(client.catchment):
            con.execute(select)
            while found := streaming.fetch(con, most, select):
                rows = [list(row) for row in found[:left]]
                line = _line({"rows": rows})
                yield line
                left, room, most = left - len(rows), room - len(line), _MORE_ROWS
                if len(rows) < len(found) or room < 0:
                    return True
    except duckdb.Error as error:
        raise OperatorError(str(error).strip()) from error
    return False


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def export(client: Client, asked: Asked, target: Path, on: OnOpen) -> None:
    """Write all rows of one SELECT to a file, in the format that its name ends in.

    Raises:
        BadInputError: DuckDB does not accept it, or it names what does not exist.
        OperatorError: the Catchment refuses, or the tables cannot be read.
    """
    lake = asked.lake(client, [str(saving.unfinished(target))])
    try:
        on(lake.con)
        lake.ask(asked.sql)
        saving.save(lake.con, asked.sql, target, client.catchment)
    finally:
        lake.close()
