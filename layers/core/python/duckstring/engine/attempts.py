"""Whether a line still waits for an attempt that somebody has begun, or is about to begin."""

from __future__ import annotations

from duckstring.engine.state import PondState


def is_awaited(
    state: PondState, *, run: int, launch: int, ripple: str, attempt: int, has_begun: bool
) -> bool:
    """Whether the engine waits for exactly this attempt. This stops workers that outlived their
    run.

    In a run that has failed nothing begins any more, but what had begun is finished. An attempt
    that pauses has begun: its external work continues, and its end has to be awaited.
    """
    held, of = state.runs.get(run), state.ripples.get(ripple)
    if held is None or held.launch != launch or of is None or of.attempt is None:
        return False
    if held.failure is not None and not has_begun:
        return False
    return (of.attempt.run, of.attempt.number) == (run, attempt)
