"""Worked examples of failures, blocking, recovery, lost executions and deploys."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from duckstring.adapters.aws import codec
from duckstring.engine.effects import AnswerGate, RecordAttempt, StartRun, TellSinks
from duckstring.engine.letters import letters_of
from duckstring.engine.ripples import MOST_LOSSES
from duckstring.engine.signals import (
    Deployed,
    ExecutionEnded,
    GateReached,
    PullReceived,
    RippleSucceeded,
    Triggered,
)
from duckstring.engine.state import PondState, SourceReport
from duckstring.engine.step import step, steps
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, ZERO
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import START, Attempted, World, chain_of, pond, seconds
from tests.property.worlds import newer
from tests.unit.engine.test_demand import CHAIN, A, B, C, D, counts, deployed

E = Line("e@1")


def fails(*which: tuple[str, int]) -> Callable[[Attempted], Failure | None]:
    """The first n attempts of each (line or line.ripple) end badly."""
    left = dict(which)

    def outcome(attempted: Attempted) -> Failure | None:
        line, _, ripple, attempt = attempted
        for name in (line, f"{line}.{ripple}"):
            if left.get(name, 0) > 0:
                left[name] -= 1
                return Failure(ripple, attempt, "ValueError", f"no luck in {name}")
        return None

    return outcome


def test_immediate_retries_run_the_same_ripple_again_in_the_same_run() -> None:
    world = deployed(
        pond(A, ripples=chain_of("x", "y"), immediate_retries=2), outcome=fails((f"{A}.y", 2))
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert [a[0][2:] for a in world.attempts] == [("x", 1), ("y", 1), ("y", 2), ("y", 3)]
    assert counts(world, "success") == {A: 1}


def test_the_retry_budget_is_the_runs_own_and_shared_by_its_ripples() -> None:
    world = deployed(
        pond(A, ripples=(("x", ()), ("y", ())), immediate_retries=1),
        outcome=fails((f"{A}.x", 1), (f"{A}.y", 1)),
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert [run.failure.message for run in world.runs(A, "failed")] == [f"no luck in {A}.y"]


def test_a_failed_run_keeps_its_error_and_says_so() -> None:
    world = deployed(*CHAIN, outcome=fails((B, 1)))
    epoch = world.trigger(C, "pulse")
    world.run_until()
    (row,) = world.runs(B)
    assert (row.status, row.failure) == (
        "failed",
        Failure("run", 1, "ValueError", "no luck in b@1"),
    )
    assert [(line, e.event, e.f, e.run) for line, e in world.events if line == B] == [
        (B, "failed", epoch, 1)
    ]
    assert (
        world.states[C].reason == world.states[B].reason == "b@1 failed: ValueError: no luck in b@1"
    )
    assert [(e.event, e.reason) for line, e in world.events if line == C] == [
        ("blocked", "b@1 failed: ValueError: no luck in b@1")
    ]


def test_a_failure_blocks_its_required_descendants_and_nobody_else() -> None:
    world = deployed(
        pond(A), pond(B, A), pond(C, B), pond(D, A, f"{B}?"), pond(E, A), outcome=fails((B, 1))
    )
    for line in (C, D, E):
        world.trigger(line, "pulse")
    world.run_until()
    assert {line for line, state in world.states.items() if state.blocked} == {B, C}
    epoch = world.trigger(D, "pulse")
    world.run_until()
    assert world.states[D].end_f == epoch, "an optional Source that is down stops nobody"


def test_a_blocked_pond_takes_no_new_demand() -> None:
    world = deployed(*CHAIN, outcome=fails((A, 1)))
    world.trigger(C, "pulse")
    world.run_until()
    asked = dict(world.sent)
    world.trigger(C, "tap")
    world.trigger(C, "pulse")
    world.run_until()
    assert (world.sent["PullReceived"], world.sent["TargetReceived"]) == (
        asked.get("PullReceived", 0),
        asked["TargetReceived"],
    )


@pytest.mark.parametrize(("kind", "more"), [("wave", 5), ("pulse", 1), ("tap", 1)])
def test_what_was_wanted_is_asked_for_again_after_a_recovery(kind: str, more: int) -> None:
    world = deployed(*CHAIN, outcome=fails((A, 1)))
    world.trigger(C, kind)
    world.run_until(START + seconds(30))
    assert all(state.blocked for state in world.states.values())
    world.deploy(pond(A, version="1.0.1"))
    world.run_until(START + seconds(60))
    assert not any(state.blocked for state in world.states.values())
    assert len(world.runs(C, "success")) >= more
    assert [e.event for line, e in world.events if line == C][:2] == ["blocked", "recovered"]


def test_a_tide_goes_on_after_a_recovery() -> None:
    world = deployed(*CHAIN, outcome=fails((A, 1)))
    world.trigger(C, "tide", bound=seconds(5))
    world.run_until(START + seconds(30))
    assert len(world.states[C].targets) == 1
    world.deploy(pond(A, version="1.0.1"))
    world.run_until(START + seconds(60))
    assert len(world.runs(C, "success")) >= 4


def test_source_retries_run_afresh_as_sources_move_on() -> None:
    world = deployed(pond(A), pond(B, A, source_retries=2), outcome=fails((B, 2)))
    world.trigger(B, "pulse")
    world.run_until()
    for _ in range(2):
        world.trigger(A, "pulse")
        world.run_until()
    assert [run.status for run in world.runs(B)] == ["failed", "failed", "success"]
    assert (world.states[B].health, world.states[B].failures) == ("ok", 0)
    assert [e.previous for line, e in world.events if line == B and e.event == "failed"] == [
        "running",
        "failed",
    ]


def test_without_source_retries_left_a_failed_pond_stays_failed() -> None:
    world = deployed(pond(A), pond(B, A, source_retries=1), outcome=fails((B, 9)))
    world.trigger(B, "pulse")
    world.run_until()
    for _ in range(3):
        world.trigger(A, "pulse")
        world.run_until()
    assert counts(world, "failed") == {A: 0, B: 2}
    assert world.states[B].blocked


def test_a_failed_inlet_tries_the_world_again_after_a_back_off_that_doubles() -> None:
    world = deployed(pond(A, source_retries=9), outcome=fails((A, 8)))
    epoch = world.trigger(A, "pulse")
    world.run_until()
    rows = world.runs(A)
    waits = [later.started - sooner.finished for sooner, later in itertools.pairwise(rows)]
    assert waits == [seconds(60 * 2**n) for n in range(6)] + [seconds(3600)] * 2
    assert [row.status for row in rows] == ["failed"] * 8 + ["success"]
    assert world.states[A].end_f > epoch
    assert world.at_rest()


def test_a_failed_run_cancels_what_waits_and_lets_what_runs_finish() -> None:
    ripples = (("bad", ()), ("long", ()), ("after", ("long",)))
    world = deployed(
        pond(A, ripples=ripples), durations={f"{A}.long": 9}, outcome=fails((f"{A}.bad", 1))
    )
    epoch = world.trigger(A, "pulse")
    world.run_until(epoch + seconds(2))
    assert list(world.states[A].runs) == [1], "long still runs"
    world.run_until()
    assert world.states[A].runs == {}
    assert world.waiting() == []
    assert [a[0][2] for a in world.attempts] == ["bad", "long"]
    assert counts(world) == {A: 1}


def test_an_attempt_that_nobody_was_told_to_run_falls_with_its_run() -> None:
    world = deployed(pond(A, ripples=(("bad", ()), ("x", ()), ("y", ("x",)))))
    world.trigger(A, "pulse")
    world.run_until(world.now)
    state = replace(
        world.states[A], runs={1: replace(world.states[A].runs[1], waiting=frozenset())}
    )
    failure = Failure("bad", 1, "E", "m")
    happened = (RippleSucceeded(1, "x", 1), GateReached(1, 1, "bad", 1, "failed", failure))
    failed = steps(state, happened, world.now).state
    assert failed.ripples["y"].attempt is None
    assert failed.runs == {}
    assert step(failed, GateReached(1, 1, "y"), world.now).effects == (
        AnswerGate(1, 1, "y", "cancelled", failure=failure),
    )


def test_a_second_failure_of_a_failed_run_ends_its_attempt_only() -> None:
    world = deployed(
        pond(A, ripples=(("x", ()), ("y", ()))), durations={f"{A}.y": 3}, outcome=fails((A, 2))
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert counts(world, "failed") == {A: 1}
    assert world.states[A].failures == 1
    assert world.waiting() == []


def test_a_run_that_fails_while_a_deploy_waits_is_made_up_for_by_the_new_version() -> None:
    world = deployed(pond(A), pond(B, A), durations={A: 5}, outcome=fails((A, 1)))
    world.trigger(B, "wave")
    world.run_until(world.now + seconds(2))
    world.deploy(newer(pond(A), "1.1.0"))
    world.run_until(world.now + seconds(60))
    assert len(world.runs(B, "success")) > 5


def test_a_newer_run_in_flight_ends_the_episode_of_a_failed_one() -> None:
    world = deployed(
        pond(A, ripples=chain_of("x", "y")), durations={f"{A}.y": 5}, outcome=fails((f"{A}.y", 1))
    )
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(3))
    later = world.trigger(A, "pulse")
    world.run_until()
    assert [run.status for run in world.runs(A)] == ["failed", "success"]
    assert (world.states[A].health, world.states[A].end_f) == ("ok", later)
    assert [e.event for _, e in world.events] == ["failed", "succeeded", "recovered"]


def test_a_run_that_is_overtaken_completes_with_the_newer_one_and_lets_its_branches_go() -> None:
    world = deployed(pond(A, ripples=chain_of("x", "y")), durations={f"{A}.y": 9})
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(2))
    for _ in range(3):
        last = world.trigger(A, "pulse")
        world.run_until(world.now + seconds(2))
    assert [run.superseded for run in world.states[A].runs.values()] == [False] * 4
    world.run_until(world.now + seconds(4))
    assert [run.superseded for run in world.states[A].runs.values()] == [True, True, False]
    world.run_until()
    assert [a[0][1] for a in world.attempts if a[0][2] == "y"] == [1, 4]
    assert [(run.run, run.status) for run in world.runs(A)] == [
        (1, "success"),
        (2, "success"),
        (3, "success"),
        (4, "success"),
    ]
    assert [run.overtaken_by for run in world.runs(A)] == [0, 4, 4, 0]
    assert sorted(world.snapshots) == [(A, 1), (A, 4)]
    assert world.states[A].end_f == last
    assert world.waiting() == []


@pytest.fixture
def pushes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pushes begin runs while others are in flight, and a Ripple overtakes what another works on,
    as they did once: states of that time may still be stored.
    """
    rest = lambda turn: [  # noqa: E731
        ripple.attempt is None for ripple in turn.ripples.values() if not ripple.parents
    ]
    monkeypatch.setattr(
        "duckstring.engine.runs.room", lambda turn: (any(rest(turn)), all(rest(turn)))
    )
    monkeypatch.setattr("duckstring.engine.ripples._in_step", lambda _turn, _ripple, f: f)


