"""Schedules that open Windows, and events on the bus."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from duckstring.adapters.aws.bus import EventBus
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.inbox import batches
from duckstring.adapters.aws.schedules import WindowSchedules, schedule_name
from duckstring.engine.effects import (
    Announce,
)
from duckstring.engine.signals import WindowOpened
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.settings import Settings
from duckstring.model.values import replace
from duckstring.model.windows import Window
from tests.integration.adapters_kit import (
    NOW,
    SALES,
    StoppedClock,
    code_of,
    fifo,
    received,
    scheduled,
)


class TestSchedules:
    LONG_AGO = datetime(2020, 1, 1, 2, tzinfo=UTC)
    NIGHTLY = Window("nightly", LONG_AGO, timedelta(days=1), timedelta(hours=3))

    def put(
        self, aws: Clients, timed: Settings, window: Window, now: Instant = NOW
    ) -> dict[str, dict[str, Any]]:
        WindowSchedules(aws, timed, StoppedClock(now)).set(SALES, window)
        return scheduled(aws)

    def test_a_rule_is_a_recurring_schedule_anchored_at_its_next_opening(
        self, aws: Clients, timed: Settings
    ) -> None:
        (held,) = self.put(aws, timed, self.NIGHTLY).values()
        assert {
            key: held[key]
            for key in ("Name", "GroupName", "ScheduleExpression", "State", "ActionAfterCompletion")
        } == {
            "Name": "window-sales-1-nightly",
            "GroupName": "g",
            "ScheduleExpression": "rate(1 day)",
            "State": "ENABLED",
            "ActionAfterCompletion": "DELETE",
        }
        assert held["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert held["StartDate"] == NOW.replace(day=2, hour=2), (
            "Scheduler refuses one more than five minutes ago"
        )
        assert held.get("EndDate") is None
        target = held["Target"]
        assert (target["Arn"], target["RoleArn"]) == (timed.mailbox_arn, timed.scheduler_role)
        assert target["SqsParameters"] == {"MessageGroupId": SALES}

    @pytest.mark.parametrize("at", ["<aws.scheduler.scheduled-time>", "2030-01-02T02:00:00Z"])
    def test_the_tick_is_a_letter_with_its_time_filled_in_or_not(
        self, aws: Clients, timed: Settings, at: str
    ) -> None:
        (held,) = self.put(aws, timed, self.NIGHTLY).values()
        body = held["Target"]["Input"]
        assert json.loads(body)["at"] == "<aws.scheduler.scheduled-time>"
        url = fifo(aws)
        body = body.replace("<aws.scheduler.scheduled-time>", at)
        aws.sqs.send_message(
            QueueUrl=url, MessageBody=body, MessageGroupId=SALES, MessageDeduplicationId="x"
        )
        (batch,) = batches(received(aws, url))
        assert (batch.line, [letter.signal for letter in batch.letters]) == (
            SALES,
            [WindowOpened("nightly")],
        )

    @pytest.mark.parametrize(
        ("minutes", "rate"),
        [
            (1, "1 minute"),
            (90, "90 minutes"),
            (60, "1 hour"),
            (240, "4 hours"),
            (1440, "1 day"),
            (10_080, "7 days"),
            (1500, "25 hours"),
        ],
    )
    def test_rates_are_whole_minutes_hours_or_days(
        self, aws: Clients, timed: Settings, minutes: int, rate: str
    ) -> None:
        every = timedelta(minutes=minutes)
        (held,) = self.put(aws, timed, Window("w", self.LONG_AGO, every, every)).values()
        assert held["ScheduleExpression"] == f"rate({rate})"

    def test_weekdays_and_the_end_are_kept(self, aws: Clients, timed: Settings) -> None:
        until = NOW + timedelta(days=30)
        (held,) = self.put(
            aws, timed, replace(self.NIGHTLY, on=frozenset({"MON"}), until=until)
        ).values()
        assert (held["StartDate"], held["EndDate"]) == (NOW.replace(day=7, hour=2), until)

    def test_fractions_are_never_early_and_the_end_is_after_the_start(
        self, aws: Clients, timed: Settings
    ) -> None:
        start = NOW + timedelta(seconds=9.5)
        (held,) = self.put(
            aws, timed, replace(self.NIGHTLY, start=start, until=start + timedelta(seconds=0.1))
        ).values()
        assert (held["StartDate"], held["EndDate"]) == (
            NOW + timedelta(seconds=10),
            NOW + timedelta(seconds=11),
        )

    def test_a_rule_put_again_stands_as_put_last(self, aws: Clients, timed: Settings) -> None:
        self.put(aws, timed, self.NIGHTLY)
        self.put(aws, timed, self.NIGHTLY)
        (held,) = self.put(
            aws, timed, replace(self.NIGHTLY, every=timedelta(hours=12)), NOW + timedelta(days=1)
        ).values()
        assert (held["ScheduleExpression"], held["StartDate"]) == (
            "rate(12 hours)",
            NOW.replace(day=2, hour=14),
        )

    @pytest.mark.parametrize("changed", [{"every": timedelta(seconds=90)}, {"until": NOW}])
    def test_what_the_clock_cannot_carry_or_is_over_has_no_schedule(
        self, aws: Clients, timed: Settings, changed: dict[str, Any]
    ) -> None:
        self.put(aws, timed, self.NIGHTLY)
        assert (
            self.put(aws, timed, replace(self.NIGHTLY, duration=timedelta(seconds=30), **changed))
            == {}
        )

    @pytest.mark.parametrize(
        ("cron", "told"),
        [
            ("0 6 1 * *", "cron(0 6 1 * ? *)"),
            ("*/30 9-17 * * MON-FRI", "cron(0,30 9-17 ? * MON,TUE,WED,THU,FRI *)"),
            ("0 6 L 3,6,9,12 *", "cron(0 6 L 3,6,9,12 ? *)"),
            ("0 6 * * MON#1", "cron(0 6 ? * 2#1 *)"),
            ("0 6 * * SUN#2", "cron(0 6 ? * 1#2 *)"),
            ("* * * * *", "cron(* * * * ? *)"),
        ],
    )
    def test_a_cron_rule_is_told_in_schedulers_dialect_with_its_zone(
        self, aws: Clients, timed: Settings, cron: str, told: str
    ) -> None:
        rule = replace(self.NIGHTLY, every=timedelta(0), cron=cron, tz="Europe/Berlin")
        (held,) = self.put(aws, timed, rule).values()
        assert held["ScheduleExpression"] == told
        assert held["ScheduleExpressionTimezone"] == "Europe/Berlin"
        assert held["StartDate"] > NOW
        (held,) = self.put(aws, timed, replace(rule, tz="")).values()
        assert held["ScheduleExpressionTimezone"] == "UTC"

    def test_days_of_a_zone_are_a_schedule_of_its_time_of_day(
        self, aws: Clients, timed: Settings
    ) -> None:
        # 02:00 UTC on a Wednesday is 21:00 on Tuesday there.
        rule = replace(self.NIGHTLY, tz="America/New_York")
        (held,) = self.put(aws, timed, rule).values()
        assert held["ScheduleExpression"] == "cron(0 21 * * ? *)"
        weekly = replace(rule, every=timedelta(days=7))
        (held,) = self.put(aws, timed, weekly).values()
        assert held["ScheduleExpression"] == "cron(0 21 ? * TUE *)"
        assert self.put(aws, timed, replace(rule, every=timedelta(days=2))) == {}

    def test_what_scheduler_has_no_words_for_has_no_schedule(
        self, aws: Clients, timed: Settings
    ) -> None:
        rule = replace(self.NIGHTLY, every=timedelta(0), tz="Europe/Berlin")
        for cron in ("0 6 LW * *", "0 6 * * 5L", "0 6 1 * MON"):
            self.put(aws, timed, self.NIGHTLY)
            assert self.put(aws, timed, replace(rule, cron=cron)) == {}

    def test_a_zone_that_scheduler_does_not_know_does_not_hold_the_line_up(
        self, aws: Clients, timed: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(**_told: Any) -> None:
            raise code_of("ValidationException")

        self.put(aws, timed, self.NIGHTLY)
        monkeypatch.setattr(aws.scheduler, "create_schedule", refused)
        assert self.put(aws, timed, replace(self.NIGHTLY, tz="Europe/Berlin")) == {}
        with pytest.raises(ClientError):
            self.put(aws, timed, self.NIGHTLY)

    def test_dropping_twice_is_dropping_once_and_others_stay(
        self, aws: Clients, timed: Settings
    ) -> None:
        schedules = WindowSchedules(aws, timed, StoppedClock(NOW))
        self.put(aws, timed, self.NIGHTLY)
        schedules.set(Line("sales@2"), self.NIGHTLY)
        schedules.drop(SALES, "nightly")
        schedules.drop(SALES, "nightly")
        assert list(scheduled(aws)) == ["window-sales-2-nightly"]

    def test_names_of_any_length_fit_and_stay_apart(self, aws: Clients, timed: Settings) -> None:
        lines = [Line(f"{'p' * 48}@{major}") for major in (1, 999_999)]
        rules = ["w" * 32, "w" * 31 + "x", "w"]
        names = {schedule_name(line, rule) for line in lines for rule in rules}
        assert len(names) == 6
        assert max(map(len, names)) <= 64
        schedules = WindowSchedules(aws, timed, StoppedClock(NOW))
        schedules.set(lines[1], replace(self.NIGHTLY, name=rules[0]))
        schedules.drop(lines[1], rules[0])
        assert scheduled(aws) == {}

    @pytest.mark.parametrize("call", ["create_schedule", "delete_schedule"])
    def test_a_refusal_that_means_something_else_is_not_hidden(
        self, aws: Clients, timed: Settings, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        def refused(**_told: Any) -> None:
            raise code_of("AccessDeniedException")

        monkeypatch.setattr(aws.scheduler, call, refused)
        schedules = WindowSchedules(aws, timed, StoppedClock(NOW))
        with pytest.raises(ClientError, match="AccessDeniedException"):
            schedules.set(SALES, self.NIGHTLY) if call == "create_schedule" else schedules.drop(
                SALES, "nightly"
            )


def test_an_event_names_the_pond_and_carries_its_own_key(
    aws: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[dict[str, str]] = []

    def put_events(**given: list[dict[str, str]]) -> dict[str, int]:
        put.extend(given["Entries"])
        return {"FailedEntryCount": 0}

    monkeypatch.setattr(aws.events, "put_events", put_events)
    event = Announce("failed", "running", NOW, run=42, reason="no rows")
    EventBus(aws, Settings(catchment="dev", bus="b")).announce(
        SALES, "1.2.0", event, key="sales@1:7:failed"
    )
    assert (put[0]["Source"], put[0]["DetailType"], put[0]["EventBusName"]) == (
        "duckstring",
        "duckstring.pond",
        "b",
    )
    assert json.loads(put[0]["Detail"]) == {
        "catchment": "dev",
        "pond": "sales",
        "major": 1,
        "version": "1.2.0",
        "f": "2030-01-01T12:00:00.000000Z",
        "state": "failed",
        "previous": "running",
        "run": "sales@1/42",
        "error": "no rows",
        "key": "sales@1:7:failed",
    }
