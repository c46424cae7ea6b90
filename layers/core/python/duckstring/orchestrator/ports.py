"""What the orchestrator needs from outside, one Protocol each. ``adapters/aws`` and
``testing/fakes.py`` implement them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    CallOnKill,
    Effect,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    StartRun,
    StopRun,
    StopTask,
)
from duckstring.engine.journal import Entry
from duckstring.engine.limits import GrantTokens, LimitSignal, LimitState
from duckstring.engine.signals import GateReached, Signal
from duckstring.engine.state import PondState
from duckstring.model.arrivals import ArrivedObject
from duckstring.model.attempts import OwnFailure
from duckstring.model.audits import Audit
from duckstring.model.catalog import Release, Removal
from duckstring.model.costs import Used
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.said import Hold
from duckstring.model.windows import Window
from duckstring.ports import Mailbox, Mark

Fields = Mapping[str, object]
"""What came over a wire: an object of JSON."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The entries of a line's journal that lie in its own item, ``packed`` as its store has them.

    ``after``: the key of the chapter before them. Empty: they follow nothing that is kept.
    """

    after: str = ""
    packed: bytes = b""


@dataclass(frozen=True, slots=True)
class Held:
    """A line's state as stored, the time of storing, and the effects that were committed with it
    and may not have been performed.

    ``used``: by the orchestrator's work for the line since its last run ended.
    """

    state: PondState
    outbox: tuple[Effect, ...] = ()
    mark: Mark = (0, "")
    committed: Instant = NEVER
    used: Used = field(default_factory=dict)
    tail: Tail = Tail()


@dataclass(frozen=True, slots=True)
class Received:
    """A letter as the mailbox delivered it. ``token``: the task token of a branch that waits at a
    gate. ``attempt``: the session of the attempt that has sent it (``model/permits.py``); empty: a
    part of the Catchment has.
    """

    signal: Signal
    mark: Mark
    token: str = ""
    attempt: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedByLimit:
    """A letter to a limit as the mailbox delivered it: as ``Received``."""

    signal: LimitSignal
    mark: Mark
    attempt: str = ""


class StateStore(Protocol):
    """The states of the lines."""

    def load(self, line: Line) -> Held:
        """The line's state, or a fresh one (revision 0) if it never got a letter."""

    def read(self, line: Line, number: int) -> PublishSnapshot | None:
        """The manifest that run ``number`` of ``line`` published. None: it is no longer kept."""

    def kept(self, line: Line, found: Collection[ArrivedObject]) -> Collection[str]:
        """The identities of those objects of which the line has kept the arrival before."""

    def commit(
        self,
        held: Held,
        state: PondState,
        outbox: tuple[Effect, ...],
        mark: Mark,
        now: Instant = NEVER,
        entry: Entry | None = None,
    ) -> Held:
        """Replace ``held`` by ``state`` and its outbox, with any snapshot that the outbox
        publishes and any arrival that it keeps, and add ``entry`` to the line's journal.
        ``held.used`` is kept.

        Raises:
            StateConflictError: somebody else committed since ``held`` was loaded.
            StateTooLargeError: there is no room for ``state`` and its outbox.
        """

    def clear(self, held: Held) -> None:
        """Clear the outbox of ``held``, which has been performed. A newer commit stays as it is."""


@dataclass(frozen=True, slots=True)
class HeldLimit:
    """A limit's state as stored: as ``Held``."""

    state: LimitState
    outbox: tuple[GrantTokens, ...] = ()
    mark: Mark = (0, "")
    committed: Instant = NEVER


class LimitStore(Protocol):
    """The states of limits. They are committed as those of lines are."""

    def load(self, name: str) -> HeldLimit:
        """The limit's state, or a fresh one (revision 0) if it never got a letter."""

    def commit(
        self,
        held: HeldLimit,
        state: LimitState,
        outbox: tuple[GrantTokens, ...],
        mark: Mark,
        now: Instant,
    ) -> HeldLimit:
        """Replace ``held`` by ``state`` and its outbox.

        Raises:
            StateConflictError: somebody else committed since ``held`` was loaded.
            StateTooLargeError: there is no room for ``state`` and its outbox.
        """

    def clear(self, held: HeldLimit) -> None:
        """Clear the outbox of ``held``, which has been performed. A newer commit stays as it is."""


