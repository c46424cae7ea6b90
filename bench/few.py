"""What ``write_table`` costs beside DuckDB's own COPY where rows are few, each with a database that
was just opened, as an attempt finds one.

    python -m bench.few              1,000 rows of 16 columns, 30 rounds
    python -m bench.few 10000 10     another number of rows, and of rounds
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median

import duckdb

from bench.plain import serving
from bench.table import Figure, machine, show
from bench.tables import FROM, LINEITEM, NUMBER, Side, cpu

ROWS, ROUNDS = 1_000, 30
_OTHER = NUMBER.replace("l_orderkey = 1000", "l_orderkey = 100")
WORK: dict[str, Callable[[Side, int], None]] = {
    "COPY": lambda side, _: side.copy(FROM),
    "write_table, a first version": lambda side, run: side.write(FROM, run),
    "with another number of rows": lambda side, run: side.write(f"{FROM} LIMIT 999", run, 2),
    "with one other number": lambda side, run: side.write(_OTHER, run, 2),
    "with the same rows, for the first time": lambda side, run: side.write(FROM, run, 1),
    "with the same rows, again": lambda side, run: side.write(FROM, run, 2),
}


def measure(rows: int = ROWS, rounds: int = ROUNDS) -> list[Figure]:
    """In turns, in one process."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in WORK}
    with tempfile.TemporaryDirectory() as folder, serving(folder) as endpoint:
        duckdb.execute(
            f"COPY ({LINEITEM.format(rows=rows)}) TO '{folder}/lineitem.parquet' (FORMAT parquet, "
            "COMPRESSION zstd)"
        )
        Side(endpoint, folder).write(FROM, 1)
        Side(endpoint, folder).write(FROM, 2, 1)
        run = 2
        for _ in range(rounds):
            for name, work in WORK.items():
                run += 1
                side = Side(endpoint, folder)
                side.lake.con.execute(FROM.format(**side.files)).fetchall()
                began, before = time.perf_counter(), cpu()
                work(side, run)
                found[name].append((time.perf_counter() - began, cpu() - before))
    figures = []
    for name, taken in found.items():
        wall, used = (median(one[item] * 1000 for one in taken) for item in (0, 1))
        figures += [Figure(f"{name}: {rows:,} rows", wall, "ms"), Figure("  processor", used, "ms")]
    return figures


def main() -> None:
    figures = measure(*map(int, sys.argv[1:]))
    print(machine() + "\n")
    show(figures)


if __name__ == "__main__":
    main()
