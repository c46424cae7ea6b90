"""The entry point of a task: ``python -m functions.ripple.task``, the supervisor of one attempt.
Its worker is ``task_worker.py``.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import urllib.request
from collections.abc import Mapping
from typing import Any

from duckstring.adapters.aws.admissions import task_credentials
from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.clock import SystemClock
from duckstring.adapters.aws.tokens import StepTokens
from duckstring.adapters.aws.vending import LambdaVendor
from duckstring.model.compute import ORDER, TOKEN
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName
from duckstring.model.settings import Settings
from duckstring.worker.supervise import Supervisor, SupervisorPorts, TaskOrder
from functions.ripple import logs
from functions.ripple.origins import SITE

_METADATA = "ECS_CONTAINER_METADATA_URI_V4"
_WORKER = (sys.executable, "-m", "functions.ripple.task_worker")


def main() -> int:
    """Supervise one attempt. 0: its end was reported."""
    order = json.loads(os.environ[ORDER])
    log = logs.begin()
    logs.label(
        {
            "run": f"{order['line']}/{order['run']}",
            "ripple": order["ripple"],
            "attempt": order["attempt"],
        }
    )
    which = (Line(order["line"]), order["run"], order["ripple"], order["attempt"])
    settings, clients = Settings.from_env(os.environ), Clients()
    rows = AttemptRows(
        _clients_of(AttemptName(*which), order, settings, clients),
        settings.need("table"),
        settings.need("bucket"),
        logs.redactor,
    )
    post = SupervisorPorts(tokens=StepTokens(clients), rows=rows, clock=SystemClock(), log=log)
    task = TaskOrder(*which, order["memory_mib"], os.environ[TOKEN])
    supervisor = Supervisor(task, post)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    # The token is the right to answer. The author's code must not have it.
    environment = {name: value for name, value in os.environ.items() if name != TOKEN}
    site = {
        "where": "task",
        "memory_mib": task.memory_mib,
        **_whereabouts(os.environ.get(_METADATA, ""), log),
    }
    return 0 if supervisor.run(_WORKER, {**environment, SITE: json.dumps(site)}) else 1


def _clients_of(
    attempt: AttemptName, order: Mapping[str, Any], settings: Settings, own: Clients
) -> Clients:
    """Clients with the attempt's rights. ``own``: those of the task."""
    if not settings.vendor_function:
        return own
    vendor = LambdaVendor(own, settings.vendor_function)
    permit = order.get("permit", "")
    return Clients(task_credentials(vendor, attempt, launch=order["launch"], permit=permit))


def _whereabouts(uri: str, log: logging.Logger) -> dict[str, str]:
    """Which task this is, and where its log goes, as ECS tells its containers. An attempt also runs
    without knowing this.
    """
    try:
        with urllib.request.urlopen(uri, timeout=3) as answer:  # noqa: S310 - ECS's own address
            metadata: dict[str, Any] = json.load(answer)
        options = metadata.get("LogOptions") or {}
        task = metadata["Labels"]["com.amazonaws.ecs.task-arn"]
        return {
            "request_id": task,
            "log_group": options.get("awslogs-group", ""),
            "log_stream": options.get("awslogs-stream", ""),
        }
    except (OSError, ValueError, LookupError):
        log.warning("no metadata", exc_info=True)
        return {}


if __name__ == "__main__":
    sys.exit(main())
