"""One more version of a catalog: the rows that begin with it, and those that end."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from typing_extensions import override

from duckstring.exporter.columns import Column, flat
from duckstring.exporter.layout import FORMAT, MAIN, OWN, PONDS, PONDS_COLUMNS, PONDS_DATA
from duckstring.exporter.now import File, Published, Shape, Table
from duckstring.model.instants import Instant, to_text
from duckstring.model.lake import OWN_SCHEMA, OWN_TABLE, lake_schemas
from duckstring.model.names import Line, parse_line
from duckstring.model.sql import literal, quoted

Cell = str | int | bool | None
Row = Sequence[Cell]

DIGEST, OBJECTS = "duckstring.digest", "duckstring.objects"
"""Tags: what a table or view was made of; the keys of the objects that a view reads."""
_AUTHOR = "duckstring"
_ROWS_AT_ONCE = 1_000


class ColumnRow(NamedTuple):
    """A column as the catalog has it. ``parent``: the id of the one that it is a part of."""

    id: int
    parent: int | None
    order: int
    name: str
    type: str


@dataclass(slots=True)
class Shown:
    """A table or view of the newest version. ``files``: the ids of a table's, by path."""

    id: int
    digest: str
    is_view: bool
    files: dict[str, int] = field(default_factory=dict)
    columns: list[ColumnRow] = field(default_factory=list)
    mapping: int | None = None
    next_row: int = 0
    last_column: int = 0


@dataclass(slots=True)
class Schema:
    """A line in the newest version. ``row``: the id of its row in ``duckstring.ponds``."""

    id: int
    name: str
    row: int
    run: str
    f: Instant
    version: str
    tables: dict[str, Shown] = field(default_factory=dict)


@dataclass(slots=True)
class Held:
    """The newest version. ``next_row``: of ``duckstring.ponds``."""

    version: int = -1
    schema_version: int = 0
    next_id: int = PONDS + 1
    next_file: int = 0
    at: Instant | None = None
    next_row: int = 0
    schemas: dict[Line, Schema] = field(default_factory=dict)


