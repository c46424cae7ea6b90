"""Windows: when an Inlet's outside source is ready. Rules: docs/engine.md, "Windows".

A plain rule repeats after a fixed time, in UTC. A calendar rule names wall-clock times of a zone
(``calendars.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from math import gcd, lcm
from typing import TYPE_CHECKING, NamedTuple

from duckstring.model.durations import duration_in_words
from duckstring.model.instants import NEVER, ZERO, Instant
from duckstring.model.values import Value, replace
from duckstring.model.weekdays import WEEKDAYS

if TYPE_CHECKING:
    from duckstring.model.calendars import Calendar
    from duckstring.model.cron import Recurrence

MOST_WINDOWS = 20
"""Of one line: every step looks at all of them, and they lie in its item."""

_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_MINUTE = timedelta(minutes=1)
_FAR = timedelta(days=3660)
"""A rule whose weekdays do not come within ten years is as good as over."""
_CENTURY = 10 * _FAR
_MOST_COMPARED = 20_000
"""Two weeks of a rule of minutes. An actor's step compares rules too: it may take milliseconds."""
_MOST_LEAPS = 1_000
"""From an opening of one calendar rule to the next of another: ten years of weekly openings, one of
daily ones.
"""
_MOST_ALIKE = 8
"""Openings after which two rules that differ in their beginning alone are the same one."""
_A_MONDAY = datetime(2001, 1, 1, tzinfo=UTC)


class Window(Value, frozen=True):
    """A rule: open for ``duration`` from each ``start + k * every``, ``k`` from 0, on the weekdays
    ``on``, before ``until``.

    ``on`` empty: every day. ``until`` None: for ever; else nothing opens then or later, and what is
    open stays open for its ``duration``. ``0 < duration <= every``.

    A calendar rule has ``tz``, ``cron`` or both. ``cron`` names wall-clock times of ``tz`` (empty:
    UTC), and ``every`` is zero. Without it ``every`` is whole days, and each opening is at the time
    of day that ``start`` has in ``tz``; so are the weekdays. ``duration`` is elapsed time; zero: up
    to the next opening. An opening ends when the next begins, at the latest.
    """

    name: str
    start: Instant
    every: timedelta
    duration: timedelta
    on: frozenset[str] = frozenset()
    until: Instant | None = None
    tz: str = ""
    cron: str = ""

    @property
    def is_calendar(self) -> bool:
        """Whether its openings are wall-clock times."""
        return bool(self.tz or self.cron)


class Occurrence(NamedTuple):
    """One opening of a Window: from ``start`` on, up to and without ``end``. Its run is fresh as
    of ``end``.
    """

    window: str
    start: Instant
    end: Instant


def open_now(windows: Iterable[Window], now: Instant) -> Occurrence | None:
    """The occurrence that is open. Rules of one Inlet do not overlap, so there is one at most."""
    for window in windows:
        found = _last_of_calendar(window, now) if window.is_calendar else _last(window, now)
        if found is not None and now < found.end:
            return found
    return None


def _last(window: Window, now: Instant) -> Occurrence | None:
    """The occurrence of a plain rule that began last."""
    if now < window.start:
        return None
    # The remainder tells where we are: no rule is counted from its beginning, however long ago
    # that was.
    opening = now - (now - window.start) % window.every
    return _occurrence(window, opening) if _counts(window, opening) else None


def next_opening(windows: Iterable[Window], after: Instant) -> Occurrence | None:
    """The first occurrence of any rule that begins later than ``after``; None: there is no
    other.
    """
    firsts = [first for window in windows if (first := _first(window, after + _TICK))]
    return min(firsts, key=lambda found: found.start, default=None)


def next_openings(windows: Iterable[Window], after: Instant, most: int) -> list[Occurrence]:
    """The next ``most`` occurrences of any rule, as ``next_opening`` finds them."""
    held, found = tuple(windows), list[Occurrence]()
    while len(found) < most and (coming := next_opening(held, after)):
        found.append(coming)
        after = coming.start
    return found


