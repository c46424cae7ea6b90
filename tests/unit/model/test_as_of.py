"""Which snapshot holds as of an instant, compared with what brute force finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from duckstring.model.as_of import (
    Kept,
    Span,
    dropped_before,
    holding,
    newest_common,
    odd_one,
    oldest,
)

NOW = datetime(2030, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ago(hours):
    return NOW - hours * HOUR


def look_at(kept):
    """A line's snapshots, and how often they were looked for."""
    asked = []

    def look(below, most):
        asked.append(below)
        return sorted((one for one in kept if one.number < below), reverse=True)[:most]

    return look, asked


@st.composite
def lines(draw, *, of_before=False):
    """All that a line ever published, what the sweep has left of it by now, and the greatest number
    of what it has deleted.

    ``of_before``: by the release before, which kept the last three and those of a day. Otherwise
    how many are kept changes all the time.
    """
    ages = sorted(draw(st.lists(st.integers(0, 60), min_size=1, max_size=12)), reverse=True)
    steps = draw(st.lists(st.integers(1, 40), min_size=len(ages), max_size=len(ages)))
    numbers = [sum(steps[: at + 1]) for at in range(len(steps))]
    published = [Kept(number, ago(age)) for number, age in zip(numbers, ages, strict=True)]
    pinned = draw(st.sets(st.sampled_from(numbers)))
    kept, dropped = list(published), 0
    for moment in range(len(published)):  # it tidied after each of them, or some time later
        last, age = (3, 24) if of_before else (draw(st.integers(1, 4)), draw(st.integers(1, 50)))
        there = [one for one in kept if one.number <= published[moment].number]
        spared = set(there[-last:])
        now = max(published[moment].f, NOW - draw(st.integers(0, 60)) * HOUR)
        gone = [
            one
            for one in there
            if not (one in spared or now - one.f < age * HOUR or one.number in pinned)
        ]
        kept = [one for one in kept if one not in gone]
        dropped = max([dropped, *(one.number for one in gone)])
    return published, kept, dropped


@given(lines(), st.integers(0, 70))
def test_the_snapshot_is_the_last_one_that_is_no_newer_if_it_is_surely_kept(line, age):
    published, kept, dropped = line
    f = ago(age)
    look, asked = look_at(kept)
    found = holding(look, published[-1].number, f, dropped=dropped)
    no_newer = [one for one in published if one.f <= f]
    sure = oldest(look, published[-1].number, dropped=dropped)
    assert sure == next(one for one in published if one.number > dropped)
    if f >= sure.f:
        assert found == no_newer[-1]
    else:
        assert found is None
    assert len(asked) <= 3 + 3 * published[-1].number.bit_length()


@given(lines(of_before=True))
def test_what_the_release_before_has_deleted_is_never_beyond_what_is_assumed(line):
    published, kept, dropped = line
    look, _ = look_at(kept)
    assumed = dropped_before(look, published[-1].number, now=NOW)
    assert dropped <= assumed < published[max(0, len(published) - 3)].number


def test_of_a_line_that_the_release_before_left_the_last_day_is_kept_for_sure():
    few, _ = look_at([Kept(2, ago(900)), Kept(9, ago(600))])
    old, _ = look_at([Kept(number, ago(900 - number)) for number in (2, 4, 7, 9)])
    many, _ = look_at([Kept(5, ago(100)), *(Kept(at, ago(40 - at)) for at in range(10, 40))])
    none, _ = look_at([])
    found = [dropped_before(look, 40, now=NOW) for look in (few, old, many, none)]
    assert found == [1, 3, 16, 0]


def test_what_is_pinned_and_old_does_not_hold_for_those_that_were_deleted_after_it():
    """5 is pinned since long. 6 to 9 were published after it, and are gone."""
    kept = [Kept(5, ago(100)), Kept(10, ago(20)), Kept(11, ago(3)), Kept(12, ago(2))]
    kept.append(Kept(13, ago(1)))
    look, _ = look_at(kept)
    assert holding(look, 13, ago(50), dropped=9) is None
    assert holding(look, 13, ago(21), dropped=9) is None
    assert holding(look, 13, ago(20), dropped=9) == Kept(10, ago(20))
    assert holding(look, 13, ago(1.5), dropped=9) == Kept(12, ago(2))
    assert oldest(look, 13, dropped=9) == Kept(10, ago(20))
    pinned, _ = look_at([Kept(5, ago(100)), Kept(13, ago(1))])
    assert holding(pinned, 13, ago(50), dropped=12) is None
    assert oldest(pinned, 13, dropped=12) == Kept(13, ago(1))


def test_before_its_first_snapshot_a_line_has_none():
    look, _ = look_at([Kept(1, ago(3))])
    assert holding(look, 1, ago(3), dropped=0) == Kept(1, ago(3))
    assert holding(look, 1, ago(4), dropped=0) is None
    assert oldest(look, 1, dropped=0) == Kept(1, ago(3))


def test_of_two_snapshots_of_one_freshness_the_later_one_holds():
    """A forced run, or a removed table."""
    kept = [Kept(number, ago(5)) for number in range(1, 6)]
    look, _ = look_at(kept)
    assert holding(look, 5, ago(5), dropped=0) == Kept(5, ago(5))


def test_few_snapshots_of_many_are_looked_at():
    kept = [
        Kept(number, NOW - (20_000 - number) * timedelta(seconds=3)) for number in range(20_000)
    ]
    look, asked = look_at(kept)
    assert holding(look, 19_999, kept[1234].f, dropped=7) == kept[1234]
    assert len(asked) < 20


spans = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted), min_size=1, max_size=6
).map(
    lambda pairs: [
        Span(f"pond{at}@1", ago(20 - first), ago(20 - last))
        for at, (first, last) in enumerate(pairs)
    ]
)


def by_force(of):
    """The newest of all instants as of which every line has a snapshot."""
    grid = [ago(20 - at) for at in range(13)]
    return max((f for f in grid if all(one.oldest <= f <= one.until for one in of)), default=None)


@given(spans)
def test_the_newest_common_freshness_is_what_brute_force_finds(of):
    assert newest_common(of) == by_force(of)


@given(spans.filter(lambda of: len(of) > 1 and by_force(of) is None))
@example([Span("a@1", ago(9), ago(9)), Span("b@1", ago(5), ago(5)), Span("c@1", ago(1), ago(1))])
def test_the_odd_one_is_the_line_without_which_there_is_the_newest_one(of):
    odd, f = odd_one(of)
    rest = {one.line: by_force([other for other in of if other is not one]) for one in of}
    assert rest[odd.line] == f
    assert all(other is None or other <= f for other in rest.values() if f is not None)
    if f is None:
        assert set(rest.values()) == {None}


@pytest.mark.parametrize("first", ["a@1", "z@1"])
def test_the_odd_one_of_two_is_the_one_that_is_behind(first):
    other = "m@1"
    of = [Span(first, ago(9), ago(8)), Span(other, ago(3), ago(2))]
    assert odd_one(of) == (of[0], ago(2))
    assert odd_one(of[::-1]) == (of[0], ago(2))
