"""Objects that arrive for a line: each is counted, kept under its number, and asks for a run.

A line's letters come one after the other, so its numbers have no gap, and a Ripple that has taken a
number has been given all before it. How far a Ripple has taken them is one of its positions: it is
published, or lost, with the tables that the Ripple has made of them. Rules: docs/engine.md,
"Arrivals".
"""

from __future__ import annotations

from collections.abc import Iterable

from duckstring.engine.demand import take_pull, take_target
from duckstring.engine.effects import KeepArrival
from duckstring.engine.signals import ObjectArrived
from duckstring.engine.state import PondState, Run
from duckstring.engine.turn import Turn
from duckstring.engine.visible import arrivals_begin
from duckstring.model.arrivals import ARRIVALS, number_at
from duckstring.model.instants import Instant, just_after
from duckstring.model.said import Said, bounded


def take_arrival(turn: Turn, arrived: ObjectArrived) -> None:
    """Keep the object, if the line is an Inlet, and ask for a run by the rule's trigger.

    A run in flight was not given the object, whenever the event came in. So what is asked for is
    newer than that run.
    """
    epoch = arrived.epoch
    if turn.is_inlet:
        turn.arrived += 1
        turn.emit(KeepArrival(turn.arrived, arrived.found, turn.now))
        epoch = _beyond(turn)
    found = arrived.found
    turn.note(arrived.kind, bounded(Said(epoch, f"arrival of s3://{found.bucket}/{found.key}")))
    if arrived.kind == "pulse":
        take_target(turn, epoch)
    else:
        take_pull(turn, epoch, turn.end_f, is_starving=True, reissued_at=epoch, own=True)


def ask_for_rest(turn: Turn, done: Iterable[Run]) -> None:
    """Ask for another run where a Ripple of these runs, which are published, has taken arrivals and
    left some: more had come than one attempt is given, or came while it ran.
    """
    takers = {name for run in done for name, held in run.positions.items() if ARRIVALS in held}
    taken = [number_at(turn.positions[name][ARRIVALS]) for name in takers]
    if turn.asleep or min(taken, default=turn.arrived) >= turn.arrived:
        return
    if all(run.failure is not None or run.arrived < turn.arrived for run in turn.runs.values()):
        take_target(turn, _beyond(turn))


def _beyond(turn: Turn) -> Instant:
    """An epoch that no run has, and that no run in flight began to read after."""
    started = (run.started for run in turn.runs.values())
    return max(turn.now, just_after(max([turn.start_f, *started])))


def waiting(state: PondState) -> int:
    """How many objects wait for the Ripple that is furthest behind, of those that have ever taken
    some; where none has, how many have come.
    """
    taken = taken_by_all(state)
    return state.arrived - (arrivals_begin(state) if taken is None else taken)


def taken_by_all(state: PondState) -> int | None:
    """The number up to which all Ripples have taken the objects, of those that have ever taken
    some. None: none has.
    """
    taken = (held.get(ARRIVALS) for held in state.positions.values())
    return min((number_at(one) for one in taken if one), default=None)
