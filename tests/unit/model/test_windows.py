from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.model.durations import duration_in_words
from duckstring.model.instants import NEVER
from duckstring.model.values import replace
from duckstring.model.windows import (
    Occurrence,
    Window,
    in_words,
    is_carried_by_schedule,
    is_same_rule,
    minute_in_words,
    next_opening,
    open_now,
    overlap,
)

TWO = datetime(2030, 1, 1, 2, tzinfo=UTC)  # a Tuesday
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
NIGHTLY = Window("nightly", TWO, DAY, 3 * HOUR)


def opened(at: datetime, window: Window = NIGHTLY) -> Occurrence:
    return Occurrence(window.name, at, at + window.duration)


def test_a_window_is_open_from_its_opening_up_to_its_end() -> None:
    last = TWO + 3 * HOUR - timedelta(microseconds=1)
    assert [open_now([NIGHTLY], at) for at in (TWO - SECOND, TWO, last, TWO + 3 * HOUR)] == [
        None,
        opened(TWO),
        opened(TWO),
        None,
    ]


def test_a_window_as_long_as_its_period_is_always_open_one_occurrence_after_the_other() -> None:
    hourly = Window("hourly", TWO, HOUR, HOUR)
    assert open_now([hourly], TWO + HOUR - timedelta(microseconds=1)) == opened(TWO, hourly)
    assert open_now([hourly], TWO + HOUR) == opened(TWO + HOUR, hourly)


def test_weekdays_are_those_of_the_opening_and_an_occurrence_may_reach_into_the_next_day() -> None:
    late = Window("late", TWO.replace(hour=23), DAY, 4 * HOUR, frozenset({"WED"}))
    wednesday = datetime(2030, 1, 2, 23, tzinfo=UTC)
    assert open_now([late], wednesday - DAY) is None
    assert open_now([late], wednesday + 2 * HOUR) == opened(wednesday, late)
    assert next_opening([late], wednesday) == opened(wednesday + 7 * DAY, late)


def test_nothing_opens_at_until_or_later_and_what_is_open_then_stays_open() -> None:
    ending = replace(NIGHTLY, until=TWO + DAY + HOUR)
    assert open_now([ending], TWO + DAY + 2 * HOUR) == opened(TWO + DAY)
    assert next_opening([ending], TWO + DAY) is None
    ended = replace(NIGHTLY, until=TWO + DAY)
    assert (open_now([ended], TWO + DAY), next_opening([ended], TWO)) == (None, None)


def test_the_next_opening_of_several_rules_is_the_earliest() -> None:
    noon = Window("noon", TWO.replace(hour=12), DAY, HOUR)
    assert next_opening([NIGHTLY, noon], TWO) == opened(TWO.replace(hour=12), noon)
    assert next_opening([NIGHTLY, noon], TWO.replace(hour=13)) == opened(TWO + DAY)
    assert next_opening([], TWO) is None


def test_the_first_opening_may_be_decades_ahead() -> None:
    far = replace(NIGHTLY, start=TWO.replace(year=2080))
    assert next_opening([far], TWO) == next_opening([far], NEVER) == opened(far.start)
    assert open_now([far], TWO) is None


def test_before_its_beginning_a_rule_is_not_open_however_early_it_is_asked() -> None:
    assert open_now([NIGHTLY], NEVER) is None


def test_a_rule_whose_weekday_never_comes_never_opens() -> None:
    assert next_opening([Window("never", TWO, 7 * DAY, HOUR, frozenset({"MON"}))], TWO) is None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Window("o", TWO + 3 * HOUR, DAY, HOUR), False),  # opens as the other closes
        (Window("o", TWO + 3 * HOUR - timedelta(microseconds=1), DAY, HOUR), True),
        (Window("o", TWO - HOUR, DAY, HOUR), False),
        (Window("o", TWO, DAY, HOUR, until=TWO), False),  # never opens
        (Window("o", TWO + 3 * HOUR, 25 * HOUR, SECOND), True),  # later each day
        (Window("o", TWO + 365 * DAY, DAY, SECOND), True),
        (replace(NIGHTLY, name="o", start=TWO + 30 * DAY), True),
    ],
)
def test_rules_overlap_where_both_are_open(other: Window, expected: bool) -> None:
    assert overlap(NIGHTLY, other) is overlap(other, NIGHTLY) is expected


