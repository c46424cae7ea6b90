"""Why a line starts no run, one cause after the other."""

from __future__ import annotations

from datetime import timedelta

from duckstring.engine.causes import (
    Asleep,
    Blocked,
    Busy,
    Cause,
    DeployWaits,
    Due,
    Failed,
    ForceWaits,
    Holder,
    Killed,
    Lags,
    NotAsked,
    NotDeployed,
    NotReceived,
    RetryAt,
    RunFirst,
    Short,
    TideDue,
    WaitsForToken,
    WindowClosed,
    leads_to,
)
from duckstring.engine.runs import MOST_RUNS
from duckstring.engine.state import Down, Kept, PondState, SourceReport, SourceView, Tide, Wave
from duckstring.engine.why import chain, hindrances, next_use, short_sources, token_waits
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Occurrence, Window
from duckstring.testing.simulator import (
    START,
    Attempted,
    Conditions,
    World,
    chain_of,
    pond,
    seconds,
)
from tests.unit.engine.test_demand import A, B, C, D, deployed

DOWN = Failure("run", 1, "ValueError", "no rows")
DAILY = Window("daily", START + seconds(600), timedelta(days=1), seconds(60))


def fails(*lines: Line):
    def outcome(attempted: Attempted) -> Failure | None:
        return DOWN if attempted[0] in lines else None

    return outcome


def causes(world: World, line: Line) -> tuple[Cause, ...]:
    return hindrances(world.states[line], pond(line), world.now)


def kinds(world: World, line: Line) -> list[str]:
    return [type(cause).__name__ for cause in causes(world, line)]


def roots(world: World, line: Line, *, absent: tuple[Line, ...] = ()) -> list[tuple[Line, Cause]]:
    known = {of: pond(of) for of in world.states if of not in absent}
    found, _ = chain(line, world.states, known, world.now, most=100)
    return [(one.line, cause) for one in found for cause in one.causes if not leads_to(cause)]


def test_a_line_that_nobody_deployed_is_told_from_one_that_has_not_received_its_deploy() -> None:
    assert hindrances(PondState(A), None, START) == (NotDeployed(),)
    assert hindrances(PondState(A), pond(A), START) == (NotReceived(START),)


def test_a_line_at_rest_is_one_that_nobody_asks() -> None:
    world = deployed(pond(A))
    assert causes(world, A) == (NotAsked(),)


def test_a_line_that_was_put_to_sleep_says_so() -> None:
    world = deployed(pond(A))
    world.order(A, "sleep")
    world.run_until()
    assert causes(world, A) == (Asleep(),)


def test_a_tide_says_when_it_asks_next_and_once_that_is_past_that_it_is_due() -> None:
    world = deployed(pond(A))
    world.trigger(A, "tide", bound=seconds(100))
    world.run_until(world.now + seconds(20))
    state = world.states[A]
    due = state.start_f + seconds(100)
    assert causes(world, A) == (TideDue(due),)
    assert hindrances(state, pond(A), due) == (Due(),)


def test_a_killed_line_names_the_kill_and_that_nobody_asks_it_since() -> None:
    world = deployed(pond(A))
    world.order(A, "kill")
    world.run_until()
    assert causes(world, A) == (Killed(), NotAsked())
    world.trigger(A, "pulse")
    world.run_until()
    assert causes(world, A) == (Killed(),)


def test_a_failed_line_without_a_try_names_the_run_and_its_error() -> None:
    world = deployed(pond(A), outcome=fails(A))
    world.trigger(A, "pulse")
    world.run_until()
    assert causes(world, A) == (Failed(1, DOWN, 1, 0),)
    unasked = replace(world.states[A], targets=(), kept=None)
    assert hindrances(unasked, pond(A), world.now) == (Failed(1, DOWN, 1, 0), NotAsked())


def test_an_inlet_with_tries_says_when_it_is_tried_again_and_then_that_it_is_due() -> None:
    world = deployed(pond(A, source_retries=3), outcome=fails(A))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(5))
    at = world.states[A].retry_at
    assert causes(world, A) == (Failed(1, DOWN, 1, 3), RetryAt(at, asks=False))
    assert hindrances(world.states[A], pond(A), at) == (Failed(1, DOWN, 1, 3), Due())


def test_a_line_that_tries_again_just_now_has_no_cause() -> None:
    world = deployed(pond(A, source_retries=3), outcome=fails(A))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(61.5))
    assert world.states[A].health == "failed"
    assert causes(world, A) == ()


