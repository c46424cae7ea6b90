"""Where the tooling keeps its things: ``DUCKSTRING_HOME``, else ``~/.duckstring``."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from duckstring.errors import OperatorError


def home() -> Path:
    """The user's Duckstring folder."""
    return Path(os.environ.get("DUCKSTRING_HOME") or Path.home() / ".duckstring")


def config_file() -> Path:
    """The registry of Catchments."""
    return home() / "config.toml"


def tools_folder() -> Path:
    """Installed tools and built layers, shared by all local Catchments; ``DUCKSTRING_TOOLS``
    moves it.
    """
    return Path(os.environ.get("DUCKSTRING_TOOLS") or home() / "tools")


def catchment_folder(name: str) -> Path:
    """All that one local Catchment is."""
    return home() / "catchments" / name


def private_folder(path: Path) -> Path:
    """The folder, made for its owner only where it is not there yet."""
    if not path.exists():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


@contextmanager
def using(path: Path) -> Iterator[None]:
    """Turn what the file system says against ``path`` into an error of the operator's.

    Raises:
        OperatorError: it cannot be used.
    """
    try:
        yield
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be used: {error.strerror or error}.",
            hint="Let DUCKSTRING_HOME name a folder that you may write to.",
        ) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two commands do not do the same at once."""
    with using(path.parent):
        private_folder(path.parent)
        handle = path.open("w")
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
