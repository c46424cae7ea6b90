"""Letters: signals on their way to a line."""

from __future__ import annotations

from dataclasses import dataclass

from duckstring.engine.signals import Deployed, Removed, Signal
from duckstring.engine.state import PondState
from duckstring.model.catalog import Release, Removal
from duckstring.model.instants import to_text
from duckstring.model.names import Line


@dataclass(frozen=True, slots=True)
class Letter:
    """A signal on its way to a line. ``key`` is the same for the same letter sent twice.

    ``is_of_event``: the key is that of an event, which nobody can guess, and an echo of the event
    may give the letter another time. So the key alone says that it is the same.
    """

    to: Line
    signal: Signal
    key: str
    is_of_event: bool = False


def announcement(release: Release) -> Letter:
    """The letter of one selection."""
    key = f"deployed:{release.line}:{release.version}:{release.sha256}:{to_text(release.deployed)}"
    return Letter(release.line, Deployed(release), key)


def removal_letter(removal: Removal) -> Letter:
    """The letter of one removal."""
    return Letter(
        removal.line, Removed(removal.at), f"removed:{removal.line}:{to_text(removal.at)}"
    )


def is_pending(removal: Removal, state: PondState) -> bool:
    """Whether the line still is what was removed. One that heard must not hear again: it may
    hold demand of Sinks by now.
    """
    return any(
        release is not None and release.deployed <= removal.at
        for release in (state.release, state.next_release)
    )
