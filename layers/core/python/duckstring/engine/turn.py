"""The workbench of one step: a private, mutable copy of a line's state and the effects so far.

Nothing here decides. ``PondState`` is frozen, and a step changes a handful of its thirty fields several times:
copying once and freezing once is what keeps a step in the tens of microseconds (bench/engine.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from duckstring.engine.effects import Effect
from duckstring.engine.state import Failure, Health, PondState, RippleState, Run, SourceView, Stamp, Trigger
from duckstring.model.catalog import Release, TableVersion
from duckstring.model.compute import Pin
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Window


class Turn:
    """One line's state while a step works on it. Mappings are copied when first written to."""

    __slots__ = (
        "__dict__",
        "_owned",
        "_starved",
        "asking",
        "before",
        "blocked_at_start",
        "effects",
        "finished",
        "heard",
        "launching",
        "now",
    )
    """What is not in a slot is a field of the state, in ``__dict__``: taken from it, and given back, whole."""

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
    pull: Instant | None
    last_held: Instant
    targets: tuple[Instant, ...]
    woken: Instant | None
    force: bool
    restated: bool
    trigger: Trigger | None
    windows: Mapping[str, Window]
    compute: Mapping[str, Pin]
    alarm: Instant | None
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

    def __init__(self, state: PondState, now: Instant) -> None:
        """Start to work on ``state``."""
        self.before = state
        self.now = now
        self.effects: list[Effect] = []
        self.launching: list[int] = []
        self.asking = False
        self.finished = ""
        self.heard: Line | None = None
        self._take(state)
        self.blocked_at_start = self.blocked

    def _take(self, state: PondState) -> None:
        self._owned: set[str] = set()
        self._starved: bool | None = None
        self.__dict__.update(state.__dict__)
        del self.__dict__["revision"]  # a commit's business

    def begin_anew(self, state: PondState) -> None:
        """Forget everything that is not in ``state``."""
        self._take(state)

    def _own(self, name: str) -> None:
        if name not in self._owned:
            self._owned.add(name)
            setattr(self, name, dict(getattr(self, name)))

    def emit(self, effect: Effect) -> None:
        """Want ``effect`` done once this step is committed."""
        self.effects.append(effect)

    def put_ripple(self, ripple: RippleState) -> None:
        """Replace a Ripple's state."""
        self._own("ripples")
        self.ripples[ripple.name] = ripple

    def put_run(self, run: Run) -> None:
        """Replace a run."""
        self._own("runs")
        self.runs[run.number] = run

    def drop_run(self, number: int) -> None:
        """The run is over."""
        self._own("runs")
        del self.runs[number]

    def put_source(self, view: SourceView) -> None:
        """Replace what is known of a Source."""
        self._own("sources")
        self.sources[view.line] = view
        self._starved = None

    def put_sink(self, sink: Line, stamp: Stamp) -> None:
        """Remember a Sink and what was last heard of it."""
        self._own("sinks")
        self.sinks[sink] = stamp

    def drop_sink(self, sink: Line) -> None:
        """Forget a Sink."""
        self._own("sinks")
        self.sinks.pop(sink, None)

    def put_all_ripples(self, ripples: dict[str, RippleState]) -> None:
        """Replace every Ripple: another version was selected."""
        self._owned.add("ripples")
        self.ripples = ripples

    def put_all_sources(self, sources: dict[Line, SourceView]) -> None:
        """Replace every Source: another version was selected."""
        self._owned.add("sources")
        self.sources = sources
        self._starved = None

    def put_tables(self, tables: dict[str, TableVersion]) -> None:
        """Replace the published tables."""
        self._owned.add("tables")
        self.tables = tables

    @property
    def is_inlet(self) -> bool:
        """No Sources: the outside world supplies it."""
        return not self.sources

    @property
    def is_windowed(self) -> bool:
        """An Inlet whose outside source is ready at certain times only."""
        return bool(self.windows) and not self.sources

    @property
    def blocked(self) -> bool:
        """As ``PondState.blocked``."""
        if self.health != "ok":
            return True
        if self._starved is None:  # asked many times a step, and seldom anew
            self._starved = any(view.down and not view.optional for view in self.sources.values())
        return self._starved

    def freeze(self) -> PondState:
        """The state as it now is."""
        return replace(self.before, **self.__dict__)


def with_waiting(run: Run, ripple: str, *, waits: bool) -> Run:
    """The run with ``ripple`` among those that wait at a gate, or not."""
    waiting = run.waiting | {ripple} if waits else run.waiting - {ripple}
    return replace(run, waiting=waiting)