def test_rules_of_different_weekdays_or_times_do_not_overlap() -> None:
    monday, tuesday, wednesday = (frozenset({day}) for day in ("MON", "TUE", "WED"))
    for every in (61 * SECOND, 5 * SECOND, HOUR):
        assert not overlap(
            Window("a", TWO, every, every, monday), Window("b", TWO, 67 * SECOND, SECOND, wednesday)
        )
    midnight = TWO.replace(hour=0)
    assert not overlap(
        Window("a", midnight, SECOND, SECOND, monday),
        Window("b", midnight, SECOND, SECOND, tuesday),
    )
    assert overlap(
        Window("a", midnight, 5 * HOUR, 5 * HOUR, monday),
        Window("b", midnight, HOUR, HOUR, tuesday),
    )
    sevens = Window("a", TWO, 7 * HOUR, 3 * HOUR)
    after = Window("b", TWO + 3 * HOUR, 7 * HOUR, HOUR)
    assert not overlap(sevens, after)
    assert not overlap(after, sevens)
    once = replace(NIGHTLY, until=TWO + SECOND)
    for start in (TWO + 3 * HOUR, TWO - HOUR):
        assert not overlap(once, Window("b", start, 25 * HOUR, HOUR, until=TWO + 2 * DAY))
    past = replace(NIGHTLY, until=TWO + 10 * DAY)
    assert not overlap(past, replace(NIGHTLY, start=TWO + 10 * DAY))
    assert overlap(past, replace(NIGHTLY, start=TWO + 9 * DAY))


def test_the_hardest_rules_are_compared_within_the_time_of_a_step() -> None:
    """By the processor's clock, and with room for a slow one: without a limit it would be hours."""
    every = 3607 * SECOND + timedelta(microseconds=1)
    one = Window("a", TWO, every, SECOND, frozenset({"MON"}), TWO + 30_000 * DAY)
    other = Window(
        "b",
        TWO + 1800 * SECOND,
        every + 2 * timedelta(microseconds=1),
        SECOND,
        frozenset({"MON", "TUE"}),
    )
    began = time.process_time()
    overlap(one, other)
    assert time.process_time() - began < 2


def test_only_whole_minutes_are_carried_by_a_schedule() -> None:
    periods = {
        60 * SECOND: True,
        90 * SECOND: False,
        30 * SECOND: False,
        DAY: True,
        DAY + timedelta(microseconds=1): False,
    }
    assert {
        every: is_carried_by_schedule(replace(NIGHTLY, every=every)) for every in periods
    } == periods


def test_the_same_rule_given_again_another_day_is_known() -> None:
    now = TWO + 12 * HOUR
    assert is_same_rule(NIGHTLY, replace(NIGHTLY, start=TWO + DAY), now)
    assert is_same_rule(NIGHTLY, replace(NIGHTLY, start=TWO - 9 * DAY), now)
    assert not is_same_rule(NIGHTLY, replace(NIGHTLY, start=TWO + 3 * DAY), now), (
        "that one begins days later"
    )
    for other in (
        {"start": TWO + HOUR},
        {"duration": HOUR},
        {"on": frozenset({"MON"})},
        {"until": TWO + DAY},
        {"name": "daily"},
    ):
        assert not is_same_rule(NIGHTLY, replace(NIGHTLY, **other), now)


def test_a_rule_is_the_same_as_itself_however_far_off_its_beginning_is() -> None:
    later = replace(NIGHTLY, start=TWO + 300 * DAY)
    assert is_same_rule(later, replace(later), TWO)


def test_a_rule_and_its_times_in_words() -> None:
    assert in_words(NIGHTLY) == "every 1d from 2030-01-01 02:00 UTC for 3h"
    whole = replace(NIGHTLY, on=frozenset({"WED", "MON"}), until=TWO + DAY, duration=DAY)
    assert (
        in_words(whole)
        == "every 1d from 2030-01-01 02:00 UTC for 1d, on MON, WED, until 2030-01-02 02:00 UTC"
    )
    assert (
        in_words(replace(NIGHTLY, duration=DAY)) == "every 1d from 2030-01-01 02:00 UTC always open"
    )
    assert minute_in_words(TWO + SECOND) == "2030-01-01 02:00:01 UTC"
    assert [duration_in_words(timedelta(seconds=n)) for n in (0, 0.25, 1.5, 60, 5400, 90_061)] == [
        "0s",
        "0.25s",
        "1.5s",
        "1m",
        "1h30m",
        "1d1h1m1s",
    ]
