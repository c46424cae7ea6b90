"""What the Catchment's api function answers: docs/protocol.md, "Api function", as types."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Demand(TypedDict):
    """Demand that is not satisfied yet. ``targets`` are the epochs of pushes; ``woken`` and
    ``forced`` are an operator's.
    """

    pull: bool
    targets: list[str]
    woken: bool
    forced: bool


class TriggerState(TypedDict):
    """A standing trigger. ``bound`` in seconds, for a tide."""

    kind: str
    bound: NotRequired[float]


class Span(TypedDict):
    """One opening of a Window."""

    start: str
    end: str


class WindowTold(TypedDict):
    """A rule of an Inlet, what is open of it and what opens next. ``every`` and ``duration`` in
    seconds.
    """

    name: str
    start: str
    every: float
    duration: float
    on: list[str]
    until: str | None
    open: Span | None
    next: Span | None
    carried_by: str


class SourceState(TypedDict):
    """A Source as its Sink sees it."""

    line: str
    optional: bool
    end_f: str
    down: bool
    staleness_seconds: NotRequired[float | None]
    absent: bool


class FailureRow(TypedDict):
    """Why a line is failed."""

    run: str | None
    ripple: str
    attempt: int
    error: str
    message: str


class Budgets(TypedDict):
    """The live retry budgets."""

    immediate_retries: int
    source_retries: int


class RunningRipple(TypedDict):
    """One Ripple of a run in flight: waiting, queued, running, done, failed or cancelled, since
    when.

    ``task_mib``: the memory of the task that its attempt runs as; 0: it runs in the function.
    ``where`` and what follows it are of its attempt's row, looked at in the status of one line
    only; ``resumes``: while it pauses, until when.
    """

    name: str
    status: str
    attempt: int
    since: str | None
    task_mib: NotRequired[int]
    where: NotRequired[str | None]
    memory_mib: NotRequired[int | None]
    pauses: NotRequired[int | None]
    resumes: NotRequired[str | None]


class RunningRun(TypedDict):
    """A run in flight."""

    run: str
    f: str
    started: str
    ripples: list[RunningRipple]
    version: NotRequired[str]


class NextVersion(TypedDict):
    """What was deployed and does not run yet; without runs that it waits for the line is about
    to hear of it.
    """

    version: str
    waits_for: list[str]


class RippleStatus(TypedDict):
    """A Ripple at rest or not, and where its next attempt would run.

    ``runs_on`` is ``lambda`` or ``task`` (of ``task_mib``), by word of the operator, of what the
    line has learnt, of its author's hint, or of nobody (``default``).
    """

    name: str
    parents: list[str]
    end_f: str
    status: str
    runs_on: NotRequired[str]
    task_mib: NotRequired[int]
    decided_by: NotRequired[str]


class RunRow(TypedDict):
    """A row of run history."""

    run: str
    pond: str
    major: int
    number: int
    f: str
    version: str
    status: str
    started: str
    finished: str | None
    changed: NotRequired[bool | None]
    overtaken_by: NotRequired[str | None]
    ripple: NotRequired[str | None]
    error: NotRequired[str | None]
    message: NotRequired[str | None]


class Invocation(TypedDict):
    """One of an attempt's, of which one that pauses has several: where its log lies."""

    started: str
    log_stream: str
    request_id: str


class AttemptRow(TypedDict):
    """A row of attempt history. ``log_stream`` and ``request_id`` are those of its latest
    invocation.
    """

    run: str
    ripple: str
    attempt: int
    status: str
    started: str | None
    finished: str | None
    where: NotRequired[str | None]
    memory_mib: NotRequired[int | None]
    log_group: NotRequired[str | None]
    log_stream: NotRequired[str | None]
    request_id: NotRequired[str | None]
    error: NotRequired[str | None]
    message: NotRequired[str | None]
    traceback: NotRequired[str | None]
    overflow: NotRequired[str | None]
    rows: NotRequired[int | None]
    bytes: NotRequired[int | None]
    seconds: NotRequired[float | None]
    peak_mib: NotRequired[int | None]
    pauses: NotRequired[int | None]
    resumes: NotRequired[str | None]
    invocations: NotRequired[list[Invocation] | None]
    left: NotRequired[str | None]
    on_kill: NotRequired[str | None]
    on_kill_message: NotRequired[str | None]


class OlderTable(TypedDict):
    """A table that is older than the snapshot that it is in, and who wrote it last. What is null
    is not known.
    """

    table: str
    as_of: str | None
    f: str | None
    written_in: str
    version: str | None