class Adding:
    """The version after ``held``, which stays as it is."""

    def __init__(self, held: Held, *, bucket: str) -> None:
        """Nothing has changed yet."""
        self._held, self._bucket = held, bucket
        self._version = held.version + 1
        self._next_id, self._next_file, self._next_row = held.next_id, held.next_file, held.next_row
        self._begins: dict[str, list[Row]] = defaultdict(list)
        self._ends: list[str] = []
        self._changes: dict[str, None] = {}
        self._altered: list[int] = []
        self._has_other_schema = False
        if self._version == 0:
            self._begin()

    def put(
        self, lines: Mapping[Line, Published | None], shapes: Mapping[tuple[Line, str], Shape]
    ) -> None:
        """See ``CatalogFile.add``."""
        schemas = self._held.schemas
        names = lake_schemas(after(schemas, lines))
        # What gives a name up goes before what takes it.
        for of, schema in sorted(schemas.items()):
            if names.get(of) != schema.name:
                self._drop_schema(schema)
        for of, now in sorted(lines.items()):
            if now is not None:
                held = schemas.get(of)
                kept = held if held is not None and held.name == names[of] else None
                self._put_line(of, names[of], now, kept, shapes)
        self._stats(PONDS, len(names), self._next_row, 0)

    def statements(self, lines: Mapping[Line, Published | None], at: Instant) -> Iterator[str]:
        """SQL that writes the version. ``lines``: what it is about; ``at``: when it is made."""
        schema_version = self._held.schema_version + (self._has_other_schema and self._version > 0)
        told = {
            of: {"run": now.run, "f": to_text(now.f), "version": now.version} if now else None
            for of, now in sorted(lines.items())
        }
        message = ", ".join(
            now.run if now else f"{of} is gone" for of, now in sorted(lines.items())
        )
        self._insert(
            "ducklake_schema_versions",
            *((self._version, schema_version, table) for table in self._altered),
        )
        self._insert(
            "ducklake_snapshot",
            (
                self._version,
                to_text(max(at, self._held.at or at)),
                schema_version,
                self._next_id,
                self._next_file,
            ),
        )
        self._insert(
            "ducklake_snapshot_changes",
            (self._version, ",".join(self._changes), _AUTHOR, message, json.dumps(told)),
        )
        yield from self._ends
        for name, rows in self._begins.items():
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                values = ", ".join(map(_values, rows[first : first + _ROWS_AT_ONCE]))
                yield f"INSERT INTO {name} VALUES {values}"  # noqa: S608 - quoted

    def _begin(self) -> None:
        """What every catalog has."""
        self._insert(
            "ducklake_metadata",
            ("version", FORMAT, None, None),
            ("created_by", _AUTHOR, None, None),
            ("data_path", data_path(self._bucket), None, None),
            ("encrypted", "false", None, None),
        )
        self._schema_row(MAIN, "main", "main/")
        self._schema_row(OWN, OWN_SCHEMA, f"{OWN_SCHEMA}/")
        self._table_row(PONDS, OWN, OWN_TABLE)
        self._altered.append(PONDS)
        self._change(f"created_table:{quoted(OWN_SCHEMA)}.{quoted(OWN_TABLE)}")
        for number, (name, kind, _) in enumerate(PONDS_COLUMNS, 1):
            self._column_row(PONDS, ColumnRow(number, None, number, name, kind))
        self._insert("ducklake_inlined_data_tables", (PONDS, PONDS_DATA, 0))

    def _put_line(
        self,
        of: Line,
        name: str,
        now: Published,
        held: Schema | None,
        shapes: Mapping[tuple[Line, str], Shape],
    ) -> None:
        number = self._id() if held is None else held.id
        if held is None:
            self._schema_row(number, name, f"data/{of}/")
        shown = {} if held is None else held.tables
        for table in sorted(shown.keys() - now.tables.keys()):
            self._drop(shown[table])
        for table, wanted in sorted(now.tables.items()):
            shape = shapes.get((of, table))
            if shape is not None:
                self._put_table(_Place(number, name, table), wanted, shape, shown.get(table))
        if held is not None:
            self._drop_row(held)
        pond, major = parse_line(of)
        row = (name, pond, major, now.version, now.run, to_text(now.f))
        self._insert(PONDS_DATA, (self._next_row, self._version, None, *row))
        self._next_row += 1
        self._change(f"inlined_insert:{PONDS}")

    def _put_table(self, place: _Place, table: Table, shape: Shape, shown: Shown | None) -> None:
        if shown is not None and (shown.is_view or shape.sql):
            self._drop(shown)
            shown = None
        if shape.sql:
            number = self._put_view(place, table, shape)
        elif shown is None:
            number = self._id()
            self._table_row(number, place.schema, place.name)
            self._schema_changes(f"created_table:{place}")
            self._put_files(Shown(number, "", is_view=False), shape.columns, table.files)
        else:
            number = shown.id
            self._end("ducklake_tag", f"object_id = {number}")
            self._put_files(shown, shape.columns, table.files)
        self._tag(number, DIGEST, table.digest)

    def _put_view(self, place: _Place, table: Table, shape: Shape) -> int:
        number = self._id()
        row = (number, _uuid("view", number), self._version, None, place.schema, place.name)
        self._insert("ducklake_view", (*row, "duckdb", shape.sql, ""))
        self._schema_changes(f"created_view:{place}")
        self._tag(number, OBJECTS, "\n".join(table.keys))
        return number

    def _put_files(self, shown: Shown, columns: Sequence[Column], files: Sequence[File]) -> None:
        """A table's columns and files."""
        rows, are_others = self._columns(shown, columns)
        mapping, there = shown.mapping, shown.files
        if are_others or mapping is None:
            mapping, there = self._map(shown.id, columns, rows), {}
            self._altered.append(shown.id)
            if shown.columns:
                self._schema_changes(f"altered_table:{shown.id}")
        # A file is read by the mapping that it came with.
        paths = {one.path for one in files} & there.keys()
        if gone := sorted(number for path, number in shown.files.items() if path not in paths):
            self._end("ducklake_data_file", f"data_file_id IN ({_listed(gone)})")
            self._change(f"deleted_from_table:{shown.id}")
        next_row = shown.next_row
        for one in files:
            if one.path not in there:
                what = (one.path, True, "parquet", one.rows, one.bytes, None, next_row)
                begins = (self._file(), shown.id, self._version, None, None)
                self._insert("ducklake_data_file", (*begins, *what, None, None, mapping, None))
                next_row += one.rows
        if next_row > shown.next_row:
            self._change(f"inserted_into_table:{shown.id}")
        count, size = sum(one.rows for one in files), sum(one.bytes for one in files)
        self._stats(shown.id, count, next_row, size)

    def _columns(self, shown: Shown, columns: Sequence[Column]) -> tuple[Sequence[ColumnRow], bool]:
        """The columns' rows, and whether the table had others. A column that was there keeps its
        id.
        """
        ids = dict(_paths(shown.columns))
        rows: list[ColumnRow] = []
        last = shown.last_column

        def put(parts: Sequence[Column], parent: int | None, path: tuple[str, ...]) -> None:
            nonlocal last
            for one in parts:
                here = (*path, one.name)
                was = ids.get(here)
                if was is None or (was.type, was.parent) != (one.type, parent):
                    number = last = last + 1
                else:
                    number = was.id
                rows.append(ColumnRow(number, parent, len(rows) + 1, one.name, one.type))
                put(one.parts, number, here)

        put(columns, None, ())
        before, now = set(shown.columns), set(rows)
        if gone := sorted(row.id for row in before - now):
            where = f"table_id = {shown.id} AND column_id IN ({_listed(gone)})"
            self._end("ducklake_column", where)
        for row in rows:
            if row not in before:
                self._column_row(shown.id, row)
        return rows, before != now

    def _map(self, table: int, columns: Sequence[Column], rows: Sequence[ColumnRow]) -> int:
        """How the columns are called in files, which do not number them. Returns its id."""
        mapping = self._file()
        self._insert("ducklake_column_mapping", (mapping, table, "map_by_name"))
        places = {row.id: place for place, row in enumerate(rows)}
        for (place, row), one in zip(enumerate(rows), flat(columns), strict=True):
            parent = None if row.parent is None else places[row.parent]
            self._insert(
                "ducklake_name_mapping",
                (mapping, place, one.source or one.name, row.id, parent, False),
            )
        return mapping

    def _drop(self, shown: Shown) -> None:
        kind = "view" if shown.is_view else "table"
        self._end(f"ducklake_{kind}", f"{kind}_id = {shown.id}")
        self._end("ducklake_tag", f"object_id = {shown.id}")
        if not shown.is_view:
            self._end("ducklake_column", f"table_id = {shown.id}")
            self._end("ducklake_data_file", f"table_id = {shown.id}")
        self._schema_changes(f"dropped_{kind}:{shown.id}")

    def _drop_schema(self, schema: Schema) -> None:
        for _, shown in sorted(schema.tables.items()):
            self._drop(shown)
        self._drop_row(schema)
        self._end("ducklake_schema", f"schema_id = {schema.id}")
        self._schema_changes(f"dropped_schema:{schema.id}")

    def _drop_row(self, schema: Schema) -> None:
        self._end(PONDS_DATA, f"row_id = {schema.row}")
        self._change(f"inlined_delete:{PONDS}")

    def _schema_row(self, number: int, name: str, path: str) -> None:
        row = (number, _uuid("schema", number), self._version, None, name, path, True)
        self._insert("ducklake_schema", row)
        self._schema_changes(f"created_schema:{quoted(name)}")

    def _table_row(self, number: int, schema: int, name: str) -> None:
        row = (number, _uuid("table", number), self._version, None, schema, name, f"{name}/", True)
        self._insert("ducklake_table", row)

    def _column_row(self, table: int, row: ColumnRow) -> None:
        begins = (row.id, self._version, None, table, row.order, row.name, row.type)
        self._insert(
            "ducklake_column", (*begins, None, "NULL", True, row.parent, "literal", "duckdb")
        )

    def _tag(self, of: int, key: str, value: str) -> None:
        self._insert("ducklake_tag", (of, self._version, None, key, value))

    def _stats(self, table: int, rows: int, next_row: int, size: int) -> None:
        self._ends.append(f"DELETE FROM ducklake_table_stats WHERE table_id = {table}")  # noqa: S608 - a number
        self._insert("ducklake_table_stats", (table, rows, next_row, size))

    def _insert(self, table: str, *rows: Row) -> None:
        self._begins[table] += rows

    def _end(self, table: str, where: str) -> None:
        self._ends.append(
            f"UPDATE {table} SET end_snapshot = {self._version} "  # noqa: S608 - ids only
            f"WHERE {where} AND end_snapshot IS NULL"
        )

    def _change(self, what: str) -> None:
        self._changes[what] = None

    def _schema_changes(self, what: str) -> None:
        self._has_other_schema = True
        self._change(what)

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _file(self) -> int:
        self._next_file += 1
        return self._next_file - 1


