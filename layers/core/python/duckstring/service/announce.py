"""Telling a line which of its versions is selected."""

from __future__ import annotations

from duckstring.engine.signals import Deployed
from duckstring.model.catalog import Release
from duckstring.model.instants import to_text
from duckstring.ports import Letter


def announcement(release: Release) -> Letter:
    """The letter of one selection: it has one key, however often it is posted."""
    key = f"deployed:{release.line}:{release.version}:{release.sha256}:{to_text(release.deployed)}"
    return Letter(release.line, Deployed(release), key)
