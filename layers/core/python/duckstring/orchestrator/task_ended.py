"""A task has stopped: whoever waits for its attempt is told, at once.

A supervisor answers for its worker before it ends, so most of these answers come second and change
nothing. What could not answer (it never started, was killed as a whole, or was stopped too fast) is
answered for from here, and not only by its silence.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from duckstring.errors import OperatorError
from duckstring.model.compute import ORDER, TOKEN
from duckstring.model.failures import FailedAnswer, FailedEnd, failed_answer
from duckstring.orchestrator.ports import Fields, Overrides, Tokens

_log = logging.getLogger("duckstring.task_ended")
_OUT_OF_MEMORY = "OutOfMemory"
_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class StoppedTask:
    """An attempt whose task is over, and how that is told."""

    token: str
    ripple: str
    attempt: int
    outcome: FailedEnd
    error: str
    message: str

    @property
    def answer(self) -> FailedAnswer:
        """In the words of the ripple function."""
        return failed_answer(
            self.outcome,
            ripple=self.ripple,
            attempt=self.attempt,
            error=self.error,
            message=self.message,
        )


def task_ended(event: Fields, *, tokens: Tokens, overrides: Overrides) -> bool:
    """Answer for the attempt of a task that stopped. False: it is none of ours, or has been
    answered for.

    Raises:
        TransientError: the state machine did not hear it.
    """
    try:
        stopped = read(event, overrides)
    except OperatorError as error:
        _log.warning(
            "event dropped",
            extra={
                "why": error.message,
                "event_id": event.get("id"),
                "source": event.get("source"),
            },
        )
        return False
    received = tokens.answer(stopped.token, stopped.answer)
    if received:
        _log.warning(
            "task stopped", extra={"outcome": stopped.outcome, "failure": stopped.answer["failure"]}
        )
    return received


def read(event: Fields, overrides: Overrides) -> StoppedTask:
    """What ECS says of a task's end.

    Raises:
        OperatorError: it is no end, or the task was started by somebody else.
    """
    detail = event.get("detail")
    if not isinstance(detail, Mapping) or detail.get("lastStatus") != "STOPPED":
        raise OperatorError("Only a task's end is news.")
    task = str(detail.get("taskArn", ""))
    # An event may come without what the task was started with; ECS itself remembers that for an
    # hour.
    started = _variables(detail.get("overrides")) or _variables(overrides.of(task))
    if not started.keys() >= {TOKEN, ORDER}:
        raise OperatorError(f"Task {task!r} is of no attempt.")
    order = json.loads(started[ORDER])
    outcome, error, message = _end(detail)
    return StoppedTask(started[TOKEN], order["ripple"], order["attempt"], outcome, error, message)


def _variables(overrides: object) -> dict[str, str]:
    return {
        str(one.get("name")): str(one.get("value"))
        for container in _list(overrides, "containerOverrides")
        for one in _list(container, "environment")
    }


def _end(detail: Fields) -> tuple[FailedEnd, str, str]:
    """(outcome, error, message)."""
    code = str(detail.get("stopCode") or "TaskStopped")
    words = [str(detail.get("stoppedReason") or "")]
    for container in _list(detail, "containers"):
        if container.get("reason"):
            words.append(str(container["reason"]))
        if container.get("exitCode") is not None:
            words.append(f"exit code {container['exitCode']}")
    details = "; ".join(word for word in words if word)[:_LENGTH]
    if _OUT_OF_MEMORY in details:
        return "memory", _OUT_OF_MEMORY, f"The task was killed for its memory: {details}"
    return "lost", code, f"The task stopped before its attempt was over: {details}"


def _list(holder: object, key: str) -> Iterator[Fields]:
    found = holder.get(key) if isinstance(holder, Mapping) else None
    return (
        (one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else iter(())
    )
