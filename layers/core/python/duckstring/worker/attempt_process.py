"""The process of one attempt: the only place where an author's code of a run is called.

The fork server, which has loaded what the process needs, forks it. The process prepares itself,
mostly while nothing waits for it. It gets its order from its parent, calls one function, sends how
that ended, and exits. Whatever it does to itself (settings, threads, children, memory, descriptors)
ends with it. Of AWS it has the credentials of its attempt. It asks its parent for the run's
memory.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, Protocol, cast

import msgspec
from typing_extensions import override

from duckstring.author.arriving import Arrived, read_page
from duckstring.author.check_pond import handle
from duckstring.author.kills import Requested
from duckstring.author.lake import Storage
from duckstring.author.memory import SupersededError
from duckstring.author.pond import Pond
from duckstring.author.retrying import names_any
from duckstring.author.surroundings import Surroundings
from duckstring.errors import InvariantError, TransientError
from duckstring.worker import checked
from duckstring.worker.calling import (
    Cut,
    Ended,
    Fault,
    Pauses,
    Returned,
    Stopped,
    Unreachable,
    call,
    cut,
    fault,
    judged,
)
from duckstring.worker.channel import KEY_BYTES, Reader, Writer, frame
from duckstring.worker.forkserver_process import LIBRARIES, Folders
from duckstring.worker.mentions import may_have_read, tables_read
from duckstring.worker.output import begin_output, end_output, reset_loggers
from duckstring.worker.project import Project
from duckstring.worker.self_ended import SelfEnded

STOP = signal.SIGUSR2
"""The signal that ends the author's code: its handler raises."""
FAULTS, END = "fault.txt", "end"
"""Files in the attempt's folder: where the interpreter died, and how the attempt ended, where
that could not be sent.
"""
MUTE_EXIT = 74
"""The exit code of a process that could not say how its attempt ended."""

TABLE_FIELDS = ("table", "key", "rows", "bytes", "fingerprint", "parts", "merge_key", "total")
"""The fields that an attempt reports of a table that it has written. The engine adds the others."""

_FIRST_TO_GO = "1000"
_CHUNK = 65_536
_LENGTH_BYTES = 8
_SHORT_TURN = 1e-5
"""Seconds that a thread of the author's keeps the interpreter while the end is sent."""

# Taken now: an author's code may replace them.
_exit = os._exit
_signal, _getsignal, _valid_signals, _pthread_sigmask = (
    signal.signal,
    signal.getsignal,
    signal.valid_signals,
    signal.pthread_sigmask,
)


class AttemptKeys(Protocol):
    """Credentials for one attempt."""

    @property
    def renewed(self) -> bool:
        """Whether they may expire before the attempt ends, and others follow."""

    @property
    def shared(self) -> bool:
        """Whether other attempts have them, too."""

    def settle(self, home: Path) -> Mapping[str, str | None]:
        """Have the author's own clients find them.

        Args:
            home: the attempt's folder; where they are renewed, they lie in a file there.

        Returns:
            Environment variables; None: without that variable.
        """


class AttemptStorage(Storage, Protocol):
    """A ``Storage`` that is partly prepared before its attempt is known."""

    def prepare(self) -> None:
        """Open a database, in the fork server. It has one thread and reaches nothing."""

    def settle(self, folder: Path) -> None:
        """In the attempt's process: spill into ``folder``."""

    def grant(self, keys: AttemptKeys) -> None:
        """Use these credentials from here on. Other threads may be in the middle of queries."""

    def requests(self) -> Mapping[str, int]:
        """How many requests it has made of a service that bills them, by HTTP method."""


@dataclass(frozen=True, slots=True)
class Call:
    """Which function the process is to call, and with what.

    ``variables``: its Pond's secrets and env values. ``killed``: call the Ripple's ``on_kill``
    function, not the Ripple.
    """

    around: Surroundings
    root: Path
    module: str
    variables: Mapping[str, str]
    keys: AttemptKeys
    killed: bool = False


