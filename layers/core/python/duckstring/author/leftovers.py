"""Folders that a process makes for itself, and what becomes of them if it is killed.

Lambda starts a function whose process died (out of time, out of memory) anew in the same environment, and leaves its disk as it is:
what a query had spilled, ten gigabytes perhaps, would be missing for whoever runs there next.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "duckstring-"


def folder(kind: str) -> str:
    """A new folder that bears this process's number."""
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{kind}-{os.getpid()}-")


def clear() -> None:
    """Remove the folders of processes that are no more. One with our own number is of an earlier process: we have made none yet."""
    for found in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*-*"):
        number = found.name.split("-")[2]
        if number.isdigit() and (int(number) == os.getpid() or not _lives(int(number))):
            shutil.rmtree(found, ignore_errors=True)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
