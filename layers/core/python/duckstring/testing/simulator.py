"""A simulated Catchment: virtual clock, late and repeated letters, executions with durations and
failures.

It keeps the promises that AWS keeps, and no more. Letters of one sender to one line arrive in
order, but letters of different senders may not. A letter may arrive twice. An execution is started
once, no matter how often that is requested.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import assert_never

from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    AttachTo,
    CallOnKill,
    ClaimTokens,
    DetachFrom,
    DropSchedule,
    Effect,
    KeepArrival,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    RippleBranch,
    SendPull,
    SendTarget,
    SetAlarm,
    SetSchedule,
    StartRun,
    StopRun,
    StopTask,
    TellSink,
    TellSinks,
)
from duckstring.engine.letters import grant_letters, hold_signal, letters_of
from duckstring.engine.limits import LimitRemoved, LimitSet, LimitSignal, LimitState
from duckstring.engine.limits import step as limit_step
from duckstring.engine.signals import (
    AlarmRang,
    BudgetSet,
    ClaimsAsked,
    ComputePinned,
    Deployed,
    ExecutionEnded,
    GateOutcome,
    GateReached,
    ObjectArrived,
    Ordered,
    PrioritySet,
    Removed,
    Republished,
    Restored,
    RippleSucceeded,
    Signal,
    StaleBoundSet,
    TableRemoved,
    Triggered,
    Verb,
    WindowAdded,
    WindowOpened,
    WindowRemoved,
)
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.engine.tables import again
from duckstring.engine.tokens import misheard
from duckstring.engine.visible import found_runs
from duckstring.model.arrivals import ArrivalKind, ArrivedObject
from duckstring.model.catalog import (
    PondKind,
    Position,
    Release,
    RippleSpec,
    SourceSpec,
    TableVersion,
)
from duckstring.model.checks import CHECKS, CheckWarning
from duckstring.model.compute import PinnedPlace
from duckstring.model.failures import Failure
from duckstring.model.instants import Instant
from duckstring.model.names import Address, Line, limit_address, limit_of, table_key
from duckstring.model.said import NO_HOLD, Hold
from duckstring.model.staleness import StaleBound
from duckstring.model.values import replace
from duckstring.model.windows import Window, next_opening

START: Instant = datetime(2030, 1, 1, tzinfo=UTC)
_MOMENT = timedelta(microseconds=1)
_EARLIEST = timedelta(seconds=5)

FUNCTION_SECONDS, FUNCTION_MIB = 900.0, 3072
"""What the function of a simulated Catchment has."""

_FROM_PEOPLE = (
    Triggered,
    Deployed,
    Ordered,
    Removed,
    BudgetSet,
    PrioritySet,
    ComputePinned,
    WindowAdded,
    WindowRemoved,
    StaleBoundSet,
    TableRemoved,
    Republished,
    LimitSet,
    LimitRemoved,
    ObjectArrived,
)
"""Sent once: the api keeps them in order, and their line receives each only once."""

Attempted = tuple[Line, int, str, int]
"""(line, run, Ripple, attempt)"""


@dataclass(frozen=True, slots=True)
class Work:
    """What an attempt has done: the tables that it wrote (none: nothing has changed), and how far
    it has taken Sources' and objects that arrived.
    """

    tables: Mapping[str, TableVersion]
    positions: Mapping[str, Position] = field(default_factory=dict)
    arrivals: int | None = None


def seconds(n: float) -> timedelta:
    """A duration."""
    return timedelta(seconds=n)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What happens to letters and Ripples.

    ``latency`` of letters, attempts' ``duration`` and how an attempt ends (``outcome``: None is
    success; ``ends``: the word for it, given the memory of the task that it ran as, 0: in the
    function), the seconds and MiB that it ``took``, the fingerprint of what it writes (``prints``),
    which tables it ``writes`` (one of its own name), ``keeps`` (of those published that no Ripple
    of its line is named after: all) and ``drops``, which of its checks it ``warns`` of, and whether
    its author says that nothing changed (``skips``); ``works``: what an attempt does with the state
    that it has found, where that is more than to write some tables; ``skew`` is the error of the
    clock of a delivery; ``doubles`` is the share of letters delivered twice; ``ghosts`` the share
    of the workers of stopped executions that still say what they have done. ``ticks``: how late
    (below zero: how early, 5 s at most) the Catchment's clock says that a Window opens, once for
    each entry; without it no rule is ever rung for. ``loses``: whether a letter is given up that
    nobody has received.
    """

    latency: Callable[[random.Random], timedelta] = lambda _: timedelta()
    duration: Callable[[Line, str], timedelta] = lambda _line, _ripple: seconds(1)
    outcome: Callable[[Attempted], Failure | None] = lambda _: None
    ends: Callable[[Attempted, int], GateOutcome] = lambda _, _mib: "failed"
    took: Callable[[Attempted], tuple[float, int]] = lambda _: (0.0, 0)
    skew: Callable[[random.Random], timedelta] = lambda _: timedelta()
    skips: Callable[[Attempted], bool] = lambda _: False
    prints: Callable[[Attempted, Instant], str] = lambda attempted, _f: (
        f"{attempted[0]}/{attempted[1]}"
    )
    writes: Callable[[Attempted], Collection[str]] = lambda attempted: (attempted[2],)
    keeps: Callable[[Attempted, frozenset[str]], Collection[str]] = lambda _, orphans: orphans
    drops: Callable[[Attempted], Collection[str]] = lambda _: ()
    warns: Callable[[Attempted], Collection[str]] = lambda _: ()
    works: Callable[[Attempted, PondState], Work | None] = lambda _, _found: None
    doubles: float = 0.0
    ghosts: float = 1.0
    ticks: Callable[[random.Random], Sequence[timedelta]] | None = None
    loses: Callable[[random.Random, Signal | LimitSignal], bool] = lambda _random, _signal: False


