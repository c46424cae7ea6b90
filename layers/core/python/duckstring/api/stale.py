"""How old a line's data may be: declaring a bound, and telling the one that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckstring.api.ports import ControlPorts
from duckstring.api.post import Posted, post_and_wait
from duckstring.api.requests import StaleRequest
from duckstring.engine.signals import StaleBoundSet
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model.find import find_deployed
from duckstring.model.instants import Instant, to_text
from duckstring.model.staleness import HINT, StaleBound, due, in_words, read
from duckstring.model.weekdays import WEEKDAYS

if TYPE_CHECKING:
    from duckstring.model.answers.changes import StaleAnswer
    from duckstring.model.answers.status import BoundTold


def stale(asked: StaleRequest, ports: ControlPorts) -> StaleAnswer:
    """Declare a line's bound, or give it back to the Tide, and wait until the line has received
    that. ``show`` only tells it.

    Raises:
        OperatorError: no such Pond, or the bound is at fault.
    """
    bound = _wanted(asked)
    line = find_deployed(ports.catalog, asked.pond, asked.major).line
    seen = ports.states.read([line]).get(line)
    posted = Posted(seen.state if seen else PondState(line), applied=True)
    if asked.action != "show" and posted.state.stale_bound != bound:
        posted = post_and_wait(
            line,
            StaleBoundSet(bound),
            mailbox=ports.mailbox,
            states=ports.states,
            clock=ports.clock,
        )
    told = describe(posted.state, ports.clock.now())
    return {"line": line, "bound": told, "applied": posted.applied}


def _wanted(asked: StaleRequest) -> StaleBound | None:
    if asked.action == "set":
        if asked.bound is None:
            raise OperatorError("bound is missing.", hint=HINT)
        return read(asked.bound)
    if asked.bound is not None:
        raise OperatorError(f"bound with action {asked.action}; allowed: with set.", hint=HINT)
    return None


def describe(state: PondState, now: Instant) -> BoundTold | None:
    """BoundTold of docs/protocol.md; None: no bound counts."""
    watch, declared = state.watch, state.stale_bound
    bound = watch.bound if watch is not None else declared
    if bound is None:
        return None
    at = due(watch, state.end_f, state.delay, now) if watch and not watch.is_stale else None
    return {
        "words": in_words(bound),
        "within": bound.within.total_seconds() or None,
        "at": bound.at or None,
        "tz": bound.tz or None,
        "on": [day for day in WEEKDAYS if day in bound.on],
        "declared": declared is not None,
        "stale": to_text(watch.stale) if watch and watch.is_stale else None,
        "due": to_text(at) if at is not None else None,
    }
