"""A Catchment that was restored from a copy forgets nothing that was wanted, and publishes nothing
twice.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.signals import Triggered
from duckstring.testing.simulator import seconds
from tests.property.worlds import (
    Graph,
    at_rest,
    graphs,
    looks,
    settle,
    weather,
    whole,
    world_of,
)

seeds = st.integers(0, 2**16)
waits = st.sampled_from([0.0, 0.05, 0.3, 1, 2, 4])


def _received(world, epoch) -> bool:
    return any(isinstance(one, Triggered) and one.epoch == epoch for _, one, _ in world.log)


@looks(80)
@given(graphs(), seeds, st.data())
def test_what_a_line_was_asked_for_before_the_copy_is_done_after_it(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    wanted = {}
    for _ in range(data.draw(st.integers(1, 3))):
        to = data.draw(st.sampled_from(graph.lines))
        if data.draw(st.booleans()):
            world.trigger(data.draw(st.sampled_from(graph.lines)), "tap")
        epoch = world.trigger(to, "pulse")
        world.run_until(world.now + seconds(data.draw(waits)))
        wanted[to] = epoch
        for one in list(wanted):
            if not _received(world, wanted[one]):
                del wanted[one]  # it is after the copy
        world.restore()
        world.run_until(world.now + seconds(data.draw(waits)))
    world.run_until()
    assert at_rest(world)
    for to, epoch in wanted.items():
        assert world.states[to].end_f >= epoch
    whole(world)


@looks(30)
@given(graphs(most=6, optional=False), seeds, st.data())
def test_a_wave_goes_on_after_a_restore(graph: Graph, seed: int, data: st.DataObject) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    world.trigger(graph.lines[-1], "wave")
    world.run_until(world.now + seconds(60))
    for _ in range(3):
        world.run_until(world.now + seconds(data.draw(waits)))
        world.restore()
    before = world.now
    world.run_until(before + seconds(60 * len(graph.releases)))
    assert world.states[graph.lines[-1]].end_f > before
    whole(world)


@looks(40)
@given(graphs(), seeds, st.data())
def test_no_run_is_published_twice_over_a_restore(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    for _ in range(3):
        world.trigger(data.draw(st.sampled_from(graph.lines)), "pulse")
        world.run_until(world.now + seconds(data.draw(waits)))
        world.restore()
    world.run_until()
    ended = [(line, row.run) for line, row in world.history if row.status == "success"]
    assert len(ended) == len(set(ended))