@pytest.mark.usefixtures("pushes_at_once")
def test_no_ripple_starts_at_the_freshness_of_an_overtaken_run() -> None:
    ripples = (("q", ()), ("r", ()), ("join", ("q", "r")))
    world = deployed(pond(A, ripples=ripples), durations={f"{A}.q": 3, f"{A}.r": 2})
    world.trigger(A, "pulse")
    world.run_until()
    begun = world.trigger(A, "pulse")
    for at, kind in ((2.5, "pulse"), (2.8, "pulse"), (5, "tap")):
        world.run_until(begun + seconds(at))
        world.trigger(A, kind)
    world.run_until(begun + seconds(6.2))
    state = world.states[A]
    assert state.runs[3].superseded, "q went from run 2 to run 4"
    assert state.ripples["r"].end_f == state.runs[3].f, "r did not"
    world.run_until()
    assert [run for (_, run, name, _), _ in world.attempts if name == "join"] == [1, 2, 4, 5]
    assert world.waiting() == []


@pytest.mark.usefixtures("pushes_at_once")
def test_an_overtaken_run_is_not_published_though_every_ripple_has_passed_it() -> None:
    world = deployed(pond(A, ripples=(("q", ()), ("r", ()))), durations={f"{A}.q": 3, f"{A}.r": 2})
    begun = world.trigger(A, "pulse")
    for at in (2.5, 2.8):
        world.run_until(begun + seconds(at))
        world.trigger(A, "pulse")
    world.run_until(begun + seconds(6.2))
    assert (
        world.states[A].ripples["q"].end_f
        > world.states[A].ripples["r"].end_f
        == world.states[A].runs[2].f
    )
    assert world.states[A].end_f == begun
    world.run_until()
    assert sorted(number for _, number in world.snapshots) == [1, 3]


