"""Alarms: a delay queue for the next 15 minutes (exact to the second), a one-shot schedule beyond (within a minute)."""

from __future__ import annotations

import json
from datetime import timedelta
from math import ceil

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.engine.signals import AlarmRang
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.settings import Settings
from duckstring.ports import Clock

_NEAR = timedelta(minutes=15)


class TimedAlarms:
    """``ports.Alarms``."""

    def __init__(self, clients: Clients, settings: Settings, clock: Clock) -> None:
        """Ring through the queues and schedules that ``settings`` names."""
        self._clients, self._settings, self._clock = clients, settings, clock

    def set(self, line: Line, at: Instant) -> None:
        """Post AlarmRang to ``line`` at ``at`` or soon after. ``at`` in the body makes it unique for FIFO dedup."""
        body = json.dumps({**json.loads(codec.letter(line, AlarmRang())), "at": to_text(at)})
        left = at - self._clock.now()
        if left <= _NEAR:
            self._clients.sqs.send_message(
                QueueUrl=self._settings.need("delays"), MessageBody=body, DelaySeconds=max(0, ceil(left.total_seconds()))
            )
            return
        self._schedule(line, at, body)

    def _schedule(self, line: Line, at: Instant, body: str) -> None:
        scheduler, wanted = self._clients.scheduler, self._settings
        second = at + timedelta(microseconds=-at.microsecond % 1_000_000)
        try:
            scheduler.create_schedule(
                Name=_name(line),
                GroupName=wanted.need("schedules"),
                ScheduleExpression=f"at({second:%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": wanted.need("mailbox_arn"),
                    "RoleArn": wanted.need("scheduler_role"),
                    "Input": body,
                    "SqsParameters": {"MessageGroupId": line},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
            scheduler.delete_schedule(Name=_name(line), GroupName=wanted.need("schedules"))
            self._schedule(line, at, body)


def _name(line: Line) -> str:
    return f"alarm-{line.replace('@', '-')}"
