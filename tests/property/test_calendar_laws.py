"""The laws of calendar rules over ten years of zones: docs/engine.md, "Calendar rules".

The oracle walks the minutes of a zone's clock one by one. It reads no cron text: a rule is made of
the numbers that it names.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from duckstring.model.instants import ZERO, Instant
from duckstring.model.weekdays import WEEKDAYS
from duckstring.model.windows import (
    Occurrence,
    Window,
    meeting,
    next_opening,
    next_openings,
    open_now,
    overlap,
)
from duckstring.model.zones import zone_names, zone_of
from tests.property.worlds import looks

BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EDGE = timedelta(microseconds=1)
OLD = datetime(2020, 1, 1, tzinfo=UTC)
ODD = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "Antarctica/Troll",  # two hours
    "Africa/Casablanca",  # back in Ramadan
    "Asia/Beirut",  # at midnight
    "America/Havana",
    "Africa/Cairo",
    "America/Nuuk",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "UTC",
)


@dataclass(frozen=True)
class Rule:
    """The numbers that a cron rule names. ``days`` and ``weekdays`` (Monday is 0) None: any."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    weekdays: frozenset[int] | None
    last: bool

    @property
    def text(self) -> str:
        def listed(numbers: frozenset[int] | None) -> str:
            return "*" if numbers is None else ",".join(map(str, sorted(numbers)))

        days = "L" if self.last else listed(self.days)
        weekdays = None if self.weekdays is None else frozenset(day + 1 for day in self.weekdays)
        hours = "*" if len(self.hours) == 24 else listed(self.hours)
        return f"{listed(self.minutes)} {hours} {days} * {listed(weekdays)}"

    def names(self, wall: datetime) -> bool:
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and self._has(date(wall.year, wall.month, wall.day))
        )

    def _has(self, day: date) -> bool:
        end = calendar.monthrange(day.year, day.month)[1]
        by_day = day.day == end if self.last else self.days is None or day.day in self.days
        by_weekday = self.weekdays is None or day.weekday() in self.weekdays
        if (self.last or self.days is not None) and self.weekdays is not None:
            return by_day or by_weekday
        return by_day and by_weekday


