"""The fork server's process: it forks a process for each attempt, and ends what that leaves behind.

It runs no author's code and talks only to the worker that it serves. It holds no descriptors of
others. It has one thread, with an open DuckDB, which is forked too. An attempt's process is its
child. When that has ended, or is to end, the server ends whatever it has left behind, and reports
that. When the worker is gone, the server ends all of them.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from duckstring.worker.descendants import Exit, adopt, end_all, end_with_parent, has_others, reap

HIDDEN = frozenset(
    {"AWS_LAMBDA_RUNTIME_API", "_HANDLER", "DUCKSTRING_TASK_TOKEN", "DUCKSTRING_ORDER"}
)
"""Variables of the worker's that are the right to answer in its place."""
MOST_WORDS = 65_536
"""Bytes that are read at once."""

LIBRARIES = frozenset({"boto3", "botocore.session"})
"""What a fork server imports once an attempt has: it takes half a second, which each poll of a job
on AWS would pay. They are the product's own, start no thread, and read the environment when they
are used. Nothing else is: a library may do otherwise.
"""

_JUST_NOW = 1.0
"""Seconds: a program that an attempt has started may be gone sooner than the attempt's process,
although it has killed that.
"""
_STREAMS = 3
_STREAMS_EACH, _MOST_ORDERS = 4, 2
"""Descriptors that come with an order to fork, and such orders that one read may bring."""


class Folders(NamedTuple):
    """The folders of one attempt: ``home`` for what its process keeps, ``temporary`` for the
    author's temporary files.
    """

    home: str
    temporary: str


Start = Callable[[Folders, Sequence[int]], NoReturn]
"""What a forked process does: with the attempt's folders and its descriptors, in the order in
which they were given.
"""


def line(word: Mapping[str, object]) -> bytes:
    """One message, as both sides send it."""
    return json.dumps(word).encode("ascii") + b"\n"


def serve(door: socket.socket, begin: Start) -> NoReturn:
    """Serve the worker at the other end of ``door``. Each forked process calls ``begin``."""
    try:
        adopt()
        loop = _Loop(door, begin)
        try:
            loop.run()
        except ConnectionError:
            pass
        finally:
            loop.end()
    except BaseException:  # noqa: BLE001 - the worker sees that it is gone; the log says why
        traceback.print_exc()
    finally:
        os._exit(1)


def _be(word: Mapping[str, Any]) -> None:
    """Take over the settings that a process forked by the worker itself would have."""
    with suppress(OSError):
        os.chdir(word["folder"])
    os.environ.clear()
    os.environ.update(
        {name: value for name, value in word["environment"].items() if name not in HIDDEN}
    )
    sys.path[:], sys.argv[:] = word["path"], word["given"]
    # multiprocessing would otherwise import the program that is there now.
    sys.modules["__main__"] = types.ModuleType("__main__")


