"""What lies in ``puddles``, for reading it: Sources' tables, and the Pond's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckstring.author import stored
from duckstring.author.contents import whole
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import writer_of
from duckstring.model.sql import quoted
from duckstring.puddles.inputs import file_of, read_inputs
from duckstring.puddles.line import read_line
from duckstring.puddles.project import LocalPond

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class LocalTable:
    """One table: ``source.table``, or one of the Pond's own. ``made``: when; ``origin``: by what.

    ``f``: the freshness of what was taken from a Catchment.
    """

    name: str
    rows: int
    bytes: int
    made: Instant
    origin: str
    f: Instant = NEVER


def tables_of(pond: LocalPond) -> list[LocalTable]:
    """All tables, inputs first."""
    module = pond.pondfile.pond.puddles
    inputs = [
        LocalTable(
            ref,
            one.rows,
            one.bytes,
            one.hydrated,
            f"{one.catchment}, {ref.partition('.')[0]} run {one.snapshot}"
            if one.catchment
            else module,
            one.f,
        )
        for ref, one in read_inputs(pond).tables.items()
    ]
    own = [
        LocalTable(name, one.rows, one.bytes, one.f, f"run {pond.line}/{_run_of(one.key)}")
        for name, one in read_line(pond, []).state.tables.items()
    ]
    return [*inputs, *own]


def _run_of(key: str) -> int:
    run, _ = writer_of(key)
    return run


def open_tables(pond: LocalPond, con: DuckDBPyConnection) -> None:
    """Make views of everything that lies in ``puddles``: ``source.table``, and own tables by their
    names.
    """
    for ref in read_inputs(pond).tables:
        source, _, table = ref.partition(".")
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(source)}")
        view = f"{quoted(source)}.{quoted(table)}"
        select = stored.select(con, whole(str(file_of(pond.inputs, ref))))
        con.execute(f"CREATE VIEW {view} AS {select}")
    for table in read_line(pond, []).state.tables:
        select = stored.select(con, whole(str(pond.outputs / f"{table}.parquet")))
        con.execute(f"CREATE VIEW {quoted(table)} AS {select}")
