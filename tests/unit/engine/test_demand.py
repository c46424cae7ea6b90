"""Worked examples of demand: docs/engine.md, followed through the simulator."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from duckstring.engine.effects import SendPull, SendTarget
from duckstring.engine.runs import MOST_RUNS
from duckstring.engine.signals import PullReceived, SourceTold, TargetReceived, Triggered
from duckstring.engine.state import Down, PondState, SourceReport, SourceView, Tide, Wave
from duckstring.engine.step import step, steps
from duckstring.model.catalog import Release
from duckstring.model.instants import NEVER, ZERO
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import START, Conditions, World, chain_of, pond, seconds

A, B, C, D = (Line(f"{x}@1") for x in "abcd")
CHAIN = (pond(A), pond(B, A), pond(C, B))


def deployed(
    *releases: Release, durations: dict[str, float] | None = None, **words: object
) -> World:
    """A world in which ``releases`` are deployed and every letter has arrived."""
    taken = durations or {}
    world = World(
        Conditions(
            duration=lambda line, ripple: seconds(
                taken.get(f"{line}.{ripple}", taken.get(line, 1))
            ),
            **words,
        )
    )
    world.deploy(*releases)
    world.run_until()
    return world


def counts(world: World, *statuses: str) -> dict[str, int]:
    return {line: len(world.runs(line, *statuses)) for line in world.states}


def test_deploying_starts_nothing() -> None:
    world = deployed(*CHAIN)
    assert counts(world) == {A: 0, B: 0, C: 0}
    assert world.at_rest()


def test_a_tap_on_a_cold_lineage_runs_each_pond_as_often_as_it_is_deep() -> None:
    world = deployed(pond(A, ripples=chain_of("load", "clean")), pond(B, A))
    world.trigger(B, "tap")
    world.run_until()
    assert counts(world) == {A: 3, B: 1}
    assert world.at_rest()


def test_a_tap_on_an_inlet_runs_it_once_at_the_epoch() -> None:
    world = deployed(pond(A))
    epoch = world.trigger(A, "tap")
    world.run_until()
    assert [run.f for run in world.runs(A)] == [epoch]


@pytest.mark.parametrize("slow", [A, B, C])
def test_a_wave_over_ponds_settles_to_the_slowest(slow: Line) -> None:
    world = deployed(*CHAIN, durations={slow: 3})
    world.trigger(C, "wave")
    world.run_until(START + seconds(90))
    for line in (A, B, C):
        ends = [run.finished for run in world.runs(line)][-6:]
        assert {later - sooner for sooner, later in itertools.pairwise(ends)} == {seconds(3)}


@pytest.mark.parametrize("slow", ["load", "clean", "sum"])
def test_a_wave_over_ripples_of_one_pond_settles_to_the_slowest(slow: str) -> None:
    world = deployed(
        pond(A, ripples=chain_of("load", "clean", "sum")), durations={f"{A}.{slow}": 3}
    )
    world.trigger(A, "wave")
    world.run_until(START + seconds(90))
    ends = sorted({run.finished for run in world.runs(A)})[-6:]
    assert {later - sooner for sooner, later in itertools.pairwise(ends)} == {seconds(3)}


@pytest.mark.parametrize("before", [(0.2, 1, 7), (7, 1, 0.2), (1, 2, 3)])
@pytest.mark.parametrize("after", [(1, 1, 1), (3, 2, 1), (2, 1, 1)])
def test_a_wave_settles_anew_when_ripples_that_end_at_the_same_moments_change(
    before: tuple[float, ...], after: tuple[float, ...]
) -> None:
    """What is taken at the very moment at which the next run starts is replaced as well."""
    takes = dict(zip((f"{A}.one", f"{A}.two", f"{A}.three"), before, strict=True))
    world = deployed(
        pond(A, ripples=[("one", ()), ("two", ("one",)), ("three", ("one", "two"))]),
        durations=takes,
    )
    world.trigger(A, "wave")
    world.run_until(world.now + seconds(100))
    takes.update(zip(takes, after, strict=True))
    world.run_until(world.now + seconds(100))
    ends = [run.finished for run in world.runs(A)][-13:]
    assert (ends[-1] - ends[0]) / 12 == seconds(max(after))


def test_a_wave_that_is_removed_drains() -> None:
    world = deployed(*CHAIN)
    world.trigger(C, "wave")
    world.run_until(START + seconds(20))
    assert world.states[C].trigger == Wave()
    world.trigger(C, "remove")
    world.run_until()
    assert world.states[C].trigger is None
    assert world.at_rest()


def test_a_pulse_runs_each_once_at_one_freshness() -> None:
    world = deployed(*CHAIN)
    for _ in range(2):
        epoch = world.trigger(C, "pulse")
        world.run_until()
        assert {state.end_f for state in world.states.values()} == {epoch}
    assert counts(world) == {A: 2, B: 2, C: 2}
    assert world.at_rest()


def test_a_pulse_that_is_done_already_runs_nothing() -> None:
    world = deployed(*CHAIN)
    epoch = world.trigger(C, "pulse")
    world.run_until()
    world.post("api", A, Triggered("pulse", epoch))
    world.post("api", A, Triggered("tap", epoch))
    world.run_until()
    assert counts(world) == {A: 1, B: 1, C: 1}


def test_a_diamond_takes_the_oldest_of_its_required_sources() -> None:
    world = deployed(pond(A), pond(B, A), pond(C, A), pond(D, B, C), durations={C: 5})
    early = world.trigger(A, "pulse")
    world.run_until()
    world.trigger(C, "pulse")
    world.run_until()
    late = world.trigger(B, "pulse")
    world.run_until()
    assert world.states[B].end_f == late > world.states[C].end_f > early
    world.trigger(D, "tap")
    world.run_until(world.now + seconds(0.1))
    (run,) = world.states[D].runs.values()
    assert run.f == world.states[C].end_f
    assert run.pins == {B: world.states[B].snapshot, C: world.states[C].snapshot}


def test_a_pond_of_optional_sources_takes_the_newest_and_forces_them_all() -> None:
    world = deployed(pond(A), pond(B), pond(C, f"{A}?", f"{B}?"), durations={B: 5})
    epoch = world.trigger(C, "pulse")
    world.run_until()
    assert world.runs(C)[0].started == epoch + seconds(1)
    assert counts(world) == {A: 1, B: 1, C: 1}


def test_an_optional_source_beside_a_required_one_is_not_forced() -> None:
    world = deployed(pond(A), pond(B), pond(C, A, f"{B}?"))
    world.trigger(C, "pulse")
    world.run_until()
    assert counts(world) == {A: 1, B: 0, C: 1}
    assert world.pinned[C, 1] == {A: 1, B: 0}


def test_a_pond_whose_sources_did_not_change_passes() -> None:
    world = deployed(
        *CHAIN, prints=lambda attempted, _: "same" if attempted[0] == A else str(attempted[1])
    )
    for _ in range(3):
        epoch = world.trigger(C, "pulse")
        world.run_until()
    assert counts(world, "pass") == {A: 0, B: 2, C: 2}
    assert {state.end_f for state in world.states.values()} == {epoch}
    assert world.states[C].snapshot == 1
    assert world.states[A].changed_f < epoch
    assert [run.changed for run in world.runs(A)] == [True, False, False]


def test_a_pond_with_an_always_run_ripple_or_new_code_does_not_pass() -> None:
    world = deployed(pond(A), pond(B, A, always_run=True), pond(C, A), prints=lambda *_: "same")
    for _ in range(2):
        world.trigger(B, "pulse")
        world.trigger(C, "pulse")
        world.run_until()
    assert counts(world, "pass") == {A: 0, B: 0, C: 1}
    world.deploy(pond(C, A, version="1.0.1"))
    world.run_until()
    world.trigger(C, "pulse")
    world.run_until()
    assert counts(world, "pass")[C] == 1
    assert world.runs(C)[-1].version == "1.0.1"


def test_other_code_under_the_same_version_does_not_pass() -> None:
    world = deployed(pond(A), pond(B, A), prints=lambda *_: "same")
    world.trigger(B, "pulse")
    world.run_until()
    world.deploy(replace(pond(B, A), artifact="artifacts/b/1.0.0/other.zip"))
    world.trigger(B, "pulse")
    world.run_until()
    assert counts(world, "pass") == {A: 0, B: 0}


def test_a_change_of_an_optional_source_that_is_behind_is_not_passed_over() -> None:
    world = deployed(
        pond(A),
        pond(B),
        pond(C, f"{A}?", f"{B}?"),
        prints=lambda a, _: "same" if a[0] == A else str(a[1]),
        durations={B: 5},
    )
    world.trigger(C, "pulse")
    world.run_until()
    world.trigger(A, "pulse")
    world.run_until()
    world.trigger(C, "tap")
    world.run_until()
    assert world.pinned[C, 2][B] == 1


def test_skipping_every_ripple_changes_nothing_and_the_sinks_pass() -> None:
    world = deployed(
        pond(A), pond(B, A), skips=lambda attempted: attempted[0] == A and attempted[1] > 1
    )
    for _ in range(2):
        world.trigger(B, "pulse")
        world.run_until()
    assert counts(world, "pass") == {A: 0, B: 1}
    (first, second), held = (
        (world.snapshots[A, number].tables["run"] for number in (1, 2)),
        world.states[A].tables["run"],
    )
    assert held == second
    assert (second.key, second.f, second.confirmed) == (first.key, first.f, world.states[A].end_f)


def test_a_sink_deployed_before_its_source_is_supplied_once_that_is_there() -> None:
    world = deployed(pond(B, A))
    pulsed = world.trigger(B, "pulse")
    world.trigger(B, "tap")
    world.run_until()
    assert world.states[A].release is None
    assert world.states[A].targets == (pulsed,)
    assert world.states[A].pull is not None
    world.deploy(pond(A))
    world.run_until()
    assert world.states[B].end_f >= pulsed
    assert world.at_rest()


def test_a_tide_asks_again_at_its_bound_and_keeps_staleness_under_bound_and_lead_time() -> None:
    world = deployed(*CHAIN)
    world.trigger(C, "tide", bound=seconds(10))
    worst = ZERO

    def stale(before: PondState, _after: PondState) -> None:
        nonlocal worst
        if before.line == C and before.end_f != NEVER:
            worst = max(worst, world.now - before.end_f)

    world.watch = stale
    world.run_until(START + seconds(100))
    assert worst <= seconds(10 + 3)
    assert counts(world) == {A: 10, B: 10, C: 10}
    world.trigger(C, "remove")
    world.run_until()
    assert world.at_rest()


def test_a_tide_shorter_than_the_lead_time_has_one_demand_in_flight_at_a_time() -> None:
    world = deployed(*CHAIN, durations={A: 20})
    world.trigger(C, "tide", bound=seconds(1))

    def lean(_before: PondState, after: PondState) -> None:
        assert len(after.targets) <= 1
        assert len(after.runs) <= 1

    world.watch = lean
    world.run_until(START + seconds(200))
    assert counts(world)[C] >= 8


def test_a_tide_over_a_source_that_is_not_deployed_waits_with_one_target() -> None:
    world = deployed(pond(B, A))
    world.trigger(B, "tide", bound=seconds(1))
    world.run_until(START + seconds(60))
    assert len(world.states[B].targets) == 1
    assert len(world.states[A].targets) == 1
    world.deploy(pond(A))
    world.run_until(START + seconds(90))
    assert world.now - world.states[B].end_f <= seconds(5)


def test_a_tide_replaces_a_wave() -> None:
    world = deployed(pond(A))
    world.trigger(A, "wave")
    world.trigger(A, "tide", bound=seconds(10))
    assert world.states[A].trigger is None
    world.run_until(START + seconds(5))
    assert world.states[A].trigger == Tide(seconds(10))


def test_a_tide_without_a_bound_changes_nothing() -> None:
    before = deployed(pond(A)).states[A]
    assert step(before, Triggered("tide", START), START).state == before


def test_a_pulse_runs_each_ripple_of_a_branching_pond_once_and_waits_for_all_its_leaves() -> None:
    ripples = (("x", ()), ("y", ()), ("z", ("x", "y")), ("side", ("x",)))
    world = deployed(pond(A, ripples=ripples), durations={f"{A}.y": 3, f"{A}.side": 9})
    epoch = world.trigger(A, "pulse")
    world.run_until()
    assert world.runs(A)[0].finished == epoch + seconds(10)
    assert sorted(name for (_, _, name, _), _ in world.attempts) == ["side", "x", "y", "z"]


def test_a_wave_goes_on_where_clocks_disagree() -> None:
    world = deployed(*CHAIN, skew=lambda r: seconds(r.uniform(-1, 1)))
    world.trigger(C, "wave")
    world.run_until(START + seconds(120))
    assert counts(world)[C] > 60


def test_a_wave_over_an_inlet_goes_on_though_its_freshness_lies_in_the_future() -> None:
    world = deployed(pond(A), pond(B, A))
    world.post("api", B, Triggered("pulse", START + seconds(1000)))
    world.run_until()
    world.trigger(B, "wave")
    world.trigger(A, "wave")
    world.run_until(START + seconds(60))
    assert counts(world)[B] > 20


def test_a_tide_goes_on_where_alarms_ring_early() -> None:
    world = deployed(pond(A), skew=lambda _: seconds(0))
    world.trigger(A, "tide", bound=seconds(10))
    world.run_until(START + seconds(5))
    world.conditions = replace(world.conditions, skew=lambda r: seconds(r.choice([-1.5, -1, 0])))
    world.run_until(START + seconds(205))
    assert 18 <= counts(world)[A] <= 21


def test_a_pull_tells_its_source_what_was_taken_and_says_it_once() -> None:
    state = deployed(*CHAIN).states[B]
    first = step(state, PullReceived(C, START, NEVER, (5, 0)), START)
    assert first.effects == (SendPull(A, START, NEVER, waits=True),)
    later = START + seconds(1)
    second = step(first.state, PullReceived(C, later, NEVER, (6, 0)), later)
    assert second.effects == ()
    assert second.state.pull == START


def test_what_a_sink_has_said_before_is_no_news() -> None:
    state = deployed(*CHAIN).states[B]
    pulled = step(state, PullReceived(C, START, NEVER, (5, 0)), START).state
    for old in (
        PullReceived(C, START, NEVER, (5, 0)),
        PullReceived(C, START, NEVER, (4, 9)),
        TargetReceived(C, START, (5, 0)),
    ):
        assert step(pulled, old, START) == (pulled, ())


def test_a_target_goes_on_at_once_and_once() -> None:
    state = deployed(*CHAIN).states[B]
    first = step(state, TargetReceived(C, START, (5, 0)), START)
    assert first.effects == (SendTarget(A, START),)
    assert step(first.state, TargetReceived(C, START, (6, 0)), START).effects == ()


def test_an_inlet_does_not_run_again_for_a_sink_that_was_slow_to_say_what_it_held() -> None:
    world = deployed(pond(A), pond(B, A))
    epoch = world.trigger(A, "pulse")
    world.run_until()
    world.post(B, A, PullReceived(B, epoch - seconds(1), NEVER, (99, 0)))
    world.run_until()
    assert counts(world) == {A: 1, B: 0}


def test_one_version_taken_by_many_sinks_is_replaced_once() -> None:
    world = deployed(pond(A, ripples=chain_of("x", "y")), pond(B, A), pond(C, A), pond(D, A))
    for line in (B, C, D):
        world.trigger(line, "tap")
    world.run_until()
    assert counts(world) == {A: 3, B: 1, C: 1, D: 1}


def test_a_pushed_run_that_is_alone_on_its_way_replaces_what_a_sink_took() -> None:
    world = deployed(pond(A, ripples=chain_of("x", "y")), pond(B, A))
    taken = world.trigger(A, "pulse")
    world.run_until()
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    world.post(B, A, PullReceived(B, world.now, taken, (9, 0)))
    world.run_until()
    assert counts(world)[A] == 2


def test_what_is_replaced_already_is_not_replaced_again_after_a_deploy() -> None:
    world = deployed(pond(A, ripples=chain_of("x", "y")), pond(B, A))
    world.trigger(B, "tap")
    world.run_until()
    first = world.runs(A)[0].f
    world.deploy(pond(A, version="1.0.1", ripples=chain_of("x", "y")))
    world.post(B, A, PullReceived(B, world.now, first, (99, 0)))
    world.run_until()
    assert counts(world) == {A: 3, B: 1}


def test_two_versions_that_one_newer_ripple_has_overtaken_order_one_replacement() -> None:
    world = deployed(pond(A, ripples=chain_of("w", "x", "y")))
    versions = []
    for _ in range(3):
        versions.append(world.trigger(A, "pulse"))
        world.run_until()
    for sink, held in ((B, versions[0]), (C, versions[1])):
        world.post(sink, A, PullReceived(sink, world.now, held, (9, 0)))
        world.run_until(world.now + seconds(1.5))
    world.run_until()
    assert counts(world)[A] == 5


def test_news_of_a_stranger_or_old_news_of_a_source_changes_nothing() -> None:
    world = deployed(*CHAIN)
    world.trigger(C, "pulse")
    world.run_until()
    state = world.states[B]
    heard = state.sources[A]
    old = SourceTold(A, SourceReport(down=Down(A, "failed", "long ago")), heard.heard)
    stranger = SourceTold(D, SourceReport(START, START, ZERO, 1, Down(D, "failed")), (9, 9))
    assert steps(state, (old, stranger), world.now) == (state, ())


def test_a_sink_redeployed_without_a_source_leaves_it() -> None:
    world = deployed(*CHAIN)
    world.deploy(pond(B, D, version="1.1.0"))
    world.run_until()
    assert set(world.states[B].sources) == {D}
    assert world.states[A].sinks == {}


@pytest.mark.parametrize("named", [(B,), (f"{B}?",), (B, f"{D}?")])
@pytest.mark.parametrize("kind", ["wave", "tap"])
def test_a_pond_that_is_ahead_of_a_source_it_comes_to_have_asks_until_there_is_something_newer(
    kind: str, named: tuple[str, ...]
) -> None:
    """B rests at what A had; C, an Inlet until now, is fresher than that."""
    world = deployed(pond(A), pond(B, A), pond(C))
    for line in (B, A, C):
        world.trigger(line, "pulse")
        world.run_until(world.now + seconds(10))
    ahead = world.states[C].end_f
    assert world.states[B].end_f < world.states[A].end_f < ahead
    world.deploy(pond(C, *named, version="1.1.0"))
    world.run_until()
    world.trigger(C, kind)
    world.run_until(world.now + seconds(60))
    assert world.states[C].end_f > ahead
    if kind == "tap":
        assert all(
            world.states[line].pull is None and not world.states[line].runs for line in (A, B, C)
        )
        assert len(world.runs(B)) <= 4


def test_an_optional_source_beside_a_required_one_is_not_asked_because_it_is_behind() -> None:
    at_start = SourceReport(end_f=START)
    view = {
        line: SourceView(line, optional=line == D, report=at_start, taken=START) for line in (A, D)
    }
    held = PondState(
        B,
        release=pond(B, A, f"{D}?"),
        sources=view,
        pull=START,
        start_f=START + seconds(9),
        end_f=START + seconds(9),
    )
    for source, asked in (
        (A, [SendPull(A, START + seconds(20), START + seconds(5), waits=True)]),
        (D, []),
    ):
        report = SourceReport(START + seconds(5), START + seconds(5), snapshot=2)
        told = SourceTold(source, report, stamp=(1, 1))
        effects = step(held, told, START + seconds(20)).effects
        assert [effect for effect in effects if isinstance(effect, SendPull)] == asked


def test_pulses_that_come_while_the_root_ripple_is_busy_are_one_run_as_soon_as_it_is_free() -> None:
    """Begun before that a run would only grow old, and be overtaken by the next."""
    world = deployed(pond(A), pond(B, A, ripples=chain_of("x", "y")), durations={f"{B}.x": 5})
    begun = world.trigger(B, "pulse")
    asked = []
    for at in (2, 4):
        world.run_until(begun + seconds(at))
        asked.append(world.trigger(B, "pulse"))
    world.run_until(begun + seconds(5.9))
    assert len(world.states[B].runs) == 1
    assert world.states[B].targets == tuple(asked)
    world.run_until()
    seen = [
        (
            run.f,
            round((run.started - begun).total_seconds()),
            round((run.finished - begun).total_seconds()),
        )
        for run in world.runs(B)
    ]
    assert seen == [(begun, 1, 7), (asked[-1], 6, 12)]
    assert world.pinned[B, 2] == {A: 3}


SIDE_BY_SIDE = [
    ({"q": (), "r": ()}, {"q": 2.1, "r": 2.9}),
    ({"first": (), "q": ("first",), "r": ("first",)}, {"first": 0.2, "q": 2.1, "r": 2.9}),
    (
        {"first": (), "q": ("first",), "r": ("first",), "join": ("q", "r")},
        {"first": 1, "q": 2.1, "r": 2.9, "join": 0.5},
    ),
    ({"q": (), "r": (), "more": ("r",)}, {"q": 1.37, "r": 2.93, "more": 0.7}),
]


@pytest.mark.parametrize(("ripples", "takes"), SIDE_BY_SIDE)
@pytest.mark.parametrize("asked", [A, B])
def test_pulses_without_end_are_answered_all_the_while(
    ripples: dict[str, tuple[str, ...]], takes: dict[str, float], asked: str
) -> None:
    """Ripples side by side took the newest run each at its own time: few runs were done by all,
    by chance.
    """
    durations = {f"{A}.{name}": duration for name, duration in takes.items()} | {B: 0.1}
    world = deployed(pond(A, ripples=list(ripples.items())), pond(B, A), durations=durations)
    for n in range(1000):
        world.run_until(START + seconds(10 + n * 0.3))
        world.trigger(asked, "pulse")
    published = [run.finished for run in world.runs(A) if run.finished and not run.overtaken_by][1:]
    way = takes.get("first", 0) + takes["r"] + takes.get("join", 0) + takes.get("more", 0)
    assert max(later - earlier for earlier, later in itertools.pairwise(published)) <= seconds(
        way + 0.001
    )
    assert world.now - published[-1] <= seconds(way + 0.001)


@pytest.mark.parametrize("verb", ["force", "clear", "wake"])
def test_what_waits_for_a_root_ripple_is_served_after_every_verb_that_keeps_it(verb: str) -> None:
    world = deployed(pond(A), durations={A: 5})
    begun = world.trigger(A, "pulse")
    world.run_until(begun + seconds(2))
    asked = world.trigger(A, "pulse")
    world.order(A, verb)
    world.run_until()
    assert world.states[A].end_f >= asked
    assert world.at_rest()


def test_pulses_quicker_than_runs_do_not_pile_up_runs_and_the_last_is_satisfied() -> None:
    world = deployed(pond(A, ripples=chain_of("load", "clean")), durations={A: 600})
    for _ in range(MOST_RUNS * 4):
        last = world.trigger(A, "pulse")
        world.run_until(world.now + seconds(1))
        assert len(world.states[A].runs) <= MOST_RUNS
    world.run_until()
    assert world.states[A].end_f == last
    assert world.at_rest()


def test_a_sink_that_claims_to_hold_what_nobody_has_published_silences_no_other() -> None:
    world = deployed(pond(A), pond(B, A), pond(C, A))
    world.trigger(B, "tap")
    world.run_until()
    state = world.states[A]
    forged = PullReceived(
        C, world.now, datetime(2999, 1, 1, tzinfo=UTC), (state.revision + 1, 0), waits=True
    )
    world.post("forger", A, forged)
    world.run_until()
    assert world.states[A].last_held <= world.now
    before = len(world.runs(B))
    world.trigger(B, "wave")
    world.run_until(world.now + seconds(30))
    assert len(world.runs(B)) > before + 5
