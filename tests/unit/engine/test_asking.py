"""One step of a line in states that few histories come to: what it asks of its Sources, and what
it does not ask.
"""

from __future__ import annotations

import pytest

from duckstring.engine.effects import Effect, SendPull, SendTarget
from duckstring.engine.signals import (
    AlarmRang,
    BudgetSet,
    Deployed,
    Ordered,
    PullReceived,
    RippleSucceeded,
    SourceTold,
    TargetReceived,
)
from duckstring.engine.state import (
    Attempt,
    Down,
    PondState,
    RippleState,
    Run,
    SourceReport,
    SourceView,
    Tide,
    Wave,
)
from duckstring.engine.step import Step, step
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, ZERO, Instant
from duckstring.model.values import replace
from duckstring.testing.simulator import START, chain_of, pond, seconds
from tests.unit.engine.test_demand import A, B, C, D

F1, F2, F3 = (START + seconds(n) for n in (10, 20, 30))
NOW = START + seconds(100)
NO = Failure("x", 1, "ValueError", "no")
TRIED, LOST = Down(A, "failed", retries=True), Down(A, "failed")


def run(number: int, f: Instant, **more: object) -> Run:
    """A run in flight."""
    made = Run(number, f, NEVER, ZERO, "1.0.0", "artifact", "src/pond.py", 0, f)
    return replace(made, **more)


def view(line: str, end_f: Instant = F1, down: Down | None = None, **more: object) -> SourceView:
    """A Source at ``end_f``, all of it taken."""
    return replace(SourceView(line, report=SourceReport(end_f, down=down), taken=end_f), **more)


def line(*sources: SourceView, runs: tuple[Run, ...] = (), **more: object) -> PondState:
    """B with a chain of two Ripples, x and y: x has done ``F1``, and y has not."""
    named = [f"{one.line}{'?' if one.optional else ''}" for one in sources]
    state = PondState(
        B,
        release=pond(B, *named, ripples=chain_of("x", "y")),
        sources={one.line: one for one in sources},
        ripples={
            "x": RippleState("x", start_f=F1, end_f=F1),
            "y": RippleState("y", ("x",), pull=True),
        },
        runs={one.number: one for one in runs},
        runs_started=len(runs),
        start_f=F1,
        end_f=NEVER,
    )
    return replace(state, **more)


def asked(after: Step, *kinds: type[Effect]) -> list[Effect]:
    """What this step asks of Sources."""
    return [one for one in after.effects if isinstance(one, kinds or (SendPull, SendTarget))]


def waits_for(state: PondState, **more: object) -> PondState:
    """The state, with x at work on the run at ``F2`` that y does not take yet."""
    x = replace(state.ripples["x"], start_f=F2, attempt=Attempt(2, 1, F2, dispatched=True))
    return replace(
        state,
        ripples={**state.ripples, "x": x},
        runs={**state.runs, 2: run(2, F2, attempts={"x": 1}, **more)},
        start_f=F2,
        runs_started=2,
    )


def test_the_first_ripple_orders_of_the_sources_what_the_next_one_took() -> None:
    after = step(line(view(A), runs=(run(1, F1),)), AlarmRang(), NOW)
    assert after.state.ripples["y"].start_f == F1
    assert asked(after) == [SendPull(A, NOW, F1, waits=True)]


def test_a_ripple_whose_replacement_is_ordered_already_orders_nothing_more() -> None:
    before = line(view(A), runs=(run(1, F1),), pull=START)
    before = replace(
        before, ripples={**before.ripples, "x": replace(before.ripples["x"], pull=True)}
    )
    after = step(before, AlarmRang(), NOW)
    assert after.state.ripples["y"].start_f == F1
    assert after.state.ripples["x"].last_held == F1
    assert after.state.pull == START
    assert asked(after) == []


def test_a_failed_line_whose_other_run_goes_on_asks_its_sources_for_nothing() -> None:
    after = step(line(view(A), runs=(run(1, F1),), health="failed", failure=NO), AlarmRang(), NOW)
    assert after.state.ripples["y"].start_f == F1
    assert after.state.pull == NOW, "kept for when it is well again"
    assert asked(after) == []


def test_a_line_below_two_that_are_down_asks_the_one_that_is_tried_again() -> None:
    sources = (view(A, down=TRIED), view(C), view(D, down=replace(LOST, root=D)))
    after = step(line(*sources, runs=(run(1, F1),)), AlarmRang(), NOW)
    assert asked(after) == [SendPull(A, NOW, F1, waits=True)]


