"""What a line publishes, as the catalog has to show it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from duckstring.engine.shown import shown_snapshot
from duckstring.engine.state import PondState
from duckstring.exporter.columns import Column
from duckstring.model.catalog import TableVersion
from duckstring.model.instants import Instant
from duckstring.model.names import key_of_file, run_key, table_of_key, writer_of


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet object: where it lies below its table's folder, and what it has."""

    path: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table is shown: as its files, with these columns; or by this SQL."""

    columns: Sequence[Column] = ()
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a line. ``digest`` is the same for the same objects, read in the same way.
    ``keys``: of its objects.
    """

    version: TableVersion
    digest: str
    keys: Sequence[str]
    files: Sequence[File]


@dataclass(frozen=True, slots=True)
class Published:
    """What a line publishes. ``run``: the run that has published it, such as ``sales@1/42``;
    ``f``: the freshness of that snapshot.
    """

    run: str
    f: Instant
    version: str
    tables: Mapping[str, Table] = field(default_factory=dict)


def published(state: PondState | None) -> Published | None:
    """None: it has published nothing, or was removed."""
    shown = shown_snapshot(state) if state is not None else None
    if state is None or shown is None:
        return None
    return Published(
        run_key(state.line, shown.number),
        shown.f,
        _version(state),
        {name: _table(version) for name, version in sorted(state.tables.items())},
    )


def _version(state: PondState) -> str:
    """The version of the Pond that wrote what was written last."""
    if not state.tables:
        return state.release.version if state.release else ""
    return max(state.tables.values(), key=lambda one: writer_of(one.key)).version


def _table(version: TableVersion) -> Table:
    keys = [version.key_of(part) for part in version.live]
    folder = table_of_key(version.key)
    files = [File(_below(folder, part.file), part.rows, part.bytes) for part in version.live]
    how = [f"{part.kind} {part.file}" for part in version.live]
    digest = hashlib.sha256("\n".join([*version.merge_key, "", *how]).encode()).hexdigest()
    return Table(version, digest[:32], keys, files)


def _below(folder: str, file: str) -> str:
    return key_of_file(folder, file).removeprefix(f"{folder}/")


def is_plain(table: Table) -> bool:
    """Whether its rows are those of its files, which attempts of ours have written.

    Changes by a key are no rows, and other engines write files whose lists and columns may be
    called otherwise.
    """
    return all(part.kind == "rows" and not part.is_adopted for part in table.version.live)
