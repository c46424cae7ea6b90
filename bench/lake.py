"""The lake of 50 Ponds with ten tables each: the first export, one after a Pond has published, and
how a reader attaches it.

    python -m bench.lake
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb

from bench.plain import serving
from bench.table import Figure, machine, show
from duckstring.adapters.aws.clock import SystemClock
from duckstring.adapters.aws.duck import Keys, S3Storage
from duckstring.adapters.aws.lake_tables import BucketTables
from duckstring.engine.state import PondState
from duckstring.exporter.export import export
from duckstring.exporter.ports import ExporterPorts
from duckstring.model.catalog import Release, TableVersion
from duckstring.model.instants import NEVER
from duckstring.model.lake import Exported
from duckstring.model.names import Line, line, table_key
from duckstring.ports import Seen

PONDS, TABLES, BUCKET = 50, 10, "the-bucket"
_COLUMNS = "range AS id, 'n' || range AS name, range / 7 AS price, now() AS at, [range] AS tags"


class Shelf:
    """Catalogs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.newest = folder, None

    newest: Exported | None

    def path(self, exported: Exported) -> Path:
        return self.folder / exported.key.rpartition("/")[2]

    def latest(self) -> Exported | None:
        return self.newest

    def fetch(self, exported: Exported, path: Path) -> bool:
        path.write_bytes(self.path(exported).read_bytes())
        return True

    def keep(self, exported: Exported, path: Path, _objects: object) -> None:
        self.path(exported).write_bytes(path.read_bytes())

    def commit(self, exported: Exported, *, over: Exported | None) -> bool:
        self.newest = exported
        return True

    def show(self, _exported: Exported) -> None:
        return


class States:
    """What lines publish."""

    def __init__(self) -> None:
        self.held: dict[Line, PondState] = {}

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        return {of: Seen(state) for of, state in self.held.items() if of in lines}

    def releases(self, _pond: str | None = None) -> Mapping[Line, PondState]:
        return self.held


def measure() -> list[Figure]:
    """Over a server of files, whose answers take as long as they take."""
    with tempfile.TemporaryDirectory() as folder, serving(folder) as endpoint:
        states, shelf = States(), Shelf(Path(folder))
        file = Path(folder) / "t.parquet"
        duckdb.sql(f"COPY (SELECT {_COLUMNS} FROM range(100)) TO '{file}'")
        for number in range(PONDS):
            _publish(states, line(f"pond{number}", 1), file, run=1)
        keys = Keys("k", "s")
        storage = S3Storage(BUCKET, "us-east-1", endpoint=f"http://{endpoint}")
        ports = ExporterPorts(
            catalog=states,  # type: ignore[arg-type] - an export asks only what lines there are
            states=states,
            lakes=shelf,
            tables=BucketTables(storage, lambda: keys, Path(folder)),
            clock=SystemClock(),
            bucket=BUCKET,
            scratch=Path(folder),
        )
        figures = [Figure(f"export of {PONDS * TABLES} tables", _seconds(ports), "s", "3")]
        assert shelf.newest is not None
        figures.append(Figure("  its catalog", shelf.newest.bytes / 1e6, "MB"))
        one = line("pond7", 1)
        _publish(states, one, file, run=2)
        figures.append(Figure("export after one Pond has published", _seconds(ports, one), "s"))
        figures.append(Figure("export where nothing is new", _seconds(ports, one), "s"))
    return figures


def _publish(states: States, of: Line, file: Path, *, run: int) -> None:
    tables = {}
    for number in range(TABLES):
        name = f"table{number}"
        key = table_key(of, name, run=run, ripple="r", attempt=1, invocation="0" * 8)
        path = file.parent / BUCKET / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.read_bytes())
        tables[name] = TableVersion(name, key, 100, file.stat().st_size, "", version="1.0.0")
    package = f"artifacts/{of}/1.0.0/a.zip"
    release = Release(of, "1.0.0", "inlet", (), (), "m", package, "", 0, 0, NEVER)
    states.held[of] = PondState(of, release=release, snapshot=run, tables=tables)


def _seconds(ports: ExporterPorts, *lines: Line) -> float:
    began = time.perf_counter()
    report = export(ports, lines)
    assert not report.left_out, report.left_out
    return time.perf_counter() - began


if __name__ == "__main__":
    print(machine() + "\n")
    show(measure())
