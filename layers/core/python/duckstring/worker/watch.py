"""The parent of an attempt's process: follows it to its end, and reports how that was.

The attempt's row of history may say that the attempt is no longer wanted (killed by an operator, or
lost with its execution), because stopping an execution reaches no worker. The parent reads that row
now and then, but never in the first two seconds, so short Ripples pay nothing. It also knows when
the attempt's time is up. The author's code then gets a signal, whose handler raises in the main
thread. It has its grace to clean up, and is killed with everything that it has started. Nothing of
an attempt outlives this.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from duckstring.author.memory import Memory
from duckstring.errors import DuckstringError, InvariantError
from duckstring.worker.arrivals import Given
from duckstring.worker.attempt_process import END, FAULTS, STOP, AttemptKeys, Call, packed
from duckstring.worker.calling import to_the_author
from duckstring.worker.channel import Message, Reader, frame
from duckstring.worker.descendants import Exit
from duckstring.worker.output import LONGEST_TEXT, Lines
from duckstring.worker.processes import PATIENCE, Process

Ending = Literal["overran", "timeout"]

_CHUNK = 262_144
_ROUNDS = 4
"""How many stop signals the code gets within its grace."""
_LAST_LINES = 10
_PART_WAITS = 1.0
"""Seconds for which printed text without an end of line waits for the rest of its line."""
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, in seconds: every ``early`` in the first ``youth``, every ``later`` after
    it.

    ``grace``: from the first stop signal to the end of the process. ``keys``: between two checks
    for new credentials.
    """

    early: float = 2.0
    later: float = 5.0
    youth: float = 60.0
    grace: float = 5.0
    keys: float = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """After so many ``seconds`` an attempt ends, and how.

    ``overran``: the function's time is about to end. ``timeout``: the attempt's time is over.
    """

    seconds: float
    how: Ending


@dataclass(slots=True)
class Outcome:
    """What is known of a finished attempt's process.

    ``end``: the end that it has sent, if any. ``why``: why it was ended, if it was: the status that
    took the attempt, or a limit's. Then the code's own result does not count. ``called``: the
    author's code had begun. ``killing``: the signal that it was about to send to itself.
    ``started``: it has started programs. ``running``: it has not waited for all of them. ``lines``:
    the last that it wrote to standard error.
    """

    why: str = ""
    taken: str = ""
    end: Message | None = None
    exit: Exit | None = None
    called: bool = False
    killing: int = 0
    started: bool = False
    running: bool = False
    lines: list[str] = field(default_factory=list)
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """What the parent does while the attempt runs.

    ``called`` is called when the author's code begins. ``look`` gives the status that took the
    attempt from its worker, None as long as it is wanted. ``keys`` gives credentials, which are
    sent when they change; None: they hold as long as the attempt may take. ``line`` and ``record``
    take what the code prints and logs. ``given``: the objects that arrived; None: there can be
    none.
    """

    memory: Memory
    look: Callable[[], str | None]
    line: Callable[[str, str, float | None], None]
    """A printed line, its stream, and when it was printed, where that is known."""
    record: Callable[[Message], None]
    log: logging.Logger
    pace: Pace
    called: Callable[[], None] = lambda: None
    limits: Sequence[Limit] = ()
    keys: Callable[[], AttemptKeys] | None = None
    given: Given | None = None


def follow(one: Process, order: Call, how: Follow) -> Outcome:
    """Order a process to make a call, and follow it until it is over."""
    one.is_used = True
    # It may have waited long beside others' code. If that has stopped it, this resumes it.
    one.forked.signal(signal.SIGCONT)
    pool = ThreadPoolExecutor(max_workers=3, thread_name_prefix="duckstring-attempt")
    try:
        return _Following(one, order, how, pool).run()
    finally:
        # A check that hangs in the network is of no use any more.
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Part:
    """A line without its end, and until when it waits for that."""

    text: str
    at: float
    until: float


