"""The rows of a table whose objects are several: SQL over them, as they lie in the objects.

A table's first object has rows. A later one has more rows, or changes: the table's columns and
``_change``. A row is one of the table's unless a later object with changes names its key.

Text is compared byte by byte (``COLLATE C``): an author's default collation takes two for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from duckstring.author.columns import OWN, ColumnType, ColumnTypes
from duckstring.model.catalog import Part, PartKind, TableVersion
from duckstring.model.sql import literal, quoted

CHANGE = "_change"
"""The column that says what became of a row: ``insert``, ``update_before``, ``update_after`` or
``delete``.
"""
_TEXT = frozenset({"varchar", "json"})


@dataclass(frozen=True, slots=True)
class Object:
    """One object at its address. ``rows``: how many it has, as its manifest says; -1: it does not
    say.
    """

    uri: str
    kind: PartKind = "rows"
    rows: int = -1


@dataclass(frozen=True, slots=True)
class Content:
    """The objects that a table's rows lie in, in the order of writing, and the columns by which
    changes name rows.
    """

    objects: Sequence[Object]
    merge_key: Sequence[str] = ()

    @property
    def newest(self) -> Object:
        """The last one."""
        return self.objects[-1]

    @property
    def has_changes(self) -> bool:
        """Whether there is more to do than to read all rows."""
        return any(one.kind == "changes" for one in self.objects)


def whole(uri: str) -> Content:
    """A table that is one object."""
    return Content([Object(uri)])


def content_of(version: TableVersion, uri: Callable[[str], str]) -> Content:
    """What a version's rows lie in. ``uri`` makes addresses of keys."""
    return content_of_parts(version, version.live, uri)


def content_of_parts(
    version: TableVersion, parts: Iterable[Part], uri: Callable[[str], str]
) -> Content:
    """Some of a version's parts, at their addresses."""
    objects = [Object(uri(version.key_of(part)), part.kind, part.rows) for part in parts]
    return Content(objects, version.merge_key)


def scan(*uris: str) -> str:
    """The columns of files as they lie in them, whatever macros and settings
    (``binary_as_string``) an author has made, and whatever the names of folders look like.
    """
    files = literal(uris[0]) if len(uris) == 1 else f"[{', '.join(map(literal, uris))}]"
    return f"{OWN}read_parquet({files}, binary_as_string := false, hive_partitioning := false)"


def rows_of(content: Content, columns: ColumnTypes) -> str:
    """SQL: the table's rows. ``columns`` are the stored ones."""
    if not content.has_changes:
        return f"FROM {scan(*(one.uri for one in content.objects))}"
    return _together(
        f"{_named('b', columns)} FROM {scan(*uris)} AS b{_without(later, columns, content)}"
        f"{_only(kind, 'insert', 'update_after')}"
        for kind, uris, later in _pieces(content.objects)
    )


def rows_of_each(content: Content, columns: ColumnTypes) -> list[str]:
    """SQL for each object: the table's rows that lie in it. Together they are ``rows_of``."""
    objects = content.objects
    return [
        f"SELECT {_named('b', columns)} FROM {scan(one.uri)} AS b"  # noqa: S608 - quoted
        f"{_without(_later(objects, place), columns, content)}"
        f"{_only(one.kind, 'insert', 'update_after')}"
        for place, one in enumerate(objects)
    ]


def last_states(content: Content, columns: ColumnTypes) -> str:
    """SQL: for each key that the objects name, what became of it last, and ``_change``: ``insert``,
    ``update_after`` or ``delete``. So it takes the place of all of them.
    """
    return _together(
        f"{_named('b', columns)}, {_change(kind)} FROM {scan(*uris)} AS b"
        f"{_without(later, columns, content)}{_only(kind, 'insert', 'update_after', 'delete')}"
        for kind, uris, later in _pieces(content.objects)
    )


def first_states(content: Content, columns: ColumnTypes) -> str:
    """SQL: for each key that the objects name, what it was before them, and ``_change``: ``insert``
    (it was not there), ``update_before`` or ``delete``.
    """
    pieces = list(_pieces(content.objects))
    return _together(
        f"{_named('b', columns)}, {_change(kind)} FROM {scan(*uris)} AS b"
        f"{_without(_uris(content.objects, before=uris[0]), columns, content)}"
        f"{_only(kind, 'insert', 'update_before', 'delete')}"
        for kind, uris, _ in pieces
    )


def same_key(columns: ColumnTypes, key: Sequence[str], left: str, right: str) -> str:
    """SQL: whether two rows have one key."""
    return " AND ".join(
        f"{_exact(left, name, columns[name])} = {_exact(right, name, columns[name])}"
        for name in key
    )


def _exact(of: str, name: str, kind: ColumnType) -> str:
    """A value as it is compared."""
    value = f"{of}.{quoted(name)}"
    return f"{value} COLLATE C" if kind.kind in _TEXT else value


def _pieces(objects: Sequence[Object]) -> Iterator[tuple[PartKind, list[str], list[str]]]:
    """Objects that are read together, and the later ones whose changes may name their rows."""
    places = range(len(objects))
    for kind, together in groupby(
        places, lambda place: (objects[place].kind, objects[place].kind == "changes" and place)
    ):
        found = list(together)
        yield kind[0], [objects[place].uri for place in found], _later(objects, found[-1])


def _later(objects: Sequence[Object], place: int) -> list[str]:
    return [one.uri for one in objects[place + 1 :] if one.kind == "changes"]


def _uris(objects: Sequence[Object], *, before: str) -> list[str]:
    uris = [one.uri for one in objects]
    return uris[: uris.index(before)]


def _without(uris: Sequence[str], columns: ColumnTypes, content: Content) -> str:
    if not uris:
        return ""
    key = ", ".join(map(quoted, content.merge_key))
    named = f"(SELECT {key} FROM {scan(*uris)})"  # noqa: S608 - quoted
    return f" ANTI JOIN {named} AS c ON ({same_key(columns, content.merge_key, 'b', 'c')})"


def _only(kind: PartKind, *changes: str) -> str:
    if kind == "rows":
        return ""
    return f" WHERE b.{quoted(CHANGE)} IN ({', '.join(map(literal, changes))})"


def _change(kind: PartKind) -> str:
    return f"b.{quoted(CHANGE)}" if kind == "changes" else f"'insert' AS {quoted(CHANGE)}"


def _named(of: str, columns: ColumnTypes) -> str:
    return ", ".join(f"{of}.{quoted(name)}" for name in columns)


def _together(selects: Iterable[str]) -> str:
    return " UNION ALL ".join(f"(SELECT {select})" for select in selects)
