"""History: runs, their attempts, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from duckstring.model.answers.common import AuditRow
    from duckstring.model.answers.tables import OlderTable
    from duckstring.model.checks import Outcome, Severity
    from duckstring.model.compute import Place
    from duckstring.model.costs import Kind


class WarningTold(TypedDict):
    """A check that warns. ``rows``: how many must not exist; 0: it gave none, and ``message`` has
    its words.
    """

    check: str
    rows: int
    message: str


class CheckTold(TypedDict):
    """How a check ended. ``sample``: the first of its ``rows``, a text or null for each of
    ``columns``.
    """

    check: str
    severity: Severity
    outcome: Outcome
    rows: int
    message: str
    columns: list[str]
    sample: list[list[str | None]]


class RunRow(TypedDict):
    """A row of run history. ``overflow``: where in S3 a message lies that is too long for a row.

    ``wanted``: what it began for. ``pins``: which snapshot of each Source it read. ``used``: what
    the orchestrator and the state machine used for it. ``warnings``: of its checks. ``by``,
    ``note`` and ``said_at``: who asked its line for it. ``asked``: the epochs asked for.
    """

    run: str
    pond: str
    major: int
    number: int
    f: str
    version: str
    status: str
    started: str
    finished: str | None
    changed: bool | None
    overtaken_by: str | None
    ripple: str | None
    error: str | None
    message: str | None
    overflow: NotRequired[str]
    wanted: NotRequired[str | None]
    pins: NotRequired[Mapping[str, int] | None]
    used: NotRequired[Mapping[Kind, float] | None]
    warnings: NotRequired[list[WarningTold]]
    by: NotRequired[str | None]
    note: NotRequired[str | None]
    said_at: NotRequired[str | None]
    asked: NotRequired[list[str] | None]


class Invocation(TypedDict):
    """One of an attempt's, of which one that pauses has several: where its log lies."""

    started: str
    log_stream: str
    request_id: str


class TableSize(TypedDict):
    """How large a table is that an attempt has written."""

    rows: int
    bytes: int


class TableReadTold(TypedDict):
    """A table that an attempt has read, ``orders`` of its own Pond or ``sales@1.orders``.
    ``sure``: otherwise it may have been read. ``writers``: ``RUN-RIPPLE-ATTEMPT`` of each attempt
    that wrote objects of the version, the last one at the end. ``earlier``: rows of earlier
    attempts lie in these, too, which are not named.
    """

    table: str
    sure: bool
    writers: list[str]
    earlier: bool


class LineageTold(TypedDict):
    """What an attempt has read. ``open``: also any other table that it could see, it may be.
    ``left_off``: so many tables more.
    """

    reads: list[TableReadTold]
    open: bool
    left_off: int


class AttemptRow(TypedDict):
    """A row of attempt history. Null: it has not happened, or is not known.

    ``log_stream`` and ``request_id`` are those of its latest invocation. ``tables``: what it wrote.
    ``reads``: the Sources' tables that it read, or may have read. ``lineage``: more closely, and of
    its own Pond, too. ``package``: the SHA-256 of the package that it ran. ``used``: what its
    invocations used of AWS, by kind. ``checks``: how each check ended, if it made checks. Its
    ``message`` has what they found, in words.
    """

    run: str
    ripple: str
    attempt: int
    status: str
    started: str | None
    finished: str | None
    where: Place | None
    memory_mib: int | None
    log_group: str | None
    log_stream: str | None
    request_id: str | None
    error: str | None
    message: str | None
    traceback: str | None
    overflow: NotRequired[str | None]
    rows: int | None
    bytes: int | None
    tables: dict[str, TableSize] | None
    reads: list[str] | None
    seconds: float | None
    peak_mib: int | None
    pauses: int | None
    resumes: str | None
    invocations: list[Invocation] | None
    left: str | None
    on_kill: str | None
    on_kill_message: str | None
    used: NotRequired[Mapping[Kind, float] | None]
    checks: NotRequired[list[CheckTold] | None]
    lineage: NotRequired[LineageTold | None]
    package: NotRequired[str | None]


class RunsAnswer(TypedDict):
    """``runs``, newest first. ``further``: so many runs of the same asker were looked at that the
    list ends early; ask again with it as ``before``.
    """

    runs: list[RunRow]
    further: NotRequired[str]


class RunCost(TypedDict):
    """What a run used of AWS, its attempts included. ``sources``: which snapshot of each Source it
    read.

    ``estimated``: attempts whose worker could not say what it used; ``running``: those that go on.
    """

    run: str
    started: str
    status: str
    wanted: str
    sources: Mapping[str, int]
    overtaken_by: str | None
    used: Mapping[Kind, float]
    attempts: int
    estimated: int
    running: int


class CostAnswer(TypedDict):
    """``cost``, newest first. ``more``: there may be older runs; ask with ``before``."""

    now: str
    runs: list[RunCost]
    more: bool


class RetryTold(TypedDict):
    """A Ripple of a run in flight that has failed: its next attempt begins at ``at``."""

    ripple: str
    attempt: int
    at: str


class RunAnswer(TypedDict):
    """``run``. ``asked_by``: what people asked for that this run answers, as far as it is known.
    ``retries``: what waits to be tried again, while the run is in flight.
    """

    run: RunRow
    attempts: list[AttemptRow]
    older_tables: list[OlderTable]
    asked_by: NotRequired[list[AuditRow]]
    retries: NotRequired[list[RetryTold]]
