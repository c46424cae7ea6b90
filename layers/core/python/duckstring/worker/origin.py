"""The process that fork servers are forked from.

It is forked before its parent imports an AWS client, and never imports one itself. So each process
forked from it has a third fewer pages to copy and to free than a process forked from the parent (25
MB instead of 38). It has one thread, while its parent may have many by then.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
import traceback
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from duckstring.errors import TransientError
from duckstring.worker.descendants import close_to_others
from duckstring.worker.forkserver_process import Start, let_go, line, serve
from duckstring.worker.inherited import keep_inherited

_SERVE = b"s"
_STREAMS = (1, 2)
_PATIENCE, _LOOK = 2.0, 0.005


class Origin:
    """The parent's side. Processes that are forked from the parent may use it, too."""

    def __init__(self, prepare: Callable[[], None], begin: Start) -> None:
        """The process calls ``prepare`` once; each one that is made for an attempt calls
        ``begin``.
        """
        self._prepare, self._begin = prepare, begin
        self._process: _Process | None = None

    def start(self) -> None:
        """Start the process. Call this before the current process has threads."""
        if self._process is None:
            self._process = _Process(self._prepare, self._begin)

    def fork_server(self) -> socket.socket:
        """The connection to a new fork server, which gets this process's folder, environment and
        paths.

        Raises:
            TransientError: no process can be had.
        """
        for _ in range(2):
            try:
                self.start()
                assert self._process is not None  # noqa: S101 - start has made it
                return self._process.fork_server()
            except OSError:
                self._process = None
        raise TransientError(
            "No fork server can be started.", hint="The attempt can be made again."
        )

    def close(self) -> None:
        """End it, unless others use it. Fork servers keep running."""
        if self._process is not None:
            self._process.close()
            self._process = None


class _Process:
    def __init__(self, prepare: Callable[[], None], begin: Start) -> None:
        # Inherited by nothing that this process starts.
        self._orders, theirs = socket.socketpair()
        with theirs, warnings.catch_warnings():
            # The warning is about threads that the child lacks; the child needs none.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
            if not self._pid:
                _live(theirs, prepare, begin)
        self.close = weakref.finalize(self, _close, self._orders, self._pid, os.getpid())
        # Forks of this process may use it long after this one has ended.
        self.close.atexit = False

    def fork_server(self) -> socket.socket:
        """Raises OSError: it is gone."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(self._pid, signal.SIGCONT)
                socket.send_fds(self._orders, [_SERVE], [theirs.fileno(), *_STREAMS])
            as_here = {
                "folder": _folder(),
                "environment": dict(os.environ),
                "path": sys.path,
                "given": sys.argv,
            }
            ours.sendall(line({"do": "be", **as_here}))
        except BaseException:
            ours.close()
            raise
        return ours


def _folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "/"


def _close(orders: socket.socket, pid: int, owner: int) -> None:
    orders.close()
    if os.getpid() == owner:
        until = time.monotonic() + _PATIENCE
        with suppress(ChildProcessError):
            while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < until:
                time.sleep(_LOOK)


def _live(orders: socket.socket, prepare: Callable[[], None], begin: Start) -> NoReturn:
    """The process's own life: until nobody is left who could want a fork server."""
    try:
        keep_inherited()
        let_go(orders.fileno())
        close_to_others(closed=False)
        prepare()
        gc.collect()
        gc.freeze()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # their exit codes are not used
        while True:
            word, given, _, _ = socket.recv_fds(orders, len(_SERVE), 1 + len(_STREAMS))
            if not word:
                os._exit(0)
            if not os.fork():
                orders.close()
                _become(given, begin)
            for one in given:
                os.close(one)
    except BaseException:  # noqa: BLE001 - a worker sees that it is gone; the log says why
        traceback.print_exc()
    finally:
        os._exit(1)


def _become(given: list[int], begin: Start) -> NoReturn:
    door, *streams = given
    for number, stream in zip(_STREAMS, streams, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    serve(socket.socket(fileno=door), begin)
