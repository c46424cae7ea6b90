"""A task's first process. It takes no part in an attempt, so an attempt cannot keep it from
reporting.

The worker is a process of its own. Whatever happens to it (DuckDB may hold its interpreter for
minutes, the kernel may kill it for its memory, its author may end it), this process goes on
reporting to the state machine that the attempt lives, and notices at once when it does not. It ends
a worker that is out of time or no longer wanted, and answers for a worker that cannot answer.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol

from duckstring.errors import TransientError
from duckstring.model.attempts import AttemptFinished
from duckstring.model.failures import FailedEnd, failed_answer
from duckstring.model.names import Line
from duckstring.model.verdicts import BEAT_SECONDS
from duckstring.ports import Clock
from duckstring.worker.memory_kills import kernel_kills, peak_mib

Answer = Mapping[str, object]
Why = Literal["", "stopped", "unwanted", "timeout"]

_EXITED, _STOP, _UNWANTED = b"e", b"s", b"u"
_WORDS = 65_536
_NEARLY_ALL = 0.9
_RESTS = (0.5, 1.0, 2.0, 5.0, 10.0)


class Tokens(Protocol):
    """The task tokens of the state machine. False: it no longer waits for this one."""

    def beat(self, token: str) -> bool:
        """Send a heartbeat: the worker lives."""

    def answer(self, token: str, answer: Answer) -> bool:
        """Send how its attempt ended."""


class Rows(Protocol):
    """Rows of attempts. A closed row stays as it is."""

    def finished(self, line: Line, row: AttemptFinished) -> bool:
        """Complete a row. False: it was completed already."""


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """The attempt that a task makes, the memory that the task has, and the token for its answer."""

    line: Line
    run: int
    ripple: str
    attempt: int
    memory_mib: int
    token: str


@dataclass(frozen=True, slots=True)
class TaskPace:
    """Times in seconds. ``beat``: between two heartbeats. ``grace``: from when an attempt should
    have left to when its worker is killed; by then the worker has checked whether it is wanted, and
    has written that it left. ``patience``: how long to try to send an answer; ``hurry``: the same
    for a task that is to stop.
    """

    beat: float = BEAT_SECONDS
    grace: float = 8.0
    patience: float = 900.0
    hurry: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorPorts:
    """What a supervisor needs from outside. ``kills``: how many processes the kernel has killed for
    memory; None: not known.
    """

    tokens: Tokens
    rows: Rows
    clock: Clock
    log: logging.Logger
    kills: Callable[[], int | None] = kernel_kills
    pace: TaskPace = field(default_factory=TaskPace)


class Supervisor:
    """The supervisor of one attempt."""

    def __init__(self, order: TaskOrder, ports: SupervisorPorts) -> None:
        """See the attempt in ``order`` through."""
        self._order, self._post, self._pace = order, ports, ports.pace
        self._bell, self._ring = os.pipe()
        self._over = threading.Event()
        self._why: Why = ""
        self._answer: Answer | None = None
        self._deadline: float | None = None
        self._rest = b""

    def stop(self) -> None:
        """The task is to stop. May be called from a signal's handler."""
        os.write(self._ring, _STOP)

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Start the worker, and answer for the attempt at its end. False: the answer was not
        received.

        Args:
            command: the worker's, which gets the number of a descriptor as its last argument. To
                that it writes lines of JSON: ``{"seconds": n}``, how long the attempt may take; at
                its end ``{"answer": {"outcome": ...}}``.
            environment: the worker's.
        """
        if not self._is_wanted():
            # Step Functions may start a task twice, where the first answer was lost: only the
            # second one's token counts.
            self._post.log.warning("nobody waits for this task; nothing done")
            return True
        killed_before = self._post.kills()
        words, theirs = os.pipe()
        child = subprocess.Popen([*command, str(theirs)], env=dict(environment), pass_fds=[theirs])  # noqa: S603 - our own command
        os.close(theirs)
        os.set_blocking(words, False)
        for work in (self._beat, lambda: self._wait_for(child)):
            threading.Thread(target=work, daemon=True).start()
        self._attend(child, words)
        self._listen(words)
        is_answered = self._send_answer(
            self._answer or self._verdict(child.returncode, killed_before)
        )
        self._over.set()
        return is_answered

    def _is_wanted(self) -> bool:
        """Whether the state machine still waits, asked before the author's code begins. No answer
        counts as yes.
        """
        try:
            return self._post.tokens.beat(self._order.token)
        except TransientError as error:
            self._post.log.warning("beat not received", extra={"why": error.message})
            return True

    def _beat(self) -> None:
        while not self._over.is_set():
            try:
                if not self._post.tokens.beat(self._order.token):
                    os.write(self._ring, _UNWANTED)
                    return
            except TransientError as error:
                self._post.log.warning("beat not received", extra={"why": error.message})
            self._over.wait(self._pace.beat)

    def _wait_for(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        os.write(self._ring, _EXITED)

    def _attend(self, child: subprocess.Popen[bytes], words: int) -> None:
        """Watch until the worker has ended."""
        kill_at: float | None = None
        inputs = [self._bell, words]
        while True:
            ready, _, _ = select.select(inputs, [], [], self._until(kill_at))
            if words in ready and not self._listen(words):
                inputs.remove(words)
            rung = os.read(self._bell, 16) if self._bell in ready else b""
            if _EXITED in rung:
                return
            now = time.monotonic()
            if kill_at is not None:
                if now >= kill_at:
                    child.kill()
            elif why := self._reason(rung, now):
                self._why, kill_at = why, now if why == "timeout" else now + self._pace.grace
                self._post.log.warning("worker is ended", extra={"why": why})

    def _reason(self, rung: bytes, now: float) -> Why:
        """Why the worker has to end now."""
        if _STOP in rung:
            return "stopped"
        if _UNWANTED in rung:
            return "unwanted"
        return "timeout" if self._deadline is not None and now >= self._deadline else ""

    def _until(self, kill_at: float | None) -> float | None:
        due = self._deadline if kill_at is None else kill_at
        return None if due is None else max(due - time.monotonic(), 0.05)

    def _listen(self, words: int) -> bool:
        """Take what the worker has written by now. False: it will write no more."""
        while True:
            try:
                received = os.read(words, _WORDS)
            except BlockingIOError:
                return True
            if not received:
                return False
            *lines, self._rest = (self._rest + received).split(b"\n")
            for line in lines:
                self._take(line)

    def _take(self, line: bytes) -> None:
        match _word(line):
            case {"answer": {"outcome": str()} as answer}:
                self._answer = answer
            case {"seconds": int() | float() as seconds}:
                # The worker then leaves by itself. One that cannot is killed from here a moment
                # later.
                self._deadline = time.monotonic() + seconds + self._pace.grace
            case _:
                self._post.log.warning(
                    "nonsense from the worker", extra={"said": line.decode(errors="replace")}
                )

    def _verdict(self, code: int, killed_before: int | None) -> Answer:
        """The answer for a worker that did not answer."""
        match self._why:
            case "stopped" | "unwanted":
                return self._ended(
                    "lost", "TaskStopped", "The task was told to stop while this attempt ran."
                )
            case "timeout":
                return self._timed_out()
            case _:
                return self._died(code, killed_before)

    def _died(self, code: int, killed_before: int | None) -> Answer:
        if code == -signal.SIGKILL and self._wanted_memory(killed_before):
            mib = self._order.memory_mib
            return self._ended(
                "memory",
                "OutOfMemory",
                f"The worker was killed for its memory: its task has {mib} MiB.",
            )
        how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        # It runs no author's code, so the author has not ended it.
        return self._ended(
            "crashed", "WorkerDied", f"The worker's process {how} before the attempt did."
        )

    def _timed_out(self) -> Answer:
        """The worker writes it to the history, or, if it could not, this process does."""
        order, error = self._order, "TimeoutError"
        message = (
            f"Ripple {order.ripple!r} took longer than its timeout, and its code did not leave "
            "when told to."
        )
        row = AttemptFinished(
            order.run, order.ripple, order.attempt, "failed", self._post.clock.now(), error, message
        )
        try:
            self._post.rows.finished(order.line, row)
        except Exception:
            self._post.log.warning("row not written", exc_info=True)
        return self._ended("timeout", error, message)

    def _wanted_memory(self, killed_before: int | None) -> bool:
        """Whether the kernel killed for memory. If that is not known: whether the worker had used
        nearly all the memory.
        """
        now = self._post.kills()
        if killed_before is not None and now is not None:
            return now > killed_before
        return peak_mib() >= _NEARLY_ALL * self._order.memory_mib

    def _ended(self, outcome: FailedEnd, error: str, message: str) -> Answer:
        order = self._order
        return failed_answer(
            outcome, ripple=order.ripple, attempt=order.attempt, error=error, message=message
        )

    def _send_answer(self, answer: Answer) -> bool:
        """Try until the answer is received, or nobody waits for it. The heartbeats go on
        meanwhile.
        """
        if self._why == "unwanted":
            return True
        until = time.monotonic() + (
            self._pace.hurry if self._why == "stopped" else self._pace.patience
        )
        rests = iter(_RESTS)
        while True:
            try:
                self._post.tokens.answer(self._order.token, answer)
            except TransientError as error:
                self._post.log.warning("answer not received", extra={"why": error.message})
            else:
                self._post.log.info(
                    "attempt ended",
                    extra={"outcome": answer["outcome"], "failure": answer.get("failure")},
                )
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(next(rests, _RESTS[-1]))


def _word(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return f"signal {number} ({signal.Signals(number).name})"
    return f"signal {number}"
