"""Tables with parts: what appends write and deltas read, and whether reads of many objects are
right on a bad network.

    python -m bench.parts                      the figures
    python -m bench.parts campaign 10000       reads, each compared with what was written
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from bench.table import Figure, machine, show
from bench.unruly import Unruly, Weather
from duckstring.adapters.aws.duck import Keys, S3Storage
from duckstring.author.changing import Changes, Target
from duckstring.author.delta import plan
from duckstring.author.lake import Lake
from duckstring.errors import TransientError
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line, table_key
from duckstring.model.parts import position_of

BUCKET, TABLE = "the-bucket", "orders"
ROWS, MORE = 60_000_000, 10_000
_FEW = 200_000
_KEYS = Keys("key", "secret")
_ORDERS = (
    "SELECT (i + {start})::BIGINT AS id, hash(i + {start}) % 1000 AS price FROM range({rows}) r(i)"
)


class Place:
    """A bucket in an emulator, behind a proxy."""

    def __init__(self, weather: Weather, seed: int = 0) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        _, port = self._server.get_host_and_port()
        session = boto3.Session("key", "secret", region_name="us-east-1")
        self.s3 = session.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
        self.s3.create_bucket(Bucket=BUCKET)
        self.direct = f"http://127.0.0.1:{port}"
        self.proxy = Unruly(f"127.0.0.1:{port}", weather, seed).start()
        self._number = 0

    def lake(self, folder: str, *, direct: bool = False) -> tuple[Lake, S3Storage]:
        """The database of an attempt."""
        endpoint = self.direct if direct else f"http://127.0.0.1:{self.proxy.port}"
        storage = S3Storage(BUCKET, "us-east-1", endpoint=endpoint)
        storage.settle(Path(folder))
        storage.grant(_KEYS)
        return Lake(storage), storage

    def key(self) -> str:
        self._number += 1
        return table_key(
            Line("sales@1"), TABLE, run=self._number, ripple="load", attempt=1, invocation="x"
        )

    def append(self, lake: Lake, there: TableVersion | None, rows: int, start: int) -> TableVersion:
        sql = _ORDERS.format(rows=rows, start=start)
        made = Changes(lake).append(Target(TABLE, self.key, there), sql)
        assert made is not None
        return made

    def sizes(self) -> dict[str, int]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", ())}


def measure(rows: int = ROWS) -> list[Figure]:
    """What an append to a large table writes, and what its delta reads."""
    place = Place(Weather(0, 0, 0, 0, 0))
    with tempfile.TemporaryDirectory() as folder:
        lake, _ = place.lake(folder, direct=True)
        base = place.append(lake, None, rows, 0)
        alone = place.append(lake, None, MORE, rows)
        before, began = place.sizes(), time.perf_counter()
        grown = place.append(lake, base, MORE, rows)
        took = time.perf_counter() - began
        written = sum(size for key, size in place.sizes().items() if key not in before)
        began = time.perf_counter()
        reader, storage = place.lake(folder, direct=True)
        news = plan(grown, position_of(base))
        count = reader.delta(f"sales.{TABLE}", news).aggregate("count(*)").fetchone()
        assert count == (MORE,)
        asked = storage.requests()
        delta = time.perf_counter() - began
        read = sum(part.bytes for part in news.news or ())
    return [
        Figure(f"append of {MORE:,} rows to {rows:,}: bytes", written / alone.bytes, "", "1.2"),
        Figure("  time", took, "s"),
        Figure("delta: bytes that it can read, of the table's", read / grown.bytes, ""),
        Figure("  requests", sum(asked.values()), ""),
        Figure("  time", delta, "s"),
    ]  # fmt: skip


def campaign(reads: int, *, rows: int = _FEW, seconds: float = 0.0) -> Counter[str]:
    """Read a base and seven parts again and again, each time in a new database, on a bad network.
    Each read is compared with what was written.
    """
    place, told = Place(Weather(), seed=reads), Counter[str]()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lake, _ = place.lake(folder, direct=True)
        there = place.append(lake, None, rows, 0)
        for number in range(7):
            there = place.append(lake, there, MORE, rows + number * MORE)
        (true,) = _sums(lake, there)
        for number in range(1, reads + 1):
            told[_read(place, there, true, folder)] += 1
            if number % 100 == 0:
                print(f"{datetime.now(UTC):%H:%M:%S} {number} reads: {dict(told)}", flush=True)
            if seconds and time.monotonic() - began > seconds:
                break
    return told + place.proxy.told


def _sums(lake: Lake, version: TableVersion) -> list[tuple[object, ...]]:
    found = lake.read(("main", TABLE), version)
    return found.aggregate("count(*), count(DISTINCT id), sum(id), sum(price)").fetchall()


def _read(place: Place, version: TableVersion, true: tuple[object, ...], folder: str) -> str:
    lake, _ = place.lake(folder)
    try:
        (found,) = _sums(lake, version)
    except TransientError as error:
        return "guard" if "other rows" in error.message else "outage"
    except Exception as error:  # noqa: BLE001 - what DuckDB says once its own retries are spent
        return "outage" if lake.outage(error) else f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        lake.con.close()
    if found != true:
        print(f"WRONG: {found}, of {true}", flush=True)
        return "wrong"
    return "right"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.parts", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["figures", "campaign"], default="figures")
    parser.add_argument("reads", nargs="?", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=0, help="rows of the base")
    parser.add_argument("--seconds", type=float, default=0.0, help="end after this time")
    asked = parser.parse_args()
    logging.disable()
    if asked.what == "figures":
        figures = measure(asked.rows or ROWS)
        print(machine() + "\n")
        show(figures)
        return 0
    told = campaign(asked.reads, rows=asked.rows or _FEW, seconds=asked.seconds)
    print(machine())
    for name, count in sorted(told.items()):
        print(f"{name:10} {count}")
    return 1 if told["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