def let_go(but: int) -> None:
    """Replace each of the parent's descriptors by nothing, so that objects which still refer to
    them can do no harm.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in _descriptors():
        if number >= _STREAMS and number not in {but, nothing}:
            with suppress(OSError):
                os.fstat(number)
                os.dup2(nothing, number, inheritable=False)
    os.dup2(nothing, 0)
    os.close(nothing)
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGCHLD,
        signal.SIGUSR1,
        signal.SIGUSR2,
    ):
        signal.signal(number, signal.SIG_DFL)


def _descriptors() -> list[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return [int(entry.name) for entry in Path(folder).iterdir()]
    return list(range(_STREAMS, 256))


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    folders: Folders


class _Loop:
    """The server's loop: orders from the worker, and children that end."""

    def __init__(self, door: socket.socket, begin: Start) -> None:
        self._door, self._begin, self._rest = door, begin, b""
        self._given: list[int] = []
        self._orphan_at = float("-inf")
        self._children: dict[int, _Child] = {}
        self._bell, ring = socket.socketpair()
        for end in (self._bell, ring):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ring.fileno(), warn_on_full_buffer=False)
        self._ring = ring

    def run(self) -> None:
        with selectors.PollSelector() as ready:
            ready.register(self._door, selectors.EVENT_READ)
            ready.register(self._bell, selectors.EVENT_READ)
            while True:
                events = {key.fileobj for key, _ in ready.select()}
                if self._bell in events:
                    with suppress(BlockingIOError):
                        self._bell.recv(MOST_WORDS)
                    self._look()
                if self._door in events and not self._receive():
                    return

    def end(self) -> None:
        """The parent is gone, so this process has to kill what was forked and remove its
        folders.
        """
        end_all([child.pid for child in self._children.values()])
        for child in self._children.values():
            for folder in child.folders:
                shutil.rmtree(folder, ignore_errors=True)

    def _receive(self) -> bool:
        received, given, _, _ = socket.recv_fds(
            self._door, MOST_WORDS, _STREAMS_EACH * _MOST_ORDERS
        )
        if not received:
            return False
        self._given += given
        *lines, self._rest = (self._rest + received).split(b"\n")
        for word in map(json.loads, lines):
            self._do(word)
        return True

    def _do(self, word: Mapping[str, Any]) -> None:
        child = self._children.get(word.get("number", 0))
        match word["do"]:
            case "be":
                _be(word)
                self._door.sendall(line({"server": os.getpid()}))
            case "fork":
                given, self._given = self._given[:_STREAMS_EACH], self._given[_STREAMS_EACH:]
                self._fork(word["number"], Folders(*word["folders"]), given)
            case "import":
                for name in LIBRARIES & set(word["names"]):
                    with suppress(Exception):  # an attempt sees by itself that it is not there
                        importlib.import_module(name)
                gc.freeze()
            case "signal" if child:
                os.kill(child.pid, word["signal"])
            case "end" if child:
                # A process that even SIGKILL does not end (it waits for a disk) is left to the
                # system.
                killed = {child.pid: Exit(int(signal.SIGKILL), 0)}
                self._say_ended(killed | end_all([child.pid], self._others(child)))

    def _others(self, child: _Child) -> list[int]:
        return [one.pid for one in self._children.values() if one is not child]

    def _fork(self, number: int, folders: Folders, descriptors: Sequence[int]) -> None:
        here = os.getpid()
        child = os.fork()
        if not child:
            self._become(here, folders, descriptors)
        for one in descriptors:
            os.close(one)
        self._children[number] = _Child(child, folders)
        self._door.sendall(line({"number": number, "pid": child}))

    def _become(self, parent: int, folders: Folders, descriptors: Sequence[int]) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setpgid(0, 0)
            end_with_parent(parent)
            for ours in (self._door, self._bell, self._ring):
                ours.close()
            self._begin(folders, descriptors)
        finally:
            os._exit(1)

    def _look(self) -> None:
        """When an attempt's process has ended, end whatever it has started. A process that still
        waits for its order has started nothing.
        """
        if not self._children:
            reap()
            return
        ended, at_work, now = reap(), self._children[min(self._children)], time.monotonic()
        if not ended.keys() <= {child.pid for child in self._children.values()}:
            self._orphan_at = now
        if at_work.pid in ended:
            if has_others(others := self._others(at_work)):
                self._orphan_at, ended = now, ended | end_all([at_work.pid], others)
            ended[at_work.pid] = replace(ended[at_work.pid], left=now - self._orphan_at < _JUST_NOW)
            self._orphan_at = float("-inf")
        self._say_ended(ended)

    def _say_ended(self, ended: Mapping[int, Exit]) -> None:
        for number, child in tuple(self._children.items()):
            if (found := ended.get(child.pid)) is not None:
                del self._children[number]
                with suppress(OSError):
                    self._door.sendall(line({"number": number, **asdict(found)}))
