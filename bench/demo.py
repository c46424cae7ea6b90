"""The flights demo: in a folder where nothing is installed, again on the running Catchment, and
after a stop.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.table import Figure


def measure(_: object = None) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="duckstring-bench-demo-"))
    env = {
        **os.environ,
        "DUCKSTRING_HOME": str(folder / "home"),
        "DUCKSTRING_TOOLS": str(folder / "tools"),
    }

    def run(*words: str) -> float:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "duckstring_cli.main", *words],
            check=False,
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return time.monotonic() - began

    try:
        return [
            Figure("`duckstring demo`, nothing installed yet", run("demo"), "s"),
            Figure("`duckstring demo`, again", run("demo"), "s"),
            Figure("`duckstring catchment stop`", run("catchment", "stop"), "s"),
            Figure("`duckstring demo`, after a stop", run("demo"), "s"),
        ]
    finally:
        run("catchment", "stop")
        shutil.rmtree(folder, ignore_errors=True)
