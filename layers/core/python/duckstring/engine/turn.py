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
        "_owned",
        "alarm",
        "asking",
        "before",
        "blocked_at_start",
        "changed_f",
        "compute",
        "delay",
        "effects",
        "end_f",
        "failed_f",
        "failed_run",
        "failure",
        "failures",
        "finished",
        "force",
        "health",
        "heard",
        "immediate_retries",
        "last_held",
        "launching",
        "line",
        "next_release",
        "now",
        "published_artifact",
        "pull",
        "release",
        "restated",
        "retry_at",
        "ripples",
        "runs",
        "runs_started",
        "sinks",
        "snapshot",
        "source_retries",
        "sources",
        "start_f",
        "tables",
        "targets",
        "trigger",
        "windows",
        "woken",
    )

    def __init__(self, state: PondState, now: Instant) -> None:
        """Start to work on ``state``."""
        self.before = state
        self.now = now
        self.effects: list[Effect] = []
        self.launching: list[int] = []
        self.asking = False
        self.finished = ""
        self.heard: Line | None = None
        self.blocked_at_start = state.blocked
        self._take(state)

    def _take(self, state: PondState) -> None:  # noqa: PLR0915 - one line a field
        self._owned: set[str] = set()
        self.line: Line = state.line
        self.release: Release | None = state.release
        self.next_release: Release | None = state.next_release
        self.immediate_retries = state.immediate_retries
        self.source_retries = state.source_retries
        self.start_f = state.start_f
        self.end_f = state.end_f
        self.changed_f = state.changed_f
        self.delay: timedelta = state.delay
        self.snapshot = state.snapshot
        self.published_artifact = state.published_artifact
        self.tables: dict[str, TableVersion] = state.tables  # type: ignore[assignment] # copied by own()
        self.pull: Instant | None = state.pull
        self.last_held = state.last_held
        self.targets: tuple[Instant, ...] = state.targets
        self.woken: Instant | None = state.woken
        self.force = state.force
        self.restated = state.restated
        self.trigger: Trigger | None = state.trigger
        self.windows: Mapping[str, Window] = state.windows
        self.compute: Mapping[str, Pin] = state.compute
        self.alarm: Instant | None = state.alarm
        self.health: Health = state.health
        self.failed_f = state.failed_f
        self.failures = state.failures
        self.retry_at: Instant | None = state.retry_at
        self.failure: Failure | None = state.failure
        self.failed_run = state.failed_run
        self.sources: dict[Line, SourceView] = state.sources  # type: ignore[assignment] # copied by own()
        self.sinks: dict[Line, Stamp] = state.sinks  # type: ignore[assignment] # copied by own()
        self.ripples: dict[str, RippleState] = state.ripples  # type: ignore[assignment] # copied by own()
        self.runs: dict[int, Run] = state.runs  # type: ignore[assignment] # copied by own()
        self.runs_started = state.runs_started

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
        for view in self.sources.values():  # noqa: SIM110 - asked many times a step; a generator costs more than the answer
            if view.down and not view.optional:
                return True
        return False

    def freeze(self) -> PondState:
        """The state as it now is."""
        return PondState(
            line=self.line,
            revision=self.before.revision,
            release=self.release,
            next_release=self.next_release,
            immediate_retries=self.immediate_retries,
            source_retries=self.source_retries,
            start_f=self.start_f,
            end_f=self.end_f,
            changed_f=self.changed_f,
            delay=self.delay,
            snapshot=self.snapshot,
            published_artifact=self.published_artifact,
            tables=self.tables,
            pull=self.pull,
            last_held=self.last_held,
            targets=self.targets,
            woken=self.woken,
            force=self.force,
            restated=self.restated,
            trigger=self.trigger,
            windows=self.windows,
            compute=self.compute,
            alarm=self.alarm,
            health=self.health,
            failed_f=self.failed_f,
            failures=self.failures,
            retry_at=self.retry_at,
            failure=self.failure,
            failed_run=self.failed_run,
            sources=self.sources,
            sinks=self.sinks,
            ripples=self.ripples,
            runs=self.runs,
            runs_started=self.runs_started,
        )


def with_waiting(run: Run, ripple: str, *, waits: bool) -> Run:
    """The run with ``ripple`` among those that wait at a gate, or not."""
    waiting = run.waiting | {ripple} if waits else run.waiting - {ripple}
    return replace(run, waiting=waiting)
