"""While an attempt runs: is it still wanted, and has it time? If not, its author's code is ended within seconds, whatever it does.

The engine says in the attempt's row of history that it is not wanted (killed by an operator, lost with its execution): stopping
an execution reaches no worker. A thread looks at that row now and then, never in the first two seconds, so short Ripples pay
nothing. The same thread knows when the attempt's time is up.

What is to end is raised out of (``Stopped`` in the main thread, by a signal: sleeps, sockets, locks, Python loops and DuckDB's
queries all end on it), but not out of an import: a module that was loaded by half would spoil a warm worker. Code that swallows
that, a call that never comes back to Python, and threads that the attempt leaves behind end with their process.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Literal, NoReturn, ParamSpec, Self, TypeVar

Given = ParamSpec("Given")
Got = TypeVar("Got")
Ending = Literal["overran", "timeout"]

TAKEN_EXIT = 70
"""The exit code of a worker whose attempt was taken and did not end."""
TIMEOUT_EXIT = 71
"""The exit code of one whose attempt was out of time and did not end; history has been told."""

_SIGNAL = signal.SIGUSR2
_ROUNDS = 2
_BEAT = 0.1
_LAST_WORDS = 2.0
_LINGER = 1.0
_IMPORTS = "<frozen importlib"


class Stopped(BaseException):
    """This attempt is to end. No ``Exception``: code that carries on after any error must not carry on after this."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, in seconds: every ``early`` in the first ``youth``, every ``later`` after it.

    ``grace``: from when the code is told to end to when its process is ended.
    """

    early: float = 2.0
    later: float = 5.0
    youth: float = 60.0
    grace: float = 5.0


@dataclass(frozen=True, slots=True)
class Limit:
    """After so many ``seconds`` an attempt ends, and how.

    ``overran``: the function's time is about to end. What does not leave then is left to the function's own end, which the
    state machine knows for what it is; ending the process would look like a crash. ``timeout``: the attempt's time is over.
    """

    seconds: float
    how: Ending


class Watch:
    """Watches over one attempt, within a ``with`` block in the thread that makes it.

    Where that is not the main thread no signal can be had: then DuckDB alone is interrupted before the process ends.
    ``taken`` is the status by which the attempt was taken from us, whatever its code did; ``ended`` why its code was ended, if
    it was: then nothing that the code came to counts.
    """

    def __init__(
        self,
        look: Callable[[], str | None],
        *,
        interrupt: Callable[[], None],
        log: logging.Logger,
        pace: Pace | None = None,
        limits: Sequence[Limit] = (),
        last_words: Callable[[str], None] = lambda _why: None,
    ) -> None:
        """Nothing is watched before it is entered.

        Args:
            look: the status that took the attempt from its worker, None as long as it is wanted.
            interrupt: ends queries.
            log: what happens is told there.
            pace: how often to look.
            limits: when its time is up.
            last_words: called, in a thread, before a process is ended, with the reason.
        """
        self._look, self._interrupt, self._log, self._pace = look, interrupt, log, pace or Pace()
        self._limits = sorted(limits, key=lambda limit: limit.seconds)
        self._last_words = last_words
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._armed = self._due = self._told = self._returned = False
        self._why = ""
        self._in_main = threading.current_thread() is threading.main_thread()
        self._thread = threading.Thread(target=self._watch, name="duckstring-watch", daemon=True)
        self._before: set[threading.Thread] = set()
        self._begun = time.monotonic()
        self.taken = ""

    @property
    def ended(self) -> str:
        """Why the code was ended: the status that took the attempt, ``overran`` or ``timeout``; empty: it was not."""
        return self._why if self._told else ""

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._before = {*threading.enumerate()}
        self._begun = time.monotonic()
        if self._in_main:
            # Before anything is raised: while the package is fetched and imported, too, the signal's own effect would end the process.
            signal.signal(_SIGNAL, self._on_signal)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The attempt is over; from here on nothing is raised and no process ended."""
        with self._lock:
            if (self.taken or self.ended == "overran") and self._has_threads():
                self._leave("threads of the attempt live on")
            self._over.set()

    def _has_threads(self) -> bool:
        """Whether threads of the attempt stay; one that is about to end is given a moment, and its query is ended."""
        until = time.monotonic() + _LINGER
        while {*threading.enumerate()} - self._before - {self._thread}:
            if time.monotonic() >= until:
                return True
            with suppress(Exception):
                self._interrupt()
            time.sleep(_BEAT)
        return False

    def call(self, function: Callable[Given, Got], *given: Given.args, **named: Given.kwargs) -> Got:
        """Call what may be ended in the middle. Our own code never is: a warm worker must stay as it was.

        Raises:
            Stopped: the attempt is to end. DuckDB makes a RuntimeError of it: ``ended`` is what counts.
        """
        if self._in_main:
            # At each call, for the author's code may have put its own there; never back: a late signal would end the process.
            signal.signal(_SIGNAL, self._on_signal)
        if self._why:
            self._told = True
            raise Stopped
        self._armed = True
        try:
            try:
                return function(*given, **named)
            finally:
                self._armed = False
        finally:
            # Again: the signal may have come in the very line above.
            self._armed, self._returned = False, True

    def _on_signal(self, _number: int, frame: FrameType | None) -> None:
        """Raised once for each time that it is due: what ends by it may clean up after itself."""
        if self._armed and self._due and not _imports(frame):
            self._due = False
            self._told = True
            raise Stopped

    def _watch(self) -> None:
        pace, look_at = self._pace, self._pace.early
        limits = list(self._limits)
        while not self._over.wait(max(min([look_at, *(limit.seconds for limit in limits)]) - self._age(), 0)):
            if limits and self._age() >= limits[0].seconds:
                self._why = limits.pop(0).how
            elif taken := self._looked():
                self.taken = self._why = taken
            if self._why:
                self._log.warning("attempt is stopped", extra={"status": self._why})
                self._end()
                return
            look_at = self._age() + (pace.early if self._age() < pace.youth else pace.later)

    def _age(self) -> float:
        return time.monotonic() - self._begun

    def _looked(self) -> str | None:
        try:
            return self._look()
        except Exception:  # noqa: BLE001 - whatever the network does: the next look may succeed, and the attempt goes on
            self._log.warning("could not look whether the attempt is wanted", exc_info=True)
            return None

    def _end(self) -> None:
        part, rounds = self._pace.grace / (2 * _ROUNDS), 0
        while rounds < _ROUNDS or self._why == "overran":
            rounds += 1
            self._raise()
            if self._is_over(part):
                return
            # Not at once: the signal ends queries of the main thread, and with it the code that would otherwise see this error.
            # Nor where the code came back by itself: what it gave is being told. One that was told to end may have left a thread.
            if (self._armed and not self._due) or (self._returned and self._told):
                self._told = True
                with suppress(Exception):
                    self._interrupt()
            if self._is_over(part):
                return
        with self._lock:
            if not self._over.is_set() and (self.taken or not self._returned):
                self._leave("the attempt does not end")

    def _is_over(self, seconds: float) -> bool:
        """Wait so long for the end. A signal that found the code in an import is given again."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._over.wait(min(left, _BEAT)):
                return True
            if self._due:
                self._raise()
        return False

    def _leave(self, why: str) -> NoReturn:
        if self._why == "overran":
            self._log.error("the function's end is awaited", extra={"why": why})
            while True:
                threading.Event().wait()
        self._log.error("process ends", extra={"status": self._why, "why": why})
        talk = threading.Thread(target=self._say_last_words, daemon=True)
        talk.start()
        talk.join(_LAST_WORDS)
        os._exit(TIMEOUT_EXIT if self._why == "timeout" else TAKEN_EXIT)

    def _say_last_words(self) -> None:
        with suppress(Exception):
            self._last_words(self._why)

    def _raise(self) -> None:
        main = threading.main_thread().ident
        if self._in_main and main is not None:
            self._due = True
            signal.pthread_kill(main, _SIGNAL)


def _imports(frame: FrameType | None) -> bool:
    """Whether the author's code is in the middle of an import."""
    while frame is not None and frame.f_code is not Watch.call.__code__:
        if frame.f_code.co_filename.startswith(_IMPORTS):
            return True
        frame = frame.f_back
    return False
