"""Worked examples of where attempts run, what a line learns of it, and which of them are the
same try.
"""

from __future__ import annotations

from typing import Any, TypeVar

import pytest

from duckstring.engine.compute import place_and_why
from duckstring.engine.effects import (
    AnswerGate,
    CallOnKill,
    Effect,
    RecordAttempt,
    StartRun,
    StopRun,
    StopTask,
)
from duckstring.engine.ripples import MOST_LOSSES
from duckstring.engine.signals import (
    ComputePinned,
    Deployed,
    ExecutionEnded,
    GateOutcome,
    GateReached,
    Ordered,
    Removed,
    RippleSucceeded,
    Triggered,
)
from duckstring.engine.state import PondState, RippleState
from duckstring.engine.step import step
from duckstring.model.catalog import Release
from duckstring.model.compute import TASK_SIZES, Pin, size_above, size_for
from duckstring.model.failures import Failure
from duckstring.model.values import replace
from duckstring.testing.simulator import FUNCTION_MIB, START, Attempted, World, pond, seconds
from tests.unit.engine.test_demand import A, counts, deployed

Kind = TypeVar("Kind")
LEAST, LARGEST = TASK_SIZES[0].memory_mib, TASK_SIZES[-1].memory_mib
SIZES = [size.memory_mib for size in TASK_SIZES]


def hinted(release: Release, **hints: Any) -> Release:
    """The release, its Ripples' specs with ``hints``."""
    return replace(release, ripples=tuple(replace(spec, **hints) for spec in release.ripples))


def ends(*how: GateOutcome) -> dict[str, Any]:
    """One attempt after the other ends so; the rest go well."""
    left = list(how)

    def outcome(attempted: Attempted) -> Failure | None:
        return Failure(attempted[2], attempted[3], "Error", f"it {left[0]}") if left else None

    return {"outcome": outcome, "ends": lambda _attempted, _mib: left.pop(0)}


def pulsed(release: Release, **conditions: Any) -> World:
    world = deployed(release, **conditions)
    again(world)
    return world


def again(world: World) -> None:
    world.trigger(A, "pulse")
    world.run_until()


def of(effects: tuple[Effect, ...], kind: type[Kind]) -> list[Kind]:
    return [one for one in effects if isinstance(one, kind)]


def running(release: Release) -> PondState:
    """The line, deployed and with a run whose roots were let go."""
    state = step(PondState(A), Deployed(release), START).state
    return step(state, Triggered("pulse", START), START).state


def places(world: World) -> list[int]:
    """Of each attempt that began, in order."""
    return [world.places[attempted] for attempted, _ in world.attempts]


def ripple(world: World) -> Any:
    return world.states[A].ripples["run"]


# where an attempt runs


def test_an_attempt_runs_in_the_function_unless_somebody_knows_better() -> None:
    assert places(pulsed(pond(A))) == [0]


@pytest.mark.parametrize(
    ("hints", "mib"),
    [({}, LEAST), ({"memory_mib": 12_000}, 16_384), ({"memory_mib": 10**6}, LARGEST)],
)
def test_an_author_says_where_a_ripple_starts_and_how_large(
    hints: dict[str, int], mib: int
) -> None:
    assert places(pulsed(hinted(pond(A), starts_on="task", **hints))) == [mib]


def test_a_hint_that_the_function_fulfils_keeps_it_there() -> None:
    assert places(pulsed(hinted(pond(A), memory_mib=2000, timeout_seconds=60))) == [0]


@pytest.mark.parametrize(
    ("on", "memory", "mib"),
    [
        ("task", 0, LEAST),
        ("task", 30_000, 30_720),
        ("task", 10**6, LARGEST),
        ("lambda", 0, 0),
        ("lambda", 9000, 0),
    ],
)
def test_an_operators_word_counts_more_than_the_authors(on: Any, memory: int, mib: int) -> None:
    release = hinted(pond(A), starts_on="task") if on == "lambda" else pond(A)
    world = deployed(release)
    world.pin(A, "run", on, memory)
    again(world)
    assert places(world) == [mib]


def test_an_operators_word_holds_over_deploys_until_it_is_taken_back() -> None:
    world = deployed(pond(A))
    world.pin(A, "run", "task", 16_384)
    world.deploy(pond(A, version="1.1.0"))
    again(world)
    world.pin(A, "run", "auto")
    assert places(world) == [16_384]
    world.run_until()
    assert world.states[A].compute == {}


