"""Runs a Pond on its author's machine: its Ripples in the order of their parents, on Puddles."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Literal

from duckstring.author.errors import RippleError
from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import SourceTables
from duckstring.engine.signals import RippleSucceeded
from duckstring.engine.visible import (
    arrivals_before,
    dropped_tables,
    visible_positions,
    visible_tables,
)
from duckstring.errors import nearest
from duckstring.model.attempts import LONGEST
from duckstring.model.catalog import RippleSpec, TableVersion
from duckstring.model.checks import CheckResult, warnings_of
from duckstring.model.durations import duration_in_words
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import parse_line, try_key
from duckstring.ports import Clock
from duckstring.puddles.arrivals import LocalBacklog
from duckstring.puddles.attempts import Attempts, LocalMemory
from duckstring.puddles.errors import PuddleError
from duckstring.puddles.inputs import Inputs, as_version, input_key
from duckstring.puddles.line import LocalLine
from duckstring.puddles.project import LocalPond
from duckstring.worker.arrivals import Given
from duckstring.worker.calling import Cut, Fault, Pauses
from duckstring.worker.checked import failed, is_check_ripple, is_checked
from duckstring.worker.ends import Done, Known

RippleStatus = Literal["success", "skipped", "failed", "not run"]


@dataclass(frozen=True, slots=True)
class Written:
    """A table that a Ripple has written. ``changed``: its rows are other ones than before."""

    table: str
    rows: int
    bytes: int
    changed: bool


@dataclass(frozen=True, slots=True)
class RippleRan:
    """How one Ripple of a run ended. ``seconds`` include its pauses. ``checks``: of the Ripple that
    makes them, how each ended.
    """

    ripple: str
    status: RippleStatus
    seconds: float = 0.0
    tables: tuple[Written, ...] = ()
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    pauses: int = 0
    fault: Fault | None = None
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended. ``failure``: why it is not published, where no Ripple is to blame.

    ``passes``: no Source has changed since the last run, so a Catchment would not have called the
    Ripples.
    """

    line: str
    version: str
    run: int
    f: Instant
    ripples: tuple[RippleRan, ...]
    failure: Failure | None = None
    passes: bool = False

    @property
    def ok(self) -> bool:
        """Whether it is published."""
        return self.failure is None and all(one.status != "failed" for one in self.ripples)


@dataclass(frozen=True, slots=True)
class Pausing:
    """A Ripple pauses: it is called again in so many ``seconds``."""

    ripple: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Starting:
    """A Ripple is called."""

    ripple: str


Event = Starting | Pausing | RippleRan
Told = Callable[[Event], None]


@dataclass(slots=True)
class Local:
    """A run's surroundings. ``told`` gets what happens, as it happens. ``backlog``: the objects
    that arrived.
    """

    pond: LocalPond
    line: LocalLine
    inputs: Inputs
    attempts: Attempts
    clock: Clock
    told: Told = lambda _: None
    backlog: LocalBacklog = field(default_factory=LocalBacklog)
    specs: Mapping[str, RippleSpec] = field(init=False)

    def __post_init__(self) -> None:
        """The Ripples by name, parents first."""
        release = self.line.state.release
        self.specs = {spec.name: spec for spec in release.ripples} if release else {}


def check_inputs(pond: LocalPond, inputs: Inputs) -> None:
    """Refuse a run that no Catchment would start: each required Source needs a table.

    Raises:
        PuddleError: the Sources that have none, one line each.
    """
    missing = [
        name for name, spec in pond.sources.items() if not spec.optional and not inputs.of(name)
    ]
    if missing:
        module = pond.pondfile.pond.puddles
        raise PuddleError(
            [
                f"Source {name!r} has no Puddle, so the Pond has nothing to read."
                for name in missing
            ],
            hint=(
                f'Add @puddle("{missing[0]}.TABLE") to {module}, or take rows of a Catchment: '
                f"duckstring pond hydrate -s {missing[0]} --from-catchment"
            ),
        )


def run_pond(local: Local, *, only: str | None = None, alone: bool = False) -> Ran:
    """Run the Pond once, or one Ripple of it. A failed run publishes nothing.

    Args:
        local: the Pond and its surroundings.
        only: the Ripple; otherwise all.
        alone: without those of its ancestors that never ran.

    Raises:
        RippleError: there is no Ripple ``only``.
    """
    wanted = _wanted(local, only, alone=alone)
    line, passes = local.line, _would_pass(local)
    run = line.begin(local.clock.now(), arrived=local.backlog.newest)
    ran: list[RippleRan] = []
    for name in wanted:
        if any(one.status == "failed" for one in ran):
            ran.append(RippleRan(name, "not run"))
        else:
            ran.append(_run_ripple(local, name))
        local.told(ran[-1])
    failed = any(one.status == "failed" for one in ran)
    whole = len(wanted) == len(local.specs)
    failure = None if failed else line.complete(local.clock.now(), whole=whole)
    if failed or failure:
        line.abandon()
    return Ran(line.state.line, run.version, run.number, run.f, tuple(ran), failure, passes)


def _wanted(local: Local, only: str | None, *, alone: bool) -> Sequence[str]:
    if only is None:
        return list(local.specs)
    if only not in local.specs:
        raise RippleError(
            f"There is no Ripple {only!r}; the Pond has {', '.join(local.specs)}.",
            hint=nearest(only, local.specs),
        )
    wanted = {only}
    for name in reversed(list(local.specs)):  # each comes after its parents
        if name in wanted and not alone:
            wanted |= {
                parent for parent in local.specs[name].parents if not local.line.has_run(parent)
            }
    return [name for name in local.specs if name in wanted]


