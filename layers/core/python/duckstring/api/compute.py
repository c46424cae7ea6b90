"""An operator's word on where the Ripples of a line run, and what the line has found out by
itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, get_args

from duckstring.api.ports import ControlPorts
from duckstring.api.status import runs_on
from duckstring.api.tell import Told, tell
from duckstring.engine.signals import ComputePinned
from duckstring.engine.state import PondState, RippleState
from duckstring.errors import OperatorError, nearest
from duckstring.model.catalog import Release
from duckstring.model.compute import LEAST_MIB, MOST_MIB, FunctionSize, PinnedPlace, size_for
from duckstring.model.find import find_deployed

PLACES: tuple[PinnedPlace, ...] = get_args(PinnedPlace)
Json = dict[str, object]


class Wish(NamedTuple):
    """What an operator wants; without ``on`` only to see. ``ripple`` may be left out where there
    is one.
    """

    ripple: str | None = None
    on: str | None = None
    memory_mib: int | None = None


def compute(
    pond: str, wish: Wish, ports: ControlPorts, *, function: FunctionSize, major: int | None = None
) -> Json:
    """Pin a Ripple to a place, or take that back; and show where each of the line's Ripples runs
    from its next attempt on.

    Raises:
        OperatorError: no such Pond or Ripple, or a place that nothing has.
    """
    release = find_deployed(ports.catalog, pond, major)
    word = _word(wish, release)
    seen = ports.states.read([release.line]).get(release.line)
    told = Told(seen.state if seen else PondState(release.line), applied=True)
    if word is not None:
        told = tell(
            release.line, word, mailbox=ports.mailbox, states=ports.states, clock=ports.clock
        )
    return {
        "line": release.line,
        "function": {"memory_mib": function.memory_mib, "seconds": function.seconds},
        "ripples": _ripples(told.state, release),
        "applied": told.applied,
    }


def _word(wish: Wish, release: Release) -> ComputePinned | None:
    names = [spec.name for spec in release.ripples]
    if wish.ripple is not None and wish.ripple not in names:
        raise OperatorError(
            f"{release.line} has no Ripple {wish.ripple!r}; it has {', '.join(names)}.",
            hint=nearest(wish.ripple, names),
        )
    if wish.on is None:
        if wish.memory_mib is not None:
            raise OperatorError("memory_mib without on; it goes with on: task.")
        return None
    on = next((place for place in PLACES if place == wish.on), None)
    if on is None:
        raise OperatorError(f"on is {wish.on!r}; allowed: {', '.join(PLACES)}.")
    if wish.ripple is None and len(names) > 1:
        raise OperatorError(
            f"{release.line} has {len(names)} Ripples: {', '.join(names)}.", hint="Say which one."
        )
    return ComputePinned(wish.ripple or names[0], on, _memory(wish.memory_mib, on))


def _memory(mib: int | None, on: PinnedPlace) -> int:
    if mib is None:
        return 0
    if on != "task":
        raise OperatorError(
            f"memory_mib with on: {on}; only a task has a size of its own.",
            hint="The function's is the Catchment's.",
        )
    if not LEAST_MIB <= mib <= MOST_MIB:
        raise OperatorError(
            f"memory_mib is {mib}; allowed: whole numbers from {LEAST_MIB} to {MOST_MIB}."
        )
    return mib


def _ripples(state: PondState, release: Release) -> list[Json]:
    """Of the version that is selected, also where the line has not taken it up yet."""
    state = replace(state, release=release)
    return [
        _ripple(state, state.ripples.get(spec.name) or RippleState(spec.name))
        for spec in release.ripples
    ]


def _ripple(state: PondState, ripple: RippleState) -> Json:
    place = runs_on(state, ripple)
    mib = int(str(place["task_mib"]))
    pin = state.compute.get(ripple.name)
    return {
        "name": ripple.name,
        **place,
        "cpu_units": size_for(mib).cpu_units if mib else 0,
        "learnt_mib": ripple.task_mib,
        "pin": {"on": pin.on, "memory_mib": pin.memory_mib} if pin else None,
    }
