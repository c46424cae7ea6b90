"""Effects: what a step wants done, in the imperative. Data until ``orchestrator/perform.py`` acts
on them.

Each is safe to perform twice; the key that makes it so is (line, revision, index).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from duckstring.engine.state import Failure, SourceReport
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.windows import Window

Verdict = Literal["lambda", "task", "wait", "done", "cancelled"]
RunStatus = Literal["running", "success", "pass", "failed", "killed", "removal"]
"""``removal``: no Ripple ran; an operator removed a table, and this number is the snapshot
without it.
"""
AttemptStatus = Literal["success", "failed", "crashed", "lost", "killed", "overran", "memory"]
PondEvent = Literal["succeeded", "failed", "killed", "blocked", "recovered", "contract"]


@dataclass(frozen=True, slots=True)
class SendPull:
    """Tell ``source`` that we took its output of freshness ``held`` and want newer. ``waits``: we
    have nothing newer of it.

    ``urgent``: a Wave stands behind it, and we had to wait for this Source twice running.
    """

    source: Line
    epoch: Instant
    held: Instant
    waits: bool = False
    anew: Instant = NEVER
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class SendTarget:
    """Tell ``source`` that we need its output at ``epoch`` or newer."""

    source: Line
    epoch: Instant


@dataclass(frozen=True, slots=True)
class AttachTo:
    """Tell ``source`` that we are one of its Sinks."""

    source: Line


@dataclass(frozen=True, slots=True)
class DetachFrom:
    """Tell ``source`` that we are its Sink no longer."""

    source: Line


@dataclass(frozen=True, slots=True)
class TellSink:
    """Send ``sink`` our report."""

    sink: Line
    report: SourceReport


@dataclass(frozen=True, slots=True)
class TellSinks:
    """Send every Sink our report. One effect however many there are: an outbox lies in an item of
    at most 400 KB.
    """

    report: SourceReport


@dataclass(frozen=True, slots=True)
class RippleBranch:
    """A branch of an execution's Map: its Ripple and its first verdict (``attempt`` counts from 1;
    0: none yet).

    ``memory_mib``: of the task, where the verdict is ``task``.
    """

    ripple: str
    verdict: Verdict
    attempt: int = 0
    memory_mib: int = 0


@dataclass(frozen=True, slots=True)
class StartRun:
    """Start the execution of a run, one branch a Ripple, in topological order."""

    run: int
    launch: int
    branches: tuple[RippleBranch, ...]


@dataclass(frozen=True, slots=True)
class StopRun:
    """Stop the execution of a run, and its workers."""

    run: int
    launch: int


@dataclass(frozen=True, slots=True)
class AnswerGate:
    """Answer the branch that waits for a verdict. ``failure`` goes with ``cancelled``,
    ``memory_mib`` with ``task``.
    """

    run: int
    launch: int
    ripple: str
    verdict: Verdict
    attempt: int = 0
    failure: Failure | None = None
    memory_mib: int = 0


@dataclass(frozen=True, slots=True)
class StopTask:
    """Stop the task of an attempt that was given up; one that is over is success."""

    run: int
    ripple: str
    attempt: int


@dataclass(frozen=True, slots=True)
class CallOnKill:
    """Call the function that a Ripple named for when it is killed, or out of time. All that it
    needs to know of a run that may be gone.
    """

    run: int
    ripple: str
    attempt: int
    tried: int
    f: Instant
    version: str
    artifact: str
    module: str
    started: Instant


@dataclass(frozen=True, slots=True)
class SetAlarm:
    """Wake this line at ``at`` or soon after."""

    at: Instant


@dataclass(frozen=True, slots=True)
class SetSchedule:
    """Let the Catchment's clock post WindowOpened at the openings of ``window``; put anew, the
    newest stands.
    """

    window: Window


@dataclass(frozen=True, slots=True)
class DropSchedule:
    """The rule ``name`` is gone, and its schedule with it."""

    name: str


@dataclass(frozen=True, slots=True)
class PublishSnapshot:
    """Keep the manifest of run ``run``: committed together with the state that makes it current."""

    run: int
    f: Instant
    tables: Mapping[str, TableVersion] = field(default_factory=dict)
    dropped: Mapping[str, DroppedTable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordRun:
    """Write a run's row of history. ``overtaken_by``: the newer run that satisfied it."""

    run: int
    f: Instant
    version: str
    status: RunStatus
    started: Instant
    finished: Instant | None = None
    failure: Failure | None = None
    changed: bool = True
    overtaken_by: int = 0


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """Write how an attempt ended, where its worker could not: it crashed, was lost or was
    killed.
    """

    run: int
    ripple: str
    attempt: int
    status: AttemptStatus
    finished: Instant
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Announce:
    """Put an event of this line on the Catchment's bus."""

    event: PondEvent
    previous: str
    f: Instant
    run: int = 0
    reason: str = ""


Effect = (
    SendPull
    | SendTarget
    | AttachTo
    | DetachFrom
    | TellSink
    | TellSinks
    | StartRun
    | StopRun
    | AnswerGate
    | StopTask
    | CallOnKill
    | SetAlarm
    | SetSchedule
    | DropSchedule
    | PublishSnapshot
    | RecordRun
    | RecordAttempt
    | Announce
)
