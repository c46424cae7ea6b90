"""What ``status`` says of each line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from duckstring.model.answers.common import Span

if TYPE_CHECKING:
    from duckstring.model.answers.common import HoldTold, SaidTold
    from duckstring.model.answers.runs import RunRow, WarningTold
    from duckstring.model.answers.tables import OlderTable
    from duckstring.model.compute import Place, Why


WantedBy = Literal["force", "wake", "retry", "tap", "wave", "tide", "pulse", "unknown"]


LineStatusWord = Literal["undeployed", "idle", "waiting", "running", "failed", "killed", "blocked"]


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


class LateTold(TypedDict):
    """A bound that will be passed, as it is reckoned now: when, when the line is ``expected`` to
    publish, and because of which ``line``, in words and as a whole sentence.
    """

    at: str
    expected: str
    line: str
    because: str
    text: str


class BoundTold(TypedDict):
    """How old a line's data may be. ``words``: ``2h``, ``fresh by 06:00 Europe/Berlin``, ``none``.

    ``within``: an age in seconds; else ``at``, a time of day in ``tz`` on the weekdays ``on``.
    ``declared``: by an operator; else it follows from the Tide. ``stale``: since when the data is
    too old. ``due``: when it will be, as things are. ``late``: that it will be, before the line
    publishes.
    """

    words: str
    within: float | None
    at: str | None
    tz: str | None
    on: list[str]
    declared: bool
    stale: str | None
    due: str | None
    late: NotRequired[LateTold]


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


class PageTold(TypedDict):
    """Of all lines that were asked for, how many there are of each word (``stale``: idle, and too
    old), as of a moment ago; and the ``after`` of the next page. Null: this is the last one.
    """

    totals: dict[str, int]
    next: str | None


class StatusAnswer(TypedDict):
    """``status``. ``order``: all lines that there are, where some of them were asked for.
    ``next``: there is more than one answer holds; ask again with it as ``after``. ``limits``: all,
    of the first answer. ``page``: of the lines, where a page was asked for.
    ``maintenance``: who holds new runs in the Catchment, if somebody does.
    """

    now: str
    lines: list[LineStatus]
    limits: NotRequired[list[LimitTold]]
    order: NotRequired[list[str]]
    next: NotRequired[str]
    page: NotRequired[PageTold]
    maintenance: NotRequired[HoldTold | None]