class Executions(Protocol):
    """The executions of Pond Runs."""

    def start(self, line: Line, run: StartRun) -> None:
        """Start the run's execution. Starting it again with the same input counts as success."""

    def stop(self, line: Line, run: StopRun) -> None:
        """Stop it. An execution that is over counts as success."""


class Workers(Protocol):
    """The workers of attempts, for what an execution cannot do to them."""

    def stop_task(self, line: Line, task: StopTask) -> None:
        """Stop the task of an attempt. A task that is over, or never existed, counts as success."""

    def call_on_kill(self, line: Line, call: CallOnKill) -> None:
        """Have a killed Ripple's ``on_kill`` function called, soon and at least once."""


class Gates(Protocol):
    """Branches of executions that wait for a verdict."""

    def keep(self, line: Line, gate: GateReached, *, token: str) -> None:
        """Remember a waiting branch's token. All tokens of the newest attempt are kept."""

    def answer(self, line: Line, answer: AnswerGate) -> None:
        """Give the verdict. A branch that no longer waits counts as success.

        So does a branch that came back from the very attempt that ``answer`` gives it: that answer
        is a repeat.
        """


class History(Protocol):
    """Rows of runs and attempts. Each write is idempotent."""

    def record_run(self, line: Line, row: RecordRun) -> None:
        """Write or complete a run's row."""

    def record_attempt(self, line: Line, row: RecordAttempt) -> None:
        """Write how an attempt ended, unless its worker already did."""


class RunNews(Protocol):
    """Whoever is told of every run that begins or ends."""

    def tell(self, line: Line, rows: Sequence[RecordRun]) -> None:
        """Say that these runs have begun or ended. Their rows, and those of their attempts, are
        written. Saying it again changes nothing.
        """


class Bus(Protocol):
    """The Catchment's events for users' rules."""

    def announce(self, line: Line, version: str, event: Announce, key: str) -> None:
        """Put one event on the bus."""


class Audits(Protocol):
    """The changes that were asked for."""

    def record(self, audit: Audit) -> None:
        """Write one down, before it is made."""


class Alarms(Protocol):
    """Wake-ups. A late, early, repeated or lost one costs time, but never makes a state wrong."""

    def set(self, line: Line, at: Instant) -> None:
        """Post AlarmRang to ``line`` at ``at`` or soon after."""


class Schedules(Protocol):
    """The schedules of Windows. Each call is idempotent."""

    def set(self, line: Line, window: Window) -> None:
        """Post WindowOpened to ``line`` at the openings of ``window``, as well as the clock can."""

    def drop(self, line: Line, name: str) -> None:
        """Stop posting for the rule ``name``. A rule without a schedule counts as success."""


class Ends(Protocol):
    """The recorded ends of attempts."""

    def recorded_end(
        self, line: Line, *, run: int, ripple: str, attempt: int
    ) -> tuple[OwnFailure, Failure] | None:
        """How the attempt failed, as its worker recorded it. None: the worker recorded no
        failure.
        """


class Tokens(Protocol):
    """The task tokens of the state machine."""

    def answer(self, token: str, answer: Fields) -> bool:
        """Send how a task's attempt ended. False: the state machine no longer waits for this
        task.
        """


class Overrides(Protocol):
    """The overrides that tasks were started with."""

    def of(self, task: str) -> Fields:
        """The overrides of the task with that ARN. Empty: ECS has forgotten the task."""


class Register(Protocol):
    """What is deployed, as far as letters name it. Workers neither read nor write it."""

    def releases(self, pond: str | None = None) -> Mapping[Line, Release]:
        """The selected release of each line of a Pond."""

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        """The lines of a Pond that were ever removed."""

    def hold(self) -> Hold:
        """Whether new runs are held in the whole Catchment."""


@dataclass(frozen=True, slots=True)
class EffectPorts:
    """The ports that effects act through. ``news``: None: nobody is told of runs."""

    mailbox: Mailbox
    executions: Executions
    gates: Gates
    history: History
    bus: Bus
    alarms: Alarms
    schedules: Schedules
    workers: Workers
    news: RunNews | None = None
