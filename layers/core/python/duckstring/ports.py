"""What we need of the world: one Protocol each. ``adapters/aws`` and ``adapters/memory`` fulfil them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from duckstring.engine.effects import Announce, AnswerGate, Effect, PublishSnapshot, RecordAttempt, RecordRun, StartRun, StopRun
from duckstring.engine.signals import Signal
from duckstring.engine.state import PondState
from duckstring.model.catalog import Release, TableVersion
from duckstring.model.instants import Instant
from duckstring.model.names import Line

Mark = tuple[int, str]
"""(sent in epoch milliseconds, sequence number) of the last letter that a line consumed."""


@dataclass(frozen=True, slots=True)
class Held:
    """A line's state as stored, with the effects that were committed and perhaps not yet performed."""

    state: PondState
    outbox: tuple[Effect, ...] = ()
    mark: Mark = (0, "")


@dataclass(frozen=True, slots=True)
class Letter:
    """A signal on its way to a line. ``key`` is the same for the same letter sent twice."""

    to: Line
    signal: Signal
    key: str


@dataclass(frozen=True, slots=True)
class Received:
    """A letter as the mailbox handed it over. ``token``: the task token of a branch that waits at a gate."""

    signal: Signal
    mark: Mark
    token: str = ""


class Clock(Protocol):
    """The time."""

    def now(self) -> Instant:
        """This instant, UTC."""


class StateStore(Protocol):
    """The actors' states."""

    def load(self, line: Line) -> Held:
        """The line's state; a fresh one (revision 0) if nobody spoke to it yet."""

    def commit(self, held: Held, state: PondState, outbox: tuple[Effect, ...], mark: Mark) -> Held:
        """Replace ``held`` by ``state`` and its outbox, with any snapshot that the outbox publishes.

        Raises:
            StateConflictError: somebody else committed since ``held`` was loaded.
        """

    def clear(self, held: Held) -> None:
        """The outbox of ``held`` has been performed. A newer commit is left alone."""


class Mailbox(Protocol):
    """Letters to lines, in order for each line."""

    def send(self, letters: Sequence[Letter]) -> None:
        """Post all; at least once each."""


class Executions(Protocol):
    """The executions of Pond Runs."""

    def start(self, line: Line, run: StartRun) -> None:
        """Start the run's execution; starting it again with the same input is success."""

    def stop(self, line: Line, run: StopRun) -> None:
        """Stop it; one that is over is success."""


class Gates(Protocol):
    """Branches of executions that wait for a verdict."""

    def keep(self, line: Line, *, run: int, launch: int, ripple: str, token: str) -> None:
        """Remember a waiting branch's token."""

    def answer(self, line: Line, answer: AnswerGate) -> None:
        """Give the verdict; a branch that no longer waits is success."""


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


class Snapshots(Protocol):
    """Published manifests."""

    def read(self, line: Line, number: int) -> PublishSnapshot | None:
        """The manifest that run ``number`` of ``line`` published."""


class Catalog(Protocol):
    """What is deployed."""

    def releases(self) -> Mapping[Line, Release]:
        """The selected release of every line."""

    def version(self, pond: str, version: str) -> Release | None:
        """One version, if it was ever deployed."""

    def select(self, releases: Sequence[Release], *, overwrite: bool) -> None:
        """Record the versions and select them, all or nothing.

        Raises:
            StateConflictError: somebody else deployed one of them meanwhile.
        """


class TableFiles(Protocol):
    """Where table versions lie."""

    def uri(self, version: TableVersion) -> str:
        """The ``s3://`` address of a table version."""
