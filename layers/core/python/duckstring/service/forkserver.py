"""The fork server: a process that has loaded what every attempt needs, and is forked for each.

It runs no author's code, talks to nobody but its parent, holds none of the parent's descriptors, and has one thread, with an
open DuckDB, which is forked too. Its parent is the process of the invocation, which talks to AWS and may have threads. An
attempt's process is the server's child; when that has ended, or is to end, the server ends whatever it has left behind, and
says so. When the parent is gone, so are all of them.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import shutil
import signal
import socket
import traceback
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

from duckstring.errors import TransientError
from duckstring.service.descendants import Exit, adopt, descendants, end_all, end_with_parent, has_others, reap

HIDDEN = ("AWS_LAMBDA_RUNTIME_API", "_HANDLER", "DUCKSTRING_TASK_TOKEN", "DUCKSTRING_ORDER")
"""Variables of the parent's that are the right to answer in its place."""

_STREAMS = 3
_STREAMS_EACH, _MOST_ORDERS = 4, 2
"""Descriptors that come with an order to fork, and such orders that one read may bring."""
_MOST_WORDS = 65_536


class Folders(NamedTuple):
    """Of one attempt: ``home`` for what its process keeps, ``temporary`` for the author's temporary files."""

    home: str
    temporary: str


Start = Callable[[Folders, Sequence[int]], NoReturn]
"""What a forked process does: with the attempt's folders and its descriptors, in the order in which they were given."""


class ForkServer:
    """The parent's end. The server starts with ``start``, or when first something is forked; a dead one is replaced."""

    def __init__(self, prepare: Callable[[], None], begin: Start) -> None:
        """Each server calls ``prepare`` once; each process that is forked calls ``begin``."""
        self._prepare, self._begin = prepare, begin
        self._server: _Server | None = None

    def start(self) -> None:
        """Have a server. Call it before this process has threads."""
        server = self._server
        if server is None or server.owner != os.getpid() or not server.lives:
            if server is not None:
                server.close()
            self._server = _Server(self._prepare, self._begin)

    def fork(self, folders: Folders, descriptors: Sequence[int], *, ahead: bool = False) -> Forked:
        """A process for an attempt. It begins at once; the descriptors stay the caller's here.

        ``ahead``: another one is at work, so a server that is dead is not replaced now.

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
        raise TransientError("No process can be forked for an attempt.", hint="The attempt can be made again.")

    def close(self) -> None:
        """End the server and all that it has forked."""
        if self._server is not None:
            self._server.close()
            self._server = None


class _Server:
    def __init__(self, prepare: Callable[[], None], begin: Start) -> None:
        self.owner = os.getpid()
        ours, theirs = socket.socketpair()
        # Inherited by nothing that this process starts.
        self.door, self._rest = ours, b""
        self._forked: dict[int, Forked] = {}
        self._number = 0
        with warnings.catch_warnings():
            # It is about threads that the child misses; the child needs none.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            _serve(theirs, prepare, begin)
        theirs.close()
        self._closed = weakref.finalize(self, _close, ours, self.pid, self.owner)

    @property
    def lives(self) -> bool:
        """Whether it can fork."""
        if not self._closed.alive:
            return False
        with suppress(ChildProcessError):
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        return False

    def close(self) -> None:
        self._closed()

    def fork(self, folders: Folders, descriptors: Sequence[int]) -> Forked:
        self._number += 1
        socket.send_fds(self.door, [_line({"do": "fork", "number": self._number, "folders": folders})], list(descriptors))
        self._forked[self._number] = forked = Forked(self, self._number)
        return forked

    def tell(self, **word: object) -> None:
        with suppress(OSError):
            self.door.sendall(_line(word))

    def go_on(self) -> None:
        """Should the author's code have stopped it."""
        if self.lives:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        if self.lives:
            for pid in [*descendants(self.pid), self.pid]:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def hear(self) -> None:
        """Take what it has said by now, of whichever process. Where it is gone, so are all that it has forked."""
        try:
            said = self.door.recv(_MOST_WORDS)
        except OSError:
            said = b""
        if not said:
            for forked in self._forked.values():
                forked.gone = True
            self._forked.clear()
            return
        *lines, self._rest = (self._rest + said).split(b"\n")
        for word in map(json.loads, lines):
            self._take(word)

    def _take(self, word: Mapping[str, int]) -> None:
        forked = self._forked.get(word["number"])
        if forked is None:
            return
        if "pid" in word:
            forked.pid = word["pid"]
        else:
            forked.exit, forked.gone = Exit(word["status"], word["peak_kib"]), True
            del self._forked[word["number"]]


def _close(door: socket.socket, pid: int, owner: int) -> None:
    door.close()
    if os.getpid() == owner:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


