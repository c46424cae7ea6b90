"""Worked examples of what operators do: docs/engine.md, "Operator verbs", followed through the
simulator.
"""

from __future__ import annotations

import pytest

from duckstring.adapters.aws import codec
from duckstring.engine.effects import RecordAttempt, SendPull, SendTarget, StopRun
from duckstring.engine.signals import BudgetSet, Ordered, Removed
from duckstring.engine.state import Wave
from duckstring.engine.step import step
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.testing.simulator import START, World, chain_of, pond, seconds
from tests.property.worlds import newer
from tests.unit.engine.test_demand import CHAIN, A, B, C, counts, deployed
from tests.unit.engine.test_faults import fails


def fresh(world: World, line: str = C) -> World:
    """Everything below ``line`` has run once."""
    world.trigger(line, "pulse")
    world.run_until()
    return world


def test_waking_runs_once_on_what_the_sources_hold_and_asks_them_for_nothing() -> None:
    world = fresh(deployed(*CHAIN), B)
    sent = dict(world.sent)
    world.order(C, "wake")
    world.run_until()
    assert counts(world) == {A: 1, B: 1, C: 1}
    assert world.states[C].end_f == world.states[B].end_f
    assert {
        kind: n
        for kind, n in world.sent.items()
        if kind in {"PullReceived", "TargetReceived"} and n > sent.get(kind, 0)
    } == {}
    assert world.at_rest()


def test_a_woken_line_waits_until_its_sources_hold_something_newer() -> None:
    world = fresh(deployed(*CHAIN))
    world.order(C, "wake")
    world.run_until()
    assert counts(world)[C] == 1
    assert not world.at_rest()
    fresh(world, B)
    assert counts(world) == {A: 2, B: 2, C: 2}
    assert world.at_rest()


def test_waking_an_inlet_runs_it_as_of_now() -> None:
    world = fresh(deployed(*CHAIN), A)
    epoch = world.order(A, "wake")
    world.run_until()
    assert [run.f for run in world.runs(A)][-1] == epoch


def test_a_failed_line_recovers_by_waking_and_what_waited_below_goes_on() -> None:
    world = deployed(*CHAIN, outcome=fails((f"{B}.run", 1)))
    world.trigger(C, "wave")
    world.run_until(world.now + seconds(10))
    assert world.states[C].blocked
    world.order(B, "wake")
    world.run_until(world.now + seconds(10))
    assert not world.states[C].blocked
    assert len(world.runs(C)) > 3


def test_forcing_runs_again_at_the_same_freshness_and_no_sink_runs() -> None:
    world = fresh(deployed(pond(A, ripples=chain_of("x", "y")), *CHAIN[1:]))
    f, snapshot = world.states[A].end_f, world.states[A].snapshot
    world.order(A, "force")
    world.run_until()
    after = world.states[A]
    assert counts(world) == {A: 2, B: 1, C: 1}
    assert (after.end_f, after.start_f, after.changed_f) == (f, f, f)
    assert after.snapshot > snapshot
    assert len([1 for (line, run, _, _), _ in world.attempts if line == A and run == 2]) == 2
    assert world.at_rest()


def test_sinks_see_a_forced_runs_change_at_the_next_freshness_though_that_changes_nothing() -> None:
    prints = {1: "before", 2: "forced", 3: "forced"}
    world = fresh(
        deployed(
            *CHAIN,
            prints=lambda attempted, _f: (
                prints.get(attempted[1], "") if attempted[0] == A else str(attempted[1])
            ),
        )
    )
    world.order(A, "force")
    world.run_until()
    fresh(world)
    assert [run.changed for run in world.runs(A)] == [True, True, False]
    assert [run.status for run in world.runs(B)] == ["success", "success"]
    assert [run.status for run in world.runs(C)] == ["success", "success"]
    fresh(world)
    assert [run.status for run in world.runs(B)] == ["success", "success", "success"]


def test_a_forced_run_of_a_pond_between_is_told_by_its_next_pass() -> None:
    same = {"dull": "same"}
    world = fresh(
        deployed(
            *CHAIN,
            prints=lambda attempted, _f: (
                same["dull"] if attempted[0] == A else f"{attempted[0]}/{attempted[1]}"
            ),
        ),
    )
    world.order(B, "force")
    world.run_until()
    fresh(world)
    assert [run.status for run in world.runs(B)] == ["success", "success", "pass"]
    assert [run.status for run in world.runs(C)] == ["success", "success"]


