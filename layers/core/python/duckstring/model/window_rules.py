"""Reading a Window's rule from its wire form. All its faults are reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from duckstring.errors import OperatorError, nearest
from duckstring.model import commands
from duckstring.model.durations import duration_in_words
from duckstring.model.instants import Instant, from_text
from duckstring.model.windows import (
    WEEKDAYS,
    Window,
    in_words,
    minute_in_words,
    next_opening,
    open_now,
)

NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}\Z")
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=3650)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_FIELDS = ("name", "start", "every", "duration", "on", "until")


class WindowError(OperatorError):
    """A rule that is not possible, or not on this line. The caller has to write another."""


def read(given: object) -> Window:
    """Read a rule from its wire form.

    Raises:
        WindowError: with a line for each fault.
    """
    if not isinstance(given, Mapping):
        raise WindowError(
            f"window is {type(given).__name__}; allowed: an object of {', '.join(_FIELDS)}."
        )
    if found := list(faults(given)):
        raise WindowError("\n".join(found), hint=f"See: {commands.WINDOW_HELP}")
    until = given.get("until")
    every = timedelta(seconds=given["every"])
    window = Window(
        name=given["name"],
        start=from_text(given["start"]),
        every=every,
        duration=timedelta(seconds=given["duration"])
        if given.get("duration") is not None
        else every,
        on=frozenset(given.get("on") or ()),
        until=from_text(until) if until else None,
    )
    # Every weekday is no restriction: one rule must not have two texts.
    return (
        window
        if len(window.on) < len(WEEKDAYS)
        else Window(window.name, window.start, window.every, window.duration, until=window.until)
    )


def faults(given: Mapping[str, object]) -> Iterator[str]:
    """A sentence for each thing that is wrong with a rule in itself."""
    yield from (
        f"A Window has no {key!r}; allowed: {', '.join(_FIELDS)}."
        for key in given
        if key not in _FIELDS
    )
    name, every, duration, until = (
        given.get(key) for key in ("name", "every", "duration", "until")
    )
    if not isinstance(name, str) or not NAME.match(name):
        yield (
            f"name is {name!r}; allowed: a lowercase letter, then up to 31 lowercase letters, "
            "digits and underscores."
        )
    start_fault, until_fault = (
        _instant_fault("start", given.get("start")),
        _instant_fault("until", until) if until else "",
    )
    lengths = [
        fault
        for field in ("every", "duration")
        if (fault := _length_fault(field, given.get(field)))
    ]
    yield from filter(None, (start_fault, until_fault, *lengths))
    yield from _weekday_faults(given.get("on"))
    if (
        not lengths
        and isinstance(duration, int | float)
        and isinstance(every, int | float)
        and duration > every
    ):
        shown = [duration_in_words(timedelta(seconds=number)) for number in (duration, every)]
        yield (
            f"duration is {shown[0]}, longer than every ({shown[1]}): openings of one rule would "
            f"overlap; allowed: at most {shown[1]}."
        )
    if (
        until
        and not (start_fault or until_fault)
        and from_text(str(until)) <= from_text(str(given.get("start")))
    ):
        first, last = (
            minute_in_words(from_text(str(text))) for text in (given.get("start"), until)
        )
        yield f"until is {last}, not after start ({first}): it would never open."


def _instant_fault(field: str, value: object) -> str:
    allowed = "allowed: an instant like 2030-01-01T02:00:00Z, from 1970 to 2199"
    try:
        at = from_text(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        at = None
    return (
        "" if at is not None and _EARLIEST <= at < _LATEST else f"{field} is {value!r}; {allowed}."
    )


def _length_fault(field: str, value: object) -> str:
    if field == "duration" and value is None:
        return ""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not _SHORTEST.total_seconds() <= value <= _LONGEST.total_seconds()
    ):
        return f"{field} is {value!r} seconds; allowed: at least 1s, at most {_LONGEST.days}d."
    return ""


def _weekday_faults(on: object) -> Iterator[str]:
    if on is None:
        return
    if not isinstance(on, list | tuple):
        yield f"on is {on!r}; allowed: a list of {', '.join(WEEKDAYS)}."
        return
    for day in on:
        if day not in WEEKDAYS:
            meant = nearest(str(day).upper(), WEEKDAYS, " Did you mean {}?", cutoff=0.5)
            yield f"{day!r} in on is not a weekday; allowed: {', '.join(WEEKDAYS)}.{meant}"


def check_opens(window: Window, now: Instant) -> None:
    """A rule has an opening now or later.

    Raises:
        WindowError: it has none.
    """
    if open_now([window], now) or next_opening([window], now):
        return
    if window.until is not None and window.until <= now:
        why = f"its until ({minute_in_words(window.until)}) is past"
    else:
        days = ", ".join(day for day in WEEKDAYS if day in window.on)
        last = f" before {minute_in_words(window.until)}" if window.until else ""
        why = f"none of its times from now on{f' is a {days}' if days else ' comes'}{last}"
    raise WindowError(
        f"Window {window.name} would never open: {why}. It says {in_words(window)}.",
        hint="Change --start, --every, --on or --until.",
    )
