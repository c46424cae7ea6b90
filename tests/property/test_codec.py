"""The codec: what is written reads back as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.adapters.aws import codec
from duckstring.engine.effects import Effect
from duckstring.engine.signals import Signal
from duckstring.engine.state import PondState
from duckstring.model.catalog import Release
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import World
from tests.property.living import EVERYTHING, Living
from tests.property.values import register
from tests.property.worlds import Fate, Graph, graphs, looks, settle, weather, world_of

register()


@looks(60)
@given(st.data(), st.sampled_from(get_args(Signal)))
def test_every_signal_reads_back(data: st.DataObject, kind: type) -> None:
    signal = data.draw(st.from_type(kind))
    to, read, whole = codec.read_letter(codec.letter(Line("sales@1"), signal))
    assert (to, read) == ("sales@1", signal)
    assert whole["to"] == "sales@1"


@looks(60)
@given(st.data(), st.sampled_from(get_args(Effect)))
def test_every_effect_reads_back(data: st.DataObject, kind: type) -> None:
    outbox = (data.draw(st.from_type(kind)),)
    assert codec.outbox_from_text(codec.outbox_to_text(outbox), Line("sales@1")) == outbox


@looks(40)
@given(st.from_type(PondState))
def test_any_state_reads_back(state: PondState) -> None:
    assert codec.state_from_text(codec.state_to_text(state)) == state


@looks(20)
@given(st.from_type(Release))
def test_any_release_reads_back(release: Release) -> None:
    assert codec.release_from_text(codec.release_to_text(release)) == release


@looks(15)
@given(graphs(most=6), st.integers(0, 2**16))
def test_every_state_and_letter_of_a_living_world_reads_back(graph: Graph, seed: int) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    world.trigger(graph.lines[-1], "wave")
    world.run_until(world.now + timedelta(seconds=8))
    for state in world.states.values():
        assert codec.state_from_text(codec.state_to_text(state)) == state
    for to, signal, _ in world.log:
        assert codec.read_letter(codec.letter(to, signal))[:2] == (to, signal)


@looks(25)
@given(graphs(most=8), st.integers(0, 2**16), st.data())
def test_every_state_of_a_catchment_that_people_work_on_reads_back(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = World(replace(weather(seed), outcome=Fate(seed, 0.2)), seed)

    def read_back(_before: PondState, after: PondState) -> None:
        assert codec.state_from_text(codec.state_to_text(after)) == after

    world.watch = read_back
    settle(world, graph)
    for line in data.draw(st.lists(st.sampled_from(graph.lines), max_size=3)):
        world.order(line, "wake")
    world.trigger(graph.lines[-1], "wave")
    Living(world, data.draw, {release.line: release for release in graph.releases}).trouble(
        EVERYTHING, 8
    )


def test_text_that_nothing_can_store_is_kept_as_escapes() -> None:
    state = PondState(Line("sales@1"), failure=Failure("load", 1, "Odd\ud83d", "a\ud83db"))
    failure = codec.state_from_text(codec.state_to_text(state)).failure
    assert failure == Failure("load", 1, "Odd\\ud83d", "a\\ud83db")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"to": "sales@1"}',
        '{"to": "sales@1", "kind": "rumour"}',
        '{"kind": "alarm_rang"}',
    ],
)
def test_what_is_no_letter_is_refused(body: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        codec.read_letter(body)
