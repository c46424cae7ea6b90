"""ECS tasks run, as processes, and their ends are announced.

Emulator: it runs tasks in containers where there is a container engine, and else only writes them
down; it tells nobody of their ends; tasks that ran when it stopped have stopped, but are still
wanted.
AWS: a task that is to run runs; each change of its state is an event; a task that has ended is not
wanted any more.
For us: a machine need not have a container engine, and a Catchment waits for the event of an end.
``tasks.py`` is the agent; the emulator keeps the books, which are read and written here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

Record = dict[str, Any]
Key = tuple[str, str, str]
"""Account, region, task ARN: how the emulator keeps its tasks."""

_ECS = "services.ecs"
_RUN = NAMES.replaced(_ECS, "_run_task", "data")
_STOP = NAMES.replaced(_ECS, "_stop_task", "data")
_LOAD = NAMES.replaced(_ECS, "load_persisted_state", "data")
_ACTIONS = NAMES.table(_ECS, "_ACTION_MAP", {"RunTask": "data", "StopTask": "data"})
_TASKS = NAMES.value(_ECS, "_tasks", "AccountRegionScopedDict")
_DATA = NAMES.attribute("core.responses", "AccountRegionScopedDict._data")
_DEFINITIONS = NAMES.value(_ECS, "_task_defs", "AccountRegionScopedDict")
_DEFINITION_KEY = NAMES.called(_ECS, "_resolve_td_key", "ref")
_OVERRIDE = NAMES.called(_ECS, "_container_override_for", "container_overrides container_name")
_REGISTER = NAMES.called(
    _ECS,
    "_register_metadata",
    "task_arn cluster_arn td cdef launch_type env host_mode ministack_net_ip",
)
_METADATA = NAMES.value("services.ecs_metadata", "_TOKEN_TO_CONTAINER", "dict")
NAMES.mentioned(_ECS, "_cleanup_task_resources", "_metadata_tokens")
_CLUSTER = NAMES.called(_ECS, "_resolve_cluster_name", "ref")
_TASK = NAMES.called(_ECS, "_resolve_task", "ref cluster_name")
_PUBLIC = NAMES.called(_ECS, "_sanitize", "obj")
_NOW = NAMES.called(_ECS, "_iso")
_BUMP = NAMES.called(_ECS, "_bump_task_version", "task")
_MARK_STOPPED = NAMES.called(
    _ECS, "_mark_task_stopped", "task_arn task reason stop_code", named="exit_code"
)
_CLEAN_UP = NAMES.called(_ECS, "_cleanup_task_resources", "task docker_client")
_LOG_CONFIG = NAMES.called(_ECS, "_awslogs_config", "cdef task_id container_id")
_LOG_STREAM = NAMES.called(_ECS, "_ensure_awslogs_stream", "config")
_PUT_LINES = NAMES.called("services.cloudwatch_logs", "_put_log_events", "data")
_ANSWER = NAMES.called("core.responses", "json_response", "data")
_PUT_EVENTS = NAMES.called("services.eventbridge", "_put_events", "data", named="allow_aws_source")


def run_tasks(
    start: Callable[[], None], stop: Callable[[Mapping[str, Any], Callable[[Any], Any]], Any]
) -> None:
    """Have the emulator's tasks run.

    Args:
        start: called when there are tasks to start.
        stop: answers a request to stop a task; it is given the request and how the emulator
            answers that.
    """
    emulators_run, emulators_stop, load = _RUN.read(), _STOP.read(), _LOAD.read()

    def run_and_start(data: Foreign) -> Foreign:
        answer = emulators_run(data)
        start()
        return answer

    def stop_in_time(data: Foreign) -> Foreign:
        return stop(data, emulators_stop)

    def load_as_stopped(state: Foreign) -> None:
        load(state)
        _close_the_books()

    _RUN.replace(run_and_start)
    _STOP.replace(stop_in_time)
    _LOAD.replace(load_as_stopped)
    _ACTIONS.read().update({"RunTask": run_and_start, "StopTask": stop_in_time})


def tasks() -> dict[Key, Record]:
    """The record of each task."""
    return dict(_DATA.of(_TASKS.read()))


def definition_of(task: Record) -> Record:
    """The definition of a task."""
    key = _DEFINITION_KEY.read()(task["taskDefinitionArn"])
    definition: Record = _DEFINITIONS.read()[key]
    return definition


def override_of(task: Record, container: Record) -> Record:
    """What the task has instead of what its definition says of the container."""
    overrides = task["overrides"].get("containerOverrides", [])
    override: Record = _OVERRIDE.read()(overrides, container["name"])
    return override


def register_metadata(
    task: Record, definition: Record, container: Record, log_options: Mapping[str, str]
) -> dict[str, str]:
    """Register the task with the emulator's metadata server. Gives the variables by which the
    task finds what it is, and its credentials.
    """
    variables: dict[str, str] = {}
    token = _REGISTER.read()(
        task["taskArn"],
        task["clusterArn"],
        definition,
        container,
        task["launchType"],
        variables,
        True,
        None,
    )
    task["_metadata_tokens"] = [token]
    # What the emulator leaves out: a worker learns from it where its log goes.
    _METADATA.read()[token].update({"LogDriver": "awslogs", "LogOptions": log_options})
    return variables


def find(data: Mapping[str, Any]) -> Record | None:
    """The task of a request."""
    cluster = _CLUSTER.read()(data.get("cluster", "default"))
    found: Record | None = _TASK.read()(data.get("task", ""), cluster) if cluster else None
    return found


def answer_with(task: Record) -> Foreign:
    """The emulator's answer to a request, with the task."""
    return _ANSWER.read()({"task": _PUBLIC.read()(task)})


