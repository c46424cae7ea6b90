"""The laws of places, tries and kills over random Catchments: docs/engine.md, "Where a Ripple
runs", "Faults".
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.effects import CallOnKill
from duckstring.engine.ripples import MOST_LOSSES
from duckstring.engine.signals import Deployed, GateOutcome, GateReached, Removed, RippleSucceeded
from duckstring.engine.state import Attempt, PondState, RippleState
from duckstring.model.catalog import Release, RippleSpec
from duckstring.model.compute import TASK_SIZES, size_above, size_for
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import FUNCTION_MIB, Attempted, World, pond
from tests.property.living import Living
from tests.property.worlds import (
    Fate,
    Graph,
    Laws,
    at_rest,
    graphs,
    looks,
    once,
    settle,
    weather,
    whole,
)

seeds = st.integers(0, 2**16)
SIZES = [size.memory_mib for size in TASK_SIZES]
ENDS: tuple[GateOutcome, ...] = (
    "failed",
    "timeout",
    "crashed",
    "lost",
    "overran",
    "overran",
    "memory",
    "memory",
)
HINTS = (None, None, 1000, 12_000, 60_000)
TROUBLE = (
    "nothing",
    "pin",
    "pin",
    "rehint",
    "lose",
    "kill",
    "force",
    "wake",
    "redeploy",
    "remove",
    "return",
    "budget",
    "pulse",
    "pulse",
)


def hinted(spec: RippleSpec, seed: object) -> RippleSpec:
    """What its author says of it, the same for the same ``seed``."""
    luck = random.Random(f"{seed}/{spec.name}")
    memory = luck.choice(HINTS)
    on_task = (memory or 0) > FUNCTION_MIB or luck.random() < 0.2
    return replace(
        spec,
        memory_mib=memory,
        starts_on="task" if on_task else "lambda",
        on_kill=luck.random() < 0.5,
    )


def with_hints(release: Release, seed: object) -> Release:
    return replace(
        release, ripples=tuple(hinted(spec, (seed, release.line)) for spec in release.ripples)
    )


@dataclass
class Computing(Living):
    """Operators also say where Ripples run, and authors change their minds on that."""

    seed: int = 0
    pins: Counter[Line] = field(default_factory=Counter)

    def _pin(self) -> None:
        line = self.some_line()
        name = self.draw(st.sampled_from(self.releases[line].ripples)).name
        self.pins[line] += 1
        self.world.pin(
            line,
            name,
            self.draw(st.sampled_from(["lambda", "task", "auto"])),
            self.draw(st.sampled_from([0, 9000, 10**6])),
        )

    def _rehint(self) -> None:
        self._deploy(with_hints(self.releases[self.some_line()], self.draw(seeds)))


@dataclass
class Places(Laws):
    """What must be true of every attempt, besides."""

    def __call__(self, before: PondState, after: PondState) -> None:
        super().__call__(before, after)
        signal = self.world.log[-1][1]
        for name, ripple in after.ripples.items():
            held = before.ripples.get(name)
            self._learning(held, ripple, signal)
            if ripple.attempt is not None:
                self._attempt(held.attempt if held else None, ripple.attempt, signal, name)
                self._place(held, ripple, after)

    def _attempt(self, before: Attempt | None, after: Attempt, signal: object, name: str) -> None:
        assert (after.on == "task") == (after.memory_mib in SIZES)
        assert after.on == "task" or after.memory_mib == 0
        if before is None or before.run != after.run:
            assert (after.number, after.tried) == (1, 1), "a try that began in the middle"
        elif before.number == after.number:
            assert replace(before, dispatched=after.dispatched) == after, (
                "an attempt that changed under way"
            )
        else:
            own = (
                isinstance(signal, GateReached)
                and signal.outcome in ("failed", "timeout")
                and signal.ripple == name
            )
            assert (after.number, after.tried) == (before.number + 1, before.tried + own)
            if isinstance(signal, GateReached) and signal.ripple == name and self._is_free(name):
                self._is_large_enough(after, signal)

    def _is_free(self, name: str) -> bool:
        return name not in self.world.states[self.world.log[-1][0]].compute

    def _is_large_enough(self, after: Attempt, gate: GateReached) -> None:
        if gate.outcome == "overran":
            assert after.on == "task"
        if gate.outcome == "memory" and (above := size_above(gate.memory_mib)):
            assert after.memory_mib >= above.memory_mib

    def _place(self, held: RippleState | None, ripple: RippleState, after: PondState) -> None:
        """An operator's word is the last on attempts that are given after it."""
        assert ripple.attempt is not None
        pin = after.compute.get(ripple.name)
        old = held.attempt if held else None
        if pin is None or (
            old and (old.run, old.number) == (ripple.attempt.run, ripple.attempt.number)
        ):
            return
        assert ripple.attempt.on == pin.on
        if pin.on == "task" and pin.memory_mib:
            assert ripple.attempt.memory_mib == size_for(pin.memory_mib).memory_mib

    def _learning(self, before: RippleState | None, after: RippleState, signal: object) -> None:
        """A Ripple is found to need more by what its attempts say, and less by one that ended
        well, or by another version.
        """
        if before is None or isinstance(signal, Deployed | Removed):
            return
        told = getattr(signal, "ripple", None) == after.name
        if after.task_mib > before.task_mib:
            assert told
            assert isinstance(signal, RippleSucceeded) or (
                isinstance(signal, GateReached) and signal.outcome in ("overran", "memory")
            )
        if after.measured > before.measured:
            assert told
            assert isinstance(signal, RippleSucceeded)


