"""What triggers would make run: the engine itself, on simulated time, without AWS.

Each letter takes ``LETTER`` to arrive, as it does in AWS within about 0.1 s. Nothing else of AWS
takes time here: what a run costs around its Ripples has to be part of their durations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from statistics import median

from duckstring.engine.effects import RecordRun
from duckstring.engine.state import PondState
from duckstring.model import graph
from duckstring.model.catalog import Release
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.triggers import TriggerKind
from duckstring.model.windows import Window, next_opening, open_now
from duckstring.testing.simulator import Attempted, Conditions, World
from duckstring_cli.errors import BadInputError

LETTER = timedelta(milliseconds=50)
ENOUGH = 20
"""Runs of each Pond, where no length is given."""
LONGEST = timedelta(days=30)
"""How far the simulation looks, where no length is given."""
MOST_LETTERS = 100_000
"""Some seconds of computing."""

NO_TRIGGER = "Nothing asks for anything: no trigger is given."
TRIGGER_HINT = "For example: duckstring simulate --wave reports"

_FIRST_LOOK = timedelta(seconds=30)
_WINDOW_LATE = timedelta(seconds=1)
_ENDED = frozenset({"success", "pass", "failed", "killed"})


@dataclass(frozen=True, slots=True)
class Trigger:
    """Something that is asked for at the beginning. ``bound``: a Tide's."""

    line: Line
    kind: TriggerKind
    bound: timedelta | None = None

    @property
    def stands(self) -> bool:
        """Whether it asks again and again."""
        return self.kind in {"wave", "tide"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate.

    ``takes``: how long one attempt of a Ripple takes; ``otherwise`` where it is not named.
    ``fails``: how many attempts of a Ripple fail first; None: all.
    """

    releases: Mapping[Line, Release]
    triggers: Sequence[Trigger]
    windows: Mapping[Line, Sequence[Window]] = field(default_factory=dict)
    takes: Mapping[tuple[Line, str], timedelta] = field(default_factory=dict)
    otherwise: timedelta = timedelta(seconds=1)
    fails: Mapping[tuple[Line, str], int | None] = field(default_factory=dict)
    start: Instant = NEVER
    length: timedelta | None = None

    @property
    def stands(self) -> bool:
        """Whether a trigger asks again and again."""
        return any(trigger.stands for trigger in self.triggers)


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """One run. ``began`` and ``ended`` are counted from the start; None: it has not ended."""

    line: Line
    number: int
    f: Instant
    status: str
    began: timedelta
    ended: timedelta | None


@dataclass(frozen=True, slots=True)
class PondForecast:
    """What one Pond did.

    ``every``: from one run's start to the next, the median of the later half. ``takes``: the
    median of its runs. ``oldest``: under a standing trigger, the greatest age of what it published,
    in the later half of the time; None: it published nothing. ``why``: a sentence where it did
    not run, or cannot run on.
    """

    line: Line
    runs: int
    failed: int
    every: timedelta | None
    takes: timedelta | None
    oldest: timedelta | None
    why: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What happened within ``length``. ``cut``: the simulation was ended before, as it had become
    too long.
    """

    start: Instant
    length: timedelta
    cut: bool
    runs: Sequence[SimulatedRun]
    ponds: Sequence[PondForecast]


def forecast(plan: Plan) -> Forecast:
    """Simulate the plan.

    Raises:
        BadInputError: no trigger is given, or the graph is not one that could be deployed.
    """
    _check(plan)
    world = World(_conditions(plan), now=plan.start)
    world.deploy(
        *(plan.releases[line] for line in graph.in_order(plan.releases) if line in plan.releases)
    )
    for line, rules in plan.windows.items():
        for rule in rules:
            world.add_window(line, rule)
    world.run_until(plan.start + LETTER)
    for trigger in plan.triggers:
        bound = {} if trigger.bound is None else {"bound": trigger.bound}
        world.trigger(trigger.line, trigger.kind, **bound)
    cut = not _let_pass(world, plan)
    runs = _runs(world, plan.start)
    length = world.now - plan.start
    return Forecast(
        plan.start,
        length,
        cut,
        runs,
        [_pond(line, plan, world, runs) for line in graph.in_order(plan.releases)],
    )


def _check(plan: Plan) -> None:
    if faults := graph.faults(plan.releases, plan.releases.keys()):
        raise BadInputError("\n".join(faults))
    if not plan.triggers:
        raise BadInputError(NO_TRIGGER, hint=TRIGGER_HINT)


def _conditions(plan: Plan) -> Conditions:
    failed: dict[tuple[Line, str], int] = {}

    def outcome(attempted: Attempted) -> Failure | None:
        line, _run, ripple, attempt = attempted
        most = plan.fails.get((line, ripple), 0)
        made = failed[line, ripple] = failed.get((line, ripple), 0) + 1
        if most is not None and made > most:
            return None
        return Failure(ripple, attempt, "SimulatedFailure", "as --fails says")

    return Conditions(
        latency=lambda _random: LETTER,
        duration=lambda line, ripple: plan.takes.get((line, ripple), plan.otherwise),
        outcome=outcome,
        ticks=lambda _random: [_WINDOW_LATE],
    )


def _let_pass(world: World, plan: Plan) -> bool:
    """Let time pass: ``length``, or until there is enough to see. False: it was too much."""
    end = plan.start + (LONGEST if plan.length is None else plan.length)
    look = _FIRST_LOOK
    while world.now < end:
        try:
            world.run_until(min(world.now + look, end), most=MOST_LETTERS)
        except RuntimeError:
            return False
        if world.steps > MOST_LETTERS:
            return False
        if plan.length is None and _is_enough(world, plan):
            return True
        look *= 2
    return True


def _is_enough(world: World, plan: Plan) -> bool:
    if not plan.stands:
        waits_for_windows = any(state.windows for state in world.states.values())
        return world.at_rest() or (world.is_idle() and not waits_for_windows)
    ended = dict.fromkeys(plan.releases, 0)
    for line, row in world.history:
        ended[line] += row.status in _ENDED
    return min(ended[trigger.line] for trigger in plan.triggers if trigger.stands) >= ENOUGH


def _runs(world: World, start: Instant) -> list[SimulatedRun]:
    latest: dict[tuple[Line, int], RecordRun] = {}
    for line, row in world.history:
        latest[line, row.run] = row
    found = [
        SimulatedRun(
            line,
            row.run,
            row.f,
            row.status,
            row.started - start,
            None if row.finished is None else row.finished - start,
        )
        for (line, _number), row in latest.items()
    ]
    return sorted(found, key=lambda run: (run.began, run.line, run.number))


def _pond(line: Line, plan: Plan, world: World, runs: Sequence[SimulatedRun]) -> PondForecast:
    own = [run for run in runs if run.line == line]
    began = [run.began for run in own]
    gaps = [later - earlier for earlier, later in pairwise(began)]
    lengths = [run.ended - run.began for run in own if run.ended is not None]
    return PondForecast(
        line,
        len(own),
        sum(run.status == "failed" for run in own),
        _middle(gaps[len(gaps) // 2 :]),
        _middle(lengths),
        _oldest(own, plan.start, world.now) if plan.stands else None,
        _why(line, plan, world),
    )


def _middle(lengths: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(one.total_seconds() for one in lengths)) if lengths else None


def _oldest(runs: Sequence[SimulatedRun], start: Instant, now: Instant) -> timedelta | None:
    """An age is greatest just before something newer is published, and at the end."""
    published = [
        (start + run.ended, run.f)
        for run in sorted(runs, key=lambda run: run.ended or timedelta.max)
        if run.ended is not None and run.status in {"success", "pass"}
    ]
    if not published:
        return None
    half = start + (now - start) / 2
    until = [at for at, _ in published[1:]] + [now]
    ages = [at - f for (_, f), at in zip(published, until, strict=True) if at > half]
    return max(*ages, timedelta())


def _why(line: Line, plan: Plan, world: World) -> str:
    if line not in plan.releases:
        return "not deployed, nor in this folder"
    state = world.states.get(line) or PondState(line)
    if absent := graph.absent(line, plan.releases):
        return f"waits for {', '.join(sorted({source for _, source in absent}))}, which is not here"
    if state.failure is not None:
        return f"failed: {state.failure.ripple} has no retry left"
    if state.reason:
        return state.reason
    if (rules := state.windows) and _is_wanted(state) and not open_now(rules.values(), world.now):
        opening = next_opening(rules.values(), world.now)
        return (
            f"waits for its Window, {opening.start:%Y-%m-%d %H:%M} UTC"
            if opening
            else "its Windows are over"
        )
    return "" if state.runs or any(of == line for of, _ in world.history) else "nothing asks for it"


def _is_wanted(state: PondState) -> bool:
    return state.pull is not None or bool(state.targets)
