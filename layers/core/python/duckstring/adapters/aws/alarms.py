"""Alarms to the second: a delay queue for the next 15 minutes, and for later ones a one-shot
schedule that leads to it.

Scheduler is accurate to a minute only. So a schedule fires two minutes early, into the delay queue,
and the orchestrator sets the alarm again for the rest.
"""

from __future__ import annotations

import json
from datetime import timedelta
from math import ceil

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.schedules import delete_schedule, whole_second
from duckstring.engine.signals import AlarmRang
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.settings import Settings
from duckstring.ports import Clock

_NEAR = timedelta(minutes=15)
_LEAD = timedelta(minutes=2)


class TimedAlarms:
    """``ports.Alarms``. A line has at most one schedule: a later alarm replaces an earlier one, and
    vice versa.
    """

    def __init__(self, clients: Clients, settings: Settings, clock: Clock) -> None:
        """Ring through the queues and schedules that ``settings`` names."""
        self._clients, self._settings, self._clock = clients, settings, clock

    def set(self, line: Line, at: Instant) -> None:
        """Post AlarmRang to ``line`` at ``at`` or soon after. ``at`` in the body makes it unique
        for FIFO dedup.
        """
        body = json.dumps({**json.loads(codec.letter(line, AlarmRang())), "at": to_text(at)})
        left = at - self._clock.now()
        if left <= _NEAR:
            self._clients.sqs.send_message(
                QueueUrl=self._settings.need("delays"),
                MessageBody=body,
                DelaySeconds=max(0, ceil(left.total_seconds())),
            )
            return
        try:
            self._schedule(line, at, body)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
            # Not updated: Scheduler is about to delete a schedule that has fired, and the new time
            # would be lost with it.
            delete_schedule(self._clients, group=self._settings.need("schedules"), name=_name(line))
            self._schedule(line, at, body)

    def _schedule(self, line: Line, at: Instant, body: str) -> None:
        wanted = self._settings
        self._clients.scheduler.create_schedule(
            Name=_name(line),
            GroupName=wanted.need("schedules"),
            Description=(
                f"The next alarm of {line}, two minutes ahead: the delay queue holds it until "
                "its second"
            ),
            ScheduleExpression=f"at({whole_second(at) - _LEAD:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": wanted.need("delays_arn"),
                "RoleArn": wanted.need("scheduler_role"),
                "Input": body,
            },
        )


def _name(line: Line) -> str:
    return f"alarm-{line.replace('@', '-')}"
