"""Why a line ran, did not run, is blocked or is stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from duckstring.model.answers.runs import RunRow
    from duckstring.model.answers.status import LineStatusWord, RunningRipple, WantedBy


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


class UsualTold(TypedDict):
    """What a run usually takes that takes far longer: ``seconds``, the median of the last ``runs``
    that succeeded. ``first_of``: it is the first run of this version, ``deployed`` then (null: it
    is not). ``text``: this in words.
    """

    seconds: float
    runs: int
    first_of: str | None
    deployed: str | None
    text: str


class CauseTold(TypedDict):
    """Why a line starts no run. ``leads_to``: the line whose own causes explain it; null: this is a
    root cause. ``since``: when it began, if that is known. ``at``: when it ends by itself, or what
    it needs comes, if that is known. ``runs``: those that it is about. ``usual``: of one that takes
    far too long.
    """

    kind: CauseKind
    text: str
    leads_to: str | None
    since: str | None
    at: str | None
    runs: list[str]
    ways: list[Way]
    usual: NotRequired[UsualTold]


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
    does or waits for, in words. ``usual``: if it takes far too long.
    """

    run: str
    f: str
    version: str
    started: str
    demand: list[DemandTold]
    ripples: list[RunningRipple]
    inside: list[str]
    usual: NotRequired[UsualTold]


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
    would change the root causes, or a run that takes far too long. ``last``: the last run, in
    words.
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