@dataclass(slots=True)
class World:
    """A Catchment and its surroundings. ``run_until`` lets time pass."""

    conditions: Conditions = field(default_factory=Conditions)
    seed: int = 0
    now: Instant = START
    states: dict[Line, PondState] = field(default_factory=dict)
    limits: dict[str, LimitState] = field(default_factory=dict)
    history: list[tuple[Line, RecordRun]] = field(default_factory=list)
    attempts: list[tuple[Attempted, Instant]] = field(default_factory=list)
    places: dict[Attempted, int] = field(default_factory=dict)
    rows: list[tuple[Line, RecordAttempt]] = field(default_factory=list)
    stopped_tasks: set[Attempted] = field(default_factory=set)
    kill_calls: list[tuple[Line, CallOnKill]] = field(default_factory=list)
    snapshots: dict[tuple[Line, int], PublishSnapshot] = field(default_factory=dict)
    arrivals: dict[tuple[Line, int], ArrivedObject] = field(default_factory=dict)
    schedules: list[tuple[Line, SetSchedule | DropSchedule]] = field(default_factory=list)
    events: list[tuple[Line, Announce]] = field(default_factory=list)
    pinned: dict[tuple[Line, int], dict[Line, int]] = field(default_factory=dict)
    shapes: dict[tuple[Line, int], frozenset[str]] = field(default_factory=dict)
    steps: int = 0
    log: list[tuple[Line, Signal, Instant]] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    watch: Callable[[PondState, PondState], None] | None = None
    watch_limit: Callable[[LimitState, LimitState], None] | None = None
    _random: random.Random = field(init=False)
    _queue: list[tuple[Instant, int, Callable[[], None]]] = field(default_factory=list)
    held: Hold = NO_HOLD
    _count: int = 0
    _ticking: int = 0
    _rules: dict[tuple[Line, str], Window] = field(default_factory=dict)
    _last: dict[tuple[str, Address], Instant] = field(default_factory=dict)
    _executions: set[tuple[Line, int, int]] = field(default_factory=set)
    _stopped: set[tuple[Line, int, int]] = field(default_factory=set)
    _gates: dict[tuple[Line, int, int, str], bool] = field(default_factory=dict)
    _seen: dict[Attempted, PondState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Seed the simulation's own randomness."""
        self._random = random.Random(self.seed)  # noqa: S311 - a simulation, to be repeated

    # what users do

    def deploy(self, *releases: Release) -> None:
        """Deploy Ponds."""
        for release in releases:
            if self.held.on:
                self.post("api", release.line, hold_signal(self.held))
            self.post("api", release.line, Deployed(replace(release, deployed=self.now)))

    def hold(self, *, on: bool = True, by: str = "", note: str = "") -> None:
        """Hold new runs in all lines, and in those that are deployed meanwhile; or no longer."""
        self.now += _MOMENT
        self.held = Hold(self.now, on, by, note)
        for line in sorted(self.states):
            self.post("api", line, hold_signal(self.held))

    def trigger(self, line: str, kind: str, **bound: timedelta) -> Instant:
        """Tap, Wave, Pulse, Tide or remove; returns the epoch."""
        self.now += _MOMENT
        epoch = self.now + self.conditions.skew(self._random)
        self.post("api", Line(line), Triggered(kind, epoch, **bound))  # type: ignore[arg-type] # tests write any kind
        return epoch

    def arrive(self, line: str, key: str, kind: ArrivalKind = "pulse") -> None:
        """An object arrives in the bucket of the line's rule; its event may come twice."""
        self.now += _MOMENT
        epoch = self.now + self.conditions.skew(self._random)
        found = ArrivedObject("landing", key)
        for _ in range(1 + (self._random.random() < self.conditions.doubles)):
            self.post(f"event/{key}", Line(line), ObjectArrived(found, kind, epoch))

    def order(self, line: str, verb: Verb) -> Instant:
        """Wake, force, sleep, kill or clear; returns the epoch."""
        self.now += _MOMENT
        epoch = self.now + self.conditions.skew(self._random)
        self.post("api", Line(line), Ordered(verb, epoch))
        return epoch

    def remove(self, line: str) -> None:
        """Take a line out of the Catchment."""
        self.now += _MOMENT
        self.post("api", Line(line), Removed(self.now))

    def remove_table(self, line: str, table: str) -> None:
        """Have a table published no longer."""
        self.post("api", Line(line), TableRemoved(table))

    def publish_again(self, line: str, snapshot: int) -> None:
        """Have an earlier snapshot published again."""
        over = self.states[Line(line)].snapshot
        if (wanted := again(self.snapshots[Line(line), snapshot], over=over)) is not None:
            self.post("api", Line(line), wanted)

    def set_budgets(
        self, line: str, *, immediate: int | None = None, source: int | None = None
    ) -> None:
        """Set the live retry budgets."""
        self.post("api", Line(line), BudgetSet(immediate, source))

    def set_priority(self, line: str, priority: int) -> None:
        """Say how early a line gets tokens."""
        self.post("api", Line(line), PrioritySet(priority))

    def set_limit(self, name: str, tokens: int | None) -> None:
        """Set how many tokens a limit has; None: remove it."""
        self.now += _MOMENT
        at = self.now
        signal = LimitRemoved(at) if tokens is None else LimitSet(tokens, at)
        self.post("api", limit_address(name), signal)

    def pin(self, line: str, ripple: str, on: PinnedPlace, memory_mib: int = 0) -> None:
        """Say where a Ripple runs."""
        self.post("api", Line(line), ComputePinned(ripple, on, memory_mib))

    def add_window(self, line: str, window: Window) -> None:
        """Add a rule."""
        self.post("api", Line(line), WindowAdded(window))

    def remove_window(self, line: str, name: str) -> None:
        """Remove a rule."""
        self.post("api", Line(line), WindowRemoved(name))

    def declare_stale(self, line: str, bound: StaleBound | None) -> None:
        """Say how old a line's data may be."""
        self.post("api", Line(line), StaleBoundSet(bound))

    def lose_executions(self) -> None:
        """Every execution dies unseen, and the sweep notices."""
        for line, state in self.states.items():
            for run in state.runs.values():
                self._stopped.add((line, run.number, run.launch))
                self.post(
                    "sweep",
                    line,
                    ExecutionEnded(run.number, run.launch, "FAILED", "States.ServiceRestart"),
                )

    def sweep_limits(self) -> bool:
        """Have each line say its claims again that a limit has not heard. False: there is none."""
        doubted = [
            (line, name)
            for line, state in self.states.items()
            for name in misheard(state, self.limits)
        ]
        for line, name in doubted:
            self.post("sweep", line, ClaimsAsked(name))
        return bool(doubted)

    def restore(self) -> None:
        """The Catchment comes back from a copy of its table as of now, elsewhere. All that was
        under way is gone, and the sweep says so.
        """
        self._queue.clear()
        self._last.clear()
        self._gates.clear()
        self._rules.clear()
        self._executions.clear()
        self._ticking = 0
        self.now += _MOMENT
        for name in self.limits:
            self.post("sweep", limit_address(name), Restored(self.now))
        for line, state in self.states.items():
            self.post("sweep", line, Restored(self.now))
            for run in state.runs.values():
                self.post("sweep", line, ExecutionEnded(run.number, run.launch, "LOST", "restored"))

    # time

    def run_until(self, end: Instant | None = None, *, most: int = 200_000) -> None:
        """Let time pass until ``end``, or until nothing more happens (the ticks of Windows, which
        never end, aside).

        Raises:
            RuntimeError: still busy after ``most`` happenings.
        """
        for _ in range(most):
            if not self._queue or (self._queue[0][0] > end if end is not None else self.is_idle()):
                self.now = max(self.now, end) if end else self.now
                return
            at, _number, happen = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            happen()
        raise RuntimeError(f"Still busy after {most} happenings.")

    def _later(self, at: Instant, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at, self._count, happen))

    def _tick(self, line: Line, window: Window, after: Instant) -> None:
        """The Catchment's clock: early, late, doubled or silent at each opening, until the rule
        is dropped or put anew.
        """
        opening = next_opening([window], after)
        if self.conditions.ticks is None or opening is None:
            return

        def open_it() -> None:
            self._ticking -= 1
            if self._rules.get((line, window.name)) is window:
                for delay in self.conditions.ticks(self._random) if self.conditions.ticks else ():
                    self._later(
                        opening.start + delay,
                        lambda: self.post("clock", line, WindowOpened(window.name)),
                    )
                self._tick(line, window, opening.start)

        self._ticking += 1
        self._later(opening.start - _EARLIEST, open_it)

    # the mailbox

    def post(self, sender: str, to: Address, signal: Signal | LimitSignal) -> None:
        """A letter: in order among those of its sender, late, perhaps twice."""
        self.sent[type(signal).__name__] += 1
        at = max(
            self.now + self.conditions.latency(self._random), self._last.get((sender, to), self.now)
        )
        self._last[sender, to] = at
        if self.conditions.loses(self._random, signal):
            return
        self._later(at, lambda: self._deliver(to, signal))
        if self._random.random() < self.conditions.doubles and not isinstance(signal, _FROM_PEOPLE):
            again = at + self.conditions.latency(self._random) + seconds(self._random.random() * 5)
            self._later(again, lambda: self._deliver(to, signal))

    def _deliver(self, address: Address, signal: Signal | LimitSignal) -> None:
        if name := limit_of(address):
            self._deliver_to_limit(name, signal)  # type: ignore[arg-type] # as its address says
        else:
            self._deliver_to_line(Line(address), signal)  # type: ignore[arg-type]

    def _deliver_to_limit(self, name: str, signal: LimitSignal) -> None:
        before = self.limits.get(name) or LimitState(name)
        state, grants = limit_step(before, signal, self.now + self.conditions.skew(self._random))
        self.limits[name] = replace(state, revision=before.revision + 1)
        if self.watch_limit:
            self.watch_limit(before, self.limits[name])
        for letter in grant_letters(self.limits[name], grants):
            self.post(limit_address(name), letter.to, letter.signal)

    def _deliver_to_line(self, to: Line, signal: Signal) -> None:
        if isinstance(signal, ObjectArrived) and signal.found in [
            found for (line, _), found in self.arrivals.items() if line == to
        ]:
            return  # the orchestrator drops what the line has kept already
        before = self.states.get(to) or PondState(to)
        now = self.now + self.conditions.skew(self._random)
        stepped = step(before, signal, now)
        self.log.append((to, signal, now))
        self.steps += 1
        state = replace(stepped.state, revision=before.revision + 1)
        if self.watch:
            self.watch(before, state)
        self.states[to] = state
        for index, effect in enumerate(stepped.effects):
            self._perform(state, effect, (state.revision, index))

    def _perform(self, state: PondState, effect: Effect, stamp: tuple[int, int]) -> None:  # noqa: C901, PLR0912, PLR0915 - one arm an effect
        line = state.line
        match effect:
            case (
                SendPull()
                | SendTarget()
                | AttachTo()
                | DetachFrom()
                | TellSink()
                | TellSinks()
                | ClaimTokens()
            ):
                for letter in letters_of(state, effect, stamp):
                    self.post(line, letter.to, letter.signal)
            case StartRun():
                self._start(state, effect)
            case StopRun(run, launch):
                self._stopped.add((line, run, launch))
            case AnswerGate(run, launch, ripple, verdict, attempt, _, mib):
                if (
                    self._gates.pop((line, run, launch, ripple), False)
                    and (line, run, launch) not in self._stopped
                ):
                    self._branch(line, run, launch, RippleBranch(ripple, verdict, attempt, mib))
            case StopTask(run, ripple, attempt):
                self.stopped_tasks.add((line, run, ripple, attempt))
            case CallOnKill():
                self.kill_calls.append((line, effect))
            case SetAlarm(at):
                self._later(at, lambda: self.post("clock", line, AlarmRang()))
            case PublishSnapshot(run):
                self.snapshots[line, run] = effect
            case KeepArrival(number, found, _):
                self.arrivals[line, number] = found
            case RecordRun():
                self.history.append((line, effect))
            case SetSchedule(window):
                self.schedules.append((line, effect))
                self._rules[line, window.name] = replace(window)
                self._tick(line, self._rules[line, window.name], self.now)
            case DropSchedule(name):
                self.schedules.append((line, effect))
                self._rules.pop((line, name), None)
            case Announce():
                self.events.append((line, effect))
            case RecordAttempt():
                self.rows.append((line, effect))
            case _:
                assert_never(effect)

    # executions

    def _start(self, state: PondState, start: StartRun) -> None:
        if (state.line, start.run, start.launch) in self._executions:
            return
        self._executions.add((state.line, start.run, start.launch))
        self.pinned[state.line, start.run] = (
            dict(state.runs[start.run].pins) if start.run in state.runs else {}
        )
        self.shapes[state.line, start.run] = frozenset(branch.ripple for branch in start.branches)
        for branch in start.branches:
            self._branch(state.line, start.run, start.launch, branch)

    def _branch(self, line: Line, run: int, launch: int, branch: RippleBranch) -> None:
        match branch.verdict:
            case "wait":
                self._await(line, GateReached(run, launch, branch.ripple))
            case "lambda" | "task":
                attempted = (line, run, branch.ripple, branch.attempt)
                self.attempts.append((attempted, self.now))
                self.places[attempted] = branch.memory_mib
                self._seen[attempted] = self.states[line]
                at = self.now + self.conditions.duration(line, branch.ripple)
                self._later(at, lambda: self._end(attempted, launch))
            case "done" | "cancelled":
                pass
            case _:
                assert_never(branch.verdict)

    def _await(self, line: Line, gate: GateReached) -> None:
        if (line, gate.run, gate.launch) not in self._stopped:
            self._gates[line, gate.run, gate.launch, gate.ripple] = True
            self.post(f"{line}/{gate.run}/{gate.ripple}", line, gate)

    def _end(self, attempted: Attempted, launch: int) -> None:
        line, run, ripple, attempt = attempted
        seen = self._seen.pop(attempted, self.states[line])
        if (line, run, launch) in self._stopped and self._random.random() >= self.conditions.ghosts:
            return
        if attempted in self.stopped_tasks:
            return
        failure = self.conditions.outcome(attempted)
        if failure is not None:
            mib = self.places[attempted]
            how = self.conditions.ends(attempted, mib)
            self._await(
                line, GateReached(run, launch, ripple, attempt, how, failure, mib or FUNCTION_MIB)
            )
            return
        self.post(f"{line}/{run}/{ripple}", line, self._report(attempted, seen))

    def _report(self, attempted: Attempted, seen: PondState) -> RippleSucceeded:
        """What a worker says of an attempt that has ended well. ``seen``: the state that it has
        found.
        """
        line, run, ripple, attempt = attempted
        state = self.states[line]
        kept = frozenset(
            self.conditions.keeps(attempted, frozenset(state.tables) - state.ripples.keys())
        )
        found = found_runs(seen, seen.runs[run]) if run in seen.runs else ()
        dropped = frozenset(self.conditions.drops(attempted))
        report = RippleSucceeded(run, ripple, attempt, kept=kept, found=found)
        if (work := self.conditions.works(attempted, seen)) is not None:
            return replace(
                report,
                tables=work.tables,
                positions=work.positions,
                arrivals=work.arrivals,
                skipped=not work.tables,
                dropped=dropped,
            )
        if self.conditions.skips(attempted):
            return replace(report, skipped=True)
        f = state.runs[run].f if run in state.runs else self.now
        tables = {
            name: self._table(attempted, name, f) for name in self.conditions.writes(attempted)
        }
        took, peak = self.conditions.took(attempted)
        return replace(
            report,
            tables=tables,
            seconds=took,
            peak_mib=peak,
            function_seconds=FUNCTION_SECONDS,
            function_mib=FUNCTION_MIB,
            dropped=dropped,
            warnings=tuple(CheckWarning(name, 1) for name in self.conditions.warns(attempted)),
        )

    def _table(self, attempted: Attempted, name: str, f: Instant) -> TableVersion:
        line, run, ripple, attempt = attempted
        key = table_key(line, name, run=run, ripple=ripple, attempt=attempt, invocation="0a1b2c3d")
        return TableVersion(name, key, 1, 1, self.conditions.prints(attempted, f))

    # what a test asks

    def runs(self, line: str, *statuses: str) -> list[RecordRun]:
        """The ended runs of a line, in order (all but ``running``, or those with one of
        ``statuses``).
        """
        wanted = statuses or ("success", "pass", "failed", "killed")
        return [row for of, row in self.history if of == line and row.status in wanted]

    def waiting(self) -> list[tuple[Line, int, int, str]]:
        """The branches of living executions that wait for a verdict."""
        return sorted(gate for gate in self._gates if gate[:3] not in self._stopped)

    def is_idle(self) -> bool:
        """Nothing more happens by itself, but for the openings of Windows."""
        return self._ticking == len(self._queue)

    def at_rest(self) -> bool:
        """Nothing runs, nothing is wanted, and no branch of an execution waits."""
        return not self.waiting() and all(
            not s.runs and s.pull is None and s.kept is None and not s.targets and s.woken is None
            for s in self.states.values()
        )


