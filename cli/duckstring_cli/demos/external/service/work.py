"""What the jobs do: TPC-H data generated, joined and written as Parquet. One process for each run,
by DuckDB.

``python -m duckstring_cli.demos.external.service.work JOB FOLDER SCALE`` does one job's work; its
log is its output, and the last line of a failure is the message.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

REVENUE = """
    SELECT
        p_brand AS brand,
        CAST(date_trunc('month', o_orderdate) AS DATE) AS month,
        count(DISTINCT o_orderkey) AS orders,
        sum(l_quantity) AS quantity,
        sum(l_extendedprice * (1 - l_discount)) AS revenue,
        sum(l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity) AS margin
    FROM lineitem
    JOIN orders ON o_orderkey = l_orderkey
    JOIN part ON p_partkey = l_partkey
    JOIN partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
    GROUP BY ALL
    ORDER BY brand, month
"""


class WorkError(Exception):
    """A job cannot do its work; the text is the run's message."""


def tpch_extension() -> Path:
    """The file of DuckDB's TPC-H extension for this DuckDB.

    Raises:
        WorkError: it is not installed.
    """
    package = find_spec("duckdb_extension_tpch")
    roots = package.submodule_search_locations if package else None
    file = (
        Path(next(iter(roots or ["."])))
        / "extensions"
        / f"v{duckdb.__version__}"
        / "tpch.duckdb_extension"
    )
    if not file.is_file():
        raise WorkError(
            f"the TPC-H data needs duckdb-extension-tpch=={duckdb.__version__}, which is not "
            "installed: pip install 'duckstring-aws[demos]'"
        )
    return file


def generate(con: duckdb.DuckDBPyConnection, scale: float) -> None:
    """Make the TPC-H tables in memory; the same scale gives the same rows."""
    con.execute(f"LOAD '{tpch_extension()}'")
    con.execute("CALL dbgen(sf = $scale)", {"scale": scale})


def publish(con: duckdb.DuckDBPyConnection, table: str, folder: Path) -> None:
    """Write a table as Parquet, whole or not at all: a reader sees the old file or the new.

    Two runs of one job may write at the same time, so each writes in a folder of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".") as own:
        unfinished = Path(own) / f"{table}.parquet"
        con.table(table).write_parquet(str(unfinished), compression="zstd")
        unfinished.replace(folder / f"{table}.parquet")
    sys.stdout.write(f"{table}: {con.table(table).shape[0]} rows\n")


def load_transactions(con: duckdb.DuckDBPyConnection, data: Path, scale: float) -> None:
    """Load orders and their lines."""
    generate(con, scale)
    for table in ("orders", "lineitem"):
        publish(con, table, data / "transactions")


def load_products(con: duckdb.DuckDBPyConnection, data: Path, scale: float) -> None:
    """Load parts and what their suppliers charge."""
    generate(con, scale)
    for table in ("part", "partsupp"):
        publish(con, table, data / "products")


def join_sales(con: duckdb.DuckDBPyConnection, data: Path, _scale: float) -> None:
    """Join what the other two jobs wrote into revenue and margin by brand and month."""
    for file in (
        "transactions/orders",
        "transactions/lineitem",
        "products/part",
        "products/partsupp",
    ):
        path = data / f"{file}.parquet"
        if not path.is_file():
            raise WorkError(
                f"{file}.parquet is missing: the {path.parent.name} job has not succeeded yet"
            )
        con.read_parquet(str(path)).create_view(path.stem)
    con.execute(f"CREATE TABLE revenue AS {REVENUE}")
    publish(con, "revenue", data / "sales")


WORK: Mapping[str, Callable[[duckdb.DuckDBPyConnection, Path, float], None]] = {
    "transactions": load_transactions,
    "products": load_products,
    "sales": join_sales,
}
"""What each job does, by its name."""


def main() -> None:
    """Do one job's work."""
    job, data, scale = sys.argv[1:]
    try:
        with duckdb.connect() as con:
            WORK[job](con, Path(data), float(scale))
    except (WorkError, duckdb.Error, OSError) as error:
        sys.exit(f"{job}: {error}")


if __name__ == "__main__":
    main()
