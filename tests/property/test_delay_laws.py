"""The laws of the delay before a Ripple is tried again in the same run (docs/engine.md,
"Faults").
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.delays import delay_before
from duckstring.engine.state import PondState
from duckstring.model.failures import Failure
from duckstring.model.instants import Instant
from duckstring.model.values import replace
from duckstring.testing.simulator import Attempted, World, seconds
from tests.property.living import EVERYTHING, Draw, Living
from tests.property.worlds import (
    Fate,
    Graph,
    chance,
    graphs,
    looks,
    once,
    settle,
    weather,
    whole,
    world_of,
)

seeds = st.integers(0, 2**16)
LATENCY = 0.3
DELAYS = (0, 1, 2, 30, 400, 3_600)


def _delaying(graph: Graph, draw: Draw) -> Graph:
    """``graph``, each Ripple with a delay of its own, and each line with tries in a run."""

    def with_delays(release):
        specs = (
            replace(spec, retry_delay_seconds=draw(st.sampled_from(DELAYS)))
            for spec in release.ripples
        )
        tries = draw(st.integers(0, 4))
        return replace(release, ripples=tuple(specs), immediate_retries=tries)

    return Graph(tuple(with_delays(release) for release in graph.releases))


def _luck(seed: int, share: float):
    """Attempts that fail at random; some of their errors are final."""

    def outcome(attempted: Attempted) -> Failure | None:
        if not chance((seed, attempted), share):
            return None
        final = chance((seed, "final", attempted), 0.15)
        return Failure(attempted[2], attempted[3], "ValueError", "bad luck", final=final)

    return outcome


def _delays(graph: Graph, attempted: Attempted) -> timedelta:
    line, _, ripple, attempt = attempted
    (spec,) = (one for one in graph.release(line).ripples if one.name == ripple)
    return delay_before(spec, tried=attempt - 1)


@looks(60)
@given(graphs(most=5), seeds, st.data())
def test_each_further_try_begins_when_its_delay_is_over_and_spends_one_of_the_run(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    graph = _delaying(graph, data.draw)
    conditions = weather(seed, latency=LATENCY)
    outcome = _luck(seed, data.draw(st.sampled_from([0.2, 0.5, 0.9])))
    world = world_of(replace(conditions, outcome=outcome), seed)
    settle(world, graph)
    for line in data.draw(st.lists(st.sampled_from(graph.lines), min_size=1, max_size=3)):
        world.trigger(line, data.draw(st.sampled_from(["pulse", "tap"])))
    world.run_until(most=100_000)
    begun: dict[Attempted, Instant] = dict(world.attempts)
    for attempted, at in begun.items():
        line, run, ripple, attempt = attempted
        failure = outcome((line, run, ripple, attempt - 1)) if attempt > 1 else None
        if attempt > 1:
            ended = begun[line, run, ripple, attempt - 1] + conditions.duration(line, ripple)
            delay = _delays(graph, attempted)
            assert ended + delay <= at, "a try that did not wait"
            # An alarm is no sooner than a second ahead, and letters are late.
            assert at <= ended + delay + seconds(1 + 2 * LATENCY), "a try that waited for too long"
            assert failure is not None
            assert not failure.final, "a try after a final error"
    for line in graph.lines:
        budget = graph.release(line).immediate_retries
        for row in world.runs(line):
            tries = [a for a in begun if a[:2] == (line, row.run)]
            again = sum(a[3] > 1 for a in tries)
            assert again <= budget
            # Where another Ripple failed, what was given to one that waits has not begun.
            if row.status == "failed" and tries and len(graph.release(line).ripples) == 1:
                assert row.failure.final or again == budget, "a run that failed with tries left"
    assert not world.waiting()
    whole(world)
    once(world)


@looks(60)
@given(graphs(most=5, source_retries=500), seeds, st.data())
def test_whatever_happens_while_a_ripple_waits_its_line_runs_again_when_it_is_wanted(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    graph = _delaying(graph, data.draw)
    fate = Fate(seed, data.draw(st.sampled_from([0.3, 0.7])))
    world = world_of(replace(weather(seed), outcome=fate), seed)
    waited = _Waits(world)
    settle(world, graph)
    living = Living(world, data.draw, {release.line: release for release in graph.releases})
    world.watch = waited
    for _ in range(data.draw(st.integers(1, 4))):
        living.trouble(EVERYTHING, most=4)
        living.wait(data.draw(st.sampled_from([0, 3, 65, 900])))
    fate.healed = True
    living.wait(3_700)  # the longest delay
    for line in living.graph.lines:
        world.trigger(line, "remove")
        world.order(line, "clear")
    living.wait(8_000)
    assert not [ripple for state in world.states.values() for ripple in _waiting(state)], (
        "an attempt waits that nobody wakes"
    )
    whole(world)
    once(world)


def _waiting(state: PondState) -> list[str]:
    return [
        name
        for name, ripple in state.ripples.items()
        if ripple.attempt is not None and ripple.attempt.delayed
    ]


class _Waits:
    """Looks at each step: who waits has an alarm for it, and is at work nowhere."""

    def __init__(self, world: World) -> None:
        self._world, self._before = world, world.watch

    def __call__(self, before: PondState, after: PondState) -> None:
        if self._before is not None:
            self._before(before, after)
        begun = {attempted for attempted, _ in self._world.attempts}
        for name in _waiting(after):
            attempt = after.ripples[name].attempt
            assert attempt is not None
            assert not attempt.dispatched
            assert (after.line, attempt.run, name, attempt.number) not in begun
            # An alarm in the past has rung, or the sweep rings for it.
            assert after.alarm is not None
            assert after.alarm <= max(attempt.since, self._world.now + seconds(3))
