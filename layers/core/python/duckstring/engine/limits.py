"""One step of a limit: an actor that gives tokens to claims of lines. The other side is
``tokens.py``. Rules: docs/engine.md, "Limits".

A limit believes what each line has said last: all its claims. It never takes a token back. A token
is free when its line no longer makes the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, assert_never

from msgspec import field

from duckstring.engine.effects import Claim
from duckstring.engine.signals import AlarmRang, Restored
from duckstring.engine.state import UNHEARD, Stamp
from duckstring.model.instants import NEVER, Instant
from duckstring.model.limits import (
    MOST_CLAIMS,
    MOST_GRANTS,
    MOST_PRIORITY,
    MOST_QUIET_LINES,
    USUAL_PRIORITY,
)
from duckstring.model.names import Line
from duckstring.model.values import Tagged, Value, replace


class TokensClaimed(Tagged, frozen=True):
    """A line has said all its claims of this limit. ``priority``: its own, the highest first."""

    line: Line
    claims: tuple[Claim, ...]
    stamp: Stamp
    priority: int = USUAL_PRIORITY


class LimitSet(Tagged, frozen=True):
    """An operator set how many tokens there are. ``at`` was minted where the request was made."""

    tokens: int
    at: Instant


class LimitRemoved(Tagged, frozen=True):
    """An operator removed the bound: every claim gets a token."""

    at: Instant


LimitSignal = TokensClaimed | LimitSet | LimitRemoved | AlarmRang | Restored


class GrantTokens(Tagged, frozen=True):
    """Tell a line that these claims of it have a token."""

    line: Line
    claims: tuple[int, ...]


class Entry(Value, frozen=True, array_like=True):
    """A claim as its limit has it. ``place``: in the order of asking. ``since``: when it got its
    token (``granted``), or asked.
    """

    number: int
    run: int
    ripple: str
    place: int
    since: Instant
    granted: bool = False


class Claimant(Value, frozen=True, array_like=True):
    """A line that claims tokens, or has done so. ``last``: the place of the last claim that anybody
    had made when the line was heard last.
    """

    stamp: Stamp
    priority: int
    last: int
    entries: tuple[Entry, ...] = ()


class LimitState(Value, frozen=True):
    """What a limit knows. ``tokens``: None: there is no bound, and every claim gets one.

    ``set_at``: when an operator last said so. ``places``: claims that were ever made. ``restored``:
    as of a line.
    """

    name: str
    revision: int = 0
    tokens: int | None = None
    set_at: Instant = NEVER
    lines: Mapping[Line, Claimant] = field(default_factory=dict)
    places: int = 0
    restored: Instant = NEVER

    @property
    def holders(self) -> list[tuple[Line, Entry]]:
        """The claims that have a token, in the order in which they got it."""
        found = [one for one in self._all() if one[1].granted]
        return sorted(found, key=lambda one: (one[1].since, one[1].place))

    @property
    def waiting(self) -> list[tuple[Line, Entry]]:
        """The claims without a token, the next one first: by priority, then in the order of
        asking.
        """
        found = [one for one in self._all() if not one[1].granted]
        return sorted(found, key=lambda one: (-self.lines[one[0]].priority, one[1].place))

    def _all(self) -> Iterator[tuple[Line, Entry]]:
        for line, claimant in self.lines.items():
            for entry in claimant.entries:
                yield line, entry


class LimitStep(NamedTuple):
    """The result of a step: the limit's new state, and the effects, one a line."""

    state: LimitState
    effects: tuple[GrantTokens, ...]


def step(state: LimitState, signal: LimitSignal, now: Instant) -> LimitStep:
    """Advance a limit by one signal.

    The function is pure and total: no clock, no input or output, no exception. A repeated signal
    changes nothing.
    """
    told: dict[Line, set[int]] = {}
    match signal:
        case TokensClaimed():
            state = _heard(state, signal, now, told)
        case LimitSet(tokens, at):
            state = _bounded(state, tokens, at)
        case LimitRemoved(at):
            state = _bounded(state, None, at)
        case Restored(at):
            state = _restored(state, at)
        case AlarmRang():
            pass  # what can be given follows from the state
        case _:
            assert_never(signal)
    state = _grant(state, now, told)
    grants = (GrantTokens(line, tuple(sorted(told[line]))) for line in sorted(told))
    return LimitStep(state, tuple(grants))


def _bounded(state: LimitState, tokens: int | None, at: Instant) -> LimitState:
    """Take an operator's last word."""
    return replace(state, tokens=tokens, set_at=at) if at > state.set_at else state


def _restored(state: LimitState, at: Instant) -> LimitState:
    """Every stamp counts as new: a line restored as of an earlier moment has not reached its last
    one yet. The lines say their claims again.
    """
    if at <= state.restored:
        return state
    lines = {line: replace(one, stamp=UNHEARD) for line, one in state.lines.items()}
    return replace(state, restored=at, lines=lines)


def _heard(
    state: LimitState, said: TokensClaimed, now: Instant, told: dict[Line, set[int]]
) -> LimitState:
    """Take a line's claims for those that it had. A token of a claim that says that it has none was
    given by a letter that was lost, or that is on its way: it is told again.
    """
    known = state.lines.get(said.line)
    if known is not None and said.stamp <= known.stamp:
        return state
    had = {entry.number: entry for entry in known.entries} if known else {}
    room = MOST_CLAIMS - sum(len(one.entries) for one in state.lines.values()) + len(had)
    places, entries = state.places, list[Entry]()
    for claim in said.claims:
        entry = had.get(claim.number)
        if entry is not None:
            if entry.granted and not claim.held:
                told.setdefault(said.line, set()).add(entry.number)
        elif len(entries) < room:
            places += 1
            entry = Entry(claim.number, claim.run, claim.ripple, places, now)
        if entry is not None:
            entries.append(entry)
    claimant = Claimant(said.stamp, min(said.priority, MOST_PRIORITY), places, tuple(entries))
    lines = _without_the_quietest({**state.lines, said.line: claimant})
    return replace(state, lines=lines, places=places)


def _without_the_quietest(lines: Mapping[Line, Claimant]) -> Mapping[Line, Claimant]:
    """Forget lines that claim nothing, beyond those that have done so last. If a very old letter of
    one comes again, the line says so when it is given a token.
    """
    quiet = [line for line, one in lines.items() if not one.entries]
    if len(quiet) <= MOST_QUIET_LINES:
        return lines
    oldest = min(quiet, key=lambda line: (lines[line].last, line))
    return {line: one for line, one in lines.items() if line != oldest}


def _grant(state: LimitState, now: Instant, told: dict[Line, set[int]]) -> LimitState:
    """Give free tokens to those that wait, in their order. What there is no room to tell now is
    given in a later step.
    """
    waiting = state.waiting
    if not waiting:
        return state
    free = len(waiting) if state.tokens is None else state.tokens - len(state.holders)
    lines = dict(state.lines)
    for line, entry in waiting[: max(free, 0)]:
        if line not in told and len(told) >= MOST_GRANTS:
            continue
        told.setdefault(line, set()).add(entry.number)
        given = replace(entry, granted=True, since=now)
        one = lines[line]
        entries = tuple(given if e.number == entry.number else e for e in one.entries)
        lines[line] = replace(one, entries=entries)
    return replace(state, lines=lines)
