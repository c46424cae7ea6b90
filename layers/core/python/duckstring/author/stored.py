"""A table version's Parquet file as a reader sees it: what it says of itself, and the SELECT
that gives back what was written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING

from duckstring.author.columns import (
    OWN,
    ColumnType,
    ColumnTypes,
    column_types,
    inside_of,
    path_of,
    read_type,
)
from duckstring.author.contents import CHANGE, Content, rows_of, scan
from duckstring.author.contract import Published
from duckstring.author.keeping import changed_forms, decoded
from duckstring.model.sql import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NOTE = "duckstring"
"""The key in the file's metadata."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a file says of itself: the ``types`` of columns that have another form in it, and the
    paths that versions before it had ``filled``. Files of the release before say nothing.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    filled: Sequence[str] = ()
    is_there: bool = False


def note_of(columns: ColumnTypes, filled: Collection[str]) -> str:
    """The COPY's option that writes a file's note."""
    note = {"types": changed_forms(columns), "filled": sorted(filled)}
    return f"KV_METADATA {OWN}struct_pack({_NOTE} := {literal(json.dumps(note))})"


def stored_columns(con: DuckDBPyConnection, content: Content) -> ColumnTypes:
    """The table's columns as they lie in its files. Looks at the newest one, as ``changed_types``
    does.
    """
    newest = content.newest
    columns = dict(column_types(con.sql(f"FROM {scan(newest.uri)}")))
    if newest.kind == "changes":
        del columns[CHANGE]
    return columns


def select(con: DuckDBPyConnection, content: Content) -> str:
    """SQL that gives back what was written. Costs a HEAD and a GET of a file's end, which
    DuckDB keeps for what follows.
    """
    changed = _changed(con, _read_note(con, content.newest.uri))
    if not changed and not content.has_changes:
        return rows_of(content, {})
    columns = stored_columns(con, content)
    return as_written(rows_of(content, columns), columns, changed)


def as_written(
    rows: str, columns: Iterable[str], changed: Mapping[str, ColumnType], *more: str
) -> str:
    """SQL: stored rows as they were written. ``more``: columns that are given on as they are."""
    items = [*(decoded(name, changed.get(name)) for name in columns), *map(quoted, more)]
    return f"SELECT {', '.join(items)} FROM ({rows})"  # noqa: S608 - quoted


def changed_types(con: DuckDBPyConnection, content: Content) -> Mapping[str, ColumnType]:
    """The types of columns that have another form in the files."""
    return _changed(con, _read_note(con, content.newest.uri))


def published(con: DuckDBPyConnection, content: Content) -> Published:
    """The columns as they were written, and which of them ever held a value. The newest object
    says so of all before it.
    """
    stored = stored_columns(con, content)
    note = _read_note(con, content.newest.uri)
    columns = {**stored, **_changed(con, note)}
    filled = _filled_paths(con, [content.newest.uri], columns, stored, note.filled)
    return Published(columns, filled, by_release_before=not note.is_there)


def filled_paths(
    con: DuckDBPyConnection, content: Content, columns: ColumnTypes, before: Collection[str]
) -> frozenset[str]:
    """Which paths ever held a value: ``before``, or in these objects, which hold the ``columns`` as
    they are.
    """
    uris = [one.uri for one in content.objects]
    return _filled_paths(con, uris, columns, columns, before) if uris else frozenset(before)


def _filled_paths(
    con: DuckDBPyConnection,
    uris: Sequence[str],
    columns: ColumnTypes,
    stored: ColumnTypes,
    before: Collection[str],
) -> frozenset[str]:
    filled = set(before)
    if all(filled.issuperset(paths_in(kind, path_of(name))) for name, kind in columns.items()):
        return frozenset(filled)
    held = iter(_held(con, uris))
    for name, kind in columns.items():
        found = _filled(kind, stored[name], path_of(name), held)
        if not found and kind.parts:
            found = _not_null(con, uris, dict(_containers(kind, path_of(name), quoted(name))))
        filled |= found
    return frozenset(filled)


def gather(con: DuckDBPyConnection, content: Content, target: str) -> None:
    """Write all rows of a table into one file, which says of itself what the newest object says."""
    note = con.execute(
        f"SELECT value FROM {OWN}parquet_kv_metadata({literal(content.newest.uri)}) "  # noqa: S608 - quoted
        f"WHERE key = '{_NOTE}'"
    ).fetchone() or (b"",)
    rows = rows_of(content, stored_columns(con, content))
    con.execute(
        f"COPY ({rows}) TO {literal(target)} (FORMAT parquet, COMPRESSION zstd, "
        f"KV_METADATA {{{_NOTE}: {literal(note[0].decode())}}})"
    )


