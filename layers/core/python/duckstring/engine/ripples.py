"""Ripples: starting, completing, failing and losing attempts. Rules: docs/engine.md, "Ripples",
"Faults".
"""

from __future__ import annotations

from typing import Literal

from duckstring.engine import compute, delays, tokens, visible
from duckstring.engine.demand import order_replacement
from duckstring.engine.effects import CallOnKill, RecordAttempt, StopTask
from duckstring.engine.runs import at_rest, fail_run
from duckstring.engine.signals import GateReached, RippleSucceeded
from duckstring.engine.state import Attempt, RippleState, Run
from duckstring.engine.turn import Turn
from duckstring.model.arrivals import ARRIVALS, position_at
from duckstring.model.checks import MOST_CHECKS, WARNING, CheckWarning
from duckstring.model.failures import Failure, shortened
from duckstring.model.instants import Instant
from duckstring.model.limits import CAUSE, LAST_WORDS, MESSAGE, within
from duckstring.model.values import replace

BadEnd = Literal["failed", "timeout", "crashed", "lost", "overran", "memory", "check"]

_OWN_ENDS = ("failed", "timeout")
"""Outcomes that an attempt reported itself. Another try follows."""

MOST_LOSSES = 5
"""How many attempts of a Ripple in one run may be lost from outside at no cost to the run's
budget.
"""

MOST_LAUNCHES = 5
"""A run whose execution is lost is launched again, but not for ever."""


def start_ripples(turn: Turn) -> bool:
    """Give an attempt to every Ripple that is wanted and supplied, parents first."""
    started = False
    for (
        ripple
    ) in turn.ripples.values():  # a start changes other Ripples, but makes no later one wanted
        if (
            ripple.attempt is None
            and (ripple.targets or ripple.pull)
            and (f := _supply(turn, ripple)) is not None
        ):
            held = turn.ripples[ripple.name]
            started = _start(turn, held, _in_step(turn, held, f)) or started
    return started


def _start(turn: Turn, ripple: RippleState, f: Instant) -> bool:
    if not ripple.pull and not (ripple.targets and f >= ripple.targets[0]):
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
            targets=_beyond(f, ripple.targets),
            attempt=compute.new_attempt(turn, ripple, run=run.number, number=number),
            waited=waited,
        )
    )
    if ripple.pull:
        for parent in ripple.parents:
            order_replacement(turn, parent, f, waited=waited)
    _overtake(turn, ripple, f)
    return True


def _beyond(f: Instant, targets: tuple[Instant, ...]) -> tuple[Instant, ...]:
    return tuple([t for t in targets if t > f]) if targets else targets


def _supply(turn: Turn, ripple: RippleState) -> Instant | None:
    """The freshness that a Ripple would run on: its parents' oldest output, if that is newer than
    what it had.
    """
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


def _in_step(turn: Turn, ripple: RippleState, f: Instant) -> Instant:
    """``f``, or the oldest run before it that a Ripple beside this one has begun last.

    If this Ripple overtook that run, the other one would have worked in vain, would overtake this
    one in turn, and the line would publish every second run or less. Ripples above this one may
    have worked in vain: they are ahead anyway.
    """
    waiting = {
        run.f
        for run in turn.runs.values()
        if ripple.start_f < run.f < f and run.failure is None and not run.superseded
    }
    if not waiting:
        return f
    above = _above(turn, ripple)
    begun = (r.start_f for name, r in turn.ripples.items() if name not in above)
    return min((at for at in begun if at in waiting), default=f)


def _above(turn: Turn, ripple: RippleState) -> set[str]:
    """The names of the Ripples that this one reads, of those that they read, and so on."""
    found: set[str] = set()
    left = list(ripple.parents)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += turn.ripples[name].parents
    return found


def _live_run_at(turn: Turn, f: Instant) -> Run | None:
    """Whether a run that can still be published whole has this freshness. A Ripple runs only for
    such a run.
    """
    for run in turn.runs.values():
        if run.f == f and run.failure is None and not run.superseded:
            return run
    return None


def _overtake(turn: Turn, ripple: RippleState, f: Instant) -> None:
    """Runs that this Ripple skips can no longer be published at their own freshness. The newer run
    satisfies them.
    """
    skipped = [
        run
        for run in turn.runs.values()
        if ripple.end_f < run.f < f and run.failure is None and not run.superseded
    ]
    for run in skipped:
        turn.put_run(replace(run, superseded=True))
        for other in tuple(turn.ripples.values()):
            if run.f in other.targets:
                turn.put_ripple(
                    replace(other, targets=tuple(t for t in other.targets if t != run.f))
                )


