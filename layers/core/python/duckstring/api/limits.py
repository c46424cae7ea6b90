"""Limits: set, removed, and told with who has their tokens and who waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from duckstring.api.post import PATIENCE, post_and_wait
from duckstring.api.requests import missing
from duckstring.engine.letters import Letter
from duckstring.engine.limits import Entry, LimitRemoved, LimitSet, LimitSignal, LimitState
from duckstring.engine.signals import PrioritySet
from duckstring.errors import OperatorError, nearest
from duckstring.model import commands
from duckstring.model.catalog import Release
from duckstring.model.find import find_deployed
from duckstring.model.instants import to_text
from duckstring.model.limits import MOST_LIMITS, USUAL_PRIORITY
from duckstring.model.names import Line, limit_address, run_key
from duckstring.ports import Clock, LimitReader, Mailbox

if TYPE_CHECKING:
    from duckstring.api.ports import ControlPorts, LimitPorts
    from duckstring.api.requests import LimitRequest, PriorityRequest
    from duckstring.model.answers.changes import LimitAnswer, PriorityAnswer
    from duckstring.model.answers.status import LimitTold, TokenTold

_FIRST_LOOK = timedelta(milliseconds=20)
_LONGEST_LOOK = timedelta(milliseconds=500)

Releases = Mapping[Line, Release]


class NoSuchLimitError(OperatorError):
    """No limit of that name is set."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        """Name those that are set."""
        known = sorted(known)
        meant = nearest(name, known, "did you mean {!r}? ")
        super().__init__(
            f"No limit {name!r} is set; {meant}set are: {', '.join(known) or 'none'}.",
            hint=f"See all: {commands.LIMITS}",
        )


def limit(asked: LimitRequest, ports: LimitPorts) -> LimitAnswer:
    """Set, remove or list limits.

    Raises:
        OperatorError: no name, or no number of tokens; nothing to remove; too many limits.
    """
    releases = ports.catalog.releases()
    states = read(ports.limits)
    if asked.action == "list":
        return _answer(states, releases, ports.clock)
    if asked.name is None:
        raise missing("name")
    signal = _word(asked.name, asked.tokens, states, ports.clock, is_set=asked.action == "set")
    applied = _post(asked.name, signal, ports.limits, ports.mailbox, ports.clock)
    answer = _answer(read(ports.limits), releases, ports.clock, applied=applied)
    used = {name for release in releases.values() for name in uses_of(release)}
    if asked.action == "set" and asked.name not in used:
        meant = nearest(asked.name, used, "Did you mean {!r}? ")
        ways = f'Write @ripple(uses="{asked.name}").'
        answer["warnings"].append(f"No deployed Ripple uses {asked.name}. {meant}{ways}")
    return answer


def priority(asked: PriorityRequest, ports: ControlPorts) -> PriorityAnswer:
    """Set the priority of a line's claims, and tell it.

    Raises:
        OperatorError: no such Pond.
    """
    line = find_deployed(ports.catalog, asked.pond, asked.major).line
    if asked.priority is None:
        seen = ports.states.read({line}).get(line)
        held = seen.state.priority if seen else USUAL_PRIORITY
        return {"line": line, "priority": held, "applied": True}
    posted = post_and_wait(
        line,
        PrioritySet(asked.priority),
        mailbox=ports.mailbox,
        states=ports.states,
        clock=ports.clock,
    )
    return {"line": line, "priority": posted.state.priority, "applied": posted.applied}


def read(limits: LimitReader) -> Mapping[str, LimitState]:
    """The states of all limits, by name."""
    return {name: seen.state for name, seen in limits.read().items()}


def told(states: Mapping[str, LimitState], releases: Releases) -> list[LimitTold]:
    """Every limit that is set, in use, or named by a Ripple that is deployed, by name."""
    users: dict[str, list[str]] = {}
    for line, release in sorted(releases.items()):
        for name in uses_of(release):
            users.setdefault(name, []).append(line)
    shown = {
        name
        for name, state in states.items()
        if state.tokens is not None or state.holders or state.waiting
    }
    return [
        _told(states.get(name) or LimitState(name), users.get(name, []))
        for name in sorted(shown | users.keys())
    ]


def uses_of(release: Release) -> list[str]:
    """The limits that a version's Ripples use, by name."""
    return sorted({name for spec in release.ripples for name in spec.uses})


def unset(
    releases: Sequence[Release], states: Mapping[str, LimitState]
) -> Mapping[Line, list[str]]:
    """What a deploy warns of: limits without a bound, each with the first line that uses it."""
    users: dict[str, list[Line]] = {}
    for release in releases:
        for name in uses_of(release):
            users.setdefault(name, []).append(release.line)
    found: dict[Line, list[str]] = {}
    for name, lines in sorted(users.items()):
        if name in states and states[name].tokens is not None:
            continue
        use = f"{lines[0]} and {len(lines) - 1} more use" if len(lines) > 1 else f"{lines[0]} uses"
        found.setdefault(lines[0], []).append(
            f"{use} {name}, which has no limit: any number of attempts runs at once. Set one: "
            f"{commands.set_limit(name)}"
        )
    return found


def _word(
    name: str, tokens: int | None, states: Mapping[str, LimitState], clock: Clock, *, is_set: bool
) -> LimitSet | LimitRemoved:
    known = {one for one, state in states.items() if state.tokens is not None}
    if not is_set:
        if name not in known:
            raise NoSuchLimitError(name, known)
        return LimitRemoved(clock.now())
    if tokens is None:
        raise missing("tokens", "a whole number")
    if name not in known and len(known) >= MOST_LIMITS:
        raise OperatorError(
            f"{len(known)} limits are set; allowed: {MOST_LIMITS}.",
            hint=f"Remove one: {commands.REMOVE_LIMIT}",
        )
    return LimitSet(tokens, clock.now())


def _post(
    name: str, signal: LimitSignal, limits: LimitReader, mailbox: Mailbox, clock: Clock
) -> bool:
    """Post to a limit, and wait until it has received it. False: not in time."""
    until, look = clock.now() + PATIENCE, _FIRST_LOOK
    key = f"{limit_address(name)}:{type(signal).__name__}:{to_text(clock.now())}"
    (sequence,) = mailbox.send([Letter(limit_address(name), signal, key)])

    def is_there() -> bool:
        seen = limits.read().get(name)
        return seen is not None and int(seen.mark[1] or 0) >= int(sequence)

    while not (applied := is_there()) and clock.now() + look < until:
        clock.wait(look)
        look = min(look * 2, _LONGEST_LOOK)
    return applied


def _answer(
    states: Mapping[str, LimitState], releases: Releases, clock: Clock, *, applied: bool = True
) -> LimitAnswer:
    return {
        "now": to_text(clock.now()),
        "limits": told(states, releases),
        "warnings": [],
        "applied": applied,
    }


def _told(state: LimitState, used_by: list[str]) -> LimitTold:
    return {
        "name": state.name,
        "tokens": state.tokens,
        "held": [_token(state, line, entry) for line, entry in state.holders],
        "waiting": [_token(state, line, entry) for line, entry in state.waiting],
        "used_by": used_by,
    }


def _token(state: LimitState, line: Line, entry: Entry) -> TokenTold:
    return {
        "line": line,
        "run": run_key(line, entry.run),
        "ripple": entry.ripple,
        "since": to_text(entry.since),
        "priority": state.lines[line].priority,
    }