@cache
def changes(name: str) -> list[Instant]:
    """The minutes at which a zone's clock is set, over the ten years."""
    zone = zone_of(name)
    assert zone is not None

    def offset(at: Instant) -> timedelta | None:
        return at.astimezone(zone).utcoffset()

    found = []
    for hour in range((END - BEGIN) // (12 * HOUR)):
        at = BEGIN + hour * 12 * HOUR
        if offset(at) != offset(at + 12 * HOUR):
            found.append(
                next(
                    one
                    for minute in range(1, 721)
                    if offset(one := at + minute * MINUTE) != offset(at)
                )
            )
    return found


zones = st.sampled_from(ODD) | st.sampled_from(sorted(zone_names()))


@st.composite
def rules(draw: st.DrawFn, near: date) -> Rule:
    hours = draw(
        st.just(frozenset(range(24)))
        | st.frozensets(st.integers(0, 3), min_size=1, max_size=3)
        | st.frozensets(st.integers(0, 23), min_size=1, max_size=8)
    )
    minutes = draw(
        st.frozensets(st.sampled_from([0, 1, 15, 30, 45, 59]), min_size=1)
        | st.frozensets(st.integers(0, 59), min_size=1, max_size=4)
    )
    close = st.sampled_from([(near + n * DAY).day for n in range(-1, 3)])
    days = draw(st.none() | st.frozensets(close | st.integers(1, 31), min_size=1, max_size=3))
    weekdays = draw(st.none() | st.frozensets(st.integers(0, 6), min_size=1, max_size=3))
    return Rule(minutes, hours, days, weekdays, last=draw(st.integers(0, 9)) == 0)


@st.composite
def places(draw: st.DrawFn) -> tuple[str, Instant]:
    """A zone and a moment of the ten years, mostly near a change of its clock."""
    name = draw(zones)
    minutes = (END - BEGIN) // MINUTE
    anywhere = st.integers(0, minutes).map(lambda n: BEGIN + n * MINUTE)
    near = st.sampled_from(changes(name)) if changes(name) else anywhere
    at = draw(st.one_of(near, near, anywhere))
    return name, at + draw(st.integers(-3 * 1440, 600)) * MINUTE


def walked(rule: Rule, name: str, begin: Instant, end: Instant) -> Iterator[Instant]:
    """The openings from ``begin`` up to ``end``, minute by minute, by the words of the rule.

    It starts three days before, so that it knows what the clock has shown already.
    """
    zone = zone_of(name)  # the machine's own zones may be older
    at = begin - 3 * DAY
    shown = at.astimezone(zone).replace(tzinfo=None)
    hourly = len(rule.hours) == 24
    while at < end:
        wall = at.astimezone(zone).replace(tzinfo=None)
        passed = [wall] if hourly else []
        if not hourly:
            while shown < wall:
                shown += MINUTE
                passed.append(shown)
        if at >= begin and any(rule.names(one) for one in passed):
            yield at
        at += MINUTE


def found(window: Window, begin: Instant, end: Instant) -> list[Instant]:
    """The openings that the product finds."""
    made, at = [], begin - EDGE
    while (coming := next_opening([window], at)) and coming.start < end:
        made.append(coming.start)
        at = coming.start
    return made


@looks(120)
@given(st.data(), places())
def test_openings_are_those_that_a_walk_over_the_minutes_finds(
    data: st.DataObject, place: tuple[str, Instant]
) -> None:
    name, begin = place
    rule = data.draw(rules(begin.date()))
    window = Window("w", OLD, ZERO, 5 * MINUTE, tz=name, cron=rule.text)
    end = begin + 5 * DAY
    assert found(window, begin, end) == list(walked(rule, name, begin, end))


@st.composite
def turns(draw: st.DrawFn) -> tuple[str, Instant, Instant]:
    """A zone, one of its changes, and a moment within hours of it, often at its very edge."""
    name = draw(st.sampled_from([name for name in ODD if changes(name)]))
    change = draw(st.sampled_from(changes(name)))
    near = st.integers(-240, 240).map(lambda n: change + n * MINUTE)
    edges = st.sampled_from([change - EDGE, change, change + EDGE, change + 30 * MINUTE])
    return name, change, draw(near | edges)


@looks(200)
@given(st.data(), turns())
def test_around_a_change_the_last_opening_and_the_next_are_those_of_the_walk(
    data: st.DataObject, turn: tuple[str, Instant, Instant]
) -> None:
    name, change, at = turn
    zone = zone_of(name)
    assert zone is not None
    rule = data.draw(rules(change.astimezone(zone).date()))
    begin = change - 4 * DAY
    made = list(walked(rule, name, begin, change + 4 * DAY))
    window = Window("w", OLD, ZERO, ZERO, tz=name, cron=rule.text)
    later = [one for one in made if one > at]
    coming = next_opening([window], at)
    assert coming is not None
    assert coming.start == later[0] if later else coming.start >= change + 4 * DAY
    held = open_now([window], at)
    sooner = [one for one in made if one <= at]
    assert held is not None
    assert held.start == sooner[-1] if sooner else held.start < begin
    assert held.end == coming.start


@looks(120)
@given(st.data(), places())
def test_what_is_open_and_what_comes_agree_whenever_they_are_asked(
    data: st.DataObject, place: tuple[str, Instant]
) -> None:
    """No answer depends on when it is asked between two openings."""
    name, begin = place
    rule = data.draw(rules(begin.date()))
    length = data.draw(st.sampled_from([MINUTE, 20 * MINUTE, 3 * HOUR, ZERO]))
    window = Window("w", OLD, ZERO, length, tz=name, cron=rule.text)
    first, second, third = next_openings([window], begin, 3)
    for one, after in pairwise((first, second, third)):
        assert one.start < one.end <= after.start
        assert one.end == (min(one.start + length, after.start) if length else after.start)
        assert open_now([window], one.start) == one
        assert next_opening([window], one.start - EDGE) == one
        assert open_now([window], one.end - EDGE) == one
        between = one.start + (after.start - one.start) * data.draw(st.floats(0, 0.999))
        assert next_opening([window], between) == after
        held = open_now([window], between)
        assert held == (one if between < one.end else None)
    assert open_now([window], first.start - EDGE) != first


@looks(40)
@given(st.data(), zones)
def test_a_day_of_ten_years_has_one_opening_in_every_zone(data: st.DataObject, name: str) -> None:
    """Whatever the time of day: none is lost in spring, and none comes twice in autumn."""
    zone = zone_of(name)
    assert zone is not None
    minute = data.draw(st.integers(0, 239) | st.integers(0, 1439))
    start = datetime(2024, 1, 10, minute // 60, minute % 60, tzinfo=zone).astimezone(UTC)
    assume(start.astimezone(zone).replace(tzinfo=None).hour == minute // 60)
    cron = f"{minute % 60} {minute // 60} * * *"
    by_cron = Window("w", start, ZERO, HOUR, tz=name, cron=cron)
    by_days = Window("w", start, DAY, HOUR, tz=name)
    for around in data.draw(st.lists(st.sampled_from(changes(name) or [BEGIN]), max_size=4)):
        begin, end = max(around - 9 * DAY, start), around + 9 * DAY
        made = found(by_cron, begin, end)
        assert made == found(by_days, begin, end)
        days = [one.astimezone(zone).date() for one in made]
        assert all(later - sooner == DAY for sooner, later in pairwise(days))
        for one in made:
            wall = one.astimezone(zone)
            late = wall.hour * 60 + wall.minute - minute
            assert wall.fold == 0
            assert 0 <= late <= 120
            assert late == 0 or any(change == one for change in changes(name)), "only by a gap"


@looks(60)
@given(st.data(), places(), st.integers(1, 9))
def test_every_so_many_days_keeps_its_days_over_every_change(
    data: st.DataObject, place: tuple[str, Instant], number: int
) -> None:
    name, at = place
    zone = zone_of(name)
    assert zone is not None
    on = data.draw(
        st.just(frozenset[str]()) | st.frozensets(st.sampled_from(WEEKDAYS), min_size=1, max_size=2)
    )
    start = datetime(2024, 1, 10, 12, 0, 30, tzinfo=zone).astimezone(UTC)
    window = Window("w", start, number * DAY, HOUR, on, tz=name)
    assume(number % 7 or not on or "WED" in on)  # 2024-01-10 is a Wednesday
    for one in next_openings([window], max(at, start), 5):
        wall = one.start.astimezone(zone)
        assert (wall.hour, wall.minute, wall.second) == (12, 0, 30)
        assert (wall.date() - date(2024, 1, 10)).days % number == 0
        assert not on or WEEKDAYS[wall.weekday()] in on
    assert next_openings([window], max(at, start), 2)[1:], "each weekday comes again"


@looks(60)
@given(st.data(), places())
def test_two_rules_overlap_where_some_moment_lies_in_both(
    data: st.DataObject, place: tuple[str, Instant]
) -> None:
    name, begin = place
    lengths = st.sampled_from([MINUTE, 10 * MINUTE, 2 * HOUR])
    ones, others = (
        Window(w, OLD, ZERO, data.draw(lengths), tz=name, cron=data.draw(rules(begin.date())).text)
        for w in ("one", "other")
    )
    end = begin + 4 * DAY
    seen = _shared(ones, others, begin, end)
    met = meeting(ones, others, begin)
    assert met == meeting(others, ones, begin)
    assert overlap(ones, others, begin) is (met is not None)
    if seen is not None:
        assert met == seen
    elif met is not None:
        assert met >= end or (open_now([ones], met) and open_now([others], met))


def _shared(one: Window, other: Window, begin: Instant, end: Instant) -> Instant | None:
    """The first moment from ``begin`` on at which both are open."""
    edges = sorted({begin, *found(one, begin, end), *found(other, begin, end)})
    return next((at for at in edges if open_now([one], at) and open_now([other], at)), None)


def test_an_occurrence_is_the_same_whoever_asks_first() -> None:
    window = Window("w", OLD, ZERO, 3 * HOUR, tz="Europe/Berlin", cron="0 1 * * *")
    begin = datetime(2027, 3, 28, tzinfo=UTC)
    assert open_now([window], begin + HOUR) == Occurrence("w", begin, begin + 3 * HOUR)
