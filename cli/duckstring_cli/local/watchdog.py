"""Workers of functions that will never answer: stopped (SIGSTOP), stuck in their start, or dead
while another holds their pipe.

On Lambda the sandbox of such a worker ends, and the caller gets an error. The emulator
waits for a line that does not come: in an invocation until the function's time is over, in a start
for ever, and everything that waits for a worker waits with it.

Standard library only: part of the server.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duckstring_cli.local.forking import DEAD, STOPPED, state_of
from duckstring_cli.local.patches.declared import Foreign

_LOOK = 1.0
_STOPPED_LIMIT = 5.0
"""Seconds: a process that is stopped for longer is not about to go on."""
_DEAD_LIMIT = 2.0
_START_LIMIT = 180.0

logger = logging.getLogger("duckstring")


@dataclass(slots=True, eq=False)
class _Watched:
    """A worker somebody waits for. ``since``: when its process was first seen in the state in
    which it is.
    """

    worker: Any
    starting: bool
    began: float = field(default_factory=time.monotonic)
    state: str = ""
    since: float = 0.0


class Watchdog:
    """One thread, which sleeps while nobody waits."""

    def __init__(self, process_of: Callable[[Any], Any]) -> None:
        """``process_of`` a worker: what it runs in, or None."""
        self._process_of = process_of
        self._changed = threading.Condition()
        self._watched: set[_Watched] = set()

    def start(self) -> None:
        """Watch."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextlib.contextmanager
    def watching(self, worker: Foreign, *, starting: bool = False) -> Iterator[None]:
        """Within the block somebody waits for the worker."""
        one = _Watched(worker, starting)
        with self._changed:
            self._watched.add(one)
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched.discard(one)

    def look(self) -> None:
        """End what will not answer."""
        with self._changed:
            watched = list(self._watched)
        for one in watched:
            if process := self._process_of(one.worker):
                self._look_at(one, process)

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._watched)
            time.sleep(_LOOK)
            try:
                self.look()
            except Exception:
                logger.exception("the watchdog")

    @staticmethod
    def _look_at(one: _Watched, process: Foreign) -> None:
        now, state = time.monotonic(), state_of(process.pid)
        state = "X" if state in DEAD or process.returncode is not None else state
        if state != one.state:
            one.state, one.since = state, now
        if state == STOPPED and now - one.since >= _STOPPED_LIMIT:
            _end(process.pid, "is stopped")
        elif state == "X" and now - one.since >= _DEAD_LIMIT:
            # A process that it started holds its answers open. In a sandbox none outlives it.
            for pid in _holders(process.stdout.fileno()):
                _end(pid, "outlives its worker")
        elif one.starting and now - one.began >= _START_LIMIT:
            _end(process.pid, "does not start")


def _end(pid: int, why: str) -> None:
    logger.warning("process %d of a function %s and is ended", pid, why)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _holders(descriptor: int) -> list[int]:
    """The other processes that have the pipe open which ``descriptor`` reads."""
    pipe = os.fstat(descriptor)
    return [pid for pid in _processes() if pid != os.getpid() and _has_open(pid, pipe)]


def _processes() -> list[int]:
    table = Path("/proc")
    return (
        [int(entry.name) for entry in table.iterdir() if entry.name.isdigit()]
        if table.exists()
        else []
    )


def _has_open(pid: int, pipe: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        return any(_is_same(path, pipe) for path in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _is_same(path: Path, pipe: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(path.stat(), pipe)
    return False
