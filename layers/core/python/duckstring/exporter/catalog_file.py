"""The DuckLake catalog as a DuckDB file.

It is written as the tables that DuckLake's specification names, without DuckLake: so no object has
to be read, and no function needs the extension. What a version shows are the rows with
``begin_snapshot <= version < end_snapshot``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duckstring.exporter.adding import (
    DIGEST,
    OBJECTS,
    Adding,
    ColumnRow,
    Held,
    Schema,
    Shown,
    after,
    data_path,
)
from duckstring.exporter.layout import BLOCK, FORMAT, PONDS, PONDS_DATA, TABLES, VERSIONED
from duckstring.exporter.now import Published, Shape, Table
from duckstring.model.instants import Instant, to_text
from duckstring.model.lake import digest_of, lake_schemas, shown
from duckstring.model.names import Line, line
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_UNNEEDED = (
    ("ducklake_column_mapping", "mapping_id", "ducklake_data_file"),
    ("ducklake_name_mapping", "mapping_id", "ducklake_column_mapping"),
    ("ducklake_table_stats", "table_id", "ducklake_table"),
    ("ducklake_schema_versions", "table_id", "ducklake_table"),
)
"""Rows that go with others: the table, the column, and where it has to be."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CatalogFile:
    """One catalog, which is changed in place. Nothing else has it open."""

    def __init__(self, con: DuckDBPyConnection, path: Path, *, bucket: str) -> None:
        """Open it. Begin one if there is no file, or if it is of another bucket (of a Catchment
        that was restored from a copy) or in another format.

        Args:
            con: a DuckDB that nobody else uses.
            path: the file.
            bucket: the Catchment's, where all objects lie.
        """
        self._con, self._path, self._bucket = con, path, bucket
        self.is_new = not (path.exists() and self._open() and self._is_ours())
        if self.is_new:
            con.execute("USE memory; DETACH DATABASE IF EXISTS lake")
            path.unlink(missing_ok=True)
            self._open()
            con.execute(TABLES)
        self._held = self._load()

    def _open(self) -> bool:
        """False: it is no database."""
        import duckdb  # noqa: PLC0415 - its own start is most of the function's

        try:
            self._con.execute(
                f"ATTACH {literal(str(self._path))} AS lake (BLOCK_SIZE {BLOCK}); USE lake"
            )
        except duckdb.Error:
            if not self._path.exists():
                raise
            return False
        return True

    def _is_ours(self) -> bool:
        import duckdb  # noqa: PLC0415 - its own start is most of the function's

        try:
            found = self._con.execute("SELECT key, value FROM ducklake_metadata").fetchall()
        except duckdb.Error:
            return False
        return {"version": FORMAT, "data_path": data_path(self._bucket)}.items() <= dict(
            found
        ).items()

    @property
    def version(self) -> int:
        """The newest version; -1: there is none yet."""
        return self._held.version

    @property
    def lines(self) -> Mapping[Line, int]:
        """The lines that the newest version shows, and how many tables it has of each."""
        return {of: len(schema.tables) for of, schema in self._held.schemas.items()}

    @property
    def digest(self) -> str:
        """Of the newest version's lines."""
        return digest_of(self.runs)

    def after(self, lines: Mapping[Line, Published | None]) -> set[Line]:
        """The lines that it shows once ``lines`` have changed."""
        return after(self._held.schemas, lines)

    def schema(self, of: Line) -> str:
        """What the schema of a line is called in the newest version."""
        return self._held.schemas[of].name

    @property
    def runs(self) -> Mapping[Line, str]:
        """What the newest version shows of each line (``model.lake.shown``)."""
        return {of: shown(one.run, one.f) for of, one in self._held.schemas.items()}

    def moved(self, lines: Mapping[Line, Published | None]) -> set[Line]:
        """The other lines whose schema is called otherwise once ``lines`` have changed."""
        names = lake_schemas(after(self._held.schemas, lines))
        return {
            of
            for of, schema in self._held.schemas.items()
            if of not in lines and names[of] != schema.name
        }

    def changed(self, lines: Mapping[Line, Published | None]) -> Mapping[Line, Mapping[str, Table]]:
        """The lines that are not as the newest version shows them, and those of their tables that
        are not.
        """
        names = lake_schemas(after(self._held.schemas, lines))
        found: dict[Line, Mapping[str, Table]] = {}
        for of, now in lines.items():
            shown = self._held.schemas.get(of)
            if now is None:
                found |= {of: {}} if shown is not None else {}
            elif shown is None or shown.name != names[of]:
                found[of] = now.tables
            elif (tables := _others(shown, now)) or not _is_same(shown, now):
                found[of] = tables
        return found

    def add(
        self,
        lines: Mapping[Line, Published | None],
        shapes: Mapping[tuple[Line, str], Shape],
        *,
        at: Instant,
    ) -> None:
        """Add a version in which these lines are as they are now.

        Args:
            lines: those that have changed, and those that have ``moved``; None: it publishes
                nothing any more.
            shapes: of their tables that have changed. One that has none is left as it was.
            at: when the version is made. No version is older than the one before it.
        """
        adding = Adding(self._held, bucket=self._bucket)
        adding.put(lines, shapes)
        self._con.execute("BEGIN")
        for statement in adding.statements(lines, at):
            self._con.execute(statement)
        self._con.execute("COMMIT")
        self._held = self._load()

    def expire(self, before: Instant) -> int:
        """Forget versions in whose place a newer one was already at an instant. Returns how many.

        The objects that no other version names go with them.
        """
        # Without parameters: DuckDB would import pandas to read them.
        found = self._con.execute(
            "SELECT coalesce(max(snapshot_id) FILTER (snapshot_time <= "  # noqa: S608 - quoted
            f"{literal(to_text(before))}::TIMESTAMPTZ), min(snapshot_id)), min(snapshot_id) "
            "FROM ducklake_snapshot"
        ).fetchone()
        if found is None or found[0] is None or found[0] == found[1]:
            return 0
        oldest, count = int(found[0]), int(found[0]) - int(found[1])
        self._con.execute("BEGIN")
        for table in VERSIONED:
            self._con.execute(f"DELETE FROM {table} WHERE end_snapshot <= {oldest}")  # noqa: S608 - our own words
        for table in ("ducklake_snapshot", "ducklake_snapshot_changes"):
            self._con.execute(f"DELETE FROM {table} WHERE snapshot_id < {oldest}")  # noqa: S608 - our own words
        for table, key, needed in _UNNEEDED:
            self._con.execute(
                f"DELETE FROM {table} WHERE {key} NOT IN (SELECT {key} FROM {needed})"  # noqa: S608 - our own words
            )
        self._con.execute("COMMIT")
        return count

    @property
    def expires(self) -> Instant | None:
        """When ``expire`` has something to forget, of versions that can be read for no time after
        a newer one has taken their place. None: there is one version at most.
        """
        found = self._rows(
            "SELECT epoch_us(snapshot_time) FROM ducklake_snapshot ORDER BY snapshot_id "
            "LIMIT 1 OFFSET 1"
        )
        return _instant(found[0][0]) if found else None

    def objects(self) -> set[str]:
        """The keys of all objects that its versions name."""
        files = self._con.execute(
            "SELECT DISTINCT s.path || t.path || f.path FROM ducklake_data_file f "
            "JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id)"
        ).fetchall()
        read = self._con.execute(
            "SELECT DISTINCT unnest(split(value, chr(10))) FROM ducklake_tag "  # noqa: S608 - quoted
            f"WHERE key = {literal(OBJECTS)}"
        ).fetchall()
        return {key for (key,) in (*files, *read)}

    def save(self, path: Path) -> None:
        """Close it, and write it to another file: without the room that forgotten rows took."""
        self._con.execute(f"ATTACH {literal(str(path))} AS fresh (BLOCK_SIZE {BLOCK})")
        self._con.execute("COPY FROM DATABASE lake TO fresh; USE memory")
        self._con.execute("DETACH fresh; DETACH lake")

    def _load(self) -> Held:
        held = Held()
        for number, schema_version, next_id, next_file, at in self._rows(
            "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id, "
            "epoch_us(snapshot_time) FROM ducklake_snapshot ORDER BY 1 DESC LIMIT 1"
        ):
            held = Held(number, schema_version, next_id, next_file, _instant(at))
        held.schemas = dict(self._schemas())
        tables = {shown.id: shown for one in held.schemas.values() for shown in one.tables.values()}
        self._load_files(tables)
        for number, next_row in self._rows(
            "SELECT table_id, next_row_id FROM ducklake_table_stats"
        ):
            if number == PONDS:
                held.next_row = next_row
            elif number in tables:
                tables[number].next_row = next_row
        return held

    def _load_files(self, tables: Mapping[int, Shown]) -> None:
        """The files and columns of tables, by id."""
        for number, file, path, mapping in self._rows(
            "SELECT table_id, data_file_id, path, mapping_id FROM ducklake_data_file "
            "WHERE end_snapshot IS NULL ORDER BY data_file_id"
        ):
            tables[number].files[path] = file
            tables[number].mapping = mapping
        for number, is_now, *row in self._rows(
            "SELECT table_id, end_snapshot IS NULL, column_id, parent_column, column_order, "
            "column_name, column_type FROM ducklake_column ORDER BY column_order"
        ):
            if number in tables:
                column, shown = ColumnRow(*row), tables[number]
                shown.columns += [column] if is_now else []
                shown.last_column = max(shown.last_column, column.id)

    def _schemas(self) -> Iterator[tuple[Line, Schema]]:
        """The lines of the newest version, with the names of their tables and views."""
        tables: dict[int, dict[str, Shown]] = {}
        for kind in ("table", "view"):
            for schema, name, number, digest in self._rows(
                f"SELECT t.schema_id, t.{kind}_name, t.{kind}_id, g.value "  # noqa: S608 - our own words
                f"FROM ducklake_{kind} t JOIN ducklake_tag g ON g.object_id = t.{kind}_id "
                "WHERE t.end_snapshot IS NULL AND g.end_snapshot IS NULL "
                f"AND g.key = {literal(DIGEST)}"
            ):
                shown = Shown(number, digest, is_view=kind == "view")
                tables.setdefault(schema, {})[name] = shown
        for pond, major, row, run, f, version, name, number in self._rows(
            f"SELECT p.pond, p.major, p.row_id, p.run, epoch_us(p.f), p.version, p.schema, "  # noqa: S608 - our own words
            f"s.schema_id FROM {PONDS_DATA} p JOIN ducklake_schema s ON s.schema_name = p.schema "
            "WHERE p.end_snapshot IS NULL AND s.end_snapshot IS NULL"
        ):
            found = Schema(number, name, row, run, _instant(f), version, tables.get(number, {}))
            yield line(pond, major), found

    def _rows(self, sql: str) -> list[Any]:
        return self._con.execute(sql).fetchall()


def _others(shown: Schema, now: Published) -> Mapping[str, Table]:
    """The tables that are not as they are shown."""
    return {
        name: table
        for name, table in now.tables.items()
        if name not in shown.tables or shown.tables[name].digest != table.digest
    }


def _is_same(shown: Schema, now: Published) -> bool:
    """Whether the line is shown as it is, but for its tables' contents."""
    return (shown.run, shown.f, shown.version) == (now.run, now.f, now.version) and (
        shown.tables.keys() <= now.tables.keys()
    )


def _instant(microseconds: int) -> Instant:
    return _EPOCH + timedelta(microseconds=microseconds)
