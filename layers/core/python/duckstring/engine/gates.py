"""Verdicts: what a branch of a run's execution may do. A verdict depends on the state alone, so a
repeated question is harmless.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from duckstring.engine.delays import still_waits
from duckstring.engine.effects import AnswerGate, RippleBranch, StartRun, Verdict
from duckstring.engine.signals import GateReached
from duckstring.engine.state import RippleState, Run
from duckstring.engine.tokens import has_tokens
from duckstring.engine.turn import Turn, with_waiting
from duckstring.model.failures import shortened
from duckstring.model.instants import Instant
from duckstring.model.values import replace


def reach_gate(turn: Turn, gate: GateReached) -> None:
    """A branch waits at its gate. A branch of a finished run or of a lost execution is dismissed at
    once.
    """
    run = turn.runs.get(gate.run)
    if run is None or gate.launch != run.launch or gate.ripple not in turn.ripples:
        turn.emit(_dismissal(turn, gate))
        return
    attempt = turn.ripples[gate.ripple].attempt
    if (
        attempt is not None
        and attempt.run == gate.run
        and attempt.dispatched
        and attempt.number > gate.attempt
    ):
        return  # a repeated letter: the branch has moved on since
    turn.put_run(with_waiting(run, gate.ripple, is_waiting=True))


def _dismissal(turn: Turn, gate: GateReached) -> AnswerGate:
    if gate.run == turn.failed_run or gate.outcome != "none":
        failure = shortened(gate.failure) if gate.failure else turn.failure
        return AnswerGate(gate.run, gate.launch, gate.ripple, "cancelled", failure=failure)
    return AnswerGate(gate.run, gate.launch, gate.ripple, "done")


def answer_gates(turn: Turn) -> bool:
    """Launch the runs that begin, and answer every waiting branch that has a verdict."""
    effects_before = len(turn.effects)
    for number in turn.launching:
        _launch(turn, turn.runs[number])
    turn.launching.clear()
    for number, name in _free(turn):
        run = turn.runs[number]
        verdict, attempt, mib = _verdict(turn, run, name)
        turn.put_run(with_waiting(run, name, is_waiting=False))
        failure = run.failure if verdict == "cancelled" else None
        turn.emit(AnswerGate(number, run.launch, name, verdict, attempt, failure, mib))
    return len(turn.effects) > effects_before


def _free(turn: Turn) -> list[tuple[int, str]]:
    """The run and Ripple of each branch that can be answered now."""
    free = []
    for run in turn.runs.values():
        if run.waiting and (ready := _ready(run, turn.ripples, turn.now)):
            free += [(run.number, name) for name in sorted(ready)]
    return free


def _ready(run: Run, ripples: Mapping[str, RippleState], now: Instant) -> Collection[str]:
    """Which of the waiting branches can be answered: all if the run failed, otherwise those whose
    Ripple is done or has an attempt that nobody runs yet and that may begin, with all the tokens
    that it needs.
    """
    if run.failure is not None:
        return run.waiting
    ready = []
    f = run.f
    for name in run.waiting:
        ripple = ripples[name]
        attempt = ripple.attempt
        if ripple.end_f >= f or (
            attempt is not None
            and not attempt.dispatched
            and attempt.run == run.number
            and has_tokens(ripple, attempt)
            and not still_waits(attempt, now)
        ):
            ready.append(name)
    return ready


def _launch(turn: Turn, run: Run) -> None:
    branches = tuple(RippleBranch(name, *_verdict(turn, run, name)) for name in turn.ripples)
    turn.emit(StartRun(run.number, run.launch, branches))


def _verdict(turn: Turn, run: Run, name: str) -> tuple[Verdict, int, int]:
    """The verdict, the attempt that it starts, and the memory of the task that the attempt runs
    in.
    """
    ripple = turn.ripples[name]
    if run.failure is not None:
        return "cancelled", 0, 0
    if ripple.end_f >= run.f:
        return "done", 0, 0
    attempt = ripple.attempt
    if attempt is None or attempt.dispatched or attempt.run != run.number:
        return "wait", 0, 0
    if still_waits(attempt, turn.now) or not has_tokens(ripple, attempt):
        return "wait", 0, 0
    turn.put_ripple(replace(ripple, attempt=replace(attempt, dispatched=True, delayed=False)))
    return attempt.on, attempt.number, attempt.memory_mib
