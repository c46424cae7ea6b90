"""What it costs to read a table of ten million rows on a local Catchment, beside a small server
that gives back ranges of files and does nothing else. And from a server that is as far as S3: by as
many threads as an attempt has, and by one for each processor.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from statistics import median

import duckdb

from bench.ground import NAME, Ground, PondText
from bench.plain import PlainS3
from bench.table import Figure
from duckstring.author import database
from duckstring_cli import catchments

ROWS = 10_000_000
ROUNDS = 5
LATENCY = 0.02
"""Seconds, of a request to S3 from its own region."""
MEMORY = 2_048
"""MiB, of the ripple function as it is deployed."""
_BUCKET, _KEY = "plain", "bench/lineitem.parquet"
_LINEITEM = """
    SELECT i AS l_orderkey, i % 7 AS l_linenumber, (i * 37) % 200000 AS l_partkey,
      (i * 31 % 50 + 1)::DECIMAL(15,2) AS l_quantity,
      ((i * 7919) % 10000000 / 100)::DECIMAL(15,2) AS l_extendedprice,
      ['A', 'N', 'R'][i % 3 + 1] AS l_returnflag, ['F', 'O'][i % 2 + 1] AS l_linestatus,
      DATE '1992-01-01' + (i % 2500)::INTEGER AS l_shipdate, md5(i::VARCHAR) AS l_comment
    FROM range({rows}) one(i)
"""
QUERIES = {
    "an aggregate": (
        "SELECT l_returnflag, l_linestatus, sum(l_quantity), avg(l_extendedprice), count(*) "
        "FROM {table} WHERE l_shipdate <= DATE '1998-09-02' GROUP BY ALL"
    ),
    "every column": "SELECT sum(hash(COLUMNS(*))) FROM {table}",
}


def ponds() -> Sequence[PondText]:
    return [PondText("scanned", kind="inlet")]


def measure(_one: Ground) -> list[Figure]:
    return [*_beside_plain(), *_far()]


def _beside_plain() -> Iterator[Figure]:
    with _plain_server() as endpoint:
        table = f"s3://{_BUCKET}/{_KEY}"
        for name, query in QUERIES.items():
            pairs = [
                (
                    _seconds(_connection(endpoint, "x", "x"), query, table),
                    _seconds(_of_catchment(), query, _stored()),
                )
                for _ in range(ROUNDS)
            ]
            yield Figure(
                f"{name} of {ROWS:,} rows: a plain server", median(p for p, _ in pairs), "s"
            )
            yield Figure("  the local Catchment", median(h for _, h in pairs), "s")
            yield Figure("  of it, times", median(h / p for p, h in pairs), "", "1.5")


def _far() -> Iterator[Figure]:
    table = f"s3://{_BUCKET}/{_KEY}"
    few = f"SET threads = {max(1, MEMORY // 1769)}"
    with _plain_server(LATENCY) as endpoint:
        for name, query in QUERIES.items():
            pairs = [
                (
                    _seconds(_connection(endpoint, "x", "x", few), query, table),
                    _seconds(_connection(endpoint, "x", "x"), query, table),
                )
                for _ in range(ROUNDS)
            ]
            yield Figure(
                f"{name}, 20 ms a request: a thread for each processor of {MEMORY:,} MiB",
                median(few for few, _ in pairs),
                "s",
            )
            yield Figure("  as an attempt has it", median(many for _, many in pairs), "s")


def once(_one: Ground) -> dict[str, float]:
    return {name: _seconds(_of_catchment(), query, _stored()) for name, query in QUERIES.items()}


def _seconds(con: duckdb.DuckDBPyConnection, query: str, table: str) -> float:
    began = time.monotonic()
    con.execute(query.format(table=f"read_parquet('{table}')")).fetchall()
    return time.monotonic() - began


@cache
def _file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="duckstring-scan-")) / _BUCKET
    path = folder / _KEY
    path.parent.mkdir(parents=True)
    duckdb.execute(
        f"COPY ({_LINEITEM.format(rows=ROWS)}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
    )
    return path


@cache
def _stored() -> str:
    """The same file in the Catchment's bucket."""
    one = catchments.find(NAME)
    bucket = one.outputs["Bucket"]
    catchments.session(one).client("s3").upload_file(str(_file()), bucket, _KEY)
    return f"s3://{bucket}/{_KEY}"


def _of_catchment() -> duckdb.DuckDBPyConnection:
    one = catchments.find(NAME)
    keys = catchments.session(one).session.get_credentials()
    return _connection(f"127.0.0.1:{one.port}", keys.access_key, keys.secret_key)


def _connection(
    endpoint: str, key: str, secret: str, settings: str = ""
) -> duckdb.DuckDBPyConnection:
    """A new database, as an attempt has: nothing of the table is known yet."""
    con = database.settled(database.opened(MEMORY), _file().parent, memory_mib=MEMORY)
    con.execute(settings)
    con.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', REGION 'us-east-1', "
        f"ENDPOINT '{endpoint}', URL_STYLE 'path', USE_SSL false)"
    )
    return con


@contextmanager
def _plain_server(latency: float = 0.0) -> Iterator[str]:
    server = PlainS3(_file().parents[2], latency)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.endpoint
    finally:
        server.shutdown()
        server.server_close()
