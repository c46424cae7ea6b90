"""The lake's catalog: whatever Ponds publish, DuckLake's own extension reads each version as it
was, and the objects that the versions name are known.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from duckstring.author.columns import column_types
from duckstring.engine.state import PondState
from duckstring.exporter.catalog_file import CatalogFile
from duckstring.exporter.columns import columns_of
from duckstring.exporter.now import Published, Shape, published
from duckstring.model.catalog import Part, Release, TableVersion
from duckstring.model.instants import NEVER, Instant
from duckstring.model.lake import lake_schemas
from duckstring.model.names import Line, file_of_key, table_key
from duckstring.model.values import replace
from tests import ducklake
from tests.property.worlds import looks

START = datetime(2030, 1, 1, tzinfo=UTC)
LINES = (Line("sales@1"), Line("sales@2"), Line("main@0"), Line("sales_v1@1"))
NAMES = ("orders", "log")
COLUMNS = (
    "range AS i",
    "'t' || range AS i",
    "{'a': range, 'l': [MAP {'k': range::TINYINT}]} AS s, range AS i",
    "{'l': [MAP {'k': range::TINYINT}], 'b': range::DECIMAL(9,2)} AS s",
)

Rows = list[tuple[object, ...]]
Contents = Mapping[tuple[str, str], Rows]


@dataclass
class Lakes:
    """A folder with objects, what lines publish, and the catalog that is kept of it."""

    folder: Path
    con: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    states: dict[Line, PondState] = field(default_factory=dict)
    kinds: dict[tuple[Line, str], str] = field(default_factory=dict)
    versions: dict[int, tuple[Instant, Contents, set[str]]] = field(default_factory=dict)
    now: Instant = START
    runs: int = 0

    @property
    def catalog(self) -> Path:
        return self.folder / "catalog.ducklake"

    def write(self, of: Line, table: str, columns: str, rows: int, *, is_more: bool) -> None:
        """A run that writes a table whole, or adds a part to it."""
        self.runs += 1
        key = table_key(of, table, run=self.runs, ripple="r", attempt=1, invocation="0" * 8)
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        self.con.execute(f"COPY (SELECT {columns} FROM range({rows})) TO '{path}'")
        part = Part(file_of_key(key), rows, path.stat().st_size)
        state = self.states.get(of, PondState(of))
        before = state.tables.get(table)
        parts = (*(before.contents if is_more and before else ()), part)
        version = TableVersion(
            table, key, rows, part.bytes, "", parts=parts if len(parts) > 1 else (), version="1.0.0"
        )
        self.publish(of, {**state.tables, table: version})

    def publish(self, of: Line, tables: Mapping[str, TableVersion]) -> None:
        self.states[of] = replace(
            self.states.get(of, PondState(of)),
            release=Release(of, "1.0.0", "inlet", (), (), "", "a/b/1.0.0/c.zip", "", 0, 0, NEVER),
            snapshot=self.runs,
            snapshot_f=self.now,
            tables=tables,
        )

    def export(self, asked: Sequence[Line], *, kept: timedelta, is_view: bool) -> None:
        """What the exporter does, over a folder. ``is_view``: show tables by SQL."""
        work = self.folder / "work.ducklake"
        if self.catalog.exists():
            shutil.copy(self.catalog, work)
        con = duckdb.connect()
        file = CatalogFile(con, work, bucket="b")
        lines: dict[Line, Published | None] = {}
        more = {*asked}
        while more:
            lines |= {of: published(self.states.get(of)) for of in more}
            more = file.moved(lines)
        changed = file.changed(lines)
        shapes = {
            (of, name): self.shape(table.keys, is_view=is_view)
            for of, tables in changed.items()
            for name, table in tables.items()
        }
        if changed or not self.versions:
            file.add({of: lines[of] for of in changed}, shapes, at=self.now)
            exported = {of: self.states[of] for of in file.lines}
            keys = {k for s in exported.values() for v in s.tables.values() for k in v.keys}
            self.versions[file.version] = (self.now, dict(self.contents(exported)), keys)
        file.expire(self.now - kept)
        self.forget(self.now - kept)
        assert file.objects() == {key for *_, keys in self.versions.values() for key in keys}
        saved = self.folder / "saved.ducklake"
        file.save(saved)
        con.close()
        saved.replace(self.catalog)
        work.unlink()

    def shape(self, keys: Sequence[str], *, is_view: bool) -> Shape:
        files = ", ".join(f"'{self.folder / key}'" for key in keys)
        sql = f"SELECT * FROM read_parquet([{files}])"
        columns = columns_of(column_types(self.con.sql(sql)))
        assert columns is not None
        return Shape(sql=sql) if is_view else Shape(columns)

    def contents(self, states: Mapping[Line, PondState]) -> Iterator[tuple[tuple[str, str], Rows]]:
        names = lake_schemas(states.keys())
        for of, state in states.items():
            for name, version in state.tables.items():
                files = ", ".join(f"'{self.folder / key}'" for key in version.keys)
                rows = self.con.execute(f"FROM read_parquet([{files}]) ORDER BY ALL").fetchall()
                yield (names[of], name), rows

    def forget(self, before: Instant) -> None:
        """Versions in whose place there was a newer one already."""
        old = [number for number, (at, *_) in self.versions.items() if at <= before]
        for number in old[:-1]:
            del self.versions[number]

    def check(self) -> None:
        con = ducklake.attached(self.catalog, self.folder)
        kept = con.execute("SELECT snapshot_id FROM lake.snapshots() ORDER BY 1").fetchall()
        assert [number for (number,) in kept] == sorted(self.versions)
        con.close()
        for number, (_, contents, _) in self.versions.items():
            con = ducklake.attached(self.catalog, self.folder)
            con.execute("DETACH lake")
            con.execute(
                f"ATTACH 'ducklake:{self.catalog}' AS lake (READ_ONLY, SNAPSHOT_VERSION {number}, "
                f"DATA_PATH '{self.folder}/', OVERRIDE_DATA_PATH true)"
            )
            assert ducklake.tables(con) == set(contents)
            for (schema, name), rows in contents.items():
                found = con.execute(f'FROM lake."{schema}"."{name}" ORDER BY ALL').fetchall()
                assert found == rows
            con.close()


@looks(12)
@given(st.data())
def test_each_version_is_read_as_it_was_and_its_objects_are_known(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        lakes = Lakes(Path(folder))
        lakes.export(LINES, kept=timedelta(hours=9), is_view=False)
        for _ in range(data.draw(st.integers(1, 8))):
            of = data.draw(st.sampled_from(LINES))
            match data.draw(st.sampled_from(["write", "write", "more", "drop", "remove", "pass"])):
                case "write":
                    columns = data.draw(st.sampled_from(COLUMNS))
                    name = data.draw(st.sampled_from(NAMES))
                    lakes.kinds[of, name] = columns
                    lakes.write(of, name, columns, data.draw(st.integers(0, 3)), is_more=False)
                case "more":
                    name = data.draw(st.sampled_from(NAMES))
                    columns = lakes.kinds.setdefault((of, name), COLUMNS[0])
                    lakes.write(of, name, columns, data.draw(st.integers(1, 3)), is_more=True)
                case "drop" if of in lakes.states and lakes.states[of].tables:
                    lakes.runs += 1
                    name = data.draw(st.sampled_from(sorted(lakes.states[of].tables)))
                    left = {k: v for k, v in lakes.states[of].tables.items() if k != name}
                    lakes.publish(of, left)
                case "remove":
                    lakes.states.pop(of, None)
                case _:
                    pass
            if data.draw(st.booleans()):
                asked = data.draw(st.sampled_from([LINES, (of,)]))
                kept = timedelta(hours=data.draw(st.integers(0, 6)))
                lakes.export(asked, kept=kept, is_view=data.draw(st.booleans()))
            lakes.now += timedelta(hours=data.draw(st.integers(0, 2)))
        lakes.export(LINES, kept=timedelta(hours=9), is_view=False)
        lakes.check()