def finish_ripple(turn: Turn, report: RippleSucceeded) -> None:
    """An attempt succeeded. It counts only if it is the Ripple's current attempt."""
    state = turn.ripples.get(report.ripple)
    if (
        state is None
        or not _is_current(state, report.run, report.attempt)
        or report.run not in turn.runs
    ):
        return
    at, mib = turn.runs[report.run], compute.needs(turn, state, report)
    if at.failure is not None:
        turn.put_ripple(at_rest(turn, replace(state, task_mib=mib, measured=True)))
        return
    turn.finished = state.name
    f = state.start_f
    turn.put_ripple(
        replace(
            state,
            attempt=None,
            end_f=f,
            targets=_beyond(f, state.targets),
            task_mib=mib,
            measured=True,
        )
    )
    if not state.parents and turn.pull is not None:  # the next run may have waited for this Ripple
        turn.pull = max(turn.pull, turn.now)
    if turn.release is not None and state.name == turn.release.check_ripple:
        # Of its other words none counts: what nobody has checked must not be published.
        turn.put_run(
            replace(
                at, warnings=turn.warnings if report.skipped else kept_warnings(report.warnings)
            )
        )
        return
    skipped = at.skipped | {state.name} if report.skipped else at.skipped
    outputs = {**at.outputs, **report.tables}
    kept, dropped = at.kept | _known(turn, report.kept), at.dropped | _known(turn, report.dropped)
    found = {**at.found, state.name: report.found} if report.found else at.found
    taken = {**at.positions.get(state.name, {}), **report.positions}
    if report.arrivals is not None and turn.is_inlet:
        taken[ARRIVALS] = position_at(min(report.arrivals, at.arrived))
    positions = {**at.positions, state.name: taken} if taken else at.positions
    turn.put_run(
        replace(
            at,
            outputs=outputs,
            skipped=skipped,
            kept=kept,
            dropped=dropped,
            found=found,
            positions=positions,
        )
    )
    for number in sorted(report.found, reverse=True):
        older = turn.runs.get(number)
        if older is not None and older.failure is not None:
            visible.hand_on(turn, older, state.name)


def kept_warnings(warnings: tuple[CheckWarning, ...]) -> tuple[CheckWarning, ...]:
    """As many as a state keeps, and as much of each."""
    return tuple(
        replace(one, message=within(one.message, WARNING)) for one in warnings[:MOST_CHECKS]
    )


def _known(turn: Turn, names: frozenset[str]) -> frozenset[str]:
    """The named tables that exist: published ones, and those that runs in flight have written."""
    if not names:
        return names
    return names & {*turn.tables, *(name for run in turn.runs.values() for name in run.outputs)}


def end_attempt_badly(turn: Turn, gate: GateReached) -> None:
    """The attempt before this gate failed. Spend the run's retry budget on another attempt, or fail
    the run.

    An attempt that was lost, or that continues in a larger place, costs no budget. One whose checks
    failed is not made again, nor one whose error is final: the run has failed.
    """
    state, how, failure = turn.ripples.get(gate.ripple), gate.outcome, gate.failure
    if how == "none" or failure is None or state is None or gate.run not in turn.runs:
        return
    ended = state.attempt
    if ended is None or not _is_current(state, gate.run, gate.attempt):
        return
    _give_up(turn, state, ended, how, failure)
    if how in {"overran", "memory"}:
        compute.outgrow(turn, state, how, mib=gate.memory_mib)
        words = compute.pinned_words(turn, state.name)
        # Cut before: a reader must find the pin, and the journal has the text cut already.
        failure = shortened(failure, most=MESSAGE - len(words))
        failure = replace(failure, message=failure.message + words)
    at, failure = turn.runs[gate.run], shortened(failure)
    if at.failure is not None:
        turn.put_ripple(at_rest(turn, turn.ripples[state.name]))
    elif _moves(turn, ended, gate):
        _try_again(turn, state.name)
    elif ended.losses < MOST_LOSSES and _is_lost(ended, gate):
        _try_again(turn, state.name, lost=True)
    elif at.budget > 0 and how != "check" and not failure.final:  # it would fail it again
        turn.put_run(replace(at, budget=at.budget - 1))
        _try_again(turn, state.name, failed=how in _OWN_ENDS)
    else:
        turn.put_ripple(at_rest(turn, turn.ripples[state.name]))
        fail_run(turn, at, failure)


def call_on_kill(turn: Turn, run: Run, name: str, attempt: int, *, tried: int) -> None:
    """Have the Ripple's ``on_kill`` function called, if it named one: this was the last attempt of
    its try that could look after its work.
    """
    if any(
        spec.name == name and spec.on_kill
        for spec in (turn.release.ripples if turn.release else ())
    ):
        turn.emit(
            CallOnKill(
                run.number,
                name,
                attempt,
                tried,
                run.f,
                run.version,
                run.artifact,
                run.module,
                run.started,
            )
        )


