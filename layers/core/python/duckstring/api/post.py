"""Post an operator's signals to lines, and wait until the lines have received them, so that a later
read shows the result.
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


class Posted(NamedTuple):
    """The line's state after it received the letter, or as last read if it has not received it in
    time (``applied`` False).
    """

    state: PondState
    applied: bool


def post_and_wait(
    line: Line, signal: Signal, *, mailbox: Mailbox, states: StateReader, clock: Clock
) -> Posted:
    """Post ``signal`` to ``line`` and wait until the line has consumed it, ``PATIENCE`` at most.

    The letter is not lost when the time is up: the line processes it as soon as it can.
    """
    return post_all_and_wait({line: signal}, mailbox=mailbox, states=states, clock=clock)[line]


def post_all_and_wait(
    orders: Mapping[Line, Signal], *, mailbox: Mailbox, states: StateReader, clock: Clock
) -> Mapping[Line, Posted]:
    """As ``post_and_wait``, for many lines: all letters are posted before any is waited for."""
    began = clock.now()
    letters = [
        Letter(line, signal, f"{line}:{type(signal).__name__}:{to_text(began)}")
        for line, signal in orders.items()
    ]
    sequences = dict(zip(orders, mailbox.send(letters), strict=True))
    return _await(sequences, until=began + PATIENCE, states=states, clock=clock)


def _await(
    sequences: Mapping[Line, str], *, until: Instant, states: StateReader, clock: Clock
) -> Mapping[Line, Posted]:
    look = _FIRST_LOOK
    posted = {line: Posted(PondState(line), applied=False) for line in sequences}
    while True:
        open_lines = [line for line, held in posted.items() if not held.applied]
        posted |= {
            line: _posted(seen, sequences[line]) for line, seen in states.read(open_lines).items()
        }
        if all(held.applied for held in posted.values()) or clock.now() + look >= until:
            return posted
        clock.wait(look)
        look = min(look * 2, _LONGEST_LOOK)


def _posted(seen: Seen, sequence: str) -> Posted:
    return Posted(seen.state, applied=int(seen.mark[1] or 0) >= int(sequence))
