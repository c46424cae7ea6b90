"""Demand: pulls ("keep me supplied") and targets ("have it by this epoch"), and what asks for more.

Rules: docs/engine.md, "Demand". Nothing here starts anything; what is said to the Sources of it:
``asking.py``.
"""

from __future__ import annotations

from duckstring.engine.asking import (
    helped_sources,
    order_next,
    pass_pull,
    send_newest_target,
    send_pull,
    send_target,
)
from duckstring.engine.signals import PullReceived
from duckstring.engine.state import Kept, RippleState, Tide, Wave
from duckstring.engine.turn import Turn
from duckstring.model.instants import NEVER, Instant, just_after
from duckstring.model.values import replace

MOST_TARGETS = 50
"""An optional Source that starves is asked by a Sink that goes on without it; its item has its
limit.
"""


def take_pull(
    turn: Turn,
    epoch: Instant,
    held: Instant,
    *,
    waits: bool,
    anew: Instant = NEVER,
    own: bool = False,
) -> None:
    """Somebody took our output of freshness ``held`` and wants newer.

    A fact, not a nudge: it orders one replacement for each version taken, whoever and however many
    took it. ``waits``: it has nothing else to work on, or had to wait for what it took. Then every
    Ripple prepares the next; else one run is enough, and comes early enough. ``anew``: when this
    was triggered by hand; who waits already asks once more, for what it waits for may be forgotten.
    ``own``: it is this very line that was tapped.
    """
    if turn.release is None:
        turn.pull = max(turn.pull or NEVER, epoch)
        return
    turn.asleep = False
    if turn.blocked:
        _keep_pull(turn, epoch, own=own, anew=anew)
        return
    _order(turn, epoch, held, waits=waits, anew=anew)
    if own:
        own_tap(turn, epoch)


def _order(turn: Turn, epoch: Instant, held: Instant, *, waits: bool, anew: Instant) -> None:
    if anew > turn.last_anew:
        turn.anew = turn.last_anew = anew
        if turn.pull is not None:
            turn.pull, turn.asking = max(turn.pull, epoch), True
    is_new_replacement = held > turn.last_held
    nothing_ahead = turn.start_f == turn.end_f and turn.start_f <= held
    if not is_new_replacement and not (nothing_ahead and (waits or turn.pull is None)):
        return
    turn.last_held = max(turn.last_held, held)
    if not nothing_ahead:
        for ripple in leaves(turn):
            order_replacement(turn, ripple.name, held)
        return
    if waits:
        turn.put_all_ripples(
            {name: replace(ripple, pull=True) for name, ripple in turn.ripples.items()}
        )
    set_pull(turn, epoch)


def take_sinks_pull(turn: Turn, pull: PullReceived) -> None:
    """A Sink's pull. One that waits and will ask on is as good as heard again when the next
    version is published.
    """
    # Nobody holds what is fresher than all that was published: one who says so would silence every
    # other Sink.
    held = min(pull.held, max(turn.end_f, turn.now))
    take_pull(turn, pull.epoch, held, waits=pull.waits, anew=pull.anew)
    is_coming = turn.pull is not None or turn.start_f > turn.end_f
    if pull.urgent and not turn.blocked:
        turn.urgent = True
        turn.awaited = turn.awaited or (is_coming and held >= turn.end_f)


def pull_again(turn: Turn) -> None:
    """A version was published. A Wave asks for the next, and so does a Sink that waited for this
    one, before it says so.

    The Sink's own pull comes two letters later, and orders nothing more. Until it has come, nothing
    is ordered before it is asked for again: so a Sink that is asleep, blocked, slow or gone leaves
    one version that nobody took.
    """
    if isinstance(turn.trigger, Wave) or turn.awaited:
        turn.awaited = False
        take_pull(turn, turn.now, turn.end_f, waits=True)


def order_replacement(turn: Turn, name: str, held: Instant, *, waited: bool = True) -> None:
    """A Ripple's version ``held`` was taken: order one replacement, whoever and however many took
    it.

    A Ripple that has already started something newer began without the card. Then it does what it
    would have done with the card in hand (order replacements of what *it* took), so that how often
    each Pond runs does not hang on whether a letter or a Ripple was quicker. ``waited``: whoever
    took it had to wait for it, and needs more than one on the way.
    """
    ripple = turn.ripples[name]
    if held <= ripple.last_held:
        return
    is_ahead = ripple.start_f > held
    pulls = not is_ahead and (waited or turn.start_f > held)
    turn.put_ripple(replace(ripple, last_held=held, pull=ripple.pull or pulls))
    if is_ahead:
        for parent in ripple.parents:
            order_replacement(turn, parent, ripple.start_f, waited=ripple.waited)
        if not ripple.parents:
            _order_for_pushed(turn, ripple.start_f)
    elif not pulls:
        _pull_roots(turn, ripple)
    elif not ripple.pull:
        _pull_above(turn, ripple)


def _order_for_pushed(turn: Turn, f: Instant) -> None:
    """The newest run at ``f`` was begun for a target, and its card comes now: it is a pulled one
    from here on.
    """
    if turn.blocked or f != turn.start_f:
        return
    run = next(
        (
            run
            for run in turn.runs.values()
            if run.f == f and run.failure is None and not run.forced
        ),
        None,
    )
    if run is not None and run.pull is None:
        turn.put_run(replace(run, pull=turn.now))
        order_next(turn)


def _pull_roots(turn: Turn, ripple: RippleState) -> None:
    """One more run, and no Ripple on its way prepares another."""
    if not ripple.parents:
        set_pull(turn, turn.now)
    for parent in ripple.parents:
        if turn.ripples[parent].start_f <= ripple.start_f:
            _pull_roots(turn, turn.ripples[parent])


