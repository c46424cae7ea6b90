"""Does something again at each change of a project's files, until Ctrl-C."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from duckstring.errors import DuckstringError
from duckstring_cli import render

_LOOK_SECONDS = 0.25
_OURS = {Path("puddles", "in"), Path("puddles", "out")}
_CACHES = {"__pycache__", "node_modules", "venv"}

Seen = frozenset[tuple[str, int, int]]


def again_at_each_change(root: Path, once: Callable[..., object], *, fresh: bool) -> None:
    """Call ``once(fresh=...)``, and again when a file of the project has changed.

    ``fresh`` is for the first call only. A refusal is shown, and does not end it.
    """
    while True:
        seen = files_of(root)
        try:
            once(fresh=fresh)
            fresh = False
        except DuckstringError as error:
            render.refuse(error)
        render.note("Waiting for a change of a file (Ctrl-C ends it).")
        while files_of(root) == seen:
            time.sleep(_LOOK_SECONDS)
        render.out().print("")


def files_of(root: Path) -> Seen:
    """Name, size and last change of each file of a project that a run may depend on."""
    return frozenset(_files(root))


def _files(root: Path) -> Iterator[tuple[str, int, int]]:
    for folder_name, folders, files in os.walk(root):
        folder = Path(folder_name)
        here = folder.relative_to(root)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _CACHES and here / name not in _OURS
        ]
        for name in files:
            try:
                found = (folder / name).stat()
            except OSError:
                continue
            yield str(folder / name), found.st_size, found.st_mtime_ns