def overlap(one: Window, other: Window, since: Instant = NEVER) -> bool:
    """Whether the two rules are ever open at once; one that opens as the other closes is not.

    Of a calendar rule, the openings of ten years from ``since`` on are compared, 1,000 of them at
    most: what is not seen there does not count. Else:

    Exact for a century ahead, but for two rules with weekdays or an end that meet late or never
    though neither their periods nor their weekdays keep them apart: after 20,000 openings they
    count as if they met.
    """
    if one.is_calendar or other.is_calendar:
        return meeting(one, other, since) is not None
    if not (_periods_meet(one, other) and _weekdays_meet(one, other)):
        return False
    if not (one.on or other.on or one.until or other.until):
        return True
    return _openings_meet(*((one, other) if one.every >= other.every else (other, one)))


def meeting(one: Window, other: Window, since: Instant) -> Instant | None:
    """The first instant at which both are open, from ``since`` on, as far as ``overlap`` looks."""
    at = max(since, one.start, other.start)
    last = at + _FAR
    mine, hers = _open_or_next(one, at), _open_or_next(other, at)
    for _ in range(_MOST_LEAPS):
        if mine is None or hers is None:
            return None
        begun = max(mine.start, hers.start)
        if begun < min(mine.end, hers.end):
            return max(begun, at)
        if begun > last:
            return None
        at = begun
        mine = mine if mine.end > at else _open_or_next(one, at)
        hers = hers if hers.end > at else _open_or_next(other, at)
    return None


def _open_or_next(window: Window, at: Instant) -> Occurrence | None:
    return open_now([window], at) or next_opening([window], at)


def first_after(windows: Iterable[Window], f: Instant) -> Occurrence | None:
    """The first occurrence that ends later than ``f``."""
    firsts = [found for window in windows if (found := _open_or_next(window, f))]
    return min(firsts, key=lambda found: found.start, default=None)


