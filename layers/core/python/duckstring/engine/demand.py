"""Demand: pulls ("keep me supplied") and targets ("have it by this epoch"), and what asks for more.

Rules: docs/engine.md, "Demand". Nothing here starts anything.
"""

from __future__ import annotations

from datetime import timedelta

from duckstring.engine.effects import SendPull, SendTarget
from duckstring.engine.signals import PullReceived
from duckstring.engine.state import RippleState, SourceView, Tide, Wave
from duckstring.engine.turn import Turn
from duckstring.model.instants import NEVER, Instant
from duckstring.model.values import replace

MOST_TARGETS = 50
"""An optional Source that starves is asked by a Sink that goes on without it; its item has its limit."""


def take_pull(turn: Turn, epoch: Instant, held: Instant, *, waits: bool, anew: Instant = NEVER) -> None:
    """Somebody took our output of freshness ``held`` and wants newer.

    A fact, not a nudge: it orders one replacement for each version taken, whoever and however many took it. ``waits``:
    it has nothing else to work on, or had to wait for what it took. Then every Ripple prepares the next; else one run is
    enough, and comes early enough. ``anew``: when this was triggered by hand; who waits already asks once more, for what it
    waits for may be forgotten.
    """
    if turn.blocked or turn.release is None:
        _remember_pull(turn, epoch)
        return
    turn.asleep = False
    if anew > turn.last_anew:
        turn.anew = turn.last_anew = anew
        if turn.pull is not None:
            turn.pull, turn.asking = max(turn.pull, epoch), True
    is_card = held > turn.last_held
    nothing_ahead = turn.start_f == turn.end_f and turn.start_f <= held
    if not is_card and not (nothing_ahead and (waits or turn.pull is None)):
        return
    turn.last_held = max(turn.last_held, held)
    if not nothing_ahead:
        for ripple in leaves(turn):
            order_replacement(turn, ripple.name, held)
        return
    if waits:
        turn.put_all_ripples({name: replace(ripple, pull=True) for name, ripple in turn.ripples.items()})
    set_pull(turn, epoch)


def take_sinks_pull(turn: Turn, pull: PullReceived) -> None:
    """A Sink's pull. One that waits and will ask on is as good as heard again when the next version is published."""
    take_pull(turn, pull.epoch, pull.held, waits=pull.waits, anew=pull.anew)
    is_coming = turn.pull is not None or turn.start_f > turn.end_f
    if pull.urgent and not turn.blocked:
        turn.urgent = True
        turn.awaited = turn.awaited or (is_coming and pull.held >= turn.end_f)


def pull_again(turn: Turn) -> None:
    """A version was published. A Wave asks for the next, and so does a Sink that waited for this one, before it says so.

    The Sink's own pull comes two letters later, and orders nothing more. Until it has come, nothing is ordered before it is
    asked for again: so a Sink that is asleep, blocked, slow or gone leaves one version that nobody took.
    """
    if isinstance(turn.trigger, Wave) or turn.awaited:
        turn.awaited = False
        take_pull(turn, turn.now, turn.end_f, waits=True)


def asks_on(turn: Turn) -> bool:
    """Whether a Wave stands behind what this line asks for."""
    return turn.urgent or isinstance(turn.trigger, Wave)


