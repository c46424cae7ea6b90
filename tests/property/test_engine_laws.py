"""The engine's laws over random Catchments: docs/engine.md, "Laws"."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.effects import AnswerGate, SetAlarm
from duckstring.engine.signals import (
    Deployed,
    Ordered,
    Removed,
    SinkAttached,
    Triggered,
    WindowAdded,
    WindowRemoved,
)
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.model.catalog import Release
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import START, World, pond, seconds
from tests.property.living import EVERYTHING, Living
from tests.property.worlds import (
    Fate,
    Graph,
    at_rest,
    graphs,
    looks,
    once,
    settle,
    weather,
    whole,
    world_of,
)

seeds = st.integers(0, 2**16)

CHANGES = (
    "nothing",
    "redeploy",
    "rewire",
    "reshape",
    "remove",
    "return",
    "pulse",
    "tap",
    "wake",
    "force",
    "kill",
    "clear",
    "lose",
)


def _counts(world: World, graph: Graph) -> dict[Line, int]:
    return {line: len(world.runs(line)) for line in graph.lines}


@looks(120)
@given(graphs(), seeds, st.data())
def test_a_pulse_stamps_one_freshness_on_all_that_it_reaches_in_one_run_each(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph, lambda releases: random.Random(seed).sample(releases, len(releases)))
    for _ in range(data.draw(st.integers(1, 3))):
        to = data.draw(st.sampled_from(graph.lines))
        before = _counts(world, graph)
        epoch = world.trigger(to, "pulse")
        world.run_until()
        assert at_rest(world)
        reached = graph.asked(to)
        assert {line for line in graph.lines if world.states[line].end_f == epoch} == reached
        assert _counts(world, graph) == {line: n + (line in reached) for line, n in before.items()}
    whole(world)
    once(world)


@looks(40)
@given(graphs(), seeds, st.data())
def test_several_pulses_at_once_all_end_with_their_freshness(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    wanted: dict[Line, object] = {}
    for to in data.draw(st.lists(st.sampled_from(graph.lines), min_size=2, max_size=5)):
        wanted[to] = world.trigger(to, "pulse")
        world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 0.1, 1, 4]))))
    world.run_until()
    assert at_rest(world)
    for to, epoch in wanted.items():
        assert all(world.states[line].end_f >= epoch for line in graph.asked(to))
    whole(world)
    once(world)


@looks(40)
@given(graphs(), seeds, st.data())
def test_what_was_wanted_before_a_line_was_deployed_is_served_after_it(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    to = data.draw(st.sampled_from(graph.lines))
    kind = data.draw(st.sampled_from(["pulse", "wave", "tap"]))
    wanted = data.draw(st.integers(0, len(graph.releases)))
    for n, release in enumerate(data.draw(st.permutations(graph.releases))):
        if n == wanted:
            world.trigger(to, kind)
        world.deploy(release)
        world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 1, 4]))))
    if wanted == len(graph.releases):
        world.trigger(to, kind)
    world.run_until(world.now + seconds(30 * len(graph.releases)))
    assert world.states[to].end_f > START
    assert all(world.states[line].end_f > START for line in graph.required_above(to))
    whole(world)
    once(world)


@looks(60)
@given(graphs(most=8, chain=True, forks=False, optional=False), seeds)
def test_a_tap_runs_each_pond_of_a_chain_as_often_as_it_is_deep(graph: Graph, seed: int) -> None:
    world = world_of(weather(seed, pace=(1,), latency=0.01, dull=0.0), seed)
    settle(world, graph)
    world.trigger(graph.lines[-1], "tap")
    world.run_until()
    assert at_rest(world)
    depth = 0
    for release in reversed(graph.releases):
        depth += len(release.ripples)
        assert len(world.runs(release.line)) == depth
    once(world)


@looks(25)
@given(graphs(most=6, chain=True, ripples=1, optional=False), seeds, st.sampled_from([0.0, 0.05]))
def test_under_a_wave_no_pond_of_single_ripples_runs_more_often_than_its_sink_takes(
    graph: Graph, seed: int, latency: float
) -> None:
    world = world_of(
        weather(seed, latency=latency, doubles=0.2 if latency else 0.0, dull=0.0), seed
    )
    settle(world, graph)
    world.trigger(graph.lines[-1], "wave")
    world.run_until(world.now + seconds(250))
    depth = 0
    for sink, source in pairwise(reversed(graph.releases)):
        depth += len(sink.ripples) + len(source.ripples)
        assert len(world.runs(source.line)) <= len(world.runs(sink.line)) + depth


@looks(40)
@given(graphs(most=5, chain=True, optional=False), seeds, st.sampled_from([0.0, 0.05]))
def test_under_a_wave_a_lineage_that_is_quicker_than_its_sink_runs_as_often_as_it_takes(
    graph: Graph, seed: int, latency: float
) -> None:
    slow = pond("slow@1", graph.lines[-1])
    conditions = weather(
        seed, latency=latency, doubles=0.2 if latency else 0.0, dull=0.0, pace=(0.2, 0.5, 1)
    )
    quick, longest = (
        conditions.duration,
        sum(len(release.ripples) for release in graph.releases) + 3,
    )
    world = world_of(
        replace(
            conditions,
            duration=lambda line, name: (
                seconds(longest) if line == slow.line else quick(line, name)
            ),
        ),
        seed,
    )
    settle(world, Graph((*graph.releases, slow)))
    world.trigger(slow.line, "wave")
    world.run_until(world.now + seconds(longest * 12))
    filled = {release.line: len(world.runs(release.line)) for release in (*graph.releases, slow)}
    filling = sum(len(release.ripples) for release in graph.releases)
    assert max(filled.values()) <= filled[slow.line] + 1 + 2 * filling
    world.run_until(world.now + seconds(longest * 12))
    taken = len(world.runs(slow.line)) - filled[slow.line]
    for release in graph.releases:
        assert len(world.runs(release.line)) - filled[release.line] <= taken + 1


@looks(40)
@given(graphs(most=5, optional=False), seeds, seeds)
def test_a_wave_settles_anew_when_ripples_become_quicker_or_slower(
    graph: Graph, seed: int, later: int
) -> None:
    pace = [seed]
    before, after = (
        weather(seed, latency=0.0, doubles=0.0, dull=0.0),
        weather(later, latency=0.0, doubles=0.0, dull=0.0),
    )

    def duration(line: Line, name: str) -> object:
        return (before if pace[0] == seed else after).duration(line, name)

    conditions = replace(before, duration=duration)
    world = world_of(conditions, seed)
    settle(world, graph)
    to = graph.lines[-1]
    world.trigger(to, "wave")
    world.run_until(world.now + seconds(100))
    pace[0] = later + 2**17
    world.run_until(world.now + seconds(200))
    slowest = max(
        after.duration(line, ripple.name)
        for line in graph.required_above(to)
        for ripple in graph.release(line).ripples
    )
    ends = [row.finished for row in world.runs(to)][-11:]
    assert (ends[-1] - ends[0]) / 10 <= slowest * 1.0001


@looks(60)
@given(graphs(), seeds, st.data())
def test_a_tap_on_any_graph_runs_what_it_reaches_and_rests(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed, latency=data.draw(st.sampled_from([0.0, 0.3, 5.0]))), seed)
    settle(world, graph)
    for _ in range(2):
        to = data.draw(st.sampled_from(graph.lines))
        world.trigger(to, "tap")
        world.run_until()
        assert at_rest(world)
        assert world.runs(to)
    whole(world)
    once(world)


@looks(25)
@given(graphs(most=8, optional=False), seeds)
def test_a_wave_settles_to_the_slowest_ripple_above(graph: Graph, seed: int) -> None:
    world = world_of(weather(seed, latency=0.0, doubles=0.0, dull=0.0), seed)
    settle(world, graph)
    to = graph.lines[-1]
    world.trigger(to, "wave")
    world.run_until(world.now + seconds(250))
    slowest = max(
        world.conditions.duration(line, ripple.name)
        for line in graph.required_above(to)
        for ripple in graph.release(line).ripples
    )
    ends = [row.finished for row in world.runs(to)][-11:]
    assert (ends[-1] - ends[0]) / 10 <= slowest * 1.0001
    whole(world)
    once(world)


@looks(80)
@given(graphs(), seeds, st.data())
def test_whatever_goes_wrong_it_blocks_exactly_the_required_descendants_and_flows_again(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    draw = data.draw
    budgets = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in graph.releases]
    graph = Graph(tuple(_with_budgets(r, *b) for r, b in zip(graph.releases, budgets, strict=True)))
    fate = Fate(seed, draw(st.sampled_from([0.0, 0.1, 0.4, 0.8])))
    world = world_of(
        replace(
            weather(seed, pace=(0.5, 1, 1, 2), skew=draw(st.sampled_from([0.0, 0.0, 1.0]))),
            outcome=fate,
        ),
        seed,
    )
    settle(world, graph)
    standing = draw(st.lists(st.sampled_from(graph.lines), unique=True, min_size=1, max_size=3))
    for n, line in enumerate(standing):
        if n == 1:
            world.trigger(line, "tide", bound=seconds(20))
        else:
            world.trigger(line, "wave")
    living = Living(world, draw, {r.line: r for r in graph.releases})
    living.trouble(EVERYTHING, 10)
    fate.healed = True
    living.wait(30)
    _blocks_exactly(living)
    for _ in range(
        2
    ):  # a failure may be told, and a retry be on its way, while the first recoveries are
        living.recover()
        living.wait(30)
    graph = living.graph
    assert {
        line: world.states[line].reason for line in graph.lines if world.states[line].blocked
    } == {}
    _flows(living, [line for line in standing if line in graph.lines and _can_run(graph, line)])
    for line in graph.lines:
        for name in ("one", "two"):
            world.remove_window(line, name)
        world.trigger(line, "remove")
    _rests(world, graph)
    whole(world)
    once(world)


def _blocks_exactly(living: Living) -> None:
    """As soon as what the Sources say has arrived: a retry may come to its end at any moment."""
    world, graph = living.world, living.graph
    for _ in range(10):
        down = {line for line in graph.lines if world.states[line].health != "ok"}
        blocked = {line for line in graph.lines if world.states[line].blocked}
        due = {line for line in graph.lines if graph.required_above(line) & down}
        if blocked == due:
            return
        living.wait(0.7)
    assert blocked == due


def _can_run(graph: Graph, line: Line) -> bool:
    """Each Source that it requires is deployed and can run; if it requires none, one of the
    others (or it has no Sources).
    """
    release, here = graph.release(line), set(graph.lines)
    required = [s.line for s in release.sources if not s.optional]
    if required or not release.sources:
        return all(s in here and _can_run(graph, s) for s in required)
    return any(s.line in here and _can_run(graph, s.line) for s in release.sources)


def _flows(living: Living, standing: list[Line]) -> None:
    world = living.world
    for _ in range(2):  # the first may be of a run that began before the recovery
        before = {line: world.states[line].end_f for line in standing}
        for _ in range(40):
            living.wait(5 + len(living.releases))
            still = [
                line
                for line in standing
                if world.states[line].trigger and world.states[line].end_f <= before[line]
            ]
            if not still:
                break
        assert not still


def _rests(world: World, graph: Graph) -> None:
    """A last Pulse of everything brings everything to rest, but for what waits for a Source that
    is not there.
    """
    world.run_until()
    ready = [line for line in graph.lines if _can_run(graph, line)]
    epochs = {line: world.trigger(line, "pulse") for line in ready}
    world.run_until()
    assert not world.waiting()
    assert {line for line, epoch in epochs.items() if world.states[line].end_f < epoch} == set()
    busy = [
        s
        for s in map(world.states.__getitem__, ready)
        if s.runs or s.pull or s.woken or s.force or s.targets
    ]
    assert {
        s.line: f"runs {list(s.runs)}, pull {s.pull}, woken {s.woken}, targets {s.targets}"
        for s in busy
    } == {}


def _with_budgets(release: Release, immediate: int, source: int) -> Release:
    return replace(release, immediate_retries=immediate, source_retries=source)


@looks(60)
@given(graphs(most=8), seeds, st.data())
def test_what_a_line_publishes_was_made_of_what_its_sources_publish(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    """By contents, whatever passes over runs, and though Sources were removed and came again."""
    fate = Fate(seed, data.draw(st.sampled_from([0.0, 0.2])))
    world = world_of(
        replace(
            weather(seed, pace=(0.5, 1, 2), dull=data.draw(st.sampled_from([0.0, 0.5]))),
            outcome=fate,
        ),
        seed,
    )
    settle(world, graph)
    for line in data.draw(st.lists(st.sampled_from(graph.lines), unique=True, max_size=3)):
        world.trigger(line, "pulse")
    living = Living(world, data.draw, {r.line: r for r in graph.releases})
    living.trouble(CHANGES, 10)
    fate.healed = True
    living.wait(60)
    for _ in range(2):
        living.recover()
        world.run_until()
    graph = living.graph
    for line in (line for line in graph.lines if _can_run(graph, line)):
        for _ in range(
            2
            # the first may have started on a pull, too, and so have all its Sources prepare the
            # next
        ):
            world.trigger(line, "pulse")
            world.run_until()
        state = world.states[line]
        read = world.pinned[line, state.snapshot]
        for source in graph.sources(line, optional=False) + sorted(
            set(graph.sources(line, optional=True)) - _moved(graph, line)
        ):
            assert _contents(world, source, read[source]) == _contents(
                world, source, world.states[source].snapshot
            )
    whole(world)


def _moved(graph: Graph, line: Line) -> set[Line]:
    """What a Pulse on ``line`` runs above it: an optional Source among these may be later than
    ``line`` itself.
    """
    return graph.asked(line) - {line}


def _contents(world: World, line: Line, snapshot: int) -> dict[str, str]:
    return (
        {name: table.fingerprint for name, table in world.snapshots[line, snapshot].tables.items()}
        if snapshot
        else {}
    )


@looks(30)
@given(graphs(), seeds, st.sampled_from(["wave", "tap", "pulse"]))
def test_a_log_of_letters_replayed_gives_the_same_states(
    graph: Graph, seed: int, kind: str
) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    world.trigger(graph.lines[-1], kind)
    world.run_until(world.now + seconds(30))
    assert _replayed(world) == _replayed(world) == world.states


@looks(40)
@given(graphs(), seeds, st.data())
def test_whatever_is_told_again_at_once_changes_nothing_and_starts_nothing(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    fate = Fate(seed, 0.2)
    world = World(replace(weather(seed, pace=(0.5, 1, 2)), outcome=fate), seed)

    def again(_before: PondState, after: PondState) -> None:
        _, signal, now = world.log[-1]
        if isinstance(
            signal,
            Triggered | SinkAttached | Ordered | WindowAdded | WindowRemoved | Deployed | Removed,
        ):
            # what people say is said once (a second Tap is a second Tap); what a Sink asks to be
            # told is told again
            return
        repeated = step(after, signal, now)
        assert repeated.state == after
        assert all(isinstance(effect, AnswerGate | SetAlarm) for effect in repeated.effects), (
            "an echo may be sent home, an alarm set anew"
        )

    world.watch = again
    settle(world, graph)
    world.trigger(graph.lines[-1], "wave")
    living = Living(world, data.draw, {r.line: r for r in graph.releases})
    living.trouble(EVERYTHING, 6)
    living.wait(20)


def _replayed(world: World) -> dict[Line, PondState]:
    states: dict[Line, PondState] = {}
    for to, signal, now in world.log:
        before = states.get(to) or PondState(to)
        states[to] = replace(step(before, signal, now).state, revision=before.revision + 1)
    return states
