"""What ``write_table`` and ``read_table`` cost beside DuckDB's own COPY and ``read_parquet``: the
same rows, settings and store, in turns, each in a process of its own.

    python -m bench.tables                 10 million rows of 16 columns
    python -m bench.tables 60000000 1      another number of rows, and of rounds

``few.py`` is the same for a thousand rows.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from urllib.request import urlopen

import duckdb
import msgspec

from bench.plain import COUNTS, serving
from bench.table import Figure, machine, show
from duckstring.adapters.aws.duck import Keys, S3Storage
from duckstring.author.lake import Lake
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line, table_key
from duckstring.model.sql import literal

ROWS, ROUNDS = 10_000_000, 3
BUCKET, TABLE = "the-bucket", "lineitem"
MEMORY = 2_048
"""MiB, of the ripple function as it is deployed."""
LINEITEM = """
    SELECT i // 4 AS l_orderkey, i % 7 AS l_linenumber, (i * 37) % 200000 AS l_partkey,
      (i * 53) % 10000 AS l_suppkey, (i * 31 % 50 + 1)::DECIMAL(15,2) AS l_quantity,
      ((i * 7919) % 10000000 / 100)::DECIMAL(15,2) AS l_extendedprice,
      (i % 11 / 100)::DECIMAL(15,2) AS l_discount, (i % 9 / 100)::DECIMAL(15,2) AS l_tax,
      ['A', 'N', 'R'][i % 3 + 1] AS l_returnflag, ['F', 'O'][i % 2 + 1] AS l_linestatus,
      DATE '1992-01-01' + (i // 4 % 2500)::INTEGER AS l_shipdate,
      DATE '1992-02-01' + (i // 4 % 2400)::INTEGER AS l_commitdate,
      DATE '1992-03-01' + (i // 4 % 2450)::INTEGER AS l_receiptdate,
      ['NONE', 'COLLECT COD', 'TAKE BACK RETURN'][i % 3 + 1] AS l_shipinstruct,
      ['AIR', 'MAIL', 'RAIL', 'SHIP', 'TRUCK'][i % 5 + 1] AS l_shipmode,
      left(md5((i % 1000000)::VARCHAR), (10 + i % 20)::INTEGER) AS l_comment
    FROM range({rows}) one(i)
"""
FROM = "SELECT * FROM read_parquet({file})"
_SORTED = "SELECT * FROM read_parquet({sorted})"
_ONE = (
    "SELECT * REPLACE (CASE WHEN l_orderkey = 1000 THEN {value} ELSE {column} END AS {column}) FROM"
    " read_parquet({{file}})"
)
_TEXT = _ONE.format(column="l_comment", value="'another comment'")
NUMBER = _ONE.format(column="l_quantity", value="25")
_ALL = "SELECT sum(hash(COLUMNS(*))) FROM {table}"
_TWO = "SELECT sum(l_extendedprice * l_discount) FROM {table}"
_SOME = "SELECT sum(l_extendedprice) FROM {table} WHERE l_orderkey BETWEEN 1000 AND 2000"


class Side:
    """One process's database."""

    def __init__(self, endpoint: str, folder: str) -> None:
        self.storage = S3Storage(BUCKET, "us-east-1", MEMORY, endpoint=f"http://{endpoint}")
        self.storage.settle(Path(folder))
        self.storage.grant(Keys("key", "secret"))
        self.lake = Lake(self.storage)
        self.folder = Path(folder)
        self.files = {
            "file": literal(f"{folder}/lineitem.parquet"),
            "sorted": literal(f"{folder}/sorted.parquet"),
        }

    def copy(self, sql: str) -> None:
        self.lake.con.execute(
            f"COPY ({sql.format(**self.files)}) TO 's3://{BUCKET}/plain.parquet' "
            "(FORMAT parquet, COMPRESSION zstd)"
        )

    def write(self, sql: str, run: int, before: int = 0) -> None:
        published = self.version(before) if before else None
        key = table_key(
            Line("sales@1"), TABLE, run=run, ripple="load", attempt=1, invocation="0" * 8
        )
        made = self.lake.write(TABLE, sql.format(**self.files), key=key, published=published)
        (self.folder / f"{run}.json").write_bytes(msgspec.json.encode(made))

    def version(self, run: int) -> TableVersion:
        return msgspec.json.decode((self.folder / f"{run}.json").read_bytes(), type=TableVersion)

    def plain(self, query: str) -> None:
        self.lake.con.execute(query.format(table=f"read_parquet('s3://{BUCKET}/plain.parquet')"))
        self.lake.con.fetchall()

    def read(self, query: str) -> None:
        relation = self.lake.read(("sales", TABLE), self.version(1))
        relation.query("t", query.format(table="t")).fetchall()


WORK: Mapping[str, Callable[[Side], None]] = {
    "COPY": lambda side: side.copy(FROM),
    "COPY sorted": lambda side: side.copy(_SORTED),
    "write": lambda side: side.write(FROM, 1),
    "write more": lambda side: side.write(f"{FROM} WHERE l_orderkey > 0", 2, before=1),
    "write a text": lambda side: side.write(_TEXT, 3, before=1),
    "write a number": lambda side: side.write(NUMBER, 4, before=1),
    "write the same": lambda side: side.write(FROM, 5, before=1),
    "write it again": lambda side: side.write(NUMBER, 6, before=4),
    "write sorted": lambda side: side.write(_SORTED, 7, before=4),
    "write the same sorted": lambda side: side.write(_SORTED, 8, before=1),
    "plain all": lambda side: side.plain(_ALL),
    "all": lambda side: side.read(_ALL),
    "plain two": lambda side: side.plain(_TWO),
    "two": lambda side: side.read(_TWO),
    "plain some": lambda side: side.plain(_SOME),
    "some": lambda side: side.read(_SOME),
}
SHOWN = {
    "write": ("COPY", "write_table, a first version"),
    "write more": ("COPY", "write_table, with another number of rows"),
    "write a text": ("COPY", "write_table, with one other text"),
    "write a number": ("COPY", "write_table, with one other number"),
    "write the same": ("COPY", "write_table, with the same rows, for the first time"),
    "write it again": ("COPY", "write_table, with the same rows, again"),
    "write sorted": ("COPY sorted", "write_table, with one other number, in another order"),
    "write the same sorted": ("COPY sorted", "write_table, with the same rows, in another order"),
    "all": ("plain all", "read_table, all columns"),
    "two": ("plain two", "read_table, 2 of 16 columns"),
    "some": ("plain some", "read_table, a few rows by a sorted column"),
}


def measure(rows: int = ROWS, rounds: int = ROUNDS) -> list[Figure]:
    """In turns."""
    with tempfile.TemporaryDirectory() as folder, serving(folder) as endpoint:
        duckdb.execute(
            f"COPY ({LINEITEM.format(rows=rows)}) TO '{folder}/lineitem.parquet' "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
        duckdb.execute(
            f"COPY (FROM '{folder}/lineitem.parquet' ORDER BY l_suppkey, l_orderkey) TO "
            f"'{folder}/sorted.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )
        found: dict[str, list[dict[str, float]]] = {name: [] for name in WORK}
        for _ in range(rounds):
            for name in WORK:
                found[name].append(_one(name, endpoint, folder))
    figures = []
    for name, (plain, text) in SHOWN.items():
        was, now = (
            {key: median(one[key] for one in found[side]) for key in found[side][0]}
            for side in (plain, name)
        )
        figures += [
            Figure(f"{text}: {rows:,} rows", now["wall"], "s"),
            Figure(f"  of {plain}'s time, times", now["wall"] / was["wall"], "", "1.1"),
            Figure("  of its processor, times", now["cpu"] / was["cpu"], ""),
            Figure("  of its peak memory, times", now["peak"] / was["peak"], "", "1.2"),
        ]
        if not name.startswith("write"):
            figures.append(Figure("  of its bytes, times", now["bytes"] / was["bytes"], "", "1.0"))
    return figures


def _one(name: str, endpoint: str, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.tables", "--one", name, endpoint, folder]
    _asked(endpoint)
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return {**json.loads(ended.stdout), "bytes": _asked(endpoint)}


def _asked(endpoint: str) -> float:
    with urlopen(f"http://{endpoint}{COUNTS}") as answer:
        return float(answer.read())


def work(name: str, endpoint: str, folder: str) -> dict[str, float]:
    """Do one thing, and measure it."""
    side = Side(endpoint, folder)
    before, began = cpu(), time.perf_counter()
    WORK[name](side)
    wall, used = time.perf_counter() - began, cpu() - before
    return {"wall": wall, "cpu": used, "peak": _peak()}


def _peak() -> float:
    """KiB. What ``getrusage`` says would be that of the process that has started this one, if it
    had more.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(status.partition("VmHWM:")[2].split()[0])


def cpu() -> float:
    """Seconds of processor that this process has taken."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(work(*sys.argv[2:5])))
        return
    figures = measure(*map(int, sys.argv[1:]))
    print(machine() + "\n")
    show(figures)


if __name__ == "__main__":
    main()
