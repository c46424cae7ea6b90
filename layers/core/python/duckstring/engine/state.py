"""What one line knows: its own state, the last report of each Source, and the names of its Sinks.
It knows nothing of the graph.

All values here are immutable. ``step`` works on a private copy and returns a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from msgspec import field

from duckstring.model.catalog import DroppedTable, Position, Release, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.compute import Pin, Place
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, ZERO, Instant
from duckstring.model.limits import REASON, REASON_ERROR, USUAL_PRIORITY, within
from duckstring.model.names import Line
from duckstring.model.said import NO_HOLD, Hold, Said
from duckstring.model.staleness import StaleBound, Watch
from duckstring.model.values import Tagged, Value, replace
from duckstring.model.windows import Window

_REASON = 300
"""Characters of a failure in a reason: the whole text is in history."""

Stamp = tuple[int, int]
"""(revision, index) of the effect that a signal came from: grows with everything one sender
says.
"""
UNHEARD: Stamp = (0, -1)
"""Before everything that a sender says."""

Positions = Mapping[str, Position]
"""How far one Ripple has taken tables of Sources, by ``source.table``."""


class Attempt(Value, frozen=True):
    """The attempt of a Ripple that the engine wants to run or that runs.

    ``dispatched``: a verdict has made the run's execution invoke it. ``tried`` counts from 1 and
    grows only after the Ripple itself failed. An attempt that was lost, killed for memory or handed
    over belongs to the same try. ``memory_mib``: of the task (0: it runs in the function).
    ``losses``: attempts of this Ripple in this run that were ended from outside, not by the
    author's code. ``claim``: its number for tokens of the limits that the Ripple uses, which later
    attempts in the same run take over (0: it has not asked). ``held``: the limits that have given
    it one. ``delayed``: it is the first of a new try, is not dispatched, and is not to begin before
    ``since``.
    """

    run: int
    number: int
    since: Instant
    dispatched: bool = False
    tried: int = 1
    on: Place = "lambda"
    memory_mib: int = 0
    losses: int = 0
    claim: int = 0
    held: tuple[str, ...] = ()
    delayed: bool = False


class RippleState(Value, frozen=True):
    """One Ripple: freshness last started and completed, its demand, and its attempt if it has one.

    ``last_held`` is the newest version of it that was taken and whose replacement is ordered.
    ``waited``: its last start had to wait for its parents; False where it went from one version
    straight to the next. ``task_mib``: the task that it was found to need (0: it fits the
    function); ``measured``: an attempt of it has ended well. ``uses``: limits, in the order in
    which it asks them.
    """

    name: str
    parents: tuple[str, ...] = ()
    always_run: bool = False
    start_f: Instant = NEVER
    end_f: Instant = NEVER
    pull: bool = False
    last_held: Instant = NEVER
    targets: tuple[Instant, ...] = ()
    attempt: Attempt | None = None
    waited: bool = True
    task_mib: int = 0
    measured: bool = False
    uses: tuple[str, ...] = ()


DownWhy = Literal["failed", "killed", "removed"]


class Down(Value, frozen=True):
    """Why a line does not run: ``root``, itself or a line that it waits for, is failed, killed or
    removed.

    ``message`` is the failure's, and ``error`` the name of the exception. ``retries``: the line or
    one that it waits for has tries left, so that asking it helps.
    """

    root: Line
    why: DownWhy
    message: str = ""
    retries: bool = False
    error: str = ""

    @property
    def reason(self) -> str:
        """In words: ``sales@1 failed: ValueError: no rows``, ``sales@1 was killed``."""
        if self.why != "failed":
            return f"{self.root} was {self.why}"
        return ": ".join(filter(None, (f"{self.root} failed", self.error, self.message)))


class SourceReport(Value, frozen=True):
    """Everything that a line reports to its Sinks. Each report is complete, so only the newest one
    counts.

    ``snapshot`` is the number of the run whose manifest is published (0: none). ``down``: why the
    line does not run. None: it may run.
    """

    end_f: Instant = NEVER
    changed_f: Instant = NEVER
    delay: timedelta = ZERO
    snapshot: int = 0
    down: Down | None = None


def bounded(report: SourceReport) -> SourceReport:
    """The report, with a failure's message shortened to what a Sink keeps."""
    down = report.down
    if down is None:
        return report
    bounds = {"message": within(down.message, REASON), "error": within(down.error, REASON_ERROR)}
    return replace(report, down=replace(down, **bounds))


