"""Worked examples of retries of Ponds with Sources, and of demand that comes while a line is
down.
"""

from __future__ import annotations

import pytest

from duckstring.engine.effects import SendTarget
from duckstring.engine.signals import BudgetSet, SourceTold, Triggered
from duckstring.engine.state import Down, Kept, SourceReport
from duckstring.engine.step import step
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.windows import Window
from duckstring.testing.simulator import START, World, chain_of, pond, seconds
from tests.unit.engine.test_demand import A, B, C, D, counts, deployed
from tests.unit.engine.test_faults import E, fails

DAY = 86_400


def standing(world: World, to: Line, kind: str, bound: float = 10) -> None:
    world.trigger(to, kind, **({"bound": seconds(bound)} if kind == "tide" else {}))


def fails_in_runs(line: Line, *runs: int):
    return lambda a: (
        Failure(a[2], a[3], "RuntimeError", "hiccup") if a[0] == line and a[1] in runs else None
    )


@pytest.mark.parametrize(
    ("kind", "bound"), [("tide", DAY), ("tide", 5), ("wave", 0), ("pulse", 0), ("tap", 0)]
)
@pytest.mark.parametrize("failing", [(2,), (1, 2), (2, 3, 4)])
def test_a_pond_spends_its_source_retries_under_the_only_trigger_below_it(
    kind: str, bound: float, failing: tuple[int, ...]
) -> None:
    """sales <- transactions, products; reports <- sales: the user's page."""
    sales = pond(C, A, B, source_retries=len(failing))
    world = deployed(pond(A), pond(B), sales, pond(D, C), outcome=fails_in_runs(C, *failing))
    for _ in range(1 if kind in {"tide", "wave"} else 4):
        standing(world, D, kind, bound)
        world.run_until(world.now + seconds(3 * DAY if bound == DAY else 700), most=1_000_000)
    assert (world.states[C].health, world.states[C].failures) == ("ok", 0)
    assert not world.states[D].blocked
    assert [run.run for run in world.runs(C, "failed")] == list(failing)
    assert world.runs(D, "success")[-1].started > world.runs(C, "failed")[-1].finished


@pytest.mark.parametrize("kind", ["tide", "wave", "pulse", "tap"])
@pytest.mark.parametrize("optional", ["", "?"])
def test_what_fails_for_good_is_given_up_after_its_budget_and_keeps_nobody_busy(
    kind: str, optional: str
) -> None:
    world = deployed(
        pond(A),
        pond(B, f"{A}{optional}", source_retries=3),
        pond(C, f"{B}{optional}"),
        outcome=fails((B, 99)),
    )
    standing(world, C, kind)
    world.run_until(most=5_000)
    assert [run.status for run in world.runs(B)] == ["failed"] * 4
    assert len(world.runs(A)) <= 5, "one run for each try, and one that a Wave had prepared"
    waits = [
        later.started - sooner.finished
        for sooner, later in zip(world.runs(B), world.runs(B)[1:], strict=False)
    ]
    assert waits[1:] == [seconds(121), seconds(241)], "a back-off, and the run of its Source"
    assert world.states[C].blocked is (optional == "")
    assert not world.states[B].retries


@pytest.mark.parametrize(
    "ripples", [(("x", ()),), (("x", ()), ("y", ())), (("x", ()), ("y", ("x",)))]
)
def test_tries_of_one_budget_are_made_one_after_the_other(
    ripples: tuple[tuple[str, tuple[str, ...]], ...],
) -> None:
    """Its Source moves on again while the try is in flight. Two at once could both fail, where
    one was left.
    """
    failing = pond(B, A, ripples=ripples, source_retries=1)
    durations = {A: 1} | {f"{B}.{name}": 8 for name, _ in ripples}
    world = deployed(
        pond(A),
        failing,
        durations=durations,
        outcome=lambda a: Failure(a[2], a[3], "RuntimeError", "hiccup") if a[0] == B else None,
    )
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(30))
    for _ in range(6):
        world.trigger(A, "pulse")
        world.run_until(world.now + seconds(2))
    world.run_until(world.now + seconds(300))
    assert [run.status for run in world.runs(B)] == ["failed"] * 2
    assert world.states[B].failures == 2


