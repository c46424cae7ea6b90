"""Folders that a process makes for itself, and what becomes of them if it is killed.

If a function's process dies (out of time, out of memory), Lambda starts another one in the same
environment, and leaves the disk as it is. What a query had spilled, ten gigabytes perhaps, would be
missing for the next invocation.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "duckstring-"
_SHORT = "/tmp"  # noqa: S108 - mkdtemp makes a folder that is its owner's alone
_LONGEST_ROOT = 30
"""Characters of the usual folder; where it has more, ``short_folder`` uses ``_SHORT``."""


def folder(kind: str) -> str:
    """A new folder that bears this process's number."""
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{kind}-{os.getpid()}-")


def short_folder(kind: str) -> str:
    """The same, with a short path: a socket in it (``multiprocessing.Manager``) may have a path
    of 107 bytes at most.
    """
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{kind}-{os.getpid()}-", dir=_short_root())


def clear() -> None:
    """Remove the folders of processes that have ended. A folder with our own number is of an
    earlier process: we have made none yet.
    """
    for root in {tempfile.gettempdir(), _short_root()}:
        for found in Path(root).glob(f"{_PREFIX}*-*-*"):
            number = found.name.split("-")[2]
            if number.isdigit() and (int(number) == os.getpid() or not _lives(int(number))):
                shutil.rmtree(found, ignore_errors=True)


def _short_root() -> str:
    usual = tempfile.gettempdir()
    return _SHORT if len(usual) > _LONGEST_ROOT and os.access(_SHORT, os.W_OK | os.X_OK) else usual


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