def test_a_branch_that_reaches_its_gate_after_its_run_was_overtaken_is_sent_home() -> None:
    world, state = started()
    over = step(state, RippleSucceeded(1, "run", 1), world.now).state
    assert step(over, GateReached(1, 1, "run"), world.now).effects == (
        AnswerGate(1, 1, "run", "done"),
    )


def test_what_fails_takes_with_it_the_runs_that_it_had_overtaken() -> None:
    world = deployed(
        pond(A, ripples=chain_of("x", "y")),
        durations={f"{A}.y": 9},
        outcome=lambda a: None if a[1:3] != (3, "y") else Failure("y", 1, "E", "m"),
    )
    for _ in range(3):
        world.trigger(A, "pulse")
        world.run_until(world.now + seconds(2))
    world.run_until()
    assert [(run.run, run.status) for run in world.runs(A)] == [
        (1, "success"),
        (2, "failed"),
        (3, "failed"),
    ]
    assert world.waiting() == []
    assert world.states[A].runs == {}


# lost executions


def test_a_lost_execution_is_launched_again_without_spending_the_budget() -> None:
    world = deployed(pond(A, ripples=chain_of("x", "y")))
    epoch = world.trigger(A, "pulse")
    world.run_until(epoch + seconds(1.5))
    world.lose_executions()
    world.run_until()
    assert [a[0][2:] for a in world.attempts] == [("x", 1), ("y", 1), ("y", 2)]
    assert (world.states[A].end_f, world.states[A].failures) == (epoch, 0)