def test_a_failed_inlet_waits_for_its_window() -> None:
    state = replace(
        deployed(pond(A, source_retries=1)).states[A],
        health="failed",
        failures=1,
        windows={"daily": DAILY},
    )
    opening = Occurrence("daily", DAILY.start, DAILY.start + DAILY.duration)
    assert hindrances(state, pond(A), START) == (
        Failed(0, None, 1, 1),
        WindowClosed(opening, used=False),
    )
    assert hindrances(state, pond(A), DAILY.start)[1:] == (Due(),)


def test_a_failed_line_with_sources_asks_them_and_then_waits_for_them() -> None:
    world = deployed(pond(A), pond(B, A, source_retries=2), outcome=fails(B))
    world.trigger(B, "pulse")
    world.run_until(world.now + seconds(5))
    view, state = world.states[B].sources[A], world.states[B]
    assert causes(world, B) == (
        Failed(1, DOWN, 1, 2),
        RetryAt(state.retry_at, asks=True),
        Short(A, view.report.end_f, None, asked=False),
    )
    asking = replace(state, retry_at=None, targets=(world.now,))
    assert hindrances(asking, pond(B, A), world.now)[1:] == (
        Short(A, view.report.end_f, None, asked=True),
    )
    fed = replace(view, report=replace(view.report, end_f=world.now))
    assert hindrances(replace(asking, sources={A: fed}), pond(B, A), world.now)[1:] == (Due(),)


def test_a_failed_line_that_nobody_wants_asks_nobody() -> None:
    world = deployed(pond(A), pond(B, A, source_retries=2), outcome=fails(B))
    world.trigger(A, "pulse")
    world.run_until()
    world.order(B, "wake")
    world.run_until()
    state = replace(world.states[B], woken=None)
    assert [type(one).__name__ for one in hindrances(state, pond(B, A), world.now)] == [
        "Failed",
        "NotAsked",
        "Short",
    ]
    asleep = replace(state, asleep=True)
    assert hindrances(asleep, pond(B, A), world.now)[1:] == (Asleep(),)


def test_a_failed_line_whose_source_is_down_names_that_source_once() -> None:
    down = Down(A, "killed")
    view = SourceView(A, report=SourceReport(START, down=down), taken=START)
    state = replace(
        deployed(pond(A), pond(B, A, source_retries=1)).states[B],
        health="failed",
        failures=1,
        start_f=START,
        sources={A: view},
        trigger=Wave(),
    )
    assert hindrances(state, pond(B, A), START)[1:] == (Blocked(A, down),)
    newer = {A: replace(view, report=SourceReport(START + seconds(1), down=down))}
    assert hindrances(replace(state, sources=newer), pond(B, A), START)[1:] == (Blocked(A, down),)


def test_what_is_blocked_leads_to_the_root_over_every_line_between() -> None:
    world = deployed(pond(A), pond(B, A), pond(C, B), outcome=fails(A))
    world.trigger(C, "pulse")
    world.run_until()
    assert kinds(world, C) == kinds(world, B) == ["Blocked"]
    assert roots(world, C) == [(A, Failed(1, DOWN, 1, 0))]


def test_a_blocked_line_that_nobody_asks_says_both_but_not_what_a_recovery_asks_for() -> None:
    world = deployed(pond(A), pond(B, A), outcome=fails(A))
    world.trigger(A, "pulse")
    world.run_until()
    assert kinds(world, B) == ["Blocked", "NotAsked"]
    state = world.states[B]
    for wanted in (replace(state, kept=Kept(START)), replace(state, trigger=Wave())):
        assert hindrances(wanted, pond(B, A), world.now) == causes(world, B)[:1]
    tide = replace(state, trigger=Tide(seconds(5)))
    assert hindrances(tide, pond(B, A), world.now) == causes(world, B)[:1]


def test_a_tide_asks_also_while_a_source_is_down_that_is_tried_again() -> None:
    world = deployed(pond(A, source_retries=1), pond(B, A), outcome=fails(A))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(5))
    state = replace(world.states[B], trigger=Tide(seconds(5)))
    assert [type(one).__name__ for one in hindrances(state, pond(B, A), world.now)] == [
        "Blocked",
        "Due",
    ]


def test_a_line_waits_for_a_source_that_has_too_little_and_that_one_for_its_own() -> None:
    world = deployed(pond(A), pond(B, A))
    epoch = world.trigger(B, "pulse")
    world.run_until(world.now + seconds(0.5))
    assert causes(world, B) == (Short(A, NEVER, epoch, asked=True),)
    ((of, busy),) = roots(world, B)
    assert (of, type(busy)) == (A, Busy)


