"""What an attempt is made with: the worker's ports, and the order that it gets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from duckstring.author.memory import Memory
from duckstring.engine.state import PondState
from duckstring.model.attempts import AttemptFinished, AttemptPaused, AttemptStarted, Began, Site
from duckstring.model.foreign import Redactor
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.ports import Clock, Mailbox, Snapshots
from duckstring.worker.attempt_process import AttemptKeys
from duckstring.worker.processes import Processes
from duckstring.worker.project import ProjectCache
from duckstring.worker.watch import Pace

Label = Callable[[Mapping[str, object]], None]
"""Puts keys on each line of the log."""


class StateReader(Protocol):
    """The actors' states, read only."""

    def read(self, line: Line) -> PondState:
        """The line's state as last committed."""


class Artifacts(Protocol):
    """Deployed packages."""

    def fetch(self, key: str) -> bytes:
        """The package under ``key``."""


class AttemptHistory(Protocol):
    """Rows of attempts. A row that the orchestrator has closed stays as it is."""

    def started(self, line: Line, row: AttemptStarted) -> Began | None:
        """Write that an attempt runs. None: the attempt was taken from its worker before it
        began.
        """

    def paused(self, line: Line, row: AttemptPaused) -> bool:
        """Write that it continues later. False: the attempt was taken from its worker meanwhile."""

    def finished(self, line: Line, row: AttemptFinished) -> bool:
        """Complete its row. False: the attempt was taken from its worker meanwhile."""

    def taken(self, line: Line, *, run: int, ripple: str, attempt: int) -> str | None:
        """The status by which an attempt was taken from its worker (killed, lost, crashed). None:
        it was not, as far as is known.
        """

    def left(self, line: Line, *, run: int, ripple: str, attempt: int, at: Instant) -> None:
        """Write that the worker of an attempt that was taken has let go of it."""


class Secrets(Protocol):
    """The Catchment's secret."""

    def entries(self) -> Mapping[str, str]:
        """Its entries, as they are now."""


class Memories(Protocol):
    """What Ripples remember."""

    def of(self, line: Line, *, run: int, ripple: str, tried: int, attempt: int) -> Memory:
        """The memory of one try, for one of its attempts."""

    def last(self, line: Line, *, run: int, ripple: str, tried: int) -> Mapping[str, str]:
        """The memory of one try as it was left, read only."""


@dataclass(frozen=True, slots=True)
class Function:
    """The limits of the Catchment's ripple function. The line compares what an attempt used
    elsewhere with them. 0: not known.
    """

    seconds: float = 0.0
    memory_mib: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """What the state machine orders.

    ``pauses`` counts the pauses of the Ripple's branch. ``seconds`` is how long this invocation may
    take, if it has a limit: the function's.
    """

    line: Line
    run: int
    launch: int
    ripple: str
    attempt: int
    site: Site = field(default_factory=Site)
    pauses: int = 0
    seconds: float | None = None


def _unlabelled(_keys: Mapping[str, object]) -> None:
    """The default of ``Worker.label``: log lines get no labels."""


def _unasked(_seconds: float) -> None:
    """The default of ``Worker.begins``: nothing needs the time limit."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What an attempt needs from outside.

    ``processes`` gives each attempt a process of its own. ``keys`` are the credentials that its
    code is given, as they are now. ``label`` puts keys on each line of the log until the attempt
    has ended. ``begins`` gets the seconds that the attempt may take, before the author's code is
    called.
    """

    states: StateReader
    snapshots: Snapshots
    artifacts: Artifacts
    history: AttemptHistory
    memories: Memories
    mailbox: Mailbox
    secrets: Secrets
    keys: Callable[[], AttemptKeys]
    processes: Processes
    clock: Clock
    log: logging.Logger
    catchment: str = ""
    function: Function = field(default_factory=Function)
    label: Label = _unlabelled
    begins: Callable[[float], None] = _unasked
    redactor: Redactor = field(default_factory=Redactor)
    projects: ProjectCache = field(default_factory=ProjectCache)
    pace: Pace = field(default_factory=Pace)
