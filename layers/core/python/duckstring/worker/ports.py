"""What an attempt is made with: the worker's ports, and the order that it gets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from duckstring.author.memory import Memory
from duckstring.engine.state import PondState
from duckstring.model.attempts import AttemptFinished, AttemptPaused, AttemptStarted, Began, Site
from duckstring.model.costs import NOTHING, Used
from duckstring.model.env_entries import Granted
from duckstring.model.foreign import Redactor
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName
from duckstring.ports import Backlog, Clock, Mailbox, Snapshots
from duckstring.worker.arrivals import NoArrivals
from duckstring.worker.attempt_process import AttemptKeys
from duckstring.worker.processes import Processes
from duckstring.worker.project import ProjectCache
from duckstring.worker.usage import Books
from duckstring.worker.watch import Pace

Label = Callable[[Mapping[str, object]], None]
"""Puts keys on each line of the log."""


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

    def left(
        self, line: Line, *, run: int, ripple: str, attempt: int, at: Instant, used: Used = NOTHING
    ) -> None:
        """Write that the worker of an attempt that was taken has let go of it, and what its
        invocations used (nothing: not known).
        """


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
    take, if it has a limit: the function's. ``permit`` proves that the orchestrator ordered it.
    """

    line: Line
    run: int
    launch: int
    ripple: str
    attempt: int
    site: Site = field(default_factory=Site)
    pauses: int = 0
    seconds: float | None = None
    permit: str = ""

    @property
    def name(self) -> AttemptName:
        """Which attempt."""
        return AttemptName(self.line, self.run, self.ripple, self.attempt)


@dataclass(frozen=True, slots=True)
class KillOrder:
    """Whose ``on_kill`` to call. The run is gone from the line's state, so everything that the call
    needs comes with the order.
    """

    line: Line
    run: int
    ripple: str
    attempt: int
    tried: int
    f: Instant
    version: str
    artifact: str
    module: str
    started: Instant
    seconds: float
    permit: str = ""

    @property
    def name(self) -> AttemptName:
        """Whose."""
        return AttemptName(self.line, self.run, self.ripple, self.attempt)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What an attempt may begin with.

    ``granted`` gives the secrets and env values that its Pond sees, ``keys`` the credentials of its
    code as they are now.
    """

    state: PondState
    snapshots: Snapshots
    granted: Callable[[], Granted]
    keys: Callable[[], AttemptKeys]


class Admissions(Protocol):
    """Who lets attempts in."""

    def of_run(self, order: Order) -> Admitted:
        """For an attempt. Its worker's own requests are made with its rights from here on.

        Raises:
            OperatorError: it is refused.
            TransientError: AWS did not answer.
        """

    def of_kill(self, order: KillOrder) -> Admitted:
        """For a call of ``on_kill``; raises the same. Its state is of no use: the run is over."""


def _unlabelled(_keys: Mapping[str, object]) -> None:
    """The default of ``Worker.label``: log lines get no labels."""


def _unasked(_seconds: float) -> None:
    """The default of ``Worker.begins``: nothing needs the time limit."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What an attempt needs from outside.

    ``processes`` gives each attempt a process of its own. ``label`` puts keys on each line of the
    log until the attempt has ended. ``begins`` gets the seconds that the attempt may take, before
    the author's code is called. ``books``: what the process has used of AWS. ``backlog``: the
    objects that arrived.
    """

    admissions: Admissions
    artifacts: Artifacts
    history: AttemptHistory
    memories: Memories
    mailbox: Mailbox
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
    books: Books = field(default_factory=Books)
    backlog: Backlog = field(default_factory=NoArrivals)