def test_failed_lines_above_failed_lines_and_side_by_side_recover_together() -> None:
    """A <- B <- D, A <- C <- D, D <- E."""
    tries = {"source_retries": 3}
    ponds = (
        pond(A, **tries),
        pond(B, A, **tries),
        pond(C, A, **tries),
        pond(D, B, C, **tries),
        pond(E, D),
    )
    for kind in ("tide", "wave", "pulse", "tap"):
        world = deployed(*ponds, outcome=fails((A, 2), (B, 2), (C, 1), (D, 2)))
        standing(world, E, kind)
        world.run_until(START + seconds(1500), most=1_000_000)
        assert not any(state.blocked for state in world.states.values()), kind
        assert counts(world, "success")[E] >= 1
        if kind == "pulse":
            assert world.at_rest()


def test_a_line_with_tries_left_below_one_down_for_good_asks_nobody_until_that_returns() -> None:
    world = deployed(
        pond(A), pond(B), pond(C, A, B, source_retries=2), pond(D, C), outcome=fails((C, 1))
    )
    world.trigger(D, "pulse")
    world.run_until(world.now + seconds(10))
    world.order(B, "kill")
    world.run_until()
    assert counts(world, "success", "pass") == {A: 1, B: 1, C: 0, D: 0}
    world.order(B, "clear")
    world.run_until()
    assert counts(world, "success", "pass") == {A: 2, B: 2, C: 1, D: 1}
    assert world.at_rest()


def test_a_line_below_one_with_tries_left_and_one_without_lets_the_first_spend_them() -> None:
    world = deployed(
        pond(A),
        pond(B, A, source_retries=2),
        pond(C),
        pond(D, B, C),
        pond(E, D),
        outcome=fails((B, 1), (C, 1)),
    )
    standing(world, E, "tide")
    world.run_until(START + seconds(1000))
    assert (world.states[B].health, world.states[C].health) == ("ok", "failed")
    assert counts(world)[A] == 2
    assert counts(world)[D] == counts(world)[E] == 0


def test_while_a_line_is_down_nothing_below_it_runs_on_what_it_published_before() -> None:
    world = deployed(
        pond(A),
        pond(B, A, source_retries=1),
        pond(C, B),
        pond(D, B),
        outcome=fails_in_runs(B, 2, 3),
    )
    world.trigger(D, "pulse")
    world.run_until()
    world.trigger(D, "pulse")
    world.run_until()
    assert world.states[B].health == "failed"
    for kind in ("tap", "pulse", "wave"):
        world.trigger(C, kind)
        world.run_until()
    assert counts(world)[C] == 0, "it holds what B published at first, and waits"
    world.order(B, "clear")
    world.run_until(world.now + seconds(30))
    assert counts(world)[C] > 1


def test_the_retry_of_what_a_window_supplies_waits_until_there_can_be_newer() -> None:
    world = deployed(
        pond(A), pond(B, A, source_retries=2), pond(C, B), outcome=fails_in_runs(B, 1, 2)
    )
    world.add_window(A, Window("day", START, seconds(DAY), seconds(3600)))
    world.run_until(START + seconds(60))
    standing(world, C, "tide", DAY)
    world.run_until(START + seconds(4 * DAY), most=100_000)
    assert [run.status for run in world.runs(B)][:3] == ["failed", "failed", "success"]
    assert [run.started.day for run in world.runs(B)][:3] == [1, 2, 3]
    assert len(world.runs(A)) == 4


# sleep


@pytest.mark.parametrize("kind", ["wave", "tap", "pulse", "tide"])
@pytest.mark.parametrize("sources", [(), (A,), (f"{A}?",)])
@pytest.mark.parametrize("to", [B, C, D])
def test_what_failed_while_it_slept_is_tried_again_as_soon_as_somebody_below_wants_it(
    kind: str, sources: tuple[str, ...], to: Line
) -> None:
    world = deployed(
        pond(A), pond(B, *sources, source_retries=3), pond(C, B), pond(D, C), outcome=fails((B, 1))
    )
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(0.5 + len(sources)))
    world.order(B, "sleep")
    world.run_until()
    assert (world.states[B].health, world.states[B].asleep, world.states[B].retry_at) == (
        "failed",
        True,
        None,
    )
    assert world.states[C].blocked
    standing(world, to, kind)
    world.run_until(world.now + seconds(200))
    assert (world.states[B].health, world.states[to].blocked) == ("ok", False)
    assert counts(world, "success")[to] >= 1


