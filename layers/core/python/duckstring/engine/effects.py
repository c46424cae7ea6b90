"""Effects: what a step wants done, in the imperative. Data until ``orchestrator/perform.py`` acts
on them.

Each is safe to perform twice; the key that makes it so is (line, revision, index).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import field

from duckstring.engine.state import SourceReport
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.values import Tagged, Value
from duckstring.model.windows import Window

Verdict = Literal["lambda", "task", "wait", "done", "cancelled"]
RunStatus = Literal["running", "success", "pass", "failed", "killed", "removal"]
"""``removal``: no Ripple ran; an operator removed a table, and this number is the snapshot
without it.
"""
AttemptStatus = Literal["success", "failed", "crashed", "lost", "killed", "overran", "memory"]
PondEvent = Literal["succeeded", "failed", "killed", "blocked", "recovered", "contract"]


class SendPull(Tagged, frozen=True):
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


class SendTarget(Tagged, frozen=True):
    """Tell ``source`` that we need its output at ``epoch`` or newer."""

    source: Line
    epoch: Instant


class AttachTo(Tagged, frozen=True):
    """Tell ``source`` that we are one of its Sinks."""

    source: Line


class DetachFrom(Tagged, frozen=True):
    """Tell ``source`` that we are its Sink no longer."""

    source: Line


class TellSink(Tagged, frozen=True):
    """Send ``sink`` our report."""

    sink: Line
    report: SourceReport


class TellSinks(Tagged, frozen=True):
    """Send every Sink our report. One effect however many there are: an outbox lies in an item of
    at most 400 KB.
    """

    report: SourceReport


class RippleBranch(Value, frozen=True):
    """A branch of an execution's Map: its Ripple and its first verdict (``attempt`` counts from 1;
    0: none yet).

    ``memory_mib``: of the task, where the verdict is ``task``.
    """

    ripple: str
    verdict: Verdict
    attempt: int = 0
    memory_mib: int = 0


class StartRun(Tagged, frozen=True):
    """Start the execution of a run, one branch a Ripple, in topological order."""

    run: int
    launch: int
    branches: tuple[RippleBranch, ...]


class StopRun(Tagged, frozen=True):
    """Stop the execution of a run, and its workers."""

    run: int
    launch: int


class AnswerGate(Tagged, frozen=True):
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


class StopTask(Tagged, frozen=True):
    """Stop the task of an attempt that was given up; one that is over is success."""

    run: int
    ripple: str
    attempt: int


class CallOnKill(Tagged, frozen=True):
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


class SetAlarm(Tagged, frozen=True):
    """Wake this line at ``at`` or soon after."""

    at: Instant


class SetSchedule(Tagged, frozen=True):
    """Let the Catchment's clock post WindowOpened at the openings of ``window``; put anew, the
    newest stands.
    """

    window: Window


class DropSchedule(Tagged, frozen=True):
    """The rule ``name`` is gone, and its schedule with it."""

    name: str


class PublishSnapshot(Tagged, frozen=True):
    """Keep the manifest of run ``run``: committed together with the state that makes it current."""

    run: int
    f: Instant
    tables: Mapping[str, TableVersion] = field(default_factory=dict)
    dropped: Mapping[str, DroppedTable] = field(default_factory=dict)


class RecordRun(Tagged, frozen=True):
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


class RecordAttempt(Tagged, frozen=True):
    """Write how an attempt ended, where its worker could not: it crashed, was lost or was
    killed.
    """

    run: int
    ripple: str
    attempt: int
    status: AttemptStatus
    finished: Instant
    failure: Failure | None = None


class Announce(Tagged, frozen=True):
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
