"""How far Outlets are from the bounds of their data, as of one sweep: what the dashboard draws.

The sweep has all states at hand, and looks every five minutes. So it is known of an Outlet that
nothing runs, too, and any number of Outlets makes a few log lines, and no metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from duckstring.engine.state import PondState
from duckstring.model.instants import NEVER, Instant
from duckstring.model.staleness import due, in_words
from duckstring.ports import Seen

MOST_TOLD = 20
"""Outlets with a log line of their own: those with the least time left."""

Fields = Mapping[str, object]


def look(seen: Iterable[Seen], now: Instant) -> list[Fields]:
    """The fields of log lines, those first that are closest to their bound or furthest past it.

    The first line counts: ``outlets`` that have a bound, how many are ``past`` it, and the worst
    one's ``late_seconds`` (0: none is late). Each other line is an Outlet: ``left_seconds`` to its
    bound, below 0 if it has passed; ``lag_seconds``, the age of its data, if it has ever run.
    Nothing, if no Outlet has a bound.
    """
    found = sorted(_told(seen, now), key=lambda one: (one[0], str(one[1]["line"])))
    if not found:
        return []
    late = [left for left, _ in found if left < 0]
    counted = {
        "outlets": len(found),
        "past": len(late),
        "late_seconds": round(-min(late), 1) if late else 0.0,
    }
    return [counted, *(fields for _, fields in found[:MOST_TOLD])]


def _told(seen: Iterable[Seen], now: Instant) -> Iterator[tuple[float, Fields]]:
    for held in seen:
        state = held.state
        at = _passes(state, now)
        if at is None or state.release is None or state.release.kind != "outlet":
            continue
        left = (at - now).total_seconds()
        fields = {"line": state.line, "left_seconds": round(left, 1)}
        yield left, {**fields, **_lag(state, now), **_bound(state)}


def _passes(state: PondState, now: Instant) -> Instant | None:
    """When the data passes its bound, or has. None: never, or there is no bound."""
    watch = state.watch
    if watch is None:
        return None
    return watch.stale if watch.is_stale else due(watch, state.end_f, state.delay, now)


def _lag(state: PondState, now: Instant) -> Mapping[str, object]:
    if state.end_f == NEVER:
        return {}
    return {"lag_seconds": round((now + state.delay - state.end_f).total_seconds(), 1)}


def _bound(state: PondState) -> Mapping[str, object]:
    return {"bound": in_words(state.watch.bound)} if state.watch else {}
