"""Rows of a Catchment's published tables, for a Pond on its author's machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from duckstring.author.columns import ColumnTypes, column_types
from duckstring.author.lake import Lake
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.sql import literal, quoted
from duckstring.puddles.hydrate import Made, majors, move_in, partial_folder
from duckstring.puddles.inputs import Input, add_inputs, input_key, write_whole
from duckstring.puddles.masking import KEY, masked_columns, masking
from duckstring.puddles.project import LocalPond
from duckstring.puddles.storage import FolderStorage
from duckstring.worker.mentions import words_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_SEED = 42
_TAKEN = 'temp.main."~taken"'


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One published snapshot of one Source, whose tables are views of ``con`` by their names.

    ``f`` is its freshness, ``number`` the run that published it.
    """

    source: str
    catchment: str
    f: Instant
    number: int
    con: DuckDBPyConnection
    versions: dict[str, str]


def named_in_code(pond: LocalPond, tables: Sequence[str]) -> list[str]:
    """The tables that the Pond's code names; all, where it names none, or may read any."""
    words = words_of(pond.code)
    found = [table for table in tables if words is None or table in words]
    return found or list(tables)


def take(
    pond: LocalPond, snapshot: Snapshot, tables: Sequence[str], *, rows: int, now: Instant
) -> list[Made]:
    """Store at most so many rows of each table as input: the same ones each time, of the same
    snapshot.
    """
    major = majors(pond)[snapshot.source]
    made: list[Made] = []
    with partial_folder(pond.inputs) as folder:
        storage = FolderStorage(Line(""), inputs=folder, outputs=folder)
        storage.use(snapshot.con)
        lake = Lake(storage)
        for table in tables:
            ref = f"{snapshot.source}.{table}"
            relation = _sample(snapshot.con, table, rows)
            key = input_key(snapshot.source, major, table, snapshot.number)
            version = lake.write(ref, relation, key=key, is_measured=True)
            made.append(Made(ref, version.rows, version.bytes, version.fingerprint))
        move_in(pond, folder, [one.ref for one in made])
    new = {one.ref: _input(one, snapshot, now) for one in made}
    add_inputs(pond, new)
    return made


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: the file (relative to the project), its rows, those of the table, and the
    columns that were masked.
    """

    file: str
    rows: int
    of: int
    masked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnMasks:
    """What to mask. ``mask``: columns besides those whose names look secret or personal; ``keep``:
    columns that stay as they are. Tokens are made with ``key``.
    """

    key: str
    mask: Collection[str] = ()
    keep: Collection[str] = ()


def record(
    pond: LocalPond,
    snapshot: Snapshot,
    table: str,
    *,
    rows: int,
    masks: ColumnMasks,
    note: Callable[[Recorded], bytes],
) -> Recorded:
    """Store rows of a table in ``puddles/recorded``, with masked values, and a note beside them.

    Args:
        pond: the project.
        snapshot: where the table is from.
        table: it.
        rows: at most so many.
        masks: what to mask.
        note: makes the text of the file beside the rows.
    """
    con, ref = snapshot.con, f"{snapshot.source}.{table}"
    columns = columns_of(snapshot, table)
    masked = masked_columns(columns, masks.mask, masks.keep)
    con.execute(f"SET VARIABLE {KEY} = {literal(masks.key)}")
    relation = _sample(con, table, rows, masking(columns, masked))
    pond.recorded.mkdir(parents=True, exist_ok=True)
    part = pond.recorded / f".{ref}.part"
    storage = _OneFile(part)
    storage.use(con)
    total = con.sql(f"SELECT count(*) FROM {quoted(table)}").fetchone() or (0,)  # noqa: S608 - quoted
    try:
        version = Lake(storage).write(
            ref, relation, key=input_key(snapshot.source, 1, table, snapshot.number)
        )
        target = pond.recorded / f"{ref}.parquet"
        name = os.path.relpath(target, pond.root)
        made = Recorded(name, version.rows, int(total[0]), tuple(masked))
        part.replace(target)
        write_whole(pond.recorded / f"{ref}.json", note(made))
    finally:
        part.unlink(missing_ok=True)
    return made


def columns_of(snapshot: Snapshot, table: str) -> ColumnTypes:
    """A table's columns and their types."""
    return column_types(snapshot.con.sql(f"FROM {quoted(table)}"))


class _OneFile(FolderStorage):
    """Whatever is written becomes this file."""

    def __init__(self, file: Path) -> None:
        super().__init__(Line(""), inputs=file.parent, outputs=file.parent)
        self._file = file

    @override
    def uri(self, key: str) -> str:
        return str(self._file)


def _sample(con: DuckDBPyConnection, table: str, rows: int, items: str = "*") -> DuckDBPyRelation:
    """The rows are fetched here, by one statement: what reads a relation again finds them."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_TAKEN} AS SELECT {items} FROM (FROM {quoted(table)} "  # noqa: S608 - quoted
        f"USING SAMPLE reservoir({rows} ROWS) REPEATABLE ({_SEED}))"
    )
    return con.sql(f"FROM {_TAKEN}")


def _input(one: Made, snapshot: Snapshot, now: Instant) -> Input:
    table = one.ref.partition(".")[2]
    return Input(
        one.rows,
        one.bytes,
        one.fingerprint,
        now,
        now,
        f=snapshot.f,
        catchment=snapshot.catchment,
        snapshot=snapshot.number,
        version=snapshot.versions.get(table, ""),
    )
