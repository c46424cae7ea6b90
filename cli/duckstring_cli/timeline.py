"""When each attempt of a run was at work, as bars over one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from duckstring_cli import durations, render

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow, RunRow

LEAST = 16
"""Columns of a terminal, below which bars tell nothing."""
_MOST = 40


class Timeline(NamedTuple):
    """``scale`` has the first and the last moment; each bar is as wide. A bar is empty where an
    attempt never began.
    """

    scale: str
    bars: Sequence[str]


def timeline(run: RunRow, attempts: Sequence[AttemptRow], now: str, room: int) -> Timeline | None:
    """The bars of attempts, in their order, from the run's begin to its end, or to ``now``, an
    instant as text, while it runs. None: there is too little room, or nothing took time.
    """
    width = min(room, _MOST)
    ends = [attempt["finished"] or now for attempt in attempts if attempt["started"]]
    last = max([run["finished"] or now, *ends])
    whole = render.between(run["started"], last)
    if width < LEAST or not whole or whole <= 0:
        return None
    took = durations.brief(whole)
    scale = f"0s{took:>{width - 2}}"
    return Timeline(scale, [_bar(run, attempt, now, width / whole, width) for attempt in attempts])


def _bar(run: RunRow, attempt: AttemptRow, now: str, per_second: float, width: int) -> str:
    began = render.between(run["started"], attempt["started"])
    ended = render.between(run["started"], attempt["finished"] or now)
    if began is None or ended is None:
        return ""
    # Clocks of workers differ a little from the orchestrator's.
    first = min(max(int(began * per_second), 0), width - 1)
    last = min(max(round(ended * per_second), first + 1), width)
    return f"{' ' * first}{'█' * (last - first)}"