class SourceView(Value, frozen=True):
    """A Source's last report, and what we last took of it.

    ``former``: its newest snapshot before it was removed and came again.
    ``heard`` is the report's stamp. ``asked``: the newest of the Source's outputs that was no newer
    than this line, and for which the Source has been asked for more.
    """

    line: Line
    minimum: str = "0.0.0"
    optional: bool = False
    report: SourceReport = SourceReport()
    taken: Instant = NEVER
    asked: Instant = NEVER
    heard: Stamp = UNHEARD
    former: int = 0

    @property
    def has_nothing_new(self) -> bool:
        """Whether we have taken everything that it has published."""
        return self.report.end_f <= self.taken

    @property
    def blocks(self) -> bool:
        """Whether this line does not run because of the Source."""
        return self.report.down is not None and not self.optional

    @property
    def helps(self) -> bool:
        """Whether this line does not run because of the Source, and asking the Source helps."""
        return self.blocks and self.is_retried

    @property
    def is_retried(self) -> bool:
        """Whether the Source is down, and is tried again when it is asked."""
        return self.report.down is not None and self.report.down.retries


class Run(Value, frozen=True):
    """A Pond Run in flight.

    ``pins`` maps each Source's line to the snapshot it reads for its whole life (0: none).
    ``attempts`` counts the attempts given to each Ripple; ``waiting`` are the Ripples whose branch
    waits at a gate. ``launch`` counts the executions started for it (more than one only where an
    execution was lost). ``pull``, ``tapped``, ``target`` (the newest) and ``woken`` are the demand
    that it began for. This demand comes back if the run fails. ``kept`` and ``dropped`` are tables
    that its Ripples did not write, and that their authors keep or drop. ``positions``: how far each
    Ripple has taken tables of Sources, by ``source.table``. ``found``: the older runs whose tables
    each Ripple could see while they were in flight. ``seen_by``, of a run that failed: the Ripples
    whose attempt of a newer run was at work then, and that run. It may have seen these tables.
    ``warnings``: of its checks, once they are made. ``arrived``: the number of the newest object
    that had arrived when it began. Its attempts are given none that came later.
    """

    number: int
    f: Instant
    prior_f: Instant
    delay: timedelta
    version: str
    artifact: str
    module: str
    budget: int
    started: Instant
    launch: int = 1
    forced: bool = False
    superseded: bool = False
    pins: Mapping[Line, int] = field(default_factory=dict)
    outputs: Mapping[str, TableVersion] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    warnings: tuple[CheckWarning, ...] = ()
    failure: Failure | None = None
    pull: Instant | None = None
    tapped: bool = False
    target: Instant = NEVER
    woken: Instant | None = None
    positions: Mapping[str, Positions] = field(default_factory=dict)
    found: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    seen_by: Mapping[str, int] = field(default_factory=dict)
    arrived: int = 0


class Kept(Value, frozen=True):
    """A pull that waits until its line is no longer blocked.

    ``own``: somebody tapped this very line. All other pulls are repeated by the Sinks themselves.
    ``anew``: the newest trigger by hand in it.
    """

    epoch: Instant
    own: bool = False
    anew: Instant = NEVER


class Wave(Tagged, frozen=True):
    """Standing pull: again each time a run of this line completes."""


class Tide(Tagged, frozen=True):
    """Standing push: keep staleness under ``bound``."""

    bound: timedelta


Trigger = Wave | Tide
SaidKind = Literal["trigger", "tap", "pulse", "wake", "force", "sleep", "kill", "clear"]
"""What somebody said: each verb, a Tap, a Pulse, and the standing trigger."""
Health = Literal["ok", "failed", "killed"]


