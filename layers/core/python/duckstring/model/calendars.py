"""When a rule of wall-clock times opens: days of a zone, or a cron rule. Rules: docs/engine.md,
"Calendar rules".

Each question costs a few steps of the calendar, however long the rule is old and however far its
next opening is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from duckstring.model import cron
from duckstring.model.instants import Instant
from duckstring.model.weekdays import WEEKDAYS
from duckstring.model.zones import change_after, passes, reached, wall_clock, zone_of

FAR = timedelta(days=3660)
"""An opening that does not come within ten years is as good as none."""
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_NEAR = timedelta(hours=6)
"""No zone changes its offset twice within it, and none by more."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The openings of one rule, from ``start`` on.

    By ``text``, a cron rule; or, where that is empty, every ``days`` days at the time of day of
    ``start``, on the weekdays ``on`` (empty: all).
    """

    zone: tzinfo
    start: Instant
    text: str
    days: timedelta
    on: frozenset[str]
    is_hourly: bool

    @property
    def first_wall(self) -> datetime:
        """What the zone's clock shows at ``start``."""
        return wall_clock(self.start, self.zone)

    def first(self, at: Instant) -> Instant | None:
        """The first opening at ``at`` or later. None: none within ten years."""
        at = max(at, self.start)
        found = self._hourly_from(at) if self.is_hourly else self._named_from(at)
        return found if found is not None and found <= at + FAR else None

    def last(self, at: Instant) -> Instant | None:
        """The last opening at ``at`` or earlier. None: there was none."""
        if at < self.start:
            return None
        found = self._hourly_to(at) if self.is_hourly else self._named_to(at)
        return found if found is not None and found >= self.start else None

    # A time that names its hour opens once: when the zone's clock first shows it or a later one.

    def _named_from(self, at: Instant) -> Instant | None:
        wall = self._wall_from(reached(at - _TICK, self.zone) + _TICK)
        return None if wall is None else passes(wall, self.zone)

    def _named_to(self, at: Instant) -> Instant | None:
        wall = self._wall_to(reached(at, self.zone))
        return None if wall is None else passes(wall, self.zone)

    # A rule of every hour opens whenever the zone's clock shows one of its times.

    def _hourly_from(self, at: Instant) -> Instant | None:
        while (wall := self._wall_from(wall_clock(at, self.zone))) is not None:
            change = self._change(at, at + _NEAR)
            opening = at + (wall - wall_clock(at, self.zone))
            if opening < (change or at + _NEAR):
                return opening
            opening = change or passes(wall, self.zone)
            if change is None and wall_clock(opening, self.zone) == wall:
                return opening
            at = opening
        return None

    def _hourly_to(self, at: Instant) -> Instant | None:
        while (wall := self._wall_to(wall_clock(at, self.zone))) is not None:
            change = self._change(at - _NEAR, at)
            opening = at + (wall - wall_clock(at, self.zone))
            if opening >= (change or at - _NEAR):
                return opening
            opening = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
            if change is None and wall_clock(opening, self.zone) == wall:
                return opening
            at = (change or passes(wall, self.zone)) - _TICK
        return None

    def _change(self, at: Instant, until: Instant) -> Instant | None:
        """When the zone's clock changes in between, if it does."""
        passed = wall_clock(until, self.zone) - wall_clock(at, self.zone)
        return None if passed == until - at else change_after(at, until, self.zone)

    # wall-clock times, whatever the zone

    def _wall_from(self, wall: datetime) -> datetime | None:
        return cron.time_at_or_after(self.text, wall) if self.text else self._day(wall, 1)

    def _wall_to(self, wall: datetime) -> datetime | None:
        return cron.time_at_or_before(self.text, wall) if self.text else self._day(wall, -1)

    def _day(self, wall: datetime, way: int) -> datetime | None:
        """The nearest of the days, from ``wall`` on or back. Which weekdays come repeats after
        seven of them.
        """
        first = self.first_wall
        number = -((first - wall) // self.days) if way > 0 else (wall - first) // self.days
        for step in range(len(WEEKDAYS)):
            found = first + (number + way * step) * self.days
            if not self.on or WEEKDAYS[found.weekday()] in self.on:
                return found
        return None


@lru_cache(maxsize=256)
def calendar_of(
    tz: str, text: str, start: Instant, days: timedelta, on: frozenset[str]
) -> Calendar | None:
    """The openings of a rule. None: this release knows no such zone or rule, so it never opens."""
    zone = zone_of(tz)
    if zone is None or (text and not cron.is_cron(text)) or (not text and days < _DAY):
        return None
    is_hourly = bool(text) and cron.is_of_every_hour(text)
    return Calendar(zone, start, text, days, on, is_hourly)