@dataclass(slots=True, eq=False)
class Forked:
    """A process that was forked. ``pid`` is known once it has begun, ``exit`` once it and all that it had started are gone."""

    _server: _Server
    _number: int
    pid: int = 0
    exit: Exit | None = None
    gone: bool = False

    def fileno(self) -> int:
        """Readable when there is news, of this process or another one."""
        return self._server.door.fileno()

    def hear(self) -> None:
        """Take the news. Where the server itself is gone, so is the process, and ``exit`` is not known."""
        self._server.hear()

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        self._server.go_on()
        self._server.tell(do="signal", number=self._number, signal=number)

    def end(self) -> None:
        """Kill it and all that it has started."""
        self._server.go_on()
        self._server.tell(do="end", number=self._number)

    def abandon(self) -> None:
        """Kill the server, which does not answer, with all that it has started: the next attempt gets another one."""
        self._server.kill()


def _line(word: Mapping[str, object]) -> bytes:
    return json.dumps(word).encode("ascii") + b"\n"


def _serve(door: socket.socket, prepare: Callable[[], None], begin: Start) -> NoReturn:
    """The server's own life."""
    try:
        _let_go(door.fileno())
        for name in HIDDEN:
            os.environ.pop(name, None)
        adopt()
        prepare()
        gc.collect()
        gc.freeze()
        servant = _Servant(door, begin)
        try:
            servant.serve()
        except ConnectionError:
            pass
        finally:
            servant.end()
    except BaseException:  # noqa: BLE001 - the parent sees that it is gone; the log says why
        traceback.print_exc()
    finally:
        os._exit(1)


def _let_go(but: int) -> None:
    """Put nothing into the place of each of the parent's descriptors, so that objects which still name them can do no harm."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in _descriptors():
        if number >= _STREAMS and number not in {but, nothing}:
            with suppress(OSError):
                os.fstat(number)
                os.dup2(nothing, number, inheritable=False)
    os.dup2(nothing, 0)
    os.close(nothing)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
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


class _Servant:
    """The server's loop: orders at the door, and children that end."""

    def __init__(self, door: socket.socket, begin: Start) -> None:
        self._door, self._begin, self._rest = door, begin, b""
        self._children: dict[int, _Child] = {}
        self._bell, ring = socket.socketpair()
        for end in (self._bell, ring):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ring.fileno(), warn_on_full_buffer=False)
        self._ring = ring

    def serve(self) -> None:
        with selectors.PollSelector() as ready:
            ready.register(self._door, selectors.EVENT_READ)
            ready.register(self._bell, selectors.EVENT_READ)
            while True:
                events = {key.fileobj for key, _ in ready.select()}
                if self._bell in events:
                    with suppress(BlockingIOError):
                        self._bell.recv(_MOST_WORDS)
                    self._look()
                if self._door in events and not self._hear():
                    return

    def end(self) -> None:
        """The parent is gone, so nobody else is left to do it: kill what was forked, and remove its folders."""
        end_all([child.pid for child in self._children.values()])
        for child in self._children.values():
            for folder in child.folders:
                shutil.rmtree(folder, ignore_errors=True)

    def _hear(self) -> bool:
        said, descriptors, _, _ = socket.recv_fds(self._door, _MOST_WORDS, _STREAMS_EACH * _MOST_ORDERS)
        if not said:
            return False
        *lines, self._rest = (self._rest + said).split(b"\n")
        for word in map(json.loads, lines):
            child = self._children.get(word["number"])
            match word["do"]:
                case "fork":
                    given, descriptors = descriptors[:_STREAMS_EACH], descriptors[_STREAMS_EACH:]
                    self._fork(word["number"], Folders(*word["folders"]), given)
                case "signal" if child:
                    os.kill(child.pid, word["signal"])
                case "end" if child:
                    # One that not even SIGKILL ends (it waits for a disk) is left to the system.
                    killed = {child.pid: Exit(int(signal.SIGKILL), 0)}
                    self._say_ended(killed | end_all([child.pid], self._others(child)))
        return True

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
        self._door.sendall(_line({"number": number, "pid": child}))

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
        """An attempt's process that has ended takes along whatever it has started. One that waits has started nothing."""
        if not self._children:
            reap()
            return
        ended, at_work = reap(), self._children[min(self._children)]
        if at_work.pid in ended and has_others(others := self._others(at_work)):
            ended |= end_all([at_work.pid], others)
        self._say_ended(ended)

    def _say_ended(self, ended: Mapping[int, Exit]) -> None:
        for number, child in tuple(self._children.items()):
            if (found := ended.get(child.pid)) is not None:
                del self._children[number]
                with suppress(OSError):
                    self._door.sendall(_line({"number": number, "status": found.status, "peak_kib": found.peak_kib}))