def computed(seed: int, fate: Fate) -> World:
    """A world in which attempts end in every way that there is."""

    def ends(attempted: Attempted, mib: int) -> GateOutcome:
        how = random.Random(f"{seed}/{attempted}").choice(ENDS)
        return "lost" if how == "overran" and mib else how

    def took(attempted: Attempted) -> tuple[float, int]:
        luck = random.Random(f"{seed}/took/{attempted}")
        return luck.choice([(0.0, 0), (10.0, 200), (400.0, 200), (10.0, 9000), (1000.0, 50_000)])

    world = World(replace(weather(seed), outcome=fate, ends=ends, took=took), seed)
    world.watch = Places(world)
    return world


def given_up(world: World) -> set[Attempted]:
    return {(line, row.run, row.ripple, row.attempt) for line, row in world.rows}


def stops_what_it_gives_up(world: World) -> None:
    """Every task that was given up is stopped, and no other one."""
    tasks = {attempted for attempted, mib in world.places.items() if mib}
    assert world.stopped_tasks & world.places.keys() == given_up(world) & tasks
    assert world.stopped_tasks <= given_up(world)


@looks(60)
@given(graphs(most=5), seeds, st.integers(0, 6), st.data())
def test_whatever_becomes_of_attempts_and_whoever_says_where_they_run(
    graph: Graph, seed: int, budget: int, data: st.DataObject
) -> None:
    graph = Graph(
        tuple(
            replace(with_hints(r, seed), immediate_retries=budget, source_retries=1)
            for r in graph.releases
        )
    )
    fate = Fate(seed, 0.4)
    world = computed(seed, fate)
    living = Computing(
        world, data.draw, {release.line: release for release in graph.releases}, seed=seed
    )
    settle(world, graph)
    for line in graph.lines:
        world.trigger(line, "wave")
    living.trouble(TROUBLE, 8)
    for line in graph.lines:
        world.trigger(line, "remove")
    world.run_until()
    fate.healed = True
    for _ in graph.lines:  # what recovers may find that a Source of it is down still
        living.recover()
        world.run_until()
    for line in living.releases:
        world.trigger(line, "pulse")
    world.run_until()
    stops_what_it_gives_up(world)
    told_of_kills(world)
    once(world)
    whole(world)
    for line, state in world.states.items():
        if line in living.releases and state.health == "ok" and not state.blocked:
            assert not state.runs, "it does not come to rest"


