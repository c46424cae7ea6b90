"""Events on the Catchment's bus, for rules of your own and from applications of your own.

The Catchment sends events of the source ``duckstring`` with the detail type ``duckstring.pond``.
It takes events of any source with the detail type ``duckstring.trigger``. Events are delivered at
least once: ``key`` tells a repeated one.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from duckstring.model.triggers import TriggerKind

SOURCE = "duckstring"
POND_TYPE, TRIGGER_TYPE = "duckstring.pond", "duckstring.trigger"

PondEvent = Literal["succeeded", "failed", "killed", "blocked", "recovered", "contract", "check"]


class PondDetail(TypedDict):
    """Something happened to a line.

    Attributes:
        catchment: the Catchment's name.
        pond: the Pond's name.
        major: its major version.
        version: the version that the line runs; empty before its first.
        f: the freshness of what this is about, an instant in UTC.
        state: what happened. ``contract``: a run failed because it broke the contract of a table;
            ``check``: because a check failed.
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
