"""The answers of the api function, as types: docs/protocol.md, "Api function".

The use cases in ``api/`` return these shapes and the command reads them, so mypy finds where the
two differ. Everything is plain JSON. A field is ``NotRequired`` only if an answer may lack it. A
Catchment of an older version may lack newer fields: the command reads those with ``get``.

The api's modules import this one for type checkers only, because an import costs a function time at
its start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from duckstring.model.arrivals import ArrivalKind
    from duckstring.model.checks import Outcome, Severity
    from duckstring.model.compute import PinnedPlace, Place, Why
    from duckstring.model.costs import Kind
    from duckstring.model.retention import Reason


FindingKind = Literal["deploy", "outbox", "alarm", "execution", "hold", "iceberg"]
WantedBy = Literal["force", "wake", "retry", "tap", "wave", "tide", "pulse", "unknown"]
LineStatusWord = Literal["undeployed", "idle", "waiting", "running", "failed", "killed", "blocked"]


class Fault(TypedDict):
    """Why a request was refused. ``traceback``: the author's own, where code did not import."""

    type: str
    message: str
    hint: str
    traceback: NotRequired[str]


class Answered(TypedDict):
    """A request that was carried out. ``result`` is the operation's answer."""

    ok: Literal[True]
    result: Mapping[str, object]


class Refused(TypedDict):
    """A request that was refused."""

    ok: Literal[False]
    error: Fault


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

    kind: Literal["wave", "tide"]
    bound: NotRequired[float]


class Span(TypedDict):
    """One opening of a Window."""

    start: str
    end: str


class Opening(Span):
    """One opening of a Window. ``local``: when it begins by the clock of the rule's zone, with the
    offset; None: the rule has no zone.
    """

    local: str | None


class WindowTold(TypedDict):
    """A rule of an Inlet, what is open of it and what opens next. ``every`` and ``duration`` in
    seconds; of a calendar rule they may be zero: it opens by ``cron``, and up to the next opening.

    ``words``: the rule as people read it. ``upcoming``: its next five openings.
    """

    name: str
    start: str
    every: float
    duration: float
    on: list[str]
    until: str | None
    open: Span | None
    next: Span | None
    carried_by: Literal["schedule", "alarm"]
    tz: NotRequired[str]
    cron: NotRequired[str]
    words: NotRequired[str]
    upcoming: NotRequired[list[Opening]]


