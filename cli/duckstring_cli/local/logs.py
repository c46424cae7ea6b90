"""Pages of a log group's lines, by time. ``patches/logs.py`` has the emulator answer with them.

Standard library only: part of the server.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

_PAGE = 10_000

Event = dict[str, Any]
Position = tuple[int, int]
"""A time in milliseconds, and how many lines of that time were looked at already."""


def page(
    streams: Mapping[str, list[Event]],
    fits: Callable[[str], bool],
    asked: Mapping[str, Any],
    at: Position,
) -> tuple[list[Event], str]:
    """The next lines that fit, by time, and the token of those after them; empty: there are none.

    Args:
        streams: the lines of each stream, by time.
        fits: whether a line is wanted.
        asked: ``startTime`` and ``endTime`` (epoch milliseconds, both included) and ``limit``,
            where they are given.
        at: where the page before ended.
    """
    limit = max(1, min(int(asked.get("limit") or _PAGE), _PAGE))
    since, seen = at
    first = max(since, asked.get("startTime") or 0)
    merged = _merged(streams, first, asked.get("endTime"))
    # A start that is later than where the page ended has nothing to pass over.
    since, seen = (since, seen) if since >= first else (first, 0)
    found: list[Event] = []
    for event in islice(merged, seen, None):
        if len(found) == limit:
            return found, f"{since}.{seen}"
        since, seen = (since, seen + 1) if event["timestamp"] == since else (event["timestamp"], 1)
        if fits(event.get("message", "")):
            found.append(event)
    return found, ""


def read_token(token: str) -> Position:
    """Where a page ended.

    Raises:
        ValueError: it is not such a token.
    """
    if not token:
        return 0, 0
    since, seen = token.split(".")
    return int(since), int(seen)


def _merged(streams: Mapping[str, list[Event]], first: int, last: int | None) -> Iterable[Event]:
    ranges = [_within(name, events, first, last) for name, events in streams.items()]
    return heapq.merge(
        *ranges, key=lambda event: (event["timestamp"], event.get("ingestionTime", 0))
    )


def _within(name: str, events: list[Event], first: int, last: int | None) -> Iterator[Event]:
    start = bisect_left(events, first, key=_at)
    end = len(events) if last is None else bisect_right(events, last, key=_at)
    for number in range(start, end):
        yield {**events[number], "logStreamName": name}


def _at(event: Event) -> int:
    return int(event["timestamp"])
