"""Signals: facts, in the past tense. A line never refuses a signal, but it may ignore it.

``stamp`` is the sender's (revision, index). A line ignores a stamp that is not newer than the last
one that it received from that sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from msgspec import field

from duckstring.engine.state import Positions, SourceReport, Stamp
from duckstring.model.arrivals import ArrivalKind, ArrivedObject
from duckstring.model.catalog import Position, Release, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.compute import PinnedPlace
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound
from duckstring.model.triggers import TriggerKind
from duckstring.model.values import Tagged
from duckstring.model.windows import Window

Verb = Literal["wake", "force", "sleep", "kill", "clear"]
GateOutcome = Literal["none", "failed", "timeout", "crashed", "lost", "overran", "memory", "check"]


class Deployed(Tagged, frozen=True):
    """A version of this line was selected."""

    release: Release


class Triggered(Tagged, frozen=True):
    """An operator or an event asked for something. ``epoch`` was minted where the request was
    made. ``by`` and ``note``: who asked, and why.
    """

    kind: TriggerKind
    epoch: Instant
    bound: timedelta | None = None
    by: str = ""
    note: str = ""


class ObjectArrived(Tagged, frozen=True):
    """An object has arrived in a bucket, and fits an arrival rule of this line. ``kind`` is the
    rule's; ``epoch`` was minted where the event came in.
    """

    found: ArrivedObject
    kind: ArrivalKind
    epoch: Instant


class PullReceived(Tagged, frozen=True):
    """A Sink took our output of freshness ``held`` (NEVER: none) and asks for newer. ``waits``: the
    Sink has nothing else to work on.

    ``anew``: when somebody triggered this by hand, if that is the reason. A line that waits for its
    own Sources already then asks each of them once more. ``urgent``: a Wave stands behind the pull,
    and the Sink had to wait for us twice in a row.
    """

    sink: Line
    epoch: Instant
    held: Instant
    stamp: Stamp
    waits: bool = False
    anew: Instant = NEVER
    urgent: bool = False


class TargetReceived(Tagged, frozen=True):
    """A Sink needs our output at freshness ``epoch`` or newer."""

    sink: Line
    epoch: Instant
    stamp: Stamp


class SinkAttached(Tagged, frozen=True):
    """A line was deployed that names us as a Source."""

    sink: Line
    stamp: Stamp


class SinkDetached(Tagged, frozen=True):
    """A line that named us as a Source no longer does."""

    sink: Line
    stamp: Stamp


class SourceTold(Tagged, frozen=True):
    """A Source's report has come."""

    source: Line
    report: SourceReport
    stamp: Stamp


class GateReached(Tagged, frozen=True):
    """A branch of a run's execution waits for a verdict on its Ripple.

    ``outcome`` says how the attempt before ended (``none``: there was none); ``failure`` says why.
    ``timeout``: it took longer than its own time limit. ``overran``: it was about to reach the
    function's deadline. ``memory``: it was killed because ``memory_mib`` was too little. ``check``:
    it found what the Pond's checks forbid.
    """

    run: int
    launch: int
    ripple: str
    attempt: int = 0
    outcome: GateOutcome = "none"
    failure: Failure | None = None
    memory_mib: int = 0


class RippleSucceeded(Tagged, frozen=True):
    """An attempt succeeded with these tables, each at the run's freshness. ``skipped``: the author
    reported no change.

    ``kept``: tables that the author carries over on purpose; ``dropped``: those that are published
    no longer.

    ``positions``: how far it has taken tables of Sources by ``read_delta``, by ``source.table``.
    ``found``: the older runs in flight whose tables it could see. ``arrivals``: up to which number
    it has taken the objects that arrived for the line; None: it has not asked for them.

    ``seconds`` and ``peak_mib`` are the most that one of its invocations took, ``function_seconds``
    and ``function_mib`` what the Catchment's function has; 0: not measured.

    ``warnings``: of the Ripple that makes the checks. If that one ``skipped``, it made none,
    because nothing has changed since they were made.
    """

    run: int
    ripple: str
    attempt: int
    tables: Mapping[str, TableVersion] = field(default_factory=dict)
    skipped: bool = False
    seconds: float = 0.0
    peak_mib: int = 0
    function_seconds: float = 0.0
    function_mib: int = 0
    kept: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    warnings: tuple[CheckWarning, ...] = ()
    positions: Mapping[str, Position] = field(default_factory=dict)
    found: tuple[int, ...] = ()
    arrivals: int | None = None