def test_forcing_waits_for_the_runs_in_flight_and_keeps_new_ones_back() -> None:
    world = deployed(*CHAIN, durations={A: 5})
    world.trigger(A, "wave")
    world.run_until(world.now + seconds(12))
    world.order(A, "force")
    world.run_until(world.now + seconds(5))
    forced = [run.number for _, run in sorted(world.states[A].runs.items()) if run.forced]
    assert len(forced) == 1
    world.run_until(world.now + seconds(20))
    fs = [run.f for run in world.runs(A)]
    assert fs == sorted(fs)
    assert len(set(fs)) == len(fs) - 1


def test_forcing_what_never_ran_is_a_pulse_on_itself_alone() -> None:
    world = fresh(deployed(*CHAIN), B)
    world.order(C, "force")
    world.run_until()
    assert counts(world) == {A: 1, B: 1, C: 1}
    assert world.states[C].end_f == world.states[B].end_f


def test_a_forced_run_that_fails_leaves_what_is_published_and_the_next_run_is_whole() -> None:
    b = pond(B, A, ripples=chain_of("x", "y"))
    bad = Failure("y", 1, "ValueError", "bad luck")
    world = fresh(
        deployed(
            CHAIN[0],
            b,
            CHAIN[2],
            outcome=lambda attempted: bad if attempted[:3] == (B, 2, "y") else None,
        )
    )
    held = world.states[B]
    world.order(B, "force")
    world.run_until()
    assert world.states[B].health == "failed"
    assert (world.states[B].end_f, world.states[B].snapshot) == (held.end_f, held.snapshot)
    world.order(B, "clear")
    fresh(world)
    assert world.states[C].end_f == world.states[A].end_f
    assert set(world.snapshots[B, world.states[B].snapshot].tables) == {"x", "y"}


def test_sleeping_ends_what_a_wave_keeps_going() -> None:
    world = deployed(*CHAIN)
    world.trigger(C, "wave")
    world.run_until(world.now + seconds(20))
    for line in (C, B, A):
        world.order(line, "sleep")
    world.run_until()
    assert world.at_rest()
    assert world.states[C].trigger is None
    assert all(run.status == "success" for line in (A, B, C) for run in world.runs(line))


def test_killing_stops_the_runs_and_says_so_and_blocks_what_needs_the_line() -> None:
    world = deployed(*CHAIN, durations={B: 30})
    world.trigger(C, "pulse")
    world.run_until(world.now + seconds(5))
    killed = step(world.states[B], Ordered("kill", world.now), world.now)
    assert StopRun(1, 1) in killed.effects
    assert [(e.ripple, e.status) for e in killed.effects if isinstance(e, RecordAttempt)] == [
        ("run", "killed")
    ]
    world.order(B, "kill")
    world.run_until()
    assert [run.status for run in world.runs(B)] == ["killed"]
    assert world.states[B].reason == f"{B} was killed"
    assert world.states[C].blocked
    assert not world.states[A].blocked
    assert [event.event for line, event in world.events if line == B] == ["killed"]


def test_what_a_killed_worker_says_late_does_not_count() -> None:
    world = deployed(*CHAIN, durations={B: 30})
    world.trigger(C, "pulse")
    world.run_until(world.now + seconds(5))
    world.order(B, "kill")
    world.run_until()
    assert world.states[B].end_f == NEVER
    assert not world.states[B].runs


def test_a_killed_line_stays_down_until_it_is_cleared_and_then_serves_who_still_waits() -> None:
    world = deployed(*CHAIN, durations={B: 30})
    world.trigger(C, "pulse")
    world.run_until(world.now + seconds(5))
    world.order(B, "kill")
    world.run_until()
    world.deploy(newer(CHAIN[1], "1.1.0"))
    fresh(world, A)
    assert world.states[B].health == "killed"
    world.order(B, "clear")
    world.run_until()
    assert [run.status for run in world.runs(B)] == ["killed", "success"]
    assert len(world.runs(C)) == 1
    assert world.at_rest()


