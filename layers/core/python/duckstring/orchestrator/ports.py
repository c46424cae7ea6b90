"""What the orchestrator needs of the world, one Protocol each. ``adapters/aws`` and
``testing/fakes.py`` fulfil them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    CallOnKill,
    Effect,
    RecordAttempt,
    RecordRun,
    StartRun,
    StopRun,
    StopTask,
)
from duckstring.engine.signals import GateReached, Signal
from duckstring.engine.state import PondState
from duckstring.model.attempts import OwnFailure
from duckstring.model.catalog import Release, Removal
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.windows import Window
from duckstring.ports import Mailbox, Mark

Fields = Mapping[str, object]
"""What came over a wire: an object of JSON."""


@dataclass(frozen=True, slots=True)
class Held:
    """A line's state as stored, when that was, and the effects that were committed with it and
    perhaps not yet performed.
    """

    state: PondState
    outbox: tuple[Effect, ...] = ()
    mark: Mark = (0, "")
    committed: Instant = NEVER


@dataclass(frozen=True, slots=True)
class Received:
    """A letter as the mailbox handed it over. ``token``: the task token of a branch that waits
    at a gate.
    """

    signal: Signal
    mark: Mark
    token: str = ""


class StateStore(Protocol):
    """The actors' states."""

    def load(self, line: Line) -> Held:
        """The line's state; a fresh one (revision 0) if nobody spoke to it yet."""

    def commit(
        self,
        held: Held,
        state: PondState,
        outbox: tuple[Effect, ...],
        mark: Mark,
        now: Instant = NEVER,
    ) -> Held:
        """Replace ``held`` by ``state`` and its outbox, with any snapshot that the outbox
        publishes.

        Raises:
            StateConflictError: somebody else committed since ``held`` was loaded.
            StateTooLargeError: there is no room for ``state`` and its outbox.
        """

    def clear(self, held: Held) -> None:
        """The outbox of ``held`` has been performed. A newer commit is left alone."""


class Executions(Protocol):
    """The executions of Pond Runs."""

    def start(self, line: Line, run: StartRun) -> None:
        """Start the run's execution; starting it again with the same input is success."""

    def stop(self, line: Line, run: StopRun) -> None:
        """Stop it; one that is over is success."""


class Workers(Protocol):
    """The workers of attempts, where an execution cannot reach them."""

    def stop_task(self, line: Line, task: StopTask) -> None:
        """Stop the task of an attempt; one that is over or never was is success."""

    def call_on_kill(self, line: Line, call: CallOnKill) -> None:
        """Have a killed Ripple's own function called, soon and at least once."""


class Gates(Protocol):
    """Branches of executions that wait for a verdict."""

    def keep(self, line: Line, gate: GateReached, *, token: str) -> None:
        """Remember a waiting branch's token: the newest attempt's, and beside it others of the
        same attempt.
        """

    def answer(self, line: Line, answer: AnswerGate) -> None:
        """Give the verdict; a branch that no longer waits is success.

        So is one that came back from the very attempt that ``answer`` gives it: an answer said
        again, to a later question.
        """


class History(Protocol):
    """Rows of runs and attempts. Each write is idempotent."""

    def record_run(self, line: Line, row: RecordRun) -> None:
        """Write or complete a run's row."""

    def record_attempt(self, line: Line, row: RecordAttempt) -> None:
        """Write how an attempt ended, unless its worker already did."""


class Bus(Protocol):
    """The Catchment's events for users' rules."""

    def announce(self, line: Line, version: str, event: Announce, key: str) -> None:
        """Put one event on the bus."""


class Alarms(Protocol):
    """Wake-ups. A late, early, doubled or lost one costs time, never truth."""

    def set(self, line: Line, at: Instant) -> None:
        """Post AlarmRang to ``line`` at ``at`` or soon after."""


class Schedules(Protocol):
    """The Catchment's clock for Windows. Each call is idempotent."""

    def set(self, line: Line, window: Window) -> None:
        """Post WindowOpened to ``line`` at the openings of ``window``, as well as the clock can."""

    def drop(self, line: Line, name: str) -> None:
        """Post no more for the rule ``name``; one that has no schedule is success."""


class Ends(Protocol):
    """Rows of attempts."""

    def recorded_end(
        self, line: Line, *, run: int, ripple: str, attempt: int
    ) -> tuple[OwnFailure, Failure] | None:
        """How its worker said that an attempt failed; None: it did not."""


class Tokens(Protocol):
    """The state machine, as far as it waits for tasks."""

    def answer(self, token: str, answer: Fields) -> bool:
        """How a task's attempt ended. False: it waits for this one no more."""


class Overrides(Protocol):
    """What tasks were started with."""

    def of(self, task: str) -> Fields:
        """The overrides of the task with that ARN; none where it is forgotten."""


class Register(Protocol):
    """What is deployed, as far as letters speak of it. Workers neither read nor write it."""

    def releases(self, pond: str | None = None) -> Mapping[Line, Release]:
        """The selected release of each line of a Pond."""

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        """The lines of a Pond that were ever removed."""


@dataclass(frozen=True, slots=True)
class EffectPorts:
    """The ports that effects act through."""

    mailbox: Mailbox
    executions: Executions
    gates: Gates
    history: History
    bus: Bus
    alarms: Alarms
    schedules: Schedules
    workers: Workers
