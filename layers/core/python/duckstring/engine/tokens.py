"""Tokens of limits, on the side of a line: what it claims, and what it was given. The other side is
``limits.py``. Rules: docs/engine.md, "Limits".

A line never sends "I give one token back". It says all that it claims of a limit, each time that
changes, and what it no longer claims is free. So no way for a Ripple to end can forget its token.
"""

from __future__ import annotations

from collections.abc import Mapping

from duckstring.engine.effects import Claim, ClaimTokens
from duckstring.engine.limits import LimitState
from duckstring.engine.signals import TokensGranted
from duckstring.engine.state import Attempt, PondState, RippleState
from duckstring.engine.turn import Turn
from duckstring.model.values import replace
from duckstring.model.verdicts import MOST_BRANCHES


def has_tokens(ripple: RippleState, attempt: Attempt) -> bool:
    """Whether the attempt has a token of each limit that its Ripple uses."""
    return len(attempt.held) == len(ripple.uses)


def awaited(ripple: RippleState) -> str:
    """The limit whose token the Ripple waits for; empty: it waits for none."""
    attempt = ripple.attempt
    if attempt is None or not attempt.claim or has_tokens(ripple, attempt):
        return ""
    return ripple.uses[len(attempt.held)]


def ask_tokens(turn: Turn) -> bool:
    """Claim tokens for each Ripple whose branch waits at its gate with an attempt to make.

    A branch at its gate has its place in the execution, so a Ripple that gets a token can use it. A
    Ripple may have its attempt earlier, but 40 others that wait for the token could have all
    places.
    """
    asked = False
    for ripple in turn.ripples.values():
        attempt = ripple.attempt
        if not ripple.uses or attempt is None or attempt.dispatched or attempt.claim:
            continue
        if ripple.name in turn.runs[attempt.run].waiting:
            turn.claims_made += 1
            claiming = replace(attempt, claim=turn.claims_made)
            turn.put_ripple(replace(ripple, attempt=claiming))
            asked = True
    return asked


def take_grant(turn: Turn, granted: TokensGranted) -> None:
    """A limit has given tokens. One that is no longer claimed is returned: the claims are said
    again.
    """
    unknown = set(granted.claims)
    for ripple in tuple(turn.ripples.values()):
        attempt = ripple.attempt
        if attempt is None or attempt.claim not in unknown:
            continue
        if granted.limit in attempt.held:  # a repeated letter
            unknown.discard(attempt.claim)
        elif granted.limit == awaited(ripple):
            unknown.discard(attempt.claim)
            held = replace(attempt, held=(*attempt.held, granted.limit), since=turn.now)
            turn.put_ripple(replace(ripple, attempt=held))
    if unknown:
        turn.doubted |= {granted.limit}


def lose_places(turn: Turn, run: int) -> None:
    """The execution of a run is gone, and with it the places of its branches. If it has more
    branches than places, its Ripples give their tokens back, and ask again at their gates.
    """
    if len(turn.ripples) <= MOST_BRANCHES:
        return
    for ripple in tuple(turn.ripples.values()):
        attempt = ripple.attempt
        if attempt is not None and attempt.run == run and attempt.claim:
            turn.put_ripple(replace(ripple, attempt=replace(attempt, claim=0, held=())))


def claims_of(ripples: Mapping[str, RippleState]) -> dict[str, tuple[Claim, ...]]:
    """What a line claims of each limit, the oldest claim first.

    A Ripple that uses several limits asks one after the other, in the same order as every other
    Ripple. So no two can wait for each other.
    """
    found: dict[str, list[Claim]] = {}
    for ripple in ripples.values():
        attempt = ripple.attempt
        if attempt is None or not attempt.claim:
            continue
        for limit in ripple.uses[: len(attempt.held) + 1]:
            claim = Claim(attempt.claim, attempt.run, ripple.name, limit in attempt.held)
            found.setdefault(limit, []).append(claim)
    return {limit: tuple(sorted(claims, key=_number)) for limit, claims in found.items()}


def misheard(state: PondState, limits: Mapping[str, LimitState]) -> list[str]:
    """The limits that know other claims of this line than it makes, or have given tokens that it
    does not have. If no letter is on its way, one was lost.
    """
    claims = claims_of(state.ripples)
    known = {name: one.lines[state.line] for name, one in limits.items() if state.line in one.lines}
    return [
        name
        for name in sorted(claims.keys() | known.keys())
        if {claim.number: claim.held for claim in claims.get(name, ())}
        != {e.number: e.granted for e in (known[name].entries if name in known else ())}
    ]


def tell_limits(turn: Turn) -> None:
    """Tell each limit what this line claims of it, if that has changed in this step."""
    if not turn.claims_made and not turn.doubted:
        return  # the usual case: the line has never claimed anything
    before = turn.before
    old, new = claims_of(before.ripples), claims_of(turn.ripples)
    for limit in sorted(old.keys() | new.keys() | turn.doubted):
        claims = new.get(limit, ())
        is_same = _numbers(claims) == _numbers(old.get(limit, ()))
        is_ranked_anew = turn.priority != before.priority and bool(claims)
        if not is_same or is_ranked_anew or limit in turn.doubted:
            turn.emit(ClaimTokens(limit, claims, turn.priority))


def _numbers(claims: tuple[Claim, ...]) -> list[int]:
    return [claim.number for claim in claims]


def _number(claim: Claim) -> int:
    return claim.number
