"""Worked examples of calendar rules: docs/engine.md, "Calendar rules"."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.model.cron import Recurrence
from duckstring.model.instants import NEVER, ZERO, Instant, to_text
from duckstring.model.values import replace
from duckstring.model.windows import (
    Window,
    first_after,
    in_words,
    is_carried_by_schedule,
    is_same_rule,
    meeting,
    next_opening,
    next_openings,
    open_now,
    overlap,
    recurrence_of,
)
from duckstring.model.zones import zone_of

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
BERLIN = "Europe/Berlin"
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def by_cron(fields: str, length: timedelta = HOUR, *, tz: str = BERLIN, name: str = "w") -> Window:
    return Window(name, NEW_YEAR, ZERO, length, tz=tz, cron=fields)


def local(*windows: Window, after: str, most: int) -> list[str]:
    """The openings after an instant, by the clock of the rule's zone."""
    zone = zone_of(windows[0].tz)
    found = next_openings(windows, datetime.fromisoformat(after), most)
    return [f"{one.start.astimezone(zone):%Y-%m-%d %H:%M%z}" for one in found]


def test_a_day_keeps_its_time_of_day_over_both_changes() -> None:
    six = by_cron("0 6 * * *")
    assert local(six, after="2027-03-26T12:00Z", most=3) == [
        "2027-03-27 06:00+0100",
        "2027-03-28 06:00+0200",
        "2027-03-29 06:00+0200",
    ]
    assert local(six, after="2027-10-30T12:00Z", most=1) == ["2027-10-31 06:00+0100"]


def test_a_time_that_clocks_skip_opens_when_they_skip_it() -> None:
    half_past_two = by_cron("30 2 * * *")
    assert local(half_past_two, after="2027-03-27T12:00Z", most=2) == [
        "2027-03-28 03:00+0200",
        "2027-03-29 02:30+0200",
    ]
    skipped = datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert next_openings([half_past_two], skipped - TICK, 1)[0].start == skipped
    several = by_cron("0,15,30,45 2,3 * * *", MINUTE)
    assert local(several, after="2027-03-27T12:00Z", most=2) == [
        "2027-03-28 03:00+0200",
        "2027-03-28 03:15+0200",
    ], "several skipped times are one opening, also with one at that moment"


def test_a_time_that_comes_twice_opens_the_first_time() -> None:
    half_past_two = by_cron("30 2 * * *")
    assert local(half_past_two, after="2027-10-30T12:00Z", most=2) == [
        "2027-10-31 02:30+0200",
        "2027-11-01 02:30+0100",
    ]
    assert local(half_past_two, after="2027-10-31T01:15Z", most=1) == ["2027-11-01 02:30+0100"], (
        "also when it is asked while the hour comes again"
    )
    held = open_now([half_past_two], datetime(2027, 10, 31, 1, 15, tzinfo=UTC))
    assert held is not None
    assert held.start == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_a_rule_of_every_hour_opens_as_time_passes() -> None:
    hourly = by_cron("30 * * * *", MINUTE)
    assert local(hourly, after="2027-03-28T00:00Z", most=2) == [
        "2027-03-28 01:30+0100",
        "2027-03-28 03:30+0200",
    ]
    assert local(hourly, after="2027-10-31T00:00Z", most=3) == [
        "2027-10-31 02:30+0200",
        "2027-10-31 02:30+0100",
        "2027-10-31 03:30+0100",
    ]


@pytest.mark.parametrize(
    ("fields", "tz", "asked", "first", "last"),
    [  # The first or the last hour of the only day is skipped, or comes twice.
        ("30 * 30 4 *", "Africa/Cairo", "2027-04-30", "30 01:30+0300", "30 23:30+0300"),
        ("30 * 28 10 *", "Africa/Cairo", "2027-10-28", "28 00:30+0300", "28 23:30+0200"),
        ("30 * 27 3 *", "America/Nuuk", "2027-03-27", "27 00:30-0200", "27 22:30-0200"),
    ],
)
def test_a_rule_of_every_hour_of_a_day_has_the_hours_that_this_day_has(
    fields: str, tz: str, asked: str, first: str, last: str
) -> None:
    rule, day = by_cron(fields, ZERO, tz=tz), datetime.fromisoformat(f"{asked}T12:00+00:00")
    for before, after in ((20 * DAY, 20 * DAY), (16 * HOUR, 19 * HOUR)):
        coming, held = next_opening([rule], day - before), open_now([rule], day + after)
        assert coming is not None
        assert held is not None
        zone = zone_of(tz)
        assert f"{coming.start.astimezone(zone):%d %H:%M%z}" == first
        assert f"{held.start.astimezone(zone):%d %H:%M%z}" == last


