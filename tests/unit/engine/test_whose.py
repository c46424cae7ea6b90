"""For whose demand a run began, as far as the lines remember it."""

from __future__ import annotations

from duckstring.engine.causes import Origin
from duckstring.engine.state import Kept, PondState
from duckstring.engine.whose import origins
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import World, pond, seconds
from tests.unit.engine.test_demand import A, B, C, D, deployed


def whose(world: World, line: Line) -> tuple[Origin, ...]:
    """Of the newest run."""
    state = world.states[line]
    return origins(state, state.runs[max(state.runs)], world.states)


def running(world: World, after: float = 0.5) -> World:
    world.run_until(world.now + seconds(after))
    return world


def test_a_pulse_far_below_is_found_with_its_epoch_and_the_way_that_it_came() -> None:
    world = deployed(pond(A), pond(B, A), pond(C, B))
    epoch = world.trigger(C, "pulse")
    assert whose(running(world), A) == (Origin("pulse", C, epoch, (B, C)),)


def test_a_pulse_of_a_line_with_sinks_is_not_sure_to_be_its_own() -> None:
    world = deployed(pond(A), pond(B, A))
    epoch = world.trigger(A, "pulse")
    assert whose(running(world), A) == (Origin("pulse", A, epoch, sure=False),)


def test_a_tides_target_is_told_from_a_pulse() -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(B, "tide", bound=seconds(60))
    (origin,) = whose(running(world), A)
    assert (origin.kind, origin.line, origin.via) == ("tide", B, (B,))


def test_taps_and_waves_are_found_by_way_of_the_lines_that_pull_for_them() -> None:
    world = deployed(pond(A), pond(B, A), pond(C, B), pond(D, A))
    tapped = world.trigger(C, "tap")
    world.trigger(D, "wave")
    assert whose(running(world), A) == (
        Origin("wave", D, via=(D,)),
        Origin("tap", C, tapped, (B, C)),
    )


def test_a_tap_is_found_where_it_is_kept_and_where_a_run_answers_it() -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(B, "tap")
    run = replace(running(world).states[A].runs[1], pull=world.now)
    state, sink = world.states[A], world.states[B]
    kept = replace(sink, pull=None, tapped=False, kept=Kept(world.now, own=True))
    assert origins(state, run, {B: kept}) == (Origin("tap", B, world.now, (B,)),)
    others = replace(kept, kept=Kept(world.now))
    assert origins(state, run, {B: others}) == (Origin("unknown", B, via=(B,)),)
    world.run_until(world.now + seconds(1))
    answering = world.states[B]
    assert answering.runs[1].tapped
    assert [one.kind for one in origins(state, run, {B: answering})] == ["tap"]


def test_a_tap_and_a_wave_of_the_line_itself_are_its_own() -> None:
    world = deployed(pond(A), pond(B, A))
    epoch = world.trigger(A, "tap")
    assert whose(running(world), A) == (Origin("tap", A, epoch),)
    world = deployed(pond(A), pond(B, A))
    world.trigger(A, "wave")
    assert whose(running(world), A) == (Origin("wave", A),)


def test_orders_of_an_operator_are_named() -> None:
    world = deployed(pond(A))
    world.order(A, "wake")
    assert whose(running(world), A) == (Origin("wake", A),)
    world.run_until()
    world.order(A, "force")
    assert whose(running(world), A) == (Origin("force", A),)


def test_a_retry_is_named_first() -> None:
    world = deployed(
        pond(A, source_retries=1),
        outcome=lambda a: Failure("run", 1, "ValueError", "no") if a[1] == 1 else None,
    )
    epoch = world.trigger(A, "pulse")
    assert whose(running(world, 61.5), A) == (Origin("retry", A), Origin("pulse", A, epoch))


def test_what_was_put_to_sleep_is_not_known_any_more() -> None:
    world = deployed(pond(A))
    world.trigger(A, "pulse")
    running(world)
    world.order(A, "sleep")
    assert whose(running(world, 0.2), A) == (Origin("unknown", A),)


def test_a_sink_that_was_answered_since_is_not_guessed() -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(B, "tap")
    state = running(world).states[A]
    assert origins(state, state.runs[1], {B: PondState(B)}) == (Origin("unknown", A),)


def test_a_line_that_two_sinks_lead_to_is_named_once() -> None:
    world = deployed(pond(A), pond(B, A), pond(C, A), pond(D, B, C))
    world.trigger(D, "wave")
    assert whose(running(world), A) == (Origin("wave", D, via=(B, D)),)


def test_a_sink_that_runs_for_the_same_pulse_already_is_still_found() -> None:
    world = deployed(pond(A), pond(B), pond(C, f"{A}?", f"{B}?"), durations={A: 9, C: 9})
    epoch = world.trigger(C, "pulse")
    assert whose(running(world, 3), A) == (Origin("pulse", C, epoch, (C,)),)
    assert not world.states[C].targets


def test_a_run_that_failed_asks_for_nothing() -> None:
    world = deployed(pond(A), pond(B, A))
    epoch = world.trigger(A, "pulse")
    state = running(world).states[A]
    failed = replace(state.runs[1], failure=Failure("run", 1, "ValueError", "no"))
    sink = PondState(B, runs={1: failed})
    assert origins(state, state.runs[1], {B: sink}) == (Origin("pulse", A, epoch, sure=False),)


def test_a_sink_whose_wave_was_replaced_has_forgotten_for_whom_it_asks() -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(B, "wave")
    running(world, 3)
    epoch = world.trigger(A, "tap")
    world.trigger(B, "tide", bound=seconds(40))
    running(world, 0.15)
    assert Origin("unknown", B, via=(B,)) in whose(world, A)
    assert Origin("tap", A, epoch, also=True) in whose(world, A)


def test_a_wave_is_found_by_way_of_a_line_that_is_between_two_versions() -> None:
    world = deployed(pond(A), pond(B, A), pond(C, B))
    world.trigger(C, "wave")
    running(world)
    between = replace(world.states[B], pull=None, runs={})
    states = {**world.states, B: between}
    assert origins(states[A], states[A].runs[1], states) == (Origin("wave", C, via=(B, C)),)


def test_a_run_that_was_tapped_after_it_began_did_not_begin_for_the_tap() -> None:
    world = deployed(pond(A))
    world.trigger(A, "tap")
    state = running(world).states[A]
    late = state.runs[1].started + seconds(1)
    run = replace(state.runs[1], pull=late)
    answers = Origin("tap", A, late, also=True)
    assert origins(state, run, {}) == (Origin("unknown", A), answers)


def test_a_run_that_began_for_a_pulse_and_was_tapped_since_is_the_pulses() -> None:
    world = deployed(pond(A), durations={A: 9})
    epoch = world.trigger(A, "pulse")
    running(world, 3)
    tapped = world.trigger(A, "tap")
    answers = Origin("tap", A, tapped, also=True)
    assert whose(running(world, 0.5), A) == (Origin("pulse", A, epoch), answers)


def test_a_run_with_sinks_may_have_been_asked_for_by_one_besides() -> None:
    world = deployed(pond(A), pond(B, A), durations={A: 9})
    epoch = world.trigger(B, "pulse")
    running(world, 3)
    tapped = world.trigger(A, "tap")
    assert whose(running(world, 0.5), A) == (
        Origin("pulse", B, epoch, (B,)),
        Origin("tap", A, tapped, also=True),
        Origin("unknown", A, also=True),
    )
