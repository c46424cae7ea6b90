"""Instants: UTC datetimes with one text form, so that text sorts as time does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

Instant = datetime
"""A UTC datetime, microseconds. The engine never asks a clock for one: ``now`` is passed in."""

NEVER: Instant = datetime(1, 1, 1, tzinfo=UTC)
"""The freshness of what has never run: older than every instant."""

ZERO = timedelta(0)


def just_after(f: Instant) -> Instant:
    """The first instant that is newer."""
    return f + timedelta(microseconds=1)


def to_text(instant: Instant) -> str:
    """Fixed width (27 characters), sortable: ``2030-01-01T12:00:00.000000Z``."""
    return f"{instant.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def from_text(text: str) -> Instant:
    """Read what ``to_text`` wrote (any ISO 8601 instant with an offset will do).

    Raises:
        ValueError: the text is no instant, or has no offset.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(
            f"{text!r} has no time zone; write it in UTC, for example 2030-01-01T12:00:00Z"
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        if instant.year > 1:
            raise ValueError(f"{text!r} lies after the year 9999, in UTC") from None
        return NEVER


def duration_in_words(duration: timedelta) -> str:
    """The shortest text that people read and write: ``1h30m``, ``3d``, ``1.5s``; ``0s`` for
    none.
    """
    seconds, rest = divmod(duration, timedelta(seconds=1))
    text = ""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, seconds = divmod(seconds, size)
        text += f"{count}{unit}" if count else ""
    fraction = f".{rest.microseconds:06}".rstrip("0") if rest else ""
    return f"{text}{seconds}{fraction}s" if seconds or fraction or not text else text
