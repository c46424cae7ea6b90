"""The laws of retries, and of demand that finds its line down, over random Catchments:
docs/engine.md, "Faults".
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.state import PondState
from duckstring.model.failures import Failure
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import START, Attempted, World, pond, seconds
from tests.property.living import Draw, Living, rules
from tests.property.worlds import (
    Fate,
    Graph,
    at_rest,
    chance,
    graphs,
    looks,
    once,
    same_pond,
    settle,
    weather,
    whole,
    world_of,
)

seeds = st.integers(0, 2**16)
KINDS = ("wave", "tide", "pulse", "tap")
MEANWHILE = (
    "pulse", "tap", "wave", "tide", "untrigger", "sleep", "sleep", "wake", "force", "slip", "slip",
    "redeploy", "rewire", "reshape", "remove", "return", "lose",
)  # fmt: skip


def _troubled(graph: Graph, draw: Draw, *, pace: tuple[float, ...]) -> tuple[Graph, World, Line]:
    """``graph`` with an Outlet below all its branches, each line with tries of its own, and
    failing in its first runs.
    """
    inner = {source.line for release in graph.releases for source in release.sources}
    ends: list[Line] = []
    for line in reversed(graph.lines):
        if line not in inner and not any(same_pond(line, other) for other in ends):
            ends.append(line)
    optional = draw(st.sampled_from(["", "", "", "?"]))
    releases = (*graph.releases, pond("out@1", *(f"{line}{optional}" for line in ends)))
    tries = {r.line: (draw(st.sampled_from([0, 0, 1])), draw(st.integers(0, 3))) for r in releases}
    graph = Graph(
        tuple(
            replace(r, immediate_retries=tries[r.line][0], source_retries=tries[r.line][1])
            for r in releases
        )
    )
    last = {line: draw(st.sampled_from([0, 0, 1, 2, 3, 5, 999])) for line in graph.lines}
    share, seed = draw(st.sampled_from([0.5, 1.0])), draw(seeds)

    def outcome(attempted: Attempted) -> Failure | None:
        line, run, ripple, attempt = attempted
        return (
            Failure(ripple, attempt, "ValueError", "bad luck")
            if run <= last[line] and chance((seed, attempted), share)
            else None
        )

    world = world_of(replace(weather(seed, pace=pace), outcome=outcome), seed)
    settle(world, graph)
    to = Line("out@1") if draw(st.integers(0, 3)) else draw(st.sampled_from(graph.lines))
    return graph, world, to


def _has_tries(state: PondState) -> bool:
    return state.health == "failed" and state.failures <= state.source_retries


def _reached(graph: Graph, world: World, to: Line, kind: str) -> set[Line]:
    """Where demand comes to, from ``to`` upwards: not beyond what is down for good.

    A line that can never go on asks those Sources only that are down and may be tried again.
    """
    state = world.states[to]
    reached = {to}
    if state.health != "ok" and not _has_tries(state):
        return reached
    required, optional = graph.sources(to, optional=False), graph.sources(to, optional=True)
    pulled = kind in {"wave", "tap"} and not state.blocked
    for source in {*required, *(optional if pulled or not required else [])}:
        view = state.sources[source]
        if _is_stuck(graph, world, to) and not view.helps:
            continue
        reached |= _reached(graph, world, source, "pulse" if _has_tries(state) else kind)
    return reached


def _is_stuck(graph: Graph, world: World, line: Line) -> bool:
    """A line that it requires, itself or by way of others, is down for good; or all those of
    which it needs one.
    """

    def is_down_for_good(source: Line) -> bool:
        state = world.states[source]
        return (state.health != "ok" and not _has_tries(state)) or _is_stuck(graph, world, source)

    required, optional = graph.sources(line, optional=False), graph.sources(line, optional=True)
    return any(map(is_down_for_good, required)) or (
        not required and bool(optional) and all(map(is_down_for_good, optional))
    )


def _failed_just_now(world: World, line: Line, depth: int) -> bool:
    """Not longer ago than the back-off, and a run of each line above it, take: a line that
    recovers may fail again at any time.
    """
    last = world.runs(line, "failed")[-1].finished
    return last is not None and world.now - last <= seconds(
        60 * 2 ** world.states[line].failures + 150 * depth
    )


@looks(50)
@given(graphs(most=6), st.data())
def test_whoever_is_wanted_below_spends_its_tries_or_recovers_in_bounded_time(
    graph: Graph, data: st.DataObject
) -> None:
    graph, world, to = _troubled(graph, data.draw, pace=(5, 15, 30))
    for line in graph.lines:
        if not graph.release(line).sources and data.draw(st.integers(0, 4)) == 0:
            for window in data.draw(rules(every=(60, 120), lasting=True)):
                world.add_window(line, replace(window, on=frozenset()))
    if data.draw(
        st.booleans()
    ):  # something fails while it sleeps, and has forgotten what it was wanted for
        world.trigger(to, data.draw(st.sampled_from(["pulse", "tap"])))
        world.run_until(world.now + seconds(data.draw(st.sampled_from([1, 20, 100, 300]))))
        for line in data.draw(st.lists(st.sampled_from(graph.lines), unique=True, max_size=3)):
            world.order(line, "sleep")
        world.run_until(world.now + seconds(100))
    kind = data.draw(st.sampled_from(KINDS))
    world.trigger(
        to,
        kind,
        **({"bound": seconds(data.draw(st.sampled_from([40, 600])))} if kind == "tide" else {}),
    )
    depth = len(graph.asked(to)) + 1
    world.run_until(world.now + seconds(900 + 700 * depth), most=2_000_000)
    for line in _reached(graph, world, to, kind):
        state = world.states[line]
        is_idle = not any(run.failure is None for run in state.runs.values())
        waits = (
            _has_tries(state)
            and is_idle
            and not _is_stuck(graph, world, line)
            and not _failed_just_now(world, line, depth)
        )
        assert not waits, (
            f"{line} failed {state.failures} times, may be tried {state.source_retries} times "
            "again, and nobody does"
        )
        assert len(world.runs(line, "failed")) <= 60
    if world.states[to].blocked and not any(_has_tries(state) for state in world.states.values()):
        world.run_until(most=20_000)  # it comes to rest: what is down for good asks nobody
    whole(world)
    once(world)


@looks(60)
@given(graphs(most=5, source_retries=500), seeds, st.data())
def test_whatever_happened_meanwhile_what_has_tries_left_recovers_by_itself_when_it_is_wanted(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    fate = Fate(seed, data.draw(st.sampled_from([0.3, 0.6, 0.9])))
    world = world_of(
        replace(weather(seed, latency=data.draw(st.sampled_from([0, 0.05, 1]))), outcome=fate), seed
    )
    settle(world, graph)
    living = Living(world, data.draw, {release.line: release for release in graph.releases})
    for _ in range(data.draw(st.integers(1, 4))):
        living.trouble(MEANWHILE, most=4)
        living.wait(data.draw(st.sampled_from([0, 65, 200])))
    living.wait(10)
    fate.healed = True
    for line in living.graph.lines:
        world.trigger(line, "remove")
    living.wait(10)
    read = {
        source.line
        for release in living.graph.releases
        for source in release.sources
        if source.line in living.releases
    }
    ends = [line for line in living.graph.lines if line not in read and _is_complete(living, line)]
    kind = data.draw(st.sampled_from(KINDS))
    bound = {"bound": seconds(600)} if kind == "tide" else {}
    epochs = {line: world.trigger(line, kind, **bound) for line in ends}
    for _ in range(40):  # the longest back-off, as often as lines lie above each other
        if all(
            _is_answered(world, line, None if kind == "tap" else epoch)
            for line, epoch in epochs.items()
        ):
            break
        living.wait(200)
    for line, epoch in epochs.items():
        for above in (line, *living.graph.required_above(line)):
            state = world.states[above]
            assert state.health == "ok", (
                f"{above} failed {state.failures} times, is wanted, and nobody tries again"
            )
        assert _is_answered(world, line, None if kind == "tap" else epoch)
    whole(world)


def _is_complete(living: Living, line: Line) -> bool:
    """Nothing that it requires is missing, nor all of what it needs one of."""
    for above in living.graph.asked(line):
        sources = living.releases[above].sources
        required = [source for source in sources if not source.optional]
        if any(source.line not in living.releases for source in required or sources):
            return False
    return True


def _is_answered(world: World, line: Line, epoch: Instant | None) -> bool:
    """A Tap on what is fresh already need not be older than it."""
    state = world.states[line]
    return not state.blocked and state.end_f >= (epoch or START)


@looks(50)
@given(graphs(most=8), st.data())
def test_a_pulse_runs_a_line_once_and_once_more_for_each_try_of_what_failed_for_it(
    graph: Graph, data: st.DataObject
) -> None:
    graph, world, to = _troubled(graph, data.draw, pace=(1, 2, 5))
    world.trigger(to, "pulse")
    world.run_until(most=100_000)
    failed = sum(len(world.runs(line, "failed")) for line in graph.lines)
    for line in graph.lines:
        assert len(world.runs(line)) <= (1 + failed if line in graph.asked(to) else 0)
    for line in graph.asked(to):
        state = world.states[line]
        assert state.health == "ok" or not _has_tries(state) or _is_stuck(graph, world, line)
        assert state.health == "ok" or state.failures <= state.source_retries + 1
    whole(world)
    once(world)


@looks(50)
@given(graphs(), seeds, st.data())
def test_what_is_asked_of_lines_that_are_down_is_kept_and_runs_each_once_after_their_recovery(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    to = data.draw(st.sampled_from(graph.lines))
    above = sorted(graph.required_above(to))
    down = data.draw(st.lists(st.sampled_from(above), unique=True, min_size=1))
    for line in down:
        world.order(line, "kill")
    world.run_until()
    for _ in range(data.draw(st.integers(1, 4))):
        epoch = world.trigger(to, "pulse")
        world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 1, 9]))))
    world.run_until()
    assert {line: len(world.runs(line)) for line in graph.lines if world.runs(line)} == {}
    for line in data.draw(st.permutations(down)):
        world.order(line, "clear")
        world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 5]))))
    world.run_until()
    assert at_rest(world)
    assert {line for line in graph.lines if world.states[line].end_f == epoch} == graph.asked(to)
    assert {
        line: len(world.runs(line)) for line in graph.lines if world.runs(line)
    } == dict.fromkeys(graph.asked(to), 1)
    whole(world)
    once(world)


@looks(40)
@given(graphs(most=8), seeds, st.data())
def test_what_a_failed_run_was_for_is_served_after_the_recovery(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    bad = set(
        data.draw(st.lists(st.sampled_from(graph.lines), unique=True, min_size=1, max_size=3))
    )

    def outcome(attempted: Attempted) -> Failure | None:
        return (
            Failure(attempted[2], attempted[3], "ValueError", "no")
            if attempted[0] in bad and attempted[1] == 1
            else None
        )

    world = world_of(replace(weather(seed), outcome=outcome), seed)
    settle(world, graph)
    to = data.draw(st.sampled_from(graph.lines))
    kind = data.draw(st.sampled_from(["pulse", "tap"]))
    epoch = world.trigger(to, kind)
    world.run_until()
    for _ in graph.lines:
        for line in graph.lines:
            if world.states[line].health == "failed":
                world.order(line, data.draw(st.sampled_from(["clear", "wake"])))
        world.run_until()
    assert at_rest(world)
    assert world.runs(to, "success", "pass")
    assert kind == "tap" or all(world.states[line].end_f >= epoch for line in graph.asked(to))
    whole(world)
    once(world)


@looks(50)
@given(graphs(), seeds, st.data())
def test_pulses_that_nobody_can_tell_apart_are_one_and_nothing_is_fresher_than_what_it_read(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    # A Pulse that arrives after the run it could have joined has ended is another run. So the
    # letters of one Pulse are not later than those of another by as long as a Ripple takes.
    quick = replace(
        weather(seed, pace=(2, 3, 7)), latency=lambda r: seconds(0.05 + r.random() / 50)
    )
    world = world_of(quick, seed)
    settle(world, graph)
    to = data.draw(st.sampled_from(graph.lines))
    many = data.draw(st.integers(2, 5))
    for n in range(many):
        epoch = world.trigger(to, "pulse")
        world.run_until(world.now + seconds(0.05 * (n < many - 1) / many))
    world.run_until()
    assert {
        line: len(world.runs(line)) for line in graph.lines if world.runs(line)
    } == dict.fromkeys(graph.asked(to), 1)
    assert {line for line in graph.lines if world.states[line].end_f == epoch} == graph.asked(to)
    for _ in range(data.draw(st.integers(0, 8))):
        world.trigger(
            data.draw(st.sampled_from(graph.lines)),
            data.draw(st.sampled_from(["pulse", "pulse", "tap"])),
        )
        world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 0.01, 0.1, 0.6, 3]))))
    world.run_until()
    assert at_rest(world)
    for line in graph.lines:
        if not graph.release(line).sources:
            assert all(row.f <= row.started for row in world.runs(line)), (
                "fresher than what it read"
            )
    whole(world)
    once(world)