class SourceState(TypedDict):
    """A Source as its Sink sees it."""

    line: str
    optional: bool
    end_f: str
    staleness_seconds: float | None
    down: bool
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
    only; ``resumes``: while it pauses, until when. ``awaits``: the limit whose token it waits for.
    ``retry_at``: it has failed, and is tried again then.
    """

    name: str
    status: str
    attempt: int
    since: str | None
    task_mib: int
    where: str | None
    memory_mib: int | None
    pauses: int | None
    resumes: str | None
    awaits: NotRequired[str | None]
    retry_at: NotRequired[str]


class RunningRun(TypedDict):
    """A run in flight."""

    run: str
    f: str
    version: str
    started: str
    ripples: list[RunningRipple]


class NextVersion(TypedDict):
    """What was deployed and does not run yet. If it waits for no runs, the line is about to receive
    it.
    """

    version: str
    waits_for: list[str]


class RunsOn(TypedDict):
    """Where the next attempt of a Ripple would run: in the function, or as a task of ``task_mib``.

    ``decided_by``: the operator, what the line has learnt, its author's hint, or none of these
    (``default``).
    """

    runs_on: Place
    task_mib: int
    decided_by: Why


class RippleStatus(RunsOn):
    """A Ripple at rest or not, and where its next attempt would run. ``checks``: the names of the
    Pond's checks, if it is the Ripple that makes them. ``uses``: the limits that it needs tokens
    of.
    """

    name: str
    parents: list[str]
    end_f: str
    status: str
    checks: NotRequired[list[str]]
    uses: NotRequired[list[str]]


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


class TableWriter(TypedDict):
    """Who wrote a table last, and at which freshness. What is null is not known."""

    written_in: str
    version: str | None
    f: str | None


class OlderTable(TableWriter):
    """A table that is older than the snapshot that it is in: it holds as of ``as_of``."""

    table: str
    as_of: str | None


class TableAge(TableWriter):
    """Who wrote a table last, and as of when it holds. ``older``: than its Pond."""

    as_of: str | None
    older: bool


class BoundTold(TypedDict):
    """How old a line's data may be. ``words``: ``2h``, ``fresh by 06:00 Europe/Berlin``, ``none``.

    ``within``: an age in seconds; else ``at``, a time of day in ``tz`` on the weekdays ``on``.
    ``declared``: by an operator; else it follows from the Tide. ``stale``: since when the data is
    too old. ``due``: when it will be, as things are.
    """

    words: str
    within: float | None
    at: str | None
    tz: str | None
    on: list[str]
    declared: bool
    stale: str | None
    due: str | None


class SaidTold(TypedDict):
    """Who asked for something, when, and why. Null: it is not known. ``by`` is an ARN that AWS has
    confirmed, what a machine calls its user (``alice@laptop``), or an event.
    """

    at: str
    by: str | None
    note: str | None


class HoldTold(SaidTold):
    """Who holds new runs in the whole Catchment: maintenance."""


class LineState(TypedDict):
    """Everything about one line except its last run.

    ``version``: the one that it runs. ``next``: one that is deployed and does not run yet.
    ``package``: the SHA-256 of the package that is deployed, in hexadecimal digits.
    ``asleep``: it was put to sleep, and nobody has asked for it since.
    ``warnings``: of the checks of what is published. ``bound``: how old the data may be.
    ``priority``: of its claims at limits. ``held``: maintenance, as far as the line has
    heard. ``said``: who used each verb last, and set the trigger, as far as that is known.
    """

    line: str
    pond: str
    major: int
    version: str | None
    next: NextVersion | None
    package: str | None
    kind: str | None
    status: LineStatusWord
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
    asleep: bool
    budgets: Budgets
    runs: list[RunningRun]
    ripples: list[RippleStatus]
    tables: int
    older_tables: list[OlderTable]
    rows: int
    warnings: NotRequired[list[WarningTold]]
    bound: NotRequired[BoundTold | None]
    priority: NotRequired[int]
    held: NotRequired[HoldTold | None]
    said: NotRequired[dict[str, SaidTold]]
    backlog: NotRequired[int]


class TokenTold(TypedDict):
    """A Ripple that has a token, or waits for one, since an instant. ``priority``: of its line."""

    line: str
    run: str
    ripple: str
    since: str
    priority: int


class LimitTold(TypedDict):
    """A limit: how many ``tokens`` there are (null: no bound is set), who has one, and who waits,
    the next one first. ``used_by``: the lines that are deployed and use it.
    """

    name: str
    tokens: int | None
    held: list[TokenTold]
    waiting: list[TokenTold]
    used_by: list[str]


class LineStatus(LineState):
    """A line, its last run, and the tags of its Pond."""

    last_run: RunRow | None
    tags: NotRequired[dict[str, str]]


class StatusAnswer(TypedDict):
    """``status``. ``order``: all lines that there are, where some of them were asked for.
    ``next``: there is more than one answer holds; ask again with it as ``after``. ``limits``: all,
    of the first answer.
    ``maintenance``: who holds new runs in the Catchment, if somebody does.
    """

    now: str
    lines: list[LineStatus]
    limits: NotRequired[list[LimitTold]]
    order: NotRequired[list[str]]
    next: NotRequired[str]
    maintenance: NotRequired[HoldTold | None]


class PondTags(TypedDict):
    """A Pond and its tags."""

    pond: str
    tags: dict[str, str]


class TagAnswer(TypedDict):
    """``tag``: the Pond that was asked about, or all, by name."""

    ponds: list[PondTags]


class AuditRow(SaidTold):
    """A change that somebody asked for. ``proven``: ``by`` is an ARN that AWS has confirmed.
    ``via``: ``page``, or null. ``what``: the operation and its arguments, in words. ``ponds``:
    which it was about; ``*``: the Catchment. ``request``: the id of the invocation that was asked.
    ``refused``: why nothing was changed; null: it was carried out.
    """

    proven: bool
    via: str | None
    what: str
    ponds: list[str]
    request: str
    refused: str | None


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


CauseKind = Literal[
    "not_deployed",
    "not_received",
    "not_kept",
    "killed",
    "failed",
    "retry_at",
    "held",
    "asleep",
    "blocked",
    "not_asked",
    "tide_due",
    "short",
    "lags",
    "window_closed",
    "deploy_waits",
    "force_waits",
    "run_first",
    "busy",
    "waits_for_token",
    "due",
]


class Way(TypedDict):
    """What would change it, and the command to type (null: there is none)."""

    text: str
    command: str | None


class CauseTold(TypedDict):
    """Why a line starts no run. ``leads_to``: the line whose own causes explain it; null: this is a
    root cause. ``since``: when it began, if that is known. ``at``: when it ends by itself, or what
    it needs comes, if that is known. ``runs``: those that it is about.
    """

    kind: CauseKind
    text: str
    leads_to: str | None
    since: str | None
    at: str | None
    runs: list[str]
    ways: list[Way]


class LineWhy(TypedDict):
    """A line and its causes."""

    line: str
    status: LineStatusWord
    causes: list[CauseTold]


class DemandTold(TypedDict):
    """Where the demand began that a run answers: at ``line``, ``at`` an instant if it is known,
    by way of the lines ``via``. ``sure``: otherwise a line below may have asked, and has forgotten
    it.
    """

    kind: WantedBy
    text: str
    line: str
    at: str | None
    via: list[str]
    sure: bool


class WhyRun(TypedDict):
    """A run in flight: for what it began, and how far it is. ``inside``: what each of its Ripples
    does or waits for, in words.
    """

    run: str
    f: str
    version: str
    started: str
    demand: list[DemandTold]
    ripples: list[RunningRipple]
    inside: list[str]


class Staleness(TypedDict):
    """How old the output is, in seconds (null: there is none). ``bound``: of the line's Tide.
    ``asked``: since when newer output is asked for, if a push asks. ``late``: it is older than its
    Tide allows, or something newer was asked for. ``text``: this in words.
    """

    seconds: float | None
    bound: float | None
    asked: str | None
    late: bool
    text: str


class WhyAnswer(TypedDict):
    """``why``: why a line runs at the moment ``at``, or does not. ``chain``: the line itself, and
    the lines that its causes lead to, the nearest first; ``left_off``: so many more. ``ways``: what
    would change the root causes. ``last``: the last run, in words.
    """

    line: str
    now: str
    at: str
    status: LineStatusWord
    text: str
    end_f: str
    staleness: Staleness
    runs: list[WhyRun]
    chain: list[LineWhy]
    left_off: int
    ways: list[Way]
    last_run: RunRow | None
    last: str


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


class RunsAnswer(TypedDict):
    """``runs``, newest first."""

    runs: list[RunRow]


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


class DroppedTable(TypedDict):
    """A table that was published once. ``removed``: by an operator."""

    table: str
    snapshot: str
    version: str
    removed: bool


class TablePart(TypedDict):
    """One object of a table that has several. ``rows``: how many lie in it."""

    uri: str
    rows: int
    bytes: int
    kind: Literal["rows", "changes"]
    use: Literal["both", "news", "start", "base"]


class TableRow(TableAge):
    """One published table. ``uri``: its object; empty if it has several: these are its ``parts``,
    in order. ``merge_key``: the columns by which changes name rows.
    """

    table: str
    uri: str
    rows: int
    bytes: int
    parts: list[TablePart]
    merge_key: list[str]


class TablesAnswer(TypedDict):
    """``tables``: a published snapshot."""

    line: str
    f: str
    snapshot: int
    tables: list[TableRow]
    dropped: list[DroppedTable]


class PondSnapshot(TablesAnswer):
    """A snapshot of a line, under the name of its schema in SQL over all Ponds."""

    schema: str


class SnapshotsAnswer(TypedDict):
    """``snapshots``, by schema. ``f``: the freshness as of which they hold, if one was asked for.
    ``next``: there are more than one answer holds; ask again with it as ``after``.
    """

    now: str
    f: str | None
    snapshots: list[PondSnapshot]
    next: NotRequired[str]


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


class RetentionRow(TypedDict):
    """How many snapshots of a line are kept: the last few, and those that are younger than some
    days.
    """

    snapshots: int
    days: int


class KeptSnapshot(TypedDict):
    """A snapshot that is kept. ``version``: what wrote it, if it wrote a table.

    ``held_f``: the freshness of its data, if it was published again; otherwise ``f``.
    ``bytes``: of all its objects. ``bytes_alone``: of those that no newer snapshot has; they are
    deleted with this one, unless an older one is kept that has them. ``reasons``: why it is kept
    (``published``, ``last``, ``young``). ``read_by``: lines that read it, or will with their next
    run. Neither: the next sweep deletes it. ``warnings``: how many checks warned.
    """

    snapshot: int
    run: str
    f: str
    held_f: str
    version: str | None
    tables: int
    rows: int
    bytes: int
    bytes_alone: int
    reasons: list[Reason]
    read_by: list[str]
    warnings: int


class KeptAnswer(TypedDict):
    """``kept``: the snapshots of a line, newest first. ``next``: there are older ones; ask again
    with it as ``before``.
    """

    line: str
    now: str
    retention: RetentionRow
    snapshots: list[KeptSnapshot]
    next: int | None


class LakeCatalog(TypedDict):
    """One catalog of the lake, as of ``at``. ``lines``, ``tables``: how many it has."""

    number: int
    address: str
    at: str
    bytes: int
    lines: int
    tables: int


class IcebergDatabase(TypedDict):
    """A database of Glue: the line that it shows, and which run of it, as of ``f``; null: an export
    has not come to its end. ``left_out``: tables that are not there, and why; under ``*``: why none
    is.
    """

    database: str
    line: str
    run: str | None
    f: str | None
    at: str
    tables: int
    left_out: dict[str, str]


class LakeAnswer(TypedDict):
    """``lake``: ``newest`` is the address that always has the newest catalog. ``catalog``: that
    one, at the address where it never changes; null: there is none yet. ``seconds``: how long the
    exporter waits for more to be published; null: the Catchment has no lake.
    ``iceberg``: the databases of its Iceberg tables; null: it has none.
    """

    now: str
    seconds: int | None
    newest: str
    catalog: LakeCatalog | None
    iceberg: list[IcebergDatabase] | None


class RepairAnswer(TypedDict):
    """``repair``: the exporters begin after so many ``seconds``. ``iceberg``: Iceberg tables are
    looked at, too.
    """

    seconds: int
    iceberg: bool


class PublishedTables(TypedDict):
    """What publishing an earlier snapshot does to tables, by name: they are as they were, are the
    same, are published no longer, or are published again.
    """

    back: list[str]
    same: list[str]
    gone: list[str]
    returned: list[str]


class PublishAnswer(TypedDict):
    """``publish``: an earlier snapshot, the freshness ``f`` of its data, and whether the line has
    received it. ``over``: what was published before. ``run``: the number under which it is
    published again.
    """

    line: str
    snapshot: int
    over: int
    f: str
    run: str | None
    tables: PublishedTables
    warnings: list[str]
    applied: bool


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


class LineFinding(TypedDict):
    """What is wrong with a line."""

    kind: FindingKind
    line: str
    since: str | None
    message: str
    hint: str


class DoctorAnswer(TypedDict):
    """``doctor``: runs in flight, how many of them were looked at, and what was found.
    ``maintenance``: who holds new runs, if somebody does.
    """

    now: str
    lines: int
    runs: int
    looked_at: int
    findings: list[LineFinding]
    maintenance: NotRequired[HoldTold | None]


class HelloAnswer(TypedDict):
    """``hello``."""

    catchment: str
    version: str
    table: str
    bucket: str
    lines: int
