"""Windows: when an Inlet's outside source is ready. Rules: docs/engine.md, "Windows". All instants and weekdays are UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import lcm
from typing import NamedTuple

from duckstring.model.instants import Instant

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_FAR = timedelta(days=3660)
"""A rule whose weekdays do not come within ten years is as good as over."""
_MOST_COMPARED = 200_000


@dataclass(frozen=True, slots=True)
class Window:
    """A rule: open for ``duration`` from each ``start + k * every``, ``k`` from 0, on the weekdays ``on``, before ``until``.

    ``on`` empty: every day. ``until`` None: for ever. ``0 < duration <= every``.
    """

    name: str
    start: Instant
    every: timedelta
    duration: timedelta
    on: frozenset[str] = frozenset()
    until: Instant | None = None


class Occurrence(NamedTuple):
    """One opening of a Window: from ``start`` on, up to and without ``end``. Its run is fresh as of ``end``."""

    window: str
    start: Instant
    end: Instant


def open_now(windows: Iterable[Window], now: Instant) -> Occurrence | None:
    """The occurrence that is open. Rules of one Inlet do not overlap, so there is one at most."""
    for window in windows:
        if now >= window.start:
            opening = window.start + (now - window.start) // window.every * window.every
            if now < opening + window.duration and _counts(window, opening):
                return Occurrence(window.name, opening, opening + window.duration)
    return None


def next_opening(windows: Iterable[Window], after: Instant) -> Occurrence | None:
    """The first occurrence of any rule that begins later than ``after``; None: there is no other."""
    firsts = [first for window in windows if (first := next(_from(window, after + _TICK), None))]
    return min(firsts, key=lambda found: found.start, default=None)


def overlap(one: Window, other: Window) -> bool:
    """Whether the two rules could ever be open at once. Where that takes too long to tell, they count as if."""
    if not _may_touch(one, other):
        return False
    sparse, dense = (one, other) if one.every >= other.every else (other, one)
    begin = max(one.start, other.start) - max(one.duration, other.duration)
    cycle = lcm(one.every // _TICK, other.every // _TICK, _WEEK // _TICK if one.on or other.on else 1)
    for number, found in enumerate(_from(sparse, begin)):
        if (found.start - begin) // _TICK > 2 * cycle:
            return False
        neighbour = next(_from(dense, found.start - dense.duration + _TICK), None)
        if neighbour is None:
            return False
        if neighbour.start < found.end or number == _MOST_COMPARED:
            return True
    return False


def _may_touch(one: Window, other: Window) -> bool:
    """Without weekdays and ends: the distances between openings are ``offset`` plus the multiples of a step."""
    step = _gcd(one.every, other.every)
    least = _TICK - one.duration
    nearest = least + (one.start - other.start - least) % step
    return nearest < other.duration


def _gcd(one: timedelta, other: timedelta) -> timedelta:
    while other:
        one, other = other, one % other
    return one


def _from(window: Window, at: Instant) -> Iterator[Occurrence]:
    """The occurrences that begin at ``at`` or later."""
    opening = _on_grid(window, at)
    end = min(window.until or at + _FAR, max(opening, at) + _FAR)
    while opening < end:
        if _counts(window, opening):
            yield Occurrence(window.name, opening, opening + window.duration)
            end = min(window.until or opening + _FAR, opening + _FAR)
            opening += window.every
        else:  # on to the next day: a rule of seconds has 86,400 openings on a day that does not count
            midnight = opening.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
            opening = _on_grid(window, midnight)


def _on_grid(window: Window, at: Instant) -> Instant:
    if at <= window.start:
        return window.start
    return window.start - (window.start - at) // window.every * window.every


def _counts(window: Window, opening: Instant) -> bool:
    if window.until is not None and opening >= window.until:
        return False
    return not window.on or WEEKDAYS[opening.weekday()] in window.on


def is_carried_by_schedule(window: Window) -> bool:
    """Whether a recurring schedule can carry the openings: its rates are whole minutes. Else the line's own alarms do."""
    return window.every >= timedelta(minutes=1) and window.every % timedelta(minutes=1) == timedelta(0)