def _give_up(
    turn: Turn, ripple: RippleState, attempt: Attempt, how: BadEnd, failure: Failure
) -> None:
    """Stop everything of an attempt. An attempt that failed, or whose checks did, has reported it
    and written its row itself.
    """
    if how == "timeout":  # the external work that it waited for goes on
        call_on_kill(turn, turn.runs[attempt.run], ripple.name, attempt.number, tried=attempt.tried)
    if how == "timeout" or how == "failed" or how == "check":  # noqa: PLR1714 - mypy reads this
        return
    turn.emit(
        RecordAttempt(
            attempt.run,
            ripple.name,
            attempt.number,
            how,
            turn.now,
            shortened(failure, most=LAST_WORDS),
        )
    )
    if attempt.on == "task":
        turn.emit(StopTask(attempt.run, ripple.name, attempt.number))


def _moves(turn: Turn, ended: Attempt, gate: GateReached) -> bool:
    """Whether the place was too small and the next attempt gets a larger one. There are only a few
    sizes.
    """
    return (
        gate.outcome in ("overran", "memory")
        and compute.place(turn, turn.ripples[gate.ripple]) > ended.memory_mib
    )


def _is_lost(ended: Attempt, gate: GateReached) -> bool:
    """Whether the attempt was lost: its worker died (which runs no author's code), or AWS did not
    answer.

    This includes a task that paused, continued in the function, and found the function too small.
    Its next attempt starts as a task again.
    """
    overran = gate.outcome == "overran" and ended.on == "task"
    return (
        overran
        or gate.outcome in ("lost", "crashed")
        or (gate.outcome == "memory" and gate.memory_mib < ended.memory_mib)
    )


def lose_execution(turn: Turn, *, run: int, launch: int, status: str, cause: str) -> None:
    """The execution of a run is gone. If the run is not over, launch it again. That costs no
    budget.
    """
    at, status, cause = turn.runs.get(run), within(status, CAUSE), within(cause, CAUSE)
    if at is None or at.launch != launch or all(r.end_f >= at.f for r in turn.ripples.values()):
        return
    busy = [
        r
        for r in turn.ripples.values()
        if r.attempt and r.attempt.run == run and r.attempt.dispatched
    ]
    turn.put_run(replace(at, waiting=frozenset()))
    tokens.lose_places(turn, run)
    for ripple in busy:
        assert ripple.attempt is not None  # noqa: S101 - selected above
        _give_up(turn, ripple, ripple.attempt, "lost", _lost(ripple, status, cause))
    if at.failure is not None:
        for ripple in busy:
            turn.put_ripple(at_rest(turn, ripple))
        return
    if launch >= MOST_LAUNCHES:
        for ripple in busy:
            turn.put_ripple(at_rest(turn, ripple))
        message = (
            f"The run's execution ended {launch} times before its Ripples did: {status} {cause}"
        )
        fail_run(turn, turn.runs[run], shortened(Failure("", 0, "ExecutionLost", message.strip())))
        return
    turn.put_run(replace(turn.runs[run], launch=launch + 1))
    for ripple in busy:
        _try_again(turn, ripple.name)
    turn.launching.append(run)


def _lost(ripple: RippleState, status: str, cause: str) -> Failure:
    assert ripple.attempt is not None  # noqa: S101 - the caller's selection
    return Failure(ripple.name, ripple.attempt.number, "ExecutionLost", f"{status} {cause}".strip())


def _try_again(turn: Turn, name: str, *, failed: bool = False, lost: bool = False) -> None:
    """Start another attempt. It belongs to the same try, unless the Ripple itself ``failed``; then
    it waits as long as the Ripple's delay says. The tokens stay with the Ripple.
    """
    ripple = turn.ripples[name]
    ended = ripple.attempt
    assert ended is not None  # noqa: S101 - only a Ripple with an attempt can try again
    run = turn.runs[ended.run]
    number = run.attempts.get(name, 0) + 1
    turn.put_run(replace(run, attempts={**run.attempts, name: number}))
    counts = {"tried": ended.tried + failed, "losses": ended.losses + lost}
    attempt = compute.new_attempt(turn, ripple, run=run.number, number=number, **counts)
    attempt = delays.delayed(turn, attempt, name) if failed else attempt
    turn.put_ripple(replace(ripple, attempt=replace(attempt, claim=ended.claim, held=ended.held)))


def _is_current(ripple: RippleState, run: int, attempt: int) -> bool:
    held = ripple.attempt
    return held is not None and held.number == attempt and held.run == run
