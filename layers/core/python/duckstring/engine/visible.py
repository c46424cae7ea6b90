"""What an attempt finds of its own line, and what becomes of it if an older run fails later.

An attempt sees what is published, and what open runs up to its own have written. So it may build on
a run that fails afterwards. Then what its Ripple wrote and took in that run goes on in the run that
was built on it: a Ripple's tables and its positions stay together. Rules: docs/engine.md, "Runs
that overlap".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from duckstring.engine.state import PondState, Positions, Run
from duckstring.engine.turn import Turn
from duckstring.model.arrivals import ARRIVALS, number_at
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.names import Line, parse_table_key, writer_of
from duckstring.model.values import replace


def open_up_to(state: PondState, run: Run) -> list[Run]:
    """Open runs up to this one. Only a failed run itself sees its tables."""
    older = [
        other for other in state.runs.values() if other.f <= run.f and other.number <= run.number
    ]
    seen = [other for other in older if other.failure is None or other.number == run.number]
    return sorted(seen, key=lambda other: (other.f, other.number))


def visible_tables(state: PondState, run: Run) -> dict[str, TableVersion]:
    """The Pond's own tables as this run sees them: the published ones, then those of open runs up
    to its own freshness, newest last.
    """
    tables = dict(state.tables)
    for other in open_up_to(state, run):
        tables = {
            name: version for name, version in tables.items() if name not in other.dropped
        } | dict(other.outputs)
    return tables


def visible_positions(state: PondState, run: Run, ripple: str) -> Positions:
    """How far a Ripple has taken tables of Sources, by the rule of ``visible_tables``."""
    return _taken(state.positions, open_up_to(state, run)).get(ripple, {})


def arrivals_begin(line: PondState | Turn) -> int:
    """The number behind which a Ripple begins that has taken no object that arrived: where the
    line's other Ripples are.
    """
    taken = (held.get(ARRIVALS) for held in line.positions.values())
    return max((number_at(one) for one in taken if one), default=line.arrivals_from)


def arrivals_before(state: PondState, run: Run, ripple: str) -> int:
    """The number up to which a Ripple has taken the objects that arrived, as this run sees it."""
    held = visible_positions(state, run, ripple).get(ARRIVALS)
    return arrivals_begin(state) if held is None else number_at(held)


def found_runs(state: PondState, run: Run) -> tuple[int, ...]:
    """The older runs in flight that this one sees, oldest first."""
    return tuple(other.number for other in open_up_to(state, run) if other.number != run.number)


def dropped_tables(state: PondState, run: Run) -> dict[str, DroppedTable]:
    """Tables that existed once, and those that open runs have dropped."""
    dropped = dict(state.dropped)
    for other in open_up_to(state, run):
        dropped |= {
            name: DroppedTable(other.number, other.version)
            for name in other.dropped - other.outputs.keys()
        }
    return dropped


def _taken(before: Mapping[str, Positions], runs: Iterable[Run]) -> dict[str, Positions]:
    """The positions after these runs, the oldest first."""
    taken = dict(before)
    for run in runs:
        for ripple, positions in run.positions.items():
            taken[ripple] = {**taken.get(ripple, {}), **positions}
    return taken


def publish_positions(turn: Turn, done: Iterable[Run], *, gone: Collection[Line]) -> None:
    """Keep how far the Ripples of these runs have taken tables of Sources, the oldest run first.

    ``gone``: Sources that were removed since these runs read them.
    """
    turn.positions = _taken(turn.positions, done)
    for line in gone:
        forget_source(turn, line)


def forget_source(turn: Turn, line: Line) -> None:
    """Its Ripples start with everything of a Source that was removed and came again."""
    if turn.positions:
        start = f"data/{line}/"
        turn.positions = _only(turn.positions, lambda _, key: not key.startswith(start))


def forget_former_sources(turn: Turn) -> None:
    """The same for positions of the past, which a rollback brings back."""
    former = {view.line: view.former for view in turn.sources.values() if view.former}

    def is_former(key: str) -> bool:
        written = parse_table_key(key)
        return written is not None and written.run <= former.get(written.line, 0)

    if former:
        turn.positions = _only(turn.positions, lambda _, key: not is_former(key))


def forget_ripples(turn: Turn) -> None:
    """Ripples that are gone have taken nothing. Of the objects that arrived, others go on where
    these were.
    """
    if turn.positions:
        turn.arrivals_from = arrivals_begin(turn)
        turn.positions = _only(turn.positions, lambda ripple, _: ripple in turn.ripples)


def _only(held: Mapping[str, Positions], keeps: Callable[[str, str], bool]) -> dict[str, Positions]:
    left = {
        ripple: {ref: one for ref, one in positions.items() if keeps(ripple, one.key)}
        for ripple, positions in held.items()
    }
    return {ripple: positions for ripple, positions in left.items() if positions}


def note_watchers(turn: Turn, dead: Run) -> Run:
    """The failed run, with the attempts of newer runs that may have seen its tables."""
    watchers = {
        ripple.name: ripple.attempt.run
        for ripple in turn.ripples.values()
        if ripple.attempt is not None
        and ripple.attempt.dispatched
        and dead.number < ripple.attempt.run
    }
    return replace(dead, seen_by=watchers) if dead.outputs or dead.positions else dead


def is_watched(turn: Turn, dead: Run) -> bool:
    """Whether an attempt is still at work that may have seen a failed run's tables."""
    return any(
        (attempt := turn.ripples[name].attempt) is not None and attempt.run == number
        for name, number in dead.seen_by.items()
        if name in turn.ripples
    )


def hand_on(turn: Turn, dead: Run, ripple: str) -> None:
    """What a Ripple wrote and took in a run that failed goes on in the oldest run in flight in
    which the Ripple has built on that. What it has written or dropped there wins.
    """
    heirs = [
        run
        for run in turn.runs.values()
        if run.failure is None and dead.number in run.found.get(ripple, ())
    ]
    if not heirs:
        return
    heir = min(heirs, key=lambda run: run.number)
    tables = {
        name: one
        for name, one in dead.outputs.items()
        if writer_of(one.key)[1] == ripple and name not in heir.dropped
    }
    taken = {**dead.positions.get(ripple, {}), **heir.positions.get(ripple, {})}
    positions = {**heir.positions, ripple: taken} if taken else heir.positions
    turn.put_run(replace(heir, outputs={**tables, **heir.outputs}, positions=positions))
