"""Windows against an oracle that counts every opening from the first one on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from duckstring.model.instants import Instant
from duckstring.model.weekdays import WEEKDAYS
from duckstring.model.windows import (
    Occurrence,
    Window,
    is_same_rule,
    next_opening,
    open_now,
    overlap,
)
from tests.property.worlds import looks

MONDAY = datetime(2030, 1, 7, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
EDGE = timedelta(microseconds=1)
HORIZON = timedelta(days=30)

PERIODS = [
    *(
        timedelta(seconds=n)
        for n in (
            3600,
            5400,
            7 * 3600,
            43_200,
            86_400,
            2 * 86_400,
            7 * 86_400,
            86_399,
            11 * 3600 + 7,
        )
    ),
    timedelta(hours=3, microseconds=1),
    timedelta(hours=6, milliseconds=250),
]


@st.composite
def rules(draw: st.DrawFn, name: str = "w") -> Window:
    """Rules that begin within a week, with periods of an hour and more: the oracle counts them
    all.
    """
    every = draw(st.sampled_from(PERIODS))
    duration = (
        every * draw(st.sampled_from([1, 0.5, 0.1, 0.01]))
        if draw(st.booleans())
        else draw(st.sampled_from([SECOND, EDGE, every]))
    )
    start = MONDAY + draw(st.sampled_from([3600 * SECOND, 43_200 * SECOND, EDGE])) * draw(
        st.integers(0, 14)
    )
    on = draw(st.frozensets(st.sampled_from(WEEKDAYS), max_size=3))
    until = draw(st.none() | st.sampled_from([start + EDGE, start + 5 * every, start + 9 * DAY]))
    return Window(name, start, every, min(duration, every), on, until)


def openings(window: Window, end: Instant) -> Iterator[Occurrence]:
    for number in count():
        opening = window.start + number * window.every
        if opening >= end or (window.until and opening >= window.until):
            return
        if not window.on or opening.strftime("%a").upper() in window.on:
            yield Occurrence(window.name, opening, opening + window.duration)


def moments(draw: st.DrawFn, window: Window) -> Instant:
    """Any moment, and those just before, at and after an edge."""
    edges = [at for found in openings(window, MONDAY + HORIZON) for at in (found.start, found.end)]
    near = st.sampled_from(edges or [window.start]).flatmap(
        lambda at: st.sampled_from([at - EDGE, at, at + EDGE])
    )
    return draw(near | st.integers(-86_400, 20 * 86_400).map(lambda n: MONDAY + n * SECOND))


@looks(150)
@given(st.data(), rules())
def test_what_is_open_is_the_occurrence_that_has_begun_and_not_ended(
    data: st.DataObject, window: Window
) -> None:
    now = moments(data.draw, window)
    # An opening that ends beyond the horizon has another one behind it.
    until = max(MONDAY + HORIZON, now) + EDGE
    expected = [found for found in openings(window, until) if found.start <= now < found.end]
    assert [open_now([window], now)] == (expected or [None])


@looks(150)
@given(st.data(), rules())
def test_the_next_opening_is_the_first_one_later(data: st.DataObject, window: Window) -> None:
    after = moments(data.draw, window)
    expected = next(
        (found for found in openings(window, after + 400 * DAY) if found.start > after), None
    )
    assert next_opening([window], after) == expected


@looks(150)
@given(rules("one"), rules("other"))
def test_rules_overlap_if_some_moment_lies_in_both(one: Window, other: Window) -> None:
    """The oracle sees 120 days: what it sees is so, and what it does not see in rules that
    repeat within them is not.
    """
    end = MONDAY + 120 * DAY
    seen = any_shared(list(openings(one, end)), list(openings(other, end)))
    found = overlap(one, other)
    assert found is overlap(other, one)
    assert not seen or found
    if repeats_within(one, other, 60 * DAY):
        assert found is seen


def any_shared(ones: list[Occurrence], others: list[Occurrence]) -> bool:
    both = sorted([*ones, *others], key=lambda found: found.start)
    return any(second.start < first.end for first, second in pairwise(both))


def repeats_within(one: Window, other: Window, span: timedelta) -> bool:
    whole = [number * 7 * DAY for number in range(1, span // (7 * DAY) + 1)]
    return any(not (width % one.every or width % other.every) for width in whole) or bool(
        one.until and other.until
    )


@looks(100)
@given(rules(), st.integers(1, 200_000), st.integers(0, 30 * 86_400))
def test_a_rule_that_began_long_ago_is_the_same_rule(
    window: Window, periods: int, later: int
) -> None:
    assume(periods * window.every < window.start - datetime(1, 1, 2, tzinfo=UTC))
    old = Window(
        window.name,
        window.start - periods * window.every,
        window.every,
        window.duration,
        window.on,
        window.until,
    )
    now = window.start + later * SECOND
    assert open_now([old], now) == open_now([window], now)
    assert next_opening([old], now) == next_opening([window], now)
    assert is_same_rule(old, window, now)
