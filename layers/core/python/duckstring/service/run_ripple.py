"""One attempt of one Ripple, from the invocation to the report.

Nothing of it is seen by anybody before the orchestrator has accepted the report: tables lie under keys of this attempt
alone. An attempt that is not the current one does nothing and says "ok", so that a branch of an abandoned execution ends.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import PurePosixPath
from types import TracebackType
from typing import Protocol

from duckstring.author.errors import RippleError
from duckstring.author.lake import Storage
from duckstring.author.memory import Memory
from duckstring.author.pond import Pond, SourceTables, Surroundings
from duckstring.author.ripple import takes_pond
from duckstring.engine.signals import RippleSucceeded
from duckstring.engine.state import PondState, Run
from duckstring.errors import DuckstringError, TransientError
from duckstring.model.attempts import AttemptFinished, AttemptStarted, Site
from duckstring.model.catalog import TableVersion
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line, parse_line, run_key, try_key
from duckstring.ports import Clock, Letter, Mailbox, Snapshots
from duckstring.service.output import LineLog
from duckstring.service.project import Project, Shelf
from duckstring.service.watch import Pace, Stopped, Watch

_PAYLOAD_LIMIT = 6_000
"""Of a message: it travels as JSON in JSON in JSON, in an error's cause of at most 32,768 characters."""
_RESERVED = ("AWS_", "DUCKSTRING_", "LAMBDA_", "PYTHON", "LD_")


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

    def started(self, line: Line, row: AttemptStarted) -> bool:
        """Write that an attempt runs. False: it was taken from its worker before it began."""

    def finished(self, line: Line, row: AttemptFinished) -> bool:
        """Complete its row. False: it was taken from its worker meanwhile."""

    def taken(self, line: Line, *, run: int, ripple: str, attempt: int) -> str | None:
        """The status by which an attempt was taken from its worker (killed, lost, crashed); None as far as one knows."""


class Secrets(Protocol):
    """The Catchment's secret."""

    def entries(self) -> Mapping[str, str]:
        """Its entries, as they are now."""


class Memories(Protocol):
    """What Ripples remember."""

    def of(self, line: Line, *, run: int, ripple: str, tried: int, attempt: int) -> Memory:
        """That of one try, on behalf of one of its attempts."""

    def last(self, line: Line, *, run: int, ripple: str, tried: int) -> Mapping[str, str]:
        """That of one try as it was left, for one who only looks."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the state machine asks for."""

    line: Line
    run: int
    launch: int
    ripple: str
    attempt: int
    site: Site = field(default_factory=Site)


@dataclass(frozen=True, slots=True)
class Worker:
    """What an attempt needs of the world."""

    states: StateReader
    snapshots: Snapshots
    artifacts: Artifacts
    history: AttemptHistory
    memories: Memories
    mailbox: Mailbox
    secrets: Secrets
    storage: Storage
    clock: Clock
    log: logging.Logger
    catchment: str = ""
    shelf: Shelf = field(default_factory=Shelf)
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class Fault:
    """What the author's code raised."""

    error: str
    message: str
    traceback: str


Answer = dict[str, object]


def run_ripple(order: Order, worker: Worker) -> Answer:
    """Make the attempt, unless it is not the current one.

    Returns:
        ``{"outcome": "ok"}``, or ``{"outcome": "failed", "failure": {...}}`` if the author's code raised.

    Raises:
        TransientError: the world did not answer. This, like every exception from here, counts as a crash of the attempt.
    """
    state = worker.states.read(order.line)
    if not is_current(order, state):
        worker.log.info("attempt is not the current one; nothing done")
        return {"outcome": "ok"}
    started = AttemptStarted(order.run, order.ripple, order.attempt, worker.clock.now(), order.site)
    if not worker.history.started(order.line, started):
        return _nothing_told(worker)
    return _attempt(order, state, worker)


