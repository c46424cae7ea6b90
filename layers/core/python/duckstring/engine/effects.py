"""Effects: what a step wants done, in the imperative. They are data until
``orchestrator/perform.py`` performs them.

Each effect is safe to perform twice. The key that makes it so is (line, revision, index).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import field

from duckstring.engine.state import Positions, SourceReport
from duckstring.model.arrivals import ArrivedObject
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.events import PondEvent
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.limits import USUAL_PRIORITY
from duckstring.model.names import Line
from duckstring.model.said import Said
from duckstring.model.shares import Wanted
from duckstring.model.values import Tagged, Value
from duckstring.model.windows import Window

Verdict = Literal["lambda", "task", "wait", "done", "cancelled"]
RunStatus = Literal["running", "success", "pass", "failed", "killed", "removal", "rollback"]
"""``removal``: no Ripple ran; an operator removed a table, and this number is the snapshot
without it. ``rollback``: an operator published an earlier snapshot again, and this is its number.
"""
AttemptStatus = Literal[
    "success", "failed", "crashed", "lost", "killed", "overran", "memory", "check"
]


class SendPull(Tagged, frozen=True):
    """Send ``source`` a pull: this line took its output of freshness ``held`` and wants newer.

    ``waits``: this line has nothing newer of the Source. ``urgent``: a Wave stands behind the pull,
    and this line had to wait for the Source twice in a row.
    """

    source: Line
    epoch: Instant
    held: Instant
    waits: bool = False
    anew: Instant = NEVER
    urgent: bool = False


class SendTarget(Tagged, frozen=True):
    """Send ``source`` a target: this line needs its output at ``epoch`` or newer."""

    source: Line
    epoch: Instant


class AttachTo(Tagged, frozen=True):
    """Register this line with ``source`` as one of its Sinks."""

    source: Line


class DetachFrom(Tagged, frozen=True):
    """Tell ``source`` that this line is no longer its Sink."""

    source: Line


class TellSink(Tagged, frozen=True):
    """Send ``sink`` this line's report."""

    sink: Line
    report: SourceReport


class TellSinks(Tagged, frozen=True):
    """Send every Sink this line's report. It is one effect for any number of Sinks, because an
    outbox lies in an item of at most 400 KB.
    """

    report: SourceReport


class Claim(Value, frozen=True, array_like=True):
    """A Ripple that needs a token in a run, or has one (``held``). ``number``: no other claim of
    its line has had it.
    """

    number: int
    run: int
    ripple: str
    held: bool = False


class ClaimTokens(Tagged, frozen=True):
    """Tell ``limit`` all claims that this line makes of it. A claim that is no longer among them is
    given up.
    """

    limit: str
    claims: tuple[Claim, ...]
    priority: int = USUAL_PRIORITY


class RippleBranch(Value, frozen=True):
    """A branch of an execution's Map: its Ripple and its first verdict. ``attempt`` counts from 1;
    0: none yet.

    ``memory_mib`` is the task's, if the verdict is ``task``.
    """

    ripple: str
    verdict: Verdict
    attempt: int = 0
    memory_mib: int = 0


class StartRun(Tagged, frozen=True):
    """Start the execution of a run, with one branch for each Ripple, in topological order."""

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
    """Stop the task of an attempt that was given up. A task that is over counts as success."""

    run: int
    ripple: str
    attempt: int


class CallOnKill(Tagged, frozen=True):
    """Call the function that a Ripple named for when it is killed or out of time. The effect
    carries all that the call needs, because the run may be gone.
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
    """Make the Catchment's clock post WindowOpened at the openings of ``window``. A repeat replaces
    the schedule.
    """

    window: Window


class DropSchedule(Tagged, frozen=True):
    """Drop the schedule of the rule ``name``, which was removed."""

    name: str


class PublishSnapshot(Tagged, frozen=True):
    """Keep the manifest of run ``run``. It is committed together with the state that makes it
    current. ``warnings``: of the run's checks. ``positions`` and ``held_f``: as in the state then;
    None: the release that wrote it kept none.
    """

    run: int
    f: Instant
    tables: Mapping[str, TableVersion] = field(default_factory=dict)
    dropped: Mapping[str, DroppedTable] = field(default_factory=dict)
    warnings: tuple[CheckWarning, ...] = ()
    positions: Mapping[str, Positions] | None = None
    held_f: Instant = NEVER


class KeepArrival(Tagged, frozen=True):
    """Keep an object that arrived, under its number. It is committed together with the state that
    has counted it. ``at``: when the line received it.
    """

    number: int
    found: ArrivedObject
    at: Instant


class RecordRun(Tagged, frozen=True):
    """Write a run's row of history. ``overtaken_by``: the newer run that satisfied it.

    ``pins`` and ``wanted``: what a run that begins reads, and what it began for. ``used``: what the
    orchestrator's work for the line has used until the run ended. The orchestrator puts it in.
    ``warnings``: of its checks. ``said``: who asked this very line for it. ``asked``: the epochs
    that it was asked for, by which those who asked other lines are found.
    """

    run: int
    f: Instant
    version: str
    status: RunStatus
    started: Instant
    finished: Instant | None = None
    failure: Failure | None = None
    changed: bool = True
    overtaken_by: int = 0
    pins: Mapping[Line, int] = field(default_factory=dict)
    wanted: Wanted | Literal[""] = ""
    used: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[CheckWarning, ...] = ()
    said: Said | None = None
    asked: tuple[Instant, ...] = ()


class RecordAttempt(Tagged, frozen=True):
    """Record how an attempt ended if its worker could not, because it crashed, was lost or was
    killed.
    """

    run: int
    ripple: str
    attempt: int
    status: AttemptStatus
    finished: Instant
    failure: Failure | None = None


class Announce(Tagged, frozen=True):
    """Put an event of this line on the Catchment's bus. ``warnings``: the checks that warn of what
    the run has published. ``by`` and ``note``: who did it, and why.
    """

    event: PondEvent
    previous: str
    f: Instant
    run: int = 0
    reason: str = ""
    warnings: tuple[str, ...] = ()
    by: str = ""
    note: str = ""


Effect = (
    SendPull
    | SendTarget
    | AttachTo
    | DetachFrom
    | TellSink
    | TellSinks
    | ClaimTokens
    | StartRun
    | StopRun
    | AnswerGate
    | StopTask
    | CallOnKill
    | SetAlarm
    | SetSchedule
    | DropSchedule
    | PublishSnapshot
    | KeepArrival
    | RecordRun
    | RecordAttempt
    | Announce
)
