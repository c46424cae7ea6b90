"""Cron rules: which are read, which are refused and how, and what a schedule is told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from duckstring.model.cron import (
    MOST_CRON,
    Recurrence,
    cron_fault,
    explained,
    is_cron,
    is_of_every_hour,
    recurrence,
    shortest_gap,
    time_at_or_after,
    time_at_or_before,
)

DAY = timedelta(days=1)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0 6 * *", "cron is '0 6 * *'; allowed: five fields, for example \"0 6 1 * *\""),
        ("0 0 6 1 * *", "cron is '0 0 6 1 * *'; allowed: five fields"),
        ("", "cron is ''"),
        (None, "cron is None"),
        (["0 6 1 * *"], "cron is ['0 6 1 * *']"),
        (["0 6 1 * *"] * 99, "cron is ['0 6 1 * *', '0 6 1 * *'"),
        ("@daily", "cron is '@daily'"),
        ("0 6 1 * *\n", "cron is '0 6 1 * *\\n'"),
        ("0 6 \u0661 * *", "cron is '0 6 \u0661 * *'"),
        ("0 6 1 * * " + "1," * 60, "cron is '0 6 1 * * 1,1"),
        ("60 6 * * *", "cron has '60' as its minute; allowed: 0-59, lists"),
        ("0 24 * * *", "cron has '24' as its hour; allowed: 0-23"),
        ("0 6 0 * *", "cron has '0' as its day-of-month; allowed: 1-31, L for the last"),
        ("0 6 1 13 *", "cron has '13' as its month; allowed: 1-12 or JAN-DEC"),
        ("0 6 * * 8", "cron has '8' as its day-of-week; allowed: 0-7 or MON-SUN"),
        ("0 6 * * MON#6", "cron has 'MON#6' as its day-of-week"),
        ("*/0 6 * * *", "cron has '*/0' as its minute"),
        ("*/99 6 * * *", "cron has '*/99' as its minute; allowed: steps up to 59."),
        ("0 */24 * * *", "cron has '*/24' as its hour; allowed: steps up to 23."),
        ("0 0 1 1,2-9/12 *", "cron has '1,2-9/12' as its month; allowed: steps up to 11."),
        ("5-1 6 * * *", "cron has '5-1' as its minute"),
        ("0 6 1W * *", "cron has '1W' as its day-of-month"),
        ("0 6 L-3 * *", "cron has 'L-3' as its day-of-month"),
        ("0 6 30 2 *", "cron is '0 6 30 2 *': no month 2 has a day 30, so it would never open"),
        ("0 6 31 4,6,9,11 *", "no month 4,6,9,11 has a day 31"),
    ],
)
def test_what_is_no_cron_rule_is_refused_with_its_field(text: object, found: str) -> None:
    fault = cron_fault(text)
    assert found in fault
    assert "\n" not in fault
    assert len(fault) < 300


@pytest.mark.parametrize(
    "text",
    ["0 6 1 * *", "0 6 L * *", "0 6 LW * *", "0 6 * * MON#1,WED#3", "0 6 * * 5L", "0 6 * * mon-fri",
     "*/15 9-17 * JAN-MAR,12 7", "0 6 30 2 MON"],
)  # fmt: skip
def test_lists_ranges_steps_last_days_and_nth_weekdays_are_read(text: str) -> None:
    assert cron_fault(text) == ""
    assert is_cron(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{'9' * 5000} 6 1 * *",
        "0 6 5L/2 * *",
        "0 6 * * 5L/2",
        "0 6 * * 1/2L",
        "0 6 L/2,L * #",
        "- - - - -",
        ", , , , ,",
        "*/99999999999999999999 * * * *",
        "# # # # #",
        "L L L L L",
    ],
)
def test_odd_texts_are_answered_not_crashed_on(text: str) -> None:
    assert isinstance(cron_fault(text), str)
    assert len(text) <= MOST_CRON or cron_fault(text)


def test_times_are_found_from_a_moment_on_and_up_to_it() -> None:
    first = wall("2027-02-01T06:00")
    rule = "0 6 1 * *"
    for at in (first, first - timedelta(microseconds=1), wall("2027-01-01T06:00:01")):
        assert time_at_or_after(rule, at) == first
    for at in (first, first + timedelta(microseconds=1), wall("2027-02-28T23:59")):
        assert time_at_or_before(rule, at) == first
    assert time_at_or_before("0 6 29 2 *", wall("2027-01-01")) == wall("2024-02-29T06:00")


def test_the_shortest_way_to_the_next_opening_is_that_of_any_month() -> None:
    assert shortest_gap("0 6 1 * *") == 28 * DAY
    assert shortest_gap("0 6 1,28 * *") == DAY
    assert shortest_gap("0 6 * 2 MON#5") == 10_227 * DAY
    assert shortest_gap("*/7 * * * *") == timedelta(minutes=4)


def test_a_rule_of_all_hours_is_told_from_one_that_names_some() -> None:
    assert is_of_every_hour("0 * * * *")
    assert is_of_every_hour("0 0-23 1 * *")
    assert not is_of_every_hour("0 0-22 * * *")


def test_a_rule_is_explained_in_words() -> None:
    assert explained("0 6 1 * *") == "at 06:00 on the first day of every month"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0 6 1 * *", Recurrence("0", "6", "1", "*", "")),
        ("*/20 9-17 * 1-3,12 *", Recurrence("0,20,40", "9-17", "", "1-3,12", "")),
        ("0 6 L * *", Recurrence("0", "6", "L", "*", "")),
        ("0 6 * * 1-5", Recurrence("0", "6", "", "*", "MON,TUE,WED,THU,FRI")),
        ("0 6 * * 0,7", Recurrence("0", "6", "", "*", "SUN")),
        ("0 6 * * WED#2", Recurrence("0", "6", "", "*", "WED#2")),
        ("0 6 * * 0#1", Recurrence("0", "6", "", "*", "SUN#1")),
        ("* * * * *", Recurrence("*", "*", "", "*", "")),
        ("0 6 LW * *", None),
        ("0 6 1,L * *", None),
        ("0 6 * * 5L", None),
        ("0 6 * * MON#1,WED#3", None),
        ("0 6 * * MON#1,WED", None),
        ("0 6 1 * MON", None),
        ("0 6 */2 * MON", None),
        ("*/3,1/3 */3,1/3 */3,2/3 */3,2/3 *", None),
    ],
)
def test_a_schedule_is_told_what_every_dialect_knows_and_nothing_else(
    text: str, told: Recurrence | None
) -> None:
    assert recurrence(text) == told
