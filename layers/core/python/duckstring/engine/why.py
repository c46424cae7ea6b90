"""Why a line starts no run: the rules of ``runs.start_run`` and ``demand.py``, read backwards.

Everything here is pure, and changes nothing: it works on a private copy of a state. A property test
takes each cause away and sees the line run (``tests/property/test_why_laws.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping

from duckstring.engine import runs
from duckstring.engine.asking import lagging
from duckstring.engine.causes import (
    Asleep,
    Blocked,
    Busy,
    Cause,
    DeployWaits,
    Due,
    Failed,
    ForceWaits,
    Held,
    Holder,
    Killed,
    Lags,
    LineCauses,
    NotAsked,
    NotDeployed,
    NotKept,
    NotReceived,
    RetryAt,
    RunFirst,
    Short,
    TideDue,
    WaitsForToken,
    WindowClosed,
    leads_to,
)
from duckstring.engine.demand import tide_due
from duckstring.engine.limits import LimitState
from duckstring.engine.state import PondState, SourceView
from duckstring.engine.tokens import awaited
from duckstring.engine.turn import Turn
from duckstring.model.catalog import Release
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.windows import Occurrence, first_after, next_opening, open_now


def chain(  # noqa: PLR0913 - what is known, each by its name
    line: Line,
    states: Mapping[Line, PondState],
    releases: Mapping[Line, Release],
    now: Instant,
    *,
    most: int,
    unknown: Collection[Line] = (),
    limits: Mapping[str, LimitState] | None = None,
) -> tuple[tuple[LineCauses, ...], int]:
    """Why a line starts no run, and the causes of each line that these lead to, down to the roots.

    Each line comes once, the nearest first, so the work is that of the lines and edges above it.
    A Source that is down is asked by its Sink when it returns, so it is no cause that nobody asks
    it now. A hold is one of the whole Catchment, and is named once, by the first line.

    Args:
        line: the one that is asked about.
        states: of the line and of all lines above it. A missing one has never got a letter.
        releases: what the catalog selects.
        now: the moment that is explained.
        most: lines at most.
        unknown: lines of which nothing is known.
        limits: those whose tokens Ripples of these lines may wait for.

    Returns:
        The lines with their causes, and how many lines more there are.
    """
    found: list[LineCauses] = []
    ahead, seen = deque([line]), {line}
    waited_for: set[Line] = set()
    holds: set[Cause] = set()
    while ahead and len(found) < most:
        one = ahead.popleft()
        state = states.get(one) or PondState(one)
        busy = None if one == line else _busy(state)
        known = (busy,) if busy else hindrances(state, releases.get(one), now)
        causes = (NotKept(),) if one in unknown else known
        if one != line and one not in waited_for:
            causes = tuple(cause for cause in causes if not isinstance(cause, NotAsked))
        causes = tuple(cause for cause in causes if cause not in holds)
        holds |= {cause for cause in causes if isinstance(cause, Held)}
        found.append(LineCauses(one, (*causes, *token_waits(state, limits or {}))))
        waited_for |= {cause.source for cause in causes if isinstance(cause, Short | Lags)}
        new = [source for cause in causes if (source := leads_to(cause)) and source not in seen]
        seen.update(new)
        ahead.extend(new)
    return _besides_hold(found) if holds and not ahead else tuple(found), len(ahead)


def _besides_hold(found: list[LineCauses]) -> tuple[LineCauses, ...]:
    """Without the lines that are waited for and that nothing but the hold keeps from running: that
    is told of the first line already.
    """
    sinks: dict[Line, list[Line]] = {}
    for one in found:
        for source in _above(one):
            sinks.setdefault(source, []).append(one.line)
    hindered = _reached((one.line for one in found if any(map(_is_own, one.causes))), sinks)
    kept = [
        LineCauses(
            one.line,
            tuple(c for c in one.causes if not isinstance(c, Short | Lags) or c.source in hindered),
        )
        for one in found
    ]
    told = _reached([found[0].line], {one.line: _above(one) for one in kept})
    return tuple(one for one in kept if one.line in told)


def _above(found: LineCauses) -> list[Line]:
    return [source for cause in found.causes if (source := leads_to(cause))]


def _is_own(cause: Cause) -> bool:
    """Whether it stays when there is no hold, whatever other lines do."""
    return not isinstance(cause, Short | Lags | Held)


def _reached(lines: Iterable[Line], ways: Mapping[Line, list[Line]]) -> set[Line]:
    """These lines, and those that are reached from them."""
    ahead = list(lines)
    seen = set(ahead)
    while ahead:
        new = [line for line in ways.get(ahead.pop(), ()) if line not in seen]
        seen.update(new)
        ahead.extend(new)
    return seen


def hindrances(state: PondState, selected: Release | None, now: Instant) -> tuple[Cause, ...]:
    """Why a line starts no run, by what it knows itself. Empty: it runs, and nothing more is asked
    of it.
    """
    if selected is None:
        return (NotDeployed(),)
    turn = Turn(state, now)
    if turn.release is None:
        return (NotReceived(selected.deployed),)
    found = _without_hold(turn)
    if not turn.hold.on:
        return found
    return _under_hold(turn, found)


def _without_hold(turn: Turn) -> tuple[Cause, ...]:
    """What is in the way of a line that would be so without a hold, too."""
    if turn.health == "killed":
        return (Killed(), *_for_good(turn))
    return _first(turn) or tuple(
        _after_failure(turn) if turn.health == "failed" else _healthy(turn)
    )


def _under_hold(turn: Turn, found: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """The hold with what is in the way besides. It comes first where there is demand that a run
    could take up; a line that runs, and of which no more is asked, has none.
    """
    held, others = Held(turn.hold), tuple(cause for cause in found if not isinstance(cause, Due))
    if turn.health == "ok" and (turn.force or _is_wanted_now(turn)):
        return (held, *others)
    return (*others, held) if found else ()


def token_waits(state: PondState, limits: Mapping[str, LimitState]) -> Iterator[WaitsForToken]:
    """Which Ripples of a line wait for tokens, and who has these."""
    for ripple in state.ripples.values():
        name, attempt = awaited(ripple), ripple.attempt
        if not name or attempt is None:
            continue
        limit = limits.get(name) or LimitState(name)
        place = (state.line, attempt.claim)
        queue = [(line, entry.number) for line, entry in limit.waiting]
        since = [e.since for line, e in limit.waiting if (line, e.number) == place]
        holders = (Holder(line, e.run, e.ripple, e.since) for line, e in limit.holders)
        yield WaitsForToken(
            name,
            ripple.name,
            attempt.run,
            since[0] if since else attempt.since,
            limit.tokens,
            tuple(holders),
            queue.index(place) if place in queue else 0,
        )


def _is_wanted_now(turn: Turn) -> bool:
    """Whether there is demand that a run can take up."""
    return turn.pull is not None or bool(turn.targets) or turn.woken is not None


def _is_wanted(turn: Turn) -> bool:
    """Whether there will be such demand as soon as the line is no longer down."""
    return _is_wanted_now(turn) or turn.kept is not None or turn.trigger is not None


def _first(turn: Turn) -> tuple[Cause, ...]:
    """What comes before any other run."""
    flying = tuple(sorted(turn.runs))
    if turn.next_release is not None and flying:
        return (DeployWaits(turn.next_release.version, flying),)
    if turn.force and flying:
        return (ForceWaits(flying),)
    if turn.force:
        return (Due(),)
    is_full = runs.is_forcing(turn) or len(flying) >= runs.MOST_RUNS
    return (RunFirst(flying),) if is_full and _is_wanted_now(turn) else ()


def _for_good(turn: Turn) -> Iterator[Cause]:
    """What else is in the way of a line that stays down until somebody brings it back."""
    yield from _blockers(turn)
    if not _is_wanted(turn):
        yield NotAsked()


def _after_failure(turn: Turn) -> Iterator[Cause]:
    if runs.in_flight(turn):  # it tries again just now
        return
    left = max(turn.source_retries + 1 - turn.failures, 0)
    yield Failed(turn.failed_run, turn.failure, turn.failures, left)
    if left == 0:
        yield from _for_good(turn)
    elif turn.asleep:
        yield from _blockers(turn)
        yield Asleep()
    else:
        yield from _blockers(turn)
        yield from _retry_of_inlet(turn) if turn.is_inlet else _retry(turn)


def _retry_of_inlet(turn: Turn) -> Iterator[Cause]:
    if turn.retry_at is not None and turn.retry_at > turn.now:
        yield RetryAt(turn.retry_at, asks=False)
    elif turn.is_windowed and open_now(turn.windows.values(), turn.now) is None:
        yield WindowClosed(next_opening(turn.windows.values(), turn.now), used=False)
    else:
        yield Due()


def _retry(turn: Turn) -> Iterator[Cause]:
    """A line with Sources tries again with something newer than it failed on."""
    short = [view for view in _needed(turn) if view.report.end_f <= turn.start_f]
    if not short:
        if not turn.starved:
            yield Due()
        return
    if turn.retry_at is not None:
        yield RetryAt(turn.retry_at, asks=True)
    elif not turn.has_asked_to_retry and not _is_wanted(turn):
        yield NotAsked()
    for view in short:
        if not view.blocks:
            yield Short(view.line, view.report.end_f, None, asked=turn.has_asked_to_retry)


def _healthy(turn: Turn) -> Iterator[Cause]:
    """Of a line that has not failed."""
    if turn.runs and not _is_wanted_now(turn):
        return
    yield from _blockers(turn)
    if not _is_wanted_now(turn):
        yield from _unasked(turn)
        return
    if turn.is_windowed:
        yield from _window(turn)
        return
    short = short_sources(turn)
    if short:
        asked = turn.pull is not None or bool(turn.targets)
        for view in short:
            if not view.blocks:
                yield Short(view.line, view.report.end_f, _needs(turn), asked=asked)
    else:
        yield from _room(turn)


def _room(turn: Turn) -> Iterator[Cause]:
    """The Sources have what is needed."""
    may_be_pushed, may_be_pulled = runs.room(turn)
    is_pushed = bool(turn.targets) or turn.woken is not None
    lags = lagging(turn) if turn.pull is not None and not is_pushed else []
    if turn.runs and not ((is_pushed and may_be_pushed) or (turn.pull and may_be_pulled)):
        yield RunFirst(tuple(sorted(turn.runs)))
    elif turn.runs and turn.is_inlet and runs.source_f(turn) == NEVER:
        yield RunFirst(tuple(sorted(turn.runs)))  # the run in flight began to read after the Pulse
    elif lags:
        for view in sorted(lags, key=lambda one: one.line):
            yield Lags(view.line, view.report.end_f)
    elif not turn.starved:
        yield Due()


def _unasked(turn: Turn) -> Iterator[Cause]:
    if turn.kept is not None:  # it waits for what blocks the line
        return
    due = tide_due(turn)
    if due is not None and due <= turn.now:
        if not turn.starved or turn.retries:
            yield Due()
        return
    if due is not None:
        yield TideDue(due)
    elif turn.asleep:
        yield Asleep()
    elif turn.trigger is None or not turn.starved:
        yield NotAsked()


def _window(turn: Turn) -> Iterator[Cause]:
    found = open_now(turn.windows.values(), turn.now)
    if found is not None and found.end > turn.start_f:
        yield from _room(turn)
    else:
        opening = next_use(turn, turn.now)
        yield WindowClosed(opening, used=found is not None)


def next_use(turn: PondState | Turn, now: Instant) -> Occurrence | None:
    """The first opening that is not satisfied before it begins. A rule that is gone may have left a
    freshness far in the future.
    """
    rules = tuple(turn.windows.values())
    if turn.start_f <= now:
        return next_opening(rules, now)
    coming = first_after(rules, turn.start_f)
    return coming if coming is None or coming.start > now else next_opening(rules, now)


def _blockers(turn: Turn) -> Iterator[Cause]:
    for _, view in sorted(turn.sources.items()):
        if view.blocks and view.report.down is not None:
            yield Blocked(view.line, view.report.down)


def _busy(state: PondState) -> Busy | None:
    live = [run for run in state.runs.values() if run.failure is None]
    if not live:
        return None
    newest = max(live, key=lambda run: run.number)
    return Busy(newest.number, newest.f, newest.started)


def _needed(state: PondState | Turn) -> list[SourceView]:
    """The Sources that a run waits for, by name: the required ones, or all if none is required."""
    views = [view for _, view in sorted(state.sources.items())]
    return [view for view in views if not view.optional] or views


def short_sources(state: PondState | Turn) -> list[SourceView]:
    """The Sources that have too little output for the run that is asked for, by name."""
    needed = _needs(state)
    return [
        view
        for view in _needed(state)
        if (view.report.end_f <= state.start_f if needed is None else view.report.end_f < needed)
    ]


def _needs(state: PondState | Turn) -> Instant | None:
    """The freshness that a Source must have. None: any that is newer than ``start_f``."""
    if state.pull is not None or state.woken is not None or not state.targets:
        return None
    return min(state.targets)
