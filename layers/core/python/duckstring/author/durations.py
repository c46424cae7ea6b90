"""Durations as authors write them: ``90s``, ``30m``, ``2h``, ``1h30m``."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(?:\d{1,9}[smhd])+")

HINT = 'Write it as "90s", "30m", "2h" or "1h30m".'


def seconds_of(text: object) -> int | None:
    """``seconds_of("1h30m") == 5400``; None: it is no duration, or none over zero."""
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        return None
    return (
        sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))
        or None
    )