def test_a_run_that_a_target_began_counts_as_pulled_once_its_card_comes() -> None:
    """x began it without the card; y hands the card on when it takes what x did before."""
    after = step(waits_for(line(view(A), runs=(run(1, F1),))), AlarmRang(), NOW)
    assert after.state.ripples["x"].last_held == F1
    assert after.state.runs[2].pull == NOW
    assert asked(after) == [SendPull(A, NOW, F1, waits=False)]


@pytest.mark.parametrize(
    ("why_not", "of_state", "of_run"),
    [
        ("it was pulled before", {}, {"pull": START}),
        ("it is forced", {}, {"forced": True}),
        ("it is not the newest", {"start_f": F3}, {}),
        ("the line has failed", {"health": "failed", "failure": NO}, {}),
        ("a Source is down", {"sources": {A: view(A, down=LOST)}}, {}),
    ],
)
def test_a_card_asks_the_sources_once_and_only_for_the_newest_run_of_a_line_that_runs(
    why_not: str, of_state: dict[str, object], of_run: dict[str, object]
) -> None:
    before = replace(waits_for(line(view(A), runs=(run(1, F1),)), **of_run), **of_state)
    after = step(before, AlarmRang(), NOW)
    assert after.state.ripples["y"].start_f == F1
    assert after.state.runs[2].pull == before.runs[2].pull, why_not
    assert asked(after) == [], why_not


def test_a_ripple_that_goes_straight_to_the_next_version_orders_one_run_at_once() -> None:
    """The root Ripple is at work on a run that was cleared, which nobody will ever take."""
    before = waits_for(line(view(A), runs=(run(1, F1),)), failure=NO)
    y = RippleState("y", ("x",), start_f=F1, end_f=F1)
    z = RippleState(
        "z", ("y",), start_f=START, end_f=NEVER, pull=True, attempt=Attempt(0, 1, START)
    )
    before = replace(
        before,
        release=pond(B, A, ripples=chain_of("x", "y", "z")),
        ripples={**before.ripples, "y": y, "z": z},
        runs={0: run(0, START), **before.runs},
        start_f=F1,
        end_f=NEVER,
    )
    after = step(before, RippleSucceeded(0, "z", 1), NOW)
    assert after.state.ripples["z"].start_f == F1
    assert not after.state.ripples["z"].waited
    assert not after.state.ripples["y"].pull
    assert after.state.pull == NOW
    assert asked(after) == [SendPull(A, NOW, F1, waits=True)]


def test_a_ripple_is_not_started_with_older_input_than_it_is_wanted_for() -> None:
    """Another Ripple has overtaken the run at ``F1``, so nobody needs that of y."""
    before = waits_for(line(view(A), runs=(run(1, F1, superseded=True),)))
    y = replace(before.ripples["y"], pull=False, targets=(F2,))
    after = step(replace(before, ripples={**before.ripples, "y": y}), AlarmRang(), NOW)
    assert after.state.ripples["y"] == y


FAILED = {"health": "failed", "failure": NO, "failed_f": F1, "failures": 1, "asleep": True}


def told(source: str, down: Down | None = None) -> SourceTold:
    """A later report of a Source, which has published nothing since."""
    return SourceTold(source, SourceReport(F1, down=down), stamp=(9, 9))


@pytest.mark.parametrize(("tries", "wants"), [(1, [SendTarget(A, NOW)]), (0, [])])
def test_a_line_that_failed_for_good_asks_no_source_though_that_is_tried_again(
    tries: int, wants: list[Effect]
) -> None:
    before = line(view(A, down=LOST), **FAILED, source_retries=tries, targets=(NOW,))
    assert asked(step(before, told(A, TRIED), NOW)) == wants


@pytest.mark.parametrize(("others", "wants"), [((), [SendTarget(D, NOW)]), ((view(A),), [])])
def test_a_failed_line_asks_an_optional_source_that_recovers_only_if_it_has_no_others(
    others: tuple[SourceView, ...], wants: list[Effect]
) -> None:
    down = view(D, down=replace(LOST, root=D), optional=True)
    before = line(*others, down, **FAILED, source_retries=1, targets=(NOW,))
    assert asked(step(before, told(D), NOW)) == wants


@pytest.mark.parametrize(("health", "required"), [("ok", view(A, down=LOST)), ("killed", view(A))])
def test_a_line_that_is_down_for_good_asks_nothing_of_an_optional_source_that_recovers(
    health: str, required: SourceView
) -> None:
    down = view(D, down=replace(LOST, root=D), optional=True)
    before = line(required, down, targets=(NOW,), pull=NOW, health=health)
    after = step(before, told(D), NOW)
    assert after.state.sources[D].report.down is None
    assert asked(after) == []