def test_a_word_on_one_ripple_is_no_word_on_another() -> None:
    world = deployed(pond(A, ripples=(("x", ()), ("y", ()))))
    world.pin(A, "x", "task")
    again(world)
    assert {attempted[2]: mib for attempted, mib in world.places.items()} == {"x": LEAST, "y": 0}


def test_a_word_in_the_middle_of_an_attempt_is_for_the_next_one() -> None:
    world = deployed(pond(A, immediate_retries=1), **ends("failed"))
    world.trigger(A, "pulse")
    world.run_until(START + seconds(0.5))
    world.pin(A, "run", "task")
    world.run_until()
    assert places(world) == [0, LEAST]


def test_verdicts_say_where_whether_at_the_start_or_at_a_gate() -> None:
    state = step(
        PondState(A),
        Deployed(hinted(pond(A, ripples=(("x", ()), ("y", ("x",)))), starts_on="task")),
        START,
    ).state
    began = step(state, Triggered("pulse", START), START)
    (start,) = of(began.effects, StartRun)
    assert [(b.ripple, b.verdict, b.attempt, b.memory_mib) for b in start.branches] == [
        ("x", "task", 1, LEAST),
        ("y", "wait", 0, 0),
    ]
    waits = step(began.state, GateReached(1, 1, "y"), START).state
    (answer,) = of(step(waits, RippleSucceeded(1, "x", 1), START).effects, AnswerGate)
    assert (answer.verdict, answer.attempt, answer.memory_mib) == ("task", 1, LEAST)


def test_a_line_that_is_not_deployed_has_a_word_on_nothing_but_its_pins() -> None:
    assert place_and_why(PondState(A), RippleState("run")) == (0, "default")
    assert place_and_why(PondState(A, compute={"run": Pin("task")}), RippleState("run")) == (
        LEAST,
        "operator",
    )


# what a line learns


def test_who_overran_goes_on_as_a_task_at_no_cost_and_the_next_run_begins_as_one() -> None:
    world = pulsed(pond(A), **ends("overran"))
    assert places(world) == [0, LEAST]
    assert counts(world, "success") == {A: 1}
    again(world)
    assert places(world) == [0, LEAST, LEAST]


def test_who_overran_goes_on_in_the_size_that_its_author_named() -> None:
    assert places(pulsed(hinted(pond(A), memory_mib=3000), **ends("overran"))) == [0, LEAST]
    assert places(pulsed(hinted(pond(A), memory_mib=20_000), **ends("overran"))) == [0, 30_720]


def test_who_overran_a_large_function_does_not_go_on_with_less_than_it_had() -> None:
    gate = GateReached(1, 1, "run", 1, "overran", Failure("run", 1, "Overran", "late"), 10_240)
    (answer,) = of(step(running(pond(A)), gate, START).effects, AnswerGate)
    assert (answer.verdict, answer.memory_mib) == ("task", 16_384)


def test_who_wants_memory_climbs_all_the_sizes_that_there_are_at_no_cost() -> None:
    world = pulsed(pond(A), **ends(*["memory"] * len(SIZES)))
    assert places(world) == [0, *SIZES]
    assert counts(world, "success") == {A: 1}
    assert ripple(world).task_mib == LARGEST


def test_a_function_as_large_as_a_task_is_followed_by_a_larger_one() -> None:
    state = running(pond(A))
    gate = GateReached(
        1, 1, "run", 1, "memory", Failure("run", 1, "Runtime.OutOfMemory", "killed"), 10_240
    )
    (answer,) = of(step(state, gate, START).effects, AnswerGate)
    assert (answer.verdict, answer.memory_mib) == ("task", 16_384)


def test_at_the_largest_size_it_is_the_authors_failure_in_his_words() -> None:
    world = deployed(pond(A), **ends(*["memory"] * 2))
    world.pin(A, "run", "task")
    world.states[A] = replace(
        world.states[A], ripples={"run": replace(ripple(world), task_mib=LARGEST)}
    )
    again(world)
    (failed,) = world.runs(A, "failed")
    assert failed.failure is not None
    assert (failed.failure.error, failed.failure.message) == ("Error", "it memory")


