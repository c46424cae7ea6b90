"""The laws of operators' verbs and of removal over random Catchments: docs/engine.md, "Operator
verbs".
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.signals import (
    PullReceived,
    SinkDetached,
    SourceTold,
    TargetReceived,
    Triggered,
)
from duckstring.engine.state import PondState, SourceReport
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import World, seconds
from tests.property.living import RECOVERIES
from tests.property.worlds import (
    Fate,
    Graph,
    at_rest,
    graphs,
    looks,
    newer,
    once,
    settle,
    weather,
    whole,
    world_of,
)

seeds = st.integers(0, 2**16)


def _idle(graph: Graph, seed: int, fate: Fate | None = None) -> World:
    """Every line has run as far as anybody wants, and all rest."""
    conditions = weather(seed)
    world = world_of(replace(conditions, outcome=fate) if fate else conditions, seed)
    settle(world, graph)
    for line in graph.lines:
        world.trigger(line, "pulse")
    world.run_until()
    assert at_rest(world)
    return world


def _counts(world: World) -> dict[Line, int]:
    return {line: len(world.runs(line)) for line in world.states}


def _asked_by(world: World, line: Line, since: int) -> list[object]:
    """What ``line`` wanted of its Sources from letter ``since`` on."""
    return [
        s
        for _, s, _ in world.log[since:]
        if isinstance(s, PullReceived | TargetReceived) and s.sink == line
    ]


@looks(40)
@given(graphs(), seeds, st.data())
def test_a_forced_run_moves_no_freshness_runs_no_sink_and_the_next_freshness_tells_what_it_changed(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = _idle(graph, seed)
    line = data.draw(st.sampled_from(graph.lines))
    before, counts, heard = world.states[line], _counts(world), len(world.log)
    world.order(line, "force")
    world.run_until()
    after = world.states[line]
    assert (after.end_f, after.changed_f, after.start_f) == (
        before.end_f,
        before.changed_f,
        before.start_f,
    )
    assert _counts(world) == {**counts, line: counts[line] + 1}
    assert _asked_by(world, line, heard) == []
    assert at_rest(world)
    changed = world.runs(line)[-1].changed
    assert after.restated is changed
    sinks = [sink for sink in graph.lines if line in graph.sources(sink, optional=False)]
    for sink in sinks:
        taken = world.states[sink].sources[line].taken
        world.trigger(sink, "pulse")
        world.run_until()
        shown = world.states[line].changed_f > taken
        assert shown or not changed, "a Sink would pass over what was forced"
        last = world.runs(sink, "success", "pass")[-1]
        assert last.status == "success" or not shown
        assert world.states[sink].snapshot == last.run or last.status == "pass"
    whole(world)
    once(world)


@looks(40)
@given(graphs(most=6), seeds, st.data())
def test_a_line_that_a_wave_keeps_busy_is_forced_all_the_same_and_flows_on(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    share = data.draw(st.sampled_from([0.0, 0.0, 0.3]))
    fate = Fate(seed, share)
    world = world_of(replace(weather(seed, pace=(0.5, 1, 3)), outcome=fate), seed)
    settle(world, graph)
    to = graph.lines[-1]
    world.trigger(to, "wave")
    world.run_until(world.now + seconds(data.draw(st.sampled_from([20, 33, 47]))))
    line = data.draw(st.sampled_from(sorted(graph.required_above(to))))
    published = world.states[line].end_f
    world.order(line, "force")
    world.run_until(world.now + seconds(30))
    assert not world.states[line].force or world.states[line].runs == {}
    fs = [row.f for row in world.runs(line, "success", "pass", "failed")]
    assert len(set(fs)) < len(fs) or share or published == NEVER, (
        "no run at a freshness that was there already"
    )
    fate.healed = True
    world.run_until(world.now + seconds(20))
    for down in [line for line in graph.lines if world.states[line].health == "failed"]:
        world.order(down, "clear")
    world.run_until(world.now + seconds(40))
    before = world.states[to].end_f
    world.run_until(world.now + seconds(40))
    assert world.states[to].end_f > before
    whole(world)
    once(world)


def _heard(world: World, line: Line, epoch: Instant) -> None:
    """Until the Pulse has arrived: a line that is blocked by then would drop it."""
    while not any(
        to == line and isinstance(s, Triggered) and s.epoch == epoch for to, s, _ in world.log
    ):
        world.run_until(world.now + seconds(0.05))


def _supply(graph: Graph, world: World, line: Line) -> Instant:
    required = [world.states[source].end_f for source in graph.sources(line, optional=False)]
    return (
        min(required)
        if required
        else max(world.states[source].end_f for source in graph.sources(line, optional=True))
    )


@looks(40)
@given(graphs(), seeds, st.data())
def test_a_woken_line_runs_once_when_its_sources_hold_newer_and_asks_nobody(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = _idle(graph, seed)
    line = data.draw(st.sampled_from(graph.lines))
    sources = graph.sources(line, optional=False) or graph.sources(line, optional=True)
    fresher = data.draw(st.booleans())
    for source in sources if fresher else ():
        world.trigger(source, "pulse")
        world.run_until()
    counts, heard, before = _counts(world), len(world.log), world.states[line].start_f
    world.order(line, "wake")
    world.run_until()
    runs = not sources or _supply(graph, world, line) > before
    assert runs or not fresher
    assert _counts(world) == {**counts, line: counts[line] + runs}
    assert (world.states[line].woken is None) is runs
    for source in () if runs else sources:
        world.trigger(source, "pulse")
        world.run_until()
    assert len(world.runs(line)) == counts[line] + 1
    assert _asked_by(world, line, heard) == []
    assert at_rest(world)
    once(world)


@looks(30)
@given(graphs(), seeds, st.data())
def test_a_catchment_that_sleeps_comes_to_rest_though_waves_and_tides_stood(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed, pace=(0.5, 1, 2)), seed)
    settle(world, graph)
    for line in data.draw(
        st.lists(st.sampled_from(graph.lines), unique=True, min_size=1, max_size=3)
    ):
        kind = data.draw(st.sampled_from(["wave", "tide", "pulse", "tap"]))
        world.trigger(line, kind, **({"bound": seconds(5)} if kind == "tide" else {}))
    world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 1, 7, 20]))))
    slept = data.draw(st.permutations(graph.lines))
    for line in slept:
        world.order(line, "sleep")
    world.run_until()
    # a letter of a line that slept later may have come after another's sleep: that demand was real
    for line in slept:
        world.order(line, "sleep")
    world.run_until()
    assert at_rest(world)
    assert not world.waiting()
    assert all(state.trigger is None and not state.runs for state in world.states.values())
    assert all(
        run.status in {"success", "pass"} for line in graph.lines for run in world.runs(line)
    ), "what began completes"
    once(world)


@looks(30)
@given(graphs(), seeds, st.data())
def test_clearing_starts_nothing_in_an_idle_catchment(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = _idle(graph, seed)
    killed = data.draw(st.lists(st.sampled_from(graph.lines), unique=True, min_size=1))
    for line in killed:
        world.order(line, "kill")
    world.run_until()
    assert {line for line in graph.lines if world.states[line].blocked} == {
        line for line in graph.lines if graph.required_above(line) & set(killed)
    }
    counts = _counts(world)
    for line in data.draw(st.permutations(killed)):
        world.order(line, "clear")
    world.run_until()
    assert _counts(world) == counts
    assert not any(state.blocked for state in world.states.values())
    assert at_rest(world)


@looks(60)
@given(graphs(), seeds, st.data())
def test_a_kill_ends_what_runs_at_once_and_whoever_still_waits_is_served_after_it(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    settle(world, graph)
    to = data.draw(st.sampled_from(graph.lines))
    epoch = world.trigger(to, "pulse")
    _heard(world, to, epoch)
    world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 0.1, 1, 3, 8]))))
    line = data.draw(st.sampled_from(sorted(graph.asked(to) - {to}) or [to]))
    running = set(world.states[line].runs)
    world.order(line, "kill")
    world.run_until(world.now + seconds(1))
    assert not world.states[line].runs
    assert {run.run for run in world.runs(line, "killed")} >= running - {
        run.run for run in world.runs(line, "success", "pass")
    }
    started = len(world.attempts)
    world.run_until()
    assert line not in {attempted[0] for attempted, _ in world.attempts[started:]}
    world.order(line, data.draw(st.sampled_from(RECOVERIES)))
    world.run_until()
    if line != to and to in graph.lines and line in graph.required_above(to):
        assert world.states[to].end_f >= epoch
        assert all(world.states[above].end_f >= epoch for above in graph.required_above(to))
    assert not world.waiting()
    whole(world)
    once(world)


@looks(40)
@given(graphs(), seeds, st.data())
def test_a_line_that_is_removed_is_gone_and_begins_anew_when_it_is_deployed_again(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(
        weather(seed, doubles=0.0), seed
    )  # a late double of what a Sink said makes it a Sink again: it costs letters
    settle(world, graph)
    needed = {s.line for r in graph.releases for s in r.sources if not s.optional}
    line = data.draw(st.sampled_from([line for line in graph.lines if line not in needed]))
    for other in graph.lines if data.draw(st.booleans()) else ():
        world.trigger(other, "pulse")
        world.run_until()
    world.trigger(line, data.draw(st.sampled_from(["wave", "pulse", "tap"])))
    world.run_until(world.now + seconds(data.draw(st.sampled_from([0.1, 1, 3, 8]))))
    runs = world.states[line].runs_started
    world.remove(line)
    world.run_until()
    gone = world.states[line]
    assert gone.former == gone.runs_started, "no snapshot of its former life can be named"
    assert replace(gone, sinks={}, revision=0, runs_started=0, former=0) == PondState(line)
    assert all(line not in world.states[source].sinks for source in graph.lines)
    assert not world.waiting()
    told = [s for _, s, _ in world.log if isinstance(s, SourceTold) and s.source == line]
    assert not told or told[-1].report == SourceReport()
    ended = {run.run for run in world.runs(line)}
    assert ended >= {row.run for of, row in world.history if of == line}, (
        "a run without an end on record"
    )
    world.deploy(newer(graph.release(line), "2.0.0"))
    world.run_until()
    epoch = world.trigger(line, "pulse")
    world.run_until()
    assert world.states[line].end_f == epoch
    assert world.runs(line)[-1].run > runs
    assert SinkDetached in {type(s) for _, s, _ in world.log} or not graph.release(line).sources
    whole(world)
    once(world)
