"""Events on the Catchment's bus, for rules of your own and from applications of your own.

The Catchment sends events of the source ``duckstring`` with the detail type ``duckstring.pond``,
and of those what somebody should know of as ``duckstring.alert``: once for each root cause.
It takes events of any source with the detail type ``duckstring.trigger``. Events are delivered at
least once: ``key`` tells a repeated one.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from duckstring.model.triggers import TriggerKind

SOURCE = "duckstring"
POND_TYPE, TRIGGER_TYPE, ALERT_TYPE = "duckstring.pond", "duckstring.trigger", "duckstring.alert"

PondEvent = Literal[
    "succeeded", "failed", "killed", "blocked", "recovered", "contract", "check", "stale", "fresh"
]


class PondDetail(TypedDict):
    """Something happened to a line.

    Attributes:
        catchment: the Catchment's name.
        pond: the Pond's name.
        major: its major version.
        version: the version that the line runs; empty before its first.
        f: the freshness of what this is about, an instant in UTC.
        state: what happened. ``contract``: a run failed because it broke the contract of a table;
            ``check``: because a check failed. ``stale``: the data has passed its bound; ``fresh``:
            that is over.
        previous: the line's health before: ``ok``, ``failed``, ``killed``, ``blocked``.
        key: the same for a repeated delivery of the same event.
        run: the run, such as ``sales@1/42``, where it is about one.
        error: the failure's text, or why the line is blocked.
        warnings: the names of the checks that warn of what the run has published, if any does.
        by: who did it, such as the ARN of who killed the line, if that is known.
        note: why, in the words of who did it.
    """

    catchment: str
    pond: str
    major: int
    version: str
    f: str
    state: PondEvent
    previous: str
    key: str
    run: NotRequired[str]
    error: NotRequired[str]
    warnings: NotRequired[list[str]]
    by: NotRequired[str]
    note: NotRequired[str]


class TriggerDetail(TypedDict):
    """Asks a Pond for something, as ``duckstring trigger`` does. An event that is at fault changes
    nothing: the orchestrator's log says why.

    Attributes:
        pond: the Pond's name.
        kind: what is asked for. ``remove`` ends a Wave or Tide.
        major: its major version; without it the highest that is deployed.
        bound: a Tide's, in seconds.
        epoch: when it was asked for, an instant in UTC that is not in the future; without it the
            time at which the event comes.
        note: why, for those who look later.
    """

    pond: str
    kind: TriggerKind
    major: NotRequired[int]
    bound: NotRequired[float]
    epoch: NotRequired[str]
    note: NotRequired[str]


Alert = Literal["failed", "killed", "stale", "recovered", "test"]
Trouble = Literal["failed", "stale"]


class EmailPart(TypedDict):
    """An alert in lines of plain text, without quotation marks: EventBridge does not escape what it
    puts into a text.
    """

    title: str
    what: str
    effect: str
    todo: str


class SlackPart(TypedDict):
    """An alert as Slack's incoming webhooks take it."""

    text: str


class AlertDetail(TypedDict):
    """One page: a root cause, or that it is over.

    Attributes:
        catchment: the Catchment's name.
        alert: ``failed``, ``killed`` or ``stale``: a root cause; ``recovered``: it is over;
            ``test``: nothing has happened.
        of: what has recovered, or what this is about: ``failed`` (also killed) or ``stale``.
        line: the line that is the root.
        pond: its Pond.
        major: its major version.
        version: the version that it runs.
        since: since when, an instant in UTC.
        run: the run that failed.
        error: the failure's first line, with masks in the place of secrets.
        blocks: lines that do not run because of it, or did not; the first few hundred.
        blocked: how many these are in all.
        stale: of the line and those that it blocks, whose data is older than its bound.
        concerns: the Pond, and those that it blocks.
        to: for a test, the name of the alert.
        title: one line for people.
        text: title, cause, effect and what to type, in lines.
        email: the same without quotation marks.
        slack: the same as a message to Slack.
        key: the same for a repeated delivery.
    """

    catchment: str
    alert: Alert
    of: Trouble
    line: str
    pond: str
    major: int
    version: str
    since: str
    run: NotRequired[str]
    error: NotRequired[str]
    blocks: list[str]
    blocked: int
    stale: list[str]
    concerns: list[str]
    to: NotRequired[list[str]]
    title: str
    text: str
    email: EmailPart
    slack: SlackPart
    key: str
