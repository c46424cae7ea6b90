"""What operators do to one line: verbs, live budgets, Windows, removal. Rules: docs/engine.md,
"Operator verbs", "Windows".

These functions reach other lines only through the report to the Sinks.
"""

from __future__ import annotations

from typing import assert_never

from duckstring.engine import staleness
from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    DetachFrom,
    DropSchedule,
    RecordAttempt,
    RecordRun,
    SetSchedule,
    StopRun,
    StopTask,
    TellSinks,
)
from duckstring.engine.ripples import call_on_kill
from duckstring.engine.runs import abandon_failure
from duckstring.engine.signals import BudgetSet, HoldSet, Ordered
from duckstring.engine.state import Down, PondState, Run, SourceReport
from duckstring.engine.turn import Turn
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant, just_after
from duckstring.model.said import Hold, Said, bounded
from duckstring.model.values import replace
from duckstring.model.windows import MOST_WINDOWS, Window, overlap


def obey(turn: Turn, order: Ordered) -> None:
    """Apply an operator's verb. A line that is not deployed ignores it."""
    if turn.release is None:
        return
    turn.asleep = False
    turn.note(order.verb, bounded(Said(order.epoch, order.by, order.note)))
    match order.verb:
        case "wake":
            _wake(turn, order.epoch)
        case "force":
            _force(turn, order.epoch)
        case "sleep":
            _drop_demand(turn)
            turn.trigger = None
            turn.asleep, turn.retry_at = True, None
        case "kill":
            _kill(turn)
        case "clear":
            abandon_failure(turn)
        case _:
            assert_never(order.verb)


def _wake(turn: Turn, epoch: Instant) -> None:
    """Create demand for this line alone. It runs once on what its Sources hold, or will hold, and
    asks them for nothing.
    """
    abandon_failure(turn)
    turn.woken = max(epoch, just_after(turn.start_f)) if turn.is_inlet else just_after(turn.start_f)


def _force(turn: Turn, epoch: Instant) -> None:
    """Run again at the published freshness, once nothing is in flight. A line that never ran has no
    freshness, so it is woken instead.
    """
    if turn.end_f == NEVER:
        _wake(turn, epoch)
        return
    abandon_failure(turn)
    turn.force = True


def _drop_demand(turn: Turn) -> None:
    """Drop all demand of this line. Runs that began keep their targets, and complete."""
    turn.pull, turn.targets, turn.woken, turn.force = None, (), None, False
    turn.awaited = turn.urgent = False
    turn.kept, turn.tapped = None, False
    for run in tuple(turn.runs.values()):
        turn.put_run(replace(run, pull=None, tapped=False, target=NEVER, woken=None))
    for ripple in tuple(turn.ripples.values()):
        if ripple.pull:
            turn.put_ripple(replace(ripple, pull=False))


def _kill(turn: Turn) -> None:
    """Stop everything that runs. The line stays down until it is woken, forced or cleared; then its
    trigger works again.
    """
    if turn.health == "killed":
        return
    previous = "running" if turn.runs and turn.health == "ok" else turn.health
    _stop_runs(turn, "An operator killed it.")
    _drop_demand(turn)
    turn.health, turn.failure, turn.retry_at = "killed", None, None
    said = turn.said.get("kill", Said())
    reason = f"{turn.line} was killed"
    turn.emit(Announce("killed", previous, turn.end_f, reason=reason, by=said.by, note=said.note))


def _stop_runs(turn: Turn, why: str) -> None:
    for run in tuple(turn.runs.values()):
        turn.emit(StopRun(run.number, run.launch))
        if run.failure is None:
            turn.emit(RecordRun(run.number, run.f, run.version, "killed", run.started, turn.now))
        for name in sorted(run.waiting):  # its token would never be used
            turn.emit(AnswerGate(run.number, run.launch, name, "cancelled"))
        _record_kills(turn, run, why)
        turn.drop_run(run.number)
    for ripple in tuple(turn.ripples.values()):
        turn.put_ripple(
            replace(ripple, attempt=None, start_f=turn.end_f, end_f=turn.end_f, targets=())
        )


def _record_kills(turn: Turn, run: Run, why: str) -> None:
    for ripple in turn.ripples.values():
        attempt = ripple.attempt
        if attempt is None or attempt.run != run.number:
            continue
        if attempt.dispatched:
            failure = Failure(ripple.name, attempt.number, "Killed", why)
            turn.emit(
                RecordAttempt(run.number, ripple.name, attempt.number, "killed", turn.now, failure)
            )
            if attempt.on == "task":
                turn.emit(StopTask(run.number, ripple.name, attempt.number))
        # Also if the attempt has not begun: an earlier one may have, and its external work must be
        # undone. One that is delayed is the first of its try, and the try before it has ended.
        last = attempt.number if attempt.dispatched else attempt.number - 1
        if last and not attempt.delayed:
            call_on_kill(turn, run, ripple.name, last, tried=attempt.tried)


def hold(turn: Turn, held: HoldSet) -> None:
    """Hold new runs, or let them start again. What is asked for meanwhile is kept."""
    if held.at > turn.hold.at:
        said = bounded(Said(held.at, held.by, held.note))
        turn.hold = Hold(held.at, held.on, said.by, said.note)


def set_budgets(turn: Turn, budgets: BudgetSet) -> None:
    """Apply the operator's budgets from now on. A failed Inlet plans its retry again. Runs in
    flight keep the budgets that they began with.
    """
    if budgets.immediate_retries is not None:
        turn.immediate_retries = budgets.immediate_retries
    if budgets.source_retries is not None:
        turn.source_retries = budgets.source_retries


def add_window(turn: Turn, window: Window) -> None:
    """Add a rule, unless another one has its name or could be open at the same time. The older rule
    wins.
    """
    others = [held for held in turn.windows.values() if held != window]
    if len(turn.windows) >= MOST_WINDOWS and window.name not in turn.windows:
        return
    if any(held.name == window.name or overlap(held, window, turn.now) for held in others):
        return
    turn.windows = {**turn.windows, window.name: window}
    turn.emit(SetSchedule(window))


def remove_window(turn: Turn, name: str) -> None:
    """Remove a rule. Its schedule is dropped even if the rule is gone already, which repairs a
    leftover schedule.
    """
    turn.windows = {held: window for held, window in turn.windows.items() if held != name}
    turn.emit(DropSchedule(name))


def remove_line(turn: Turn, at: Instant) -> None:
    """Take the line out. Its numbering continues, so that a later deploy cannot be mistaken for the
    old line.
    """
    selected = turn.next_release or turn.release
    if selected is None or selected.deployed > at:
        return
    _stop_runs(turn, f"{turn.line} was removed.")
    for source in turn.sources:
        turn.emit(DetachFrom(source))
    for name in turn.windows:
        turn.emit(DropSchedule(name))
    # for a moment they have a Source that is down; when it returns they ask again for what is
    # forgotten here
    if turn.sinks:
        turn.emit(TellSinks(SourceReport(down=Down(turn.line, "removed"))))
        turn.emit(TellSinks(SourceReport()))
    if turn.health != "ok":
        turn.emit(Announce("recovered", turn.health, turn.end_f, reason=f"{turn.line} was removed"))
    staleness.end(turn)
    counted = turn.runs_started
    turn.start_over(
        PondState(
            turn.line,
            sinks=turn.sinks,
            runs_started=counted,
            former=counted,
            claims_made=turn.claims_made,
            arrived=turn.arrived,
            arrivals_from=turn.arrived,
        )
    )
