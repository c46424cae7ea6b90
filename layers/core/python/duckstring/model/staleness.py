"""Bounds of staleness: when a line's data is too old. Rules: docs/engine.md, "Staleness".

A bound is an age ("not older than 2h") or a clock ("of today by 06:00 in Berlin").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from duckstring.errors import OperatorError
from duckstring.model.durations import duration_in_words
from duckstring.model.instants import NEVER, ZERO, Instant
from duckstring.model.values import Value
from duckstring.model.weekdays import WEEKDAYS

if TYPE_CHECKING:
    from duckstring.model.calendars import Calendar

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=3650)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_OF_ONE_DAY = timedelta(hours=27)
"""A day has at most 26 hours where a zone changes its clock, and an hour is to spare."""
_AT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_FIELDS = ("within", "at", "tz", "on")
HINT = "Write an age like 2h, or --by 06:00 --tz Europe/Berlin, or none, or tide."


class StaleBoundError(OperatorError):
    """A bound at fault."""


class StaleBound(Value, frozen=True):
    """A bound. An age has ``within``, a clock has ``at``. With neither the line is never stale.

    ``at`` is a wall-clock time ``HH:MM`` of the zone ``tz`` (empty: UTC), on the weekdays ``on``
    (empty: every day). At each such time the data must be fresh as of that local day.
    """

    within: timedelta = ZERO
    at: str = ""
    tz: str = ""
    on: frozenset[str] = frozenset()

    @property
    def is_none(self) -> bool:
        """Whether nothing is ever stale under it."""
        return not self.within and not self.at


class Watch(Value, frozen=True):
    """What a line keeps of the bound that counts for it.

    ``since``: when it began to count. ``declared``: an operator has declared it; else it follows
    from the Tide. ``stale``: the instant from which on the data is too old, if that is announced;
    NEVER: it is not.
    """

    bound: StaleBound
    since: Instant
    declared: bool = True
    stale: Instant = NEVER

    @property
    def is_stale(self) -> bool:
        """Whether it is announced that the data is too old."""
        return self.stale != NEVER


def of_tide(bound: timedelta) -> StaleBound:
    """What follows from a Tide. It asks when its bound has passed, and what it asks for takes time:
    a quarter of the bound, at least an hour, and at most the bound once more.
    """
    return StaleBound(bound + max(bound / 4, min(bound, _HOUR)))


def due(watch: Watch, f: Instant, delay: timedelta, now: Instant) -> Instant | None:
    """The instant from which on data of freshness ``f`` and delay ``delay`` is too old; None: it
    never is. An instant that is past says that it is too old now.
    """
    bound = watch.bound
    if bound.at:
        return _clock_due(watch, f, now)
    if not bound.within:
        return None
    begins = watch.since if f == NEVER else f - delay
    # A Tide that is set on old data asks at once. It needs its time for that, too.
    return (begins if watch.declared else max(begins, watch.since)) + bound.within


def _clock_due(watch: Watch, f: Instant, now: Instant) -> Instant | None:
    calendar = _calendar(watch.bound)
    if calendar is None:
        return None
    last = calendar.last(now)
    counts = last is not None and (f != NEVER or last > watch.since)
    if last is not None and counts and f < _midnight(last, calendar):
        return last
    # What is fresh as of a later day than today satisfies the deadlines up to that day.
    at = now if f == NEVER else max(now, f - _OF_ONE_DAY)
    while (coming := calendar.first(at + _TICK)) is not None:
        if f < _midnight(coming, calendar):
            return coming
        at = coming
    return None


def _midnight(deadline: Instant, calendar: Calendar) -> Instant:
    """When the local day of a deadline begins."""
    from duckstring.model.zones import passes, wall_clock  # noqa: PLC0415 - see _calendar

    day = wall_clock(deadline, calendar.zone).date()
    return passes(datetime.combine(day, time()), calendar.zone)


def _calendar(bound: StaleBound) -> Calendar | None:
    # Few lines have a clock, and no function pays for reading calendars before it meets one.
    from duckstring.model.calendars import calendar_of  # noqa: PLC0415
    from duckstring.model.zones import passes, zone_of  # noqa: PLC0415

    zone, found = zone_of(bound.tz), _AT.fullmatch(bound.at)
    if zone is None or found is None:
        return None
    begins = passes(datetime(2001, 1, 1, int(found[1]), int(found[2])), zone)  # noqa: DTZ001 - a wall clock
    return calendar_of(bound.tz, "", begins, _DAY, bound.on)


def in_words(bound: StaleBound) -> str:
    """``2h``, ``fresh by 06:00 Europe/Berlin on MON, TUE``, ``none``."""
    if bound.at:
        days = ", ".join(day for day in WEEKDAYS if day in bound.on)
        return f"fresh by {bound.at} {bound.tz or 'UTC'}{f' on {days}' if days else ''}"
    return duration_in_words(bound.within) if bound.within else "none"


def to_object(bound: StaleBound) -> dict[str, object]:
    """The wire form, which ``read`` reads."""
    return {
        "within": bound.within.total_seconds() or None,
        "at": bound.at or None,
        "tz": bound.tz or None,
        "on": [day for day in WEEKDAYS if day in bound.on],
    }


def read(given: object) -> StaleBound:
    """Read a bound from its wire form: ``within`` in seconds, or ``at``, ``tz`` and ``on``.

    Raises:
        StaleBoundError: with a line for each fault.
    """
    if not isinstance(given, Mapping):
        raise StaleBoundError(
            f"bound is {type(given).__name__}; allowed: an object of {', '.join(_FIELDS)}.",
            hint=HINT,
        )
    if found := list(faults(given)):
        raise StaleBoundError("\n".join(found), hint=HINT)
    tz, on = str(given.get("tz") or ""), frozenset(given.get("on") or ())
    return StaleBound(
        timedelta(seconds=given.get("within") or 0),
        str(given.get("at") or ""),
        # One bound must not have two texts.
        "" if tz == "UTC" else tz,
        on if len(on) < len(WEEKDAYS) else frozenset(),
    )


def faults(given: Mapping[str, object]) -> Iterator[str]:
    """A sentence for each thing that is wrong with a bound."""
    yield from (
        f"A bound has no {str(key)[:40]!r}; allowed: {', '.join(_FIELDS)}."
        for key in given
        if key not in _FIELDS
    )
    within, at = given.get("within"), given.get("at")
    if within is not None and not _is_length(within):
        yield f"within is {within!r} seconds; allowed: at least 1s, at most {LONGEST.days}d."
    if at is not None and not (isinstance(at, str) and _AT.fullmatch(at)):
        yield f"at is {str(at)[:40]!r}; allowed: a time of day like 06:00, from 00:00 to 23:59."
    if within is not None and at is not None:
        yield "within and at are both given; allowed: one of them."
    if at is None and (given.get("tz") or given.get("on")):
        yield "tz and on go with at, a time of day; found: no at."
    yield from _zone_and_day_faults(given)


def _zone_and_day_faults(given: Mapping[str, object]) -> Iterator[str]:
    from duckstring.model.zones import zone_fault  # noqa: PLC0415 - see _calendar

    if tz := given.get("tz"):
        yield from filter(None, (zone_fault(tz),))
    on = given.get("on") or ()
    if not isinstance(on, list | tuple):
        yield f"on is {str(on)[:40]!r}; allowed: a list of {', '.join(WEEKDAYS)}."
        return
    for day in on:
        if day not in WEEKDAYS:
            yield f"{str(day)[:40]!r} in on is not a weekday; allowed: {', '.join(WEEKDAYS)}."


def _is_length(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and SHORTEST.total_seconds() <= value <= LONGEST.total_seconds()  # type: ignore[operator]


def of_letter(bound: StaleBound) -> Iterator[str]:
    """The faults of a bound that came as a letter."""
    yield from faults(
        {
            "within": bound.within.total_seconds() or None,
            "at": bound.at or None,
            "tz": bound.tz or None,
            "on": sorted(bound.on),
        }
    )
