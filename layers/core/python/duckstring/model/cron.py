"""Cron rules of a Window: which wall-clock times they name, whatever the zone.

``cronsim`` reads and steps them. It is given times without a zone, so that what happens when clocks
change is decided in ``calendars`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import NamedTuple

from cronsim import CronSim, CronSimError

from duckstring.model.weekdays import WEEKDAYS

MOST_CRON = 100
"""Characters of a rule."""
_MOST_SHOWN = 60
_FORM = re.compile(r"[0-9A-Za-z*/,#\-]+(?: [0-9A-Za-z*/,#\-]+){4}", re.ASCII)
_SECOND = timedelta(seconds=1)
_SOME_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall-clock time, of a leap year
_FOLLOWED = 400
"""Openings that tell how close a rule's openings come: a year of daily ones."""
_LONG = timedelta(days=60 * 366)
"""The rarest openings come every 40 years."""
_MOST_SCHEDULED = 200
"""Characters of what a schedule is told. Scheduler takes 256 with what is around them."""
_WEEK = 7
_RANGE = 3
"""Numbers in a row that are shorter as a range."""

_EXAMPLE = '"0 6 1 * *" (minute, hour, day of the month, month, weekday)'
_ALLOWED = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L for the last, LW for the last from Monday to Friday",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or MON-SUN, MON#1 for the first Monday of a month, 5L for the last Friday",
}
_LONGEST_STEPS = {"minute": 59, "hour": 23, "day-of-month": 30, "month": 11, "day-of-week": 6}
"""A longer one names the first value alone, which nobody means."""


class Recurrence(NamedTuple):
    """Wall-clock times in the words that every recurring schedule knows: lists of numbers and
    ranges. ``days`` of the month (``L``: the last) and ``weekdays`` (``MON,TUE``, ``MON#1``) may be
    empty: any; one of them is.
    """

    minutes: str
    hours: str
    days: str
    months: str
    weekdays: str


def cron_fault(text: object) -> str:
    """A sentence where ``text`` is not a rule; empty: it is."""
    if not isinstance(text, str) or len(text) > MOST_CRON or not _FORM.fullmatch(text):
        return f"cron is {repr(text)[:_MOST_SHOWN]}; allowed: five fields, for example {_EXAMPLE}."
    for field, value in zip(_ALLOWED, text.split(), strict=True):
        alone = ["*"] * len(_ALLOWED)
        alone[list(_ALLOWED).index(field)] = value
        if not _reads(" ".join(alone)):
            return (
                f"cron has {value!r} as its {field}; allowed: {_ALLOWED[field]}, lists (1,15), "
                "ranges (1-5), steps (*/2), or * for any."
            )
        longest = _LONGEST_STEPS[field]
        if any(int(step) > longest for step in re.findall(r"/([0-9]+)", value)):
            return f"cron has {value!r} as its {field}; allowed: steps up to {longest}."
    if not _reads(text):
        _minute, _hour, day, month, _weekday = text.split()
        return (
            f"cron is {text!r}: no month {month} has a day {day}, so it would never open; allowed: "
            "a day that comes."
        )
    return ""


def is_cron(text: str) -> bool:
    """Whether it can be stepped."""
    return not cron_fault(text)


def is_of_every_hour(text: str) -> bool:
    """Whether it names all hours of a day."""
    return len(CronSim(text, _SOME_DAY).hours) == 24  # noqa: PLR2004


def time_at_or_after(text: str, wall: datetime) -> datetime | None:
    """The first wall-clock time that the rule names, from ``wall`` on. None: none in 50 years."""
    whole = wall + timedelta(microseconds=-wall.microsecond % 1_000_000)
    return _after(text, whole - _SECOND)


def time_at_or_before(text: str, wall: datetime) -> datetime | None:
    """The last wall-clock time that the rule names, up to ``wall``. None: none in 50 years."""
    return _before(text, wall.replace(microsecond=0) + _SECOND)


# A rule's next openings are asked for again and again: by each step, and each look at the line.


@lru_cache(maxsize=1024)
def _after(text: str, wall: datetime) -> datetime | None:
    return next(CronSim(text, wall), None)


@lru_cache(maxsize=1024)
def _before(text: str, wall: datetime) -> datetime | None:
    return next(CronSim(text, wall, reverse=True), None)


def shortest_gap(text: str) -> timedelta | None:
    """The shortest time from one opening to the next by the wall clock. None: it opens once."""
    rule = CronSim(text, _SOME_DAY)
    times = islice(takewhile(lambda at: at < _SOME_DAY + _LONG, rule), _FOLLOWED)
    return min((later - sooner for sooner, later in pairwise(times)), default=None)


def explained(text: str) -> str:
    """``at 06:00 on the first day of every month``."""
    words = CronSim(text, _SOME_DAY).explain()
    return f"{words[:1].lower()}{words[1:]}"


def recurrence(text: str) -> Recurrence | None:
    """The rule in words that every recurring schedule knows. None: it has others, or is too
    long.
    """
    rule = CronSim(text, _SOME_DAY)
    day, weekday = text.split()[2], text.split()[4]
    days = "" if day == "*" else _days(rule.days)
    weekdays = "" if weekday == "*" else _weekdays(rule.weekdays)
    if days is None or weekdays is None or (days and weekdays):
        return None
    found = Recurrence(
        _listed(rule.minutes, 60), _listed(rule.hours, 24), days, _listed(rule.months, 12), weekdays
    )
    return found if len(" ".join(found)) <= _MOST_SCHEDULED else None


def _days(found: Collection[int]) -> str | None:
    if found == {CronSim.LAST}:
        return "L"
    return None if min(found) < 1 else _listed(found, 31)


def _weekdays(found: Collection[int | tuple[int, int]]) -> str | None:
    """cron's weekdays count from Sunday, which is 0 and 7."""
    plain = sorted({(day - 1) % _WEEK for day in found if isinstance(day, int)})
    if len(plain) == len({day % _WEEK if isinstance(day, int) else day for day in found}):
        return ",".join(WEEKDAYS[day] for day in plain)
    if len(found) > 1:
        return None
    ((day, nth),) = [one for one in found if isinstance(one, tuple)]
    return f"{WEEKDAYS[(day - 1) % _WEEK]}#{nth}" if nth > 0 else None


def _listed(numbers: Collection[int], all_of: int) -> str:
    """``1-5,8``; ``*`` for all of them."""
    return "*" if len(numbers) == all_of else ",".join(_ranges(sorted(numbers)))


def _ranges(numbers: list[int]) -> Iterator[str]:
    first = 0
    for place in range(1, len(numbers) + 1):
        if place < len(numbers) and numbers[place] == numbers[place - 1] + 1:
            continue
        row = numbers[first:place]
        yield f"{row[0]}-{row[-1]}" if len(row) >= _RANGE else ",".join(str(one) for one in row)
        first = place


def _reads(text: str) -> bool:
    try:
        CronSim(text, _SOME_DAY)
    except CronSimError:
        return False
    return True