def order_replacement(turn: Turn, name: str, held: Instant, *, waited: bool = True) -> None:
    """A Ripple's version ``held`` was taken: order one replacement, whoever and however many took it.

    A Ripple that has already started something newer began without the card. Then it does what it would have done with
    the card in hand (order replacements of what *it* took), so that how often each Pond runs does not hang on whether a
    letter or a Ripple was quicker. ``waited``: whoever took it had to wait for it, and needs more than one on the way.
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
    elif not pulls:
        _pull_roots(turn, ripple)
    elif not ripple.pull:
        _pull_above(turn, ripple)


def _pull_roots(turn: Turn, ripple: RippleState) -> None:
    """One more run, and no Ripple on its way prepares another."""
    if not ripple.parents:
        set_pull(turn, turn.now)
    for parent in ripple.parents:
        if turn.ripples[parent].start_f <= ripple.start_f:
            _pull_roots(turn, turn.ripples[parent])


def _remember_pull(turn: Turn, epoch: Instant) -> None:
    """A line that is not deployed yet keeps the pull; a blocked one takes no new demand."""
    if turn.release is None:
        turn.pull = max(turn.pull or NEVER, epoch)


def set_pull(turn: Turn, epoch: Instant) -> None:
    """The Pond wants newer input: ask the Sources, once until it is supplied."""
    turn.asking = turn.asking or turn.pull is None
    turn.pull = max(turn.pull or NEVER, epoch)


def just_after(f: Instant) -> Instant:
    """Newer than ``f``, whatever a clock that is behind says: an Inlet asked for no more than it has would never start."""
    return f + timedelta(microseconds=1)


def ask_sources(turn: Turn) -> bool:
    """The Pond has come to want newer input, and could not start on what it holds: ask the Sources, once."""
    if not turn.asking:
        return False
    turn.asking = False
    if turn.pull is not None and not turn.blocked:
        _send_pull(turn)
    return True


def _send_pull(turn: Turn) -> None:
    assert turn.pull is not None  # noqa: S101 - both callers know
    for line, view in sorted(turn.sources.items()):
        if not _is_behind(turn, view):
            turn.emit(SendPull(line, turn.pull, view.taken, waits=view.end_f <= view.taken, anew=turn.anew))
        elif _asks_from(turn, view) < turn.now:
            _ask_on(turn, view)
        elif turn.anew > NEVER:  # it is asked in time, also what has forgotten that it was
            turn.put_source(replace(view, asked=NEVER))


def ask_beyond(turn: Turn) -> bool:
    """Ask a Source whose answer no run can be started by for newer than that: once an answer, and when that can help.

    A Pond that comes to have another Source may be ahead of it. The Source has done what it was asked for, and would rest. Where
    we are ahead of the clock (a Window gave us our freshness) it would run in vain until then, again and again.
    """
    due = [] if turn.blocked else [view for view in _unasked(turn) if _asks_from(turn, view) < turn.now]
    for view in sorted(due, key=lambda view: view.line):
        _ask_on(turn, view)
    return bool(due)


def beyond_due(turn: Turn) -> Instant | None:
    """When ``ask_beyond`` can next ask a Source that we are ahead of. None: there is none, or it has been asked."""
    if turn.pull is None or turn.blocked:
        return None
    return min((just_after(_asks_from(turn, view)) for view in _unasked(turn)), default=None)


def _unasked(turn: Turn) -> list[SourceView]:
    """The Sources that we are ahead of and that were not asked for more yet: as a rule none, and then this is all it costs."""
    f = turn.start_f
    return [view for view in turn.sources.values() if view.asked < view.end_f <= f and _is_behind(turn, view)]


def _asks_from(turn: Turn, view: SourceView) -> Instant:
    """After that a run of this Source may be fresher than we are: what comes through a Window is fresh as of its end."""
    return turn.start_f - view.delay


def _ask_on(turn: Turn, view: SourceView) -> None:
    """For newer than now: an Inlet asked for an epoch that it has passed would do a step of a microsecond."""
    assert turn.pull is not None  # noqa: S101 - all callers know
    turn.put_source(replace(view, asked=view.end_f))
    turn.emit(SendPull(view.line, max(turn.pull, turn.now), view.end_f, waits=True, anew=turn.anew))


def _is_behind(turn: Turn, view: SourceView) -> bool:
    """Whether it published something that was not taken, and that no run can be started by."""
    decides = not view.optional or all(other.optional for other in turn.sources.values())
    return decides and view.taken < view.end_f <= turn.start_f


def _pull_above(turn: Turn, ripple: RippleState) -> None:
    """A Ripple has come to want newer input: ask its parents, or the Pond's Sources where it has none."""
    if not ripple.parents:
        set_pull(turn, turn.now)
    for parent in ripple.parents:
        above = turn.ripples[parent]
        if not above.pull and above.start_f <= ripple.start_f:
            turn.put_ripple(replace(above, pull=True))
            _pull_above(turn, above)


def take_target(turn: Turn, epoch: Instant) -> None:
    """Somebody needs our output at ``epoch`` or newer: hold it, and pass it on at once."""
    if turn.release is None:
        turn.targets = (max((*turn.targets, epoch)),)
        return
    if turn.blocked:
        return
    turn.asleep = False
    if epoch <= turn.start_f or epoch in turn.targets:
        return
    turn.targets = _few(tuple(sorted((*turn.targets, epoch))))
    _send_target(turn, epoch)


def _few(targets: tuple[Instant, ...]) -> tuple[Instant, ...]:
    """The oldest lets a run start as early as it may, the newest satisfies all: of very many the rest need not be kept."""
    return targets if len(targets) <= MOST_TARGETS else (targets[0], *targets[2:])


def _send_target(turn: Turn, epoch: Instant) -> None:
    """To each required Source; only where there is none, to the optional ones: nobody else would wait for those."""
    required = [line for line, view in turn.sources.items() if not view.optional]
    for line in sorted(required or turn.sources):
        turn.emit(SendTarget(line, epoch))


def solicit_again(turn: Turn) -> None:
    """Say again what is still wanted: after a recovery, or when a Source has just come to be."""
    if turn.pull is not None:
        _send_pull(turn)
    for epoch in turn.targets:
        _send_target(turn, epoch)
    if turn.pull is None and isinstance(turn.trigger, Wave):
        take_pull(turn, turn.now, turn.end_f, waits=True)


def mint_tide_target(turn: Turn) -> bool:
    """A Tide whose bound is reached asks for the world as it is now."""
    due = tide_due(turn)
    if due is None or due > turn.now or turn.blocked or turn.now <= turn.start_f:
        return False
    take_target(turn, turn.now)
    return True


def tide_due(turn: Turn) -> Instant | None:
    """When the Tide of this line next asks; None: not as things are. NEVER: at once.

    What it asked for comes first: targets that nobody can satisfy in time would pile up all along the lineage.
    """
    if not isinstance(turn.trigger, Tide) or turn.release is None or turn.targets or turn.start_f > turn.end_f:
        return None
    if turn.start_f == NEVER:
        return NEVER
    # Under a Window start_f may lie in the future, and nothing fresher can exist before it.
    return max(turn.start_f + turn.trigger.bound - turn.delay, just_after(turn.start_f))


def leaves(turn: Turn) -> list[RippleState]:
    """The Ripples that no other Ripple of this Pond reads."""
    inner = {parent for ripple in turn.ripples.values() for parent in ripple.parents}
    return [ripple for name, ripple in turn.ripples.items() if name not in inner]