class ExecutionEnded(Tagged, frozen=True):
    """The execution of a run is over, with whatever status."""

    run: int
    launch: int
    status: str
    cause: str = ""


class AlarmRang(Tagged, frozen=True):
    """Time has passed. What is due follows from ``now``, not from when the alarm was set or
    delivered.
    """


class Ordered(Tagged, frozen=True):
    """An operator used a verb on this line. ``epoch`` was minted where the request was made.
    ``by`` and ``note``: who did, and why.
    """

    verb: Verb
    epoch: Instant
    by: str = ""
    note: str = ""


class HoldSet(Tagged, frozen=True):
    """New runs are held from ``at`` on, or no longer (``on`` False). Of two such facts the one with
    the newer ``at`` counts.
    """

    at: Instant
    on: bool = True
    by: str = ""
    note: str = ""


class BudgetSet(Tagged, frozen=True):
    """An operator set the live retry budgets; None leaves one as it is."""

    immediate_retries: int | None = None
    source_retries: int | None = None


class PrioritySet(Tagged, frozen=True):
    """An operator set the priority of this line's claims at limits."""

    priority: int


class TokensGranted(Tagged, frozen=True):
    """A limit has given a token to each of these claims of this line. That stays so until the line
    no longer makes the claim.
    """

    limit: str
    claims: tuple[int, ...]


class ClaimsAsked(Tagged, frozen=True):
    """Somebody has seen that a limit knows other claims of this line than the line makes: it is to
    say them again.
    """

    limit: str


class ComputePinned(Tagged, frozen=True):
    """An operator set where a Ripple runs. ``auto``: the line decides again. ``memory_mib`` is a
    task's; 0: the operator did not set it.
    """

    ripple: str
    on: PinnedPlace
    memory_mib: int = 0


class WindowAdded(Tagged, frozen=True):
    """An operator added a rule. It is ignored if its name exists already, or if it overlaps another
    rule.
    """

    window: Window


class WindowRemoved(Tagged, frozen=True):
    """An operator removed the rule ``name``."""

    name: str


class WindowOpened(Tagged, frozen=True):
    """The Catchment's clock reports that rule ``name`` opens. What is open follows from ``now``,
    not from this signal.
    """

    name: str


class StaleBoundSet(Tagged, frozen=True):
    """An operator declared how old the data may be. None: the Tide's bound counts again."""

    bound: StaleBound | None = None


class TableRemoved(Tagged, frozen=True):
    """An operator wants a table to be published no longer. The signal is ignored if the line does
    not have the table.
    """

    table: str


class Republished(Tagged, frozen=True):
    """An operator wants an earlier snapshot to be published again: the one of run ``snapshot``, in
    place of ``over``. The signal is ignored if a run is in flight, or if something else than
    ``over`` is published by now.

    The rest is what its manifest has. A letter has none of it: the orchestrator reads the manifest.
    ``held_f`` is the freshness of the data.
    """

    snapshot: int
    over: int
    held_f: Instant = NEVER
    tables: Mapping[str, TableVersion] = field(default_factory=dict)
    positions: Mapping[str, Positions] = field(default_factory=dict)
    warnings: tuple[CheckWarning, ...] = ()


class Removed(Tagged, frozen=True):
    """The line was taken out of the Catchment at ``at``. A later deploy starts from an empty
    state.
    """

    at: Instant


class Restored(Tagged, frozen=True):
    """The Catchment was restored or moved at ``at``. What was under way then is gone: letters,
    executions, alarms, schedules.
    """

    at: Instant


Signal = (
    Deployed
    | Triggered
    | ObjectArrived
    | Ordered
    | HoldSet
    | BudgetSet
    | PrioritySet
    | ComputePinned
    | WindowAdded
    | WindowRemoved
    | WindowOpened
    | StaleBoundSet
    | TableRemoved
    | Republished
    | Removed
    | PullReceived
    | TargetReceived
    | SinkAttached
    | SinkDetached
    | SourceTold
    | GateReached
    | RippleSucceeded
    | ExecutionEnded
    | TokensGranted
    | ClaimsAsked
    | AlarmRang
    | Restored
)
