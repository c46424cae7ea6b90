"""The working copy of one step: a private, mutable copy of a line's state, and the effects so far.

This module decides nothing. ``PondState`` is frozen, and a step changes a few of its thirty fields
several times. Copying once and freezing once keeps a step in the tens of microseconds
(bench/engine.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec.structs import asdict

from duckstring.engine.effects import Effect
from duckstring.engine.state import (
    Health,
    Kept,
    PondState,
    Positions,
    RippleState,
    Run,
    SaidKind,
    SourceView,
    Stamp,
    Trigger,
)
from duckstring.model.catalog import DroppedTable, Release, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.compute import Pin
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.said import Hold, Said
from duckstring.model.staleness import StaleBound, Watch
from duckstring.model.values import replace
from duckstring.model.windows import Window


class Turn:
    """One line's state while a step works on it. A mapping that is still the one of ``before`` is
    copied before it is written to.
    """

    __slots__ = (
        "__dict__",
        "asking",
        "before",
        "doubted",
        "effects",
        "finished",
        "launching",
        "now",
        "reissued_at",
        "reporter",
        "starved",
        "voice",
    )
    """Whatever is not in a slot is a field of the state. These fields are in ``__dict__``, which is
    taken from the state and given back as a whole.
    """

    release: Release | None
    next_release: Release | None
    line: Line
    immediate_retries: int
    source_retries: int
    start_f: Instant
    end_f: Instant
    changed_f: Instant
    delay: timedelta
    snapshot: int
    published_artifact: str
    tables: dict[str, TableVersion]
    snapshot_f: Instant
    held_f: Instant
    dropped: Mapping[str, DroppedTable]
    removing: frozenset[str]
    warnings: tuple[CheckWarning, ...]
    pull: Instant | None
    last_held: Instant
    last_anew: Instant
    urgent: bool
    awaited: bool
    waited: bool
    tapped: bool
    kept: Kept | None
    targets: tuple[Instant, ...]
    woken: Instant | None
    force: bool
    asleep: bool
    restated: bool
    trigger: Trigger | None
    windows: Mapping[str, Window]
    compute: Mapping[str, Pin]
    alarm: Instant | None
    stale_bound: StaleBound | None
    watch: Watch | None
    health: Health
    failed_f: Instant
    failures: int
    retry_at: Instant | None
    failure: Failure | None
    failed_run: int
    sources: dict[Line, SourceView]
    sinks: dict[Line, Stamp]
    ripples: dict[str, RippleState]
    runs: dict[int, Run]
    runs_started: int
    former: int
    restored: Instant
    positions: Mapping[str, Positions]
    priority: int
    claims_made: int
    said: Mapping[SaidKind, Said]
    hold: Hold
    arrived: int
    arrivals_from: int

    def __init__(self, state: PondState, now: Instant) -> None:
        """Start to work on ``state``."""
        self.before = state
        self.now = now
        self.effects: list[Effect] = []
        self.launching: list[int] = []
        self.asking = False
        self.doubted: frozenset[str] = frozenset()
        self.reissued_at: Instant = NEVER
        self.finished = ""
        self.reporter: Line | None = None
        self.__dict__ = asdict(state)
        self.starved = _starved(self.sources)
        self.voice = self.may_ask

    def note(self, kind: SaidKind, said: Said) -> None:
        """Remember who said something last. Words of nobody make those before them forgotten."""
        if said.by or said.note:
            self.said = {**self.said, kind: said}
        elif kind in self.said:
            self.said = {held: one for held, one in self.said.items() if held != kind}

    def start_over(self, state: PondState) -> None:
        """Forget everything that is not in ``state``, which must be a new state that nothing else
        holds.
        """
        self.__dict__ = {**asdict(state), "revision": self.before.revision}
        self.starved = _starved(self.sources)

    def emit(self, effect: Effect) -> None:
        """Request ``effect`` once this step is committed."""
        self.effects.append(effect)

    def put_ripple(self, ripple: RippleState) -> None:
        """Replace a Ripple's state."""
        if self.ripples is self.before.ripples:
            self.ripples = self.ripples.copy()
        self.ripples[ripple.name] = ripple

    def put_run(self, run: Run) -> None:
        """Replace a run."""
        if self.runs is self.before.runs:
            self.runs = self.runs.copy()
        self.runs[run.number] = run

    def drop_run(self, number: int) -> None:
        """Forget a run that is over."""
        if self.runs is self.before.runs:
            self.runs = self.runs.copy()
        del self.runs[number]

    def put_source(self, view: SourceView) -> None:
        """Replace the view of a Source."""
        if self.sources is self.before.sources:
            self.sources = self.sources.copy()
        self.sources[view.line] = view
        self.starved = _starved(self.sources)

    def put_sink(self, sink: Line, stamp: Stamp) -> None:
        """Remember a Sink and the newest stamp received from it."""
        if self.sinks is self.before.sinks:
            self.sinks = self.sinks.copy()
        self.sinks[sink] = stamp

    def drop_sink(self, sink: Line) -> None:
        """Forget a Sink, of which a stamp has just been put."""
        del self.sinks[sink]

    def put_all_ripples(self, ripples: dict[str, RippleState]) -> None:
        """Replace every Ripple."""
        self.ripples = ripples

    def put_all_sources(self, sources: dict[Line, SourceView]) -> None:
        """Replace every Source."""
        self.sources = sources
        self.starved = _starved(sources)

    def put_tables(self, tables: dict[str, TableVersion]) -> None:
        """Replace the published tables."""
        self.tables = tables

    @property
    def is_inlet(self) -> bool:
        """Whether the line has no Sources: the outside world supplies it."""
        return not self.sources

    @property
    def is_windowed(self) -> bool:
        """Whether the line is an Inlet whose outside source is ready at certain times only."""
        return bool(self.windows) and not self.sources

    @property
    def blocked(self) -> bool:
        """As ``PondState.blocked``."""
        return self.starved or self.health != "ok"

    @property
    def has_tries(self) -> bool:
        """As ``PondState.has_tries``."""
        return self.health == "failed" and self.failures <= self.source_retries

    @property
    def has_asked_to_retry(self) -> bool:
        """Whether the line failed, has tries left, and has asked its Sources for something newer
        than it failed on.
        """
        return self.has_tries and bool(self.targets) and self.targets[-1] > self.start_f

    @property
    def retries(self) -> bool:
        """As ``PondState.retries``."""
        if self.health != "ok":
            return self.has_tries
        return self.starved and any(view.helps for view in self.sources.values())

    @property
    def may_ask(self) -> int:
        """How much this line may ask of its Sources. When the value grows, the line asks again for
        what it wants.

        4: all that is wanted, of all Sources. 3 (a required Source is down): only of those that are
        tried again when they are asked. 2 (failed, with tries left): for something to try again
        with. 1: both restrictions. 0: nothing.
        """
        if self.health == "ok":
            return 3 if self.starved else 4
        if not self.has_tries:
            return 0
        return 1 if self.starved else 2

    def freeze(self) -> PondState:
        """The state as it now is."""
        return PondState(**self.__dict__)


def _starved(sources: Mapping[Line, SourceView]) -> bool:
    for view in sources.values():  # noqa: SIM110 - asked at every step; a generator costs more than the answer
        if view.report.down is not None and not view.optional:
            return True
    return False


def with_waiting(run: Run, ripple: str, *, is_waiting: bool) -> Run:
    """The run, with ``ripple`` added to the Ripples that wait at a gate, or removed from them."""
    waiting = run.waiting | {ripple} if is_waiting else run.waiting - {ripple}
    return replace(run, waiting=waiting)
