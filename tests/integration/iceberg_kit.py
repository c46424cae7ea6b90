"""Glue, S3 and DynamoDB of moto behind HTTP, so that other engines can read what is exported; and
what the lines of a Catchment publish there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import httpx
import pytest
from moto.server import ThreadedMotoServer
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.table import Table

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.duck import Keys, S3Storage
from duckstring.adapters.aws.glue import GlueWarehouse
from duckstring.adapters.aws.iceberg_kept import IcebergDatabases, SweptIceberg
from duckstring.adapters.aws.lake_tables import BucketTables
from duckstring.engine.state import PondState
from duckstring.exporter.iceberg import Report, export_iceberg
from duckstring.exporter.iceberg_ports import IcebergPorts
from duckstring.model.catalog import Part, TableVersion
from duckstring.model.names import Line, file_of_key, table_key
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests import ducklake
from tests.integration.aws import CREDENTIALS, REGION
from tests.unit.api.world import States, StillClock, release

BUCKET = "catchment"
SALES, SALES_2, REPORTS = Line("sales@1"), Line("sales@2"), Line("reports@1")
F = datetime(2030, 1, 1, tzinfo=UTC)
Rows = list[tuple[object, ...]]
ORDERS = "sales.orders"


class Releases:
    def __init__(self, lines):
        self.lines = lines

    def releases(self, pond=None):
        return dict.fromkeys(self.lines)


@contextmanager
def served() -> Iterator[str]:
    """The address of a server of moto's, with an empty account."""
    server = ThreadedMotoServer(port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # Arrow waits for it
        server.start()
        address = "http://{}:{}".format(*server.get_host_and_port())
        patch.setenv("AWS_ENDPOINT_URL", address)
        try:
            yield address
        finally:
            server.stop()


@dataclass
class Warehouse:
    """A Catchment that exports to Iceberg."""

    address: str
    folder: Path
    states: dict[Line, PondState] = field(default_factory=dict)
    runs: int = 0
    f: datetime = F

    def __post_init__(self) -> None:
        httpx.post(f"{self.address}/moto-api/reset")
        self.clients = Clients()
        self.clients.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.clients.dynamodb.create_table(
            TableName="table",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        self.clock = StillClock(datetime.now(UTC))
        self.glue = boto3.client("glue")
        storage = S3Storage(BUCKET, REGION, 0, self.address)
        self.tables = BucketTables(storage, lambda: Keys("test", "test"), self.folder)
        self.con = self.connect()
        self.warehouse = GlueWarehouse(self.clients, BUCKET, "dev")
        self.databases = IcebergDatabases(self.clients, "table", BUCKET)
        self.queue = self.clients.sqs.create_queue(QueueName="published")["QueueUrl"]
        self.swept = SweptIceberg(self.clients, "table", BUCKET, catchment="dev", queue=self.queue)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB that reads the bucket, with the extension for Iceberg."""
        con = duckdb.connect(config={"allow_unsigned_extensions": True})
        ducklake.load(con, "httpfs", "avro", "iceberg")
        host = self.address.removeprefix("http://")
        con.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID 'test', SECRET 'test', REGION '{REGION}', "
            f"ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false); SET TimeZone = 'UTC'"
        )
        return con

    def write(
        self, of: Line, name: str, sql: str, *, kind: str = "rows", key: tuple[str, ...] = ()
    ) -> TableVersion:
        """An object with the rows of a SELECT. What was there before is not part of it."""
        self.runs += 1
        at = table_key(of, name, run=self.runs, ripple="r", attempt=1, invocation="0" * 8)
        rows = self.con.execute(f"COPY ({sql}) TO 's3://{BUCKET}/{at}' (FORMAT parquet)").fetchone()
        assert rows is not None
        size = self.clients.s3.head_object(Bucket=BUCKET, Key=at)["ContentLength"]
        part = Part(file_of_key(at), rows[0], size, kind)
        return TableVersion(
            name, at, rows[0], size, "", parts=(part,), merge_key=key, version="1.0.0"
        )

    def more(self, of: Line, name: str, sql: str, **more: Any) -> TableVersion:
        """One more part of a published table."""
        before = self.states[of].tables[name]
        part = self.write(of, name, sql, **more)
        return replace(part, parts=(*before.contents, *part.parts))

    def publish(self, of: Line, *tables: TableVersion, only: bool = False) -> None:
        """A run that has published these tables. ``only``: and no others."""
        held = self.states.get(of, PondState(of, release=release(of)))
        self.runs += 1
        self.f += timedelta(hours=1)
        named = {one.table: replace(one, parts=one.parts[1:] and one.parts) for one in tables}
        kept = {} if only else held.tables
        self.states[of] = replace(
            held, snapshot=self.runs, snapshot_f=self.f, tables={**kept, **named}
        )

    @property
    def ports(self) -> IcebergPorts:
        return IcebergPorts(
            catalog=Releases(self.states),
            states=States({of: Seen(state) for of, state in self.states.items()}),
            databases=self.databases,
            warehouse=self.warehouse,
            tables=self.tables,
            clock=self.clock,
            catchment="dev",
            scratch=self.folder,
        )

    def export(self, *lines: Line) -> Report:
        report = export_iceberg(self.ports, lines)
        assert report.failed == {}, report.failed
        return report

    def catalog(self) -> GlueCatalog:
        """As a user reads it, with nothing of ours."""
        keys = {"s3.access-key-id": "test", "s3.secret-access-key": "test"}
        place = {"s3.endpoint": self.address, "s3.region": REGION}
        return GlueCatalog("mine", client=self.glue, **keys, **place)

    def table(self, name: str) -> Table:
        return self.catalog().load_table(f"duckstring_dev__{name}")

    def listed(self) -> Mapping[str, list[str]]:
        """The tables in Glue, by database."""
        return {
            one["Name"]: sorted(
                table["Name"]
                for table in self.glue.get_tables(DatabaseName=one["Name"])["TableList"]
            )
            for one in self.glue.get_databases()["DatabaseList"]
        }

    def rows(self, name: str, snapshot: int | None = None) -> Rows:
        """A table's rows as pyiceberg and as DuckDB read them, which have to be the same."""
        table = self.table(name)
        self.con.register("by_pyiceberg", table.scan(snapshot_id=snapshot).to_arrow())
        by_arrow = self.con.sql("FROM by_pyiceberg ORDER BY ALL").fetchall()
        at = "" if snapshot is None else f", snapshot_from_id := {snapshot}"
        by_duckdb = self.con.execute(
            f"FROM iceberg_scan('{table.metadata_location}'{at}) ORDER BY ALL"
        ).fetchall()
        assert by_arrow == by_duckdb
        return by_duckdb

    def snapshots(self, name: str) -> list[int]:
        """The versions that a table has, the oldest first."""
        found = sorted(self.table(name).metadata.snapshots, key=lambda one: one.sequence_number)
        return [one.snapshot_id for one in found]

    def summary(self, name: str) -> Mapping[str, str]:
        newest = self.table(name).current_snapshot()
        summary = newest.summary if newest is not None else None
        assert summary is not None
        return summary.additional_properties

    def asked(self) -> list[Any]:
        """The exports that the sweep has asked for."""
        got = self.clients.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(one["Body"]) for one in got.get("Messages", ())]

    def stored(self, prefix: str) -> list[Any]:
        """What lies in the bucket."""
        pages = self.clients.s3.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=prefix
        )
        return [one for page in pages for one in page.get("Contents", ())]

    def needed(self) -> set[str]:
        """The keys of all that the tables in Glue name: found by pyiceberg, not by us."""
        found: set[str] = set()
        for database, names in self.listed().items():
            for name in names:
                table = self.catalog().load_table((database, name))
                found.add(table.metadata_location)
                for snapshot in table.metadata.snapshots:
                    found.add(snapshot.manifest_list)
                    for manifest in snapshot.manifests(table.io):
                        entries = manifest.fetch_manifest_entry(table.io)
                        found |= {manifest.manifest_path}
                        found |= {entry.data_file.file_path for entry in entries}
        return {one.removeprefix(f"s3://{BUCKET}/") for one in found}


@pytest.fixture(scope="module")
def address():
    with served() as found:
        yield found


@pytest.fixture
def house(address, tmp_path):
    return Warehouse(address, tmp_path)


def publish(house, *tables, of=SALES, **more):
    house.publish(of, *tables, **more)
    return house.export(of)


def orders(house, sql, of=SALES, name="orders", **more):
    return house.write(of, name, sql, **more)