def data_path(bucket: str) -> str:
    """What all paths of a catalog begin with."""
    return f"s3://{bucket}/"


def after(schemas: Collection[Line], lines: Mapping[Line, Published | None]) -> set[Line]:
    """The lines of a catalog once ``lines`` have changed."""
    return {of for of in schemas if of not in lines} | {
        of for of, now in lines.items() if now is not None
    }


class _Place(NamedTuple):
    """Where a table is: its schema's id and name, and its own name."""

    schema: int
    schema_name: str
    name: str

    @override
    def __str__(self) -> str:
        """As changes name it."""
        return f"{quoted(self.schema_name)}.{quoted(self.name)}"


def _paths(rows: Sequence[ColumnRow]) -> Iterator[tuple[tuple[str, ...], ColumnRow]]:
    """Each column by its names from the outermost on. ``rows``: parents first."""
    paths: dict[int | None, tuple[str, ...]] = {None: ()}
    for row in rows:
        paths[row.id] = (*paths[row.parent], row.name)
        yield paths[row.id], row


def _uuid(kind: str, number: int) -> str:
    """Always the same for the same id: a version that is made again is the same one."""
    return str(uuid5(NAMESPACE_URL, f"duckstring:{kind}:{number}"))


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _values(row: Row) -> str:
    return f"({', '.join(map(_cell, row))})"


def _cell(value: Cell) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return literal(value)
