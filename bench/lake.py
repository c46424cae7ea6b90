"""The lake of 50 Ponds with ten tables each: the first export, one after a Pond has published, and
how a reader attaches it.

    python -m bench.lake
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import boto3
import duckdb
from moto.server import ThreadedMotoServer

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

    def read(self, lines: object) -> Mapping[Line, Seen]:
        return {of: Seen(self.held[of]) for of in self.held if of in lines}  # type: ignore[operator]

    def releases(self, _pond: str | None = None) -> Mapping[Line, PondState]:
        return self.held


def measure() -> list[Figure]:
    """Over an emulated S3, whose answers take as long as they take."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    s3 = boto3.Session("k", "s", region_name="us-east-1").client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=BUCKET)
    with tempfile.TemporaryDirectory() as folder:
        states, shelf = States(), Shelf(Path(folder))
        file = Path(folder) / "t.parquet"
        duckdb.sql(f"COPY (SELECT {_COLUMNS} FROM range(100)) TO '{file}'")
        for number in range(PONDS):
            _publish(s3, states, line(f"pond{number}", 1), file.read_bytes(), run=1)
        keys = Keys("k", "s")
        storage = S3Storage(BUCKET, "us-east-1", endpoint=endpoint)
        ports = ExporterPorts(
            catalog=states,  # type: ignore[arg-type]
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
        _publish(s3, states, one, file.read_bytes(), run=2)
        figures.append(Figure("export after one Pond has published", _seconds(ports, one), "s"))
        figures.append(Figure("export where nothing is new", _seconds(ports, one), "s"))
    server.stop()
    return figures


def _publish(s3: object, states: States, of: Line, content: bytes, *, run: int) -> None:
    tables = {}
    for number in range(TABLES):
        name = f"table{number}"
        key = table_key(of, name, run=run, ripple="r", attempt=1, invocation="0" * 8)
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)  # type: ignore[attr-defined]
        tables[name] = TableVersion(name, key, 100, len(content), "", version="1.0.0")
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