def test_clearing_a_line_that_failed_runs_once_what_its_failed_run_was_for() -> None:
    world = deployed(*CHAIN, outcome=fails((f"{A}.run", 1)))
    epoch = world.trigger(A, "pulse")
    world.run_until()
    assert (world.states[A].health, world.states[A].start_f, world.states[A].end_f) == (
        "failed",
        epoch,
        NEVER,
    )
    world.order(A, "clear")
    world.run_until()
    assert (world.states[A].health, world.states[A].end_f) == ("ok", epoch)
    assert counts(world, "success") == {A: 1, B: 0, C: 0}
    assert world.at_rest()


def test_budgets_are_live_and_a_redeploy_leaves_them() -> None:
    world = deployed(pond(A, immediate_retries=0), outcome=fails((f"{A}.run", 1), (f"{A}.run", 2)))
    world.post("api", A, BudgetSet(immediate_retries=2))
    world.deploy(newer(pond(A, immediate_retries=0), "1.1.0"))
    world.trigger(A, "pulse")
    world.run_until()
    assert [run.status for run in world.runs(A)] == ["success"]
    assert len(world.attempts) == 3


def test_a_failed_inlet_whose_budget_is_raised_tries_again_by_itself() -> None:
    world = deployed(*CHAIN, outcome=fails((f"{A}.run", 1)))
    world.trigger(C, "pulse")
    world.run_until()
    assert world.states[A].retry_at is None
    world.post("api", A, BudgetSet(source_retries=1))
    world.run_until()
    assert [run.status for run in world.runs(A)] == ["failed", "success"]
    assert len(world.runs(C)) == 1
    lowered = step(world.states[A], BudgetSet(source_retries=0), world.now).state
    assert (lowered.immediate_retries, lowered.source_retries) == (0, 0)


def test_orders_to_a_line_that_is_not_deployed_change_nothing() -> None:
    world = World()
    for verb in ("wake", "force", "sleep", "kill", "clear"):
        world.order(A, verb)
    world.run_until()
    assert world.at_rest()
    assert world.states[A].health == "ok"


def test_a_removed_line_forgets_all_but_its_numbering_and_a_deploy_begins_anew() -> None:
    world = fresh(fresh(deployed(*CHAIN[:2], pond(C, f"{B}?", A), durations={B: 3})), B)
    world.trigger(B, "wave")
    world.run_until(world.now + seconds(2))
    world.remove(B)
    world.run_until()
    gone = world.states[B]
    assert (
        gone.release,
        gone.trigger,
        gone.end_f,
        gone.snapshot,
        dict(gone.tables),
        dict(gone.runs),
    ) == (None, None, NEVER, 0, {}, {})
    assert [run.status for run in world.runs(B)] == ["success", "killed"]
    assert B not in world.states[A].sinks
    assert not world.states[C].blocked
    assert world.states[C].sources[B].report.end_f == NEVER
    fresh(world)
    assert len(world.runs(C, "success")) == 2, "an optional Source that is gone holds nobody up"
    world.deploy(CHAIN[1])
    fresh(world, B)
    assert world.runs(B)[-1].run == 3
    assert world.states[C].sources[B].report.end_f == world.states[B].end_f


def test_a_removal_that_comes_after_a_newer_deploy_is_old_news() -> None:
    world = deployed(*CHAIN)
    state = world.states[A]
    assert state.release is not None
    old = Removed(state.release.deployed - seconds(1))
    assert step(state, old, world.now).state == state
    waiting = replace(state, release=None, next_release=state.release)
    assert step(waiting, old, world.now).state.release == state.release
    world.trigger("nobody@1", "pulse")
    world.run_until()
    held = world.states[Line("nobody@1")]
    assert step(held, Removed(world.now), world.now).state == held, (
        "a line that is not deployed keeps what is wanted of it"
    )


def test_a_slept_line_keeps_its_health_and_a_wave_set_again_flows() -> None:
    world = deployed(*CHAIN, outcome=fails((f"{A}.run", 1)))
    world.trigger(A, "wave")
    world.run_until()
    world.order(A, "sleep")
    world.run_until()
    assert world.states[A].health == "failed"
    world.trigger(A, "wave")
    world.order(A, "clear")
    world.run_until(world.now + seconds(5))
    assert world.states[A].trigger == Wave()
    assert len(world.runs(A, "success")) >= 3


def test_no_verb_but_by_its_runs_says_anything_to_a_source() -> None:
    world = fresh(deployed(*CHAIN))
    for verb in ("wake", "force", "sleep", "clear", "kill"):
        effects = step(world.states[C], Ordered(verb, world.now), world.now).effects
        assert not [e for e in effects if isinstance(e, SendPull | SendTarget)]


