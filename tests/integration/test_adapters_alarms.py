"""Alarms of lines: the delay queue, and schedules that fire once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from duckstring.adapters.aws.alarms import TimedAlarms
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.inbox import forwarded
from duckstring.engine.signals import AlarmRang
from duckstring.model.names import Line
from duckstring.model.settings import Settings
from tests.integration.adapters_kit import (
    NOW,
    SALES,
    StoppedClock,
    code_of,
    received,
    scheduled,
)


class TestAlarms:
    def test_a_near_alarm_waits_in_the_delay_queue_and_is_forwarded_to_its_line(
        self, aws: Clients, timed: Settings
    ) -> None:
        TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, NOW - timedelta(seconds=1))
        (letter,), early = forwarded(received(aws, timed.delays), NOW)
        assert (letter.to, letter.signal, early) == (SALES, AlarmRang(), [])
        assert scheduled(aws) == {}

    @pytest.mark.parametrize(
        ("ahead", "delay"),
        [(timedelta(0), 0), (timedelta(seconds=0.2), 1), (timedelta(minutes=15), 900)],
    )
    def test_a_near_alarm_is_never_early(
        self,
        aws: Clients,
        timed: Settings,
        monkeypatch: pytest.MonkeyPatch,
        ahead: timedelta,
        delay: int,
    ) -> None:
        sent: list[dict[str, Any]] = []
        monkeypatch.setattr(aws.sqs, "send_message", lambda **told: sent.append(told))
        TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, NOW + ahead)
        assert [told["DelaySeconds"] for told in sent] == [delay]

    def test_a_far_alarm_is_one_schedule_a_line_and_the_last_one_set_stands(
        self, aws: Clients, timed: Settings
    ) -> None:
        alarms = TimedAlarms(aws, timed, StoppedClock(NOW))
        for hours in (1, 3, 2):
            alarms.set(SALES, NOW + timedelta(hours=hours, microseconds=1))
        alarms.set(Line("sales@2"), NOW + timedelta(hours=1))
        found = scheduled(aws)
        assert {name: held["ScheduleExpression"] for name, held in found.items()} == {
            "alarm-sales-1": "at(2030-01-01T13:58:01)",
            "alarm-sales-2": "at(2030-01-01T12:58:00)",
        }
        target = found["alarm-sales-1"]["Target"]
        assert (target["Arn"], target["RoleArn"], "SqsParameters" in target) == (
            timed.delays_arn,
            timed.scheduler_role,
            False,
        )
        assert found["alarm-sales-1"]["ActionAfterCompletion"] == "DELETE"

    def test_a_far_alarm_that_fires_ahead_of_time_waits_out_what_is_left(
        self, aws: Clients, timed: Settings
    ) -> None:
        due = NOW + timedelta(hours=2, microseconds=1)
        TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, due)
        aws.sqs.send_message(
            QueueUrl=timed.delays, MessageBody=scheduled(aws)["alarm-sales-1"]["Target"]["Input"]
        )
        records = received(aws, timed.delays)
        for left in (
            timedelta(minutes=2),
            timedelta(seconds=1.5),
        ):  # set again for the same time, the second letter would be an echo
            assert forwarded(records, due - left) == ([], [(SALES, due)])
        (letter,), early = forwarded(records, due - timedelta(seconds=1))
        assert (letter.to, letter.signal, early) == (SALES, AlarmRang(), [])

    def test_a_schedule_that_scheduler_has_just_deleted_is_no_obstacle(
        self, aws: Clients, timed: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create, tries = aws.scheduler.create_schedule, []

        def taken_at_first(**told: Any) -> None:
            tries.append(told)
            if len(tries) == 1:
                raise code_of("ConflictException")
            create(**told)

        monkeypatch.setattr(aws.scheduler, "create_schedule", taken_at_first)
        TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, NOW + timedelta(hours=1))
        assert list(scheduled(aws)) == ["alarm-sales-1"]

    @pytest.mark.parametrize(
        ("error", "most"), [("ConflictException", 2), ("ThrottlingException", 1)]
    )
    def test_what_goes_on_being_refused_is_left_to_the_next_delivery(
        self, aws: Clients, timed: Settings, monkeypatch: pytest.MonkeyPatch, error: str, most: int
    ) -> None:
        tries: list[dict[str, Any]] = []

        def refused(**told: Any) -> None:
            tries.append(told)
            raise code_of(error)

        monkeypatch.setattr(aws.scheduler, "create_schedule", refused)
        with pytest.raises(ClientError, match=error):
            TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, NOW + timedelta(hours=1))
        assert len(tries) == most
