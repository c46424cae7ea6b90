"""Worked examples of checks before publish: docs/engine.md, "Checks"."""

from __future__ import annotations

import pytest

from duckstring.engine.signals import GateReached, RippleSucceeded, TableRemoved
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.model.catalog import Release
from duckstring.model.checks import CHECK_FAILED, CHECKS, MOST_CHECKS, WARNING, CheckWarning
from duckstring.model.failures import Failure
from duckstring.model.instants import Instant
from duckstring.model.limits import stored_bytes
from duckstring.model.values import replace
from duckstring.testing.simulator import Attempted, World, chain_of, pond
from tests.unit.engine.test_demand import A, B, counts, deployed

TWO = (("left", ()), ("right", ()))
FOUND = "1 of 1 check failed: amounts (3 rows)"


def checked(*, version: str = "1.0.0", **words: object) -> Release:
    return pond(A, ripples=TWO, version=version, checks=("amounts",), **words)  # type: ignore[arg-type]


def made(release: Release, *, bad: tuple[int, ...] = (), **words: object) -> World:
    """A with its Sink B, after a pulse; the checks of the runs in ``bad`` fail."""

    def outcome(one: Attempted) -> Failure | None:
        if one[0] == A and one[2] == CHECKS and one[1] in bad:
            return Failure(CHECKS, one[3], CHECK_FAILED, FOUND)
        return None

    world = deployed(release, pond(B, A), outcome=outcome, ends=lambda _one, _mib: "check", **words)
    return pulse(world)


def pulse(world: World) -> World:
    world.trigger(B, "pulse")
    world.run_until()
    return world


def test_the_checks_come_after_every_ripple_and_before_the_run_is_published() -> None:
    world = made(checked())
    assert [one[2] for one, _ in world.attempts if one[0] == A] == ["left", "right", CHECKS]
    assert counts(world) == {A: 1, B: 1}
    assert set(world.states[A].tables) == {"left", "right"}, "it writes nothing itself"


def test_what_fails_its_checks_is_never_published_and_sinks_keep_the_good_data() -> None:
    world = pulse(made(checked(), bad=(2,)))
    state = world.states[A]
    assert (state.snapshot, state.health, state.failed_run) == (1, "failed", 2)
    assert sorted(number for line, number in world.snapshots if line == A) == [1]
    assert state.failure is not None
    assert (state.failure.error, state.failure.message) == (CHECK_FAILED, FOUND)
    assert [event.event for line, event in world.events if line == A] == [
        "succeeded",
        "failed",
        "check",
    ]
    assert counts(world, "success") == {A: 1, B: 1}


def test_a_failed_check_costs_no_immediate_retry_and_one_failure_of_the_run() -> None:
    world = made(checked(immediate_retries=3, source_retries=1), bad=(1,))
    assert [one[1:] for one, _ in world.attempts if one[2] == CHECKS] == [
        (1, CHECKS, 1),
        (2, CHECKS, 1),
    ]
    assert counts(world, "failed", "success") == {A: 2, B: 1}
    assert not world.rows, "its worker has written the row"


def test_an_exception_in_a_check_is_retried_as_that_of_any_ripple() -> None:
    left = [1]

    def outcome(one: Attempted) -> Failure | None:
        if one[2] == CHECKS and left:
            left.clear()
            return Failure(CHECKS, one[3], "ValueError", "no luck")
        return None

    world = deployed(checked(immediate_retries=1), outcome=outcome)
    world.trigger(A, "pulse")
    world.run_until()
    assert [one[3] for one, _ in world.attempts if one[2] == CHECKS] == [1, 2]
    assert counts(world, "success") == {A: 1}


def test_what_warns_is_published_with_its_mark() -> None:
    world = made(checked(), warns=lambda one: ("amounts",) if one[:2] == (A, 1) else ())
    warned = (CheckWarning("amounts", 1),)
    assert world.states[A].warnings == warned
    assert world.snapshots[A, 1].warnings == warned
    (row,) = world.runs(A)
    assert (row.status, row.warnings) == ("success", warned)
    (event,) = [event for line, event in world.events if line == A]
    assert (event.event, event.warnings) == ("succeeded", ("amounts",))
    pulse(world)
    assert world.states[A].warnings == world.snapshots[A, 2].warnings == ()


def test_where_every_ripple_skips_and_no_check_is_made_the_warnings_stay() -> None:
    world = made(
        checked(),
        warns=lambda _: ("amounts",),
        skips=lambda one: one[0] == A and one[1] > 1,
    )
    pulse(world)
    assert (
        world.states[A].warnings == world.snapshots[A, 2].warnings == (CheckWarning("amounts", 1),)
    )
    assert [row.changed for row in world.runs(A)] == [True, False]


def test_checks_that_are_made_of_unchanged_tables_are_no_change() -> None:
    world = made(checked(), skips=lambda one: one[0] == A and one[1] > 1 and one[2] != CHECKS)
    pulse(world)
    assert [row.changed for row in world.runs(A)] == [True, False]


def test_a_version_without_checks_has_no_warnings() -> None:
    world = made(checked(), warns=lambda one: ("amounts",) if one[0] == A else ())
    world.deploy(pond(A, ripples=TWO, version="1.1.0"))
    pulse(world)
    assert (world.states[A].snapshot, world.states[A].warnings) == (2, ())


def test_a_table_that_an_operator_removes_leaves_the_warnings() -> None:
    world = made(checked(), warns=lambda _: ("amounts",))
    after = step(world.states[A], TableRemoved("left"), world.now).state
    assert (set(after.tables), after.warnings) == ({"right"}, (CheckWarning("amounts", 1),))


@pytest.mark.parametrize("ripple", ["left", CHECKS])
def test_only_the_ripple_of_the_checks_may_warn(ripple: str) -> None:
    world = deployed(checked(), warns=lambda one: ("amounts",) if one[2] == ripple else ())
    world.trigger(A, "pulse")
    world.run_until()
    assert bool(world.states[A].warnings) is (ripple == CHECKS)


def while_checks_are_made() -> tuple[PondState, Instant]:
    """The line in its first run, whose checks are at work."""
    world = deployed(checked())
    world.trigger(A, "pulse")
    seen: list[PondState] = []
    world.watch = lambda before, _after: seen.append(before)
    world.run_until()
    return seen[-1], world.now


def test_what_a_line_keeps_of_warnings_is_bounded() -> None:
    before, now = while_checks_are_made()
    many = tuple(CheckWarning(f"c{n}", n, "ü" * 1_000) for n in range(MOST_CHECKS + 9))
    report = RippleSucceeded(1, CHECKS, 1, warnings=many)
    after = step(before, report, now).state
    assert (after.snapshot, len(after.warnings)) == (1, MOST_CHECKS)
    assert all(stored_bytes(one.message) <= WARNING for one in after.warnings)


def test_a_check_that_fails_beside_another_failure_ends_its_attempt() -> None:
    before, now = while_checks_are_made()
    failure = Failure(CHECKS, 1, CHECK_FAILED, FOUND)
    run = replace(before.runs[1], failure=failure)
    gate = GateReached(1, 1, CHECKS, 1, "check", failure)
    after = step(replace(before, runs={1: run}, health="failed", failed_run=1), gate, now)
    assert after.state.ripples[CHECKS].attempt is None


def test_chains_have_one_leaf() -> None:
    release = pond(A, ripples=chain_of("x", "y"), checks=("c",))
    assert (release.check_ripple, release.ripples[-1].parents) == (CHECKS, ("y",))
    assert pond(A).check_ripple == ""
