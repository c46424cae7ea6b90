"""Which table comes from which: of what is published now, what the Ripples that wrote it have read.

Lines are found by the catalog, tables by the states of lines, and what was read by the rows of the
attempts that wrote these tables. Each is read for many lines or tables at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from duckstring.api.ports import Attempted, LineageReader
from duckstring.api.remove_table import TableNotPublishedError
from duckstring.api.requests import LineageRequest
from duckstring.api.tables import NotPublishedError
from duckstring.engine.state import PondState
from duckstring.model.catalog import Release, TableVersion
from duckstring.model.find import find_deployed
from duckstring.model.instants import NEVER, to_text
from duckstring.model.lineage import TableRead, writer_name
from duckstring.model.names import Line, parse_table_key, run_key
from duckstring.model.permits import AttemptName
from duckstring.ports import Catalog, StateReader

if TYPE_CHECKING:
    from duckstring.model.answers.lineage import LineageAnswer, LineageNode, LineageRead, Recorded

MOST_LINES = 2_000
MOST_TABLES = 5_000
"""Lines and tables that one request looks at, the nearest first. An answer has at most 6 MB."""
_MOST_READS = 20_000

Found = TypeVar("Found")
Place = tuple[Line, str]
"""A table of a line; a Ripple that writes none is ``/`` and its name."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A table, or a Ripple without one, and what wrote it."""

    place: Place
    writer: AttemptName
    version: TableVersion | None
    row: Attempted | None

    @property
    def reads(self) -> Sequence[TableRead]:
        return self.row.lineage.reads if self.row and self.row.lineage else ()

    def sources(self) -> Iterator[Place]:
        return (place_of(self.place[0], read) for read in self.reads)


def lineage(
    asked: LineageRequest, *, catalog: Catalog, states: StateReader, recorded: LineageReader
) -> LineageAnswer:
    """The tables of a line, or one of them, with those that they come from and that come of them.

    Raises:
        PondNotFoundError: there is no such Pond.
        NotPublishedError: it has not completed a run.
        TableNotPublishedError: it has no such table.
    """
    start = find_deployed(catalog, asked.pond, asked.major).line
    releases = catalog.releases()
    sinks = _sinks(releases)
    above = _walk([start], asked.up, lambda line: _sources(releases, line))
    below = _walk([start], asked.down, lambda line: sinks.get(line, ()))
    lines = list(dict.fromkeys((start, *above, *below)))[:MOST_LINES]
    seen = states.read(lines)
    found = {line: seen[line].state for line in lines if line in seen and seen[line].state.snapshot}
    if start not in found:
        raise NotPublishedError(start, running=start in seen and bool(seen[start].state.runs))
    state = found[start]
    if asked.table is not None and asked.table not in state.tables:
        raise TableNotPublishedError(start, asked.table, known=state.tables)
    nodes, left_off = _nodes(found, releases, {start, *below}, recorded)
    roots = [place for place in nodes if place[0] == start and asked.table in {None, place[1]}]
    reached = _reached(nodes, roots, up=asked.up, down=asked.down)
    return {
        "line": start,
        "f": to_text(state.end_f),
        "nodes": list(_told(nodes[place] for place in reached)),
        "left_off": left_off,
    }


def place_of(line: Line, read: TableRead) -> Place:
    """Where a table lies that an attempt of ``line`` has read."""
    return (Line(read.line) if read.line else line), read.table


def recorded_of(row: Attempted | None) -> Recorded:
    """Whether it is known what an attempt has read."""
    if row is None:
        return "gone"
    return "no" if row.lineage is None else "yes"


def _sources(releases: Mapping[Line, Release], line: Line) -> Iterator[Line]:
    if line in releases:
        yield from (spec.line for spec in releases[line].sources)


def _sinks(releases: Mapping[Line, Release]) -> Mapping[Line, list[Line]]:
    found: dict[Line, list[Line]] = defaultdict(list)
    for line, release in sorted(releases.items()):
        for spec in release.sources:
            found[spec.line].append(line)
    return found


