"""Workers that an execution cannot reach: tasks that are to stop, and Ripples that want to hear that they were killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of
from duckstring.engine.effects import CallOnKill, StopTask
from duckstring.model.compute import ORDER, tasks_of
from duckstring.model.instants import to_text
from duckstring.model.names import Line

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskTypeDef

_AT_ONCE = 100
"""That many tasks one DescribeTasks takes."""
_GONE = {"InvalidParameterException", "ClusterNotFoundException"}
"""Of a task that ECS has forgotten: an hour after its end it knows nothing of it."""


class FargateWorkers:
    """``ports.Workers``."""

    def __init__(self, clients: Clients, *, cluster: str, function: str) -> None:
        """Tasks run on ``cluster`` (an ARN); ``function`` is the ripple function."""
        self._clients, self._cluster, self._function = clients, cluster, function

    def stop_task(self, line: Line, task: StopTask) -> None:
        """Stop the task of an attempt; one that is over or never was is success.

        One that is only about to start finds the row of its attempt closed, and ends.
        """
        for found in self._tasks(line, task.run):
            if _attempted(found) == (task.ripple, task.attempt):
                self._stop(found["taskArn"], f"{task.ripple}, attempt {task.attempt} of {line}/{task.run}, was given up")

    def _tasks(self, line: Line, run: int) -> Iterator[TaskTypeDef]:
        """Those of a run that are not told to stop."""
        pages = self._clients.ecs.get_paginator("list_tasks").paginate(cluster=self._cluster, startedBy=tasks_of(line, run))
        arns = [arn for page in pages for arn in page["taskArns"]]
        for start in range(0, len(arns), _AT_ONCE):
            yield from self._clients.ecs.describe_tasks(cluster=self._cluster, tasks=arns[start : start + _AT_ONCE])["tasks"]

    def _stop(self, arn: str, reason: str) -> None:
        try:
            self._clients.ecs.stop_task(cluster=self._cluster, task=arn, reason=reason)
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise

    def call_on_kill(self, line: Line, call: CallOnKill) -> None:
        """Have a killed Ripple's own function called, soon and at least once."""
        request = {
            "op": "on_kill",
            "line": line,
            "run": call.run,
            "ripple": call.ripple,
            "attempt": call.attempt,
            "tried": call.tried,
            "f": to_text(call.f),
            "version": call.version,
            "artifact": call.artifact,
            "module": call.module,
            "started": to_text(call.started),
        }
        self._clients.lambda_.invoke(FunctionName=self._function, InvocationType="Event", Payload=json.dumps(request).encode())


def _attempted(task: TaskTypeDef) -> tuple[str, int] | None:
    """The Ripple and the attempt that a task was started for."""
    for container in task.get("overrides", {}).get("containerOverrides", ()):
        for variable in container.get("environment", ()):
            if variable.get("name") == ORDER:
                order = json.loads(variable["value"])
                return str(order["ripple"]), int(order["attempt"])
    return None
