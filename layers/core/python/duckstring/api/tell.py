"""Telling lines what an operator did, and waiting until they have heard: what is read afterwards
shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from duckstring.engine.letters import Letter
from duckstring.engine.signals import Signal
from duckstring.engine.state import PondState
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.ports import Clock, Mailbox, Seen, StateReader

PATIENCE = timedelta(seconds=10)
_FIRST_LOOK = timedelta(milliseconds=20)
_LONGEST_LOOK = timedelta(milliseconds=500)


class Told(NamedTuple):
    """The line's state after it heard, or as it was last seen where it has not heard in time
    (``applied`` False).
    """

    state: PondState
    applied: bool


def tell(
    line: Line, signal: Signal, *, mailbox: Mailbox, states: StateReader, clock: Clock
) -> Told:
    """Post ``signal`` to ``line`` and wait until the line has consumed it, ``PATIENCE`` at most.

    The letter is not lost when the time is up: the line hears it as soon as it can.
    """
    return tell_all({line: signal}, mailbox=mailbox, states=states, clock=clock)[line]


def tell_all(
    orders: Mapping[Line, Signal], *, mailbox: Mailbox, states: StateReader, clock: Clock
) -> Mapping[Line, Told]:
    """As ``tell``, many lines at once: all are posted before any is waited for."""
    began = clock.now()
    letters = [
        Letter(line, signal, f"{line}:{type(signal).__name__}:{to_text(began)}")
        for line, signal in orders.items()
    ]
    sequences = dict(zip(orders, mailbox.send(letters), strict=True))
    return _await(sequences, until=began + PATIENCE, states=states, clock=clock)


def _await(
    sequences: Mapping[Line, str], *, until: Instant, states: StateReader, clock: Clock
) -> Mapping[Line, Told]:
    look = _FIRST_LOOK
    told = {line: Told(PondState(line), applied=False) for line in sequences}
    while True:
        open_lines = [line for line, held in told.items() if not held.applied]
        told |= {
            line: _heard(seen, sequences[line]) for line, seen in states.read(open_lines).items()
        }
        if all(held.applied for held in told.values()) or clock.now() + look >= until:
            return told
        clock.wait(look)
        look = min(look * 2, _LONGEST_LOOK)


def _heard(seen: Seen, sequence: str) -> Told:
    return Told(seen.state, applied=int(seen.mark[1] or 0) >= int(sequence))