def test_a_run_that_was_launched_again_has_its_whole_budget() -> None:
    world = deployed(pond(A, immediate_retries=1), outcome=fails((A, 1)))
    epoch = world.trigger(A, "pulse")
    world.run_until(epoch + seconds(0.5))
    world.lose_executions()
    world.conditions = replace(
        world.conditions, outcome=lambda a: Failure("run", 2, "E", "m") if a[3] == 2 else None
    )
    world.run_until()
    assert counts(world, "success") == {A: 1}


def test_a_run_is_launched_five_times_at_most() -> None:
    world = deployed(pond(A))
    world.trigger(A, "pulse")
    for _ in range(6):
        world.run_until(world.now + seconds(0.5))
        world.lose_executions()
    world.run_until()
    (row,) = world.runs(A)
    assert row.failure.error == "ExecutionLost"
    assert (
        row.failure.message
        == "The run's execution ended 5 times before its Ripples did: FAILED States.ServiceRestart"
    )
    assert len(world.attempts) == 5


def started(*releases: object, ripple: str = "run") -> tuple[World, PondState]:
    world = deployed(*releases or (pond(A),))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    assert world.states[A].ripples[ripple].attempt is not None
    return world, world.states[A]


def test_the_end_of_an_older_launch_or_of_a_run_that_is_over_changes_nothing() -> None:
    world, state = started()
    assert step(state, ExecutionEnded(1, 0, "FAILED"), world.now) == (state, ())
    assert step(state, ExecutionEnded(7, 1, "FAILED"), world.now) == (state, ())