@pytest.mark.parametrize(
    ("how", "on", "words"),
    [("overran", "lambda", "the function"), ("memory", "task", "a task of 8 GB")],
)
def test_where_an_operator_keeps_it_too_small_it_fails_and_says_whose_word_it_was(
    how: GateOutcome, on: Any, words: str
) -> None:
    world = deployed(pond(A), **ends(how))
    world.pin(A, "run", on, LEAST)
    again(world)
    (failed,) = world.runs(A, "failed")
    assert failed.failure is not None
    assert failed.failure.message.startswith(f"it {how} It is pinned to {words}")
    assert "duckstring control compute a run --on auto -m 1" in failed.failure.message


@pytest.mark.parametrize(
    ("took", "mib", "then"),
    [
        (299.0, 0.6 * FUNCTION_MIB - 1, 0),
        (301.0, 100, LEAST),
        (20.0, 0.6 * FUNCTION_MIB + 1, LEAST),
        (0.0, 0, LEAST),
    ],
    ids=["small", "long", "large", "not measured"],
)
def test_a_task_that_would_fit_the_function_goes_back_to_it(
    took: float, mib: float, then: int
) -> None:
    world = pulsed(pond(A), **ends("overran"), took=lambda _: (took, int(mib)))
    again(world)
    assert places(world) == [0, LEAST, then]


def test_a_hint_is_forgotten_once_the_ripple_was_measured() -> None:
    world = pulsed(hinted(pond(A), starts_on="task", memory_mib=16_384), took=lambda _: (10.0, 100))
    again(world)
    assert places(world) == [16_384, 0]


def test_where_a_ripple_runs_that_was_measured_and_fits_is_nobodys_choice() -> None:
    world = pulsed(hinted(pond(A), starts_on="task"), took=lambda _: (1.0, 100))
    state = world.states[A]
    assert place_and_why(state, state.ripples["run"]) == (0, "default")


def test_a_hint_that_proves_right_stays() -> None:
    world = pulsed(
        hinted(pond(A), starts_on="task", memory_mib=16_384), took=lambda _: (1000.0, 9_000)
    )
    again(world)
    assert places(world) == [16_384, 16_384]


def test_a_task_much_larger_than_its_ripple_shows_what_it_needs() -> None:
    world = deployed(pond(A), took=lambda _: (1000.0, 9_000))
    world.pin(A, "run", "task", LARGEST)
    again(world)
    world.pin(A, "run", "auto")
    again(world)
    assert places(world) == [LARGEST, 16_384]


def test_what_was_learnt_holds_over_deploys_but_for_one_with_other_hints() -> None:
    world = pulsed(pond(A), **ends("overran"))
    world.deploy(pond(A, version="1.1.0"))
    again(world)
    world.deploy(hinted(pond(A, version="1.2.0"), timeout_seconds=60))
    again(world)
    assert places(world) == [0, LEAST, LEAST, 0]


def test_what_a_run_that_failed_meanwhile_has_shown_is_learnt_all_the_same() -> None:
    release = pond(A, ripples=(("bad", ()), ("run", ())))
    state = running(release)
    state = step(
        state, GateReached(1, 1, "bad", 1, "failed", Failure("bad", 1, "ValueError", "no")), START
    ).state
    state = step(
        state,
        GateReached(1, 1, "run", 1, "overran", Failure("run", 1, "Overran", "late"), 3008),
        START,
    ).state
    assert (state.health, state.ripples["run"].task_mib) == ("failed", LEAST)


# which attempts are the same try


@pytest.mark.parametrize("how", ["lost", "crashed", "overran", "memory"])
def test_only_the_ripples_own_failure_begins_another_try(how: GateOutcome) -> None:
    tried: list[int] = []
    world = deployed(pond(A, immediate_retries=9), **ends(how, "failed", how, how, "failed"))
    world.watch = lambda _before, after: tried.extend(
        a.tried for r in after.ripples.values() if (a := r.attempt) and a.dispatched
    )
    again(world)
    assert sorted(set(tried)) == [1, 2, 3]
    assert [attempted[3] for attempted, _ in world.attempts] == [1, 2, 3, 4, 5, 6]
    assert list(dict.fromkeys(tried)) == [1, 2, 3]


def test_a_failure_spends_the_budget_and_what_the_world_did_does_not() -> None:
    assert counts(pulsed(pond(A), **ends("failed")), "failed") == {A: 1}
    assert counts(pulsed(pond(A), **ends("lost", "lost")), "success") == {A: 1}
    assert counts(pulsed(pond(A), **ends("crashed", "crashed")), "success") == {A: 1}


