"""One verb or one trigger for many lines. Each line has an outcome of its own: one that is refused
keeps no other from its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from duckstring.api.control import check_force, stopped
from duckstring.api.ports import ApiPorts
from duckstring.api.post import Posted, post_all_and_wait
from duckstring.api.requests import BatchRequest
from duckstring.api.status import describe
from duckstring.engine.signals import Ordered, Triggered
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model.find import find
from duckstring.model.instants import Instant
from duckstring.model.names import Line, parse_line, run_key
from duckstring.model.triggers import read_trigger

if TYPE_CHECKING:
    from duckstring.model.answers.operated import BatchAnswer, LineOutcome
    from duckstring.model.catalog import Release


def batch(asked: BatchRequest, ports: ApiPorts) -> BatchAnswer:
    """Post to every line that may have it, all before any is waited for.

    Raises:
        OperatorError: neither or both of a verb and a trigger are asked for, or a bound does not
            fit.
    """
    order = _order(asked, ports)
    lines = tuple(dict.fromkeys(asked.lines))
    releases = ports.catalog.releases()
    seen = ports.states.read({Line(line) for line in lines if line in releases})
    before = {line: held.state for line, held in seen.items()}
    refused = {line: why for line in lines if (why := _refusal(line, asked, releases, before))}
    posted = post_all_and_wait(
        {Line(line): order for line in lines if line not in refused},
        mailbox=ports.mailbox,
        states=ports.states,
        clock=ports.clock,
    )
    now = ports.clock.now()
    return {
        "outcomes": [
            _refused(line, refused[line])
            if line in refused
            else _done(before.get(Line(line)), posted[Line(line)], releases[Line(line)], now)
            for line in lines
        ]
    }


def _order(asked: BatchRequest, ports: ApiPorts) -> Ordered | Triggered:
    said = ports.said
    if asked.verb is not None and asked.kind is None:
        return Ordered(asked.verb, said.at, said.by, said.note)
    if asked.kind is not None and asked.verb is None:
        kind, bound = read_trigger(asked.kind, asked.bound)
        return Triggered(kind, said.at, bound, said.by, said.note)
    raise OperatorError("Give verb or kind: one of them.")


def _refusal(
    line: str,
    asked: BatchRequest,
    releases: Mapping[Line, Release],
    before: Mapping[Line, PondState],
) -> OperatorError | None:
    try:
        pond, major = parse_line(line)
        find(releases, pond, major)
        if asked.verb == "force":
            check_force(before.get(Line(line)) or PondState(Line(line)))
    except ValueError as error:
        return OperatorError(f"{error}.")
    except OperatorError as error:
        return error
    return None


def _refused(line: str, why: OperatorError) -> LineOutcome:
    return {
        "line": line,
        "applied": False,
        "previous": None,
        "status": None,
        "reason": "",
        "runs": [],
        "error": {"type": type(why).__name__, "message": why.message, "hint": why.hint},
    }


def _done(before: PondState | None, posted: Posted, release: Release, now: Instant) -> LineOutcome:
    state = posted.state
    held = before or PondState(state.line)
    after = describe(state, release, now)
    return {
        "line": state.line,
        "applied": posted.applied,
        "previous": describe(held, release, now)["status"],
        "status": after["status"],
        "reason": after["reason"],
        "runs": [run_key(state.line, number) for number in stopped(held, posted)],
        "error": None,
    }