def test_a_sink_waiting_for_an_optional_source_is_served_though_that_leaves_and_returns() -> None:
    world = deployed(pond(A), pond(B, f"{A}?"), pond(C, B), durations={A: 7})
    world.trigger(C, "wave")
    world.run_until(world.now + seconds(10))
    world.remove(A)
    world.run_until(world.now + seconds(30))
    world.deploy(newer(pond(A), "1.1.0"))
    world.run_until(world.now + seconds(60))
    assert len(world.runs(C)) > 1


def test_a_wave_set_again_wakes_a_lineage_that_was_put_to_sleep_in_its_midst() -> None:
    for way in ("wave", "tap"):
        world = deployed(*CHAIN, durations={A: 7})
        world.trigger(C, "wave")
        world.run_until(world.now + seconds(10))
        world.order(B, "sleep")
        world.run_until(world.now + seconds(30))
        before = len(world.runs(C))
        world.trigger(C, way)
        world.run_until(world.now + seconds(60))
        assert len(world.runs(C)) > before


def test_what_ran_when_its_line_was_removed_says_so() -> None:
    for stop, why in (
        (lambda world: world.remove(A), "a@1 was removed."),
        (lambda world: world.order(A, "kill"), "An operator killed it."),
    ):
        world = deployed(pond(A), durations={A: 30})
        world.trigger(A, "pulse")
        world.run_until(world.now + seconds(5))
        stop(world)
        world.run_until(world.now + seconds(1))
        assert [row.failure.message for _, row in world.rows if row.status == "killed"] == [why]


@pytest.mark.parametrize("way", ["wave", "tap", "tide", "pulse"])
def test_what_is_triggered_again_reaches_a_source_that_sleeps_beyond_one_that_waits(
    way: str,
) -> None:
    world = deployed(*CHAIN)
    world.add_window(A, Window("far", world.now + seconds(100), seconds(1000), seconds(100)))
    world.trigger(
        C, "tide" if way == "tide" else "wave", **({"bound": seconds(20)} if way == "tide" else {})
    )
    world.run_until(world.now + seconds(5))
    world.order(A, "sleep")
    world.run_until(world.now + seconds(200))
    assert world.runs(C) == [], "a Source that sleeps leaves its Sinks waiting"
    world.trigger(C, way, **({"bound": seconds(20)} if way == "tide" else {}))
    world.run_until(world.now + seconds(1000))
    assert world.runs(C)


@pytest.mark.parametrize("way", ["wave", "tap"])
@pytest.mark.parametrize("moment", [32, 40, 55, 70])
def test_what_is_triggered_again_goes_by_way_of_a_line_that_runs_and_waits_for_its_next(
    way: str, moment: int
) -> None:
    world = deployed(
        pond(A), pond(B, A, ripples=[("one", ()), ("two", ("one",))]), pond(C, B), durations={B: 30}
    )
    world.add_window(A, Window("hourly", START, seconds(3600), seconds(3600)))
    world.trigger(C, "wave")
    world.run_until(START + seconds(moment))
    world.order(A, "sleep")
    world.run_until(world.now + seconds(1))
    world.trigger(C, way)
    world.run_until(START + seconds(3600 * 3))
    assert len(world.runs(C)) >= 2


def test_a_tap_by_way_of_a_diamond_of_those_that_wait_asks_each_of_them_once() -> None:
    layers = [[Line(f"p{layer}{k}@1") for k in range(3)] for layer in range(6)]
    ponds = [
        pond(line, *(layers[n - 1] if n else [A]))
        for n, layer in enumerate(layers)
        for line in layer
    ]
    world = deployed(pond(A), *ponds, pond(C, *layers[-1]))
    world.order(A, "kill")
    world.run_until()
    world.order(A, "clear")
    world.add_window(A, Window("far", world.now + seconds(9000), seconds(90_000), seconds(100)))
    world.run_until(world.now + seconds(5))
    for _ in range(2):
        sent = world.sent["PullReceived"]
        world.trigger(C, "tap")
        world.run_until(world.now + seconds(50))
        assert 0 < world.sent["PullReceived"] - sent <= 3 + 5 * 9 + 3