def test_a_source_that_is_not_deployed_is_the_root() -> None:
    world = deployed(pond(B, A))
    world.trigger(B, "tap")
    world.run_until()
    assert causes(world, B) == (Short(A, NEVER, None, asked=True),)
    assert roots(world, B, absent=(A,)) == [(A, NotDeployed())]


def test_a_woken_line_asks_no_source() -> None:
    world = deployed(pond(A), pond(B, A))
    world.order(B, "wake")
    world.run_until()
    assert causes(world, B) == (Short(A, NEVER, None, asked=False),)
    assert roots(world, B) == [(A, NotAsked())]


def test_an_optional_source_is_waited_for_only_where_there_is_no_required_one() -> None:
    world = deployed(pond(A), pond(C), pond(B, f"{A}?", C), pond(D, f"{A}?"))
    world.order(B, "wake")
    world.order(D, "wake")
    world.run_until()
    assert [view.line for view in short_sources(world.states[B])] == [C]
    assert causes(world, D) == (Short(A, NEVER, None, asked=False),)


def test_a_pull_waits_for_a_source_that_lags() -> None:
    early, late = START, START + seconds(10)
    views = {
        A: SourceView(A, report=SourceReport(early), taken=early),
        C: SourceView(C, report=SourceReport(late), taken=early),
    }
    state = replace(deployed(pond(A), pond(C), pond(B, A, C)).states[B], sources=views, pull=START)
    assert hindrances(state, pond(B, A, C), late) == (Lags(A, early),)


def test_a_blocked_line_with_input_that_would_do_is_only_blocked() -> None:
    down = Down(A, "killed")
    view = SourceView(A, report=SourceReport(START, down=down))
    state = replace(deployed(pond(A), pond(B, A)).states[B], sources={A: view}, pull=START)
    assert hindrances(state, pond(B, A), START) == (Blocked(A, down),)
    short = {A: replace(view, report=SourceReport(NEVER, down=down))}
    assert hindrances(replace(state, sources=short), pond(B, A), START) == (Blocked(A, down),)


def test_demand_waits_for_a_window_until_it_opens() -> None:
    world = deployed(pond(A))
    world.add_window(A, DAILY)
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(1))
    opening = Occurrence("daily", DAILY.start, DAILY.start + DAILY.duration)
    assert causes(world, A) == (WindowClosed(opening, used=False),)
    assert hindrances(world.states[A], pond(A), DAILY.start) == (Due(),)


def test_a_window_that_was_used_is_told_from_one_that_is_closed_and_the_next_use_is_named() -> None:
    end = DAILY.start + DAILY.duration
    state = replace(
        deployed(pond(A)).states[A], windows={"daily": DAILY}, start_f=end, end_f=end, pull=START
    )
    following = DAILY.start + timedelta(days=1)
    opening = Occurrence("daily", following, following + DAILY.duration)
    assert hindrances(state, pond(A), DAILY.start) == (WindowClosed(opening, used=True),)
    far = replace(state, start_f=end + timedelta(days=2))
    assert next_use(far, DAILY.start).start == DAILY.start + timedelta(days=3)
    over = {"daily": replace(DAILY, until=DAILY.start + seconds(1))}
    assert hindrances(replace(state, windows=over), pond(A), end) == (
        WindowClosed(None, used=False),
    )


def test_a_deploy_and_a_forced_run_wait_for_the_run_in_flight() -> None:
    world = deployed(pond(A))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    state = world.states[A]
    coming = replace(state, next_release=pond(A, version="1.1.0"))
    assert hindrances(coming, pond(A), world.now) == (DeployWaits("1.1.0", (1,)),)
    assert hindrances(replace(state, force=True), pond(A), world.now) == (ForceWaits((1,)),)
    assert hindrances(replace(state, force=True, runs={}), pond(A), world.now) == (Due(),)


def test_nothing_is_in_the_way_of_a_line_that_runs_and_of_which_no_more_is_asked() -> None:
    world = deployed(pond(A))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    assert causes(world, A) == ()


def test_what_is_asked_meanwhile_waits_for_the_forced_run_for_the_root_or_for_the_run() -> None:
    world = deployed(pond(A))
    world.trigger(A, "pulse")
    world.run_until()
    world.order(A, "force")
    world.run_until(world.now + seconds(0.3))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.3))
    assert causes(world, A) == (RunFirst((2,)),)
    world.run_until(world.now + seconds(0.6))  # the forced run is over, and the Pulse runs
    assert causes(world, A) == ()
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.1))
    assert causes(world, A) == (RunFirst((3,)),)


