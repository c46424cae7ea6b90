"""Which snapshot of a line readers find, and as of when it is."""

from __future__ import annotations

from typing import NamedTuple

from duckstring.engine.state import PondState
from duckstring.model.instants import NEVER, Instant


class ShownSnapshot(NamedTuple):
    """The number of the run that has published it, and the freshness of its data."""

    number: int
    f: Instant


def shown_snapshot(state: PondState) -> ShownSnapshot | None:
    """None: the line has published nothing, or was removed."""
    if not state.snapshot or not (state.release or state.next_release):
        return None
    # A line that published before these were recorded has NEVER.
    f = next((f for f in (state.held_f, state.snapshot_f) if f != NEVER), state.end_f)
    return ShownSnapshot(state.snapshot, f)