def _attempt(order: Order, state: PondState, worker: Worker) -> Answer:
    run = state.runs[order.run]
    secrets = {name: value for name, value in worker.secrets.entries().items() if not name.startswith(_RESERVED)}
    attempt = state.ripples[order.ripple].attempt
    tried = attempt.tried if attempt else 1
    memory = worker.memories.of(order.line, run=order.run, ripple=order.ripple, tried=tried, attempt=order.attempt)
    around = _surroundings(order, state, run, tried, worker)
    pond = Pond(around, storage=worker.storage, memory=memory, log=logging.getLogger("duckstring.pond"))
    look = partial(worker.history.taken, order.line, run=order.run, ripple=order.ripple, attempt=order.attempt)
    with environment(secrets), Watch(look, interrupt=pond.interrupt, log=worker.log, pace=worker.pace) as watch, closing(pond):
        fault = _call(_project(run, secrets, worker), order.ripple, pond, watch)
        if watch.taken:
            return _nothing_told(worker)
        return _succeed(order, pond, worker) if fault is None else _fail(order, pond, fault, worker)


def _nothing_told(worker: Worker) -> Answer:
    """Somebody else has said already how this attempt ended. The branch ends: of an execution that was stopped, like as not."""
    worker.log.info("attempt was taken; nothing told")
    return {"outcome": "ok"}


def is_current(order: Order, state: PondState) -> bool:
    """Whether the engine waits for this very attempt: the fence against workers that outlived their run."""
    run, ripple = state.runs.get(order.run), state.ripples.get(order.ripple)
    if run is None or run.failure is not None or run.launch != order.launch or ripple is None or ripple.attempt is None:
        return False
    return (ripple.attempt.run, ripple.attempt.number) == (order.run, order.attempt)


@contextmanager
def environment(entries: Mapping[str, str]) -> Iterator[None]:
    """``entries`` are environment variables within the block: a warm worker forgets a secret that was removed."""
    before = {name: os.environ.get(name) for name in entries}
    os.environ.update(entries)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def visible_tables(state: PondState, run: Run) -> dict[str, TableVersion]:
    """The Pond's own tables as this run sees them: published, then of open runs up to its own freshness, newest last."""
    tables = dict(state.tables)
    for other in _open_up_to(state, run):
        tables |= other.outputs
    return tables


def previous_freshness(state: PondState, run: Run, ripple: str) -> Instant:
    """The freshness of the tables that ``ripple`` finds: what is published, or what open runs before this one made of it."""
    held = state.ripples[ripple].end_f
    done = [other.f for other in _open_up_to(state, run) if other.number != run.number and other.f <= held]
    return max([state.end_f, *done])


def _open_up_to(state: PondState, run: Run) -> list[Run]:
    """A failed run's tables are seen by nobody but itself."""
    older = [other for other in state.runs.values() if other.f <= run.f and other.number <= run.number and other.failure is None]
    return sorted(older, key=lambda other: (other.f, other.number))


def _surroundings(order: Order, state: PondState, run: Run, tried: int, worker: Worker) -> Surroundings:
    previous = previous_freshness(state, run, order.ripple)
    since = NEVER if run.forced else previous
    return Surroundings(
        name=parse_line(order.line)[0],
        line=order.line,
        version=run.version,
        run=order.run,
        ripple=order.ripple,
        attempt=order.attempt,
        invocation=sha256(order.site.request_id.encode()).hexdigest()[:8],
        run_key=try_key(worker.catchment, order.line, run.number, run.started, ripple=order.ripple, tried=tried),
        f=run.f,
        previous_f=previous,
        own=visible_tables(state, run),
        published=state.tables,
        sources={parse_line(line)[0]: _source(state, line, number, since, worker) for line, number in sorted(run.pins.items())},
        environment=os.environ,
    )


def _source(state: PondState, line: Line, number: int, since: Instant, worker: Worker) -> SourceTables:
    """What the run pinned. A Source whose output has not changed since, as far as it has told, has not changed in the pin."""
    if not number:
        return SourceTables(None, changed=False)
    if (snapshot := worker.snapshots.read(line, number)) is None:
        raise TransientError(f"The snapshot {run_key(line, number)} that this run reads is gone.", hint="A new run pins a newer one.")
    told = state.sources.get(line)
    return SourceTables(snapshot.tables, changed=snapshot.f > since and (told is None or told.changed_f > since))


