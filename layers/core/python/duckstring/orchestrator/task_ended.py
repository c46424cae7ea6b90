"""A task has stopped: the branch that waits for its attempt gets the answer at once.

A supervisor answers for its worker before it ends, so most of the answers from here come second and
change nothing. The answers matter for a task that could not answer, because it never started, was
killed as a whole, or was stopped too fast. Without them only its silence would be noticed.
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
    """An attempt whose task is over, and the answer for it."""

    token: str
    ripple: str
    attempt: int
    outcome: FailedEnd
    error: str
    message: str

    @property
    def answer(self) -> FailedAnswer:
        """The answer in the form of the ripple function."""
        return failed_answer(
            self.outcome,
            ripple=self.ripple,
            attempt=self.attempt,
            error=self.error,
            message=self.message,
        )


def task_ended(event: Fields, *, tokens: Tokens, overrides: Overrides) -> bool:
    """Answer for the attempt of a task that stopped. False: the task is not ours, or was answered
    for already.

    Raises:
        TransientError: the state machine did not receive the answer.
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
    """Read ECS's event of a task's end.

    Raises:
        OperatorError: it is not a task's end, or the task was started by somebody else.
    """
    detail = event.get("detail")
    if not isinstance(detail, Mapping) or detail.get("lastStatus") != "STOPPED":
        raise OperatorError("Only a task's end is news.")
    task = str(detail.get("taskArn", ""))
    # An event may come without the task's overrides. ECS itself keeps them for an hour.
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
