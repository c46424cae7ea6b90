"""Layers of functions: unpacked once and shared by all that use them, and kept as files instead of
inside the state.

Standard library only: part of the server.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import threading
import time
import zipfile
from pathlib import Path

_LAYER_MARK = b"duckstring-layer:"
_UNUSED_LAYER_DAYS = 14


class Layers:
    """Layer zips by content: unpacked once for all workers, and kept as files instead of inside
    the state.
    """

    def __init__(self, unpacked: Path, blobs: Path) -> None:
        self._unpacked = unpacked
        self._blobs = blobs
        self._lock = threading.Lock()
        self._digests: dict[int, tuple[bytes, str]] = {}
        for folder in (unpacked, blobs):
            folder.mkdir(parents=True, exist_ok=True)
        self._forget_unused()

    def digest(self, content: bytes) -> str:
        """The content's SHA-256, computed once for an object."""
        known = self._digests.get(id(content))
        if known is None or known[0] is not content:
            known = (content, hashlib.sha256(content).hexdigest())
            self._digests[id(content)] = known
        return known[1]

    def keep(self, content: bytes) -> str:
        """Write the content to a file, unless it is there, and answer its name."""
        name = self.digest(content)
        path = self._blobs / f"{name}.layer"
        if not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}")
            unfinished.write_bytes(content)
            unfinished.replace(path)
        return name

    def kept(self, name: str) -> bytes:
        """What ``keep`` wrote."""
        return (self._blobs / f"{name}.layer").read_bytes()

    def prune(self, used: set[str]) -> None:
        """Forget blobs that no saved layer names."""
        for path in self._blobs.glob("*.layer"):
            if path.stem not in used:
                path.unlink()

    def unpacked(self, content: bytes) -> Path:
        """The folder in which the content lies unpacked, for everybody to read."""
        self._unpack(content)
        folder = self._unpacked / self.digest(content)
        os.utime(folder)
        return folder

    def of(self, ticket: bytes) -> Path:
        """The folder of the content for which that ``ticket`` was made."""
        with zipfile.ZipFile(io.BytesIO(ticket)) as archive:
            return self._unpacked / ticketed(archive.comment)

    def ticket(self, content: bytes) -> bytes:
        """An empty zip whose comment names the content: what a worker is given to unpack."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.comment = _LAYER_MARK + self.digest(content).encode()
        self._unpack(content)
        return buffer.getvalue()

    def link(self, name: str, folder: Path) -> None:
        """Put the unpacked layer in the place of the empty ``folder``."""
        shared = self._unpacked / name
        os.utime(shared)
        folder.rmdir()
        folder.symlink_to(shared, target_is_directory=True)

    def _unpack(self, content: bytes) -> None:
        shared = self._unpacked / self.digest(content)
        with self._lock:
            if shared.exists():
                return
            unfinished = shared.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(unfinished)
            unfinished.rename(shared)

    def _forget_unused(self) -> None:
        oldest = time.time() - _UNUSED_LAYER_DAYS * 24 * 3600
        for path in self._unpacked.iterdir():
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)


def ticketed(comment: bytes) -> str:
    """The layer's name in the comment of a ticket; empty for any other zip."""
    is_ticket = comment.startswith(_LAYER_MARK)
    return comment.removeprefix(_LAYER_MARK).decode() if is_ticket else ""
