"""Durations as people write and read them: ``90s``, ``30m``, ``1h30m``, ``3d``."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Seconds, the longest unit first."""
HINT = 'Write it as "90s", "30m", "2h" or "1h30m".'

_DURATION = re.compile(r"(?:[0-9]{1,9}[smhd])+", re.ASCII)


def seconds_of(text: object) -> int | None:
    """``seconds_of("1h30m") == 5400``.

    Args:
        text: whole numbers, each with one of ``UNITS``.

    Returns:
        Seconds; None where the text is not a duration, or one of zero.
    """
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        return None
    parts = re.findall(r"([0-9]+)([smhd])", text)
    return sum(int(number) * UNITS[unit] for number, unit in parts) or None


def duration_in_words(duration: timedelta) -> str:
    """The shortest text that people read and write: ``1h30m``, ``3d``, ``1.5s``.

    Zero is ``0s``. Whole seconds are read back by ``seconds_of``.
    """
    seconds, rest = divmod(duration, timedelta(seconds=1))
    text = ""
    for unit, size in UNITS.items():
        if unit != "s":
            count, seconds = divmod(seconds, size)
            text += f"{count}{unit}" if count else ""
    fraction = f".{rest.microseconds:06}".rstrip("0") if rest else ""
    return f"{text}{seconds}{fraction}s" if seconds or fraction or not text else text
