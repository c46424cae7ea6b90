"""Windows on the Catchment's clock: one recurring schedule a rule, anchored at its openings, in
the Catchment's own group.

A calendar rule's schedule has the rule's zone. Scheduler leaves out a time that clocks skip, and
there the line's own alarm opens the Window, as it does for what Scheduler has no words for.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of
from duckstring.engine.signals import WindowOpened
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.settings import Settings
from duckstring.model.weekdays import WEEKDAYS
from duckstring.model.windows import (
    Window,
    in_words,
    is_carried_by_schedule,
    next_opening,
    recurrence_of,
)
from duckstring.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_scheduler.type_defs import CreateScheduleInputTypeDef

    from duckstring.model.cron import Recurrence

_SCHEDULED = "<aws.scheduler.scheduled-time>"
"""Scheduler writes the time in: FIFO deduplication would swallow two equal bodies within five
minutes.
"""

_LONGEST_NAME = 64
_LONGEST_DESCRIPTION = 512
_HASH = 16

_log = logging.getLogger("duckstring.schedules")


class WindowSchedules:
    """``ports.Schedules``. A rule that Scheduler cannot express has no schedule; the line's own
    alarms do its work.
    """

    def __init__(self, clients: Clients, settings: Settings, clock: Clock) -> None:
        """Keep schedules in the group that ``settings`` names."""
        self._clients, self._settings, self._clock = clients, settings, clock

    def set(self, line: Line, window: Window) -> None:
        """Put the schedule of ``window``, in the place of one of the same name."""
        # Not the rule's own start: Scheduler refuses one that is more than five minutes ago.
        first = (
            next_opening([window], self._clock.now()) if is_carried_by_schedule(window) else None
        )
        if first is None:
            self.drop(line, window.name)
            return
        request = self._request(line, window, first.start)
        try:
            self._put(request)
        except ClientError as error:
            # Scheduler may not know a zone yet. The line must not wait for that: its own alarms
            # open the Window.
            if not (window.is_calendar and code_of(error) == "ValidationException"):
                raise
            _log.warning("no schedule for a Window", extra={"line": line, "rule": window.name})
            self.drop(line, window.name)

    def _put(self, request: CreateScheduleInputTypeDef) -> None:
        try:
            self._clients.scheduler.create_schedule(**request)
        except ClientError as error:
            if code_of(error) != "ConflictException":
                raise
            self._clients.scheduler.update_schedule(**request)

    def drop(self, line: Line, name: str) -> None:
        """Delete the schedule. One that does not exist counts as success."""
        delete_schedule(
            self._clients, group=self._settings.need("schedules"), name=schedule_name(line, name)
        )

    def _request(self, line: Line, window: Window, first: Instant) -> CreateScheduleInputTypeDef:
        wanted = self._settings
        start = whole_second(first)
        request: CreateScheduleInputTypeDef = {
            "Name": schedule_name(line, window.name),
            "GroupName": wanted.need("schedules"),
            "Description": f"Window {window.name} of {line}: {in_words(window)}"[
                :_LONGEST_DESCRIPTION
            ],
            "ScheduleExpression": _expression(window),
            "StartDate": start,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": wanted.need("mailbox_arn"),
                "RoleArn": wanted.need("scheduler_role"),
                "Input": json.dumps(
                    {**json.loads(codec.letter(line, WindowOpened(window.name))), "at": _SCHEDULED}
                ),
                "SqsParameters": {"MessageGroupId": line},
            },
        }
        if window.is_calendar:
            request["ScheduleExpressionTimezone"] = window.tz or "UTC"
        if window.until is not None:
            request["EndDate"] = max(whole_second(window.until), start + timedelta(seconds=1))
        return request


def schedule_name(line: Line, name: str) -> str:
    """At most 64 characters of Scheduler's alphabet. Pond names and rules have no dash, so no
    two rules share a text.
    """
    text = f"window-{line.replace('@', '-')}-{name}"
    if len(text) <= _LONGEST_NAME:
        return text
    return f"{text[: _LONGEST_NAME - 1 - _HASH]}-{sha256(text.encode()).hexdigest()[:_HASH]}"


def whole_second(at: Instant) -> Instant:
    """``at``, or the first whole second after it: the clock knows no fractions, and must not be
    early.
    """
    return at + timedelta(microseconds=-at.microsecond % 1_000_000)


def delete_schedule(clients: Clients, *, group: str, name: str) -> None:
    """Delete a schedule; one that is not there, or can have no such name, is success."""
    try:
        clients.scheduler.delete_schedule(Name=name, GroupName=group)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {
            "ResourceNotFoundException",
            "ValidationException",
        }:
            raise


def _expression(window: Window) -> str:
    found = recurrence_of(window) if window.is_calendar else None
    return _cron(found) if found else _rate(window.every)


def _cron(found: Recurrence) -> str:
    """In Scheduler's dialect: of the day of the month and the weekday one is ``?``, and the first
    Monday is ``2#1``.
    """
    day, nth, number = found.weekdays.partition("#")
    weekdays = f"{(WEEKDAYS.index(day) + 1) % 7 + 1}#{number}" if nth else found.weekdays
    days = found.days or ("?" if weekdays else "*")
    return f"cron({found.minutes} {found.hours} {days} {found.months} {weekdays or '?'} *)"


def _rate(every: timedelta) -> str:
    minutes = every // timedelta(minutes=1)
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes % size == 0:
            return f"rate({minutes // size} {unit}{'s' * (minutes != size)})"
    return f"rate({minutes} minute{'s' * (minutes != 1)})"
