"""Deliver letters to one line: load, step, commit, perform. Safe to repeat from the top after a
crash at any line.

The outbox stays in the item until the next commit replaces it, so that the usual delivery is one
read and one write. Whether a stored outbox was performed is known from the letters. A line's
letters come in order, and the next one only when those before it were acknowledged, which happens
after performing; or gave up, as dead letters, and that takes hours. So a new letter that comes soon
after a commit implies that the outbox was performed. A letter that was consumed already, or a new
letter that comes late, implies nothing, and the outbox is performed again: every effect is safe to
repeat until the next commit.

A letter is input from outside. If it needs more than a line's item has room for, it is left out, so
that it does not block the others. If it is an attempt's success, the attempt has failed: nothing of
what it wrote is published, and its author reads why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duckstring.engine import journal
from duckstring.engine.effects import Effect
from duckstring.engine.signals import (
    GateReached,
    ObjectArrived,
    Republished,
    Restored,
    RippleSucceeded,
)
from duckstring.engine.state import PondState
from duckstring.engine.tables import again
from duckstring.errors import StateTooLargeError
from duckstring.model.failures import Failure
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.credible import possible, refuse
from duckstring.orchestrator.ports import Gates, Held, Received, ReceivedByLimit, StateStore
from duckstring.orchestrator.usage import NO_ENTRY, Entry, booked, expected, of_machine
from duckstring.ports import SOON, Clock, Mark

Perform = Callable[[PondState, tuple[Effect, ...]], None]
Believes = Callable[[Sequence[Received]], list[Received]]


def deliver(  # noqa: PLR0913 - each is a port of its own
    line: Line,
    letters: Sequence[Received],
    *,
    store: StateStore,
    gates: Gates,
    perform: Perform,
    clock: Clock,
    believes: Believes = list,
    entry: Entry = NO_ENTRY,
) -> tuple[Effect, ...]:
    """Fold ``letters`` into the line's state in one commit, and perform what follows.

    A stored outbox that may have been left behind, by a delivery that died between commit and
    performance, comes first. Letters up to the stored mark were consumed by that delivery.

    Args:
        line: whose letters these are.
        letters: in their order.
        store: the states.
        gates: where the tokens of branches are kept.
        perform: performs effects.
        clock: tells the time.
        believes: gives those of the letters that may be true. It is not asked of letters that were
            consumed: they tell that an outbox may not have been performed, whatever has become of
            what they say.
        entry: the account of what this delivery uses.

    Returns:
        The effects of this delivery, performed.

    Raises:
        StateConflictError: another delivery committed meanwhile; deliver again.
    """
    try:
        return _deliver(
            line,
            letters,
            store=store,
            gates=gates,
            perform=perform,
            clock=clock,
            believes=believes,
            entry=entry,
        )
    except StateTooLargeError as error:
        if len(letters) == 1:
            refuse(error.message, line=line, kind=type(letters[0].signal).__name__)
            return _fail(line, letters[0], error, store=store, perform=perform, now=clock.now())
    done = [
        deliver(
            line,
            [letter],
            store=store,
            gates=gates,
            perform=perform,
            clock=clock,
            believes=believes,
            entry=entry,
        )
        for letter in letters
    ]
    return tuple(effect for effects in done for effect in effects)


def _deliver(  # noqa: PLR0913 - see above
    line: Line,
    letters: Sequence[Received],
    *,
    store: StateStore,
    gates: Gates,
    perform: Perform,
    clock: Clock,
    believes: Believes,
    entry: Entry,
) -> tuple[Effect, ...]:
    held, now = store.load(line), clock.now()
    unread = [letter for letter in letters if is_news(letter.mark, held.mark)]
    is_repeat, news = len(unread) < len(letters), believes(unread)
    is_unsure = is_repeat or (bool(news) and (now - held.committed > SOON or _is_moved(news)))
    if held.outbox and is_unsure:
        perform(held.state, held.outbox)
    if not news:
        if is_repeat:
            _forget_outbox(held, store)
        return ()
    news = possible(news, held.state, lambda sender: store.load(sender).state.revision)
    news = _without_repeats(line, news, store)
    news = [known for letter in news if (known := _with_manifest(line, letter, store)) is not None]
    if not news:
        return ()
    for letter in news:
        _keep_token(line, letter, gates)
    written = journal.Entry(held.state.revision + 1, now, tuple(letter.signal for letter in news))
    stepped = journal.folded(held.state, written)
    used = entry.charge(
        expected(stepped.state, stepped.effects),
        of_machine(written.signals, stepped.effects),
    )
    effects, used = booked(stepped.effects, held.used, used)
    held = replace(held, used=used)
    held = store.commit(
        held, stepped.state, effects, newest_mark(held.mark, news), now, journal.brief(written)
    )
    perform(held.state, held.outbox)
    if _rests(held.state):
        _forget_outbox(held, store)
    return held.outbox


def _with_manifest(line: Line, letter: Received, store: StateStore) -> Received | None:
    """The letter. One that wants an earlier snapshot gets what the snapshot's manifest has; None:
    that is no longer kept.
    """
    if not isinstance(letter.signal, Republished):
        return letter
    kept = store.read(line, letter.signal.snapshot)
    wanted = again(kept, over=letter.signal.over) if kept is not None else None
    if wanted is None:
        why = f"snapshot {letter.signal.snapshot} is not kept"
        refuse(why, line=line, kind=type(letter.signal).__name__)
        return None
    return replace(letter, signal=wanted)


def _without_repeats(line: Line, news: list[Received], store: StateStore) -> list[Received]:
    """The letters, without objects that the line has kept already: S3 and the bus may tell of an
    arrival twice, hours apart. Of two deliveries that keep one at the same time, one commits.
    """
    found = [letter.signal.found for letter in news if isinstance(letter.signal, ObjectArrived)]
    if not found:
        return news
    seen = set(store.kept(line, found))
    left = []
    for letter in news:
        if isinstance(letter.signal, ObjectArrived):
            if (identity := letter.signal.found.identity) in seen:
                continue
            seen.add(identity)
        left.append(letter)
    return left


def _is_moved(news: Sequence[Received]) -> bool:
    """Whether the line's table was restored or moved. Then news proves nothing of what happened
    where it was.
    """
    return any(isinstance(letter.signal, Restored) for letter in news)


def _fail(
    line: Line,
    letter: Received,
    error: StateTooLargeError,
    *,
    store: StateStore,
    perform: Perform,
    now: Instant,
) -> tuple[Effect, ...]:
    """Take an attempt's success that there is no room for as its failure, and the run's. Another
    attempt would write as much, so none is made.
    """
    held, signal = store.load(line), letter.signal
    run = held.state.runs.get(signal.run) if isinstance(signal, RippleSucceeded) else None
    if run is None or not isinstance(signal, RippleSucceeded):
        return ()
    failure = Failure(
        signal.ripple, signal.attempt, type(error).__name__, f"{error.message} {error.hint}"
    )
    gate = GateReached(run.number, run.launch, signal.ripple, signal.attempt, "failed", failure)
    written = journal.Entry(held.state.revision + 1, now, (gate,), spent=run.number)
    stepped = journal.folded(held.state, written)
    mark = newest_mark(held.mark, [letter])
    held = store.commit(held, stepped.state, stepped.effects, mark, now, journal.brief(written))
    perform(held.state, held.outbox)
    return held.outbox


def _rests(state: PondState) -> bool:
    """Whether the line's next letter is likely to come late. Then it is better to clear the outbox
    now than to perform it again.
    """
    return not state.runs and state.pull is None and not state.targets


def _forget_outbox(held: Held, store: StateStore) -> None:
    if held.outbox:
        store.clear(held)


def is_news(mark: Mark, consumed: Mark) -> bool:
    """Whether both parts of the mark are newer. After a restored queue the sequence starts again at
    the beginning, but time does not.
    """
    return int(mark[1] or 0) > int(consumed[1] or 0) or mark[0] > consumed[0]


def newest_mark(consumed: Mark, news: Sequence[Received | ReceivedByLimit]) -> Mark:
    """The last letter's sequence, and the latest time. The times of two senders may be out of
    order, because of their queue hosts' clocks.
    """
    return max(consumed[0], *(letter.mark[0] for letter in news)), news[-1].mark[1]


def _keep_token(line: Line, letter: Received, gates: Gates) -> None:
    gate = letter.signal
    if isinstance(gate, GateReached):
        gates.keep(line, gate, token=letter.token)