def test_a_lost_attempt_is_recorded_and_its_run_launched_again() -> None:
    world, state = started()
    stepped = step(state, ExecutionEnded(1, 1, "ABORTED", "by hand"), world.now)
    failure = Failure("run", 1, "ExecutionLost", "ABORTED by hand")
    record, launch = stepped.effects
    assert record == RecordAttempt(1, "run", 1, "lost", world.now, failure)
    assert isinstance(launch, StartRun)
    assert (launch.launch, [(b.verdict, b.attempt) for b in launch.branches]) == (
        2,
        [("lambda", 2)],
    )


def test_an_execution_that_ends_after_its_run_failed_buries_it() -> None:
    ripples = (("bad", ()), ("long", ()))
    world = deployed(
        pond(A, ripples=ripples), durations={f"{A}.long": 99}, outcome=fails((f"{A}.bad", 1))
    )
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(2))
    world.lose_executions()
    world.run_until()
    assert world.states[A].runs == {}
    assert counts(world, "failed") == {A: 1}


# gates and stale attempts


def test_an_attempt_that_is_not_the_current_one_does_not_count() -> None:
    world, state = started()
    for late in (
        RippleSucceeded(1, "run", 2),
        RippleSucceeded(9, "run", 1),
        RippleSucceeded(1, "nobody", 1),
    ):
        assert step(state, late, world.now) == (state, ())
    failure = Failure("run", 2, "E", "m")
    stepped = step(state, GateReached(1, 1, "run", 2, "failed", failure), world.now)
    assert stepped.state.health == "ok"


def test_a_crash_is_recorded_for_the_worker_that_could_not() -> None:
    world, state = started(pond(A, immediate_retries=1))
    failure = Failure("run", 1, "OutOfMemory", "too much")
    stepped = step(state, GateReached(1, 1, "run", 1, "crashed", failure), world.now)
    assert stepped.effects == (
        RecordAttempt(1, "run", 1, "crashed", world.now, failure),
        AnswerGate(1, 1, "run", "lambda", 2),
    )


def test_what_the_world_loses_costs_no_budget_five_times() -> None:
    world, state = started(pond(A, immediate_retries=1))
    for attempt in range(1, MOST_LOSSES + 1):
        failure = Failure("run", attempt, "SlowDown", "503")
        stepped = step(state, GateReached(1, 1, "run", attempt, "lost", failure), world.now)
        state = stepped.state
        assert stepped.effects == (
            RecordAttempt(1, "run", attempt, "lost", world.now, failure),
            AnswerGate(1, 1, "run", "lambda", attempt + 1),
        )
        assert state.runs[1].budget == 1
    for attempt in (6, 7):
        state = step(
            state,
            GateReached(1, 1, "run", attempt, "lost", Failure("run", attempt, "SlowDown", "503")),
            world.now,
        ).state
    assert (state.health, state.failure) == ("failed", Failure("run", 7, "SlowDown", "503"))


def test_each_ripple_of_a_run_has_its_own_losses() -> None:
    names = [f"r{n}" for n in range(20)]
    _, state = started(pond(A, ripples=tuple((name, ()) for name in names)), ripple="r7")
    for attempt in range(1, MOST_LOSSES + 1):
        for name in names:
            stepped = step(
                state,
                GateReached(1, 1, name, attempt, "lost", Failure(name, attempt, "SlowDown", "503")),
                START,
            )
            state = stepped.state
            assert AnswerGate(1, 1, name, "lambda", attempt + 1) in stepped.effects
    assert state.health == "ok"
    state = step(
        state, GateReached(1, 1, "r7", 6, "lost", Failure("r7", 6, "SlowDown", "503")), START
    ).state
    assert state.runs[1].failure == Failure("r7", 6, "SlowDown", "503")


