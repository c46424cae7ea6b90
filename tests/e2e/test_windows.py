"""Windows on the deployed stack: openings of a few seconds, the rules at the door, and the
schedule in EventBridge Scheduler.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from duckstring.model.instants import from_text
from tests.e2e.drive import until
from tests.e2e.test_triggers import READER, SOURCE

EVERY, OPEN = timedelta(seconds=6), timedelta(seconds=3)


def lineage(driver, inlet, outlet):
    driver.deploy(
        driver.pond(inlet, SOURCE),
        driver.pond(outlet, READER.format(source=inlet, seconds=0), sources=[inlet]),
    )
    return inlet, outlet


def window(driver, pond, *words):
    return driver.run.done("trigger", "window", pond, *words)


def occurrence_of(row):
    """When the occurrence that a run was fresh for had opened: each ends on a multiple of six
    seconds plus three.
    """
    opened = from_text(row["f"]) - OPEN
    assert (opened - datetime(2030, 1, 1, tzinfo=UTC)) % EVERY == timedelta(0), row
    return opened


def test_a_wave_under_a_window_runs_the_lineage_once_an_opening(driver):
    """And a Tide asks under it without stacking; then all is let go, and the Inlet runs whenever
    it is asked.
    """
    names = lineage(driver, "tidal_pool", "tidal_view")
    window(driver, "tidal_pool", "add", "--name", "quick", "--every", "6s", "--duration", "3s")
    (told,) = driver.line("tidal_pool")["windows"]
    assert (told["name"], told["every"], told["duration"], told["carried_by"]) == (
        "quick",
        6.0,
        3.0,
        "alarm",
    )
    driver.trigger("wave", "tidal_view")
    waiting = driver.wait_until(
        "tidal_pool",
        lambda line: "Window quick" in line["reason"],
        what="the Inlet waits for its Window",
    )
    assert waiting["reason"].startswith("waits for Window quick, opens ")
    until(
        lambda: len(driver.noted("tidal_view")) >= 3,
        what="three openings",
        show=lambda: driver.lines(*names),
    )
    driver.trigger("remove", "tidal_view")
    driver.wait_until("tidal_view", lambda line: line["trigger"] is None, what="the Wave is gone")
    driver.wait_at_rest(*names)

    opened = [occurrence_of(row) for row in driver.runs("tidal_pool")]
    assert opened == sorted(set(opened)), "at most one run in an opening, in order"
    for row, began in zip(driver.runs("tidal_pool"), opened, strict=True):
        assert began <= from_text(row["started"]) < began + OPEN, (
            "it started while the Window was open"
        )
    made, taken = ([row["f"] for row in driver.runs(pond)] for pond in names)
    assert taken in (made, made[:-1], made[:-2]), (
        "the Sink once for each, but for what it had asked for when the Wave was removed, and for "
        "what was ordered ahead"
    )
    driver.assert_each_ran_once(*names)

    before = len(driver.runs("tidal_pool"))
    driver.trigger("tide", "tidal_view", "2s")
    until(
        lambda: len(driver.runs("tidal_view")) >= before + 2,
        what="two tides",
        show=lambda: driver.lines(*names),
    )
    assert all(len(line["demand"]["targets"]) <= 1 for line in driver.lines(*names).values())
    driver.trigger("remove", "tidal_view")
    driver.wait_until("tidal_view", lambda line: line["trigger"] is None, what="the Tide is gone")
    driver.wait_at_rest(*names)
    opened = [occurrence_of(row) for row in driver.runs("tidal_pool")]
    assert opened == sorted(set(opened))

    window(driver, "tidal_pool", "remove", "quick")
    driver.wait_fresh("tidal_view", driver.pulse("tidal_view"))
    driver.assert_each_ran_once(*names)


def test_a_rule_of_whole_minutes_is_a_schedule_while_it_stands_and_what_waits_for_it_is_told(
    driver,
):
    lineage(driver, "lagoon", "lagoon_view")
    scheduled = Scheduled(driver)
    opening = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    rule = [
        "--name",
        "nightly",
        "--every",
        "1d",
        "--start",
        opening.isoformat(),
        "--duration",
        "3h",
        "--until",
        "2199-01-01",
    ]
    assert "opens" in window(driver, "lagoon", "add", *rule)
    held = until(lambda: scheduled("window-lagoon-1-nightly"), what="the schedule")
    assert (held["ScheduleExpression"], held["StartDate"], held["State"]) == (
        "rate(1 day)",
        opening,
        "ENABLED",
    )
    assert held["EndDate"] == datetime(2199, 1, 1, tzinfo=UTC)
    assert held["Target"]["SqsParameters"] == {"MessageGroupId": "lagoon@1"}

    driver.trigger("pulse", "lagoon_view")
    waiting = driver.wait_for("lagoon", "waiting")
    assert waiting["reason"].startswith(f"waits for Window nightly, opens {opening:%Y-%m-%d %H:%M}")
    shown = driver.run.done("status", "lagoon", "--once")
    assert "waits for Window nightly, opens" in shown
    assert "every 1d from" in shown
    until(
        lambda: scheduled("alarm-lagoon-1"),
        what="the line's own alarm, which leads to the delay queue",
    )

    # What Scheduler will post is a letter that the line understands, and what waited does not run
    # for it.
    letter = {
        "MessageBody": held["Target"]["Input"],
        "MessageGroupId": "lagoon@1",
        "MessageDeduplicationId": "tick",
    }
    driver.aws("sqs").send_message(QueueUrl=driver.outputs["Mailbox"], **letter)
    assert_refusals(driver, rule)
    assert scheduled("window-lagoon-1-noon") is None
    assert driver.wait_for("lagoon", "waiting")["start_f"] == waiting["start_f"]

    window(driver, "lagoon", "remove", "nightly")
    until(lambda: scheduled("window-lagoon-1-nightly") is None, what="the schedule is gone")
    driver.wait_until(
        "lagoon_view", lambda line: line["last_run"], what="nothing keeps the Pulse any more"
    )
    driver.wait_at_rest("lagoon", "lagoon_view")
    assert driver.statuses("lagoon") == driver.statuses("lagoon_view") == ["success"]
    missing = driver.run("trigger", "window", "lagoon", "remove", "nightly")
    assert (missing.code, "lagoon@1 has no Window 'nightly'; it has none." in missing.err) == (
        2,
        True,
    )


def test_a_pond_that_a_window_put_ahead_of_its_new_source_waits_and_keeps_nobody_busy(driver):
    reads = {source: READER.format(source=source, seconds=0) for source in ("tarn", "beck")}
    driver.deploy(
        driver.pond("tarn", SOURCE),
        driver.pond("beck", SOURCE),
        driver.pond("mere", reads["tarn"], sources=["tarn"]),
    )
    window(driver, "tarn", "add", "--name", "daily", "--every", "1d")
    driver.run.done("trigger", "pulse", "mere", "--watch")
    driver.deploy(driver.pond("mere", reads["beck"], sources=["beck"], version="1.1.0"))
    driver.trigger("tap", "mere")
    driver.wait_until(
        "beck",
        lambda line: line["last_run"] and not line["runs"],
        what="the new Source runs for it",
    )
    waiting = driver.wait_for("mere", "waiting")
    assert waiting["reason"].startswith("waits for beck@1; fresh as of ")
    time.sleep(8)
    assert driver.statuses("beck") == ["success"], "once, and not again until it can be newer"
    assert driver.line("beck")["status"] == "idle"
    said = driver.run.done("control", "sleep", "mere")
    assert said.startswith("mere@1: asleep")
    driver.wait_at_rest("tarn", "beck", "mere")


def test_a_calendar_rule_opens_by_the_clock_of_its_zone(driver):
    """By minutes, so that one opens while the test looks."""
    lineage(driver, "harbour", "harbour_view")
    scheduled = Scheduled(driver)
    minutes = ["--cron", "* * * * *", "--tz", "Asia/Kolkata", "--duration", "20s"]
    window(driver, "harbour", "add", "--name", "minutes", *minutes)
    held = until(lambda: scheduled("window-harbour-1-minutes"), what="the schedule")
    assert (held["ScheduleExpression"], held["ScheduleExpressionTimezone"]) == (
        "cron(* * * * ? *)",
        "Asia/Kolkata",
    )
    (told,) = driver.line("harbour")["windows"]
    starts = [from_text(one["start"]) for one in told["upcoming"]]
    assert [later - sooner for sooner, later in pairwise(starts)] == [timedelta(minutes=1)] * 4
    assert all(one["local"].endswith("+05:30") for one in told["upcoming"])

    driver.trigger("pulse", "harbour_view")
    until(lambda: driver.statuses("harbour_view") == ["success"], what="the Pulse")
    driver.wait_at_rest("harbour", "harbour_view")
    (row,) = driver.runs("harbour")
    opened = from_text(row["f"]) - timedelta(seconds=20)
    assert (opened.second, opened.microsecond) == (0, 0)
    assert opened <= from_text(row["started"]) < opened + timedelta(seconds=20)

    window(driver, "harbour", "remove", "minutes")


def test_a_monthly_rule_is_a_schedule_of_its_zone_and_shows_its_next_five_openings(driver):
    lineage(driver, "quay", "quay_view")
    scheduled = Scheduled(driver)
    later = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()  # none is open today
    monthly = ["--cron", "0 6 L * *", "--tz", "Europe/Berlin", "--duration", "3h"]
    monthly += ["--start", later]
    added = window(driver, "quay", "add", "--name", "monthly", *monthly)
    assert "(at 06:00 on the last day of every month) for 3h" in added
    window(driver, "quay", "add", "--name", "monthly", *monthly)
    held = until(lambda: scheduled("window-quay-1-monthly"), what="the schedule")
    assert (held["ScheduleExpression"], held["ScheduleExpressionTimezone"]) == (
        "cron(0 6 L * ? *)",
        "Europe/Berlin",
    )
    driver.trigger("tap", "quay")
    waiting = driver.wait_for("quay", "waiting")
    assert waiting["reason"].startswith("waits for Window monthly, opens ")
    assert until(lambda: scheduled("alarm-quay-1"), what="the line's own alarm")
    shown = driver.run.done("status", "quay", "--once")
    assert shown.count(" 06:00 +0") == 5, "the next five openings, by the clock of the zone"
    for words, says in (
        (["--cron", "0 6 30 2 *"], "no month 2 has a day 30"),
        (["--cron", "0 7 L * *", "--tz", "Europe/Berlin"], "would overlap at "),
        (["--every", "1d", "--tz", "Berlin"], "Did you mean Europe/Berlin?"),
    ):
        refused = driver.run("trigger", "window", "quay", "add", "--name", "other", *words)
        assert (refused.code, says in refused.err) == (2, True), refused.err
    assert [one["name"] for one in driver.line("quay")["windows"]] == ["monthly"]
    driver.run.done("control", "sleep", "quay")
    window(driver, "quay", "remove", "monthly")


def assert_refusals(driver, rule):
    """The same again is a success; what cannot be is refused, and changes nothing."""
    window(driver, "lagoon", "add", *rule)
    clash = driver.run(
        "trigger", "window", "lagoon", "add", "--name", "noon", "--every", "1h", "--duration", "30m"
    )
    assert clash.code == 2
    assert (
        "Windows nightly and noon of lagoon@1 would overlap: nightly is every 1d from" in clash.err
    )
    assert "noon is every 1h from" in clash.err
    inner = driver.run("trigger", "window", "lagoon_view", "add", "--name", "w", "--every", "1d")
    assert (
        inner.code,
        "lagoon_view@1 has Sources (lagoon@1); only an Inlet has Windows." in inner.err,
    ) == (2, True)
    assert [
        held["name"] for held in driver.run("trigger", "window", "lagoon", "list", "--json").json
    ] == ["nightly"]


class Scheduled:
    """The Catchment's group in EventBridge Scheduler."""

    def __init__(self, driver):
        self._scheduler, self._group = (
            driver.aws("scheduler"),
            f"duckstring-{driver.client.catchment.name}",
        )

    def __call__(self, name):
        names = [
            one["Name"]
            for one in self._scheduler.list_schedules(GroupName=self._group)["Schedules"]
        ]
        return (
            self._scheduler.get_schedule(Name=name, GroupName=self._group)
            if name in names
            else None
        )
