"""What a cold start of each function costs before its first event: imports, and the clients made on
the way.

Python reads byte code, as it does from a Catchment's layers. Processor time is told beside the
wall's: the machine may be in use.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from statistics import median

from bench.table import Figure
from duckstring.model.settings import Settings
from duckstring.model.values import replace

FUNCTIONS = (
    "orchestrator",
    "ripple",
    "vendor",
    "api",
    "sweep",
    "exporter",
    "iceberg",
    "openlineage",
)
_RUNS = 9
_ROOT = Path(__file__).parents[1]
_SAY = """
import resource, time
began = time.perf_counter()
import functions.{name}.handler
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, wall)
"""


def measure() -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory() as cache:
        env = _environment(cache)
        for name in FUNCTIONS:
            _import(name, env)  # compiles
            taken = [_import(name, env) for _ in range(_RUNS)]
            figures.append(
                Figure(
                    f"import of the {name} function: processor",
                    median(cpu for cpu, _ in taken),
                    "s",
                )
            )
            figures.append(Figure("  wall", median(wall for _, wall in taken), "s"))
    return figures


def _import(name: str, env: dict[str, str]) -> tuple[float, float]:
    said = subprocess.run(
        [sys.executable, "-c", _SAY.format(name=name)],
        env=env,
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
    )
    cpu, wall = said.stdout.split()[-2:]
    return float(cpu), float(wall)


def _environment(cache: str) -> dict[str, str]:
    """As the CDK writes it, of a Catchment that nobody calls."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    settings = replace(
        Settings(**{field.name: "x" for field in fields(Settings)}),
        mailbox="http://127.0.0.1/x.fifo",
        journal_days="30",
        delays="http://127.0.0.1/x",
        machine="arn:aws:states:us-east-1:000000000000:stateMachine:x",
        lake_seconds="60",
        function_memory_mib="2048",
        function_timeout_seconds="900",
        history_days="400",
        retention_snapshots="3",
        retention_days="1",
    )
    return {
        **kept,
        **settings.to_env(),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "PYTHONPATH": os.pathsep.join(str(_ROOT / part) for part in (".", "layers/core/python")),
        "PYTHONPYCACHEPREFIX": cache,
    }