def test_a_long_message_of_forty_waiting_branches_fits_an_item() -> None:
    ripples = (("first", ()), *((f"after_{i}", ("first",)) for i in range(40)))
    world = deployed(pond(A, ripples=ripples))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    state = world.states[A]
    assert len(state.runs[1].waiting) == 40
    message = "x" * 24_000
    stepped = step(
        state,
        GateReached(1, 1, "first", 1, "failed", Failure("first", 1, "BinderException", message)),
        world.now,
    )
    answers = [effect for effect in stepped.effects if isinstance(effect, AnswerGate)]
    assert {answer.verdict for answer in answers} == {"cancelled"}
    assert len(answers) == 41
    size = len(codec.outbox_to_text(stepped.effects)) + len(codec.state_to_text(stepped.state))
    assert size < 100_000
    assert stepped.state.failure is not None
    assert stepped.state.failure.message.startswith("x" * 1000)


def test_a_hub_tells_its_sinks_by_one_effect_and_each_hears_it() -> None:
    sinks = [pond(f"s{i}@1", A) for i in range(30)]
    world = deployed(pond(A), *sinks)
    epoch = world.trigger("s0@1", "pulse")
    world.run_until()
    told = step(world.states[A], Triggered("pulse", epoch + seconds(99)), world.now)
    assert not [effect for effect in told.effects if isinstance(effect, TellSinks)]
    assert {world.states[sink.line].sources[A].report.end_f for sink in sinks} == {epoch}
    hub = world.states[A]
    report = SourceReport(epoch, epoch, ZERO, 1)
    letters = letters_of(hub, TellSinks(report), (hub.revision, 3))
    assert [letter.to for letter in letters] == sorted(sink.line for sink in sinks)
    assert len({letter.key for letter in letters}) == 30


def test_the_echo_of_a_gate_is_not_answered() -> None:
    world, state = started(pond(A, immediate_retries=3))
    gate = GateReached(1, 1, "run", 1, "failed", Failure("run", 1, "E", "m"))
    again = step(state, gate, world.now).state
    assert step(again, gate, world.now) == (again, ())


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [
        (GateReached(9, 1, "run"), "done"),
        (GateReached(1, 7, "run"), "done"),
        (GateReached(1, 1, "gone"), "done"),
        (GateReached(9, 1, "run", 1, "failed", Failure("run", 1, "E", "m")), "cancelled"),
        (GateReached(9, 1, "run", 1, "crashed"), "cancelled"),
    ],
)
def test_a_branch_with_nothing_to_wait_for_is_sent_home(gate: GateReached, verdict: str) -> None:
    world, state = started()
    (answer,) = step(state, gate, world.now).effects
    assert answer == AnswerGate(gate.run, gate.launch, gate.ripple, verdict, failure=gate.failure)


def test_a_late_branch_of_the_failed_run_is_cancelled_with_its_failure() -> None:
    world = deployed(pond(A), outcome=fails((A, 1)))
    world.trigger(A, "pulse")
    world.run_until()
    (answer,) = step(world.states[A], GateReached(1, 1, "run"), world.now).effects
    assert answer == AnswerGate(
        1, 1, "run", "cancelled", failure=Failure("run", 1, "ValueError", "no luck in a@1")
    )


# deploys


def test_a_deploy_waits_for_the_run_in_flight_which_finishes_on_its_own_version() -> None:
    world, _ = started()
    world.deploy(pond(A, version="1.1.0", ripples=chain_of("x", "y")))
    world.run_until(world.now + seconds(0.1))
    state = world.states[A]
    assert (state.release.version, state.next_release.version) == ("1.0.0", "1.1.0")
    world.trigger(A, "pulse")
    world.run_until()
    assert [(run.version, run.status) for run in world.runs(A)] == [
        ("1.0.0", "success"),
        ("1.1.0", "success"),
    ]
    assert set(world.states[A].ripples) == {"x", "y"}