class PondState(Value, frozen=True):
    """One line's whole state. ``revision`` grows by one with each commit; 0 is a line that never
    got a letter.

    ``snapshot`` is the number of the run whose manifest is published, ``tables`` what that manifest
    names. ``release`` is None until the line is deployed: a Sink may be deployed before its Source.
    ``next_release`` waits for the runs in flight, which finish on the version they began with.
    ``woken`` is a demand of this line alone, never sent to its Sources; ``force`` waits for the
    runs in flight. ``restated``: a forced run changed what Sinks have taken already, and the next
    freshness must say so. ``compute`` holds the operator's settings of where Ripples run.
    ``last_anew``: the newest trigger by hand whose pull went by way of this line. ``asleep``: put
    to sleep, and not wanted since. A failed run is not tried again. ``urgent``: such a pull has
    come since the last run began. ``awaited``: the Sink that sent it waits for what is published
    next. ``waited``: the newest run that was pulled began when a Source published. ``tapped``: the
    pull is a Tap on this very line. ``kept``: what came, or came back from a run that failed, while
    the line was blocked. ``retry_at``: when a failed Inlet tries again, and when any other line
    that failed asks its Sources for something to try again with. ``snapshot_f``: the freshness of
    the run that published last (``end_f`` may be newer, by passes). ``held_f``: the freshness of
    the published data, where an operator has published an earlier snapshot; NEVER: the line's own.
    ``dropped``: tables that were published once, for readers that still look for them.
    ``removing``: tables that an operator has removed, until the next snapshot. ``restored``: when
    the Catchment was last restored or moved, as far as the line has heard. ``former``: what the
    line counted its runs to when it was removed last; what it published up to then is not its own
    any more. ``positions``: how far each Ripple has taken tables of Sources, of what is published.
    ``warnings``: of the checks of what is published. ``stale_bound``: an operator's, for how old
    the data may be; None: the Tide's counts, if there is one. ``watch``: the bound that counts.
    ``priority``: of its claims at limits, the highest first. ``claims_made``: the number of the
    last claim. ``said``: who used each verb last, and set the
    trigger, if that is known. ``hold``: whether new runs are held, in the whole Catchment.
    ``arrived``: how many objects have arrived for the line, which is the number of the newest.
    ``arrivals_from``: where a Ripple begins among them that has taken none, if no other Ripple has
    either.
    """

    line: Line
    revision: int = 0
    release: Release | None = None
    next_release: Release | None = None
    immediate_retries: int = 0
    source_retries: int = 0

    start_f: Instant = NEVER
    end_f: Instant = NEVER
    changed_f: Instant = NEVER
    delay: timedelta = ZERO
    snapshot: int = 0
    published_artifact: str = ""
    tables: Mapping[str, TableVersion] = field(default_factory=dict)
    snapshot_f: Instant = NEVER
    held_f: Instant = NEVER
    dropped: Mapping[str, DroppedTable] = field(default_factory=dict)
    removing: frozenset[str] = frozenset()
    warnings: tuple[CheckWarning, ...] = ()

    pull: Instant | None = None
    last_held: Instant = NEVER
    last_anew: Instant = NEVER
    urgent: bool = False
    awaited: bool = False
    waited: bool = False
    tapped: bool = False
    kept: Kept | None = None
    targets: tuple[Instant, ...] = ()
    woken: Instant | None = None
    force: bool = False
    asleep: bool = False
    restated: bool = False
    trigger: Trigger | None = None
    windows: Mapping[str, Window] = field(default_factory=dict)
    compute: Mapping[str, Pin] = field(default_factory=dict)
    alarm: Instant | None = None
    stale_bound: StaleBound | None = None
    watch: Watch | None = None

    health: Health = "ok"
    failed_f: Instant = NEVER
    failures: int = 0
    retry_at: Instant | None = None
    failure: Failure | None = None
    failed_run: int = 0

    sources: Mapping[Line, SourceView] = field(default_factory=dict)
    sinks: Mapping[Line, Stamp] = field(default_factory=dict)
    ripples: Mapping[str, RippleState] = field(default_factory=dict)
    runs: Mapping[int, Run] = field(default_factory=dict)
    runs_started: int = 0
    former: int = 0
    restored: Instant = NEVER
    positions: Mapping[str, Positions] = field(default_factory=dict)
    priority: int = USUAL_PRIORITY
    claims_made: int = 0
    said: Mapping[SaidKind, Said] = field(default_factory=dict)
    hold: Hold = NO_HOLD
    arrived: int = 0
    arrivals_from: int = 0

    @property
    def blockers(self) -> tuple[SourceView, ...]:
        """The required Sources that are down, by name."""
        return tuple(view for _, view in sorted(self.sources.items()) if view.blocks)

    @property
    def blocked(self) -> bool:
        """Whether the line failed, was killed, or has a required Source that is down. New demand is
        kept, and passed on only if that helps (``retries``).
        """
        return self.health != "ok" or any(view.blocks for view in self.sources.values())

    @property
    def has_tries(self) -> bool:
        """Whether the line failed, with ``source_retries`` left."""
        return self.health == "failed" and self.failures <= self.source_retries

    @property
    def retries(self) -> bool:
        """Whether the line is down and asking helps: it has tries left, or a line that it waits for
        has.
        """
        return self.down is not None and self.down.retries

    @property
    def down(self) -> Down | None:
        """Why this line does not run, with the root cause. None: it may run."""
        if self.health == "failed":
            failure = self.failure
            return Down(
                self.line,
                "failed",
                within(failure.message[:_REASON], REASON) if failure else "",
                retries=self.has_tries,
                error=within(failure.error, REASON_ERROR) if failure else "",
            )
        if self.health == "killed":
            return Down(self.line, "killed")
        causes = [view.report.down for view in self.blockers if view.report.down is not None]
        if not causes:
            return None
        return replace(causes[0], retries=any(cause.retries for cause in causes))

    @property
    def reason(self) -> str:
        """``down`` in words; empty if it is not down."""
        return self.down.reason if self.down else ""