def miscounted(con: DuckDBPyConnection, content: Content) -> str:
    """What is wrong with the objects' numbers of rows; empty: each has as many as its manifest
    says. Costs a HEAD and a GET of each file's end, which DuckDB keeps for what follows.
    """
    uris = [one.uri for one in content.objects]
    found = con.execute(
        f"SELECT file_name, num_rows FROM {OWN}parquet_file_metadata([{', '.join(map(literal, uris))}])"  # noqa: S608, E501 - quoted
    ).fetchall()
    counted = dict(found)
    wrong = [
        f"{one.uri} has {counted.get(one.uri)} rows, of {one.rows}"
        for one in content.objects
        if one.rows >= 0 and counted.get(one.uri) != one.rows
    ]
    return "; ".join(wrong) or ("" if len(found) == len(uris) else f"{len(found)} files were read")


def _read_note(con: DuckDBPyConnection, uri: str) -> Note:
    found = con.execute(
        f"SELECT value FROM {OWN}parquet_kv_metadata({literal(uri)}) WHERE key = '{_NOTE}'"  # noqa: S608 - quoted
    ).fetchone()
    if found is None:
        return Note()
    parsed = json.loads(found[0])
    return Note(parsed["types"], parsed["filled"], is_there=True)


def _changed(con: DuckDBPyConnection, note: Note) -> dict[str, ColumnType]:
    """Types are parsed as types and written anew: what stands in a file is never run as SQL."""
    return {name: read_type(con.type(text)) for name, text in note.types.items()}


def _held(con: DuckDBPyConnection, uris: Sequence[str]) -> Iterator[bool]:
    """For each leaf of the files' schema, in order: whether any of its values is not NULL. Read
    from the files' ends.

    DuckDB counts a NULL STRUCT in a LIST or MAP twice, once more in each leaf below it: there its
    count may say that all is NULL where it is not. Only a value can be the least or the greatest.
    """
    some = "num_values > coalesce(stats_null_count, 0)"
    held = f"{OWN}bool_or({some} OR stats_min_value IS NOT NULL OR stats_max_value IS NOT NULL)"
    files = f"[{', '.join(map(literal, uris))}]"
    rows = con.execute(
        f"SELECT column_id, {held} FROM {OWN}parquet_metadata({files}) GROUP BY 1"  # noqa: S608 - quoted
    ).fetchall()
    found: dict[int, bool] = dict(rows)
    return (
        found.get(leaf, False) for leaf in count()
    )  # a file without rows has no statistics either


def _filled(kind: ColumnType, stored: ColumnType, path: str, held: Iterator[bool]) -> set[str]:
    """The paths in a column that hold a value, its own among them. Takes from ``held`` what is
    the column's.
    """
    if not kind.parts:
        return {path} if True in list(islice(held, leaves(stored))) else set()
    has_tag = kind.kind == "union" and next(held)
    parts = stored.part("member").parts if kind.kind == "union" else stored.parts
    inside: set[str] = set()
    for (name, part), (_, stored_part) in zip(kind.parts, parts, strict=True):
        inside |= _filled(part, stored_part, inside_of(kind, path, name), held)
    return inside | {path} if inside or has_tag else set()


def paths_in(kind: ColumnType, path: str) -> Iterator[str]:
    """The paths of a column: its own, and of all that is in it."""
    yield path
    for name, part in kind.parts:
        yield from paths_in(part, inside_of(kind, path, name))


def leaves(stored: ColumnType) -> int:
    """How many of the file's columns a type takes."""
    if stored.kind == "variant":
        return 2
    return sum(leaves(part) for _, part in stored.parts) or 1


def _containers(
    kind: ColumnType, path: str, value: str, *, many: bool = False
) -> Iterator[tuple[str, str]]:
    """What may be there without a value inside: a struct of NULLs, an empty list. With the SQL by
    which one sees it.

    ``many``: ``value`` is a list, map or union that all of this lies in. What is in there counts as
    it does.
    """
    yield path, f"{value} IS NOT NULL"
    many = many or kind.kind != "struct"
    for name, part in kind.parts:
        if part.parts:
            inside = value if many else f"{OWN}struct_extract({value}, {literal(name)})"
            yield from _containers(part, inside_of(kind, path, name), inside, many=many)


def _not_null(con: DuckDBPyConnection, uris: Sequence[str], tests: Mapping[str, str]) -> set[str]:
    values = ", ".join(f"coalesce({OWN}bool_or({test}), false)" for test in tests.values())
    found = con.execute(f"SELECT {values} FROM {scan(*uris)}").fetchone() or ()  # noqa: S608 - quoted
    return {path for path, is_there in zip(tests, found, strict=True) if is_there}
