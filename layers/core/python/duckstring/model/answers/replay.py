"""A line's journal, one step after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from duckstring.model.answers.status import LineStatusWord


class ReplayLetter(TypedDict):
    """A letter that a line has taken: who sent it, and what it says."""

    kind: str
    sender: str
    text: str


class ReplayChange(TypedDict):
    """What differs in a line's state; empty where it was, or is, not so."""

    what: str
    before: str
    after: str


class ReplayEffect(TypedDict):
    """What was done because of the letters."""

    kind: str
    text: str


class ReplayStep(TypedDict):
    """One commit: its letters, folded together. ``revision`` and ``status``: of the line after it.
    ``gap``: what is not kept, or not sure (null: nothing).
    """

    revision: int
    at: str
    letters: list[ReplayLetter]
    changes: list[ReplayChange]
    effects: list[ReplayEffect]
    status: LineStatusWord
    gap: str | None


class ReplayAnswer(TypedDict):
    """``replay``: the commits of a line after ``since``, up to ``until``, the oldest first.
    ``next``: what to ask for as ``after``, if there are more; null: that is all.
    """

    line: str
    now: str
    since: str
    until: str
    steps: list[ReplayStep]
    next: str | None
