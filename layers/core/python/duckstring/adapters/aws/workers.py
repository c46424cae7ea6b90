"""Workers that an execution cannot reach: tasks to stop, and the ``on_kill`` calls of killed
Ripples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of
from duckstring.adapters.aws.layout import attempt_key, former_key
from duckstring.adapters.aws.permits import Permits
from duckstring.engine.effects import CallOnKill, StopTask
from duckstring.model.compute import ORDER
from duckstring.model.instants import to_text
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskTypeDef

_GONE = {"InvalidParameterException", "ClusterNotFoundException"}
"""Of a task that ECS has forgotten: an hour after its end it knows nothing of it."""


class FargateWorkers:
    """``ports.Workers``."""

    def __init__(
        self, clients: Clients, table: str, permits: Permits, *, cluster: str, function: str
    ) -> None:
        """Tasks run on ``cluster`` (an ARN), and their attempts have rows in ``table``;
        ``function`` is the ripple function, and ``permits`` go with its calls of ``on_kill``.
        """
        self._clients, self._table, self._permits = clients, table, permits
        self._cluster, self._function = cluster, function
        self._ours = re.compile(
            re.escape(cluster.replace(":cluster/", ":task/", 1)) + r"/[0-9A-Za-z-]{1,64}", re.ASCII
        )

    def stop_task(self, line: Line, task: StopTask) -> None:
        """Stop the task of an attempt; one that is over or never was is success.

        Its worker has written into the attempt's row which task it is. One that has not begun yet
        is looked for among all; a task that ECS does not list yet finds its row closed when it
        begins, and leaves.
        """
        where, arn = self._site(line, task)
        if where == "lambda":
            return
        wanted = {"line": line, "run": task.run, "ripple": task.ripple, "attempt": task.attempt}
        # Any worker may have written the row: only a task that was started for this attempt is
        # stopped.
        known = self._task(arn) if where == "task" and arn else ()
        ours = [found for found in known if wanted.items() <= _order(found).items()]
        for found in ours or [
            found for found in self._tasks() if wanted.items() <= _order(found).items()
        ]:
            self._stop(
                found["taskArn"],
                f"{task.ripple}, attempt {task.attempt} of {line}/{task.run}, was given up",
            )

    def _site(self, line: Line, task: StopTask) -> tuple[str, str]:
        """Where the attempt's worker last reported, and the task's ARN if known. A paused attempt
        continues in the function.
        """
        key = attempt_key(line, task.run, task.ripple, task.attempt)
        for place in (key, former_key(line, key)):
            row = self._clients.dynamodb.get_item(
                TableName=self._table, Key=place, ConsistentRead=True
            ).get("Item", {})
            if where := row.get("where", {}).get("S", ""):
                return where, row.get("request_id", {}).get("S", "")
        return "", ""

    def _task(self, arn: str) -> Sequence[TaskTypeDef]:
        """The task with that ARN. None: ECS has forgotten it, or it belongs to another cluster,
        which we may not read.
        """
        if not self._ours.fullmatch(arn):
            return ()
        try:
            return self._clients.ecs.describe_tasks(cluster=self._cluster, tasks=[arn])["tasks"]
        except ClientError as error:
            if code_of(error) not in {*_GONE, "ClientException"}:
                raise
            return ()

    def _tasks(self) -> Iterator[TaskTypeDef]:
        """All tasks that are not stopping."""
        pages = self._clients.ecs.get_paginator("list_tasks").paginate(cluster=self._cluster)
        for page in pages:
            if page["taskArns"]:
                yield from self._clients.ecs.describe_tasks(
                    cluster=self._cluster, tasks=page["taskArns"]
                )["tasks"]

    def _stop(self, task: str, reason: str) -> None:
        try:
            self._clients.ecs.stop_task(cluster=self._cluster, task=task, reason=reason)
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise

    def call_on_kill(self, line: Line, call: CallOnKill) -> None:
        """Have a killed Ripple's own function called, soon and at least once."""
        attempt = AttemptName(line, call.run, call.ripple, call.attempt)
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
            "permit": self._permits.of(attempt, "on_kill"),
        }
        self._clients.lambda_.invoke(
            FunctionName=self._function,
            InvocationType="Event",
            Payload=json.dumps(request).encode(),
        )


def _order(task: TaskTypeDef) -> dict[str, Any]:
    """What a task was started for; empty: it is not one of ours."""
    for container in task.get("overrides", {}).get("containerOverrides", ()):
        for variable in container.get("environment", ()):
            if variable.get("name") == ORDER:
                order: dict[str, Any] = json.loads(variable["value"])
                return order
    return {}
