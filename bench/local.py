"""``duckstring pond run``: a Pond on this machine without a Catchment, from the shell's prompt back
to it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.table import Figure
from duckstring_cli.demos import write_project

_RUNS = 7
_COMMAND = "import sys; from duckstring_cli.main import main; main()"


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "first"
        write_project("first", project)
        _run(project)  # compiles
        taken = [_run(project) for _ in range(_RUNS)]
    walls, processor = zip(*taken, strict=True)
    return [
        Figure("pond run of a new project (two Ripples)", median(walls), "s", "1"),
        Figure("  of it: processor, all processes", median(processor), "s"),
    ]


def _run(project: Path) -> tuple[float, float]:
    before, began = _used(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", _COMMAND, "pond", "run"],
        cwd=project,
        env=os.environ,
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - began, _used() - before


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