def _would_pass(local: Local) -> bool:
    """Whether neither the Sources nor the code have changed since the last run."""
    state = local.line.state
    return (
        bool(local.pond.sources)
        and state.end_f > NEVER
        and state.published_artifact == local.pond.artifact
        and not any(spec.always_run for spec in local.specs.values())
        and not any(
            one.changed > state.end_f
            for name in local.pond.sources
            for one in local.inputs.of(name).values()
        )
    )


def _run_ripple(local: Local, name: str) -> RippleRan:
    began, line = time.monotonic(), local.line
    local.told(Starting(name))
    line.start(name, local.clock.now())
    before, memory, pauses = dict(line.state.tables), LocalMemory(), 0
    timeout = timedelta(seconds=local.specs[name].timeout_seconds or LONGEST.total_seconds())
    ends = local.clock.now() + timeout
    while True:
        left = (ends - local.clock.now()).total_seconds()
        around = _around(local, name, ends=ends, pauses=pauses)
        given = _given(local, name)
        ended: Known = local.attempts.attempt(around, memory, left, given) if left > 0 else Cut()
        if not isinstance(ended, Pauses):
            break
        pauses += 1
        local.told(Pausing(name, ended.seconds))
        local.clock.wait(timedelta(seconds=ended.seconds))
    took = time.monotonic() - began
    if isinstance(ended, Cut):
        ended = _timed_out(name, timeout, ended)
    if isinstance(ended, Fault):
        return RippleRan(name, "failed", took, pauses=pauses, fault=ended)
    if (fault := failed(ended.checks)) is not None:
        return RippleRan(name, "failed", took, fault=fault, checks=ended.checks)
    ended = replace(ended, arrivals=given.taken if given else None)
    return _succeeded(local, name, ended, before, seconds=took, pauses=pauses)


def _given(local: Local, name: str) -> Given | None:
    """The objects that arrived, for a Ripple of an Inlet."""
    if local.pond.sources:
        return None
    state, run = local.line.state, local.line.run
    after = arrivals_before(state, run, name)
    return Given(local.backlog, state.line, after=after, upto=run.arrived)


def _succeeded(
    local: Local,
    name: str,
    done: Done,
    before: Mapping[str, TableVersion],
    *,
    seconds: float,
    pauses: int,
) -> RippleRan:
    report = RippleSucceeded(
        local.line.run.number,
        name,
        1,
        tables=done.tables,
        skipped=done.skipped,
        kept=done.kept,
        dropped=done.dropped,
        warnings=warnings_of(done.checks),
        positions=done.positions,
        arrivals=done.arrivals,
    )
    local.line.finish(report, local.clock.now())
    written = tuple(
        Written(
            table,
            one.rows,
            one.bytes,
            table not in before or before[table].fingerprint != one.fingerprint,
        )
        for table, one in done.tables.items()
    )
    return RippleRan(
        name,
        "skipped" if done.skipped else "success",
        seconds,
        written,
        tuple(sorted(done.kept)),
        tuple(sorted(done.dropped)),
        pauses,
        checks=done.checks,
    )


def _timed_out(name: str, timeout: timedelta, cut: Cut) -> Fault:
    message = (
        f"Ripple {name!r} took longer than its timeout of {duration_in_words(timeout)}, pauses "
        "included. Give it more by @ripple(timeout=...), or see what it waits for."
    )
    frames = f"Traceback (most recent call last):\n{cut.traceback}" if cut.traceback else ""
    return Fault("TimeoutError", message, f"{frames}TimeoutError: {message}\n")


def _around(local: Local, name: str, *, ends: Instant, pauses: int) -> Surroundings:
    line, run = local.line, local.line.run
    state = line.state
    return Surroundings(
        name=local.pond.name,
        line=state.line,
        version=run.version,
        run=run.number,
        ripple=name,
        attempt=1,
        invocation=sha256(f"{run.started}{pauses}".encode()).hexdigest()[:8],
        run_key=try_key("local", state.line, run.number, run.started, ripple=name, tried=1),
        f=run.f,
        previous_f=line.previous_f(name),
        ends=ends,
        pauses=pauses,
        own=visible_tables(state, run),
        published=state.tables,
        dropped=dropped_tables(state, run),
        written=frozenset(run.outputs),
        sources=_sources(local, line.previous_f(name), run.f),
        checks=is_check_ripple(state, name),
        is_checked=is_checked(state, run, [run]),
        positions=visible_positions(state, run, name),
        takes_arrivals=not local.pond.sources,
    )


def _sources(local: Local, since: Instant, now: Instant) -> dict[str, SourceTables]:
    found = {}
    for name, spec in local.pond.sources.items():
        inputs = local.inputs.of(name)
        if not inputs:
            found[name] = SourceTables(None, changed=False)
            continue
        major, snapshot = parse_line(spec.line)[1], max(one.snapshot for one in inputs.values())
        tables = {
            table: as_version(
                input_key(name, major, table, one.snapshot, content=one.fingerprint), table, one
            )
            for table, one in inputs.items()
        }
        found[name] = SourceTables(
            tables,
            any(one.changed > since for one in inputs.values()),
            spec.line,
            snapshot=max(snapshot, 1),
            f=max(version.f for version in tables.values()),
            fresh=now,
        )
    return found
