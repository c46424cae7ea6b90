"""Operators' verbs and live retry budgets for one line. Each is answered when the line has received
it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from duckstring.api.ports import ControlPorts
from duckstring.api.post import Posted, post_all_and_wait, post_and_wait
from duckstring.api.status import describe, held_warnings
from duckstring.engine.signals import BudgetSet, Ordered, Verb
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model import commands
from duckstring.model.catalog import Release
from duckstring.model.find import find, find_deployed
from duckstring.model.instants import NEVER
from duckstring.model.names import Line, run_key

if TYPE_CHECKING:
    from duckstring.model.answers.changes import BudgetAnswer, ControlAnswer


class NothingToForceError(OperatorError):
    """A line that never ran has no freshness to run again at, and its Sources have no output to
    start with.
    """

    def __init__(self, line: Line, empty: Collection[Line]) -> None:
        """Name the Sources without output."""
        sources = f"{', '.join(sorted(empty))} {'have' if len(empty) > 1 else 'has'}"
        super().__init__(
            f"{line} cannot be forced: it has never run, and {sources} no output yet.",
            hint=f"Run it with all that it needs: {commands.pulse(line)}",
        )


def control(
    pond: str, verb: Verb, ports: ControlPorts, *, major: int | None = None, upstream: bool = False
) -> ControlAnswer:
    """Use a verb on a line; ``upstream``: sleep, for each of its ancestors as well.

    Raises:
        OperatorError: no such Pond, or a verb that cannot be.
    """
    if upstream and verb != "sleep":
        raise OperatorError(f"upstream with {verb}; only sleep knows it.")
    releases = ports.catalog.releases() if upstream else {}
    release = find(releases, pond, major) if upstream else find_deployed(ports.catalog, pond, major)
    line = release.line
    before = _read(line, ports)
    if verb == "force":
        check_force(before)
    lines = (line, *sorted(ancestors(line, releases)))
    said = ports.asked()
    posted = post_all_and_wait(
        dict.fromkeys(lines, Ordered(verb, said.at, said.by, said.note)),
        mailbox=ports.mailbox,
        states=ports.states,
        clock=ports.clock,
    )
    return {
        "lines": list(lines),
        "applied": all(held.applied for held in posted.values()),
        "previous": describe(before, release, said.at)["status"],
        "status": describe(posted[line].state, release, ports.clock.now()),
        "runs": [run_key(line, number) for number in stopped(before, posted[line])]
        if verb == "kill"
        else [],
        "warnings": [
            *(_still_wanted(posted, ports) if verb == "sleep" else ()),
            *(held_warnings(posted[line].state) if verb in {"wake", "force", "clear"} else ()),
        ],
    }


def failure_budget(
    pond: str,
    ports: ControlPorts,
    *,
    major: int | None = None,
    immediate_retries: int | None = None,
    source_retries: int | None = None,
) -> BudgetAnswer:
    """Set the given live retry budgets, and return both.

    Raises:
        OperatorError: no such Pond.
    """
    line = find_deployed(ports.catalog, pond, major).line
    posted = Posted(_read(line, ports), applied=True)
    if immediate_retries is not None or source_retries is not None:
        signal = BudgetSet(immediate_retries, source_retries)
        posted = post_and_wait(
            line, signal, mailbox=ports.mailbox, states=ports.states, clock=ports.clock
        )
    state = posted.state
    return {
        "line": line,
        "immediate_retries": state.immediate_retries,
        "source_retries": state.source_retries,
        "failures": state.failures,
        "applied": posted.applied,
    }


def ancestors(line: Line, releases: Mapping[Line, Release]) -> frozenset[Line]:
    """Every deployed line that ``line`` reads, required or optional, directly or through others."""
    found: set[Line] = set()
    ahead = [line]
    while ahead:
        held = releases.get(ahead.pop())
        news = (
            {spec.line for spec in held.sources if spec.line in releases} - found if held else set()
        )
        found |= news
        ahead += news
    return frozenset(found - {line})


def check_force(state: PondState) -> None:
    """Refuse to force a line that has nothing to run again, and nothing to start with.

    Raises:
        NothingToForceError: it has neither.
    """
    if state.end_f != NEVER or not state.sources:
        return
    views = state.sources.values()
    required = [view for view in views if not view.optional]
    empty = [view.line for view in required or views if view.report.end_f == NEVER]
    if empty and (required or len(empty) == len(views)):
        raise NothingToForceError(state.line, empty)


def stopped(before: PondState, posted: Posted) -> Iterator[int]:
    """The runs that are no longer in flight: they were before, or began since. A failed run is in
    flight as long as an attempt of it runs.
    """
    if not posted.applied:
        return
    after = posted.state
    since = range(before.runs_started + 1, after.runs_started + 1)
    yield from (number for number in (*sorted(before.runs), *since) if number not in after.runs)


def _still_wanted(posted: Mapping[Line, Posted], ports: ControlPorts) -> Iterator[str]:
    """Warnings for Sinks that stay awake and want what was put to sleep. They wait until somebody
    asks for it again.
    """
    asleep: dict[Line, list[Line]] = {}
    for line, held in sorted(posted.items()):
        for sink in held.state.sinks:
            if sink not in posted:
                asleep.setdefault(sink, []).append(line)
    for sink, seen in sorted(ports.states.read(asleep).items()):
        if wants := _wants(seen.state):
            yield (
                f"{sink} is awake ({wants}) and reads {', '.join(asleep[sink])}: it asks again "
                "with its next run or trigger."
            )


def _wants(state: PondState) -> str:
    standing = type(state.trigger).__name__.lower() if state.trigger else ""
    pull = "pull" if state.pull is not None or state.woken is not None else ""
    return ", ".join(filter(None, (standing, pull, "push" if state.targets else "")))


def _read(line: Line, ports: ControlPorts) -> PondState:
    seen = ports.states.read([line]).get(line)
    return seen.state if seen else PondState(line)
