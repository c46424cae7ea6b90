"""The laws of objects that arrive (docs/engine.md, "Arrivals"): whatever happens, what is published
has each of them once, and none is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import PondState
from duckstring.engine.visible import arrivals_before, visible_tables
from duckstring.model.arrivals import ARRIVALS, number_at
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import Attempted, Work, World
from tests.property.living import Living
from tests.property.worlds import (
    Fate,
    Graph,
    chance,
    graphs,
    looks,
    once,
    settle,
    weather,
    world_of,
)

seeds = st.integers(0, 2**16)
TROUBLE = (
    "nothing", "lose", "redeploy", "pulse", "tap", "wake", "force", "kill", "clear", "budget",
    "window", "no_window", "slip", "sleep", "come", "come", "come", "come", "back",
)  # fmt: skip


@dataclass
class Takers:
    """Ripples that add what they are given to their own table. A table's fingerprint says which
    objects are in it.
    """

    seed: int
    most: int
    world: World | None = None
    contents: dict[str, tuple[int, ...]] = field(default_factory=lambda: {"": ()})

    def asks(self, attempted: Attempted) -> bool:
        """A third never does; others do not ask in each of their runs."""
        line, run, ripple, attempt = attempted
        never = chance((self.seed, "never", line, ripple), 0.3)
        return not never and chance((self.seed, run, ripple, attempt), 0.8)

    def __call__(self, attempted: Attempted, found: PondState) -> Work | None:
        assert self.world is not None
        _, number, ripple, _ = attempted
        run = found.runs.get(number)
        if run is None or found.sources:
            return None
        there = visible_tables(found, run).get(ripple)
        held = self.contents[there.fingerprint] if there else ()
        if not self.asks(attempted):
            return Work({ripple: self._table(attempted, held)})
        after = arrivals_before(found, run, ripple)
        upto = min(run.arrived, after + self.most)
        table = self._table(attempted, (*held, *range(after + 1, upto + 1)))
        return Work({ripple: table}, arrivals=upto)

    def _table(self, attempted: Attempted, held: tuple[int, ...]):
        assert self.world is not None
        fingerprint = f"f{abs(hash(held))}"
        self.contents[fingerprint] = held
        made = self.world._table(attempted, attempted[2], self.world.now)
        return replace(made, fingerprint=fingerprint)


class Arrivals(Living):
    """People, and objects that arrive."""

    came = 0

    def _come(self) -> None:
        inlets = [line for line in self.releases if not self.releases[line].sources]
        for _ in range(self.draw(st.integers(1, 4))):
            self.came += 1
            kind = self.draw(st.sampled_from(["pulse", "tap"]))
            self.world.arrive(self.draw(st.sampled_from(inlets)), f"{self.came}", kind)
            if self.draw(st.booleans()):
                self.wait(self.draw(st.sampled_from([0, 0.3, 1, 2])))

    def _back(self) -> None:
        """An earlier snapshot is published again."""
        line = self.some_line()
        numbers = sorted(n for of, n in self.world.snapshots if of == line)
        if numbers and line in self.world.states:
            self.world.publish_again(line, self.draw(st.sampled_from(numbers)))

    def _sleep(self) -> None:
        self.world.order(self.some_line(), "sleep")


def _whole(takers: Takers, snapshot: PublishSnapshot) -> None:
    """A Ripple's table has the objects up to its position, each once."""
    for ripple, positions in (snapshot.positions or {}).items():
        if ARRIVALS in positions and ripple in snapshot.tables:
            held = takers.contents[snapshot.tables[ripple].fingerprint]
            taken = number_at(positions[ARRIVALS])
            first = held[0] if held else taken + 1
            assert held == tuple(range(first, taken + 1)), f"{ripple} of {snapshot.run}"


@looks(120)
@given(graphs(most=3, source_retries=3, immediate_retries=1), seeds, st.data())
def test_what_is_published_has_each_object_once_and_none_is_lost(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    fate = Fate(seed, data.draw(st.sampled_from([0, 0.2, 0.5])))
    takers = Takers(seed, data.draw(st.sampled_from([1, 2, 1_000])))
    skew = data.draw(st.sampled_from([0, 0, 1.0]))
    world = world_of(replace(weather(seed, skew=skew), outcome=fate, works=takers), seed)
    takers.world = world
    settle(world, graph)
    living = Arrivals(world, data.draw, {release.line: release for release in graph.releases})
    for _ in range(data.draw(st.integers(1, 6))):
        living.trouble(TROUBLE, most=6)
    fate.healed = True
    living.wait(200)
    for line in living.releases:
        for name in list(world.states[line].windows):
            world.remove_window(line, name)
        world.order(line, "clear")
        world.trigger(line, "remove")
    living.wait(200)
    for snapshot in world.snapshots.values():
        _whole(takers, snapshot)
    for line in living.releases:
        _drained(world, takers, line)
    once(world)


def _drained(world: World, takers: Takers, line: Line) -> None:
    """Once somebody asks, what waits is taken. A Ripple that does not ask in a run leaves it, so
    it is asked some times.
    """
    state = world.states[line]
    if state.sources:
        assert state.arrived == 0
        return
    assert state.arrived == len([1 for of, _ in world.arrivals if of == line])
    for _ in range(12):
        world.trigger(line, "pulse")
        world.run_until(most=100_000)
    state = world.states[line]
    for ripple in state.ripples:
        if chance((takers.seed, "never", line, ripple), 0.3):
            continue
        held = takers.contents[state.tables[ripple].fingerprint] if ripple in state.tables else ()
        others = max(
            (number_at(one[ARRIVALS]) for one in state.positions.values() if ARRIVALS in one),
            default=0,
        )
        assert number_at(state.positions[ripple][ARRIVALS]) == state.arrived == others
        assert held == tuple(range(state.arrived - len(held) + 1, state.arrived + 1))


@looks(60)
@given(graphs(most=2), seeds, st.data())
def test_without_trouble_each_object_is_taken_soon_by_itself(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    takers = Takers(seed, data.draw(st.sampled_from([1, 3, 1_000])))
    takers.asks = lambda _: True  # type: ignore[method-assign]
    world = world_of(replace(weather(seed), works=takers), seed)
    takers.world = world
    settle(world, graph)
    living = Arrivals(world, data.draw, {release.line: release for release in graph.releases})
    for _ in range(data.draw(st.integers(1, 5))):
        living._come()
        living.wait(data.draw(st.sampled_from([0, 1, 5])))
    world.run_until(most=100_000)
    for line in living.releases:
        state = world.states[line]
        for ripple in state.ripples if state.arrived else ():
            held = takers.contents[state.tables[ripple].fingerprint]
            assert held == tuple(range(1, state.arrived + 1)), f"{line}.{ripple}"
    assert world.at_rest()
