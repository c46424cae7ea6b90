"""Tags, batches, the audit and the maintenance switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from duckstring.model.answers.common import AuditRow, Fault, HoldTold
    from duckstring.model.answers.status import LineStatusWord, RunningRun


class PondTags(TypedDict):
    """A Pond and its tags."""

    pond: str
    tags: dict[str, str]


class TagAnswer(TypedDict):
    """``tag``: the Pond that was asked about, or all, by name."""

    ponds: list[PondTags]


class AuditAnswer(TypedDict):
    """``audit``, newest first. ``next``: there may be older ones; ask again with it as
    ``before``.
    """

    entries: list[AuditRow]
    next: str | None


class MaintenanceAnswer(TypedDict):
    """``maintenance``. ``lines``: how many are deployed; ``not_received``: those that have not
    heard it yet. ``runs``: what is in flight. ``waiting``: lines of which something is asked that
    waits until new runs are no longer held.
    """

    on: bool
    hold: HoldTold | None
    lines: int
    not_received: list[str]
    runs: list[RunningRun]
    waiting: list[str]


class LineOutcome(TypedDict):
    """What a ``batch`` did to one line. ``error``: why it did nothing; ``runs``: those that it
    stopped. ``status`` and ``previous`` are null then.
    """

    line: str
    applied: bool
    previous: LineStatusWord | None
    status: LineStatusWord | None
    reason: str
    runs: list[str]
    error: Fault | None


class BatchAnswer(TypedDict):
    """``batch``, in the order that was asked for."""

    outcomes: list[LineOutcome]
