"""``duckstring ui``, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def served(catchment: str, *flags: str) -> Iterator[str]:
    """The address that it prints, token included. Ctrl-C ends it."""
    command = [sys.executable, "-m", "duckstring_cli.main", "ui", "--json", "-c", catchment]
    process = subprocess.Popen(
        [*command, *flags], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout
    try:
        told = ""
        while not told.rstrip().endswith("}") and process.poll() is None:
            told += process.stdout.readline()
        yield json.loads(told)["address"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in {0, 130}
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