@pytest.mark.parametrize("way", ["wake", "force", "clear", "deploy", "budget"])
def test_what_failed_while_it_slept_and_has_no_tries_left_returns_by_hand_and_serves_what_was_kept(
    way: str,
) -> None:
    world = deployed(pond(A), pond(B, A), pond(C, B), outcome=fails((B, 1)))
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(1.5))
    world.order(B, "sleep")
    world.run_until()
    wanted = world.trigger(C, "pulse")
    world.run_until()
    assert (world.states[B].health, world.states[C].targets) == ("failed", (wanted,))
    assert counts(world) == {A: 1, B: 1, C: 0}
    if way == "deploy":
        world.deploy(pond(B, A, version="1.0.1"))
    elif way == "budget":
        world.set_budgets(B, source=1)
    else:
        world.order(B, way)  # type: ignore[arg-type]
    world.run_until()
    assert world.states[C].end_f >= wanted
    assert counts(world, "success")[C] == 1
    assert world.at_rest()


def test_a_sleeping_line_that_failed_is_not_tried_again_for_a_new_sink_that_wants_nothing() -> None:
    world = deployed(pond(A), pond(B, A, source_retries=3), outcome=fails((B, 1)))
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(1.5))
    world.order(B, "sleep")
    world.deploy(pond(C, B))
    world.run_until()
    assert counts(world) == {A: 1, B: 1, C: 0}
    world.trigger(C, "pulse")
    world.run_until()
    assert counts(world, "success") == {A: 2, B: 1, C: 1}


# what comes while a line is down


@pytest.mark.parametrize("kind", ["pulse", "tap"])
@pytest.mark.parametrize("way", ["clear", "deploy", "wake"])
def test_an_arrival_that_finds_its_line_failed_or_was_consumed_by_the_failed_run_is_served_once(
    kind: str, way: str
) -> None:
    world = deployed(pond(A), pond(B, A), outcome=fails((A, 1)))
    consumed = world.trigger(A, kind)
    world.run_until()
    later = consumed
    for _ in range(3):
        later = world.trigger(A, kind)
        world.run_until(world.now + seconds(5))
    assert counts(world) == {A: 1, B: 0}
    if way == "deploy":
        world.deploy(pond(A, version="1.0.1"))
    else:
        world.order(A, way)  # type: ignore[arg-type]
    world.run_until()
    (served,) = world.runs(A, "success")
    assert served.f >= later
    assert world.at_rest()


@pytest.mark.parametrize("kind", ["pulse", "tap"])
def test_what_only_the_failed_run_was_for_is_served_after_the_clear(kind: str) -> None:
    world = deployed(pond(A), pond(B, A), outcome=fails((B, 1)))
    world.trigger(B, kind)
    world.run_until()
    assert world.states[B].health == "failed"
    world.order(B, "clear")
    world.run_until()
    assert [run.status for run in world.runs(B)] == ["failed", "success"]
    assert world.at_rest()


@pytest.mark.parametrize("kind", ["pulse", "tap"])
def test_what_is_asked_of_a_blocked_line_runs_it_once_after_the_recovery(kind: str) -> None:
    world = deployed(pond(A), pond(B, A), pond(C, B), outcome=fails((A, 1)))
    world.trigger(A, "pulse")
    world.run_until()
    for _ in range(3):
        wanted = world.trigger(C, kind)
        world.run_until()
    assert counts(world) == {A: 1, B: 0, C: 0}
    world.order(A, "clear")
    world.run_until()
    assert counts(world, "success")[C] == 1
    if kind == "pulse":
        assert {state.end_f for state in world.states.values()} == {wanted}
    assert world.at_rest()


def test_a_tap_during_a_run_that_fails_comes_back_with_it() -> None:
    world = deployed(pond(A), outcome=fails((A, 1)))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    world.order(A, "sleep")  # what the run was for is not wanted any more
    world.run_until(world.now + seconds(0.1))
    world.trigger(A, "tap")
    world.run_until()
    assert world.states[A].health == "failed"
    world.order(A, "clear")
    world.run_until()
    assert [run.status for run in world.runs(A)] == ["failed", "success"]


def test_a_kill_drops_what_was_asked_before_it_and_keeps_what_is_asked_after_it() -> None:
    world = deployed(pond(A), durations={A: 5})
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(1))
    world.order(A, "kill")
    world.run_until()
    assert (world.states[A].targets, world.states[A].kept) == ((), None)
    world.order(A, "clear")
    world.run_until()
    assert counts(world) == {A: 1}
    world.order(A, "kill")
    wanted = [world.trigger(A, "pulse") for _ in range(2)]
    world.trigger(A, "tap")
    world.run_until()
    assert world.states[A].targets == (wanted[-1],)
    world.order(A, "clear")
    world.run_until()
    assert counts(world, "success") == {A: 1}
    assert world.states[A].end_f >= wanted[-1]


