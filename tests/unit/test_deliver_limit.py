"""What of a letter to a limit is believed: docs/protocol.md, "Which letters are taken"."""

from __future__ import annotations

import pytest

from duckstring.engine.effects import Claim
from duckstring.engine.limits import GrantTokens, LimitSet, LimitState, TokensClaimed
from duckstring.engine.signals import ClaimsAsked, PrioritySet, TokensGranted
from duckstring.errors import StateTooLargeError
from duckstring.model.limits import MOST_PRIORITY, MOST_TOKENS
from duckstring.model.names import Line
from duckstring.orchestrator.credible import credible
from duckstring.orchestrator.deliver_limit import deliver_limit
from duckstring.orchestrator.ports import Received, ReceivedByLimit
from duckstring.testing.fakes import MemoryClock, MemoryLimits, MemoryMailbox
from duckstring.testing.simulator import START

A, B = Line("a@1"), Line("b@1")


def claimed(line=A, *, number=1, run=1, ripple="run", revision=3):
    return TokensClaimed(line, (Claim(number, run, ripple),), (revision, 0))


def delivered(*signals, limits=None, attempt="", revision=5):
    """The grants that follow, and the limit."""
    clock, limits = MemoryClock(START), limits or MemoryLimits()
    letters = [
        ReceivedByLimit(signal, (number, str(number)), attempt)
        for number, signal in enumerate(signals, start=1)
    ]
    grants = deliver_limit(
        "databricks",
        letters,
        store=limits,
        mailbox=MemoryMailbox(clock),
        revision_of=lambda _: revision,
        clock=clock,
    )
    return grants, limits.load("databricks").state


def test_letters_of_one_delivery_are_one_commit_and_one_grant_a_line():
    grants, state = delivered(claimed(A), claimed(B))
    assert grants == (GrantTokens(A, (1,)), GrantTokens(B, (1,)))
    assert state.revision == 1


@pytest.mark.parametrize(
    ("signal", "why"),
    [
        (LimitSet(MOST_TOKENS + 1, START), "1001 tokens"),
        (claimed(ripple="a b"), "claim 1 of 'a b'"),
        (claimed(number=0), "claim 0"),
        (claimed(run=0), "in run 0"),
        (claimed(revision=2_000), "a@1 has not come to revision 2000"),
    ],
)
def test_what_cannot_be_true_is_left_out_and_logged(signal, why, caplog):
    grants, state = delivered(signal, claimed(B))
    assert grants == (GrantTokens(B, (1,)),)
    assert set(state.lines) == {B}
    assert why in caplog.text


@pytest.mark.parametrize("signal", [claimed(), LimitSet(1000, START)])
def test_no_attempt_says_anything_to_a_limit(signal, caplog):
    grants, state = delivered(signal, attempt="sales-1-7-load-1")
    assert grants == ()
    assert state == LimitState("databricks")
    assert "which no attempt may" in caplog.text


def test_a_stamp_that_its_line_has_come_to_is_taken_however_far_it_is():
    assert delivered(claimed(revision=9_000), revision=9_000)[0] == (GrantTokens(A, (1,)),)


class Full(MemoryLimits):
    """Has room for one line."""

    def commit(self, held, state, outbox, mark, now):
        if len(state.lines) > 1:
            raise StateTooLargeError("no room", hint="")
        return super().commit(held, state, outbox, mark, now)


def test_what_there_is_no_room_for_is_left_out_and_holds_nothing_up(caplog):
    grants, state = delivered(claimed(A), claimed(B), limits=Full())
    assert grants == (GrantTokens(A, (1,)),)
    assert set(state.lines) == {A}
    assert "no room" in caplog.text


@pytest.mark.parametrize(
    ("signal", "is_kept"),
    [
        (TokensGranted("databricks", (1,)), True),
        (TokensGranted("data bricks", (1,)), False),
        (ClaimsAsked("databricks"), True),
        (ClaimsAsked("x" * 49), False),
        (PrioritySet(MOST_PRIORITY), True),
        (PrioritySet(MOST_PRIORITY + 1), False),
    ],
)
def test_what_a_line_is_told_of_limits_is_checked_and_never_comes_from_an_attempt(signal, is_kept):
    letter = Received(signal, (1, "1"))
    assert bool(credible(A, [letter], None)) == is_kept
    forged = Received(signal, (1, "1"), attempt="a-1-1-run-1")
    assert credible(A, [forged], None) == []
