"""Telling a line what an operator did, and waiting until it has heard: what is read afterwards shows it."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from duckstring.engine.signals import Signal
from duckstring.engine.state import PondState
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.ports import Clock, Letter, Mailbox, StateReader

PATIENCE = timedelta(seconds=10)
_FIRST_LOOK = timedelta(milliseconds=20)
_LONGEST_LOOK = timedelta(milliseconds=500)


class Told(NamedTuple):
    """The line's state after it heard, or as it was last seen where it has not heard in time (``applied`` False)."""

    state: PondState
    applied: bool


def tell(line: Line, signal: Signal, *, mailbox: Mailbox, states: StateReader, clock: Clock) -> Told:
    """Post ``signal`` to ``line`` and wait until the line has consumed it, ``PATIENCE`` at most.

    The letter is not lost when the time is up: the line hears it as soon as it can.
    """
    began = clock.now()
    key = f"{line}:{type(signal).__name__}:{to_text(began)}"
    (sequence,) = mailbox.send([Letter(line, signal, key)])
    return _await(line, sequence, until=began + PATIENCE, states=states, clock=clock)


def _await(line: Line, sequence: str, *, until: Instant, states: StateReader, clock: Clock) -> Told:
    look = _FIRST_LOOK
    while True:
        seen = states.read([line]).get(line)
        if seen is not None and int(seen.mark[1] or 0) >= int(sequence):
            return Told(seen.state, applied=True)
        if clock.now() + look >= until:
            return Told(seen.state if seen else PondState(line), applied=False)
        clock.wait(look)
        look = min(look * 2, _LONGEST_LOOK)
