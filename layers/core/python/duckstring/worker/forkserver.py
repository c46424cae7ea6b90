"""Processes for attempts, from the worker's side: each is forked by a fork server
(``forkserver_process``), for one attempt.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from duckstring.errors import TransientError
from duckstring.worker.descendants import Exit, descendants
from duckstring.worker.forkserver_process import LIBRARIES, MOST_WORDS, Folders, line

_PATIENCE = 10.0


class ForkServer:
    """The worker's side. The server starts with ``start``, or when the first process is forked. A
    dead server is replaced.
    """

    def __init__(self, made: Callable[[], socket.socket]) -> None:
        """``made`` gives the connection to a new server: ``Origin.fork_server``."""
        self._made = made
        self._server: _Server | None = None

    def start(self) -> None:
        """Have a server.

        Raises:
            TransientError: none can be had.
        """
        server = self._server
        if server is None or not server.lives:
            if server is not None:
                server.close()
            self._server = _Server(self._made())

    def fork(self, folders: Folders, descriptors: Sequence[int], *, ahead: bool = False) -> Forked:
        """Fork a process for an attempt. It begins at once. The caller keeps its own descriptors.

        ``ahead``: another process is at work, so a dead server is not replaced now.

        Raises:
            TransientError: no process can be had.
        """
        for _ in range(1 if ahead else 2):
            if not ahead:
                self.start()
            assert self._server is not None  # noqa: S101 - start has made it
            try:
                return self._server.fork(folders, descriptors)
            except OSError:
                if not ahead:
                    self._server.close()
        raise TransientError(
            "No process can be forked for an attempt.", hint="The attempt can be made again."
        )

    def imported(self, names: Collection[str]) -> None:
        """An attempt has imported these modules. Processes that are forked from now on have
        them.
        """
        if self._server is not None:
            self._server.imported(names)

    def close(self) -> None:
        """End the server and all that it has forked."""
        if self._server is not None:
            self._server.close()
            self._server = None


class _Server:
    def __init__(self, door: socket.socket) -> None:
        self.door, self._rest = door, b""
        self._forked: dict[int, Forked] = {}
        self._number = self._pid = 0
        self._is_gone = False
        self._imported: set[str] = set()
        self._closed = weakref.finalize(self, _close, door, os.getpid())

    @property
    def lives(self) -> bool:
        """Whether it can fork."""
        if not self._closed.alive or self._is_gone:
            return False
        with suppress(BlockingIOError, ConnectionError):
            return bool(self.door.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        return True

    def close(self) -> None:
        self.go_on()
        self._closed()

    def fork(self, folders: Folders, descriptors: Sequence[int]) -> Forked:
        self._number += 1
        socket.send_fds(
            self.door,
            [line({"do": "fork", "number": self._number, "folders": folders})],
            list(descriptors),
        )
        self._forked[self._number] = forked = Forked(self, self._number)
        return forked

    def imported(self, names: Collection[str]) -> None:
        if new := (LIBRARIES & set(names)) - self._imported:
            self._imported |= new
            self.send_order(do="import", names=sorted(new))

    def send_order(self, **word: object) -> None:
        with suppress(OSError):
            self.door.sendall(line(word))

    def go_on(self) -> None:
        """Should the author's code have stopped it."""
        if self._pid and self.lives:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        if self._pid and self.lives:
            for pid in [*descendants(self._pid), self._pid]:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        with suppress(OSError):  # one that has not arrived yet ends when it arrives
            self.door.shutdown(socket.SHUT_RDWR)

    def receive(self) -> None:
        """Take what it has sent by now, about any process. If the server is gone, so are all the
        processes that it has forked.
        """
        try:
            received = self.door.recv(MOST_WORDS)
        except OSError:
            received = b""
        if not received:
            self._is_gone = True
            for forked in self._forked.values():
                forked.gone = True
            self._forked.clear()
            return
        *lines, self._rest = (self._rest + received).split(b"\n")
        for word in map(json.loads, lines):
            self._take(word)

    def _take(self, word: Mapping[str, int]) -> None:
        if "server" in word:
            self._pid = word["server"]
            return
        forked = self._forked.get(word["number"])
        if forked is None:
            return
        if "pid" in word:
            forked.pid = word["pid"]
        else:
            forked.exit, forked.gone = (
                Exit(word["status"], word["peak_kib"], bool(word["left"])),
                True,
            )
            del self._forked[word["number"]]


def _close(door: socket.socket, owner: int) -> None:
    """The server ends when its connection closes, and with it all that it has forked. Wait for
    that.
    """
    if os.getpid() == owner:
        until = time.monotonic() + _PATIENCE
        with suppress(OSError):
            door.shutdown(socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                door.settimeout(left)
                if not door.recv(MOST_WORDS):
                    break
    door.close()


@dataclass(slots=True, eq=False)
class Forked:
    """A forked process. ``pid`` is known once it has begun, ``exit`` once it and all that it had
    started are gone.
    """

    _server: _Server
    _number: int
    pid: int = 0
    exit: Exit | None = None
    gone: bool = False

    def fileno(self) -> int:
        """Readable when there is news, of this process or another one."""
        return self._server.door.fileno()

    def receive(self) -> None:
        """Take the news. If the server itself is gone, so is the process, and ``exit`` is
        unknown.
        """
        self._server.receive()

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        self._server.go_on()
        self._server.send_order(do="signal", number=self._number, signal=number)

    def end(self) -> None:
        """Kill it and all that it has started."""
        self._server.go_on()
        self._server.send_order(do="end", number=self._number)

    def abandon(self) -> None:
        """Kill a server that does not answer, with all that it has started. The next attempt gets
        another one.
        """
        self._server.kill()
