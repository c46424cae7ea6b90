"""The laws of Windows and Tides over random Catchments: docs/engine.md, "Windows", "Triggers"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.state import PondState
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Occurrence, Window, open_now
from duckstring.testing.simulator import START, World, seconds
from tests.property.living import Living, rules
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

FEW = ("nothing", "lose", "redeploy", "pulse", "tap", "wake", "force", "kill", "clear")


def _inlets(graph: Graph) -> list[Line]:
    return [release.line for release in graph.releases if not release.sources]


def _open_at(windows: tuple[Window, ...], now: Instant) -> Occurrence:
    found = open_now(windows, now)
    assert found is not None, "a run that began while no Window was open"
    return found


@looks(60)
@given(graphs(most=8), seeds, st.data())
def test_a_windowed_inlet_runs_at_most_once_per_occurrence_whatever_happens(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    fate = Fate(seed, data.draw(st.sampled_from([0.0, 0.3])))
    skew = data.draw(st.sampled_from([0.0, 1.5]))
    world = world_of(replace(weather(seed, pace=(0.2, 1, 4), skew=skew), outcome=fate), seed)
    settle(world, graph)
    windows = {line: data.draw(rules()) for line in _inlets(graph)}
    for line, some in windows.items():
        for window in some:
            world.add_window(line, window)
    living = Living(world, data.draw, {r.line: r for r in graph.releases})
    living.wait(1)
    world.trigger(graph.lines[-1], "wave")
    living.trouble(FEW, 8)
    living.wait(90)
    for line, some in windows.items():
        began = [
            row
            for of, row in world.history
            if of == line and row.status == "running" and row.run not in _forced(world, line)
        ]
        ended = {row.run: row.status for row in world.runs(line)}
        used: Counter[Occurrence] = Counter()
        for row in began:
            occurrence = _open_at(some, row.started)
            assert timedelta() <= row.f - occurrence.end < seconds(0.001), (
                "as fresh as its occurrence ends"
            )
            used[occurrence] += ended.get(row.run, "running") not in {"failed", "killed"}
        assert all(count <= 1 for count in used.values())
    once(world)


def _forced(world: World, line: Line) -> set[int]:
    """Runs at a freshness that an earlier run had published."""
    seen: dict[Instant, int] = {}
    again = set()
    for row in world.runs(line, "success", "failed", "killed"):
        if row.f in seen:
            again.add(row.run)
        if row.status == "success":
            seen[row.f] = row.run
    live = {run.number for run in world.states[line].runs.values() if run.forced}
    return again | live


@looks(30)
@given(graphs(most=10), seeds, st.data())
def test_a_wave_under_a_window_runs_its_lineage_once_an_occurrence(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed, pace=(0.2, 0.5, 1)), seed)
    settle(world, graph)
    every = 60 + 5 * len(graph.releases)
    # One of a second may close before the demand of an earlier opening has come up again:
    # docs/operate.md.
    window = Window(
        "daily", START + seconds(10), seconds(every), seconds(data.draw(st.integers(2, every)))
    )
    for line in _inlets(graph):
        world.add_window(line, window)
    world.run_until(world.now + seconds(2))
    to = data.draw(st.sampled_from(graph.lines))
    world.trigger(to, "wave")
    days = data.draw(st.integers(2, 6))
    world.run_until(window.start + days * window.every - seconds(1))
    ends = [window.start + n * window.every + window.duration for n in range(days)]
    for line in _reached(graph, to):
        assert [row.f for row in world.runs(line)] == ends
        assert world.states[line].delay == window.duration
    assert {line for line in graph.lines if world.runs(line)} == _reached(graph, to)
    whole(world)
    once(world)


def _reached(graph: Graph, line: Line) -> set[Line]:
    """All that a pull on ``line`` reaches: every Source, required or not."""
    reached = {line}
    for above in (*graph.sources(line, optional=False), *graph.sources(line, optional=True)):
        reached |= _reached(graph, above)
    return reached


@looks(30)
@given(graphs(most=8), seeds, st.data())
def test_demand_that_comes_while_no_window_is_open_waits_for_the_opening(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    opens = START + seconds(1000)
    for line in _inlets(graph):
        world.add_window(line, Window("late", opens, seconds(5000), seconds(2000)))
    world.run_until(world.now + seconds(2))
    to = data.draw(st.sampled_from(graph.lines))
    world.trigger(to, data.draw(st.sampled_from(["pulse", "tap", "wave"])))
    world.run_until(opens - seconds(0.001))
    assert not world.attempts
    world.run_until(opens + seconds(1500))
    assert world.states[to].end_f == opens + seconds(2000)
    assert min(at for _, at in world.attempts) - opens < seconds(6)
    world.trigger(to, "remove")
    once(world)


class Staleness:
    """The worst staleness of one line since it first ran, and the most targets that it or any line
    of ``reach`` held at once.

    A line that was never deployed counts too: nobody waits for it, and it must not collect what it
    will never satisfy.
    """

    def __init__(self, world: World, line: Line, reach: set[Line]) -> None:
        self.world, self.line, self.reach = world, line, reach
        self.worst, self.stacked = timedelta(), 0
        self._laws = world.watch
        world.watch = self

    def __call__(self, before: PondState, after: PondState) -> None:
        assert self._laws is not None
        self._laws(before, after)
        if after.line in self.reach or after.release is None:
            self.stacked = max(self.stacked, len(after.targets))
        if after.line == self.line and before.end_f != NEVER:
            self.worst = max(self.worst, self.world.now + before.delay - before.end_f)


@looks(40)
@given(graphs(most=8), seeds, st.floats(2, 60), st.booleans())
def test_a_tide_keeps_staleness_under_its_bound_and_the_lead_and_never_stacks_targets(
    graph: Graph, seed: int, bound: float, windowed: bool
) -> None:
    world = world_of(weather(seed, latency=0.0, doubles=0.0), seed)
    settle(world, graph)
    to = graph.lines[-1]
    begun = world.trigger(to, "pulse")
    world.run_until()
    lead = (
        max(row.finished for line in graph.asked(to) for row in world.runs(line) if row.finished)
        - begun
    )
    every = seconds(30)
    for line in _inlets(graph) if windowed else ():
        world.add_window(line, Window("short", START, every, seconds(7)))
    measure = Staleness(world, to, graph.required_above(to))
    world.trigger(to, "tide", bound=seconds(bound))
    world.run_until(world.now + seconds(400))
    granularity = seconds(1.001)
    waits = every if windowed else timedelta()
    assert measure.worst <= max(seconds(bound), lead + waits) + lead + waits + granularity
    assert measure.stacked <= 1
    assert len(world.runs(to)) > 2
    world.trigger(to, "remove")
    world.run_until(world.now + every + lead + seconds(2))
    assert at_rest(world)


@looks(25)
@given(graphs(most=8), seeds, st.floats(20, 60))
def test_a_tide_asks_no_oftener_than_its_bound(graph: Graph, seed: int, bound: float) -> None:
    world = world_of(weather(seed, pace=(0.2, 0.5)), seed)
    settle(world, graph)
    to = graph.lines[-1]
    world.trigger(to, "tide", bound=seconds(bound))
    world.run_until(world.now + seconds(600))
    assert len(world.runs(to)) <= 600 / bound + 2
    fs = [row.f for row in world.runs(to)]
    assert all(later - sooner >= seconds(bound) for sooner, later in pairwise(fs))


@looks(40)
@given(graphs(most=8), seeds, st.sampled_from(["tap", "wave"]), st.data())
def test_long_windows_and_changed_sources_keep_nobody_busy_for_nothing(
    graph: Graph, seed: int, kind: str, data: st.DataObject
) -> None:
    """A Window may put a line hours ahead of the Sources that it comes to have."""
    world = world_of(weather(seed, doubles=0.0, skew=data.draw(st.sampled_from([0.0, 1.5]))), seed)
    settle(world, graph)
    for line in data.draw(st.lists(st.sampled_from(_inlets(graph)), unique=True)):
        every = seconds(data.draw(st.sampled_from([10, 60, 1200, 86_400])))
        world.add_window(
            line, Window("long", START - seconds(data.draw(st.integers(0, 1000))), every, every)
        )
    for line in graph.lines:
        world.trigger(line, "pulse")
    living = Living(world, data.draw, {r.line: r for r in graph.releases})
    living.wait(30)
    living.trouble(("rewire", "rewire", "remove", "return", "no_window"), 6)
    living.wait(30)
    to = living.some_line()
    before = {line: len(world.runs(line)) for line in world.states}
    world.trigger(to, kind)
    world.run_until(world.now + seconds(600), most=1_000_000)
    ran = {line: len(world.runs(line)) - before[line] for line in world.states}
    filling = 3 * sum(len(release.ripples) for release in living.releases.values()) + 6
    for line in living.releases:
        taken = sum(
            ran[sink]
            for sink in living.releases
            if line in {s.line for s in living.releases[sink].sources}
        )
        assert ran[line] <= (2 * taken + filling if line != to or kind == "tap" else 10_000)
    world.trigger(to, "remove")
    world.run_until(world.now + seconds(86_400 * 2), most=1_000_000)
    held = world.states
    assert not any(s.pull for s in held.values() if s.release and _is_supplied(s, held))
    once(world)


def _is_supplied(state: PondState, states: Mapping[Line, PondState]) -> bool:
    """Each Source that it requires (or that it has, where it requires none) is there, has run, and
    is supplied itself; and there is no Window to wait for.
    """
    decide = [view for view in state.sources.values() if not view.optional] or list(
        state.sources.values()
    )
    return not state.windows and all(
        view.report.end_f > NEVER
        and not view.report.delay
        and view.line in states
        and states[view.line].release is not None
        and _is_supplied(states[view.line], states)
        for view in decide
    )
