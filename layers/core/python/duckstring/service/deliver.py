"""Deliver letters to one line: load, step, commit, perform. Safe to repeat from the top after a crash at any line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duckstring.engine.effects import Effect
from duckstring.engine.signals import GateReached
from duckstring.engine.state import PondState
from duckstring.engine.step import steps
from duckstring.model.names import Line
from duckstring.ports import Clock, Gates, Mark, Received, StateStore

Perform = Callable[[PondState, tuple[Effect, ...]], None]


def deliver(
    line: Line, letters: Sequence[Received], *, store: StateStore, gates: Gates, perform: Perform, clock: Clock
) -> tuple[Effect, ...]:
    """Fold ``letters`` into the line's state in one commit, and perform what follows.

    An outbox that is still there was left behind by a delivery that died between commit and performance: it comes
    first. Letters up to the stored mark were consumed by that delivery.

    Returns:
        The effects of this delivery, performed.

    Raises:
        StateConflictError: another delivery committed meanwhile; deliver again.
    """
    held = store.load(line)
    if held.outbox:
        perform(held.state, held.outbox)
        store.clear(held)
    news = [letter for letter in letters if _is_news(letter.mark, held.mark)]
    if not news:
        return ()
    for letter in news:
        _keep_token(line, letter, gates)
    stepped = steps(held.state, (letter.signal for letter in news), clock.now())
    held = store.commit(held, stepped.state, stepped.effects, news[-1].mark)
    if held.outbox:
        perform(held.state, held.outbox)
        store.clear(held)
    return held.outbox


def _is_news(mark: Mark, consumed: Mark) -> bool:
    """Both parts must be old: after a restored queue the sequence starts anew, but time does not."""
    return int(mark[1] or 0) > int(consumed[1] or 0) or mark[0] > consumed[0]


def _keep_token(line: Line, letter: Received, gates: Gates) -> None:
    gate = letter.signal
    if isinstance(gate, GateReached):
        gates.keep(line, run=gate.run, launch=gate.launch, ripple=gate.ripple, token=letter.token)