def own_tap(turn: Turn, epoch: Instant) -> None:
    """A Tap on this very line: should the run that answers it fail, nobody else would ask again."""
    if turn.pull is not None:
        turn.tapped = True
        return
    live = [run for run in turn.runs.values() if run.failure is None and not run.forced]
    if live:
        answer = max(live, key=lambda run: run.f)
        turn.put_run(replace(answer, pull=max(answer.pull or NEVER, epoch), tapped=True))


def _keep_pull(turn: Turn, epoch: Instant, *, own: bool, anew: Instant) -> None:
    """A blocked line lets the pull wait, and passes it on, once, to those Sources that are tried
    again for it.
    """
    kept = turn.kept or Kept(NEVER)
    is_anew = anew > kept.anew
    is_news = turn.kept is None or is_anew
    turn.kept = Kept(max(kept.epoch, epoch), kept.own or own, max(kept.anew, anew))
    if is_news and turn.health == "ok":
        for view in helped_sources(turn):
            pass_pull(turn, view)
    elif is_anew and turn.has_asked_to_retry:  # what it asked for may be forgotten somewhere above
        take_target(turn, max(turn.now, just_after(turn.targets[-1])))


def set_pull(turn: Turn, epoch: Instant) -> None:
    """The Pond wants newer input: ask the Sources, once until it is supplied."""
    turn.asking = turn.asking or turn.pull is None
    turn.pull = max(turn.pull or NEVER, epoch)


def _pull_above(turn: Turn, ripple: RippleState) -> None:
    """A Ripple has come to want newer input: ask its parents, or the Pond's Sources where it has
    none.
    """
    if not ripple.parents:
        set_pull(turn, turn.now)
    for parent in ripple.parents:
        above = turn.ripples[parent]
        if not above.pull and above.start_f <= ripple.start_f:
            turn.put_ripple(replace(above, pull=True))
            _pull_above(turn, above)


def take_target(turn: Turn, epoch: Instant) -> None:
    """Somebody needs our output at ``epoch`` or newer: hold it, and pass it on at once, to whom
    that helps.
    """
    if turn.release is None:
        turn.targets = (max((*turn.targets, epoch)),)
        return
    turn.asleep = False
    if epoch <= started_f(turn):
        _leave_to_run(turn, epoch)
        return
    if epoch in turn.targets:
        return
    hold_target(turn, epoch)
    if epoch in turn.targets and turn.may_ask:
        send_target(turn, epoch)


def started_f(turn: Turn) -> Instant:
    """``start_f`` without what was given up: what a run that fell had, nobody has."""
    if turn.health == "ok":
        return turn.start_f
    return max((run.f for run in turn.runs.values() if run.failure is None), default=turn.end_f)


def hold_target(turn: Turn, epoch: Instant) -> None:
    """Hold it. A line that is down is to run once for all that it was asked for meanwhile."""
    held = tuple(sorted({*turn.targets, epoch}))
    turn.targets = (
        held[-1:] if turn.health != "ok" else _few(held, 2 if turn.starved else MOST_TARGETS)
    )


def _few(targets: tuple[Instant, ...], most: int) -> tuple[Instant, ...]:
    """The oldest lets a run start as early as it may, the newest satisfies all: of very many the
    rest need not be kept.
    """
    return targets if len(targets) <= most else (targets[0], *targets[1 - most :])


def _leave_to_run(turn: Turn, epoch: Instant) -> None:
    """A run in flight will satisfy this target; should it fail the target is to come back."""
    if epoch <= turn.end_f:
        return
    run = min(
        (r for r in turn.runs.values() if r.failure is None and r.f >= epoch),
        key=lambda r: r.f,
        default=None,
    )
    if run is not None and run.target < epoch:
        turn.put_run(replace(run, target=epoch))


def solicit_again(turn: Turn) -> None:
    """Say again what is still wanted: after a recovery, or when a Source has just come to be."""
    kept, turn.kept = turn.kept, None
    if kept is not None and kept.own:
        take_pull(turn, kept.epoch, turn.end_f, waits=True, anew=kept.anew, own=True)
    if turn.pull is not None:
        send_pull(turn)
        turn.asking = False
    send_newest_target(turn)
    if turn.pull is None and isinstance(turn.trigger, Wave):
        take_pull(turn, turn.now, turn.end_f, waits=True)


def mint_tide_target(turn: Turn) -> bool:
    """A Tide whose bound is reached asks for the world as it is now."""
    due = tide_due(turn)
    if (
        due is None
        or due > turn.now
        or (turn.blocked and not turn.retries)
        or turn.now <= turn.start_f
    ):
        return False
    take_target(turn, turn.now)
    return True


def tide_due(turn: Turn) -> Instant | None:
    """When the Tide of this line next asks; None: not as things are. NEVER: at once.

    What it asked for comes first: targets that nobody can satisfy in time would pile up all along
    the lineage.
    """
    if (
        not isinstance(turn.trigger, Tide)
        or turn.release is None
        or turn.targets
        or turn.start_f > turn.end_f
    ):
        return None
    if turn.start_f == NEVER:
        return NEVER
    # Under a Window start_f may lie in the future, and nothing fresher can exist before it.
    return max(turn.start_f + turn.trigger.bound - turn.delay, just_after(turn.start_f))


def leaves(turn: Turn) -> list[RippleState]:
    """The Ripples that no other Ripple of this Pond reads."""
    inner = {parent for ripple in turn.ripples.values() for parent in ripple.parents}
    return [ripple for name, ripple in turn.ripples.items() if name not in inner]
