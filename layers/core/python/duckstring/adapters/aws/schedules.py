"""Windows on the Catchment's clock: one recurring schedule a rule, anchored at its openings, in the Catchment's own group."""

from __future__ import annotations

import json
from datetime import timedelta

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.engine.signals import WindowOpened
from duckstring.model.names import Line
from duckstring.model.settings import Settings
from duckstring.model.windows import Window, is_carried_by_schedule, next_opening
from duckstring.ports import Clock

_SCHEDULED = "<aws.scheduler.scheduled-time>"
"""Scheduler writes the time in: FIFO deduplication would swallow two equal bodies within five minutes."""


class WindowSchedules:
    """``ports.Schedules``: a rule that the clock cannot carry has no schedule; the line's own alarms carry it."""

    def __init__(self, clients: Clients, settings: Settings, clock: Clock) -> None:
        """Keep schedules in the group that ``settings`` names."""
        self._clients, self._settings, self._clock = clients, settings, clock

    def set(self, line: Line, window: Window) -> None:
        """Put the schedule of ``window``, in the place of one of the same name."""
        first = next_opening([window], self._clock.now() - timedelta(seconds=1))
        if first is None or not is_carried_by_schedule(window):
            return
        body = {**json.loads(codec.letter(line, WindowOpened(window.name))), "at": _SCHEDULED}
        wanted = self._settings
        request = {
            "Name": schedule_name(line, window.name),
            "GroupName": wanted.need("schedules"),
            "Description": f"Window {window.name} of {line}: duckstring trigger window",
            "ScheduleExpression": _rate(window.every),
            "StartDate": first.start,
            **({"EndDate": window.until} if window.until else {}),
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": wanted.need("mailbox_arn"),
                "RoleArn": wanted.need("scheduler_role"),
                "Input": json.dumps(body),
                "SqsParameters": {"MessageGroupId": line},
            },
        }
        try:
            self._clients.scheduler.create_schedule(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
            self._clients.scheduler.update_schedule(**request)

    def drop(self, line: Line, name: str) -> None:
        """Delete the schedule; one that is not there is success."""
        try:
            self._clients.scheduler.delete_schedule(Name=schedule_name(line, name), GroupName=self._settings.need("schedules"))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


def schedule_name(line: Line, name: str) -> str:
    """At most 64 characters of Scheduler's alphabet; Pond names have no dash, so two rules never share one."""
    return f"window-{line.replace('@', '-')}-{name}"


def _rate(every: timedelta) -> str:
    minutes = every // timedelta(minutes=1)
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes % size == 0:
            return f"rate({minutes // size} {unit}{'s' * (minutes != size)})"
    return f"rate({minutes} minute{'s' * (minutes != 1)})"
