"""Telling a line which of its versions is selected, or that it is removed. A letter has one key, however often it is posted."""

from __future__ import annotations

from duckstring.engine.signals import Deployed, Removed
from duckstring.engine.state import PondState
from duckstring.model.catalog import Release, Removal
from duckstring.model.instants import to_text
from duckstring.ports import Letter


def announcement(release: Release) -> Letter:
    """The letter of one selection."""
    key = f"deployed:{release.line}:{release.version}:{release.sha256}:{to_text(release.deployed)}"
    return Letter(release.line, Deployed(release), key)


def obituary(removal: Removal) -> Letter:
    """The letter of one removal."""
    return Letter(removal.line, Removed(removal.at), f"removed:{removal.line}:{to_text(removal.at)}")


def is_unheard(removal: Removal, state: PondState) -> bool:
    """Whether the line still is what was removed. One that heard must not hear again: it may hold demand of Sinks by now."""
    return any(release is not None and release.deployed <= removal.at for release in (state.release, state.next_release))
