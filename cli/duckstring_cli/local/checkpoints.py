"""Checkpoints: while something happens, a forked child writes the whole state, as of one instant,
to a new generation.

A hard kill comes back with the last complete one. Standard library only: part of the server.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import shutil
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from duckstring_cli.local.layers import Layers
from duckstring_cli.local.patches.checkpoints import saved_states
from duckstring_cli.local.patches.layers import contents

_QUIET = 0.4
_LONGEST_WAIT = 3.0
_SHORTEST_GAP = 1.0
_GAP_FACTOR = 20
"""A checkpoint that took t seconds is not followed by another for 20 t: at most 5 % of one core."""

_CHILD_LIMIT = 60.0

logger = logging.getLogger("duckstring")


class Generations:
    """Complete checkpoints on disk. ``current`` names the newest; writing it is the commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._number = self._read()

    def _read(self) -> int:
        pointer = self._folder / "current"
        return int(pointer.read_text(encoding="ascii")) if pointer.exists() else 0

    @property
    def number(self) -> int:
        """The newest complete generation; 0: none yet."""
        return self._number

    @property
    def current(self) -> Path:
        """Where it lies."""
        return self._path(self._number)

    def prepare(self) -> Path:
        """A folder for the next generation, holding what the current one does."""
        path = self._path(self._number + 1)
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        # Services not loaded since the start keep the state they were saved with.
        for file in self.current.glob("*.json"):
            os.link(file, path / file.name)
        return path

    def commit(self) -> None:
        """Make the prepared generation the current one."""
        number = self._number + 1
        unfinished = self._folder / "current.new"
        unfinished.write_text(str(number), encoding="ascii")
        unfinished.replace(self._folder / "current")
        shutil.rmtree(self._path(self._number), ignore_errors=True)
        self._number = number

    def _path(self, number: int) -> Path:
        return self._folder / f"generation-{number:08d}"


class Checkpoints:
    """Writes the state as of one instant, when something has happened since it was last written."""

    def __init__(self, generations: Generations, layers: Layers) -> None:
        self._generations = generations
        self._layers = layers
        self._happened = threading.Event()
        self._latest = time.monotonic()
        self._writing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def report(self) -> dict[str, object]:
        """For the status page."""
        return {
            "checkpoint": self._generations.number,
            "unsaved": self._happened.is_set() or self._writing.locked(),
        }

    def note(self) -> None:
        """Something happened."""
        self._latest = time.monotonic()
        self._happened.set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch from a thread that sleeps while nothing happens."""
        self._loop = loop
        threading.Thread(target=self._watch, name="checkpoints", daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._happened.wait()
            self._wait_for_a_pause()
            began = time.monotonic()
            self.write()
            time.sleep(max(_SHORTEST_GAP, _GAP_FACTOR * (time.monotonic() - began)))

    def _wait_for_a_pause(self) -> None:
        limit = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < limit and time.monotonic() - self._latest < _QUIET:
            time.sleep(_QUIET / 2)

    def write(self) -> bool:
        """Write a generation from a forked child and commit it. Not from the loop's thread."""
        with self._writing:
            self._happened.clear()
            self._remember_layers()
            folder = self._generations.prepare()
            # On the loop no request is half done, so that the table and the queues agree.
            done = asyncio.run_coroutine_threadsafe(self._fork(folder), self._need_loop()).result()
            if _ended_well(done):
                self._generations.commit()
                return True
            logger.error("The state could not be saved; the next checkpoint tries again.")
            self._happened.set()
            return False

    def write_last(self) -> None:
        """Write a generation in this process, which then ends."""
        with self._writing:
            used = {self._layers.keep(content) for content in contents()}
            self._dump(self._generations.prepare())
            self._generations.commit()
            self._layers.prune(used)

    def _need_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("not started")
        return self._loop

    async def _fork(self, folder: Path) -> int:
        with warnings.catch_warnings():
            # The child runs no thread but this one and takes no lock that another could hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child:
            return child
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.nice(5)
            self._dump(folder)
            code = 0
        finally:
            os._exit(code)

    def _dump(self, folder: Path) -> None:
        # This process ends after it: what it holds need not be copied before it is written.
        module: Any = copy
        module.deepcopy = _itself
        for service, text in saved_states():
            unfinished = folder / f"{service}.new"
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(folder / f"{service}.json")

    def _remember_layers(self) -> None:
        for content in contents():
            self._layers.keep(content)


def _itself(value: Any, _memo: Any = None) -> Any:  # noqa: ANN401
    return value


def _ended_well(child: int) -> bool:
    limit = time.monotonic() + _CHILD_LIMIT
    while time.monotonic() < limit:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False