def test_a_version_that_is_deployed_below_a_line_that_is_down_asks_it_again() -> None:
    before = line(view(A, down=TRIED), targets=(NOW,), end_f=F1)
    before = replace(before, ripples={})
    after = step(before, Deployed(pond(B, A, version="1.1.0")), NOW)
    assert asked(after) == [SendTarget(A, NOW)]


def test_what_came_while_a_line_was_killed_is_asked_of_a_source_that_is_tried_again() -> None:
    before = line(view(A, down=TRIED), health="killed", end_f=F1)
    kept = step(before, PullReceived(C, NOW, F1, (1, 0)), NOW)
    assert asked(kept) == []
    cleared = step(kept.state, Ordered("clear", NOW), NOW)
    assert asked(cleared) == [SendPull(A, NOW, F1, waits=True)]


def test_a_failed_line_that_is_given_tries_asks_a_source_that_is_tried_again() -> None:
    before = line(view(A, down=TRIED), **FAILED, targets=(NOW,))
    after = step(before, BudgetSet(None, 1), NOW)
    assert asked(after) == [SendTarget(A, NOW)]


@pytest.mark.parametrize(("tries", "targets"), [(1, (NOW,)), (0, ())])
def test_a_tide_asks_of_a_failed_line_only_while_that_has_tries_left(
    tries: int, targets: tuple[Instant, ...]
) -> None:
    """A forced run failed: what is published is as old as before."""
    before = line(view(A), **FAILED, source_retries=tries, trigger=Tide(seconds(10)), end_f=F1)
    after = step(replace(before, asleep=False), AlarmRang(), NOW)
    assert after.state.targets == targets


def test_nothing_begins_while_a_forced_run_waits_for_the_runs_in_flight() -> None:
    y = RippleState("y", ("x",), start_f=F1, attempt=Attempt(1, 1, F1, dispatched=True))
    before = line(view(A, F3), runs=(run(1, F1, attempts={"x": 1, "y": 1}),), force=True)
    before = replace(before, ripples={**before.ripples, "y": y})
    pushed = step(before, TargetReceived(C, F3, (1, 0)), NOW).state
    assert pushed.targets == (F3,)
    assert list(pushed.runs) == [1]
    done = step(pushed, RippleSucceeded(1, "y", 1), NOW).state
    assert [(one.number, one.forced) for one in done.runs.values()] == [(2, True)]


def test_a_wave_asks_again_once_its_line_is_well() -> None:
    before = line(view(A), health="killed", trigger=Wave(), end_f=F1)
    before = replace(before, ripples={"x": before.ripples["x"]})
    assert asked(step(before, AlarmRang(), NOW)) == []
    after = step(before, Ordered("clear", NOW), NOW)
    assert after.state.pull == NOW
    assert asked(after) == [SendPull(A, NOW, F1, waits=True)]


def at_rest(state: PondState) -> PondState:
    """The state, with everything done at ``F1``."""
    y = RippleState("y", ("x",), start_f=F1, end_f=F1)
    return replace(state, ripples={**state.ripples, "y": y}, end_f=F1)


def test_a_pull_waits_for_the_source_that_would_make_its_run_old_and_asks_that_once() -> None:
    before = at_rest(line(view(A, F2), view(C, F3, taken=F1), pull=START))
    after = step(before, AlarmRang(), NOW)
    assert asked(after) == [SendPull(A, NOW, F2, waits=True)]
    again = step(after.state, AlarmRang(), NOW)
    assert (list(again.state.runs), asked(again)) == ([], [])
    news = SourceTold(A, SourceReport(F3), stamp=(9, 9))
    assert [one.f for one in step(again.state, news, NOW).state.runs.values()] == [F3]


@pytest.mark.parametrize(("by_hand", "wants"), [(NEVER, []), (NOW, [SendTarget(A, NOW)])])
def test_a_failed_line_that_has_asked_asks_again_only_for_what_is_triggered_by_hand(
    by_hand: Instant, wants: list[Effect]
) -> None:
    before = at_rest(line(view(A), **FAILED, source_retries=1, targets=(F3,)))
    after = step(before, PullReceived(C, NOW, F1, (1, 0), waits=True, anew=by_hand), NOW)
    assert after.state.kept is not None
    assert asked(after) == wants


@pytest.mark.parametrize(("down", "wants"), [(TRIED, [SendTarget(A, NOW)]), (LOST, [])])
def test_a_tide_asks_of_a_source_that_is_down_only_while_that_is_tried_again(
    down: Down, wants: list[Effect]
) -> None:
    before = at_rest(line(view(A, down=down), trigger=Tide(seconds(10))))
    after = step(before, AlarmRang(), NOW)
    assert asked(after) == wants
    assert bool(after.state.targets) is bool(wants), "nor does it keep what nobody will answer"