def test_a_worker_that_dies_again_and_again_is_not_made_again_for_ever() -> None:
    assert counts(pulsed(pond(A), **ends(*["crashed"] * MOST_LOSSES)), "success") == {A: 1}
    assert counts(pulsed(pond(A), **ends(*["crashed"] * (MOST_LOSSES + 1))), "failed") == {A: 1}


@pytest.mark.parametrize(("function", "free"), [(3008, MOST_LOSSES), (10_240, MOST_LOSSES + 1)])
def test_a_task_that_paused_and_outgrows_the_function_begins_as_a_task_again_but_not_for_ever(
    function: int, free: int
) -> None:
    """It was placed on a task, and went on in the function. Where that has more memory, the task
    becomes a larger one first.
    """
    state = running(hinted(pond(A), starts_on="task"))

    def overruns(attempt: int) -> GateReached:
        return GateReached(
            1, 1, "run", attempt, "overran", Failure("run", attempt, "Overran", "late"), function
        )

    for attempt in range(1, free + 1):
        after = step(state, overruns(attempt), START)
        (answer,) = of(after.effects, AnswerGate)
        assert (answer.verdict, answer.attempt) == ("task", attempt + 1)
        state = after.state
    assert step(state, overruns(free + 1), START).state.health == "failed"


def test_a_large_task_that_outgrows_the_function_after_a_pause_stays_large() -> None:
    state = running(hinted(pond(A), starts_on="task", memory_mib=30_000))
    state = replace(state, ripples={"run": replace(state.ripples["run"], task_mib=30_720)})
    gate = GateReached(
        1, 1, "run", 1, "memory", Failure("run", 1, "Runtime.OutOfMemory", "killed"), 3008
    )
    after = step(state, gate, START)
    assert [answer.memory_mib for answer in of(after.effects, AnswerGate)] == [30_720]
    assert after.state.ripples["run"].task_mib == 30_720


@pytest.mark.parametrize("how", ["memory", "overran"])
def test_a_hint_is_not_forgotten_where_the_function_is_too_small_after_a_pause(
    how: GateOutcome,
) -> None:
    state = running(hinted(pond(A), starts_on="task", memory_mib=61_440))
    after = step(
        state,
        GateReached(1, 1, "run", 1, how, Failure("run", 1, "Error", "too small"), 3008),
        START,
    )
    assert [answer.memory_mib for answer in of(after.effects, AnswerGate)] == [61_440]


# giving up


@pytest.mark.parametrize("how", ["lost", "crashed", "memory", "overran"])
def test_a_task_that_is_given_up_is_stopped_after_its_row_says_so(how: GateOutcome) -> None:
    state = running(hinted(pond(A), starts_on="task"))
    effects = step(
        state, GateReached(1, 1, "run", 1, how, Failure("run", 1, "Error", "gone"), LEAST), START
    ).effects
    (row,), (stop,) = of(effects, RecordAttempt), of(effects, StopTask)
    assert (row.status, stop) == (how, StopTask(1, "run", 1))
    assert effects.index(row) < effects.index(stop)


def test_a_function_and_an_attempt_that_failed_by_itself_leave_nothing_to_stop() -> None:
    for release, how in ((pond(A), "lost"), (hinted(pond(A), starts_on="task"), "failed")):
        state = running(release)
        gate = GateReached(1, 1, "run", 1, how, Failure("run", 1, "Error", "gone"), LEAST)  # type: ignore[arg-type]
        assert of(step(state, gate, START).effects, StopTask) == []


def test_tasks_of_a_lost_execution_are_stopped_and_the_next_launch_begins_as_tasks() -> None:
    state = running(hinted(pond(A), starts_on="task"))
    after = step(state, ExecutionEnded(1, 1, "ABORTED"), START)
    assert of(after.effects, StopTask) == [StopTask(1, "run", 1)]
    assert [(b.verdict, b.attempt) for b in of(after.effects, StartRun)[0].branches] == [
        ("task", 2)
    ]
    assert after.state.ripples["run"].attempt is not None
    assert after.state.ripples["run"].attempt.tried == 1


STOPPERS = pytest.mark.parametrize(
    "word", [Ordered("kill", START), Removed(START + seconds(9))], ids=["kill", "removal"]
)


