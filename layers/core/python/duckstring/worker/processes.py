"""Attempts' processes, from their parent's side: each serves one attempt.

The next one is forked while an attempt is at work. It has its database and its credentials when
its order comes, so no attempt but the first waits for them. It is not forked after the attempt:
Lambda stops the function's processes once it has answered.
"""

from __future__ import annotations

import os
import selectors
import shutil
import socket
import time
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from duckstring.author.leftovers import folder, short_folder
from duckstring.errors import TransientError
from duckstring.worker.attempt_process import AttemptKeys, packed
from duckstring.worker.channel import new_key
from duckstring.worker.forkserver import Forked, ForkServer
from duckstring.worker.forkserver_process import Folders

PATIENCE = 10.0
"""Seconds for a process that was killed to be gone."""

_LOOK_SECONDS = 0.1

Ends = tuple[socket.socket, socket.socket, int, int]
"""Of the link, of renewed credentials, of standard output and of standard error."""


class Process:
    """One attempt's process. It exists before its order is known."""

    def __init__(
        self, forked: Forked, folders: Folders, ends: Ends, keys: AttemptKeys | None
    ) -> None:
        """``keys``: the credentials that its order will likely come with."""
        self.forked, self.home, self.key = forked, Path(folders.home), new_key()
        self.link, self.renewals, self.out, self.err = ends
        self.is_used = False
        self.imported: Collection[str] = ()
        """Libraries that its attempt has imported."""
        self._release = weakref.finalize(self, _release, ends, folders, os.getpid())
        with suppress(OSError):  # it has died, which is noticed at its end
            self.link.sendall(self.key + packed(keys))

    @property
    def is_ready(self) -> bool:
        """Whether it lives and is unused."""
        while not self.forked.gone and _is_readable(self.forked, 0):
            self.forked.receive()
        return not self.is_used and not self.forked.gone and self.home.is_dir()

    def close(self) -> None:
        """End it and all that it has started, wait until that is done, and remove its folder."""
        if not self.forked.gone:
            self._end()
        self._release()

    def _end(self) -> None:
        until = time.monotonic() + PATIENCE
        self.forked.end()
        while not self.forked.gone and time.monotonic() < until:
            if _is_readable(self.forked, _LOOK_SECONDS):
                self.forked.receive()
        if not self.forked.gone:
            self.forked.abandon()


def _is_readable(forked: Forked, seconds: float) -> bool:
    with selectors.DefaultSelector() as ready:
        ready.register(forked, selectors.EVENT_READ)
        return bool(ready.select(seconds))


class Processes:
    """Processes for attempts, one at a time."""

    def __init__(self, forks: ForkServer, *, ahead: bool = True) -> None:
        """Fork them from ``forks``. ``ahead``: others may follow the next attempt."""
        self._forks, self._ahead = forks, ahead
        self._next: Process | None = None

    @contextmanager
    def one(self) -> Iterator[Process]:
        """A process for one attempt. It ends with the block, and its folders are deleted.

        One that was not used is kept for the next attempt.

        Raises:
            TransientError: no process can be had.
        """
        one = self._take() or self._forked(None)
        try:
            yield one
        finally:
            if one.is_ready and self._ahead and self._next is None:
                self._next = one
            else:
                one.close()
                self._forks.imported(one.imported)

    def fork_ahead(self, keys: AttemptKeys | None) -> None:
        """Fork the next one, while this one is at work.

        ``keys``: the credentials that its order will likely come with. None: that is not known.
        """
        if self._ahead and self._next is None:
            # The next attempt forks one itself then, and fails if it cannot.
            with suppress(TransientError, OSError):
                self._next = self._forked(keys, ahead=True)

    def close(self) -> None:
        """End the one that was forked ahead, and the fork server."""
        if self._next is not None:
            self._next.close()
            self._next = None
        self._forks.close()

    def _take(self) -> Process | None:
        one, self._next = self._next, None
        if one is not None and not one.is_ready:
            one.close()
            return None
        return one

    def _forked(self, keys: AttemptKeys | None, *, ahead: bool = False) -> Process:
        folders = Folders(folder("attempt"), short_folder("tmp"))
        ours, theirs = _ends()
        try:
            forked = self._forks.fork(
                folders, [*(one.fileno() for one in theirs[:2]), *theirs[2:]], ahead=ahead
            )
        except BaseException:
            _release(ours, folders, os.getpid())
            raise
        finally:
            _close(theirs)
        return Process(forked, folders, ours, keys)


def _ends() -> tuple[Ends, Ends]:
    """The parent's and the process's."""
    (link, its_link), (renewals, its_renewals) = socket.socketpair(), socket.socketpair()
    (out, its_out), (err, its_err) = os.pipe(), os.pipe()
    return (link, renewals, out, err), (its_link, its_renewals, its_out, its_err)


def _release(ends: Ends, folders: Folders, owner: int) -> None:
    """Do nothing in a process that is forked from this one: everything belongs to the parent."""
    if os.getpid() == owner:
        _close(ends)
        for one in folders:
            shutil.rmtree(one, ignore_errors=True)


def _close(ends: Ends) -> None:
    for one in ends:
        if isinstance(one, int):
            os.close(one)
        else:
            one.close()