def _openings_meet(sparse: Window, dense: Window) -> bool:
    """Go through the openings of ``sparse``, from when both rules are there until all repeats."""
    both = max(sparse.start, dense.start)
    cycle = lcm(sparse.every // _TICK, dense.every // _TICK, _WEEK // _TICK)
    last = both + min(2 * cycle, _CENTURY // _TICK) * _TICK
    for number, found in enumerate(_from(sparse, both - sparse.duration)):
        neighbour = next(_from(dense, found.start - dense.duration + _TICK), None)
        if neighbour is None or found.start > last:
            return False
        if neighbour.start < found.end or number == _MOST_COMPARED:
            return True
    return False


def _periods_meet(one: Window, other: Window) -> bool:
    """Without weekdays and ends: the distances between openings are the starts' own plus all
    multiples of a step.
    """
    step = gcd(one.every // _TICK, other.every // _TICK) * _TICK
    least = _TICK - one.duration  # the least distance at which they meet
    return least + (one.start - other.start - least) % step < other.duration


def _weekdays_meet(one: Window, other: Window) -> bool:
    """Whether they may be open at the same moment of a week, whatever the week."""
    return any(
        (hers - mine) % _WEEK < my_length or (mine - hers) % _WEEK < her_length
        for mine, my_length in _spans(one)
        for hers, her_length in _spans(other)
    )


def _spans(window: Window) -> list[tuple[timedelta, timedelta]]:
    """Spans of the week that hold all of a rule: for each weekday when it begins, from Monday
    on, and its length.
    """
    step = gcd(window.every // _TICK, _DAY // _TICK) * _TICK
    first = (window.start - _A_MONDAY) % step
    length = _DAY - step + window.duration
    return [
        (number * _DAY + first, length)
        for number, day in enumerate(WEEKDAYS)
        if not window.on or day in window.on
    ]


def _from(window: Window, at: Instant) -> Iterator[Occurrence]:
    """The occurrences of a plain rule that begin at ``at`` or later."""
    opening = _on_grid(window, at)
    fruitless = opening + _FAR
    while opening < fruitless and (window.until is None or opening < window.until):
        if _counts(window, opening):
            yield _occurrence(window, opening)
            opening += window.every
            fruitless = opening + _FAR
        else:
            # on to the next day: a rule of seconds has 86,400 openings on a day that does not count
            midnight = opening.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
            opening = _on_grid(window, midnight)


def _on_grid(window: Window, at: Instant) -> Instant:
    """The first ``start + k * every`` at ``at`` or later."""
    return window.start if at <= window.start else at + (window.start - at) % window.every


def _counts(window: Window, opening: Instant) -> bool:
    if window.until is not None and opening >= window.until:
        return False
    return not window.on or WEEKDAYS[opening.weekday()] in window.on


def _occurrence(window: Window, opening: Instant) -> Occurrence:
    return Occurrence(window.name, opening, opening + window.duration)


def _calendar(window: Window) -> Calendar | None:
    # Most lines have no calendar rule, and no function pays for reading them before it meets one.
    from duckstring.model.calendars import calendar_of  # noqa: PLC0415

    return calendar_of(window.tz, window.cron, window.start, window.every, window.on)


def _last_of_calendar(window: Window, now: Instant) -> Occurrence | None:
    """The occurrence of a calendar rule that began last."""
    calendar = _calendar(window)
    opening = calendar.last(now) if calendar else None
    if calendar is None or opening is None or not _is_before_end(window, opening):
        return None
    return _calendar_occurrence(window, calendar, opening)


def _first(window: Window, at: Instant) -> Occurrence | None:
    """The first occurrence that begins at ``at`` or later."""
    if not window.is_calendar:
        return next(_from(window, at), None)
    calendar = _calendar(window)
    opening = calendar.first(at) if calendar else None
    if calendar is None or opening is None or not _is_before_end(window, opening):
        return None
    return _calendar_occurrence(window, calendar, opening)


def _is_before_end(window: Window, opening: Instant) -> bool:
    return window.until is None or opening < window.until


def _calendar_occurrence(window: Window, calendar: Calendar, opening: Instant) -> Occurrence:
    following = calendar.first(opening + _TICK) or opening + _FAR
    end = min(opening + window.duration, following) if window.duration else following
    return Occurrence(window.name, opening, end)


def is_carried_by_schedule(window: Window) -> bool:
    """Whether a recurring schedule can carry the openings: its rates are whole minutes, and it
    knows most of the calendar. Else the line's own alarms do.
    """
    if window.is_calendar:
        return recurrence_of(window) is not None
    return window.every >= _MINUTE and window.every % _MINUTE == ZERO


def recurrence_of(window: Window) -> Recurrence | None:
    """A calendar rule in the words that every recurring schedule knows. None: it has others."""
    from duckstring.model.cron import Recurrence, recurrence  # noqa: PLC0415

    calendar = _calendar(window)
    if calendar is None:
        return None
    if window.cron:
        return recurrence(window.cron)
    wall = calendar.first_wall
    if wall.second or wall.microsecond:
        return None
    if window.every == _WEEK:
        on = frozenset({WEEKDAYS[wall.weekday()]})
    elif window.every == _DAY:
        on = window.on
    else:
        return None
    weekdays = ",".join(day for day in WEEKDAYS if day in on)
    return Recurrence(str(wall.minute), str(wall.hour), "", "*", weekdays)


def is_same_rule(one: Window, other: Window, now: Instant) -> bool:
    """Whether they open at the same times from ``now`` on: one may have begun some periods
    earlier.
    """
    if replace(one, start=other.start) != other:
        return False
    if one.start == other.start:
        return True
    if one.is_calendar:
        return max(one.start, other.start) <= now + _DAY and next_openings(
            [one], now, _MOST_ALIKE
        ) == next_openings([other], now, _MOST_ALIKE)
    return (one.start - other.start) % one.every == ZERO and max(
        one.start, other.start
    ) <= now + one.every


def in_words(window: Window) -> str:
    """``every 1d from 2030-01-01 02:00 UTC for 3h, on MON, WED, until 2031-01-01 00:00 UTC``."""
    if window.is_calendar:
        from duckstring.model.calendar_words import calendar_in_words  # noqa: PLC0415

        return calendar_in_words(window)
    always = window.duration == window.every and not window.on
    for_how_long = "always open" if always else f"for {duration_in_words(window.duration)}"
    days = [day for day in WEEKDAYS if day in window.on]
    return ", ".join(
        [
            (
                f"every {duration_in_words(window.every)} from {minute_in_words(window.start)} "
                f"{for_how_long}"
            ),
            *([f"on {', '.join(days)}"] if days else []),
            *([f"until {minute_in_words(window.until)}"] if window.until else []),
        ]
    )


def minute_in_words(instant: Instant) -> str:
    """``2030-01-01 02:00 UTC``; with its seconds where it has any."""
    exact = f"{instant:%H:%M:%S}" if instant.second or instant.microsecond else f"{instant:%H:%M}"
    return f"{instant:%Y-%m-%d} {exact} UTC"
