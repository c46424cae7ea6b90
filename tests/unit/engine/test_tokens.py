"""What a line claims of limits, followed through the simulator: docs/engine.md, "Limits"."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from duckstring.engine.effects import Claim, ClaimTokens
from duckstring.engine.signals import (
    ClaimsAsked,
    ExecutionEnded,
    GateReached,
    PrioritySet,
    Restored,
    TokensGranted,
    Triggered,
)
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.engine.tokens import awaited, misheard
from duckstring.model.catalog import Release
from duckstring.model.failures import Failure
from duckstring.model.limits import MOST_PRIORITY
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import START, Attempted, Conditions, World, pond, seconds

A, B = Line("a@1"), Line("b@1")
USES = {"run": ("databricks",)}


def world_of(
    *releases: Release,
    tokens: Mapping[str, int | None] | None = None,
    outcome: Callable[[Attempted], Failure | None] = lambda _: None,
    ends: Callable[[Attempted, int], object] = lambda _attempted, _mib: "failed",
) -> World:
    world = World(Conditions(duration=lambda _l, _r: seconds(10), outcome=outcome, ends=ends))  # type: ignore[arg-type]
    for name, number in (tokens or {"databricks": 1}).items():
        world.set_limit(name, number)
    world.deploy(*releases)
    world.run_until()
    return world


def pulsed(world: World, *lines: Line) -> World:
    for line in lines:
        world.trigger(line, "pulse")
    world.run_until(world.now + seconds(1))
    return world


def holders(world: World, limit: str = "databricks") -> list[Line]:
    return [line for line, _ in world.limits[limit].holders]


def once(run: int = 1) -> Callable[[Attempted], Failure | None]:
    """The first attempt of that run fails."""

    def outcome(attempted: Attempted) -> Failure | None:
        _, number, ripple, attempt = attempted
        return Failure(ripple, attempt, "E", "no") if (number, attempt) == (run, 1) else None

    return outcome


def only_claims(state: PondState, signal: object) -> list[ClaimTokens]:
    stepped = step(state, signal, START)  # type: ignore[arg-type]
    return [effect for effect in stepped.effects if isinstance(effect, ClaimTokens)]


def test_the_second_of_two_ponds_runs_when_the_first_has_ended() -> None:
    world = pulsed(world_of(pond(A, uses=USES), pond(B, uses=USES)), A, B)
    assert holders(world) == [A]
    assert awaited(world.states[B].ripples["run"]) == "databricks"
    assert awaited(world.states[A].ripples["run"]) == ""
    world.run_until()
    assert [at for _, at in world.attempts] == [world.attempts[0][1] + seconds(n) for n in (0, 10)]
    assert holders(world) == []


def test_a_ripple_that_uses_no_limit_asks_for_nothing() -> None:
    world = pulsed(world_of(pond(A)), A)
    world.run_until()
    assert world.sent["TokensClaimed"] == 0


def test_a_kill_gives_the_token_to_the_next_one() -> None:
    world = pulsed(world_of(pond(A, uses=USES), pond(B, uses=USES)), A, B)
    world.order(A, "kill")
    world.run_until(world.now + seconds(1))
    assert holders(world) == [B]


def test_one_that_is_killed_while_it_waits_is_passed_over() -> None:
    world = pulsed(world_of(pond(A, uses=USES), pond(B, uses=USES)), A, B)
    world.order(B, "kill")
    world.run_until()
    assert [attempted[0] for attempted, _ in world.attempts] == [A]
    assert holders(world) == []
    assert world.limits["databricks"].waiting == []


def test_a_removed_line_gives_its_token_back_and_counts_its_claims_on() -> None:
    world = pulsed(world_of(pond(A, uses=USES), pond(B, uses=USES)), A, B)
    world.remove(A)
    world.run_until(world.now + seconds(1))
    assert holders(world) == [B]
    assert world.states[A].claims_made == 1


def test_an_immediate_retry_keeps_its_token() -> None:
    ponds = pond(A, uses=USES, immediate_retries=1), pond(B, uses=USES)
    world = pulsed(world_of(*ponds, outcome=once()), A, B)
    world.run_until()
    assert [(attempted[0], attempted[3]) for attempted, _ in world.attempts] == [
        (A, 1),
        (A, 2),
        (B, 1),
    ]


def test_a_lost_attempt_and_a_move_to_a_task_keep_the_token() -> None:
    for how in ("lost", "overran"):
        world = pulsed(
            world_of(
                pond(A, uses=USES),
                pond(B, uses=USES),
                outcome=lambda attempted: once()(attempted) if attempted[0] == A else None,
                ends=lambda _a, _m, how=how: how,
            ),
            A,
            B,
        )
        world.run_until()
        assert [(attempted[0], attempted[3]) for attempted, _ in world.attempts] == [
            (A, 1),
            (A, 2),
            (B, 1),
        ]


def test_a_failed_run_gives_its_token_back() -> None:
    world = pulsed(world_of(pond(A, uses=USES), outcome=once()), A)
    world.run_until()
    assert world.states[A].health == "failed"
    assert holders(world) == []


def test_the_token_outlives_a_lost_execution() -> None:
    world = pulsed(world_of(pond(A, uses=USES), pond(B, uses=USES)), A, B)
    world.lose_executions()
    world.run_until(world.now + seconds(1))
    assert holders(world) == [A]
    world.run_until()
    assert holders(world) == []


def test_in_a_run_of_more_branches_than_places_a_lost_execution_returns_the_tokens() -> None:
    """All places could be taken by branches that wait for the token of one that has no place."""
    ripples = [*((f"r{number}", ()) for number in range(41)), ("last", ("r0",))]
    uses = {name: ("databricks",) for name, _ in ripples}
    world = pulsed(world_of(pond(A, ripples=ripples, uses=uses), tokens={"databricks": 2}), A)
    state = world.states[A]
    held = [one for one in state.ripples.values() if one.attempt and one.attempt.held]
    assert len(held) == 2
    stepped = step(state, ExecutionEnded(1, 1, "LOST"), world.now).state
    begun = [ripple.attempt for ripple in stepped.ripples.values() if ripple.attempt]
    assert len(begun) == 41
    assert {(attempt.claim, attempt.held) for attempt in begun} == {(0, ())}
    asked = step(stepped, GateReached(1, 2, "r7"), world.now).state.ripples["r7"].attempt
    assert asked is not None
    assert asked.claim == state.claims_made + 1


def test_only_a_branch_that_waits_at_its_gate_asks() -> None:
    world = world_of(pond(A, uses=USES))
    started = step(world.states[A], Triggered("pulse", world.now), world.now).state
    attempt = started.ripples["run"].attempt
    assert attempt is not None
    assert (attempt.claim, attempt.dispatched) == (0, False)
    asked = step(started, GateReached(1, 1, "run"), world.now)
    assert ClaimTokens("databricks", (Claim(1, 1, "run"),)) in asked.effects


def test_two_limits_are_asked_one_after_the_other_in_the_order_of_their_names() -> None:
    uses = {"run": ("glue", "databricks")}
    world = world_of(pond(A, uses=uses), tokens={"databricks": 0, "glue": 1})
    pulsed(world, A)
    assert awaited(world.states[A].ripples["run"]) == "databricks"
    assert "glue" not in world.limits or holders(world, "glue") == []
    world.set_limit("databricks", 1)
    world.set_limit("glue", 0)
    world.run_until()
    assert holders(world) == [A]
    assert awaited(world.states[A].ripples["run"]) == "glue"
    world.set_limit("glue", 1)
    world.run_until()
    assert world.runs(A)[0].status == "success"
    assert holders(world) == holders(world, "glue") == []


def test_a_token_that_comes_too_late_is_returned() -> None:
    world = pulsed(world_of(pond(A, uses=USES)), A)
    world.run_until()
    state = world.states[A]
    assert only_claims(state, TokensGranted("databricks", (1,))) == [ClaimTokens("databricks", ())]


def test_a_grant_that_comes_twice_changes_nothing() -> None:
    world = pulsed(world_of(pond(A, uses=USES)), A)
    state = world.states[A]
    again = step(state, TokensGranted("databricks", (1,)), world.now)
    assert again.effects == ()
    assert again.state == state


def test_a_token_of_a_limit_that_is_not_asked_is_returned() -> None:
    world = pulsed(world_of(pond(A, uses=USES), tokens={"databricks": 0}), A)
    claims = only_claims(world.states[A], TokensGranted("glue", (1,)))
    assert claims == [ClaimTokens("glue", ())]


def test_claims_are_said_again_when_they_are_asked_for_and_after_a_restore() -> None:
    world = pulsed(world_of(pond(A, uses=USES), tokens={"databricks": 0}), A)
    said = [ClaimTokens("databricks", (Claim(1, 1, "run"),))]
    assert only_claims(world.states[A], ClaimsAsked("databricks")) == said
    assert only_claims(world.states[A], Restored(START)) == said


def test_a_new_priority_is_told_to_the_limits_that_are_asked_and_kept_over_a_deploy() -> None:
    world = pulsed(world_of(pond(A, uses=USES), tokens={"databricks": 0}), A)
    claims = only_claims(world.states[A], PrioritySet(MOST_PRIORITY + 1))
    assert claims == [ClaimTokens("databricks", (Claim(1, 1, "run"),), MOST_PRIORITY)]
    world.set_priority(A, 70)
    world.set_limit("databricks", 1)
    world.run_until()
    world.deploy(replace(pond(A, uses=USES), version="1.0.1", artifact="b"))
    world.run_until()
    assert world.states[A].priority == 70
    assert only_claims(world.states[A], PrioritySet(10)) == []


def test_what_a_limit_has_heard_otherwise_is_found() -> None:
    world = pulsed(world_of(pond(A, uses=USES), pond(B, uses=USES)), A, B)
    limits, silent = world.limits, {}
    for state in world.states.values():
        assert misheard(state, limits) == []
        assert misheard(state, silent) == ["databricks"]
    assert misheard(PondState(A), limits) == ["databricks"]
    assert misheard(PondState(Line("c@1")), limits) == []
