"""Whether a line's data is too old: announced once when it has become so, and once when it is over.
Rules: docs/engine.md, "Staleness".

This changes nothing else: it starts no run and asks nobody.
"""

from __future__ import annotations

from duckstring.engine.effects import Announce
from duckstring.engine.state import Tide
from duckstring.engine.turn import Turn
from duckstring.model.instants import NEVER, Instant
from duckstring.model.staleness import StaleBound, Watch, due, in_words, of_tide
from duckstring.model.values import replace


def look(turn: Turn) -> None:
    """Judge the data as it is after a step, and announce what has changed."""
    bound = counting(turn)
    if bound is None or bound.is_none:
        end(turn)
        return
    declared, watch = turn.stale_bound is not None, turn.watch
    if watch is None or (watch.bound, watch.declared) != (bound, declared):
        watch = Watch(bound, turn.now, declared, watch.stale if watch else NEVER)
    at = due(watch, turn.end_f, turn.delay, turn.now)
    is_stale = at is not None and at <= turn.now
    if at is not None and is_stale and not watch.is_stale:
        watch = replace(watch, stale=at)
        reason = f"{turn.line} has passed its bound: {in_words(bound)}"
        turn.emit(Announce("stale", turn.health, turn.end_f, reason=reason))
    elif not is_stale and watch.is_stale:
        watch = replace(watch, stale=NEVER)
        turn.emit(Announce("fresh", "stale", turn.end_f))
    turn.watch = watch


def end(turn: Turn) -> None:
    """Nothing counts any more. An episode that was announced is over."""
    watch, turn.watch = turn.watch, None
    if watch is not None and watch.is_stale:
        turn.emit(Announce("fresh", "stale", turn.end_f, reason="its bound is gone"))


def counting(turn: Turn) -> StaleBound | None:
    """The bound that counts: the declared one, or else the Tide's. None: there is none."""
    if turn.release is None:
        return None
    if turn.stale_bound is not None:
        return turn.stale_bound
    return of_tide(turn.trigger.bound) if isinstance(turn.trigger, Tide) else None


def stale_due(turn: Turn) -> Instant | None:
    """When the data will be too old, as things are. None: never, or it is already."""
    watch = turn.watch
    if watch is None or watch.is_stale:
        return None
    return due(watch, turn.end_f, turn.delay, turn.now)
