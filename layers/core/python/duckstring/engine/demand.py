"""Demand: pulls ("keep me supplied") and targets ("have it by this epoch"), and what asks for more.

Rules: docs/engine.md, "Demand". Nothing here starts a run. ``asking.py`` sends the demand to the
Sources.
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
    is_starving: bool,
    reissued_at: Instant = NEVER,
    own: bool = False,
) -> None:
    """A Sink took the output of freshness ``held`` and wants newer.

    A pull is a fact, not a nudge. It orders one replacement for each version taken, no matter how
    many Sinks took that version.

    ``is_starving``: the Sink has nothing else to work on, or had to wait for what it took. Then
    every Ripple prepares the next version. Otherwise one run is enough, and comes early enough.

    ``reissued_at``: when somebody triggered this by hand. A line that waits already then asks its
    Sources again, because they may have forgotten. ``own``: this very line was tapped.
    """
    if turn.release is None:
        turn.pull = max(turn.pull or NEVER, epoch)
        return
    turn.asleep = False
    if turn.blocked:
        _keep_pull(turn, epoch, own=own, reissued_at=reissued_at)
        return
    _order(turn, epoch, held, is_starving=is_starving, reissued_at=reissued_at)
    if own:
        own_tap(turn, epoch)


def _order(
    turn: Turn, epoch: Instant, held: Instant, *, is_starving: bool, reissued_at: Instant
) -> None:
    if reissued_at > turn.last_anew:
        turn.reissued_at = turn.last_anew = reissued_at
        if turn.pull is not None:
            turn.pull, turn.asking = max(turn.pull, epoch), True
    is_new_replacement = held > turn.last_held
    nothing_ahead = turn.start_f == turn.end_f and turn.start_f <= held
    if not is_new_replacement and not (nothing_ahead and (is_starving or turn.pull is None)):
        return
    turn.last_held = max(turn.last_held, held)
    if not nothing_ahead:
        _order_ahead(turn, epoch, held, is_starving=is_starving)
        return
    if is_starving:
        turn.put_all_ripples(
            {name: replace(ripple, pull=True) for name, ripple in turn.ripples.items()}
        )
    set_pull(turn, epoch)


def _order_ahead(turn: Turn, epoch: Instant, held: Instant, *, is_starving: bool) -> None:
    """Order a replacement while newer versions are on their way. A Sink that found its input ready
    gets one run, at once.

    Suppose that its Source is slower than it from end to end, and quicker in each Ripple. A card
    at the leaves would wait there for the next version, and start the run too late.
    """
    if is_starving:
        for ripple in leaves(turn):
            order_replacement(turn, ripple.name, held)
        return
    live = [run for run in turn.runs.values() if run.failure is None and not run.forced]
    if len(live) != 1 or not _order_for_pushed(turn, live[0].f):
        set_pull(turn, epoch)


def take_sinks_pull(turn: Turn, pull: PullReceived) -> None:
    """Take a Sink's pull. If the Sink waits and a Wave stands behind it, its pull counts as
    repeated when the next version is published.
    """
    # Nobody can hold a version fresher than all published ones. Such a claim would silence every
    # other Sink.
    held = min(pull.held, max(turn.end_f, turn.now))
    take_pull(turn, pull.epoch, held, is_starving=pull.waits, reissued_at=pull.anew)
    is_coming = turn.pull is not None or turn.start_f > turn.end_f
    if pull.urgent and not turn.blocked:
        turn.urgent = True
        turn.awaited = turn.awaited or (is_coming and held >= turn.end_f)


def pull_again(turn: Turn) -> None:
    """After a version was published, order the next one for a Wave, and for a Sink that waited for
    this version, before that Sink asks.

    The Sink's own pull comes two letters later and orders nothing more. Until it has come, nothing
    further is ordered. So a Sink that is asleep, blocked, slow or gone leaves at most one version
    that nobody took.
    """
    if isinstance(turn.trigger, Wave) or turn.awaited:
        turn.awaited = False
        take_pull(turn, turn.now, turn.end_f, is_starving=True)


def order_replacement(turn: Turn, name: str, held: Instant, *, waited: bool = True) -> None:
    """A Ripple's version ``held`` was taken. Order one replacement, no matter how many readers took
    it.

    A Ripple that has already started something newer began without the card. It then does what it
    would have done with the card: it orders replacements of what *it* took. So how often each Pond
    runs does not depend on whether a letter or a Ripple was faster. ``waited``: the reader had to
    wait for the version, and needs more than one on the way. Otherwise one run is enough, at once.
    """
    ripple = turn.ripples[name]
    if held <= ripple.last_held:
        return
    is_ahead = ripple.start_f > held
    pulls = waited and not is_ahead
    turn.put_ripple(replace(ripple, last_held=held, pull=ripple.pull or pulls))
    if is_ahead:
        for parent in ripple.parents:
            order_replacement(turn, parent, ripple.start_f, waited=ripple.waited)
        if not ripple.parents:
            _order_for_pushed(turn, ripple.start_f)
    elif not waited:
        set_pull(turn, turn.now)
    elif not ripple.pull:
        _pull_above(turn, ripple)


def _order_for_pushed(turn: Turn, f: Instant) -> bool:
    """The newest run at ``f`` was begun for a target, and its card arrives now. From here on it
    counts as a pulled run. False: no run at ``f`` was begun so.
    """
    if turn.blocked or f != turn.start_f:
        return False
    run = next(
        (
            run
            for run in turn.runs.values()
            if run.f == f and run.failure is None and not run.forced
        ),
        None,
    )
    if run is None or run.pull is not None:
        return False
    turn.put_run(replace(run, pull=turn.now))
    order_next(turn)
    return True


def own_tap(turn: Turn, epoch: Instant) -> None:
    """Note a Tap on this very line. If the run that answers it fails, no other line would ask
    again.
    """
    if turn.pull is not None:
        turn.tapped = True
        return
    live = [run for run in turn.runs.values() if run.failure is None and not run.forced]
    if live:
        answer = max(live, key=lambda run: run.f)
        turn.put_run(replace(answer, pull=max(answer.pull or NEVER, epoch), tapped=True))


def _keep_pull(turn: Turn, epoch: Instant, *, own: bool, reissued_at: Instant) -> None:
    """A blocked line keeps the pull, and passes it on once to those Sources that are tried again
    for it.
    """
    kept = turn.kept or Kept(NEVER)
    is_reissued = reissued_at > kept.anew
    is_news = turn.kept is None or is_reissued
    turn.kept = Kept(max(kept.epoch, epoch), kept.own or own, max(kept.anew, reissued_at))
    if is_news and turn.health == "ok":
        for view in helped_sources(turn):
            pass_pull(turn, view)
    elif is_reissued and turn.has_asked_to_retry:  # a line above may have forgotten it
        take_target(turn, max(turn.now, just_after(turn.targets[-1])))


def set_pull(turn: Turn, epoch: Instant) -> None:
    """The Pond wants newer input. Ask the Sources once until it is supplied."""
    turn.asking = turn.asking or turn.pull is None
    turn.pull = max(turn.pull or NEVER, epoch)


def _pull_above(turn: Turn, ripple: RippleState) -> None:
    """A Ripple wants newer input. Ask its parents, or the Pond's Sources if it has no parents."""
    if not ripple.parents:
        set_pull(turn, turn.now)
    for parent in ripple.parents:
        above = turn.ripples[parent]
        if not above.pull and above.start_f <= ripple.start_f:
            turn.put_ripple(replace(above, pull=True))
            _pull_above(turn, above)


