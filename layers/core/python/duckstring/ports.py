"""What we need of the world: one Protocol each. ``adapters/aws`` and ``adapters/memory`` fulfil them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
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
from duckstring.engine.signals import GateReached, Signal
from duckstring.engine.state import PondState
from duckstring.model.arrivals import Arrival
from duckstring.model.catalog import Release, Removal, RippleSpec, TableVersion
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.windows import Window

Mark = tuple[int, str]
"""(sent in epoch milliseconds, sequence number) of the last letter that a line consumed."""


@dataclass(frozen=True, slots=True)
class Held:
    """A line's state as stored, when that was, and the effects that were committed with it and perhaps not yet performed."""

    state: PondState
    outbox: tuple[Effect, ...] = ()
    mark: Mark = (0, "")
    committed: Instant = NEVER


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

    def wait(self, duration: timedelta) -> None:
        """Let ``duration`` pass."""


class StateStore(Protocol):
    """The actors' states."""

    def load(self, line: Line) -> Held:
        """The line's state; a fresh one (revision 0) if nobody spoke to it yet."""

    def commit(self, held: Held, state: PondState, outbox: tuple[Effect, ...], mark: Mark, now: Instant = NEVER) -> Held:
        """Replace ``held`` by ``state`` and its outbox, with any snapshot that the outbox publishes.

        Raises:
            StateConflictError: somebody else committed since ``held`` was loaded.
        """

    def clear(self, held: Held) -> None:
        """The outbox of ``held`` has been performed. A newer commit is left alone."""


class Mailbox(Protocol):
    """Letters to lines, in order for each line."""

    def send(self, letters: Sequence[Letter]) -> Sequence[str]:
        """Post all, at least once each; gives the sequence number of each."""


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
        """Remember a waiting branch's token."""

    def answer(self, line: Line, answer: AnswerGate) -> None:
        """Give the verdict; a branch that no longer waits is success.

        So is one that came back from the very attempt that ``answer`` gives it: an answer said again, to a later question.
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


class Snapshots(Protocol):
    """Published manifests."""

    def read(self, line: Line, number: int) -> PublishSnapshot | None:
        """The manifest that run ``number`` of ``line`` published."""


class Catalog(Protocol):
    """What is deployed."""

    def releases(self, pond: str | None = None) -> Mapping[Line, Release]:
        """The selected release of every line; or of one Pond's lines, at the cost of these alone."""

    def revision(self) -> int:
        """Grows with every change. Read it before ``releases`` and give it to what changes them."""

    def version(self, pond: str, version: str) -> Release | None:
        """One version, if it was ever deployed."""

    def select(self, releases: Sequence[Release], *, overwrite: bool, revision: int) -> None:
        """Record the versions and select them, all or nothing. Sources come before their Sinks.

        Raises:
            StateConflictError: somebody else deployed since ``revision`` was read.
        """


class Removals(Protocol):
    """What is deployed no longer. Each change is refused as ``Catalog.select`` is."""

    def versions(self, pond: str) -> Mapping[str, Release]:
        """Every version of a Pond that is deployed, selected or not, of all its lines."""

    def forget(self, pond: str, version: str, *, revision: int) -> None:
        """Forget one version. It is not the selected one."""

    def remove(self, removal: Removal, versions: Collection[str], *, revision: int) -> None:
        """Forget a line, these ``versions`` of it and its arrival rules, and remember that it was removed."""

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        """The lines that were ever removed, those deployed again since included; or those of one Pond."""

    def mark_cleared(self, removal: Removal) -> None:
        """Nothing is left to do for this removal. A newer one of the same line is left alone."""


class Arrivals(Protocol):
    """Which arriving objects trigger which lines."""

    def of_line(self, line: Line) -> Sequence[Arrival]:
        """A line's rules, by name."""

    def of_bucket(self, bucket: str) -> Sequence[tuple[Line, Arrival]]:
        """Every rule about a bucket, at the cost of these alone."""

    def add(self, line: Line, arrival: Arrival) -> bool:
        """Add a rule. False: the line has one of that name, or is not deployed any more."""

    def remove(self, line: Line, arrival: Arrival) -> None:
        """Remove a rule; one that is gone is success."""


