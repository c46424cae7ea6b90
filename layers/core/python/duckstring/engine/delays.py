"""The delay before a Ripple is tried again in the same run. Rules: docs/engine.md, "Faults".

No worker waits. The attempt is given at once, and its branch stays at the gate until the delay is
over. The line sets its alarm for that moment.
"""

from __future__ import annotations

from datetime import timedelta

from duckstring.engine.state import Attempt
from duckstring.engine.turn import Turn
from duckstring.model.catalog import LONGEST_DELAY, RippleSpec
from duckstring.model.instants import ZERO, Instant
from duckstring.model.values import replace

_MOST_DOUBLINGS = 12
"""Of one second, the shortest delay: more than an hour."""


def delay_before(spec: RippleSpec | None, *, tried: int) -> timedelta:
    """How long the try after the first ``tried`` ones waits: the Ripple's own delay, doubled with
    each try that failed, at most ``LONGEST_DELAY``.
    """
    if spec is None or not spec.retry_delay_seconds:
        return ZERO
    doubled = spec.retry_delay_seconds * 2 ** min(tried - 1, _MOST_DOUBLINGS)
    return min(timedelta(seconds=doubled), LONGEST_DELAY)


def delayed(turn: Turn, attempt: Attempt, ripple: str) -> Attempt:
    """The first attempt of a new try of a Ripple, not before its delay is over."""
    specs = turn.release.ripples if turn.release else ()
    spec = next((one for one in specs if one.name == ripple), None)
    delay = delay_before(spec, tried=attempt.tried - 1)
    return replace(attempt, since=turn.now + delay, delayed=True) if delay else attempt


def still_waits(attempt: Attempt, now: Instant) -> bool:
    """Whether an attempt is not to begin yet."""
    return attempt.delayed and attempt.since > now


def delay_due(turn: Turn) -> Instant | None:
    """When the next delay of the line is over. None: no attempt waits for that.

    One that is over already is not the next: its branch may have no place in the execution yet.
    """
    due = None
    for ripple in turn.ripples.values():
        attempt = ripple.attempt
        if (
            attempt is not None
            and still_waits(attempt, turn.now)
            and (due is None or attempt.since < due)
        ):
            due = attempt.since
    return due
