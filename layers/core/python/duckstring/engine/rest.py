"""Whether a line is at rest: nothing runs or is wanted of it, and nothing is wrong. It is said in
one word, which the line's item has beside its state, so that those few lines of many that are not
at rest are found without a look at the others.
"""

from __future__ import annotations

from typing import Literal

from duckstring.engine.state import PondState
from duckstring.model.statuses import Unrest

Word = Literal["failed", "killed", "running", "blocked", "waiting", "idle"]


def word_of(state: PondState) -> Word:
    """The one word that says most. Work in progress comes before the trouble that it may end."""
    if state.health == "killed":
        return "killed"
    if any(run.failure is None for run in state.runs.values()):
        return "running"
    if state.health == "failed":
        return "failed"
    if state.blocked:
        return "blocked"
    return "waiting" if _is_wanted(state) else "idle"


def unrest(state: PondState) -> Unrest | None:
    """The same of a line that is not at rest. ``stale``: it rests, and its data has passed its
    bound. None: it is at rest.
    """
    word = word_of(state)
    if word != "idle":
        return word
    if state.runs:  # one that has failed, and whose execution goes on
        return "running"
    return "stale" if state.watch is not None and state.watch.is_stale else None


def _is_wanted(state: PondState) -> bool:
    return bool(state.pull is not None or state.targets or state.woken is not None or state.force)
