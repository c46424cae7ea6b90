"""What a change answers: deploys, triggers, Windows, arrivals and all that is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from duckstring.model.answers.status import RunsOn

if TYPE_CHECKING:
    from duckstring.model.answers.status import (
        BoundTold,
        LimitTold,
        LineState,
        LineStatusWord,
        WindowTold,
    )
    from duckstring.model.arrivals import ArrivalKind
    from duckstring.model.compute import PinnedPlace


class DeployedPond(TypedDict):
    """What a deploy did to one line.

    ``waits_for``: the runs in flight that hold the version back. ``default``: the Pond's name alone
    means this line.
    """

    line: str
    version: str
    ripples: list[str]
    sources: list[str]
    warnings: list[str]
    unchanged: bool
    killed: bool
    default: bool
    waits_for: list[str]


class DeployAnswer(TypedDict):
    """``deploy``."""

    ponds: list[DeployedPond]


class TriggerAnswer(TypedDict):
    """``trigger``. ``epoch`` is when it was asked for. ``warnings``: what it has to wait for.

    ``applied``: whether the line has received it.
    """

    line: str
    epoch: str
    warnings: list[str]
    applied: bool


class ControlAnswer(TypedDict):
    """``control``. ``previous`` is the line's status before, ``runs`` what a kill stopped."""

    lines: list[str]
    applied: bool
    previous: LineStatusWord
    status: LineState
    runs: list[str]
    warnings: list[str]


class BudgetAnswer(TypedDict):
    """``failure-budget``: the live retry budgets."""

    line: str
    immediate_retries: int
    source_retries: int
    failures: int
    applied: bool


class StaleAnswer(TypedDict):
    """``stale``: the bound that counts. None: there is none."""

    line: str
    bound: BoundTold | None
    applied: bool


class PriorityAnswer(TypedDict):
    """``priority``: of a line's claims at limits."""

    line: str
    priority: int
    applied: bool


class LimitAnswer(TypedDict):
    """``limit``: all limits that are set or used. ``applied``: whether the limit has received the
    change.
    """

    now: str
    limits: list[LimitTold]
    warnings: list[str]
    applied: bool


class Pinned(TypedDict):
    """Where an operator wants a Ripple to run. ``memory_mib`` of a task; 0: as the line finds
    out.
    """

    on: PinnedPlace
    memory_mib: int


class FunctionTold(TypedDict):
    """The limits of an attempt in the Catchment's function."""

    memory_mib: int
    seconds: int


class ComputeRow(RunsOn):
    """Where a Ripple runs from its next attempt on. ``learnt_mib``: the task that it was found
    to need; 0: none.
    """

    name: str
    cpu_units: int
    learnt_mib: int
    pin: Pinned | None


class ComputeAnswer(TypedDict):
    """``compute``: where each Ripple of a line runs."""

    line: str
    function: FunctionTold
    ripples: list[ComputeRow]
    applied: bool


class WindowAnswer(TypedDict):
    """``window``: all rules of a line. ``ahead``: the freshness that it has already, where that is
    yet to come.

    ``applied``: whether the line has received the change.
    """

    line: str
    now: str
    windows: list[WindowTold]
    ahead: str | None
    applied: bool


class ArrivalRow(TypedDict):
    """A rule: objects in ``bucket`` that begin with ``prefix`` and end with ``suffix`` trigger a
    line.
    """

    name: str
    bucket: str
    prefix: str
    suffix: str
    kind: ArrivalKind


class ArrivalAnswer(TypedDict):
    """``arrival``: a line's rules."""

    line: str
    arrivals: list[ArrivalRow]


class WaitingObject(TypedDict):
    """An object that arrived and waits. ``number``: its place among all that arrived for the line.
    ``size`` in bytes. ``arrived``: when the line received it.
    """

    number: int
    uri: str
    size: int
    arrived: str


class BacklogAnswer(TypedDict):
    """``backlog``: how many objects wait for a line's Ripples, and the oldest of them. ``next``:
    there are more; ask again with ``after``.
    """

    line: str
    waiting: int
    objects: list[WaitingObject]
    next: NotRequired[int]


class RemoveAnswer(TypedDict):
    """``remove``: lines, versions or tables, the runs that this stopped, and whether the line has
    received it.

    For a table also ``line``, ``table`` and ``waits_for``: the runs in flight. The table goes when
    the first of them ends.
    """

    line: NotRequired[str]
    table: NotRequired[str]
    removed: list[str]
    stopped: list[str]
    warnings: list[str]
    applied: bool
    waits_for: NotRequired[list[str]]
