"""Why an attempt did not succeed, and the form of that in an answer. ``model/limits.py`` limits how
much of the texts is kept.
"""

from __future__ import annotations

import json
from typing import Literal, NotRequired, TypedDict

from duckstring.model.limits import ANSWER, ERROR, MESSAGE, within
from duckstring.model.values import Value, replace

_HISTORY_HAS_ALL = "... (history has all of it)"

FailedEnd = Literal["failed", "timeout", "overran", "memory", "lost", "crashed", "check"]
"""How an attempt ended that did not succeed, as a gate takes it."""


class Failure(Value, frozen=True):
    """Why a Ripple's attempt did not succeed, with the author's text unchanged.

    ``error`` is the exception's class name, ``message`` its text. ``ripple`` and ``attempt`` say
    where it happened; a run that failed as a whole has neither. ``final``: the error is none of
    those after which the Ripple is tried again (``@ripple(retry_on=...)``), as its attempt says.
    """

    ripple: str
    attempt: int
    error: str
    message: str
    final: bool = False


class FailureObject(TypedDict):
    """A ``Failure`` in an answer to the state machine, and in the letter of a gate. ``final`` is
    there only if it is true.
    """

    ripple: str
    attempt: int
    error: str
    message: str
    final: NotRequired[bool]


class FailedAnswer(TypedDict):
    """The answer of a worker whose attempt did not succeed."""

    outcome: str
    failure: FailureObject


def shortened(failure: Failure, *, most: int = MESSAGE) -> Failure:
    """The failure as an item, an outbox and an execution have room for it. ``most``: bytes of the
    message, as they are stored.
    """
    message = within(failure.message, most, note=_HISTORY_HAS_ALL)
    return replace(failure, error=within(failure.error, ERROR), message=message)


def failed_answer(
    outcome: FailedEnd,
    *,
    ripple: str,
    attempt: int,
    error: str,
    message: str,
    final: bool = False,
) -> FailedAnswer:
    """The answer of a worker, or of its supervisor, to the state machine.

    The message is cut to what an execution's state carries: ``ANSWER`` bytes of ASCII JSON.
    """
    failure: FailureObject = {
        "ripple": ripple,
        "attempt": attempt,
        "error": error,
        "message": _for_payload(message),
    }
    if final:
        failure["final"] = True
    return {"outcome": outcome, "failure": failure}


def _for_payload(message: str) -> str:
    if len(json.dumps(message)) <= ANSWER:
        return message
    low, high = 0, len(message)
    while low < high:
        middle = (low + high + 1) // 2
        fits = len(json.dumps(message[:middle])) <= ANSWER
        low, high = (middle, high) if fits else (low, middle - 1)
    return f"{message[:low]}{_HISTORY_HAS_ALL}"