def test_sleep_drops_also_what_a_run_in_flight_was_for() -> None:
    world = deployed(pond(A), outcome=fails((A, 1)))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    world.order(A, "sleep")
    world.run_until()
    world.order(A, "clear")
    world.run_until()
    assert counts(world) == {A: 1}
    assert world.at_rest()


def test_what_a_failed_run_was_for_is_left_to_a_newer_one_in_flight() -> None:
    world = deployed(
        pond(A, ripples=chain_of("x", "y")), durations={f"{A}.y": 5}, outcome=fails((f"{A}.y", 1))
    )
    world.trigger(A, "tap")
    world.run_until(world.now + seconds(3))
    world.trigger(A, "pulse")
    world.run_until()
    assert [run.status for run in world.runs(A)] == ["failed", "success", "success"], (
        "a Tap is as many runs as the Pond is deep"
    )
    assert world.at_rest(), "the newer run answered the one that failed, too"


def test_a_target_that_a_run_in_flight_was_to_satisfy_comes_back_when_that_fails() -> None:
    world = deployed(pond(A), outcome=fails((A, 1)))
    world.run_until(START + seconds(10))
    world.trigger(A, "tap")
    world.run_until(world.now + seconds(0.5))
    late = START + seconds(9)
    world.post("api", A, Triggered("pulse", late))
    world.run_until()
    world.order(A, "clear")
    world.run_until()
    assert counts(world, "success") == {A: 1}
    assert world.states[A].end_f >= late


def test_many_pulses_for_a_line_that_is_down_are_kept_as_one() -> None:
    world = deployed(pond(A), outcome=fails((A, 1)))
    world.trigger(A, "pulse")
    world.run_until()
    for _ in range(100):
        wanted = world.trigger(A, "pulse")
        world.run_until()
    assert world.states[A].targets == (wanted,)


def test_a_source_that_comes_to_have_tries_again_is_asked_for_what_waits_for_it() -> None:
    """Two levels above; nothing of it was known while it had none."""
    world = deployed(pond(A), pond(B, A), pond(C, B), pond(D, C), outcome=fails((B, 1)))
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(1.5))
    world.order(B, "sleep")
    world.run_until()
    wanted = world.trigger(D, "pulse")
    world.trigger(D, "wave")
    world.run_until()
    world.post("api", B, BudgetSet(source_retries=1))
    world.run_until(world.now + seconds(200))
    assert world.states[D].end_f >= wanted
    assert counts(world, "success")[D] > 10


def test_the_letter_of_a_source_that_is_tried_again_is_answered_once() -> None:
    state = deployed(pond(A), pond(B, A)).states[B]
    state = step(state, Triggered("pulse", START), START).state
    down = SourceReport(down=Down(A, "failed", "no", retries=True))
    told = SourceTold(A, down, stamp=(9, 0))
    heard = step(state, told, START)
    assert [effect for effect in heard.effects if isinstance(effect, SendTarget)] == [
        SendTarget(A, START)
    ]
    assert heard.state.retries
    assert step(heard.state, told, START) == (heard.state, ())
    taps = step(heard.state, Triggered("tap", START + seconds(1)), START + seconds(1)).state
    assert taps.kept == Kept(START + seconds(1), own=True, anew=START + seconds(1))


# triggers by hand, and what sleeps on another branch


@pytest.mark.parametrize("kind", ["wave", "tap"])
def test_a_trigger_by_hand_while_a_line_is_down_wakes_what_sleeps_on_another_branch(
    kind: str,
) -> None:
    """D reads B (down) and C, which waits for A, which was put to sleep and has forgotten that."""
    world = deployed(pond(A), pond(B), pond(C, A), pond(D, B, C))
    world.add_window(A, Window("tomorrow", START + seconds(DAY), seconds(DAY), seconds(3600)))
    world.run_until(world.now + seconds(1))
    world.trigger(D, "tap")
    world.run_until(world.now + seconds(5))
    world.order(A, "sleep")
    world.remove_window(A, "tomorrow")
    world.order(B, "kill")
    world.run_until(world.now + seconds(5))
    assert (world.states[A].pull, world.states[C].pull is not None, world.states[D].blocked) == (
        None,
        True,
        True,
    )
    world.trigger(D, kind)
    world.run_until(world.now + seconds(5))
    assert counts(world) == {A: 0, B: 1, C: 0, D: 0}
    world.order(B, "clear")
    world.run_until(world.now + seconds(60))
    assert counts(world)[D] >= 1