def packed(value: object) -> bytes:
    """An order, or renewed keys, in the form that the parent sends."""
    body = pickle.dumps(value)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def _unpacked(descriptor: int) -> object:
    """The next order or keys."""
    return pickle.loads(_read(descriptor, int.from_bytes(_read(descriptor, _LENGTH_BYTES), "big")))  # noqa: S301 - our parent's


def prepare(storage: AttemptStorage) -> None:
    """Prepare what all attempts share: in the fork server, before the first attempt."""
    storage.prepare()
    reset_loggers()


def begin(storage: AttemptStorage, folders: Folders, descriptors: Sequence[int]) -> NoReturn:
    """The whole life of the process. ``descriptors``: the link to the parent, renewed
    credentials, standard output and error.
    """
    link, renewals, out, err = descriptors
    os.dup2(out, 1)
    os.dup2(err, 2)
    for one in (out, err):
        os.close(one)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    home = Path(folders.home)
    os.environ["TMPDIR"] = tempfile.tempdir = folders.temporary
    storage.settle(home)
    attempt = _Attempt(storage, home, _Link(link, _read(link, KEY_BYTES)))
    attempt.prepare(cast("AttemptKeys | None", _unpacked(link)))
    order = _unpacked(link)
    assert isinstance(order, Call)  # noqa: S101 - nobody else has the other end
    attempt.run(order, renewals)