class Artifacts(Protocol):
    """Packages that were uploaded."""

    def sha256(self, key: str) -> str | None:
        """The digest (hex) of a package as it lies there; None if there is none."""


class Discovery(Protocol):
    """Imports a package where Ripples run, and nowhere else."""

    def discover(self, artifact: str, *, sha256: str, module: str) -> tuple[RippleSpec, ...]:
        """The Ripples that a package declares, in topological order.

        Raises:
            AuthorError: it cannot be imported, or its Ripples do not fit together.
        """


class TriggerDoor(Protocol):
    """The door that every trigger takes: the Catchment's bus."""

    def put(self, detail: Mapping[str, object]) -> None:
        """Put one ``duckstring.trigger`` event."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A line as a reader sees it. ``owes``: effects were committed, at ``committed``, and perhaps not performed yet."""

    state: PondState
    owes: bool = False
    mark: Mark = (0, "")
    committed: Instant = NEVER


class StateReader(Protocol):
    """Many lines' states at once, for telling and never for changing."""

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        """The states of those lines that anybody ever spoke to."""


Row = Mapping[str, object]
"""A row of history as docs/protocol.md has it."""


class HistoryReader(Protocol):
    """What happened."""

    def runs(self, *, now: Instant, limit: int, line: Line | None = None, status: str | None = None) -> Sequence[Row]:
        """Newest first, of one line or of all (those as far back as 14 months)."""

    def last_runs(self, lines: Collection[Line], now: Instant) -> Mapping[Line, Row]:
        """The newest run of each line that has any."""

    def run(self, line: Line, number: int) -> Row | None:
        """One run."""

    def attempts(self, line: Line, number: int) -> Sequence[Row]:
        """The attempts of one run, by when they started, with their full texts."""


class ExecutionReader(Protocol):
    """What the world says of an execution."""

    def describe(self, line: Line, *, run: int, launch: int) -> tuple[str, str] | None:
        """(status, cause); None if there is no such execution."""

    def stop(self, line: Line, *, run: int, launch: int) -> None:
        """Stop it; one that is over is success."""


class AttemptReader(Protocol):
    """What history says of one attempt."""

    def attempt(self, line: Line, *, run: int, ripple: str, attempt: int) -> Row | None:
        """Its row as it lies there; None: nobody has begun or ended it."""


class Cellar(Protocol):
    """Everything published or left behind, for tidying."""

    def claim(self, now: Instant) -> bool:
        """Whether it is time to tidy and nobody else does: true for one caller every six hours."""

    def manifests(self, line: Line) -> Mapping[int, tuple[Instant, frozenset[str]]]:
        """Each manifest kept of a line: its number, its freshness and the objects that it names."""

    def drop_manifests(self, line: Line, numbers: Collection[int]) -> None:
        """Forget manifests."""

    def memos(self, line: Line, before: Instant) -> Mapping[str, int]:
        """What a line's Ripples remember that nobody has looked at since: its name to the number of its run."""

    def drop_memos(self, line: Line, names: Collection[str]) -> None:
        """Forget what Ripples remembered."""

    def objects(self, before: Instant) -> Iterator[str]:
        """The keys of all table versions written before an instant."""

    def packages(self, before: Instant) -> Iterator[str]:
        """The keys of all packages uploaded before an instant, a Pond's together."""

    def drop_objects(self, keys: Collection[str]) -> None:
        """Delete objects."""

    def abort_uploads(self, before: Instant) -> int:
        """Abort uploads begun before an instant and never completed; how many."""


class TableFiles(Protocol):
    """Where table versions lie."""

    def uri(self, version: TableVersion) -> str:
        """The ``s3://`` address of a table version."""