# Pulses that come together


@pytest.mark.parametrize("gap", [0, 0.002, 0.03])
@pytest.mark.parametrize("many", [2, 5])
def test_pulses_that_nobody_can_tell_apart_are_one_run_as_fresh_as_the_last(
    gap: float, many: int
) -> None:
    world = deployed(
        pond(A, ripples=chain_of("x", "y")),
        pond(B),
        pond(C, A),
        pond(D, B, C),
        latency=lambda _: seconds(0.04),
    )
    for n in range(many):
        wanted = world.trigger(D, "pulse")
        if n < many - 1:
            world.run_until(world.now + seconds(gap / many))
    world.run_until()
    assert counts(world) == {A: 1, B: 1, C: 1, D: 1}
    assert {state.end_f for state in world.states.values()} == {wanted}
    assert world.at_rest()


def test_a_pulse_after_the_start_of_a_run_is_another_run() -> None:
    world = deployed(pond(A))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.001))
    wanted = world.trigger(A, "pulse")
    world.run_until()
    assert counts(world) == {A: 2}
    assert world.states[A].end_f == wanted
    assert all(row.f <= row.started for row in world.runs(A)), (
        "nothing is fresher than what it read"
    )


def test_a_pulse_that_a_run_in_flight_answers_comes_back_if_it_fails() -> None:
    world = deployed(pond(A), outcome=fails((A, 1)), latency=lambda _: seconds(0.04))
    world.trigger(A, "pulse")
    wanted = world.trigger(A, "pulse")
    world.run_until()
    assert counts(world) == {A: 1}
    world.order(A, "clear")
    world.run_until()
    assert counts(world) == {A: 2}
    assert world.states[A].end_f == wanted


def test_what_a_sink_took_of_a_run_that_answered_two_pulses_is_replaced_once() -> None:
    world = deployed(
        pond(A, ripples=chain_of("x", "y")), pond(B, A), latency=lambda _: seconds(0.04)
    )
    world.trigger(B, "pulse")
    world.trigger(B, "pulse")
    world.run_until()
    world.trigger(B, "tap")
    world.run_until()
    assert counts(world) == {A: 4, B: 2}, "as a Tap after one Pulse"


@pytest.mark.parametrize("kind", ["tide", "pulse"])
@pytest.mark.parametrize("optional", ["", "?"])
@pytest.mark.parametrize("way", ["kill", "remove"])
def test_what_a_failed_line_had_asked_of_a_source_is_asked_again_when_that_has_lost_it(
    kind: str, optional: str, way: str
) -> None:
    """The Source was at work for the retry. What it was asked for before a kill or a removal it
    forgets.
    """
    sink = pond(B, f"{A}{optional}", source_retries=5)
    world = deployed(pond(A), sink, pond(C, B), durations={A: 10}, outcome=fails_in_runs(B, 1))
    standing(world, C, kind, 3_600)
    while not (
        world.states[B].health == "failed" and world.states[B].targets and world.states[A].runs
    ):
        world.run_until(world.now + seconds(1))
    if way == "kill":
        world.order(A, "kill")
        world.run_until(world.now + seconds(2))
        world.order(A, "clear")
    else:
        world.remove(A)
        world.run_until(world.now + seconds(2))
        world.deploy(pond(A, version="1.0.1"))
    world.run_until(world.now + seconds(1_000))
    assert [run.status for run in world.runs(B)][:2] == ["failed", "success"]
    assert world.runs(C, "success")


@pytest.mark.parametrize("kind", ["tap", "wave", "pulse", "tide"])
@pytest.mark.parametrize("to", [B, C])
def test_a_trigger_by_hand_asks_again_what_a_failed_line_had_asked_of_a_source_put_to_sleep(
    kind: str, to: Line
) -> None:
    world = deployed(pond(A), pond(B, A, source_retries=5), pond(C, B), outcome=fails_in_runs(B, 1))
    world.add_window(A, Window("w", START, seconds(1_000), seconds(10)))
    world.run_until(START + seconds(0.5))
    world.trigger(C, "pulse")
    world.run_until(START + seconds(100))
    assert world.states[B].has_tries
    assert world.states[B].targets
    world.order(A, "sleep")
    world.run_until(START + seconds(200))
    standing(world, to, kind, 600)
    world.run_until(START + seconds(2_500), most=1_000_000)
    assert [run.status for run in world.runs(B)][:2] == ["failed", "success"]
    assert world.runs(C, "success")