def test_a_length_is_elapsed_time_and_an_opening_ends_when_the_next_begins() -> None:
    spring = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
    long = by_cron("0 1 * * *", 3 * HOUR)
    found = open_now([long], spring + HOUR)
    assert found is not None
    assert found.end - found.start == 3 * HOUR, "it ends at 05:00 by the clock"
    whole_day = by_cron("0 1 * * *", DAY)
    (short,) = next_openings([whole_day], spring - DAY - TICK, 1)
    assert short.end - short.start == DAY
    assert open_now([whole_day], spring - TICK) == short
    (shorter,) = next_openings([whole_day], spring - TICK, 1)
    assert (shorter.start, shorter.end - shorter.start) == (spring, 23 * HOUR)


def test_without_a_length_it_is_open_up_to_the_next_opening() -> None:
    monthly = by_cron("0 6 1 * *", ZERO)
    (march,) = next_openings([monthly], datetime(2027, 2, 27, tzinfo=UTC), 1)
    assert (to_text(march.start)[:16], to_text(march.end)[:16]) == (
        "2027-03-01T05:00",
        "2027-04-01T04:00",
    )
    assert open_now([monthly], march.end - TICK) == march
    daily = Window("w", NEW_YEAR, DAY, ZERO, tz=BERLIN)
    lengths = {
        one.end - one.start
        for day in ((3, 27), (10, 30))
        for one in next_openings([daily], datetime(2027, *day, tzinfo=UTC), 2)
    }
    assert lengths == {23 * HOUR, DAY, 25 * HOUR}


def test_days_of_a_zone_keep_the_seconds_of_their_first_opening_and_its_weekdays() -> None:
    start = datetime(2027, 1, 4, 22, 30, 15, tzinfo=UTC)  # Monday, 23:30:15 in Berlin
    workdays = frozenset({"MON", "FRI"})
    rule = Window("w", start, DAY, HOUR, workdays, tz=BERLIN)
    summer = datetime(2027, 7, 1, tzinfo=UTC)
    found = [one.start.astimezone(zone_of(BERLIN)) for one in next_openings([rule], summer, 3)]
    assert [f"{at:%a %H:%M:%S}" for at in found] == ["Fri 23:30:15", "Mon 23:30:15", "Fri 23:30:15"]
    fortnightly = replace(rule, every=14 * DAY, on=frozenset())
    first, second = next_openings([fortnightly], start - TICK, 2)
    assert (first.start, second.start - first.start) == (start, 14 * DAY)
    assert open_now([fortnightly], second.start + HOUR - TICK) == second
    assert next_opening([replace(fortnightly, on=frozenset({"TUE"}))], start) is None
    assert open_now([replace(fortnightly, on=frozenset({"TUE"}))], start + DAY) is None


def test_nothing_opens_before_its_start_nor_from_its_end_on() -> None:
    rule = replace(by_cron("0 6 * * *"), until=NEW_YEAR + 3 * DAY)
    first = datetime(2027, 1, 1, 5, tzinfo=UTC)
    assert open_now([rule], NEW_YEAR - DAY) is None
    assert open_now([rule], NEW_YEAR + HOUR) is None
    found = next_openings([rule], NEVER, 9)
    assert [one.start for one in found] == [first, first + DAY, first + 2 * DAY]
    assert open_now([rule], first + 2 * DAY + HOUR - TICK) == found[-1]
    assert open_now([rule], first + 3 * DAY) is None


