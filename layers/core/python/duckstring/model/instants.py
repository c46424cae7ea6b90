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
        ValueError: the text is not an instant, or has no offset.
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