def write_stopping(task: Record, *, code: str, reason: str) -> None:
    """The task was told to stop, and has not ended yet."""
    task |= {
        "desiredStatus": "STOPPED",
        "stoppingAt": _NOW.read()(),
        "stopCode": code,
        "stoppedReason": reason,
    }
    _BUMP.read()(task)


def write_end(arn: str, task: Record, *, code: str, reason: str, exit_code: int | None) -> bool:
    """The task has ended. Gives whether that is news."""
    # To the emulator a task that is told to stop has stopped, and it writes no second end.
    task["desiredStatus"] = "RUNNING"
    if not _MARK_STOPPED.read()(arn, task, reason, code, exit_code=exit_code):
        return False
    _CLEAN_UP.read()(task, None)
    return True


def announce(task: Record) -> None:
    """ECS's event of a task that changed its state."""
    entry = {
        "Source": "aws.ecs",
        "DetailType": "ECS Task State Change",
        "Detail": json.dumps(_PUBLIC.read()(task), default=str),
        "Resources": [task["taskArn"]],
    }
    _PUT_EVENTS.read()({"Entries": [entry]}, allow_aws_source=True)


def log_of(container: Mapping[str, Any], task_id: str) -> Record | None:
    """The container's log stream, made if it is not there: ``group``, ``stream``, ``region``.
    None: the container has no log group.
    """
    config: Record | None = _LOG_CONFIG.read()(container, task_id, task_id)
    return config if config is not None and _LOG_STREAM.read()(config) else None


def put_lines(group: str, stream: str, events: Iterable[Mapping[str, Any]]) -> None:
    """Add lines to a log stream."""
    _PUT_LINES.read()({"logGroupName": group, "logStreamName": stream, "logEvents": list(events)})


def _close_the_books() -> None:
    """Tasks that ran when the state was written: their processes are gone with the server that
    had them.
    """
    for task in tasks().values():
        if task.get("lastStatus") == "STOPPED" and task.get("desiredStatus") != "STOPPED":
            gone = {
                "stopCode": "TerminationNotice",
                "stoppedReason": "The server of this Catchment ended",
                "stoppedAt": task["createdAt"],
            }
            task |= {"desiredStatus": "STOPPED", **gone}