class _Following:
    """Follows one process: a loop over what arrives and what is due."""

    def __init__(
        self, process: Process, order: Call, follow: Follow, pool: ThreadPoolExecutor
    ) -> None:
        self._process, self._order, self._follow, self._pool = process, order, follow, pool
        self._forked, self._reader = process.forked, Reader(process.key)
        self._outcome = Outcome()
        self._begun = time.monotonic()
        self._limits = sorted(follow.limits, key=lambda limit: limit.seconds)
        self._looks, self._keys_at, self._held = follow.pace.early, follow.pace.keys, order.keys
        self._stops_at: list[float] = []
        self._kill_at: float | None = None
        self._abandon_at = float("inf")
        self._done: list[Callable[[], None]] = []
        self._bell, self._ring = socket.socketpair()
        self._lines = {"stdout": Lines(), "stderr": Lines()}
        self._parts: dict[str, _Part] = {}

    def run(self) -> Outcome:
        link, out, err = self._process.link, self._process.out, self._process.err
        sources: dict[Any, Callable[[], bool]] = {
            link: lambda: self._receive(link),
            out: lambda: self._print(out, "stdout"),
            err: lambda: self._print(err, "stderr"),
            self._bell: self._act,
            self._forked: self._news,
        }
        self._printed = ((out, "stdout"), (err, "stderr"))
        with self._bell, self._ring, selectors.DefaultSelector() as ready:
            for one in (link, out, err):
                _set_blocking(one, blocking=False)
            self._send_order(link)
            for source in sources:
                ready.register(source, selectors.EVENT_READ)
            while not self._forked.gone:
                for key, _ in ready.select(self._until()):
                    if not sources[key.fileobj]():
                        ready.unregister(key.fileobj)
                self._see_to_what_is_due()
            self._drain(link, out, err)
        return self._outcome

    def _send_order(self, link: socket.socket) -> None:
        link.settimeout(PATIENCE)
        with suppress(OSError):  # it has died, which is noticed at its end
            link.sendall(packed(self._order))
        link.setblocking(False)

    # What arrives

    def _receive(self, link: socket.socket) -> bool:
        try:
            data = link.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        messages = self._reader.feed(data)
        # By now, everything that child processes printed before such a message has arrived.
        for descriptor, stream in self._printed:
            self._print(descriptor, stream)
        for message in messages:
            self._take(message)
        return bool(data)

    def _take(self, message: Message) -> None:
        match message:
            case {
                "lines": str() as lines,
                "goes_on": bool() as goes_on,
                "stream": "stdout" | "stderr" as stream,
                "at": float() as at,
            }:
                self._join(lines, stream, at, goes_on=goes_on)
            case {"record": dict() as record}:
                self._follow.record(record)
            case {"ask": dict() as question}:
                self._pool.submit(self._answer, question)
            case {"called": True}:
                self._outcome.called = True
                self._follow.called()
            case {"killing": int() as number}:
                self._outcome.killing = number
            case {"running": bool() as running}:
                self._outcome.started |= running
                self._outcome.running = running
            case {"end": str()} if not self._outcome.end:
                self._outcome.end = message
                self._process.imported = _names(message.get("imported"))
            case _:
                self._follow.log.warning("a message from the attempt's process is not understood")

    def _join(self, lines: str, stream: str, at: float, *, goes_on: bool) -> None:
        """Text that was flushed without an end of line waits a while for the rest: a secret may
        have been cut in two.
        """
        held = self._parts.get(stream)
        # A program that shows its progress starts the line again.
        if held and (
            lines.startswith("\r") or held.text.endswith("\r") or len(held.text) > LONGEST_TEXT
        ):
            self._say_part(stream)
        if held := self._parts.pop(stream, None):
            lines, at = held.text + lines, held.at
        if goes_on:
            self._parts[stream] = _Part(
                lines, at, held.until if held else self._age() + _PART_WAITS
            )
        else:
            self._say(lines, stream, at)

    def _say_part(self, stream: str) -> None:
        held = self._parts.pop(stream)
        self._say(held.text, stream, held.at)

    def _say(self, lines: str, stream: str, at: float | None = None) -> None:
        if stream == "stderr":
            self._outcome.lines = [
                *self._outcome.lines,
                *(line.rstrip("\r") for line in lines.split("\n") if line.strip()),
            ][-_LAST_LINES:]
        self._follow.line(lines, stream, at)

    def _print(self, descriptor: int, stream: str) -> bool:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        for line in self._lines[stream].feed(data):
            self._say(line, stream)
        return bool(data)

    def _news(self) -> bool:
        self._forked.receive()
        return not self._forked.gone

    def _drain(self, link: socket.socket, out: int, err: int) -> None:
        """Read what was sent before the end. Every writer is gone."""
        reads: list[tuple[int | socket.socket, Callable[[], bool]]] = [
            (out, lambda: self._print(out, "stdout")),
            (err, lambda: self._print(err, "stderr")),
            (link, lambda: self._receive(link)),
        ]
        for one, read in reads:
            with selectors.DefaultSelector() as ready:
                ready.register(one, selectors.EVENT_READ)
                while ready.select(0) and read():
                    pass
        for stream, lines in self._lines.items():
            for line in lines.finish():
                self._say(line, stream)
        for message in self._reader.finish():
            self._take(message)
        for stream in list(self._parts):
            self._say_part(stream)
        outcome = self._outcome
        outcome.exit = self._forked.exit
        with suppress(OSError):
            outcome.fault = to_the_author(
                (self._process.home / FAULTS).read_text(encoding="utf-8", errors="replace"),
                self._order.root,
            )
        if outcome.end is None:
            with suppress(OSError):
                reader = Reader(self._process.key)
                found = reader.feed((self._process.home / END).read_bytes())
                outcome.end = next((message for message in found if "end" in message), None)

    # Questions, checks and renewals run in threads, because AWS may be slow

    def _answer(self, question: Mapping[str, Any]) -> None:
        answer = _answered(question, self._follow.memory, self._follow.given)

        def send() -> None:
            link = self._process.link
            link.settimeout(PATIENCE)  # it waits for nothing else
            with suppress(OSError):
                link.sendall(frame(self._process.key, answer))
            link.setblocking(False)

        self._then(send)

    def _look(self) -> None:
        try:
            taken = self._follow.look()
        except (
            Exception
        ):  # whatever the network does: the next check may succeed, and the attempt goes on
            self._follow.log.warning("could not look whether the attempt is wanted", exc_info=True)
            taken = None

        def decide() -> None:
            pace = self._follow.pace
            self._looks = self._age() + (pace.early if self._age() < pace.youth else pace.later)
            if taken and not self._outcome.why:
                self._outcome.taken = taken
                self._stop(taken)

        self._then(decide)

    def _renew(self, keys: Callable[[], AttemptKeys]) -> None:
        try:
            found = keys()
        except Exception:  # as above
            self._follow.log.warning("could not get new credentials", exc_info=True)
            found = self._held

        def send() -> None:
            self._keys_at = self._age() + self._follow.pace.keys
            if found != self._held:
                self._held = found
                with suppress(OSError):
                    self._process.renewals.sendall(packed(found))
                self._follow.log.info("credentials renewed")

        self._then(send)

    def _then(self, act: Callable[[], None]) -> None:
        """Queue an action for the loop."""
        self._done.append(act)
        with suppress(OSError):
            self._ring.send(b"!")

    def _act(self) -> bool:
        self._bell.recv(_CHUNK)
        while self._done:
            self._done.pop(0)()
        return True

    # What is due

    def _age(self) -> float:
        return time.monotonic() - self._begun

    def _until(self) -> float:
        due = [
            self._looks,
            self._abandon_at,
            *self._stops_at,
            *(limit.seconds for limit in self._limits[:1]),
        ]
        due += [self._kill_at] if self._kill_at is not None else []
        due += [self._keys_at] if self._follow.keys else []
        due += [part.until for part in self._parts.values()]
        return min(max(min(due) - self._age(), 0.0), _LONGEST_WAIT)

    def _see_to_what_is_due(self) -> None:
        now, outcome, never = self._age(), self._outcome, float("inf")
        if self._limits and now >= self._limits[0].seconds and not outcome.why:
            if outcome.end is None:
                self._stop(self._limits[0].how)
            self._limits = []
        if now >= self._looks:
            self._looks = never
            if not outcome.why:
                self._pool.submit(self._look)
        if self._follow.keys and now >= self._keys_at:
            self._keys_at = never
            self._pool.submit(self._renew, self._follow.keys)
        for stream in [stream for stream, part in self._parts.items() if now >= part.until]:
            self._say_part(stream)
        self._end_overdue(now)

    def _end_overdue(self, now: float) -> None:
        if self._stops_at and now >= self._stops_at[0]:
            self._stops_at.pop(0)
            self._forked.signal(STOP)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at, self._abandon_at = None, now + PATIENCE
            self._forked.end()
        if now >= self._abandon_at:
            self._abandon_at = now + PATIENCE
            self._forked.abandon()
        if (
            self._outcome.end is not None
            and self._kill_at is None
            and self._abandon_at == float("inf")
            and not self._outcome.why
        ):
            # It is about to exit. Whatever delays that is not our code.
            self._kill_at = now + self._follow.pace.grace

    def _stop(self, why: str) -> None:
        self._outcome.why = why
        self._follow.log.warning("attempt is stopped", extra={"status": why})
        grace, now = self._follow.pace.grace, self._age()
        self._stops_at = [now + grace * part / _ROUNDS for part in range(_ROUNDS)]
        self._kill_at = now + grace


def _answered(question: Mapping[str, Any], memory: Memory, given: Given | None) -> Message:
    try:
        match question:
            case {"op": "entries"}:
                return {"entries": dict(memory.entries())}
            case {"op": "keep", "key": str() as key, "text": str() as text}:
                memory.keep(key, text)
                return {}
            case {"op": "arrivals"} if given is not None:
                return given.page()
            case _:
                return {
                    "error": InvariantError.__name__,
                    "message": f"An attempt's process asks {question.get('op')!r}.",
                }
    except DuckstringError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # noqa: BLE001 - any error becomes the answer
        return {"error": "TransientError", "message": f"{type(error).__name__}: {error}"}


def _names(found: object) -> list[str]:
    """The names of the imported modules that an attempt's process reports, if they are names."""
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _set_blocking(end: socket.socket | int, *, blocking: bool) -> None:
    os.set_blocking(end if isinstance(end, int) else end.fileno(), blocking)