def test_the_29th_of_february_is_found_over_eight_years_and_what_is_rarer_is_as_good_as_over() -> (
    None
):
    leap = replace(by_cron("0 6 29 2 *", DAY), start=datetime(2096, 3, 1, tzinfo=UTC))
    assert local(leap, after="2096-03-01T00:00Z", most=1) == ["2104-02-29 06:00+0100"]
    rare = by_cron("0 6 * 2 MON#5", DAY)  # 2044
    assert next_opening([rare], NEW_YEAR) is None
    for fields in ("0 6 */29 2 MON#5", "0 * */29 2 MON#5"):  # the fifth Monday is the 29th
        never = by_cron(fields)
        assert next_opening([never], NEW_YEAR) is open_now([never], NEW_YEAR) is None
    ever = replace(rare, start=datetime(2044, 2, 1, tzinfo=UTC), duration=ZERO)
    (last,) = next_openings([ever], ever.start, 1)
    assert last.end - last.start == timedelta(days=3660)


def test_rules_of_two_zones_do_not_touch_each_other() -> None:
    tokyo = by_cron("0 6 * * *", tz="Asia/Tokyo", name="a")
    berlin = by_cron("0 6 * * *", name="b")
    assert not overlap(tokyo, berlin)
    assert next_openings([berlin, tokyo], NEW_YEAR, 3)[1].window == "a"


def test_calendar_rules_overlap_where_both_are_open_and_touching_is_not_overlapping() -> None:
    nine, ten = (by_cron(f"0 {hour} * * *", name=str(hour)) for hour in (9, 10))
    assert not overlap(nine, ten)
    assert overlap(replace(nine, duration=HOUR + MINUTE), ten, NEW_YEAR)
    first, last = by_cron("0 6 1 * *", DAY, name="a"), by_cron("0 6 L * *", DAY, name="b")
    assert not overlap(first, last)
    assert meeting(replace(last, duration=25 * HOUR), first, NEW_YEAR) == datetime(
        2027, 2, 1, 5, tzinfo=UTC
    )
    assert meeting(by_cron("0 2 * * *", name="a"), by_cron("30 2 * * *", MINUTE), NEW_YEAR) == (
        datetime(2027, 1, 1, 1, 30, tzinfo=UTC)
    )
    assert meeting(
        by_cron("0 2 * * *", 20 * MINUTE), by_cron("30 2 * * *", 20 * MINUTE), NEW_YEAR
    ) == datetime(2027, 3, 28, 1, tzinfo=UTC), "both open when 02:00 and 02:30 are skipped"


def test_a_calendar_rule_and_a_plain_one_are_compared_too() -> None:
    plain = Window("plain", NEW_YEAR + 5 * HOUR, DAY, HOUR)
    six = by_cron("0 6 * * *")
    assert meeting(six, plain, NEW_YEAR) == NEW_YEAR + 5 * HOUR
    assert not overlap(by_cron("0 8 * * *"), plain, NEW_YEAR)
    ended = replace(six, until=NEW_YEAR + DAY)
    assert not overlap(ended, replace(plain, start=plain.start + 2 * DAY), NEW_YEAR)
    far = replace(plain, start=datetime(2060, 1, 1, 12, tzinfo=UTC), duration=MINUTE)
    rare = replace(by_cron("0 6 29 2 *"), until=datetime(2058, 1, 1, tzinfo=UTC))
    assert not overlap(rare, far, NEW_YEAR)


def test_comparing_the_densest_rules_ends_within_the_time_of_a_step() -> None:
    """By the processor's clock, and with room for a slow one."""
    even, odd = (by_cron(f"{rest}/2 * * * *", MINUTE, name=f"w{rest}") for rest in (0, 1))
    began = time.process_time()
    assert not overlap(even, odd)
    assert time.process_time() - began < 5


def test_two_rules_that_meet_only_after_ten_years_count_as_apart() -> None:
    one = by_cron("0 6 29 2 *")
    assert meeting(one, replace(one, start=datetime(2060, 1, 1, tzinfo=UTC)), NEW_YEAR) == datetime(
        2060, 2, 29, 5, tzinfo=UTC
    )
    weekly = Window("a", NEW_YEAR + 12 * HOUR, 7 * DAY, HOUR, tz="UTC")
    other = Window("b", NEW_YEAR, 7 * DAY, HOUR, tz="UTC")
    assert meeting(weekly, other, NEW_YEAR) is None


def test_the_first_occurrence_that_ends_after_an_instant_may_be_the_open_one() -> None:
    six = by_cron("0 6 * * *")
    opening = datetime(2027, 1, 5, 5, tzinfo=UTC)
    for f, start in ((opening + MINUTE, opening), (opening + HOUR, opening + DAY)):
        found = first_after([six], f)
        assert found is not None
        assert found.start == start
    assert first_after([], opening) is None


