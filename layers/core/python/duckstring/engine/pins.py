"""Which snapshots are not deleted: those that a line reads, or may pin next, and how many more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import PondState
from duckstring.model.names import Line
from duckstring.model.retention import Retention


def pinned(states: Iterable[PondState]) -> Mapping[Line, Mapping[int, frozenset[Line]]]:
    """By Source and number of its snapshot, who reads it: runs in flight, and the next run of each
    of these lines, which begins with what it was last told.
    """
    found: dict[Line, dict[int, frozenset[Line]]] = defaultdict(lambda: defaultdict(frozenset))
    for state in states:
        told = [(line, view.report.snapshot) for line, view in state.sources.items()]
        pins = [pin for run in state.runs.values() for pin in run.pins.items()]
        for line, number in (*told, *pins):
            if number:
                found[line][number] |= {state.line}
    return found


def retention_of(state: PondState, whole: Retention) -> Retention:
    """How many snapshots of a line are kept, where its Catchment keeps ``whole``."""
    release = state.next_release or state.release
    return (release.retention if release is not None else Retention()).within(whole)


def objects_of(snapshot: PublishSnapshot) -> frozenset[str]:
    """The objects that a manifest keeps: those of its tables, and whole tables of Sources that its
    Ripples had taken. If it is published again, the next delta is what has changed since these.
    """
    tables = [key for version in snapshot.tables.values() for key in version.keys]
    taken = [one for of in (snapshot.positions or {}).values() for one in of.values()]
    return frozenset((*tables, *(one.key for one in taken if one.whole)))
