"""Queries as their user waits for them: over two and over all of a hundred Ponds, and all rows of a
table of ten million.

Each command line is a process of its own. *First row* is the time from its start to the first byte
that it prints.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.ground import Ground, PondText
from bench.table import Figure

PONDS, ROWS, ROUNDS = 100, 10_000_000, 5
_BIG = f"""\
from duckstring import ripple


@ripple
def make(pond):
    pond.write_table(
        "rows",
        "SELECT range AS n, 'number ' || range AS name, range / 8 AS part, "
        "TIMESTAMP '2030-01-01' + to_seconds(range) AS at FROM range({ROWS})",
    )
"""


@dataclass(frozen=True)
class Taken:
    """One command line: seconds to its first byte and to its end, seconds of processor, and its
    peak of memory.
    """

    first: float
    whole: float
    processor: float
    mib: float


class BigPond(PondText):
    """A Pond with one large table."""

    def write(self, folder: Path) -> None:
        super().write(folder)
        (folder / self.name / "src" / "pond.py").write_text(_BIG)


def ponds() -> list[PondText]:
    middle = [f"sql{at}" for at in range(PONDS - 2)]
    return [
        PondText("sql_in", kind="inlet"),
        *(PondText(name, ["sql_in"]) for name in middle),
        PondText("sql_out", middle, "outlet"),
    ]


def measure(ground: Ground) -> list[Figure]:
    ground.deploy(ponds())
    ground.pulse("sql_out", limit=900)
    ground.deploy([BigPond("sql_big", kind="inlet")])
    ground.pulse("sql_big", limit=900)
    names = [pond.name for pond in ponds()]
    every = " UNION ALL ".join(f"SELECT f FROM {name}.t" for name in names)
    two = "SELECT a.f FROM sql1.t AS a, sql2.t AS b"
    figures: list[Figure] = []
    for what, words in {
        f"two of {PONDS} Ponds": ("sql", two, "--csv"),
        f"two of {PONDS} Ponds, --consistent": ("sql", two, "--csv", "--consistent"),
        f"all of {PONDS} Ponds": ("sql", every, "--csv"),
    }.items():
        taken = [_run(*words) for _ in range(ROUNDS)]
        figures += [
            Figure(f"SQL over {what}: first row", median(one.first for one in taken), "s", "1"),
            Figure("  processor of the command", median(one.processor for one in taken), "s"),
        ]
    for style in ("--csv", "--json"):
        taken = _run("query", "sql_big", "rows", style)
        name = f"query {style}, {ROWS // 1_000_000} million rows"
        figures += [
            Figure(f"{name}: first row", taken.first, "s"),
            Figure("  all rows", taken.whole, "s", "24" if style == "--csv" else ""),
            Figure("  processor of the command", taken.processor, "s"),
            Figure("  peak of memory", taken.mib, "MiB", "1300" if style == "--csv" else ""),
        ]
    head = _run("query", "sql_big", "rows", "--csv", rows=3)
    figures += [
        Figure("query --csv | head -3: all of it", head.whole, "s"),
        Figure("  processor of the command", head.processor, "s"),
    ]
    return figures


def _run(*words: str, rows: int = 0) -> Taken:
    """Run a command line. ``rows``: the reader goes after so many; 0: it reads all."""
    began = time.monotonic()
    command = [sys.executable, "-m", "duckstring_cli.main", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(1)
    first = time.monotonic() - began
    if rows:
        for _ in range(rows):
            process.stdout.readline()
    else:
        while process.stdout.read1(1 << 16):
            pass
    process.stdout.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    return Taken(
        first, time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    )
