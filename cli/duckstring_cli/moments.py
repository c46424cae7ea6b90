"""Moments as people write them, all UTC: ``02:00``, ``2030-01-01``, ``2030-01-01T02:00``,
``2030-01-01T02:00:00+01:00``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.zones import wall_clock, zone_of
from duckstring_cli import durations
from duckstring_cli.errors import BadInputError

_TIME = re.compile(r"^(\d{1,2}):(\d{2})(?::(\d{2}))?$", re.ASCII)
_A_TIME = "a time like 02:00, "
_A_DATE = "a date like 2030-01-31 or an instant like 2030-01-31T02:00; all in UTC."
_DURATION = re.compile(r"(\d+[dhms])+", re.ASCII)
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}")


def parse(text: str, *, today: Instant | None = None) -> Instant:
    """A date is its midnight; a time, allowed where ``today`` is given, is that day's; no offset is
    UTC.

    Raises:
        BadInputError: the text is none of these.
    """
    words = text.strip()
    try:
        if today is not None and (found := _TIME.match(words)):
            hour, minute, second = (int(part or 0) for part in found.groups())
            return today.replace(hour=hour, minute=minute, second=second, microsecond=0)
        if _DATE.match(words):
            at = datetime.fromisoformat(words)
            instant = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
            if instant != NEVER:
                return instant
    except (ValueError, OverflowError):
        pass
    raise BadInputError(
        f"{text!r} is not a point in time.",
        hint=f"Write {_A_TIME if today is not None else ''}{_A_DATE}",
    )


def on_wire(text: str, *, tz: str = "", today: Instant | None = None) -> str:
    """As ``parse`` reads it, for the Catchment: an instant, or a wall-clock time of the zone ``tz``
    where the text has no offset. Which instant that is, the Catchment decides.

    Raises:
        BadInputError: the text is none of these.
    """
    zone = zone_of("" if tz == "UTC" else tz)
    if zone is None or zone is UTC:
        return to_text(parse(text, today=today))
    there = None if today is None else wall_clock(today, zone).replace(tzinfo=UTC)
    at = parse(text, today=there)
    has_offset = bool(_DATE.match(text.strip()) and datetime.fromisoformat(text.strip()).tzinfo)
    return to_text(at) if has_offset else at.replace(tzinfo=None).isoformat(timespec="seconds")


def ago(text: str, *, now: Instant) -> Instant:
    """``30m``, ``2d`` and ``2h ago`` count back from ``now``. The rest is as ``parse`` reads it; a
    time is today's.

    Raises:
        BadInputError: the text is none of these.
    """
    words = text.strip().lower().removesuffix(" ago").rstrip()
    if _DURATION.fullmatch(words):
        return now - durations.parse(words)
    try:
        return parse(text, today=now)
    except BadInputError as error:
        raise BadInputError(
            error.message,
            hint=f"Write how long ago (30m, 2d), {_A_TIME}{_A_DATE}",
        ) from error


def option(name: str, text: str | None, *, now: Instant) -> str | None:
    """The instant of the past that an option names, for the Catchment. None: it was not given.

    Raises:
        BadInputError: the text is none, or lies in the future.
    """
    if text is None:
        return None
    try:
        at = ago(text, now=now)
    except BadInputError as error:
        raise BadInputError(f"{name}: {error.message}", hint=error.hint) from error
    if at > now:
        raise BadInputError(
            f"{name}: {to_text(at)[:19]}Z is still to come; it is {to_text(now)[:19]}Z.",
            hint="Times are UTC, and of today. Give the date if it was not today.",
        )
    return to_text(at)
