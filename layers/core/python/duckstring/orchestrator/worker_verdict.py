"""The recorded outcome of an attempt whose process died before it could answer. The worker's row of
history counts more than the crash.

A worker that must end its process (code that swallows every interruption, after the Ripple's
timeout) may leave no answer to the state machine, which then knows only of a crash. A crash leads
to another attempt of the same try, but a failure to a new try.
"""

from __future__ import annotations

from collections.abc import Sequence

from duckstring.engine.signals import GateReached
from duckstring.model.failures import shortened
from duckstring.model.limits import LAST_WORDS
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.credible import waits_for
from duckstring.orchestrator.ports import Ends, Received, StateStore


def with_worker_verdicts(
    line: Line, letters: Sequence[Received], store: StateStore, ends: Ends
) -> list[Received]:
    """The letters, with the outcome that a worker recorded in the place of "crashed".

    A crash is rare, so the line's state is loaded for it: only the attempt that the line waits for
    is looked up.
    """
    return [_with_worker_verdict(line, letter, store, ends) for letter in letters]


def _with_worker_verdict(line: Line, letter: Received, store: StateStore, ends: Ends) -> Received:
    gate = letter.signal
    if not isinstance(gate, GateReached) or gate.outcome != "crashed" or gate.failure is None:
        return letter
    if not waits_for(store.load(line).state, gate):
        return letter
    recorded = ends.recorded_end(
        line, run=gate.run, ripple=gate.ripple, attempt=gate.failure.attempt
    )
    if recorded is None:
        return letter
    outcome, failure = recorded
    failure = shortened(failure, most=LAST_WORDS)  # the row has all of it
    is_late = outcome == "failed" and failure.error == "TimeoutError"
    return replace(
        letter, signal=replace(gate, outcome="timeout" if is_late else outcome, failure=failure)
    )
