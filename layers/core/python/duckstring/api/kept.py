"""The snapshots of a line that are kept, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckstring.api.ports import PublishedReader
from duckstring.api.requests import KeptRequest
from duckstring.api.tables import NotPublishedError
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.pins import pinned, retention_of
from duckstring.engine.state import PondState
from duckstring.model.find import find_deployed
from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.names import Line, run_key, writer_of
from duckstring.model.retention import Retention
from duckstring.ports import Catalog, Clock, StateReader

if TYPE_CHECKING:
    from duckstring.model.answers.tables import KeptAnswer, KeptSnapshot

_PAGE = 50
"""Manifests of 100 KB and less: Lambda's answers end at 6 MB, and this one has no tables in it."""


def kept(
    asked: KeptRequest,
    *,
    catalog: Catalog,
    states: StateReader,
    published: PublishedReader,
    whole: Retention,
    clock: Clock,
) -> KeptAnswer:
    """The snapshots of a line, newest first. ``whole``: what the Catchment keeps of a Pond that
    says nothing.

    Raises:
        PondNotFoundError: no such Pond.
        NotPublishedError: it has not completed a run.
    """
    line = find_deployed(catalog, asked.pond, asked.major).line
    seen = states.read([line]).get(line)
    if seen is None or not seen.state.snapshot:
        raise NotPublishedError(line, running=bool(seen and seen.state.runs))
    state, retention = seen.state, retention_of(seen.state, whole)
    last = published.kept(line, below=state.snapshot + 1, most=retention.snapshots or 1)
    row = _Row(
        state,
        retention,
        last=last[-1].number,
        now=clock.now(),
        readers=pinned(one.state for one in states.read(state.sinks).values()).get(line, {}),
    )
    below = asked.before if asked.before is not None else state.snapshot + 1
    page = [
        one
        for one in published.kept(line, below=below, most=_PAGE + 1)
        if one.number > state.former
    ]
    numbers = [one.number for one in page[:_PAGE]]
    found = published.read_many([(line, number) for number in (below, *numbers)])
    newer = {key for version in state.tables.values() for key in version.keys}
    newer |= set(_objects(found.get((line, below))))
    rows: list[KeptSnapshot] = []
    for number in numbers:
        if (manifest := found.get((line, number))) is not None:  # the sweep may be at work
            rows.append(row.of(manifest, newer))
            newer |= _objects(manifest).keys()
    return {
        "line": line,
        "now": to_text(row.now),
        "retention": {"snapshots": retention.snapshots or 1, "days": retention.days or 1},
        "snapshots": rows,
        "next": numbers[-1] if len(page) > _PAGE else None,
    }


@dataclass(frozen=True)
class _Row:
    """What each snapshot of a line is judged by. ``last``: the smallest number of its last few."""

    state: PondState
    retention: Retention
    last: int
    now: Instant
    readers: Mapping[int, frozenset[Line]]

    def of(self, one: PublishSnapshot, newer: Collection[str]) -> KeptSnapshot:
        """``newer``: the objects of newer snapshots."""
        number = one.run
        reasons = self.retention.reasons(
            number, one.f, published=self.state.snapshot, last=self.last, now=self.now
        )
        objects = _objects(one)
        return {
            "snapshot": number,
            "run": run_key(self.state.line, number),
            "f": to_text(one.f),
            "held_f": to_text(one.f if one.held_f == NEVER else one.held_f),
            "version": _version(one),
            "tables": len(one.tables),
            "rows": sum(version.rows for version in one.tables.values()),
            "bytes": sum(objects.values()),
            "bytes_alone": sum(size for key, size in objects.items() if key not in newer),
            "reasons": list(reasons),
            "read_by": sorted(self.readers.get(number, frozenset())),
            "warnings": len(one.warnings),
        }


def _objects(one: PublishSnapshot | None) -> Mapping[str, int]:
    return {
        version.key_of(part): part.bytes
        for version in (one.tables.values() if one is not None else ())
        for part in version.contents
    }


def _version(one: PublishSnapshot) -> str | None:
    """The version of the Pond that wrote it; None: it wrote no table, or this was not recorded."""
    return next(
        (
            version.version
            for version in one.tables.values()
            if version.version and writer_of(version.key)[0] == one.run
        ),
        None,
    )
