"""Which tables and which rows came from where."""

from __future__ import annotations

from typing import Literal, TypedDict

Recorded = Literal["yes", "no", "gone"]
"""Whether it is known what an attempt has read: its row says so, says nothing (its release kept
nothing), or is no longer kept.
"""


class LineageRead(TypedDict):
    """A table that a Ripple has read. ``sure``: otherwise it may have been. ``run`` and ``ripple``
    wrote last what was read.
    """

    line: str
    table: str
    sure: bool
    run: str | None
    ripple: str | None


class LineageNode(TypedDict):
    """A published table, what wrote it last, and what that has read. ``table``: null for a Ripple
    that writes none. ``open``: it may have read any other table, too; ``left_off``: so many more.
    """

    line: str
    table: str | None
    ripple: str
    run: str
    version: str | None
    f: str | None
    recorded: Recorded
    reads: list[LineageRead]
    open: bool
    left_off: int


class LineageAnswer(TypedDict):
    """``lineage``. ``left_off``: so many tables were not looked at, because there are too many."""

    line: str
    f: str
    nodes: list[LineageNode]
    left_off: int


class TracedRead(TypedDict):
    """A table that an attempt has read. ``snapshot``: that of a Source, which its run had pinned.
    ``writers``: the ``id`` of each attempt that wrote objects of it, the last one at the end.
    ``earlier``: rows of earlier attempts lie in these, too, which are not named.
    """

    line: str
    table: str
    sure: bool
    snapshot: int | None
    writers: list[str]
    earlier: bool


class TracedAttempt(TypedDict):
    """An attempt and its run. ``id``: ``sales@1/42-load-1``. ``run_kept``: the run's row is there.
    ``package``: the SHA-256 of the package. ``steps``: how many from the rows that were asked for.
    """

    id: str
    run: str
    ripple: str
    attempt: int
    steps: int
    run_kept: bool
    f: str | None
    version: str | None
    package: str | None
    started: str | None
    finished: str | None
    recorded: Recorded
    reads: list[TracedRead]
    open: bool
    left_off: int


class TraceAnswer(TypedDict):
    """``trace``. ``left_off``: so many attempts are further up than was asked for, or too many."""

    line: str
    attempts: list[TracedAttempt]
    left_off: int
