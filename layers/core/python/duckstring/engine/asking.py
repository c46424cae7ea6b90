"""What a line says to its Sources of what it wants: its pull and its targets, as soon as that
helps, and once.

Rules: docs/engine.md, "Demand", "Retries are fed". What is wanted is decided in ``demand.py``.
"""

from __future__ import annotations

from duckstring.engine.effects import SendPull, SendTarget
from duckstring.engine.state import Kept, SourceView, Wave
from duckstring.engine.turn import Turn
from duckstring.model.instants import NEVER, Instant, just_after
from duckstring.model.values import replace


def ask_sources(turn: Turn) -> bool:
    """The Pond has come to want newer input, and could not start on what it holds: ask the
    Sources, once.
    """
    if not turn.asking:
        return False
    turn.asking = False
    if turn.pull is not None and turn.health == "ok":
        send_pull(turn)
    return True


def send_pull(turn: Turn) -> None:
    """The Pond's pull, to each Source; where a required one is down, to those that are tried
    again for it.
    """
    pull = turn.pull
    assert pull is not None  # noqa: S101 - all callers know
    if turn.starved:
        for view in helped_sources(turn):
            pass_pull(turn, view)
        return
    for line, view in sorted(turn.sources.items()):
        if not _is_behind(turn, view):
            turn.emit(SendPull(line, pull, view.taken, view.has_nothing_new, turn.anew))
        elif _asks_from(turn, view) < turn.now:
            _ask_on(turn, view)
        elif turn.anew > NEVER:  # it is asked in time, also what has forgotten that it was
            turn.put_source(replace(view, asked=NEVER))


def order_next(turn: Turn) -> None:
    """The Sources prepare the next batch while this one is worked on. One that we waited for
    twice running is pressed.
    """
    presses = turn.waited and asks_on(turn)
    for line, view in sorted(turn.sources.items()):
        is_last = line == turn.heard
        turn.emit(SendPull(line, turn.now, view.taken, waits=is_last, urgent=is_last and presses))
    turn.waited = turn.heard is not None


def asks_on(turn: Turn) -> bool:
    """Whether a Wave stands behind what this line asks for."""
    return turn.urgent or isinstance(turn.trigger, Wave)


def helped_sources(turn: Turn) -> list[SourceView]:
    """The required Sources that are down, and are tried again if they are asked."""
    return [view for _, view in sorted(turn.sources.items()) if view.helps]


def pass_pull(turn: Turn, view: SourceView) -> None:
    """A pull that waits for this Source, from one that cannot run before it has recovered."""
    kept = turn.kept or Kept(NEVER)
    epoch = max(turn.pull or NEVER, kept.epoch)
    turn.emit(SendPull(view.line, epoch, view.taken, waits=view.has_nothing_new, anew=kept.anew))


def ask_beyond(turn: Turn) -> bool:
    """Ask a Source whose answer no run can be started by for newer than that: once an answer, and
    when that can help.

    A Pond that comes to have another Source may be ahead of it. The Source has done what it was
    asked for, and would rest. Where we are ahead of the clock (a Window gave us our freshness) it
    would run in vain until then, again and again.
    """
    due = (
        []
        if turn.blocked
        else [view for view in _unasked(turn) if _asks_from(turn, view) < turn.now]
    )
    for view in sorted(due, key=lambda view: view.line):
        _ask_on(turn, view)
    return bool(due)


def beyond_due(turn: Turn) -> Instant | None:
    """When ``ask_beyond`` can next ask a Source that we are ahead of. None: there is none, or it
    has been asked.
    """
    if turn.pull is None or turn.blocked:
        return None
    return min((just_after(_asks_from(turn, view)) for view in _unasked(turn)), default=None)


def _unasked(turn: Turn) -> list[SourceView]:
    """The Sources that we are ahead of, or that keep us waiting, and were not asked for more
    yet: as a rule none.
    """
    f = turn.start_f
    behind = [
        view
        for view in turn.sources.values()
        if view.asked < view.report.end_f <= f and _is_behind(turn, view)
    ]
    return behind or [view for view in lagging(turn) if view.asked < view.report.end_f]


def lagging(turn: Turn) -> list[SourceView]:
    """The required Sources that were read at what they have, where another one has news: a run
    would be as old as they are.

    Sources that are as slow as each other publish at nearly the same moments. A run for each would
    be two a period, one of them fresher by the moment between. What comes through a Window is not
    waited for: that may open tomorrow.
    """
    required = [view for view in turn.sources.values() if not view.optional]
    if len(required) <= 1:  # it decides
        return []
    f = min(view.report.end_f for view in required)
    last = [view for view in required if view.report.end_f == f]
    if (
        f <= turn.start_f
        or any(view.taken < f or view.report.delay for view in last)
        or all(view.taken >= view.report.end_f for view in required)
    ):
        return []
    return last


def _asks_from(turn: Turn, view: SourceView) -> Instant:
    """After that a run of this Source may be fresher than we are: what comes through a Window is
    fresh as of its end.
    """
    return turn.start_f - view.report.delay


def _ask_on(turn: Turn, view: SourceView) -> None:
    """For newer than now: an Inlet asked for an epoch that it has passed would do a step of a
    microsecond.
    """
    assert turn.pull is not None  # noqa: S101 - all callers know
    held, epoch = view.report.end_f, max(turn.pull, turn.now)
    turn.put_source(replace(view, asked=held))
    turn.emit(SendPull(view.line, epoch, held, waits=True, anew=turn.anew))


def _is_behind(turn: Turn, view: SourceView) -> bool:
    """Whether it published something that was not taken, and that no run can be started by."""
    decides = not view.optional or all(other.optional for other in turn.sources.values())
    return decides and view.taken < view.report.end_f <= turn.start_f


def send_target(turn: Turn, epoch: Instant) -> None:
    """To each required Source; only where there is none, to the optional ones: nobody else would
    wait for those.

    Where a required Source is down, to those only that are tried again for it: the others would run
    for nothing, or too early.
    """
    if turn.health != "ok" and epoch <= turn.start_f:
        return  # the Sources gave that already, and the run that took it failed
    required = [line for line, view in turn.sources.items() if not view.optional]
    for line in (
        [view.line for view in helped_sources(turn)]
        if turn.starved
        else sorted(required or turn.sources)
    ):
        turn.emit(SendTarget(line, epoch))


def send_newest_target(turn: Turn) -> None:
    """Say again what is wanted: one run satisfies all of it, and several letters may become
    several runs.
    """
    if turn.targets:
        send_target(turn, turn.targets[-1])


def ask_helped(turn: Turn, source: SourceView | None = None) -> None:
    """Say again what is wanted to ``source``, or to all that are down and are tried again if they
    are asked.

    A line that failed itself asks for what it can try with.
    """
    if turn.may_ask == 0:
        return
    for view in helped_sources(turn) if source is None else [source]:
        if turn.health == "ok" and (turn.pull is not None or turn.kept is not None):
            pass_pull(turn, view)
        if not view.optional or all(other.optional for other in turn.sources.values()):
            newest = turn.targets[-1] if turn.targets else NEVER
            if newest > (NEVER if turn.health == "ok" else turn.start_f):
                turn.emit(SendTarget(view.line, newest))
