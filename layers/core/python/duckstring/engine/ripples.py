"""Ripples: starting, completing, failing and losing attempts. Rules: docs/engine.md, "Ripples", "Faults"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from duckstring.engine.demand import order_replacement
from duckstring.engine.effects import RecordAttempt
from duckstring.engine.runs import at_rest, fail_run
from duckstring.engine.state import Attempt, Failure, RippleState, Run, shortened
from duckstring.engine.turn import Turn
from duckstring.model.catalog import TableVersion
from duckstring.model.instants import Instant
from duckstring.model.values import replace

BadEnd = Literal["failed", "crashed", "lost"]

MOST_LOSSES = 5
"""Attempts of a run that the world may bring down at no cost to its budget."""

MOST_LAUNCHES = 5
"""A run whose execution is lost is launched again, but not for ever."""


def start_ripples(turn: Turn) -> bool:
    """Give an attempt to every Ripple that is wanted and supplied, parents first."""
    started = False
    for name in turn.ripples:
        ripple = turn.ripples[name]
        if ripple.attempt is None and (ripple.targets or ripple.pull) and (f := _supply(turn, ripple)) is not None:
            started = _start(turn, ripple, f) or started
    return started


def _start(turn: Turn, ripple: RippleState, f: Instant) -> bool:
    if not (ripple.targets and f >= ripple.targets[0]) and not ripple.pull:
        return False
    run = _live_run_at(turn, f)
    if run is None:
        return False
    number = run.attempts.get(ripple.name, 0) + 1
    waited = ripple.name != turn.finished
    turn.put_run(replace(run, attempts={**run.attempts, ripple.name: number}))
    turn.put_ripple(
        replace(
            ripple,
            start_f=f,
            pull=False,
            targets=tuple(t for t in ripple.targets if t > f),
            attempt=Attempt(run.number, number, turn.now),
            waited=waited,
        )
    )
    if ripple.pull:
        for parent in ripple.parents:
            order_replacement(turn, parent, f, waited=waited)
    _overtake(turn, ripple, f)
    return True


def _supply(turn: Turn, ripple: RippleState) -> Instant | None:
    """What a Ripple would run on: its parents' oldest output, if that is newer than what it had."""
    if not ripple.parents:
        return turn.start_f if turn.start_f > ripple.start_f else None
    oldest = None
    ripples, held = turn.ripples, ripple.start_f
    for parent in ripple.parents:
        f = ripples[parent].end_f
        if f <= held:
            return None
        if oldest is None or f < oldest:
            oldest = f
    return oldest


def _live_run_at(turn: Turn, f: Instant) -> Run | None:
    """A Ripple runs only at the freshness of a run that can still be published whole."""
    for run in turn.runs.values():
        if run.f == f and run.failure is None and not run.superseded:
            return run
    return None


def _overtake(turn: Turn, ripple: RippleState, f: Instant) -> None:
    """Runs that this Ripple skips can no longer be published at their own freshness: the newer run satisfies them."""
    for run in tuple(turn.runs.values()):
        if ripple.end_f < run.f < f and run.failure is None and not run.superseded:
            turn.put_run(replace(run, superseded=True))
            for other in tuple(turn.ripples.values()):
                if run.f in other.targets:
                    turn.put_ripple(replace(other, targets=tuple(t for t in other.targets if t != run.f)))


def finish_ripple(turn: Turn, *, run: int, ripple: str, attempt: int, tables: Mapping[str, TableVersion], skipped: bool) -> None:
    """An attempt ended well. One that is not the Ripple's current attempt is too late to count."""
    state = turn.ripples.get(ripple)
    if state is None or not _is_current(state, run, attempt) or run not in turn.runs:
        return
    at = turn.runs[run]
    if at.failure is not None:
        turn.put_ripple(at_rest(turn, state))
        return
    turn.finished = ripple
    turn.put_ripple(replace(state, attempt=None, end_f=state.start_f, targets=tuple(t for t in state.targets if t > state.start_f)))
    turn.put_run(replace(at, outputs={**at.outputs, **tables}, skipped=at.skipped | {ripple} if skipped else at.skipped))


def end_attempt_badly(turn: Turn, *, run: int, ripple: str, attempt: int, failure: Failure, how: BadEnd) -> None:
    """An attempt failed: spend the run's budget on another, or fail the run. One that the world lost costs no budget."""
    state = turn.ripples.get(ripple)
    if state is None or not _is_current(state, run, attempt) or run not in turn.runs:
        return
    if how != "failed":
        turn.emit(RecordAttempt(run, ripple, attempt, how, turn.now, failure))
    at = turn.runs[run]
    failure = shortened(failure)
    if at.failure is not None:
        turn.put_ripple(at_rest(turn, state))
    elif how == "lost" and at.losses < MOST_LOSSES:
        turn.put_run(replace(at, losses=at.losses + 1))
        _try_again(turn, ripple)
    elif at.budget > 0:
        turn.put_run(replace(at, budget=at.budget - 1))
        _try_again(turn, ripple)
    else:
        turn.put_ripple(at_rest(turn, state))
        fail_run(turn, at, failure)


def lose_execution(turn: Turn, *, run: int, launch: int, status: str, cause: str) -> None:
    """The execution of a run is gone. If the run is not over, launch it again; that costs no budget."""
    at = turn.runs.get(run)
    if at is None or at.launch != launch or all(r.end_f >= at.f for r in turn.ripples.values()):
        return
    busy = [r for r in turn.ripples.values() if r.attempt and r.attempt.run == run and r.attempt.dispatched]
    turn.put_run(replace(at, waiting=frozenset()))
    for ripple in busy:
        assert ripple.attempt is not None  # noqa: S101 - selected above
        turn.emit(RecordAttempt(run, ripple.name, ripple.attempt.number, "lost", turn.now, _lost(ripple, status, cause)))
    if at.failure is not None:
        for ripple in busy:
            turn.put_ripple(at_rest(turn, ripple))
        return
    if launch >= MOST_LAUNCHES:
        for ripple in busy:
            turn.put_ripple(at_rest(turn, ripple))
        message = f"The run's execution ended {launch} times before its Ripples did: {status} {cause}".strip()
        fail_run(turn, turn.runs[run], shortened(Failure("", 0, "ExecutionLost", message)))
        return
    turn.put_run(replace(turn.runs[run], launch=launch + 1))
    for ripple in busy:
        _try_again(turn, ripple.name)
    turn.launching.append(run)


def _lost(ripple: RippleState, status: str, cause: str) -> Failure:
    assert ripple.attempt is not None  # noqa: S101 - the caller's selection
    return Failure(ripple.name, ripple.attempt.number, "ExecutionLost", f"{status} {cause}".strip())


def _try_again(turn: Turn, name: str) -> None:
    ripple = turn.ripples[name]
    assert ripple.attempt is not None  # noqa: S101 - only a Ripple with an attempt can try again
    run = turn.runs[ripple.attempt.run]
    number = run.attempts.get(name, 0) + 1
    turn.put_run(replace(run, attempts={**run.attempts, name: number}))
    turn.put_ripple(replace(ripple, attempt=Attempt(run.number, number, turn.now)))


def _is_current(ripple: RippleState, run: int, attempt: int) -> bool:
    return ripple.attempt is not None and (ripple.attempt.run, ripple.attempt.number) == (run, attempt)