def take_target(turn: Turn, epoch: Instant) -> None:
    """A Sink needs the output at ``epoch`` or newer. Hold the target, and pass it on at once to the
    lines that can help.
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
    """``start_f`` without runs that were given up: no reader has what a failed run had."""
    if turn.health == "ok":
        return turn.start_f
    return max((run.f for run in turn.runs.values() if run.failure is None), default=turn.end_f)


def hold_target(turn: Turn, epoch: Instant) -> None:
    """Hold the target. A line that is down will run once for everything that it was asked for
    meanwhile.
    """
    held = tuple(sorted({*turn.targets, epoch}))
    turn.targets = (
        held[-1:] if turn.health != "ok" else _few(held, 2 if turn.starved else MOST_TARGETS)
    )


def _few(targets: tuple[Instant, ...], most: int) -> tuple[Instant, ...]:
    """Keep at most ``most`` targets. The oldest lets a run start as early as it may, and the newest
    satisfies all, so the others can be dropped.
    """
    return targets if len(targets) <= most else (targets[0], *targets[1 - most :])


def _leave_to_run(turn: Turn, epoch: Instant) -> None:
    """Whether a run in flight will satisfy this target. If that run fails, the target comes
    back.
    """
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
    """Ask again for what is still wanted, after a recovery or when a Source has just been
    deployed.
    """
    kept, turn.kept = turn.kept, None
    if kept is not None and kept.own:
        take_pull(turn, kept.epoch, turn.end_f, is_starving=True, reissued_at=kept.anew, own=True)
    if turn.pull is not None:
        send_pull(turn)
        turn.asking = False
    send_newest_target(turn)
    if turn.pull is None and isinstance(turn.trigger, Wave):
        take_pull(turn, turn.now, turn.end_f, is_starving=True)


def mint_tide_target(turn: Turn) -> bool:
    """A Tide whose bound is reached asks for the state of the world now."""
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
    """When the Tide of this line asks next. None: not as things are. NEVER: at once.

    Existing targets come first. Targets that cannot be satisfied in time would otherwise pile up
    along the lineage.
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
