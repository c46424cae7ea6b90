"""What the orchestrator and the state machine use for a line, told with the commits that are made
anyway.

The line's item keeps what was used since its last run ended, and the row of the run that ends next
gets it. A commit comes before the effects are performed, so it also tells what they will use:
each effect is one port call, of known requests. What a process has told too much or too little is
settled by its next commit (``Books``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    CallOnKill,
    DropSchedule,
    Effect,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    RippleBranch,
    SetAlarm,
    SetSchedule,
    StartRun,
    StopRun,
    StopTask,
)
from duckstring.engine.letters import Sent, letters_of
from duckstring.engine.signals import GateReached, Signal
from duckstring.engine.state import PondState
from duckstring.model.costs import (
    INVOCATION_LOG_BYTES,
    NOTHING,
    Used,
    function_used,
    minus,
    not_negative,
    plus,
    times,
)
from duckstring.model.names import Address
from duckstring.model.values import replace

_LETTERS_OF_A_REQUEST = 10
_POLLED: Used = {"sqs_fifo_requests": 2}
"""For an invocation Lambda receives messages, and deletes them."""
_WRITTEN: Used = {"dynamodb_requests": 1, "dynamodb_write_units": 2}
_MACHINE: Used = {"stepfunctions_requests": 1}


class Entry(Protocol):
    """The account of one delivery."""

    def charge(self, coming: Used, elsewhere: Used) -> Used:
        """What the delivery has used until now, what it is about to use, and what was used
        ``elsewhere`` because of it.
        """


class _NoEntry:
    def charge(self, coming: Used, elsewhere: Used) -> Used:
        return NOTHING


NO_ENTRY: Entry = _NoEntry()


def booked(
    effects: tuple[Effect, ...], before: Used, used: Used
) -> tuple[tuple[Effect, ...], Used]:
    """The effects, with all that was used in the row of the run that ends; and what the line's item
    keeps for a later one. Of several runs that end at once, the newest gets it. The start of a run
    is not an ended one's.
    """
    whole = not_negative(plus(before, used))
    ended = [
        effect
        for effect in effects
        if isinstance(effect, RecordRun) and effect.finished is not None
    ]
    if not ended or not whole:
        return effects, whole
    newest = max(ended, key=lambda row: row.run)
    starts = [effect for effect in effects if isinstance(effect, StartRun)]
    later = plus(*map(_after, starts), *map(_of_effect, starts))
    mine = not_negative(minus(whole, later))
    return tuple(
        replace(effect, used=mine) if effect is newest else effect for effect in effects
    ), minus(whole, mine)


def of_machine(signals: Iterable[Signal], effects: Iterable[Effect]) -> Used:
    """What the state machine has used until ``signals`` came, and will because of ``effects``."""
    return plus(*map(_until, signals), *map(_after, effects))


def expected(state: PondState, effects: Sequence[Effect]) -> Used:
    """The requests that a commit of ``state`` and its ``effects`` leads to, the commit itself
    included.
    """
    letters = [
        letter.to
        for index, effect in enumerate(effects)
        if isinstance(effect, Sent)
        for letter in letters_of(state, effect, (0, index))
    ]
    return plus(
        _WRITTEN,
        *map(_of_effect, effects),
        {"sqs_fifo_requests": _requests_for(letters)},
    )


def _requests_for(letters: Iterable[Address]) -> int:
    """As ``adapters/aws/mailbox.py`` batches them: no request has two letters of one line."""
    requests, batch = 0, set[Address]()
    for to in letters:
        if not batch or to in batch or len(batch) == _LETTERS_OF_A_REQUEST:
            requests, batch = requests + 1, set()
        batch.add(to)
    return requests


def _until(signal: Signal) -> Used:
    """A branch that comes to its gate sends a letter; after an attempt, by way of ``Ended``, and of
    ``Rest`` if that was lost (infra/machine.py).
    """
    if not isinstance(signal, GateReached):
        return NOTHING
    states = {"none": 0, "lost": 3}.get(signal.outcome, 2)
    return plus({"sqs_fifo_requests": 1, "stepfunctions_transitions": states})


def _after(effect: Effect) -> Used:
    match effect:
        case StartRun():
            return {"stepfunctions_transitions": _entered(effect.branches)}
        case AnswerGate():
            return {"stepfunctions_transitions": 1}
        case _:
            return NOTHING


def _of_effect(effect: Effect) -> Used:  # noqa: C901, PLR0911 - one arm a kind of effect
    match effect:
        case StartRun() | StopRun():
            return _MACHINE
        case AnswerGate():
            return {
                "stepfunctions_requests": 1,
                "dynamodb_requests": 2,
                "dynamodb_read_units": 1,
                "dynamodb_write_units": 1,
            }
        case RecordRun():
            return _WRITTEN  # the table and its index
        case RecordAttempt():
            return plus(_WRITTEN, _WRITTEN)
        case StopTask():
            return {"dynamodb_requests": 1, "dynamodb_read_units": 1, "other_requests": 2}
        case CallOnKill():
            return {"other_requests": 1}
        case SetAlarm():
            return {"sqs_requests": 1}
        case SetSchedule() | DropSchedule():
            return {"scheduler_requests": 1}
        case Announce():
            return {"eventbridge_events": 1}
        case PublishSnapshot():
            return plus(_WRITTEN, {"dynamodb_requests": -1})  # in the commit's own transaction
        case _:
            return NOTHING  # letters


def _entered(branches: Sequence[RippleBranch]) -> int:
    """States that an execution enters at its start, and at its end: tests walk through the machine
    to compare.
    """
    begin = 2
    if len(branches) == 1 and branches[0].verdict in {"lambda", "task", "wait"}:
        return begin + 1
    around = 3  # Ripples, Verdict, and Succeeded or Failed
    return begin + around + 2 * len(branches)


@dataclass(slots=True)
class Books:
    """What this process has used, and how much of it was told.

    Args:
        counted: the requests and log bytes of the process so far.
        of_thread: those of the thread that asks.
        memory_mib: the function's.
        is_arm: its processor.
        start_seconds: how long the process took to start, which is billed.
    """

    counted: Callable[[], Used]
    of_thread: Callable[[], Used]
    memory_mib: int = 0
    is_arm: bool = False
    start_seconds: float = 0.0
    _told: Used = field(default_factory=dict)
    _machine: Used = field(default_factory=dict)
    _owed: Used = field(default_factory=dict)
    _begun: float = 0.0
    _locked: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """An invocation begins. Whatever was used before and not told is owed."""
        self._begun = time.monotonic()
        self._owed = minus(plus(self.counted(), self._machine), self._told)

    def end(self, *, polled: bool) -> None:
        """It ends. ``polled``: it was of letters."""
        self._machine = plus(self._machine, self._invocation(), _POLLED if polled else NOTHING)
        self.start_seconds = 0.0

    def entry(self, share: float) -> OpenEntry:
        """An account of one delivery, which is a ``share`` of this invocation. One is kept at a
        time in each thread.
        """
        return OpenEntry(self, share, self.of_thread())

    def keep(self, entry: OpenEntry) -> None:
        """The delivery was committed: what it charged is told."""
        with self._locked:
            self._told = plus(self._told, entry.charged)

    def take_owed(self) -> Used:
        """What is owed. The first who asks has it."""
        with self._locked:
            owed, self._owed = self._owed, NOTHING
        return owed

    def used_by(self, share: float) -> Used:
        """What this invocation has used until now, beside requests."""
        return times(plus(self._invocation(), _POLLED), share)

    def _invocation(self) -> Used:
        seconds = time.monotonic() - self._begun + self.start_seconds
        machine = function_used(seconds, self.memory_mib, arm=self.is_arm)
        return plus(machine, {"log_bytes": INVOCATION_LOG_BYTES})


@dataclass(slots=True)
class OpenEntry:
    """``Entry`` in ``Books``."""

    _books: Books
    _share: float
    _before: Used
    charged: Used = field(default_factory=dict)

    def charge(self, coming: Used, elsewhere: Used) -> Used:
        """What the delivery has used, beyond what was charged already, and what is coming."""
        requests = minus(self._books.of_thread(), self._before)
        whole = plus(self._books.take_owed(), requests, self._books.used_by(self._share), coming)
        more = minus(whole, self.charged)
        self.charged = plus(self.charged, more)
        return plus(more, elsewhere)