def test_what_waits_for_a_failed_run_to_end_launches_as_soon_as_its_branches_are_let_go() -> None:
    world = deployed(pond(A, ripples=chain_of("x", "y")), outcome=fails((A, 1)))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    world.deploy(pond(A, version="1.0.1"))
    wanted = world.trigger(A, "pulse")
    world.run_until()
    assert [(run.version, run.status) for run in world.runs(A)] == [
        ("1.0.0", "failed"),
        ("1.0.1", "success"),
    ]
    assert world.states[A].end_f == wanted


def test_a_deploy_keeps_the_budgets_that_were_seeded_first() -> None:
    world = deployed(pond(A, immediate_retries=3, source_retries=2))
    world.deploy(pond(A, version="1.1.0", immediate_retries=0))
    world.run_until()
    assert (world.states[A].immediate_retries, world.states[A].source_retries) == (3, 2)


def test_a_deploy_clears_a_failure_and_starts_nothing() -> None:
    world = deployed(*CHAIN, outcome=fails((B, 1)))
    world.trigger(C, "pulse")
    world.run_until()
    world.deploy(pond(B, A, version="1.0.1"))
    world.run_until()
    state = world.states[B]
    assert (state.health, state.start_f, state.failure) == ("ok", state.end_f, None)
    assert world.states[C].end_f == world.states[A].end_f, "what C still wanted flows again"


def test_the_run_after_a_failure_that_a_deploy_cleared_does_not_pass() -> None:
    world = deployed(pond(A), pond(B, A), outcome=fails((B, 0)), prints=lambda *_: "same")
    world.trigger(B, "pulse")
    world.run_until()
    world.conditions = type(world.conditions)(outcome=fails((B, 1)), prints=lambda a, _: str(a[1]))
    world.trigger(B, "pulse")
    world.run_until()
    world.conditions = type(world.conditions)(prints=lambda *_: "2")
    world.deploy(pond(B, A, version="1.0.1"))
    world.run_until()
    assert [run.status for run in world.runs(B)] == ["success", "failed", "success"], (
        "the Pulse that its failed run consumed came back"
    )
    assert world.at_rest()


def test_a_line_that_was_down_within_one_delivery_lets_its_sinks_ask_again() -> None:
    world = deployed(pond(A), pond(B, A), outcome=fails((A, 1)))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    failure = GateReached(1, 1, "run", 1, "failed", Failure("run", 1, "E", "m"))
    stepped = steps(
        world.states[A],
        (failure, PullReceived(B, world.now, NEVER, (9, 0)), Deployed(pond(A, version="1.0.1"))),
        world.now,
    )
    sent = [effect.report.down for effect in stepped.effects if isinstance(effect, TellSinks)]
    assert [down is not None for down in sent] == [True, False]


def test_a_tap_before_the_first_deploy_waits_for_it() -> None:
    world = World()
    world.post("api", A, Triggered("tap", START))
    world.run_until()
    world.deploy(pond(A))
    world.run_until()
    assert [run.f for run in world.runs(A)] == [START]


def test_a_killed_line_says_why_it_is_down_and_keeps_what_is_asked_of_it() -> None:
    state = replace(deployed(pond(A)).states[A], health="killed")
    assert state.reason == "a@1 was killed"
    assert step(state, Triggered("pulse", START), START) == (replace(state, targets=(START,)), ())


def test_an_optional_source_that_recovers_is_asked_again() -> None:
    world = deployed(pond(A), pond(B, f"{A}?"), outcome=fails((A, 1)))
    epoch = world.trigger(B, "pulse")
    world.run_until()
    assert not world.states[B].blocked
    world.deploy(pond(A, version="1.0.1"))
    world.run_until()
    assert world.states[B].end_f == epoch
    assert world.at_rest()