def told_of_kills(world: World) -> None:
    """A Ripple that names an ``on_kill`` has it called once for each attempt that was killed or out
    of time, with the number of its try.
    """
    told = Counter((line, call.run, call.ripple, call.attempt) for line, call in world.kill_calls)
    assert all(count == 1 for count in told.values())
    assert told.keys() <= {*world.places, *given_up(world)}, "of an attempt that never began"
    assert all(isinstance(call, CallOnKill) and call.tried >= 1 for _, call in world.kill_calls)


@looks(40)
@given(graphs(most=4), seeds)
def test_a_kill_tells_exactly_the_ripples_that_asked_for_it(graph: Graph, seed: int) -> None:
    graph = Graph(tuple(with_hints(release, seed) for release in graph.releases))
    world = computed(seed, Fate(seed, 0.0))
    settle(world, graph)
    for line in graph.lines:
        world.trigger(line, "pulse")
    world.run_until(world.now + world.conditions.duration(graph.lines[0], "r0") / 2)
    busy = {
        (line, r.attempt.run, name, r.attempt.number)
        for line, state in world.states.items()
        for name, r in state.ripples.items()
        if r.attempt and r.attempt.dispatched
    }
    wanted = {
        (release.line, spec.name)
        for release in graph.releases
        for spec in release.ripples
        if spec.on_kill
    }
    began = len(world.log)
    for line in graph.lines:
        world.order(line, "kill")
    world.run_until()
    told = {(line, call.run, call.ripple, call.attempt) for line, call in world.kill_calls}
    late = {
        one for one in world.places if one not in busy
    }  # what began while the word was on its way
    assert {
        one for one in busy if (one[0], one[2]) in wanted and not _ended(world, one, began)
    } <= told
    assert told <= {one for one in busy | late if (one[0], one[2]) in wanted}
    stops_what_it_gives_up(world)


def _ended(world: World, attempted: Attempted, began: int) -> bool:
    """Its worker's word came before the operator's."""
    line, run, ripple, attempt = attempted
    for to, signal, _ in world.log[began:]:
        if (
            to == line
            and not isinstance(signal, RippleSucceeded | GateReached)
            and getattr(signal, "verb", "") == "kill"
        ):
            return False
        if (
            to == line
            and isinstance(signal, RippleSucceeded)
            and (signal.run, signal.ripple, signal.attempt) == (run, ripple, attempt)
        ):
            return True
    return False


endings_of_a_run = st.one_of(
    st.lists(st.sampled_from(ENDS), max_size=40),
    st.lists(st.sampled_from(["memory", "overran"]), max_size=20),
    st.integers(0, 40).map(lambda n: ["lost"] * n),
)


@looks(40)
@given(seeds, endings_of_a_run, st.integers(0, 3))
def test_a_run_ends_however_its_attempts_end(
    seed: int, endings: list[GateOutcome], budget: int
) -> None:
    """What costs no budget is bounded: the world's losses, and the sizes that there are."""
    left = list(endings)
    fate = Fate(seed, 1.0)
    world = computed(seed, fate)
    world.conditions = replace(
        world.conditions,
        outcome=lambda attempted: fate(attempted) if left else None,
        ends=lambda _attempted, _mib: left.pop(0),
        doubles=0.0,
    )
    release = with_hints(pond("p@1", immediate_retries=budget), seed)
    settle(world, Graph((release,)))
    world.trigger("p@1", "pulse")
    world.run_until()
    assert len(world.attempts) <= 1 + budget + MOST_LOSSES + 1 + len(SIZES)
    assert not world.states[release.line].runs
    assert at_rest(world) or world.states[release.line].health == "failed"
    spent = sum(how in ("failed", "timeout") for how in endings[: len(world.attempts)])
    if world.states[release.line].health == "ok":
        assert spent <= budget
