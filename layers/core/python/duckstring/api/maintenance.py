"""Maintenance: new runs are held in the whole Catchment, what runs is finished, and what is asked
for is kept. Rules: docs/engine.md, "Maintenance".

The hold is one item, written first. Then every deployed line gets a letter. A deploy reads the item
after its lines are in the catalog, and this reads the catalog after the item is written. So a line
that is deployed meanwhile gets the letter from at least one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from duckstring.api.ports import ApiPorts
from duckstring.api.post import post_all_and_wait
from duckstring.api.requests import MaintenanceRequest
from duckstring.api.status import hold_told, in_flight
from duckstring.engine.letters import hold_signal
from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError
from duckstring.model.instants import just_after
from duckstring.model.names import Line
from duckstring.model.said import Hold

if TYPE_CHECKING:
    from duckstring.model.answers.operated import MaintenanceAnswer
    from duckstring.model.answers.status import RunningRun


def maintenance(asked: MaintenanceRequest, ports: ApiPorts) -> MaintenanceAnswer:
    """Hold new runs, let them start again, or only say what is so, and what runs.

    Raises:
        StateConflictError: somebody else did the same at the same time.
    """
    hold = ports.operated.hold()
    if asked.action != "status" and hold.on != (asked.action == "on"):
        hold = _set(hold, ports, on=asked.action == "on")
    lines = sorted(ports.catalog.releases())
    states = _states(lines, ports)
    untold = [line for line in lines if states[line].hold.on != hold.on]
    if asked.action != "status" and untold:
        posted = post_all_and_wait(
            dict.fromkeys(untold, hold_signal(hold)),
            mailbox=ports.mailbox,
            states=ports.states,
            clock=ports.clock,
        )
        states |= {line: held.state for line, held in posted.items()}
        untold = [line for line in untold if states[line].hold.on != hold.on]
    return _answer(hold, states, untold)


def _set(before: Hold, ports: ApiPorts, *, on: bool) -> Hold:
    """The clock may be behind that of who set it last."""
    said = ports.said
    hold = Hold(max(said.at, just_after(before.at)), on, said.by, said.note)
    if not ports.operated.set_hold(hold):
        raise StateConflictError(
            "Somebody else switched maintenance at the same time.",
            hint="Look: duckstring maintenance status",
        )
    return hold


def _states(lines: Collection[Line], ports: ApiPorts) -> dict[Line, PondState]:
    seen = ports.states.read(lines)
    return {line: seen[line].state if line in seen else PondState(line) for line in lines}


def _answer(
    hold: Hold, states: Mapping[Line, PondState], untold: Sequence[Line]
) -> MaintenanceAnswer:
    return {
        "on": hold.on,
        "hold": hold_told(hold) if hold.on else None,
        "lines": len(states),
        "not_received": list(untold),
        "runs": list(_runs(states)),
        "waiting": [line for line, state in states.items() if hold.on and _is_wanted(state)],
    }


def _runs(states: Mapping[Line, PondState]) -> Iterator[RunningRun]:
    """A failed run is over as soon as its last attempt is: that is waited for, too."""
    for state in states.values():
        for _, run in sorted(state.runs.items()):
            yield in_flight(state, run, {})


def _is_wanted(state: PondState) -> bool:
    """Whether something is asked for that no run in flight does."""
    return state.force or state.woken is not None or bool(state.targets) or state.pull is not None