def test_a_pulse_that_came_before_the_run_in_flight_began_waits_for_that_run() -> None:
    world = deployed(pond(A, ripples=chain_of("a", "b")))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(1.5))
    run = world.states[A].runs[1]
    state = replace(world.states[A], targets=(run.started,))
    assert hindrances(state, pond(A), world.now) == (RunFirst((1,)),)


def test_a_line_with_as_many_runs_as_there_may_be_starts_no_more() -> None:
    world = deployed(pond(A))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    run = world.states[A].runs[1]
    full = {number: replace(run, number=number) for number in range(1, MOST_RUNS + 1)}
    state = replace(world.states[A], runs=full, pull=world.now)
    assert hindrances(state, pond(A), world.now) == (RunFirst(tuple(full)),)


def test_a_lost_tick_makes_a_line_due() -> None:
    world = deployed(pond(A))
    state = replace(world.states[A], pull=world.now)
    assert hindrances(state, pond(A), world.now) == (Due(),)


def test_a_diamond_names_each_line_once_and_what_is_left_off_is_counted() -> None:
    world = deployed(pond(A), pond(B, A), pond(C, A), pond(D, B, C), outcome=fails(A))
    world.trigger(D, "pulse")
    world.run_until()
    known = {line: pond(line) for line in world.states}
    found, left = chain(D, world.states, known, world.now, most=100)
    assert ([one.line for one in found], left) == ([D, B, C, A], 0)
    found, left = chain(D, world.states, known, world.now, most=1)
    assert ([one.line for one in found], left) == ([D], 2)


def test_a_line_that_never_got_a_letter_is_part_of_the_chain() -> None:
    world = deployed(pond(B, A))
    world.trigger(B, "tap")
    world.run_until()
    states = {B: world.states[B]}
    found, _ = chain(B, states, {B: pond(B, A), A: pond(A)}, world.now, most=9)
    assert found[1].causes == (NotReceived(START),)


def test_an_opening_that_ends_before_the_freshness_that_a_line_has_is_of_no_use() -> None:
    long = Window("long", START + seconds(900), timedelta(days=1), seconds(600))
    short = Window("short", START + seconds(10), timedelta(days=1), seconds(5))
    state = PondState(A, windows={"long": long, "short": short}, start_f=START + seconds(300))
    assert next_use(state, START).window == "long"


def test_of_a_source_that_is_down_it_is_no_cause_that_nobody_asks_it() -> None:
    world = deployed(pond(A), pond(B, A))
    world.order(A, "kill")
    world.run_until()
    assert causes(world, A) == (Killed(), NotAsked())
    assert roots(world, B) == [(B, NotAsked()), (A, Killed())]


def test_a_killed_line_also_names_its_sources_that_are_down() -> None:
    world = deployed(pond(A), pond(B, A))
    world.order(A, "kill")
    world.order(B, "kill")
    world.trigger(B, "tap")
    world.run_until()
    assert causes(world, B) == (Killed(), Blocked(A, Down(A, "killed")))


def test_a_ripple_that_waits_for_a_token_names_who_has_it_and_how_many_are_ahead() -> None:
    world = World(Conditions(duration=lambda _l, _r: seconds(60)))
    world.set_limit("databricks", 1)
    world.deploy(*(pond(line, uses={"run": ("databricks",)}) for line in (A, B, C)))
    world.run_until()
    for line in (A, B, C):
        world.trigger(line, "pulse")
        world.run_until(world.now + seconds(1))
    holder = world.limits["databricks"].holders[0][1]
    (found,) = token_waits(world.states[C], world.limits)
    since = world.limits["databricks"].waiting[1][1].since
    assert found == WaitsForToken(
        "databricks", "run", 1, since, 1, (Holder(A, 1, "run", holder.since),), ahead=1
    )
    assert list(token_waits(world.states[A], world.limits)) == []
    attempt = world.states[C].ripples["run"].attempt
    assert attempt is not None
    (unheard,) = token_waits(world.states[C], {})
    assert unheard == WaitsForToken("databricks", "run", 1, attempt.since, None)
    ((_, causes_),) = (
        (one.line, one.causes)
        for one in chain(C, world.states, {C: pond(C)}, world.now, most=9, limits=world.limits)[0]
    )
    assert causes_ == (found,)