def _project(run: Run, secrets: Mapping[str, str], worker: Worker) -> Project:
    """Unpacked once a process. Modules read the environment as they load, so another environment is another import."""
    key = (run.artifact, run.module, sha256(json.dumps(secrets, sort_keys=True).encode()).hexdigest())
    if (kept := worker.shelf.find(key)) is not None:
        return kept
    package = worker.artifacts.fetch(run.artifact)
    if (found := sha256(package).hexdigest()) != PurePosixPath(run.artifact).stem:
        raise TransientError(f"The package {run.artifact} has the checksum {found}.", hint="Deploy the Pond again.")
    return worker.shelf.add(key, package, run.module)


def _call(project: Project, ripple: str, pond: Pond, watch: Watch) -> Fault | None:
    here = os.getpid()
    try:
        with ExitStack() as stack:
            stack.enter_context(project.entered())
            stack.enter_context(redirect_stdout(LineLog(pond.log, "stdout")))
            stack.enter_context(redirect_stderr(LineLog(pond.log, "stderr")))
            found = _find(project, ripple)
            try:
                watch.call(found, pond)
            finally:
                if os.getpid() != here:
                    # A process that the Ripple forked came back instead of ending: it would answer in our place.
                    os._exit(0)
    except Stopped:
        return None
    except TransientError:
        if watch.taken:
            return None
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever an author's code raises fails its Ripple
        return _fault(error, project)
    return None


class _Callable(Protocol):
    def __call__(self, pond: Pond) -> object: ...


def _find(project: Project, ripple: str) -> _Callable:
    declared = {one.spec.name: one for one in project.ripples()}
    if (one := declared.get(ripple)) is None:
        known = ", ".join(declared) or "none"
        raise RippleError(f"{project.module} has no Ripple {ripple!r}; it has {known}.", hint="Deploy the Pond again.")
    return one.function if takes_pond(one.function) else lambda pond: one.function()


def _fault(error: BaseException, project: Project) -> Fault:
    message = str(error)
    if isinstance(error, DuckstringError) and error.hint:
        message = f"{message} {error.hint}"
    told = traceback.TracebackException(type(error), error, _from_author(error.__traceback__, project))
    return Fault(type(error).__name__, message, "".join(told.format()).replace(f"{project.root}/", ""))


def _from_author(frames: TracebackType | None, project: Project) -> TracebackType | None:
    """The frames from the author's first one on; all, if none is the author's."""
    here = frames
    while here is not None and not here.tb_frame.f_code.co_filename.startswith(str(project.root)):
        here = here.tb_next
    return here or frames


def _succeed(order: Order, pond: Pond, worker: Worker) -> Answer:
    tables = pond.written
    finished = AttemptFinished(order.run, order.ripple, order.attempt, "success", worker.clock.now(), tables=tables)
    if not worker.history.finished(order.line, finished):
        return _nothing_told(worker)
    signal = RippleSucceeded(order.run, order.ripple, order.attempt, tables, skipped=pond.skipped)
    worker.mailbox.send([Letter(order.line, signal, f"{run_key(order.line, order.run)}-{order.ripple}-{order.attempt}-ok")])
    rows = sum(table.rows for table in tables.values())
    worker.log.info("ripple succeeded", extra={"tables": len(tables), "rows": rows, "skipped": pond.skipped})
    return {"outcome": "ok"}


def _fail(order: Order, pond: Pond, fault: Fault, worker: Worker) -> Answer:
    row = AttemptFinished(
        order.run, order.ripple, order.attempt, "failed", worker.clock.now(), fault.error, fault.message, fault.traceback, pond.written
    )
    if not worker.history.finished(order.line, row):
        return _nothing_told(worker)
    worker.log.error("ripple failed", extra={"error": fault.error, "failure": fault.message, "traceback": fault.traceback})
    message = _shortened(fault.message)
    return {"outcome": "failed", "failure": {"ripple": order.ripple, "attempt": order.attempt, "error": fault.error, "message": message}}


def _shortened(message: str) -> str:
    """As much of a message as a state machine's payload should carry; history has all of it."""
    if len(json.dumps(message)) <= _PAYLOAD_LIMIT:
        return message
    low, high = 0, len(message)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(json.dumps(message[:middle])) <= _PAYLOAD_LIMIT else (low, middle - 1)
    return f"{message[:low]}... (the run's history has the rest)"
