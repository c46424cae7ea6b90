"""What a line asks of its Sources: its pull and its targets, sent once, as soon as that helps.

Rules: docs/engine.md, "Demand", "Retries are fed". ``demand.py`` decides what is wanted.
"""

from __future__ import annotations

from duckstring.engine.effects import SendPull, SendTarget
from duckstring.engine.state import Kept, SourceView, Wave
from duckstring.engine.turn import Turn
from duckstring.model.instants import NEVER, Instant, just_after
from duckstring.model.values import replace


def ask_sources(turn: Turn) -> bool:
    """Ask the Sources once, when the Pond wants newer input and could not start on what it
    holds.
    """
    if not turn.asking:
        return False
    turn.asking = False
    if turn.pull is not None and turn.health == "ok":
        send_pull(turn)
    return True


def send_pull(turn: Turn) -> None:
    """Send the Pond's pull to each Source. If a required Source is down, send it only to those that
    are tried again for it.
    """
    pull = turn.pull
    assert pull is not None  # noqa: S101 - all callers know
    if turn.starved:
        for view in helped_sources(turn):
            pass_pull(turn, view)
        return
    for line, view in sorted(turn.sources.items()):
        if not _is_behind(turn, view):
            turn.emit(SendPull(line, pull, view.taken, view.has_nothing_new, turn.reissued_at))
        elif _asks_from(turn, view) < turn.now:
            _ask_on(turn, view)
        elif turn.reissued_at > NEVER:  # ask again: the Source may have forgotten
            turn.put_source(replace(view, asked=NEVER))


def order_next(turn: Turn) -> None:
    """Let the Sources prepare the next batch while this one is worked on. A Source that this line
    waited for twice in a row is marked urgent.
    """
    presses = turn.waited and asks_on(turn)
    for line, view in sorted(turn.sources.items()):
        is_last = line == turn.reporter
        turn.emit(SendPull(line, turn.now, view.taken, waits=is_last, urgent=is_last and presses))
    turn.waited = turn.reporter is not None


def asks_on(turn: Turn) -> bool:
    """Whether a Wave stands behind what this line asks for."""
    return turn.urgent or isinstance(turn.trigger, Wave)


def helped_sources(turn: Turn) -> list[SourceView]:
    """The required Sources that are down, and are tried again if they are asked."""
    return [view for _, view in sorted(turn.sources.items()) if view.helps]


def pass_pull(turn: Turn, view: SourceView) -> None:
    """Pass on a pull that waits for this Source. The line cannot run before the Source has
    recovered.
    """
    kept = turn.kept or Kept(NEVER)
    epoch = max(turn.pull or NEVER, kept.epoch)
    turn.emit(SendPull(view.line, epoch, view.taken, waits=view.has_nothing_new, anew=kept.anew))


def ask_beyond(turn: Turn) -> bool:
    """Ask a Source for newer than an answer that no run can start with. This is done once for each
    answer, and only when it can help.

    A Pond that gets another Source may be ahead of it. The Source has then done what it was asked
    for, and would rest. If the Pond is ahead of the clock (a Window gave it its freshness), the
    Source would run in vain again and again until then.
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
    """When ``ask_beyond`` can next ask a Source that this line is ahead of. None: there is no such
    Source, or it has been asked.
    """
    if turn.pull is None or turn.blocked:
        return None
    return min((just_after(_asks_from(turn, view)) for view in _unasked(turn)), default=None)


def _unasked(turn: Turn) -> list[SourceView]:
    """The Sources that this line is ahead of, or that keep it waiting, and that were not asked for
    more yet. Usually there are none.
    """
    f = turn.start_f
    behind = [
        view
        for view in turn.sources.values()
        if view.asked < view.report.end_f <= f and _is_behind(turn, view)
    ]
    return behind or [view for view in lagging(turn) if view.asked < view.report.end_f]


def lagging(turn: Turn) -> list[SourceView]:
    """The required Sources whose published output has been read, while another Source has news. A
    run would be as old as they are.

    Sources that are equally slow publish at nearly the same moments. Without this rule there would
    be two runs a period, one of them only slightly fresher. Sources behind a Window are not waited
    for: the Window may open tomorrow.
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
    """The instant after which a run of this Source may be fresher than this line. Data that comes
    through a Window is fresh as of the Window's end.
    """
    return turn.start_f - view.report.delay


def _ask_on(turn: Turn, view: SourceView) -> None:
    """Ask for newer than now. An Inlet that is asked for a past epoch would advance by a
    microsecond only.
    """
    assert turn.pull is not None  # noqa: S101 - all callers know
    held, epoch = view.report.end_f, max(turn.pull, turn.now)
    turn.put_source(replace(view, asked=held))
    turn.emit(SendPull(view.line, epoch, held, waits=True, anew=turn.reissued_at))


def _is_behind(turn: Turn, view: SourceView) -> bool:
    """Whether the Source published something that was not taken and that no run can start with."""
    decides = not view.optional or all(other.optional for other in turn.sources.values())
    return decides and view.taken < view.report.end_f <= turn.start_f


def send_target(turn: Turn, epoch: Instant) -> None:
    """Send a target to each required Source. The optional ones get it only if there are no required
    ones: then nothing else waits for them.

    If a required Source is down, only those that are tried again for it get the target. The others
    would run for nothing, or too early.
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
    """Send the newest target again. One run satisfies all targets, and several letters could cause
    several runs.
    """
    if turn.targets:
        send_target(turn, turn.targets[-1])


def ask_helped(turn: Turn, source: SourceView | None = None) -> None:
    """Ask again for what is wanted: ``source``, or all Sources that are down and are tried again
    when they are asked.

    A line that failed itself asks for newer input to try again with.
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
