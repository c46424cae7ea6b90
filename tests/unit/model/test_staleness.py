"""Bounds of staleness: their texts, faults, and clocks over changes of local time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duckstring.errors import OperatorError
from duckstring.model.instants import NEVER, ZERO
from duckstring.model.staleness import (
    StaleBound,
    Watch,
    due,
    faults,
    in_words,
    of_letter,
    read,
    to_object,
)

HOUR = timedelta(hours=1)


def utc(day: int, hour: int, minute: int = 0, *, month: int = 3) -> datetime:
    return datetime(2030, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "bound", "words"),
    [
        ({"within": 7200}, StaleBound(2 * HOUR), "2h"),
        (
            {"at": "06:00", "tz": "Europe/Berlin", "on": ["MON", "FRI"]},
            StaleBound(at="06:00", tz="Europe/Berlin", on=frozenset({"MON", "FRI"})),
            "fresh by 06:00 Europe/Berlin on MON, FRI",
        ),
        ({"at": "23:59", "tz": "UTC"}, StaleBound(at="23:59"), "fresh by 23:59 UTC"),
        (
            {"at": "06:00", "on": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]},
            StaleBound(at="06:00"),
            "fresh by 06:00 UTC",
        ),
        ({}, StaleBound(), "none"),
    ],
)
def test_a_bound_is_read_and_said(given: dict, bound: StaleBound, words: str) -> None:
    assert read(given) == bound
    assert in_words(bound) == words
    assert read(to_object(bound)) == bound
    assert list(of_letter(bound)) == []
    assert bound.is_none == (words == "none")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"within": 0.5}, "within is 0.5 seconds; allowed: at least 1s"),
        ({"within": True}, "within is True seconds"),
        ({"within": "2h"}, "within is '2h' seconds"),
        ({"at": "6:00"}, "at is '6:00'; allowed: a time of day like 06:00"),
        ({"at": "24:00"}, "at is '24:00'"),
        ({"at": 6}, "at is '6'"),
        ({"within": 60, "at": "06:00"}, "within and at are both given"),
        ({"tz": "Europe/Berlin"}, "tz and on go with at"),
        ({"on": ["MON"]}, "tz and on go with at"),
        ({"at": "06:00", "tz": "Berlin"}, "Did you mean Europe/Berlin?"),
        ({"at": "06:00", "on": "MON"}, "on is 'MON'; allowed: a list"),
        ({"at": "06:00", "on": ["Monday"]}, "'Monday' in on is not a weekday"),
        ({"by": "06:00"}, "A bound has no 'by'"),
    ],
)
def test_a_fault_is_said_with_what_is_allowed(given: dict, fault: str) -> None:
    assert fault in "\n".join(faults(given))
    with pytest.raises(OperatorError):
        read(given)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(OperatorError, match="bound is str"):
        read("2h")


BERLIN = Watch(StaleBound(at="02:30", tz="Europe/Berlin"), since=utc(1, 0))


def test_a_deadline_that_clocks_skip_is_when_they_skip_it() -> None:
    # 31 March 2030: 02:00 becomes 03:00 in Berlin, at 01:00 UTC
    f, now = utc(30, 12), utc(30, 13)
    assert due(BERLIN, f, ZERO, now) == utc(31, 1)
    assert due(BERLIN, f, ZERO, utc(31, 0, 59)) == utc(31, 1)


def test_a_deadline_that_comes_twice_counts_the_first_time() -> None:
    # 27 October 2030: 03:00 becomes 02:00 in Berlin, at 01:00 UTC
    f, now = utc(26, 12, month=10), utc(26, 13, month=10)
    assert due(BERLIN, f, ZERO, now) == utc(27, 0, 30, month=10)


def test_the_day_begins_at_local_midnight_also_where_clocks_change() -> None:
    before, after = utc(30, 22, 59), utc(30, 23)  # midnight in Berlin is 23:00 UTC in winter
    now = utc(31, 5)
    assert due(BERLIN, before, ZERO, now) == utc(31, 1)
    assert due(BERLIN, after, ZERO, now) == utc(32 - 31, 0, 30, month=4)


def test_a_delay_counts_for_an_age_and_not_for_a_clock() -> None:
    age = Watch(StaleBound(2 * HOUR), since=utc(1, 0))
    assert due(age, utc(5, 5), 3 * HOUR, utc(5, 3)) == utc(5, 4)
    by_six = Watch(StaleBound(at="06:00"), since=utc(1, 0))
    # a Window from the evening before to this morning: the data is of this day
    assert due(by_six, utc(5, 1), 3 * HOUR, utc(5, 7)) == utc(6, 6)


def test_nothing_is_due_without_a_bound() -> None:
    assert due(Watch(StaleBound(), since=utc(1, 0)), NEVER, ZERO, utc(5, 5)) is None


def test_a_clock_on_no_day_of_the_week_is_never_due() -> None:
    watch = Watch(StaleBound(at="06:00", on=frozenset({"XYZ"})), since=utc(1, 0))
    assert due(watch, utc(1, 0), ZERO, utc(5, 5)) is None
