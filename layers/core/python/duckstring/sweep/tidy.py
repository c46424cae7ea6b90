"""Deletes what nobody can read any more: manifests, table versions, memories of Ripples, packages,
uploads, catalogs of the lake, files of Iceberg.

It deletes only what is a day old, and what nothing published, pinned or unfinished refers to, nor
the lake or an Iceberg table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from itertools import groupby

from duckstring.engine.letters import is_pending
from duckstring.engine.pins import pinned, retention_of
from duckstring.engine.state import PondState
from duckstring.model.as_of import Kept, dropped_before
from duckstring.model.catalog import Release, Removal
from duckstring.model.instants import Instant
from duckstring.model.lake import HISTORY
from duckstring.model.names import Line, attempt_of_key
from duckstring.model.retention import Retention
from duckstring.ports import Seen
from duckstring.sweep.ports import SweepPorts
from duckstring.sweep.report import Report

DAY = timedelta(days=1)


def tidy(
    seen: Mapping[Line, Seen],
    removals: Mapping[Line, Removal],
    releases: Mapping[Line, Release],
    ports: SweepPorts,
    *,
    now: Instant,
    report: Report,
) -> None:
    """Delete what nobody can read any more, and clear the removals that have left nothing behind.

    Args:
        seen: the states of all lines, deployed or removed.
        removals: those that are not cleared, by line.
        releases: what is deployed.
        ports: what the sweep needs from outside.
        now: this instant.
        report: where to put what is found.
    """
    exported = ports.iceberg.named()
    named = _tidy_tables(seen, removals, ports, now, report, exported)
    _tidy_packages(seen, ports, now, report)
    catalogs = [
        *ports.lake.outdated(now - HISTORY),
        *ports.iceberg.outdated(now - HISTORY, exported),
    ]
    ports.garbage.drop_objects(catalogs)
    report.catalogs = len(catalogs)
    for removal in _finished(seen, removals, releases, now):
        if removal.line not in named:
            ports.removals.mark_cleared(removal)


def _tidy_tables(
    seen: Mapping[Line, Seen],
    removals: Mapping[Line, Removal],
    ports: SweepPorts,
    now: Instant,
    report: Report,
    exported: Collection[str],
) -> frozenset[str]:
    """Manifests, and the objects that only they refer to. Returns the lines of which an object is
    still named: a Sink may go on from a table of a Source that was removed.

    Manifests are listed after the states were read, so none is missing that those states refer to.
    Runs and snapshots newer than that have objects younger than a day.
    """
    garbage = ports.garbage
    states = {line: held.state for line, held in seen.items()}
    named = _named_by_lake(ports) | {key for key in exported if key.startswith("data/")}
    recorded, pins = garbage.dropped(states), pinned(states.values())
    for line, state in states.items():
        manifests = garbage.manifests(line)
        read = pins.get(line, {}).keys()
        is_over = _is_over(state, removals, now)
        spared = manifests.keys() & read
        if not is_over:
            spared |= _spared(state, manifests, ports.retention, now)
        gone = sorted(set(manifests) - spared)
        before = recorded.get(line)
        dropped = max([*gone, _dropped_before(manifests, now) if before is None else before])
        if dropped != before:
            garbage.record_dropped(line, dropped)
        garbage.drop_manifests(line, gone)
        report.manifests += len(gone)
        # A day is longer than an on_kill call waits, which reads what its Ripple remembered.
        stale_memos = [
            name for name, run in garbage.memos(line, now - DAY).items() if run not in state.runs
        ]
        garbage.drop_memos(line, sorted(stale_memos))
        report.memos += len(stale_memos)
        # Somebody may be reading what has just been forgotten: its objects go the next time.
        still = spared if is_over else manifests.keys()
        named |= set(_named(state)).union(*(manifests[number][1] for number in still))
    stale = [
        key
        for key in garbage.objects(now - DAY)
        if key not in named and not _may_be_wanted(key, states)
    ]
    garbage.drop_objects(stale)
    report.objects, report.tidied = len(stale), True
    report.uploads = garbage.abort_uploads(now - DAY)
    return frozenset(key.split("/")[1] for key in named)


def _named_by_lake(ports: SweepPorts) -> set[str]:
    """The objects that a version of the lake names which can still be read."""
    newest = ports.lake.latest()
    listing = ports.lake.listing(newest) if newest is not None else None
    return set(listing.objects) if listing is not None else set()


def _is_over(state: PondState, removals: Mapping[Line, Removal], now: Instant) -> bool:
    """Removed a day ago, and not deployed again: the line's own last snapshots are no longer
    needed.
    """
    removal = removals.get(state.line)
    return (
        removal is not None
        and state.release is None
        and state.next_release is None
        and now - removal.at >= DAY
    )


def _finished(
    seen: Mapping[Line, Seen],
    removals: Mapping[Line, Removal],
    releases: Mapping[Line, Release],
    now: Instant,
) -> Iterator[Removal]:
    """Removals that need no further look after a tidying: everything that the line ever wrote was a
    day old then, and is deleted.

    A line that was deployed again is tidied as any other.
    """
    for line, removal in removals.items():
        state = seen[line].state if line in seen else None
        received = state is None or not is_pending(removal, state)
        if received and (line in releases or now - removal.at >= 2 * DAY):
            yield removal


def _tidy_packages(
    seen: Mapping[Line, Seen], ports: SweepPorts, now: Instant, report: Report
) -> None:
    """Delete packages that no version names and no line runs, a day after they were uploaded.

    What is deployed is read after the packages were listed, one Pond at a time. An upload is
    deployed within minutes, and the command uploads again what has been stored for long.
    """
    used = {artifact for held in seen.values() for artifact in _artifacts(held.state)}
    stale: list[str] = []
    packages = filter(_is_package, ports.garbage.packages(now - DAY))
    for pond, keys in groupby(packages, key=lambda key: key.split("/")[1]):
        if unused := set(keys) - used:
            stale += sorted(
                unused - {release.artifact for release in ports.removals.versions(pond).values()}
            )
    ports.garbage.drop_objects(stale)
    report.packages = len(stale)


def _is_package(key: str) -> bool:
    """Whether it is a key of ``model.names.artifact_key``. Anything else is not ours to delete."""
    return len(key.split("/")) == len(("artifacts", "pond", "version", "digest")) and key.endswith(
        ".zip"
    )


def _artifacts(state: PondState) -> Iterator[str]:
    yield from (release.artifact for release in (state.release, state.next_release) if release)
    yield from (run.artifact for run in state.runs.values())


def _spared(
    state: PondState,
    manifests: Mapping[int, tuple[Instant, frozenset[str]]],
    whole: Retention,
    now: Instant,
) -> frozenset[int]:
    """The snapshots to keep whether a Sink reads them or not: the published one and later ones, the
    last few, the young ones.
    """
    kept = retention_of(state, whole)
    last = min(sorted(manifests)[-(kept.snapshots or 1) :], default=0)
    return frozenset(
        number
        for number, (f, _) in manifests.items()
        if kept.reasons(number, f, published=state.snapshot, last=last, now=now)
    )


def _dropped_before(manifests: Mapping[int, tuple[Instant, frozenset[str]]], now: Instant) -> int:
    newest_first = [Kept(number, manifests[number][0]) for number in sorted(manifests)[::-1]]

    def look(below: int, most: int) -> list[Kept]:
        return [kept for kept in newest_first if kept.number < below][:most]

    return dropped_before(look, max(manifests, default=0), now=now)


def _named(state: PondState) -> Iterator[str]:
    """The objects of its tables, and those of Sources that its Ripples have taken last, as far as
    they were whole tables: the next delta is what has changed since.
    """
    for tables in (state.tables, *(run.outputs for run in state.runs.values())):
        for version in tables.values():
            yield from version.keys
    for taken in (state.positions, *(run.positions for run in state.runs.values())):
        for positions in taken.values():
            yield from (one.key for one in positions.values() if one.whole)


def _may_be_wanted(key: str, states: Mapping[Line, PondState]) -> bool:
    """Whether to keep an object: it is of an unknown line, of a run in flight or not known yet, or
    no attempt has brought it about.
    """
    if (written := attempt_of_key(key)) is None:
        return True
    state = states.get(written.line)
    return state is None or written.run in state.runs or written.run > state.runs_started