@STOPPERS
def test_kill_and_removal_stop_tasks_and_tell_the_ripples_that_asked_for_it(word: Any) -> None:
    release = pond(A, ripples=(("run", ()), ("quiet", ())))
    specs = (replace(release.ripples[0], starts_on="task", on_kill=True), release.ripples[1])
    state = running(replace(release, ripples=specs))
    effects = step(state, word, START + seconds(9)).effects
    assert of(effects, StopRun) == [StopRun(1, 1)]
    assert of(effects, StopTask) == [StopTask(1, "run", 1)]
    f = state.runs[1].f
    assert of(effects, CallOnKill) == [
        CallOnKill(1, "run", 1, 1, f, "1.0.0", release.artifact, "src/pond.py", START)
    ]
    kinds = [type(one) for one in effects]
    assert kinds.index(RecordAttempt) < kinds.index(CallOnKill)


@STOPPERS
def test_an_attempt_that_was_about_to_follow_a_lost_one_tells_of_that(word: Any) -> None:
    state = running(hinted(pond(A, ripples=(("run", ()), ("z", ()))), on_kill=True))
    state = step(state, ExecutionEnded(1, 1, "FAILED"), START).state
    state = replace(
        state,
        ripples={
            n: replace(r, attempt=replace(r.attempt, dispatched=False))
            for n, r in state.ripples.items()
        },
    )  # type: ignore[type-var]
    told = of(step(state, word, START + seconds(9)).effects, CallOnKill)
    assert [(one.ripple, one.attempt, one.tried) for one in told] == [("run", 1, 1), ("z", 1, 1)]


@STOPPERS
def test_a_ripple_that_never_began_is_told_nothing(word: Any) -> None:
    release = hinted(pond(A, ripples=(("x", ()), ("y", ("x",)))), on_kill=True)
    state = running(release)
    told = of(step(state, word, START + seconds(9)).effects, CallOnKill)
    assert [one.ripple for one in told] == ["x"]


def test_nobody_is_told_of_a_run_that_ends_in_another_way() -> None:
    world = pulsed(hinted(pond(A), on_kill=True), **ends("failed"))
    world.order(A, "kill")
    world.run_until()
    assert world.kill_calls == []


def test_who_is_out_of_time_is_told_as_if_it_was_killed_and_its_retry_is_another_try() -> None:
    """What it waited for elsewhere goes on, and the retry would start a second one beside it."""
    release = hinted(pond(A, immediate_retries=1), on_kill=True)
    state = running(release)
    late = Failure("run", 1, "TimeoutError", "too long")
    stepped = step(state, GateReached(1, 1, "run", 1, "timeout", late), START)
    f = state.runs[1].f
    assert stepped.effects == (
        CallOnKill(1, "run", 1, 1, f, "1.0.0", release.artifact, "src/pond.py", START),
        AnswerGate(1, 1, "run", "lambda", 2),
    )
    attempt = stepped.state.ripples["run"].attempt
    assert attempt is not None
    assert (attempt.number, attempt.tried) == (2, 2)
    over = step(stepped.state, GateReached(1, 1, "run", 2, "timeout", late), START)
    assert [(call.attempt, call.tried) for call in of(over.effects, CallOnKill)] == [(2, 2)]
    assert over.state.health == "failed"


def test_who_named_no_function_is_told_nothing_of_its_time() -> None:
    state = running(hinted(pond(A), on_kill=False))
    assert (
        of(
            step(
                state,
                GateReached(1, 1, "run", 1, "timeout", Failure("run", 1, "TimeoutError", "x")),
                START,
            ).effects,
            CallOnKill,
        )
        == []
    )


# sizes


def test_sizes_are_found_and_climbed() -> None:
    assert [size_for(mib).memory_mib for mib in (0, 1, 8192, 8193, 10**9)] == [
        8192,
        8192,
        8192,
        16_384,
        LARGEST,
    ]
    above = [size_above(mib) for mib in (0, 8191, 8192, LARGEST)]
    assert [size.memory_mib if size else None for size in above] == [8192, 8192, 16_384, None]


def test_a_word_is_kept_as_it_was_given_and_only_the_newest() -> None:
    state = step(PondState(A), ComputePinned("run", "task", 9000), START).state
    assert state.compute == {"run": Pin("task", 9000)}
    assert step(state, ComputePinned("run", "lambda"), START).state.compute == {
        "run": Pin("lambda")
    }
    assert step(state, ComputePinned("run", "auto"), START).state.compute == {}
