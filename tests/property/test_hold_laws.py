"""The laws of maintenance over random Catchments: docs/engine.md, "Maintenance"."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duckstring.model.instants import NEVER
from duckstring.model.values import replace
from duckstring.testing.simulator import World
from tests.property.living import EVERYTHING, Living
from tests.property.worlds import Graph, at_rest, graphs, looks, settle, weather, world_of

seeds = st.integers(0, 2**16)
ACTS = tuple(kind for kind in EVERYTHING if kind != "hold")
HEARD = 30
"""Seconds in which every letter has arrived, and every run has ended."""


def _world(graph: Graph, seed: int) -> World:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    return world


def _begun(world: World) -> dict[str, int]:
    return {line: state.runs_started for line, state in world.states.items()}


@looks(150)
@given(graphs(most=5, optional=True), seeds, st.data())
def test_no_run_begins_while_runs_are_held_whatever_is_done(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    living = Living(_world(graph, seed), data.draw, {one.line: one for one in graph.releases})
    living.trouble(ACTS, 3)
    living.world.hold()
    living.wait(HEARD)
    before = _begun(living.world)
    living.trouble(ACTS, 4)
    living.wait(HEARD)
    # A line that begins anew counts on: a removal of a table is no run, and there is none here.
    assert {line: n for line, n in _begun(living.world).items() if n != before.get(line, 0)} == {}
    assert not any(state.runs for state in living.world.states.values()), "what runs is finished"


@looks(150)
@given(graphs(most=5, optional=False), seeds, st.data())
def test_all_demand_that_comes_while_runs_are_held_is_satisfied_after_that(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = _world(graph, seed)
    for line in graph.lines:
        world.trigger(line, "pulse")
    world.run_until()
    world.hold()
    world.run_until()
    asked = {
        line: world.trigger(line, "pulse")
        for line in data.draw(st.lists(st.sampled_from(graph.lines), min_size=1, max_size=3))
    }
    woken = data.draw(st.lists(st.sampled_from(graph.lines), max_size=2))
    inlets = [one for one in woken if not graph.required_above(one)]
    before = _begun(world)
    for line in inlets:
        world.order(line, "wake")
    world.run_until()
    world.hold(on=False)
    world.run_until()
    assert at_rest(world)
    for line, epoch in asked.items():
        assert world.states[line].end_f >= epoch
    for line in {*asked, *inlets}:
        assert world.states[line].runs_started > before[line]
        assert world.states[line].end_f > NEVER


@looks(100)
@given(graphs(most=5, optional=True), seeds, st.data())
def test_a_catchment_that_was_held_at_rest_is_as_one_that_was_not(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    """Whoever holds and releases while nothing happens leaves no trace but the word itself."""
    world = _world(graph, seed)
    world.trigger(data.draw(st.sampled_from(graph.lines)), "pulse")
    world.run_until()
    before = {line: _plain(state) for line, state in world.states.items()}
    world.hold()
    world.run_until()
    world.hold(on=False)
    world.run_until()
    assert {line: _plain(state) for line, state in world.states.items()} == before


def _plain(state):
    return replace(state, revision=0, hold=type(state.hold)(), alarm=None)
