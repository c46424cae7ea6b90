"""The operator's setting of where a line's Ripples run, and what the line has learnt by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckstring.api.ports import ControlPorts
from duckstring.api.post import Posted, post_and_wait
from duckstring.api.requests import ComputeRequest
from duckstring.api.status import runs_on
from duckstring.engine.signals import ComputePinned
from duckstring.engine.state import PondState, RippleState
from duckstring.errors import OperatorError, nearest
from duckstring.model.catalog import Release
from duckstring.model.compute import FunctionSize, size_for
from duckstring.model.find import find_deployed
from duckstring.model.values import replace

if TYPE_CHECKING:
    from duckstring.model.answers.changes import ComputeAnswer, ComputeRow


def compute(asked: ComputeRequest, ports: ControlPorts, *, function: FunctionSize) -> ComputeAnswer:
    """Pin a Ripple to a place, or take that back; and show where each of the line's Ripples runs
    from its next attempt on.

    Raises:
        OperatorError: no such Pond or Ripple, or a size where there is none.
    """
    release = find_deployed(ports.catalog, asked.pond, asked.major)
    word = _word(asked, release)
    seen = ports.states.read([release.line]).get(release.line)
    posted = Posted(seen.state if seen else PondState(release.line), applied=True)
    if word is not None:
        posted = post_and_wait(
            release.line, word, mailbox=ports.mailbox, states=ports.states, clock=ports.clock
        )
    return {
        "line": release.line,
        "function": {"memory_mib": function.memory_mib, "seconds": function.seconds},
        "ripples": _ripples(posted.state, release),
        "applied": posted.applied,
    }


def _word(asked: ComputeRequest, release: Release) -> ComputePinned | None:
    names = [spec.name for spec in release.ripples]
    if asked.ripple is not None and asked.ripple not in names:
        raise OperatorError(
            f"{release.line} has no Ripple {asked.ripple!r}; it has {', '.join(names)}.",
            hint=nearest(asked.ripple, names),
        )
    if asked.on is None:
        if asked.memory_mib is not None:
            raise OperatorError("memory_mib without on; it goes with on: task.")
        return None
    if asked.ripple is None and len(names) > 1:
        raise OperatorError(
            f"{release.line} has {len(names)} Ripples: {', '.join(names)}.", hint="Say which one."
        )
    if asked.memory_mib is not None and asked.on != "task":
        raise OperatorError(
            f"memory_mib with on: {asked.on}; only a task has a size of its own.",
            hint="The function's is the Catchment's.",
        )
    return ComputePinned(asked.ripple or names[0], asked.on, asked.memory_mib or 0)


def _ripples(state: PondState, release: Release) -> list[ComputeRow]:
    """The Ripples of the selected version, even if the line has not taken it up yet."""
    state = replace(state, release=release)
    return [
        _ripple(state, state.ripples.get(spec.name) or RippleState(spec.name))
        for spec in release.ripples
    ]


def _ripple(state: PondState, ripple: RippleState) -> ComputeRow:
    place = runs_on(state, ripple)
    mib = place["task_mib"]
    pin = state.compute.get(ripple.name)
    return {
        "name": ripple.name,
        **place,
        "cpu_units": size_for(mib).cpu_units if mib else 0,
        "learnt_mib": ripple.task_mib,
        "pin": {"on": pin.on, "memory_mib": pin.memory_mib} if pin else None,
    }
