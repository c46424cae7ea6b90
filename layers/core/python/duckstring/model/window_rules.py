"""Reading a Window's rule from its wire form. All its faults are reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from duckstring.errors import OperatorError, nearest
from duckstring.model import commands
from duckstring.model.durations import duration_in_words
from duckstring.model.instants import ZERO, Instant, from_text
from duckstring.model.values import replace
from duckstring.model.weekdays import WEEKDAYS
from duckstring.model.windows import (
    Window,
    in_words,
    minute_in_words,
    next_opening,
    open_now,
)
from duckstring.model.zones import passes, shows, zone_fault, zone_of

NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}\Z")
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=3650)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_FIELDS = ("name", "start", "every", "duration", "on", "until", "tz", "cron")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?", re.ASCII)
"""A wall-clock time of the rule's zone."""
_DAY = timedelta(days=1)
_UTC = "UTC"


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
    tz, cron = _zone(given), str(given.get("cron") or "").upper()
    until, length = given.get("until"), given.get("duration")
    every = ZERO if cron else timedelta(seconds=given["every"])
    # Up to the next opening: that is not always ``every`` later by the clock of a zone.
    otherwise = ZERO if tz or cron else every
    window = Window(
        name=given["name"],
        start=_instant(given["start"], tz),
        every=every,
        duration=otherwise if length is None else timedelta(seconds=length),
        on=frozenset(given.get("on") or ()),
        until=_instant(until, tz) if until else None,
        tz=tz,
        cron=cron,
    )
    # Every weekday is no restriction: one rule must not have two texts.
    return window if len(window.on) < len(WEEKDAYS) else replace(window, on=frozenset())


def _zone(given: Mapping[str, object]) -> str:
    """UTC is the zone of a rule that names none: one rule must not have two texts."""
    tz = str(given.get("tz") or "")
    return "" if tz == _UTC else tz


def _instant(text: str, tz: str) -> Instant:
    """An instant with its offset, or a wall-clock time of the rule's zone."""
    zone = zone_of(tz)
    if zone is None or not _LOCAL.fullmatch(text):
        return from_text(text)
    return passes(datetime.fromisoformat(text), zone)


def faults(given: Mapping[str, object]) -> Iterator[str]:
    """A sentence for each thing that is wrong with a rule in itself."""
    yield from (
        f"A Window has no {key!r}; allowed: {', '.join(_FIELDS)}."
        for key in given
        if key not in _FIELDS
    )
    name = given.get("name")
    if not isinstance(name, str) or not NAME.match(name):
        yield (
            f"name is {name!r}; allowed: a lowercase letter, then up to 31 lowercase letters, "
            "digits and underscores."
        )
    tz = given.get("tz")
    unknown_zone = zone_fault(tz) if tz else ""
    known_zone = "" if unknown_zone else _zone(given)
    yield from _moment_faults(given, known_zone)
    if given.get("cron"):
        yield from _cron_faults(given)
    else:
        yield from _period_faults(given, known_zone)
    yield from filter(None, (unknown_zone,))
    yield from _weekday_faults(given.get("on"))


def _moment_faults(given: Mapping[str, object], tz: str) -> Iterator[str]:
    start, until = given.get("start"), given.get("until")
    found = [
        _instant_fault("start", start, tz),
        _instant_fault("until", until, tz) if until else "",
    ]
    yield from filter(None, found)
    if not found[0] and not given.get("cron"):
        yield from _skipped_faults(str(start), tz)
    if not until or any(found):
        return
    first, last = _instant(str(start), tz), _instant(str(until), tz)
    if last <= first:
        yield (
            f"until is {minute_in_words(last)}, not after start ({minute_in_words(first)}): it "
            "would never open."
        )


def _period_faults(given: Mapping[str, object], tz: str) -> Iterator[str]:
    every, duration = given.get("every"), given.get("duration")
    found = [
        fault
        for field in ("every", "duration")
        if (fault := _length_fault(field, given.get(field)))
    ]
    yield from found
    if found or not isinstance(every, int | float):
        return
    if isinstance(duration, int | float) and duration > every:
        shown = [duration_in_words(timedelta(seconds=number)) for number in (duration, every)]
        yield (
            f"duration is {shown[0]}, longer than every ({shown[1]}): openings of one rule would "
            f"overlap; allowed: at most {shown[1]}."
        )
    if tz and every % _DAY.total_seconds():
        yield (
            f"every is {duration_in_words(timedelta(seconds=every))} in tz {tz}; allowed: whole "
            "days. Leave tz out for shorter periods, or write cron."
        )


def _cron_faults(given: Mapping[str, object]) -> Iterator[str]:
    # Most rules are plain, and no function pays for reading cron fields before it meets one.
    from duckstring.model.cron import cron_fault, shortest_gap  # noqa: PLC0415

    cron, duration = given["cron"], given.get("duration")
    fault, wrong_length = cron_fault(cron), _length_fault("duration", duration)
    yield from filter(None, (fault, wrong_length))
    if given.get("every") is not None:
        yield "every and cron are both given; allowed: one of them."
    if given.get("on"):
        yield "on is given with cron; allowed: cron alone, whose fifth field has the weekdays."
    if fault or wrong_length or not isinstance(duration, int | float):
        return
    gap = shortest_gap(str(cron))
    if gap is not None and timedelta(seconds=duration) > gap:
        yield (
            f"duration is {duration_in_words(timedelta(seconds=duration))}, longer than from one "
            f"opening of {cron} to the next ({duration_in_words(gap)}): they would overlap; "
            f"allowed: at most {duration_in_words(gap)}."
        )


def _instant_fault(field: str, value: object, tz: str) -> str:
    at = None
    try:
        if isinstance(value, str):
            at = _instant(value, tz)
    except (ValueError, OverflowError):
        at = None
    if at is None or not _EARLIEST <= at < _LATEST:
        local = f", or a time of {tz} like 2030-01-01T02:00" if tz else ""
        allowed = f"an instant like 2030-01-01T02:00:00Z, from 1970 to 2199{local}"
        return f"{field} is {value!r}; allowed: {allowed}."
    return ""


def _skipped_faults(start: str, tz: str) -> Iterator[str]:
    """Its time of day would not be known."""
    zone = zone_of(tz)
    if zone and _LOCAL.fullmatch(start) and not shows(datetime.fromisoformat(start), zone):
        yield (
            f"start is {start} in {tz}, where clocks skip that time; allowed: a time of another "
            "day."
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
        if window.is_calendar and not last:
            last = " within ten years"
        why = f"none of its times from now on{f' is a {days}' if days else ' comes'}{last}"
    raise WindowError(
        f"Window {window.name} would never open: {why}. It says {in_words(window)}.",
        hint="Change --start, --every, --cron, --on or --until.",
    )
