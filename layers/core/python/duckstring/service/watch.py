"""While an attempt runs: is it still wanted? If not, its author's code is ended within seconds, whatever it does.

The engine says so in the attempt's row of history (killed by an operator, lost with its execution): stopping an execution
reaches no worker. A thread looks at that row now and then, never in the first two seconds, so short Ripples pay nothing.

An attempt that was taken is raised out of (``Stopped`` in the main thread, by a signal: sleeps, sockets, locks, Python
loops and DuckDB's queries all end on it). Code that swallows that, a call that never comes back to Python, and threads that
the attempt leaves behind end with their process.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import NoReturn, ParamSpec, Self, TypeVar

Given = ParamSpec("Given")
Got = TypeVar("Got")

_SIGNAL = signal.SIGUSR2
_ROUNDS = 2
_EXIT_CODE = 70


class Stopped(BaseException):
    """This attempt is no longer wanted. No ``Exception``: code that carries on after any error must not carry on after this."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, in seconds: every ``early`` in the first ``youth``, every ``later`` after it.

    ``grace``: from when the code is told to end to when its process is ended.
    """

    early: float = 2.0
    later: float = 5.0
    youth: float = 60.0
    grace: float = 5.0


class Watch:
    """Watches over one attempt, within a ``with`` block in the thread that makes it.

    Where that is not the main thread no signal can be had: then DuckDB alone is interrupted before the process ends.
    """

    def __init__(
        self, look: Callable[[], str | None], *, interrupt: Callable[[], None], log: logging.Logger, pace: Pace | None = None
    ) -> None:
        """``look`` gives the status that took the attempt from its worker, None as long as it is wanted; ``interrupt`` ends queries."""
        self._look, self._interrupt, self._log, self._pace = look, interrupt, log, pace or Pace()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._armed = self._due = False
        self._in_main = threading.current_thread() is threading.main_thread()
        self._thread = threading.Thread(target=self._watch, name="duckstring-watch", daemon=True)
        self._before: set[threading.Thread] = set()
        self.taken = ""

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._before = {*threading.enumerate()}
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The attempt is over; from here on nothing is raised and no process ended."""
        with self._lock:
            if self.taken and {*threading.enumerate()} - self._before - {self._thread}:
                self._leave("threads of the attempt live on")
            self._over.set()

    def call(self, function: Callable[Given, Got], *given: Given.args, **named: Given.kwargs) -> Got:
        """Call what may be ended in the middle. Our own code never is: a warm worker must stay as it was.

        Raises:
            Stopped: the attempt was taken. DuckDB makes a RuntimeError of it: ``taken`` is what counts.
        """
        if self._in_main:
            # At each call, for the author's code may have put its own there; never back: a late signal would end the process.
            signal.signal(_SIGNAL, self._on_signal)
        if self.taken:
            raise Stopped
        self._armed = True
        try:
            return function(*given, **named)
        finally:
            self._armed = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Raised once for each time that it is due: what ends by it may clean up after itself."""
        if self._armed and self._due:
            self._due = False
            raise Stopped

    def _watch(self) -> None:
        pace, age, pause = self._pace, 0.0, self._pace.early
        while not self._over.wait(pause):
            age += pause
            pause = pace.early if age < pace.youth else pace.later
            if taken := self._looked():
                self.taken = taken
                self._log.warning("attempt is stopped", extra={"status": taken})
                self._end()
                return

    def _looked(self) -> str | None:
        try:
            return self._look()
        except Exception:  # noqa: BLE001 - whatever the network does: the next look may succeed, and the attempt goes on
            self._log.warning("could not look whether the attempt is wanted", exc_info=True)
            return None

    def _end(self) -> None:
        part = self._pace.grace / (2 * _ROUNDS)
        for _ in range(_ROUNDS):
            self._raise()
            if self._over.wait(part):
                return
            # Not at once: the signal ends queries of the main thread, and with it the code that would otherwise see this error.
            with suppress(Exception):
                self._interrupt()
            if self._over.wait(part):
                return
        with self._lock:
            if not self._over.is_set():
                self._leave("the attempt does not end")

    def _leave(self, why: str) -> NoReturn:
        self._log.error("process ends", extra={"status": self.taken, "why": why})
        os._exit(_EXIT_CODE)

    def _raise(self) -> None:
        main = threading.main_thread().ident
        if self._in_main and main is not None:
            self._due = True
            signal.pthread_kill(main, _SIGNAL)
