"""Whose demand a run in flight answers, as far as the lines remember it.

A target keeps its epoch on its way up, so it is found again in the Sinks that wait for it. A pull
is not marked: it is followed to the Sinks that wait, or that prepare their next run. What a line
has forgotten is not guessed (``Origin.sure``, ``unknown``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping

from duckstring.engine.causes import Origin, WantedBy
from duckstring.engine.state import PondState, Run, Tide, Wave
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.values import replace

_States = Mapping[Line, PondState]
_Path = tuple[Line, ...]


def origins(state: PondState, run: Run, states: _States) -> tuple[Origin, ...]:
    """Where the demand began that a run in flight was started for.

    Args:
        state: of the line that runs.
        run: one of its runs in flight, which has not failed.
        states: of all lines below it.

    Returns:
        An operator's order first, then what is pulled, then what is pushed, and last what it did
        not begin for; never empty.
    """
    line = state.line
    if run.forced:
        return (Origin("force", line),)
    found: list[Origin] = []
    if run.woken is not None:
        found.append(Origin("wake", line))
    if run.pull is not None:
        found += _pulled(state, run, states)
    if run.target > NEVER:
        found += _pushed(state, run.target, states)
    if state.health == "failed":
        found.insert(0, Origin("retry", line))
    return tuple(sorted(found, key=lambda one: one.also)) or (Origin("unknown", line),)


def _pushed(state: PondState, epoch: Instant, states: _States) -> Iterator[Origin]:
    """Lines that wait for this very epoch, and have no Sink that does."""
    for path in _ends(state, states, lambda sink: _holds(sink, epoch)):
        end = states.get(path[-1], state)
        kind: WantedBy = "tide" if isinstance(end.trigger, Tide) else "pulse"
        yield Origin(kind, end.line, epoch, path[1:], sure=not end.sinks)


def _holds(state: PondState, epoch: Instant) -> bool:
    return epoch in state.targets or any(run.target == epoch for run in _live(state))


def _pulled(state: PondState, run: Run, states: _States) -> Iterator[Origin]:
    """Lines below with a Tap or a Wave. A line between may be between two versions, and show
    nothing of what passes through it.

    A line that pulls and has no such line below it has forgotten for whom. So has a run that began
    before it was tapped: it only answers the Tap. If it has another reason, only a Sink may have
    asked for it besides.
    """
    tapped = run.pull if run.tapped else None
    is_late = tapped is not None and tapped > run.started
    own = list(_own_pull(state, tapped, ()))
    yield from (replace(one, also=is_late and one.kind == "tap") for one in own)
    has_reason = run.target > NEVER or run.woken is not None
    if is_late and not (has_reason and not state.sinks):
        yield Origin("unknown", state.line, also=has_reason)
    elif not own and _is_forgotten(state, states):
        yield Origin("unknown", state.line)
    for path in _walk(state, states, _anybody):
        sink = states[path[-1]]
        own = list(_own_pull(sink, _tapped(sink), path[1:]))
        yield from own
        if not own and _pulls(sink) and _is_forgotten(sink, states):
            yield Origin("unknown", sink.line, via=path[1:])


def _anybody(_: PondState) -> bool:
    return True


def _is_forgotten(state: PondState, states: _States) -> bool:
    """Whether no Sink pulls, and nothing below has a Tap or a Wave."""
    if _asking_sinks(state, states, _pulls):
        return False
    below = (states[path[-1]] for path in _walk(state, states, _anybody))
    return not any(list(_own_pull(sink, _tapped(sink), ())) for sink in below)


def _own_pull(state: PondState, tapped: Instant | None, via: _Path) -> Iterator[Origin]:
    """A Wave is set with a Tap of its line, which counts as the Wave's own."""
    if isinstance(state.trigger, Wave):
        yield Origin("wave", state.line, via=via)
    elif tapped is not None:
        yield Origin("tap", state.line, tapped, via)


def _pulls(state: PondState) -> bool:
    return (
        state.pull is not None
        or state.kept is not None
        or isinstance(state.trigger, Wave)
        or any(run.pull is not None for run in _live(state))
    )


def _tapped(state: PondState) -> Instant | None:
    """When this very line was tapped, of Taps that are not answered yet."""
    held = [run.pull for run in _live(state) if run.tapped]
    held += [state.pull] if state.tapped else []
    held += [state.kept.epoch] if state.kept is not None and state.kept.own else []
    return max((at for at in held if at is not None), default=None)


def _live(state: PondState) -> list[Run]:
    return [run for run in state.runs.values() if run.failure is None]


_Asks = Callable[[PondState], bool]


def _walk(state: PondState, states: _States, asks: _Asks) -> Iterator[_Path]:
    """The way to each line below that asks, through lines that ask; each line once, the nearest
    first.
    """
    ahead: deque[tuple[PondState, _Path]] = deque([(state, (state.line,))])
    seen = {state.line}
    while ahead:
        one, path = ahead.popleft()
        for sink in _asking_sinks(one, states, asks):
            if sink.line not in seen:
                seen.add(sink.line)
                ahead.append((sink, (*path, sink.line)))
                yield (*path, sink.line)


def _ends(state: PondState, states: _States, asks: _Asks) -> Iterator[_Path]:
    """Of these ways, those to lines that no Sink asks; the line itself if no Sink asks it."""
    if not _asking_sinks(state, states, asks):
        yield (state.line,)
    for path in _walk(state, states, asks):
        if not _asking_sinks(states[path[-1]], states, asks):
            yield path


def _asking_sinks(state: PondState, states: _States, asks: _Asks) -> list[PondState]:
    sinks = [states[line] for line in sorted(state.sinks) if line in states]
    return [sink for sink in sinks if asks(sink)]
