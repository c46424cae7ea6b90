"""The freshness before a first run, as an author gets it: older than every instant, and yet an
instant to reckon with.

Python's own ``datetime`` overflows one step before the year 1, and a look back from the last
freshness is the commonest thing that is done with it. Here what would lie before the first instant
is the first instant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from typing_extensions import override

from duckstring.model.instants import Instant

_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)


class FirstDate(date):
    """The first day of the year 1: what lies before it is the day itself."""

    @override
    def __sub__(self, other: Any) -> Any:  # a date less a date is a duration
        """Not before the first day."""
        return _not_before(self, lambda: date.__sub__(self, other), other)

    @override
    def __add__(self, other: Any) -> Any:
        """Not before the first day."""
        return _not_before(self, lambda: date.__add__(self, other), None)

    __radd__ = __add__

    @override
    def strftime(self, format: str, /) -> str:
        """With four digits for the year."""
        return date.strftime(self, _with_year(format, self.year))


class FirstInstant(datetime):
    """The first instant of the year 1: what lies before it is the instant itself."""

    @override
    def __sub__(self, other: Any) -> Any:  # an instant less an instant is a duration
        """Not before the first instant."""
        return _not_before(self, lambda: datetime.__sub__(self, other), other)

    @override
    def __add__(self, other: Any) -> Any:
        """Not before the first instant."""
        return _not_before(self, lambda: datetime.__add__(self, other), None)

    __radd__ = __add__

    @override
    def astimezone(self, tz: tzinfo | None = None) -> FirstInstant:
        """Where that day has not begun yet, its beginning there."""
        try:
            there = datetime.astimezone(self, tz)
        except (OverflowError, ValueError):
            there = self.replace(tzinfo=tz or self.tzinfo)
        return _of(there)

    @override
    def date(self) -> FirstDate:
        """The day."""
        return FirstDate(self.year, self.month, self.day)

    @override
    def strftime(self, format: str, /) -> str:
        """With four digits for the year."""
        return datetime.strftime(self, _with_year(format, self.year))


def for_author(instant: Instant) -> Instant:
    """The instant; that of what never ran as one from which one can look back."""
    return _of(instant) if instant.year == 1 else instant


def _of(instant: datetime) -> FirstInstant:
    at = instant.timetz()
    return FirstInstant.combine(FirstDate(instant.year, instant.month, instant.day), at)


def _not_before(first: date, reckon: Callable[[], object], other: object) -> Any:  # noqa: ANN401 - as ``reckon`` gives it
    """The result, or the first one where that would lie before it. Durations of other libraries
    come by ``__rsub__``.
    """
    try:
        found = reckon()
        if (
            found is NotImplemented
            and not isinstance(other, (timedelta, date))
            and (turned := getattr(other, "__rsub__", None))
        ):
            return turned(first)
    except (OverflowError, ValueError):
        return (
            FirstInstant(1, 1, 1, tzinfo=first.tzinfo)
            if isinstance(first, datetime)
            else FirstDate(1, 1, 1)
        )
    return found


def _with_year(form: str, year: int) -> str:
    """The C library writes the year 1 as ``1``, which sorts after 2030."""
    written = {"Y": f"{year:04}", "G": f"{year:04}", "F": f"{year:04}-%m-%d"}
    return _DIRECTIVE.sub(lambda found: written.get(found[1], found[0]), form)
