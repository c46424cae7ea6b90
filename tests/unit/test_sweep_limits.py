"""The sweep repairs what limits and lines know of each other."""

from __future__ import annotations

import pytest

from duckstring.engine.effects import Claim
from duckstring.engine.limits import GrantTokens, LimitState, TokensClaimed
from duckstring.engine.limits import step as limit_step
from duckstring.engine.signals import (
    AlarmRang,
    ClaimsAsked,
    Restored,
)
from duckstring.engine.state import Attempt, PondState, RippleState
from duckstring.model.names import (
    Line,
    limit_address,
)
from duckstring.orchestrator.ports import HeldLimit
from duckstring.ports import Seen
from tests.unit.api.world import (
    NOON,
)
from tests.unit.sweep_kit import (
    HOUR,
    JUST_NOW,
    LONG_AGO,
    MINUTE,
    NOW,
    SALES,
    World,
    pond,
    run,
)

CLAIM = Claim(1, 7, "load")


def using(*, waiting, claimed=True, mark=LONG_AGO):
    """A line of which a Ripple uses a limit: its branch waits for a token, or has one."""
    attempt = Attempt(
        7,
        1,
        NOW - 7 * HOUR * MINUTE,
        dispatched=not waiting,
        claim=int(claimed),
        held=() if waiting else ("databricks",),
    )
    ripple = RippleState("load", uses=("databricks",), attempt=attempt)
    begun = run(7, waiting=frozenset({"load"} if waiting else ()))
    return Seen(pond(ripples={"load": ripple}, runs={7: begun}), mark=mark)


def knows(world, *signals, tokens=1, outbox=(), committed=NOW):
    """What the limit has heard."""
    state = LimitState("databricks", tokens=tokens)
    for signal in signals:
        state = limit_step(state, signal, NOON).state
    world.limits.held["databricks"] = HeldLimit(state, outbox, LONG_AGO, committed)
    return world


GOING = {"sales@1/7-1": ("RUNNING", "")}


def test_a_branch_that_waits_for_a_token_is_not_silent_however_long_that_takes():
    heard = TokensClaimed(SALES, (CLAIM,), (1, 0))
    world = knows(World(using(waiting=True), described=GOING), heard, tokens=0)
    assert world.letters() == []


@pytest.mark.parametrize(
    ("claims", "seen"),
    [
        ((), using(waiting=True)),
        ((CLAIM,), using(waiting=True)),
        ((CLAIM,), Seen(pond(), mark=LONG_AGO)),
    ],
    ids=["the claim was lost", "the token was lost", "the return was lost"],
)
def test_a_line_that_its_limit_has_misheard_says_its_claims_again(claims, seen):
    world = knows(World(seen, described=GOING), TokensClaimed(SALES, claims, (1, 0)))
    assert world.letters() == [(SALES, ClaimsAsked("databricks"))]
    assert world.report["misheard"] == [SALES]


def test_a_line_that_has_just_said_something_is_not_asked_again():
    world = knows(World(using(waiting=True, mark=JUST_NOW), described=GOING))
    assert world.letters() == []


def test_the_token_of_a_line_that_is_gone_is_asked_back():
    gone = Seen(PondState(Line("gone@1")), mark=LONG_AGO)
    world = knows(World(gone, releases=()), TokensClaimed(gone.state.line, (CLAIM,), (1, 0)))
    assert world.letters() == [(gone.state.line, ClaimsAsked("databricks"))]


def test_grants_that_nobody_sent_are_woken_and_fresh_ones_are_not():
    outbox = (GrantTokens(SALES, (1,)),)
    fresh = knows(World(releases=()), outbox=outbox, committed=NOW - 11 * MINUTE)
    assert fresh.letters() == []
    late = knows(World(releases=()), outbox=outbox, committed=NOW - 16 * MINUTE)
    assert late.letters() == [(limit_address("databricks"), AlarmRang())]
    assert late.report["limits"] == ["databricks"]


def test_a_limit_is_told_that_its_table_came_from_elsewhere():
    world = knows(World(releases=()).came(NOON))
    assert (limit_address("databricks"), Restored(NOON)) in world.letters()
