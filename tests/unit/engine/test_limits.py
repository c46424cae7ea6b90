"""What a limit does with single letters: docs/engine.md, "Limits"."""

from __future__ import annotations

from duckstring.engine.effects import Claim
from duckstring.engine.limits import (
    GrantTokens,
    LimitRemoved,
    LimitSet,
    LimitSignal,
    LimitState,
    LimitStep,
    TokensClaimed,
    step,
)
from duckstring.engine.signals import AlarmRang, Restored
from duckstring.engine.state import UNHEARD
from duckstring.model.limits import MOST_CLAIMS, MOST_GRANTS, MOST_PRIORITY, MOST_QUIET_LINES
from duckstring.model.names import Line
from duckstring.testing.simulator import START, seconds

A, B, C = Line("a@1"), Line("b@1"), Line("c@1")


def claimed(
    line: Line, *numbers: int, revision: int = 1, priority: int = 50, held: bool = False
) -> TokensClaimed:
    claims = tuple(Claim(number, number, "run", held) for number in numbers)
    return TokensClaimed(line, claims, (revision, 0), priority)


def after(*signals: LimitSignal, state: LimitState | None = None) -> LimitStep:
    """The state after these, and the effects of the last one. A second lies between them."""
    stepped = LimitStep(state or LimitState("databricks"), ())
    for number, signal in enumerate(signals):
        stepped = step(stepped.state, signal, START + seconds(number))
    return stepped


def bound(tokens: int, at: int = 0) -> LimitSet:
    return LimitSet(tokens, START + seconds(at))


def test_without_a_bound_every_claim_gets_a_token_at_once() -> None:
    stepped = after(claimed(A, 1), claimed(B, 1, 2))
    assert stepped.effects == (GrantTokens(B, (1, 2)),)
    assert [(line, entry.number) for line, entry in stepped.state.holders] == [
        (A, 1),
        (B, 1),
        (B, 2),
    ]


def test_a_claim_beyond_the_bound_waits_and_gets_the_first_token_that_is_free() -> None:
    waiting = after(bound(1), claimed(A, 1), claimed(B, 1), claimed(C, 1))
    assert waiting.effects == ()
    assert [line for line, _ in waiting.state.waiting] == [B, C]
    freed = after(claimed(A, revision=2), state=waiting.state)
    assert freed.effects == (GrantTokens(B, (1,)),)
    assert [line for line, _ in freed.state.holders] == [B]


def test_the_higher_priority_goes_first_and_may_be_raised_while_it_waits() -> None:
    waiting = after(bound(1), claimed(A, 1), claimed(B, 1), claimed(C, 1, priority=60))
    assert [line for line, _ in waiting.state.waiting] == [C, B]
    raised = after(claimed(B, 1, revision=2, priority=MOST_PRIORITY + 7), state=waiting.state)
    assert [line for line, _ in raised.state.waiting] == [B, C]
    assert raised.state.lines[B].priority == MOST_PRIORITY


def test_a_lower_bound_takes_no_token_back_and_gives_none_before_enough_are_free() -> None:
    held = after(bound(3), claimed(A, 1), claimed(B, 1), claimed(C, 1, 2), bound(1, at=1))
    assert len(held.state.holders) == 3
    assert after(claimed(A, revision=2), state=held.state).effects == ()
    last = after(claimed(A, revision=2), claimed(B, revision=2), state=held.state)
    assert last.effects == ()
    assert after(claimed(C, 2, revision=2), state=last.state).effects == (GrantTokens(C, (2,)),)


def test_a_higher_bound_and_none_let_those_who_wait_go_on() -> None:
    waiting = after(bound(1), claimed(A, 1), claimed(B, 1), claimed(C, 1)).state
    assert after(bound(2, at=1), state=waiting).effects == (GrantTokens(B, (1,)),)
    removed = after(LimitRemoved(START + seconds(1)), state=waiting)
    assert removed.effects == (GrantTokens(B, (1,)), GrantTokens(C, (1,)))
    assert removed.state.tokens is None


def test_an_older_word_of_an_operator_changes_nothing() -> None:
    state = after(bound(2, at=5)).state
    assert after(bound(7, at=4), LimitRemoved(START + seconds(5)), state=state).state == state


def test_a_letter_that_comes_again_or_late_changes_nothing() -> None:
    state = after(bound(1), claimed(A, 1), claimed(A, revision=3)).state
    for late in (claimed(A, 1), claimed(A, 1, revision=2), claimed(A, 1, revision=3)):
        assert after(late, state=state) == LimitStep(state, ())


def test_a_line_that_does_not_know_of_its_token_is_told_again() -> None:
    state = after(bound(1), claimed(A, 1)).state
    assert after(claimed(A, 1, revision=2), state=state).effects == (GrantTokens(A, (1,)),)
    assert after(claimed(A, 1, revision=2, held=True), state=state).effects == ()


def test_an_alarm_gives_nothing_that_was_not_free() -> None:
    state = after(bound(1), claimed(A, 1), claimed(B, 1)).state
    assert after(AlarmRang(), state=state) == LimitStep(state, ())


def test_after_a_restore_an_earlier_revision_of_a_line_counts() -> None:
    state = after(bound(1), claimed(A, 1, revision=9), claimed(B, 1)).state
    restored = after(Restored(START), claimed(A, revision=4), state=state)
    assert restored.effects == (GrantTokens(B, (1,)),)
    again = after(Restored(START), state=restored.state)
    assert again == LimitStep(restored.state, ())
    assert after(Restored(START), state=state).state.lines[A].stamp == UNHEARD


def test_claims_beyond_the_room_of_an_item_are_left_out_until_they_are_said_again() -> None:
    many = tuple(range(1, MOST_CLAIMS))
    full = after(bound(0), claimed(A, *many), claimed(B, 1, 2)).state
    assert len(full.waiting) == MOST_CLAIMS
    assert [entry.number for entry in full.lines[B].entries] == [1]
    freed = after(claimed(A, revision=2), claimed(B, 1, 2, revision=2), state=full).state
    assert [entry.number for entry in freed.lines[B].entries] == [1, 2]


def test_one_step_tells_no_more_lines_than_its_outbox_has_room_for() -> None:
    lines = [Line(f"p{number}@1") for number in range(MOST_GRANTS + 2)]
    waiting = after(bound(0), *(claimed(line, 1, 2) for line in lines)).state
    first = after(LimitRemoved(START + seconds(1)), state=waiting)
    assert len(first.effects) == MOST_GRANTS
    assert len(first.state.waiting) == 4
    second = after(AlarmRang(), state=first.state)
    assert len(second.effects) == 2
    assert second.state.waiting == []


def test_lines_that_claim_nothing_are_forgotten_beyond_those_that_were_heard_last() -> None:
    lines = [Line(f"p{number}@1") for number in range(MOST_QUIET_LINES + 2)]
    state = after(*(signal for line in lines for signal in (claimed(line, 1),))).state
    state = after(*(claimed(line, revision=2) for line in lines), state=state).state
    assert len(state.lines) == MOST_QUIET_LINES
    assert lines[-1] in state.lines