def test_a_failed_line_that_sleeps_is_not_tried_again_until_it_is_woken() -> None:
    world = deployed(pond(A, source_retries=9), outcome=lambda a: Failure(a[2], a[3], "E", "x"))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(30))
    assert world.states[A].retry_at
    world.order(A, "sleep")
    world.run_until(world.now + seconds(4000))
    assert [run.status for run in world.runs(A)] == ["failed"]
    assert world.states[A].health == "failed"
    world.set_budgets(A, source=20)
    world.run_until(world.now + seconds(4000))
    assert (world.states[A].failures, world.states[A].retry_at) == (1, None), (
        "a larger budget is no wish"
    )
    world.trigger(A, "wave")
    world.run_until(world.now + seconds(1))
    assert world.states[A].retry_at == world.now - seconds(1) + seconds(60)
    world.run_until(world.now + seconds(100))
    assert len(world.runs(A)) == 2


@pytest.mark.parametrize("inlet", [True, False])
def test_what_fails_after_its_line_was_put_to_sleep_is_not_tried_again(inlet: bool) -> None:
    line = A if inlet else B
    world = deployed(
        pond(A, source_retries=5),
        pond(B, A, source_retries=5),
        durations={line: 20},
        outcome=fails((line, 9)),
    )
    world.trigger(line, "pulse")
    world.run_until(world.now + seconds(10))
    world.order(line, "sleep")
    world.run_until(world.now + seconds(4000))
    if not inlet:
        world.trigger(A, "pulse")
        world.run_until(world.now + seconds(4000))
    assert [run.status for run in world.runs(line)] == ["failed"]


def test_a_sleep_does_not_outlast_what_is_wanted_next() -> None:
    world = deployed(*CHAIN, outcome=fails((f"{B}.run", 1)))
    world.order(B, "sleep")
    world.post("api", B, BudgetSet(source_retries=3))
    world.trigger(C, "wave")
    world.run_until(world.now + seconds(60))
    assert [run.status for run in world.runs(B)][:1] == ["failed"]
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(60))
    assert [run.status for run in world.runs(B)][:2] == ["failed", "success"]


def test_a_line_that_never_ran_and_is_woken_does_not_run_on_nothing() -> None:
    world = deployed(pond(B, "ghost@1"), pond(C, A))
    for line in (B, C):
        world.order(line, "wake")
    world.run_until()
    for line in (B, C):
        held = codec.state_from_text(codec.state_to_text(world.states[line]))
        assert held == world.states[line]
        assert held.woken
        stepped = step(held, BudgetSet(immediate_retries=3), world.now).state
        assert not stepped.runs
        assert not step(
            replace(held, woken=NEVER), BudgetSet(immediate_retries=3), world.now
        ).state.runs, "as it was once kept"


def test_the_package_that_is_selected_deployed_again_holds_nothing_back_and_clears_a_failure() -> (
    None
):
    world = deployed(*CHAIN, durations={A: 30}, outcome=fails((f"{B}.run", 1)))
    world.trigger(C, "pulse")
    world.run_until(world.now + seconds(10))
    world.deploy(pond(A))
    world.run_until(world.now + seconds(1))
    assert world.states[A].next_release is None
    assert world.states[A].release.deployed > START
    world.run_until()
    assert world.states[B].health == "failed"
    world.deploy(*CHAIN)
    world.run_until()
    assert [run.status for run in world.runs(B)] == ["failed", "success"], (
        "what still waits for it is served"
    )
    assert world.states[C].end_f > START


def test_of_two_versions_that_wait_the_last_deployed_is_selected_though_it_runs_already() -> None:
    world = deployed(pond(A), durations={A: 30})
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(5))
    world.deploy(pond(A, version="1.1.0"))
    world.run_until(world.now + seconds(1))
    world.deploy(pond(A))
    world.run_until()
    assert world.states[A].release.version == "1.0.0"


def test_targets_do_not_pile_up_where_nothing_satisfies_them() -> None:
    world = deployed(pond(A), pond(B, "ghost@1"), pond(C, f"{A}?", f"{B}?", "gone@1?"))
    world.trigger(C, "tide", bound=seconds(2))
    world.run_until(world.now + seconds(300))
    assert len(world.runs(C)) > 90
    assert [len(world.states[line].targets) for line in (B, "gone@1", "ghost@1")] == [50, 1, 1]
    newest = max(run.f for run in world.runs(C))
    assert world.states[B].targets[-1] >= newest
    assert world.states[B].targets[0] < newest
