"""The published snapshot of a line: what everybody may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from duckstring.api.ports import PublishedReader, TableFiles
from duckstring.api.requests import TablesRequest
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model import commands
from duckstring.model.catalog import Part, TableVersion
from duckstring.model.find import find_deployed
from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.names import Line, parse_table_key, run_key
from duckstring.ports import Catalog, StateReader

if TYPE_CHECKING:
    from duckstring.model.answers.tables import (
        OlderTable,
        TableAge,
        TablePart,
        TablesAnswer,
        TableWriter,
    )


class NotPublishedError(OperatorError):
    """The line has not completed a run."""

    def __init__(self, line: Line, *, running: bool) -> None:
        """Explain how to get a first run, or name the one that is ``running``."""
        wait, ask = f"Wait for it: {commands.STATUS}", f"Send demand: {commands.pulse(line)}"
        hint = wait if running else ask
        super().__init__(
            (
                f"{line} has not completed a run "
                f"yet{', its first one is under way' if running else ''}."
            ),
            hint=hint,
        )


class SnapshotNotKeptError(OperatorError):
    """There is no such snapshot of a line."""

    def __init__(self, line: Line, what: str) -> None:
        """Name ``what`` is not there."""
        super().__init__(f"{line} has no {what}.", hint=f"What is kept: {commands.snapshots(line)}")


def tables(
    pond: str, major: int | None = None, *, catalog: Catalog, states: StateReader, files: TableFiles
) -> TablesAnswer:
    """The tables of a line's published snapshot and their addresses.

    Raises:
        PondNotFoundError: no such Pond.
        NotPublishedError: it has not completed a run.
    """
    return describe_tables(_published(pond, major, catalog, states), files)


def tables_of_snapshot(
    asked: TablesRequest,
    *,
    catalog: Catalog,
    states: StateReader,
    published: PublishedReader,
    files: TableFiles,
) -> TablesAnswer:
    """The same of an earlier snapshot that is kept, by its number; without one, of what is
    published.

    Raises:
        PondNotFoundError: no such Pond.
        NotPublishedError: it has not completed a run.
        SnapshotNotKeptError: it has no such snapshot.
    """
    state, number = _published(asked.pond, asked.major, catalog, states), asked.snapshot
    if number in {None, state.snapshot}:
        return describe_tables(state, files)
    key = (state.line, number or 0)
    found = published.read_many([key]).get(key) if state.former < key[1] < state.snapshot else None
    if found is None:
        raise SnapshotNotKeptError(state.line, f"snapshot {number}")
    return describe_tables(as_state(state.line, found), files)


def _published(pond: str, major: int | None, catalog: Catalog, states: StateReader) -> PondState:
    line = find_deployed(catalog, pond, major).line
    seen = states.read([line]).get(line)
    if seen is None or not seen.state.snapshot:
        raise NotPublishedError(line, running=bool(seen and seen.state.runs))
    return seen.state


def as_state(line: Line, then: PublishSnapshot) -> PondState:
    """What a line had published, as far as its tables go."""
    return PondState(
        line,
        end_f=then.f,
        snapshot=then.run,
        snapshot_f=then.f,
        tables=dict(then.tables),
        dropped=dict(then.dropped),
    )


def describe_tables(state: PondState, files: TableFiles) -> TablesAnswer:
    """The tables of a published snapshot, and their addresses."""
    line = state.line
    return {
        "line": line,
        "f": to_text(state.end_f),
        "snapshot": state.snapshot,
        "tables": [
            {
                "table": name,
                "uri": "" if version.parts else files.uri(version.key),
                "rows": version.rows,
                "bytes": version.bytes,
                "parts": [_part(version, part, files) for part in version.parts],
                "merge_key": list(version.merge_key),
                **_age(state, version),
            }
            for name, version in sorted(state.tables.items())
        ],
        "dropped": [
            {
                "table": name,
                "snapshot": run_key(line, gone.snapshot),
                "version": gone.version,
                "removed": gone.removed,
            }
            for name, gone in sorted(state.dropped.items())
        ],
    }


def _part(version: TableVersion, part: Part, files: TableFiles) -> TablePart:
    return {
        "uri": files.uri(version.key_of(part)),
        "rows": part.rows,
        "bytes": part.bytes,
        "kind": part.kind,
        "use": part.use,
    }


def _age(state: PondState, version: TableVersion) -> TableAge:
    """Who wrote it last, and as of when it holds: the Pond's freshness, unless it was carried over
    (``older``).
    """
    older = is_older(version, state.tables, state.snapshot_f)
    as_of = version.as_of if older or state.snapshot_f == NEVER else state.end_f
    return {
        **_writer(state.line, version),
        "as_of": to_text(as_of) if as_of != NEVER else None,
        "older": older,
    }


def _writer(line: Line, version: TableVersion) -> TableWriter:
    f = to_text(version.f) if version.f != NEVER else None
    return {
        "written_in": run_key(line, written_in(version.key)),
        "version": version.version or None,
        "f": f,
    }


def is_older(
    version: TableVersion, tables: Mapping[str, TableVersion], snapshot_f: Instant
) -> bool:
    """Whether a table was carried over by the run that published last, whose freshness is
    ``snapshot_f``.

    For a snapshot that was published before this was recorded, the answer is unknown.
    """
    return version.as_of < snapshot_f and any(one.f != NEVER for one in tables.values())


def older_tables(
    line: Line, tables: Mapping[str, TableVersion], snapshot_f: Instant
) -> list[OlderTable]:
    """The tables that are older than their snapshot: as of when, and who wrote them last."""
    return [
        {
            "table": name,
            **_writer(line, version),
            "as_of": to_text(version.as_of) if version.as_of != NEVER else None,
        }
        for name, version in sorted(tables.items())
        if is_older(version, tables, snapshot_f)
    ]


def written_in(key: str) -> int:
    """The number of the run that wrote an object.

    Raises:
        ValueError: ``key`` is not the key of a table version.
    """
    if (found := parse_table_key(key)) is None:
        raise ValueError(f"{key!r} is not the key of a table version")
    return found.run