class LineStatus(TypedDict):
    """All there is to say about one line. ``version``: that it runs; ``next``: one that is deployed
    and does not run yet.

    ``asleep``: it was put to sleep, and nobody has asked for it since.
    """

    line: str
    pond: str
    major: int
    version: str | None
    kind: str | None
    status: str
    end_f: str
    start_f: str
    staleness_seconds: float | None
    demand: Demand
    trigger: TriggerState | None
    windows: list[WindowTold]
    sources: list[SourceState]
    sinks: list[str]
    reason: str
    failure: FailureRow | None
    failures: int
    retry_at: str | None
    asleep: NotRequired[bool]
    budgets: Budgets
    runs: list[RunningRun]
    ripples: list[RippleStatus]
    tables: int
    older_tables: NotRequired[list[OlderTable]]
    rows: int
    last_run: RunRow | None
    next: NotRequired[NextVersion | None]


class StatusAnswer(TypedDict):
    """``status``."""

    now: str
    lines: list[LineStatus]


class RunAnswer(TypedDict):
    """``run``."""

    run: RunRow
    attempts: list[AttemptRow]
    older_tables: NotRequired[list[OlderTable]]


class DroppedTable(TypedDict):
    """A table that was published once. ``removed``: by an operator."""

    table: str
    snapshot: str
    version: str
    removed: bool


class TableRow(TypedDict):
    """One published table. ``older``: than its Pond, as of ``as_of``; ``f``: the freshness at
    which it was written.
    """

    table: str
    uri: str
    rows: int
    bytes: int
    written_in: str
    version: NotRequired[str | None]
    f: NotRequired[str | None]
    as_of: NotRequired[str | None]
    older: NotRequired[bool]


class TablesAnswer(TypedDict):
    """``tables``: a published snapshot."""

    line: str
    f: str
    snapshot: int
    tables: list[TableRow]
    dropped: NotRequired[list[DroppedTable]]


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
    default: NotRequired[bool]
    waits_for: NotRequired[list[str]]


class DeployAnswer(TypedDict):
    """``deploy``."""

    ponds: list[DeployedPond]


class TriggerAnswer(TypedDict):
    """``trigger``. ``epoch`` is the freshness asked for, None where nothing was. ``warnings``:
    what it has to wait for.
    """

    line: str
    epoch: str | None
    warnings: NotRequired[list[str]]


class ControlAnswer(TypedDict):
    """``control``. ``previous`` is the line's status before, ``runs`` what a kill stopped."""

    lines: list[str]
    applied: bool
    previous: str
    status: LineStatus
    runs: list[str]
    warnings: list[str]


class BudgetAnswer(TypedDict):
    """``failure-budget``: the live retry budgets."""

    line: str
    immediate_retries: int
    source_retries: int
    failures: int
    applied: bool


class Pinned(TypedDict):
    """Where an operator wants a Ripple to run. ``memory_mib`` of a task; 0: as the line finds
    out.
    """

    on: str
    memory_mib: int


class FunctionTold(TypedDict):
    """What an attempt in the Catchment's function has."""

    memory_mib: int
    seconds: int


class ComputeRow(TypedDict):
    """Where a Ripple runs from its next attempt on. ``learnt_mib``: the task that it was found
    to need; 0: none.
    """

    name: str
    runs_on: str
    task_mib: int
    cpu_units: int
    decided_by: str
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

    ``applied``: whether the line has heard of the change.
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
    kind: str


class ArrivalAnswer(TypedDict):
    """``arrival``: a line's rules."""

    line: str
    arrivals: list[ArrivalRow]


class RemoveAnswer(TypedDict):
    """``remove``: lines, versions or tables, the runs that this stopped, and whether the line has
    heard of it yet.

    ``waits_for``: of a table, the runs in flight with the first of which it goes.
    """

    removed: list[str]
    stopped: list[str]
    warnings: list[str]
    applied: bool
    waits_for: NotRequired[list[str]]


class LineFinding(TypedDict):
    """What is wrong with a line: ``kind`` is deploy, outbox, alarm or execution."""

    kind: str
    line: str
    since: str | None
    message: str
    hint: str


class DoctorAnswer(TypedDict):
    """``doctor``: runs in flight, how many of them were looked at, and what was found."""

    now: str
    lines: int
    runs: int
    looked_at: int
    findings: list[LineFinding]


class HelloAnswer(TypedDict):
    """``hello``."""

    catchment: str
    version: str
    table: str
    bucket: str
    lines: int
