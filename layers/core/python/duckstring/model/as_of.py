"""Which snapshot of a line holds as of an instant, and the newest instant that many lines share.

A snapshot holds from its freshness until that of the next one. The newest holds until the line's
own freshness, which a pass moves on. Rules: docs/query.md, "One freshness".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line

_FEW = 3
"""Snapshots that are looked at first. Most questions are about one of them."""
_DAY = timedelta(days=1)
_CLOCKS = timedelta(minutes=5)
"""The sweep's clock may be ahead."""


class Kept(NamedTuple):
    """A snapshot that is kept: its number, and its freshness."""

    number: int
    f: Instant


class Span(NamedTuple):
    """From when until when a line's snapshots hold, of those that are kept for sure. Both ends
    belong to it.
    """

    line: Line
    oldest: Instant
    until: Instant


Look = Callable[[int, int], Sequence[Kept]]
"""``(below, most)``: the last kept snapshots with smaller numbers, newest first."""


def holding(look: Look, published: int, f: Instant, *, dropped: int) -> Kept | None:
    """The snapshot of a line that holds as of ``f``. ``published`` is the number of its newest.

    Only snapshots behind ``dropped`` count. Of older ones the sweep keeps some that are pinned, and
    between two of these others may have been.

    Args:
        look: how to find snapshots.
        published: the number of the newest snapshot.
        f: no later than the line's own freshness.
        dropped: the greatest number of a snapshot that the sweep has deleted.

    Returns:
        None: it is no longer kept, or there was none yet.
    """
    last = look(published + 1, _FEW)
    for kept in last:
        if kept.f <= f:
            return kept if kept.number > dropped else None
    if len(last) < _FEW:
        return None
    return _around(look, last[-1], f, dropped)[0]


def oldest(look: Look, published: int, *, dropped: int) -> Kept:
    """The oldest snapshot of a line behind those that the sweep has deleted."""
    last = look(published + 1, _FEW)
    sure = [kept for kept in last if kept.number > dropped]
    if len(sure) < len(last) or len(last) < _FEW:
        return sure[-1]
    return _around(look, last[-1], NEVER, dropped)[1]


def dropped_before(look: Look, published: int, *, now: Instant) -> int:
    """What ``dropped`` is at most where the sweep has not recorded it.

    The release before did not. It kept the last three, and all whose freshness was younger than a
    day.
    """
    last = look(published + 1, _FEW)
    sure = now - _DAY + _CLOCKS
    if len(last) == _FEW and last[-1].f >= sure:
        return _around(look, last[-1], sure - timedelta(microseconds=1), 0)[1].number - 1
    return last[-1].number - 1 if last else 0


def _around(look: Look, newer: Kept, f: Instant, low: int) -> tuple[Kept | None, Kept]:
    """The snapshot that holds as of ``f``, and the one after it, of those behind the number
    ``low``, where ``newer`` is newer than ``f``. Takes steps as the number of binary digits of the
    snapshot's number.
    """
    found: Kept | None = None
    while low < newer.number - 1:
        middle = (low + newer.number) // 2
        seen = look(middle + 1, 1)
        if not seen or seen[0].number <= low:
            low = middle
        elif seen[0].f <= f:
            found, low = seen[0], middle
        else:
            newer = seen[0]
    return found, newer


def newest_common(spans: Sequence[Span]) -> Instant | None:
    """The newest instant as of which each line has a snapshot. None: there is no such instant."""
    until = min(span.until for span in spans)
    return until if all(span.oldest <= until for span in spans) else None


def odd_one(spans: Sequence[Span]) -> tuple[Span, Instant | None]:
    """The line without which the others have the newest common instant, and that instant. None:
    they have none without any one line.
    """
    without = [
        (span, newest_common([other for other in spans if other is not span])) for span in spans
    ]
    able = [(span, f) for span, f in without if f is not None]
    if not able:
        return min(spans, key=lambda span: (span.until, span.line)), None
    return max(able, key=lambda found: (found[1], found[0].line))
