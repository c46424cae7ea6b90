"""Where attempts run, and what a line learns about it. Rules: docs/engine.md, "Where a Ripple
runs".

A place is the memory of a task in MiB, or 0 for the function. A larger number is a larger place.
"""

from __future__ import annotations

from typing import Literal

from duckstring.engine.signals import ComputePinned, RippleSucceeded
from duckstring.engine.state import Attempt, PondState, RippleState
from duckstring.engine.turn import Turn
from duckstring.model import commands
from duckstring.model.catalog import RippleSpec
from duckstring.model.compute import Pin, Why, size_above, size_for
from duckstring.model.limits import MOST_PINS
from duckstring.model.values import replace

Outgrown = Literal["overran", "memory"]


def new_attempt(
    turn: Turn, ripple: RippleState, *, run: int, number: int, tried: int = 1, losses: int = 0
) -> Attempt:
    """The next attempt of a Ripple, at its place."""
    usual = ripple.measured and not ripple.task_mib and not turn.compute
    mib = 0 if usual else place(turn, ripple)
    return Attempt(run, number, turn.now, False, tried, "task" if mib else "lambda", mib, losses)


def place(turn: Turn, ripple: RippleState) -> int:
    """Where an attempt that is given now runs."""
    return place_and_why(turn, ripple)[0]


def place_and_why(line: Turn | PondState, ripple: RippleState) -> tuple[int, Why]:
    """Where an attempt would run, and why: the operator's setting comes first, then what the line
    has learnt, then the author's hints.
    """
    pin = line.compute.get(ripple.name)
    if pin is not None:
        return _pinned(line, ripple, pin), "operator"
    if ripple.task_mib:
        return ripple.task_mib, "learnt"
    if ripple.measured:
        return 0, "default"
    spec = _spec(line, ripple.name)
    return (
        (_hinted(spec), "hint") if spec is not None and spec.starts_on == "task" else (0, "default")
    )


def _pinned(line: Turn | PondState, ripple: RippleState, pin: Pin) -> int:
    if pin.on == "lambda":
        return 0
    return size_for(
        pin.memory_mib or ripple.task_mib or _hinted(_spec(line, ripple.name))
    ).memory_mib


def _spec(line: Turn | PondState, name: str) -> RippleSpec | None:
    for spec in line.release.ripples if line.release else ():
        if spec.name == name:
            return spec
    return None


def _hinted(spec: RippleSpec | None) -> int:
    return size_for((spec.memory_mib if spec else None) or 0).memory_mib


def pin(turn: Turn, word: ComputePinned) -> None:
    """Apply the operator's setting from the next attempt on. ``auto`` takes it back."""
    others = {name: held for name, held in turn.compute.items() if name != word.ripple}
    if word.on == "auto":
        turn.compute = others
    elif len(others) < MOST_PINS:
        turn.compute = {**others, word.ripple: Pin(word.on, word.memory_mib)}


def outgrow(turn: Turn, ripple: RippleState, how: Outgrown, *, mib: int) -> None:
    """An attempt found its place too small, where it had ``mib``. The line remembers what the
    Ripple needs.
    """
    known = ripple.task_mib or _hinted(_spec(turn, ripple.name))
    if how == "overran":
        needed = ripple.task_mib or max(mib, known)
    else:
        # After a large task paused, the function was too small. The task's size is still what it
        # needs.
        larger = size_above(mib)
        needed = max(known, larger.memory_mib if larger else mib)
    turn.put_ripple(replace(ripple, task_mib=size_for(needed).memory_mib))


def needs(turn: Turn, ripple: RippleState, report: RippleSucceeded) -> int:
    """The task that a Ripple needs, after an attempt of it succeeded. 0: it fits the function."""
    attempt = ripple.attempt
    if attempt is None or attempt.on == "lambda" or _fits(report):
        return 0
    if ripple.task_mib:
        return ripple.task_mib
    # A hint or an operator put it there. What it really used is the better measure, with the same
    # room to spare.
    taken = report.peak_mib * 5 // 3 or attempt.memory_mib
    return min(
        attempt.memory_mib, size_for(max(taken, _hinted(_spec(turn, ripple.name)))).memory_mib
    )


def _fits(report: RippleSucceeded) -> bool:
    """Whether the attempt used at most a third of the function's time and three fifths of its
    memory. A value that was not measured is ignored.
    """
    quick = 0 < report.seconds * 3 < report.function_seconds
    return quick and 0 < report.peak_mib * 5 < report.function_mib * 3


def pinned_words(turn: Turn, name: str) -> str:
    """The sentence about an attempt that an operator's setting kept in a place that was too small.
    Empty: no setting did.
    """
    pin = turn.compute.get(name)
    if pin is None or (pin.on == "task" and not pin.memory_mib):
        return ""
    where = (
        "the function"
        if pin.on == "lambda"
        else f"a task of {size_for(pin.memory_mib).memory_mib // 1024} GB"
    )
    unpin = commands.unpin(turn.line, name)
    return f" It is pinned to {where}; to let it go on as a larger task: {unpin}"
