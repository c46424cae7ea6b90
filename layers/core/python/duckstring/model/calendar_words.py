"""Calendar rules of Windows in words, for people."""

from __future__ import annotations

from duckstring.model import cron
from duckstring.model.durations import duration_in_words
from duckstring.model.instants import Instant
from duckstring.model.weekdays import WEEKDAYS
from duckstring.model.windows import Window, minute_in_words
from duckstring.model.zones import wall_clock, zone_of


def calendar_in_words(window: Window) -> str:
    """``every 1d from 2030-01-01 02:00 Europe/Berlin for 3h, on MON``; ``0 6 1 * * Europe/Berlin
    (at 06:00 on the first day of every month) for 3h, from 2030-01-01``.
    """
    if window.cron:
        meant = f" ({cron.explained(window.cron)})" if cron.is_cron(window.cron) else ""
        begun = _moment(window.start, window.tz).removesuffix(f" 00:00 {window.tz or 'UTC'}")
        rule = f"{window.cron} {window.tz or 'UTC'}{meant} {_length(window)}, from {begun}"
    else:
        begun = _moment(window.start, window.tz)
        rule = f"every {duration_in_words(window.every)} from {begun} {_length(window)}"
    days = [day for day in WEEKDAYS if day in window.on]
    return ", ".join(
        [
            rule,
            *([f"on {', '.join(days)}"] if days else []),
            *([f"until {_moment(window.until, window.tz)}"] if window.until else []),
        ]
    )


def _length(window: Window) -> str:
    if not window.duration:
        return "until the next opening"
    return f"for {duration_in_words(window.duration)}"


def _moment(at: Instant, tz: str) -> str:
    """``2030-01-01 02:00 Europe/Berlin``; in UTC where there is no such zone."""
    zone = zone_of(tz) if tz else None
    if zone is None:
        return minute_in_words(at)
    wall = wall_clock(at, zone)
    exact = f"{wall:%H:%M:%S}" if wall.second or wall.microsecond else f"{wall:%H:%M}"
    return f"{wall:%Y-%m-%d} {exact} {tz}"