def _read(descriptor: int, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        part = os.read(descriptor, size - len(got))
        if not part:
            raise EOFError("the parent is gone")
        got += part
    return bytes(got)


class _Link(Writer):
    """The link to the parent: messages, questions and their answers."""

    def __init__(self, descriptor: int, key: bytes) -> None:
        super().__init__(descriptor, key)
        self.key = key
        self._pid = os.getpid()
        self._socket, self._asking = descriptor, threading.Lock()
        self._answers = Reader(key)

    @override
    def send(self, message: Mapping[str, object]) -> None:
        if os.getpid() != self._pid:
            raise OSError("only the process that the Ripple began in speaks to its parent")
        super().send(message)

    def ask(self, **question: object) -> Mapping[str, object]:
        """The answer to a question.

        Raises:
            TransientError: the parent could not get an answer.
        """
        with self._asking:
            self.send({"ask": question})
            while True:
                data = os.read(self._socket, _CHUNK)
                if not data:
                    raise OSError("the parent is gone")
                for answer in self._answers.feed(data):
                    if "error" in answer:
                        raise _ERRORS.get(str(answer["error"]), TransientError)(answer["message"])
                    return answer


class _SupersededError(SupersededError):
    def __init__(self, message: str) -> None:
        TransientError.__init__(self, message)


_ERRORS: Mapping[str, Callable[[object], Exception]] = {
    "SupersededError": lambda message: _SupersededError(str(message)),
    "InvariantError": lambda message: InvariantError(str(message)),
}


class _Memory:
    """``author.memory.Memory``, kept by the parent process."""

    def __init__(self, link: _Link) -> None:
        self._link = link

    def entries(self) -> Mapping[str, str]:
        found = self._link.ask(op="entries")["entries"]
        return dict(found) if isinstance(found, dict) else {}

    def keep(self, key: str, text: str) -> None:
        self._link.ask(op="keep", key=key, text=text)


class _Backlog:
    """``author.arriving.Backlog``: the parent has it."""

    def __init__(self, link: _Link) -> None:
        self._link = link

    def more(self) -> tuple[Sequence[Arrived], bool]:
        return read_page(self._link.ask(op="arrivals"))


class _Attempt:
    _order: Call
    _project: Project
    _pond: Pond

    def __init__(self, storage: AttemptStorage, home: Path, link: _Link) -> None:
        self._storage, self._home, self._link = storage, home, link
        self._keys: AttemptKeys | None = None
        self._armed, self._signals, self._ends = False, 0, SelfEnded(self._say)

    def prepare(self, keys: AttemptKeys | None) -> None:
        """Prepare before the order has come. ``keys``: those that the order will likely bring."""
        # It may be raised in an author's code only: in ours it would break off a message.
        signal.signal(STOP, self._stop)
        faulthandler.enable((self._home / FAULTS).open("w"), all_threads=False)
        self._log = begin_output(self._link)
        if keys is not None:
            self._grant(keys)
        self._ends.prepare()

    def run(self, order: Call, renewals: int) -> NoReturn:
        self._order, self._project = order, Project(order.root, order.module)
        os.environ.update(order.variables)
        if order.keys != self._keys:
            self._grant(order.keys)
        around = replace(order.around, environment=os.environ)
        ports = {"storage": self._storage, "memory": _Memory(self._link), "log": self._log}
        self._pond = handle(around, **ports, backlog=_Backlog(self._link))
        if order.keys.renewed:
            threading.Thread(
                target=self._renew, args=[renewals], name="duckstring-credentials", daemon=True
            ).start()
        sys.addaudithook(self._ends.on_audit)
        self._link.send({"called": True})
        try:
            ended = self._call()
            _restore_interpreter()
            end_output()
        except BaseException:  # noqa: BLE001 - the author has replaced what this needs
            _exit(MUTE_EXIT)
        self._send_end(ended)

    def _grant(self, keys: AttemptKeys) -> None:
        self._storage.grant(keys)
        for name, value in keys.settle(self._home).items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._keys = keys

    def _call(self) -> Ended:
        find = (lambda one: one.on_kill) if self._order.killed else (lambda one: one.function)
        try:
            try:
                self._armed = True
                if self._signals:
                    raise Stopped
                value = call(self._project, self._order.around.ripple, self._pond, find)
            finally:
                self._armed = False
                _mask_signals()
        except BaseException as error:  # noqa: BLE001 - whatever an author's code raises
            self._armed = False
            _mask_signals()
            if self._signals:
                return Cut(_cut_frames(error, self._project))
            return self._outage(error) or self._judged(error)
        self._pond.reads = self._reads()
        self._pond.may_have_read = self._may_have_read()
        # A bare except in author code may swallow Paused; honour the recorded pause anyway.
        if self._pond.paused:
            return Pauses(self._pond.paused.seconds)
        # A run's value is not used: a relation's text would cost a query, and a long list's text
        # may be larger than a message.
        if not self._order.killed or value is None:
            return Returned()
        try:
            return Returned(cut("".join(str(value))), isinstance(value, Requested))
        except BaseException as error:  # noqa: BLE001 - its __str__ is the author's, too
            return fault(error, self._project)

    def _requests(self) -> dict[str, int]:
        try:
            return dict(self._storage.requests())
        except BaseException:  # noqa: BLE001 - the author's code may have left no database, or no memory
            return {}

    def _reads(self) -> tuple[str, ...] | None:
        try:
            return tables_read(self._pond, self._project.root)
        except (OSError, RecursionError):
            return None

    def _may_have_read(self) -> tuple[str, ...] | None:
        if self._order.killed or self._order.around.checks:
            return ()
        try:
            declared = self._project.find(self._order.around.ripple)
            if declared is None:
                return None
            return may_have_read(self._pond, self._project.root, declared.function)
        except BaseException:  # noqa: BLE001 - whatever the author's code has left
            return None

    def _explained(self, error: BaseException) -> BaseException:
        try:
            return self._pond.explained(error).with_traceback(error.__traceback__)
        except BaseException:  # noqa: BLE001 - it asks the error for its text, which is the author's
            return error

    def _judged(self, error: BaseException) -> Ended:
        explained = self._explained(error)
        ended = judged(explained, self._project)
        if isinstance(ended, Fault):
            return replace(ended, final=self._is_final(error, explained))
        return ended

    def _is_final(self, *errors: BaseException) -> bool:
        """Whether the Ripple is not to be tried again, as its author has said."""
        names = self._order.around.retry_on
        try:
            return bool(names) and not any(names_any(names, type(error)) for error in errors)
        except BaseException:  # noqa: BLE001 - its class may have a metaclass of the author's
            return False

    def _outage(self, error: BaseException) -> Unreachable | None:
        """The storage may fail in the author's own statements, too: a table is read only when its
        rows are used.
        """
        try:
            found = self._pond.outage(error)
            return None if found is None else Unreachable(found.message)
        except BaseException:  # noqa: BLE001 - as above
            return None

    def _stop(self, _number: int, _frame: object) -> None:
        """Raise at each signal, so that the code may clean up. From the second signal on, queries
        of threads are ended too.
        """
        self._signals += 1
        if self._signals > 1:
            with suppress(Exception):
                self._pond.interrupt()
        if self._armed:
            raise Stopped

    def _say(self, word: Mapping[str, object]) -> None:
        with suppress(OSError):
            self._link.send(word)

    def _renew(self, renewals: int) -> None:
        """Use new credentials at once, whatever the author's code does meanwhile."""
        with suppress(OSError, EOFError):
            while True:
                keys = cast("AttemptKeys", _unpacked(renewals))
                keys.settle(self._home)
                self._storage.grant(keys)

    def _send_end(self, ended: Ended) -> NoReturn:
        try:
            end = {
                **_end(ended, self._pond),
                "requests": self._requests(),
                "imported": [name for name in LIBRARIES if name in sys.modules],
            }
            try:
                self._link.send(end)
            except OSError:
                # The author's code has closed our descriptor.
                part = self._home / f"{END}.part"
                part.write_bytes(frame(self._link.key, end))
                part.replace(self._home / END)
        except BaseException:  # noqa: BLE001 - nothing is left to say it with
            _exit(MUTE_EXIT)
        _exit(0)


def _cut_frames(error: BaseException, project: Project) -> str:
    verdict = judged(error, project)
    if isinstance(verdict, Cut):
        return verdict.traceback
    return verdict.traceback if isinstance(verdict, Fault) else ""


def _mask_signals() -> None:
    """Let no handler of the author's run any more. It would raise in the middle of our code, or
    print into the message.
    """
    with suppress(Exception):
        _pthread_sigmask(signal.SIG_BLOCK, _valid_signals())
        # Another thread may still receive them.
        for number in _valid_signals():
            if callable(_getsignal(number)):
                _signal(number, signal.SIG_IGN)


def _restore_interpreter() -> None:
    """Restore enough of the interpreter to send the end."""
    with suppress(Exception):
        sys.setswitchinterval(_SHORT_TURN)
        sys.settrace(None)
        sys.setprofile(None)
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 1000))


