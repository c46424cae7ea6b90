"""What keeps a line's runs in flight: the rows of its attempts, and the version that waits for
them.

The engine knows which attempts it has started. Only an attempt's row knows that it pauses, and
where it continues after that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from duckstring.engine.state import PondState
from duckstring.model.catalog import Release
from duckstring.model.names import run_key
from duckstring.model.values import replace
from duckstring.ports import AttemptReader

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow

_AT_ONCE = 8


def rows_of(state: PondState, attempts: AttemptReader) -> Mapping[str, AttemptRow]:
    """The row of each attempt in flight, by Ripple: one read each. An attempt that no worker has
    begun has none.
    """
    going = [
        (name, ripple.attempt)
        for name, ripple in state.ripples.items()
        if ripple.attempt and ripple.attempt.dispatched
    ]
    if not going:
        return {}
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(going))) as pool:
        rows = pool.map(
            lambda one: attempts.attempt(
                state.line, run=one[1].run, ripple=one[0], attempt=one[1].number
            ),
            going,
        )
        return {name: row for (name, _), row in zip(going, rows, strict=True) if row}


def resumes(row: AttemptRow) -> str | None:
    """Until when an attempt pauses. None: it does not pause."""
    return (row["resumes"] or None) if row["status"] == "running" else None


def runs_of(state: PondState) -> tuple[str, ...]:
    """The runs in flight, oldest first. A new version waits for all of them."""
    return tuple(run_key(state.line, number) for number in sorted(state.runs))


def named(runs: Sequence[str]) -> str:
    """``run sales@1/4 and 2 more``."""
    return f"run {runs[0]}" + (f" and {len(runs) - 1} more" if len(runs) > 1 else "")


def waiting_release(state: PondState, selected: Release | None) -> Release | None:
    """The release that was deployed and that the line does not run yet: it waits for runs in
    flight, or for its letter. The same package, deployed again, waits for nothing.
    """
    if selected is None or state.release is None:
        return None
    if state.next_release is not None:
        return max(state.next_release, selected, key=lambda one: one.deployed)
    is_same = replace(selected, deployed=state.release.deployed) == state.release
    return selected if selected.deployed > state.release.deployed and not is_same else None
