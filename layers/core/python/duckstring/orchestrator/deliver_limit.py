"""Deliver letters to one limit: as ``deliver.py`` does it for a line, with the same proof that
effects were performed. A limit's effects are letters only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duckstring.engine.letters import grant_letters
from duckstring.engine.limits import GrantTokens, LimitSignal, LimitState, TokensClaimed, step
from duckstring.engine.signals import Restored
from duckstring.errors import StateTooLargeError
from duckstring.model.instants import Instant
from duckstring.model.limits import MOST_TOKENS
from duckstring.model.names import POND_NAME, Line
from duckstring.orchestrator.credible import is_far_ahead, refuse
from duckstring.orchestrator.deliver import is_news, newest_mark
from duckstring.orchestrator.ports import HeldLimit, LimitStore, ReceivedByLimit
from duckstring.ports import SOON, Clock, Mailbox


def deliver_limit(
    name: str,
    letters: Sequence[ReceivedByLimit],
    *,
    store: LimitStore,
    mailbox: Mailbox,
    revision_of: Callable[[Line], int],
    clock: Clock,
) -> tuple[GrantTokens, ...]:
    """Fold ``letters`` into a limit's state in one commit, and send what follows.

    Args:
        name: of the limit.
        letters: in their order.
        store: the states of limits.
        mailbox: where letters to lines go.
        revision_of: how often a line's state was committed. It is asked only of a line whose stamp
            is far ahead of its last one.
        clock: tells the time.

    Returns:
        The grants, sent.

    Raises:
        StateConflictError: another delivery committed meanwhile; deliver again.
    """
    try:
        return _deliver(
            name, letters, store=store, mailbox=mailbox, revision_of=revision_of, clock=clock
        )
    except StateTooLargeError as error:
        if len(letters) == 1:  # the sweep has the line say it again when there may be room
            refuse(error.message, limit=name, kind=type(letters[0].signal).__name__)
            return ()
    done: list[GrantTokens] = []
    for letter in letters:
        done += deliver_limit(
            name, [letter], store=store, mailbox=mailbox, revision_of=revision_of, clock=clock
        )
    return tuple(done)


def _deliver(
    name: str,
    letters: Sequence[ReceivedByLimit],
    *,
    store: LimitStore,
    mailbox: Mailbox,
    revision_of: Callable[[Line], int],
    clock: Clock,
) -> tuple[GrantTokens, ...]:
    held, now = store.load(name), clock.now()
    news = [letter for letter in letters if is_news(letter.mark, held.mark)]
    is_moved = any(isinstance(letter.signal, Restored) for letter in news)
    if held.outbox and (len(news) < len(letters) or now - held.committed > SOON or is_moved):
        _send(held, mailbox)
    if not news:
        if held.outbox:
            store.clear(held)
        return ()
    news = [letter for letter in news if _is_possible(letter, held.state, revision_of)]
    if not news:
        return ()
    state, grants = _folded(held.state, [letter.signal for letter in news], now)
    held = store.commit(held, state, grants, newest_mark(held.mark, news), now)
    _send(held, mailbox)
    if not held.state.holders and not held.state.waiting:
        store.clear(held)
    return held.outbox


def _folded(
    state: LimitState, signals: Sequence[LimitSignal], now: Instant
) -> tuple[LimitState, tuple[GrantTokens, ...]]:
    """All signals, and what each line is told because of them, in one effect a line."""
    told: dict[Line, set[int]] = {}
    for signal in signals:
        state, grants = step(state, signal, now)
        for grant in grants:
            told.setdefault(grant.line, set()).update(grant.claims)
    return state, tuple(GrantTokens(line, tuple(sorted(told[line]))) for line in sorted(told))


def _send(held: HeldLimit, mailbox: Mailbox) -> None:
    if held.outbox:
        mailbox.send(grant_letters(held.state, held.outbox))


def _is_possible(
    letter: ReceivedByLimit, state: LimitState, revision_of: Callable[[Line], int]
) -> bool:
    """Whether a letter may be true. Any other is logged, and counts as if it had never come."""
    why = _doubt(letter, state, revision_of)
    if why:
        refuse(why, limit=state.name, kind=type(letter.signal).__name__)
    return not why


def _doubt(letter: ReceivedByLimit, state: LimitState, revision_of: Callable[[Line], int]) -> str:
    signal = letter.signal
    if letter.attempt:
        return f"attempt {letter.attempt[:64]!a} has sent it, which no attempt may"
    if not isinstance(signal, TokensClaimed):
        tokens = getattr(signal, "tokens", 0)
        return f"{tokens} tokens" if tokens > MOST_TOKENS else ""
    for claim in signal.claims:
        if not POND_NAME.fullmatch(claim.ripple) or not claim.number or not claim.run:
            return f"claim {claim.number} of {claim.ripple[:60]!a} in run {claim.run}"
    known = state.lines.get(signal.line)
    last_stamp = known.stamp if known else (0, 0)
    if is_far_ahead(signal.stamp, last_stamp, lambda: revision_of(signal.line)):
        return f"{signal.line} has not come to revision {signal.stamp[0]}"
    return ""