def _walk(
    start: Sequence[Found], steps: int, near: Callable[[Found], Iterable[Found]]
) -> list[Found]:
    """What is at most so many steps away, the nearest first. A circle is gone round once."""
    found, edge = dict.fromkeys(start), list(start)
    for _ in range(steps):
        edge = [
            one for one in dict.fromkeys(chain.from_iterable(map(near, edge))) if one not in found
        ]
        if not edge:
            break
        found |= dict.fromkeys(edge)
    return list(found)


def _nodes(
    states: Mapping[Line, PondState],
    releases: Mapping[Line, Release],
    readers: Iterable[Line],
    recorded: LineageReader,
) -> tuple[dict[Place, _Node], int]:
    """The tables of these lines, and of ``readers`` the Ripples that write none. Also how many
    tables were too many.
    """
    versions = [
        ((line, name), version, writer)
        for line, state in states.items()
        for name, version in sorted(state.tables.items())
        if (writer := _writer(version)) is not None
    ]
    left_off = max(0, len(versions) - MOST_TABLES)
    versions = versions[:MOST_TABLES]
    rows = recorded.attempts({writer for _, _, writer in versions})
    nodes = {
        place: _Node(place, writer, version, rows.get(writer))
        for place, version, writer in versions
    }
    silent = {
        line: names
        for line in readers
        if line in states and line in releases
        if (names := _without_tables(releases[line], states[line]))
    }
    for name, row in recorded.attempts_of(
        [(line, states[line].snapshot) for line in sorted(silent)]
    ).items():
        if name.ripple in silent[name.line] and row.status == "success":
            place = (name.line, f"/{name.ripple}")
            nodes[place] = _Node(place, name, None, row)
    return nodes, left_off


def _writer(version: TableVersion) -> AttemptName | None:
    key = parse_table_key(version.key)
    return AttemptName(key.line, key.run, key.ripple, key.attempt) if key else None


def _without_tables(release: Release, state: PondState) -> set[str]:
    """The Ripples that have written nothing of what is published, without those that check."""
    writers = {writer.ripple for one in state.tables.values() if (writer := _writer(one))}
    return {spec.name for spec in release.ripples if not spec.checks} - writers


def _reached(
    nodes: Mapping[Place, _Node], roots: Sequence[Place], *, up: int, down: int
) -> list[Place]:
    """The nodes that are at most so many steps away, the nearest first."""
    readers: dict[Place, list[Place]] = defaultdict(list)
    for place, node in nodes.items():
        for source in node.sources():
            readers[source].append(place)
    above = _walk(roots, up, lambda place: nodes[place].sources() if place in nodes else ())
    below = _walk(roots, down, lambda place: readers[place])
    return [place for place in dict.fromkeys((*roots, *above, *below)) if place in nodes]


def _told(nodes: Iterable[_Node]) -> Iterator[LineageNode]:
    room = _MOST_READS
    for node in nodes:
        (line, table), writer, row, version = node.place, node.writer, node.row, node.version
        reads = node.reads[: max(0, room)]
        room -= len(reads)
        known = row.lineage if row else None
        yield {
            "line": line,
            "table": table if version else None,
            "ripple": writer.ripple,
            "run": run_key(writer.line, writer.run),
            "version": version.version or None if version else None,
            "f": to_text(version.f) if version and version.f != NEVER else None,
            "recorded": recorded_of(row),
            "reads": [_read(line, read) for read in reads],
            "open": bool(known and known.is_open),
            "left_off": (known.left_off if known else 0) + len(node.reads) - len(reads),
        }


def _read(line: Line, read: TableRead) -> LineageRead:
    of, table = place_of(line, read)
    last = writer_name(of, read.writers[-1]) if read.writers else None
    return {
        "line": of,
        "table": table,
        "sure": read.is_sure,
        "run": run_key(of, last.run) if last else None,
        "ripple": last.ripple if last else None,
    }