def _lineage(pond: Pond) -> Mapping[str, object] | None:
    """What it has read, by names. None: the author's code has replaced what tells it."""
    try:
        uses, may = pond.uses, pond.may_have_read
        return {
            "used": sorted(uses.tables),
            "news": sorted(uses.news),
            "may": None if may is None else list(may),
        }
    except BaseException:  # noqa: BLE001 - no attempt fails for it
        return None


def _end(ended: Ended, pond: Pond) -> Mapping[str, object]:
    match ended:
        case Returned(value, requested):
            tables = [
                {name: msgspec.to_builtins(getattr(table, name)) for name in TABLE_FIELDS}
                for table in pond.written.values()
            ]
            reads = None if pond.reads is None else list(pond.reads)
            names = {"kept": sorted(pond.kept), "dropped": sorted(pond.dropped), "reads": reads}
            said = {
                "value": value,
                "requested": requested,
                "checks": checked.sent(pond),
                "taken": sorted(pond.taken),
            }
            skipped = pond.skipped
            return {
                "end": "returned",
                "tables": tables,
                "skipped": skipped,
                "lineage": _lineage(pond),
                **said,
                **names,
            }
        case Pauses(seconds):
            return {"end": "paused", "seconds": seconds, "discarded": sorted(pond.written)}
        case Fault(error, message, traceback, memory, final):
            return {
                "end": "failed",
                "error": error,
                "message": message,
                "traceback": traceback,
                "memory": memory,
                "final": final,
            }
        case Unreachable(message):
            return {"end": "unreachable", "message": message}
        case Cut(traceback):
            return {"end": "cut", "traceback": traceback}
