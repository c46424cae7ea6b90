"""Durations as people write them: ``30s``, ``90m``, ``1d``, ``1h30m``."""

from __future__ import annotations

import re
from datetime import timedelta

from duckstring.model.durations import UNITS, duration_in_words, seconds_of
from duckstring_cli.errors import BadInputError

_IN_ORDER = re.compile(r"(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?")
_LONGEST = 3_650 * 86_400
_WITHOUT_TENTHS = 10
"""Seconds: tenths matter only where the whole is small."""
_HINT = "Write it as 30s, 90m, 1d or 1h30m: days, hours, minutes, seconds, in this order."


def parse(text: str) -> timedelta:
    """``parse("1h30m") == timedelta(minutes=90)``.

    Raises:
        BadInputError: the text is not a duration, is zero, or is longer than ten years.
    """
    written = text.strip().lower()
    if not written or not _IN_ORDER.fullmatch(written):
        raise BadInputError(f"{text!r} is not a duration.", hint=_HINT)
    seconds = seconds_of(written) or 0
    if not 0 < seconds <= _LONGEST:
        raise BadInputError(
            f"{text!r} is out of range: a duration is more than 0s and at most 3650d.", hint=_HINT
        )
    return timedelta(seconds=seconds)


def exact(seconds: float) -> str:
    """The shortest text that ``parse`` reads back: ``1h30m``. Fractions of a second are dropped."""
    return duration_in_words(timedelta(seconds=int(seconds)))


def brief(seconds: float | None) -> str:
    """For reading, two units at most: ``0.4s``, ``12s``, ``4m12s``, ``2h05m``, ``3d4h``;
    ``never`` for None.
    """
    if seconds is None:
        return "never"
    if seconds < _WITHOUT_TENTHS:
        return f"{max(seconds, 0):.1f}s"
    whole = int(seconds)
    if whole < UNITS["m"]:
        return f"{whole}s"
    if whole < UNITS["h"]:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < UNITS["d"]:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"


def ahead(seconds: float | None) -> str:
    """How far off something is, in whole seconds and two units at most: ``9s``, ``4m12s``,
    ``3h``, ``2h05m``.
    """
    left = max(int(seconds or 0), 0)
    return brief(left) if left % UNITS["h"] and left >= _WITHOUT_TENTHS else exact(left)


def age(seconds: float | None) -> str:
    """How old something is, in whole units: ``3s``, ``4m``, ``2h05m``, ``3d4h``; ``never`` for
    None.
    """
    if seconds is None:
        return "never"
    if seconds < UNITS["m"]:
        return f"{int(max(seconds, 0))}s"
    return f"{int(seconds) // 60}m" if seconds < UNITS["h"] else brief(seconds)