def pond(  # noqa: PLR0913 - what a Pond may be
    name: str,
    *sources: str,
    ripples: Iterable[tuple[str, tuple[str, ...]]] = (("run", ()),),
    version: str = "1.0.0",
    immediate_retries: int = 0,
    source_retries: int = 0,
    always_run: bool = False,
    checks: tuple[str, ...] = (),
    uses: Mapping[str, tuple[str, ...]] | None = None,
) -> Release:
    """A release for simulations: sources as ``a@1`` or ``a@1?``, Ripples as (name, parents), and
    the limits that some of them use.
    """
    kind: PondKind = "pond" if sources else "inlet"
    limits = uses or {}
    specs = [
        RippleSpec(name, parents, always_run, uses=tuple(sorted(limits.get(name, ()))))
        for name, parents in ripples
    ]
    if checks:
        above = {parent for spec in specs for parent in spec.parents}
        leaves = tuple(spec.name for spec in specs if spec.name not in above)
        specs.append(RippleSpec(CHECKS, leaves, checks=checks))
    return Release(
        line=Line(name),
        version=version,
        kind=kind,
        sources=tuple(
            SourceSpec(Line(s.removesuffix("?")), "1.0.0", s.endswith("?")) for s in sources
        ),
        ripples=tuple(specs),
        module="src/pond.py",
        artifact=f"artifacts/{name}/{version}",
        sha256=version,
        immediate_retries=immediate_retries,
        source_retries=source_retries,
        deployed=START,
    )


def chain_of(*names: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Ripples one after the other."""
    return tuple((name, names[i - 1 : i] if i else ()) for i, name in enumerate(names))
