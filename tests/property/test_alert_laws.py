"""The laws of pages: whatever comes twice, late, in another order, or dies half way."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.state import PondState
from duckstring.errors import TransientError
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound, Watch
from duckstring.model.values import replace
from duckstring.orchestrator.alert import STATES, tell
from duckstring.testing.simulator import START, World, pond, seconds
from tests.property.worlds import looks
from tests.unit.alert_kit import Desk

ONE = Line("one@1")
HAPPENS = st.tuples(
    st.sampled_from(["ok", "failed", "killed", "stale", "fresh", "look", "late"]),
    st.sampled_from(STATES),
    st.sampled_from(["", "", "", "before", "after"]),
    st.sampled_from([0, 1, 400]),
)


def _set(world: World, word: str) -> None:
    state = world.states[ONE]
    if word in {"ok", "failed", "killed"}:
        world.states[ONE] = replace(state, health=word)
    else:
        since = world.now if word == "stale" else Watch(StaleBound(), START).stale
        world.states[ONE] = replace(state, watch=Watch(StaleBound(seconds(1)), START, stale=since))


@looks(300)
@given(st.lists(HAPPENS, max_size=25))
def test_a_trouble_is_told_once_until_it_is_over_and_the_last_page_says_what_is_so(
    happens: list[tuple[str, str, str, int]],
) -> None:
    world = World(now=START)
    world.states[ONE] = replace(PondState(ONE), release=pond(ONE))
    desk = Desk(world)
    for number, (word, state, dies, wait) in enumerate(happens):
        world.now += seconds(wait)
        if word not in {"look", "late"}:
            _set(world, word)
        # A late delivery has the id of an earlier event.
        event = desk.event(ONE, state, number if word != "late" else number // 2)
        desk.dies_before, desk.dies_after = int(dies == "before"), int(dies == "after")
        with suppress(TransientError):
            tell(event, desk.ports)
    desk.dies_before = desk.dies_after = 0
    for number, state in ((1000, "failed"), (1001, "stale")):  # in the end, deliveries live
        world.now += seconds(400)
        tell(desk.event(ONE, state, number), desk.ports)
    for trouble in ("failed", "stale"):
        told = [page for page in desk.pages if page["of"] == trouble]
        once = [page for n, page in enumerate(told) if n == 0 or page["key"] != told[n - 1]["key"]]
        words = ["recovered" if page["alert"] == "recovered" else "trouble" for page in once]
        # A page that died may be out or not, and what comes after it is told in any case.
        if not any(dies for _, _, dies, _ in happens):
            assert words == [("trouble", "recovered")[n % 2] for n in range(len(words))]
        held = desk.told[ONE].incidents.get(trouble) if ONE in desk.told else None
        assert held is None or (held.sent and not held.over)
        last = words[-1] if words else "recovered"
        assert (last == "trouble") == (held is not None)
    failed = world.states[ONE].health != "ok"
    assert (ONE in desk.told and "failed" in desk.told[ONE].incidents) == failed


EVENTS = {"ok": "recovered"}
"""What is announced, where it is not called as here."""
CHANGES = st.sampled_from(["ok", "failed", "killed", "stale", "fresh"])


@looks(300)
@given(st.lists(st.tuples(CHANGES, st.none() | CHANGES), max_size=12))
def test_a_change_while_a_look_is_at_work_is_told_though_its_own_event_found_nothing_to_tell(
    happens: list[tuple[str, str | None]],
) -> None:
    world = World(now=START)
    world.states[ONE] = replace(PondState(ONE), release=pond(ONE))
    desk, numbers = Desk(world), count()

    def change(word: str) -> None:
        world.now += seconds(1)
        before = world.states[ONE]
        _set(world, word)
        if world.states[ONE] != before:
            tell(desk.event(ONE, EVENTS.get(word, word), next(numbers)), desk.ports)

    for word, meanwhile in happens:
        desk.meanwhile = partial(change, meanwhile) if meanwhile else None
        change(word)
        desk.meanwhile = None
    state = world.states[ONE]
    is_stale = state.watch is not None and state.watch.is_stale
    told = desk.told[ONE].incidents if ONE in desk.told else {}
    assert ("failed" in told) == (state.health != "ok")
    assert "stale" not in told or is_stale
    if state.health == "ok" and all(word not in {"failed", "killed"} for word, _ in happens):
        assert ("stale" in told) == is_stale