@pytest.mark.parametrize(
    "rule",
    [
        by_cron("0 6 * * *", tz="Moon/Tranquility"),
        by_cron("every morning"),
        Window("w", NEW_YEAR, HOUR, HOUR, tz=BERLIN),
    ],
)
def test_a_rule_that_this_release_cannot_read_never_opens(rule: Window) -> None:
    assert open_now([rule], NEW_YEAR + DAY) is next_opening([rule], NEW_YEAR) is None
    assert not is_carried_by_schedule(rule)
    assert in_words(rule)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (by_cron("30 6 1-5 * *"), Recurrence("30", "6", "1-5", "*", "")),
        (by_cron("0 6 * * 5L"), None),
        (
            Window("w", NEW_YEAR - HOUR, DAY, HOUR, frozenset({"MON", "FRI"}), tz=BERLIN),
            Recurrence("0", "0", "", "*", "MON,FRI"),
        ),
        (Window("w", NEW_YEAR, DAY, HOUR, tz=BERLIN), Recurrence("0", "1", "", "*", "")),
        (Window("w", NEW_YEAR, 7 * DAY, HOUR, tz=BERLIN), Recurrence("0", "1", "", "*", "FRI")),
        (Window("w", NEW_YEAR, 2 * DAY, HOUR, tz=BERLIN), None),
        (Window("w", NEW_YEAR + timedelta(seconds=1), DAY, HOUR, tz=BERLIN), None),
        (Window("w", NEW_YEAR + TICK, DAY, HOUR, tz=BERLIN), None),
    ],
)
def test_a_schedule_carries_what_it_has_words_for(rule: Window, told: Recurrence | None) -> None:
    assert recurrence_of(rule) == told
    assert is_carried_by_schedule(rule) is (told is not None)


def test_the_same_rule_given_again_another_day_is_known() -> None:
    rule, now = by_cron("0 6 1 * *"), NEW_YEAR + 40 * DAY
    assert is_same_rule(rule, replace(rule, start=now), now)
    assert not is_same_rule(rule, replace(rule, start=now + 9 * DAY), now)
    assert not is_same_rule(rule, replace(rule, tz="Europe/Paris"), now)
    assert not is_same_rule(rule, replace(rule, cron="0 7 1 * *"), now)
    other_days = Window("w", NEW_YEAR, 2 * DAY, HOUR, tz=BERLIN)
    assert is_same_rule(other_days, replace(other_days, start=NEW_YEAR + 38 * DAY), now)
    assert not is_same_rule(other_days, replace(other_days, start=NEW_YEAR + 39 * DAY), now)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            by_cron("0 6 L * *", 3 * HOUR),
            (
                "0 6 L * * Europe/Berlin (at 06:00 on the last day of every month) for 3h, from "
                "2027-01-01 01:00 Europe/Berlin"
            ),
        ),
        (
            by_cron("0 6 * * 1", ZERO, tz=""),
            "0 6 * * 1 UTC (at 06:00 on Monday) until the next opening, from 2027-01-01",
        ),
        (
            Window(
                "w",
                NEW_YEAR + timedelta(seconds=5),
                DAY,
                HOUR,
                frozenset({"FRI", "MON"}),
                datetime(2027, 7, 1, tzinfo=UTC),
                BERLIN,
            ),
            (
                "every 1d from 2027-01-01 01:00:05 Europe/Berlin for 1h, on MON, FRI, until "
                "2027-07-01 02:00 Europe/Berlin"
            ),
        ),
    ],
)
def test_a_rule_in_words_has_its_zone(rule: Window, words: str) -> None:
    assert in_words(rule) == words


def test_an_answer_costs_the_same_however_old_the_rule_is() -> None:
    """It is the same, too."""
    now: Instant = datetime(2027, 6, 1, tzinfo=UTC)
    young = by_cron("*/5 * * * *", MINUTE)
    old = replace(young, start=datetime(1970, 1, 1, tzinfo=UTC))
    began = time.process_time()
    for number in range(100):
        at = now + number * HOUR
        assert open_now([old], at) == open_now([young], at)
        assert next_opening([old], at) == next_opening([young], at)
    assert time.process_time() - began < 5
