"""Adds to a table: rows that are appended, and changes that are merged by a key.

Nothing is written again that need not be. New rows, or changes, become a part of their own, beside
the parts that there are (``model/parts.py``). What is added makes the table another one, so its
fingerprint is a new one; where the sum of its rows' hashes is known, it follows from what is added.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.author import merging
from duckstring.author.columns import OWN, ColumnTypes
from duckstring.author.contents import (
    CHANGE,
    Content,
    Object,
    content_of,
    content_of_parts,
    last_states,
    rows_of,
    scan,
)
from duckstring.author.contract import Published
from duckstring.author.errors import WriteError
from duckstring.author.fingerprint import fingerprint, row_hash
from duckstring.author.identity import identified, new_fingerprint
from duckstring.author.stored import note_of, select, stored_columns
from duckstring.author.writing import check_reserved, empty_as, first_types, prepare, prepare_more
from duckstring.errors import TransientError
from duckstring.model.catalog import Part, PartKind, TableVersion
from duckstring.model.names import file_of_key
from duckstring.model.parts import first_to_fold, folded
from duckstring.model.sql import quoted
from duckstring.model.values import replace

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.author.lake import Copied, Lake


@dataclass(frozen=True, slots=True)
class Target:
    """The table that is added to.

    ``there``: what the attempt finds; None: nothing. ``published``: what readers see. ``own``: the
    attempt has added to it before. ``key``: makes keys that only this attempt uses.
    """

    table: str
    key: Callable[[], str]
    there: TableVersion | None = None
    published: TableVersion | None = None
    own: bool = False


class Changes:
    """Adds to the tables of one attempt."""

    def __init__(self, lake: Lake) -> None:
        """With its database."""
        self._lake = lake

    def append(self, target: Target, data: object) -> TableVersion | None:
        """The table with more rows; None: there were none, and it is as it was.

        Raises:
            WriteError: the rows cannot be added. Nothing has changed.
            ContractError: it is a new table, and would not keep to what is published.
        """
        there = target.there
        if there is None:
            return self._written(target, data)
        if there.merge_key:
            raise WriteError(
                f"Table {target.table!r} is merged by {merging.shown(there.merge_key)}; appended "
                "rows could have a key twice.",
                hint="Write pond.merge_table(...), or write the table whole once.",
            )
        if (columns := self._held(there)) is None:
            written = self._written(target, data)
            return written if written.rows else None
        key = target.key()
        with self._lake.relation(target.table, data) as (con, relation):
            self._lake.check_functions(target.table)
            check_reserved(target.table, tuple(columns.columns), CHANGE)
            if first := first_types(columns, relation):
                target, there, columns = self._retyped(target, there, columns, first)
            writing, rows = prepare_more(target.table, relation, columns)
            copied = self._lake.copy(con, writing, rows, self._lake.uri(key))
        if not copied.rows:
            return None
        added = 0
        if there.total:
            rows_added = f"FROM {scan(self._lake.uri(key))}"
            added = self._lake.summed(rows_added, size=copied.bytes)[1]
        part = Part(file_of_key(key), copied.rows, copied.bytes)
        parts = (
            self._joined(target, there, part, columns)
            if target.own
            else (*self._with_room(target, there, columns), part)
        )
        return self._version(there, parts, columns.columns, count=copied.rows, added=added)

    def _written(self, target: Target, data: object) -> TableVersion:
        """The rows are the table."""
        return self._lake.write(
            target.table,
            data,
            key=target.key(),
            published=target.published,
            reserved=CHANGE,
        )

    def _held(self, there: TableVersion) -> Published | None:
        """The columns of what is there; None: it never held a value, so its types bind nobody."""
        columns = self._lake.published(there)
        return columns if there.rows or columns.filled else None

    def _retyped(
        self, target: Target, there: TableVersion, columns: Published, first: ColumnTypes
    ) -> tuple[Target, TableVersion, Published]:
        """The table as one object in which some columns have their first types, whose values are
        to come. All of it is written again, once.
        """
        lake, key, content = self._lake, target.key(), content_of(there, self._lake.uri)
        retyped = Published({**columns.columns, **first}, columns.filled)
        with lake.classified_errors(), lake.con.cursor() as cursor:
            lake.check_counts(cursor, target.table, content)
            rows = cursor.sql(select(cursor, content)).project(empty_as(columns, first))
            writing = prepare(target.table, rows, retyped)
            copied = lake.copy(cursor, writing, rows, lake.uri(key))
        self._check_rows(target, copied.rows, there.rows)
        made = TableVersion(
            target.table,
            key,
            copied.rows,
            copied.bytes,
            new_fingerprint(),
            merge_key=there.merge_key,
        )
        return replace(target, there=made, own=False), made, retyped

    def merge(
        self, target: Target, data: object, key: Sequence[str], delete: object = None
    ) -> TableVersion | None:
        """The table with changes by key; None: nothing changes, and it is as it was.

        Raises:
            WriteError: the changes cannot be made. Nothing has changed.
            ContractError: it is a new table, and would not keep to what is published.
        """
        with tempfile.TemporaryDirectory(prefix="duckstring-merge-") as folder:
            target, given = self._given(target, data, key, Path(folder))
            if delete is not None:
                given = self._with_deletes(target, given, delete, Path(folder))
            merging.check(self._lake.con, given)
            if target.there is None or given.is_first:
                first = self._first(target, given)
                return None if target.there is not None and not first.rows else first
            return self._merged(target, target.there, given, Path(folder))

    def _given(
        self, target: Target, data: object, key: Sequence[str], folder: Path
    ) -> tuple[Target, merging.Given]:
        """The rows in a file on this machine: a relation might not give the same ones twice. And
        the table that takes them.
        """
        there, published = target.there, target.published
        columns = self._held(there) if there else None
        file = str(folder / "rows.parquet")
        with self._lake.relation(target.table, data) as (con, relation):
            self._lake.check_functions(target.table)
            check_reserved(
                target.table, tuple(columns.columns) if columns else relation.columns, CHANGE
            )
            if there is None or columns is None:
                before = self._lake.published(published) if published else None
                writing = prepare(target.table, relation, before)
                rows = relation
            else:
                if first := first_types(columns, relation):
                    target, there, columns = self._retyped(target, there, columns, first)
                writing, rows = prepare_more(target.table, relation, columns)
            merging.check_key(target.table, key, writing.columns, there.merge_key if there else ())
            self._lake.copy(con, writing, rows, file)
        given = merging.Given(target.table, tuple(key), writing, file, is_first=columns is None)
        return target, given

    def _with_deletes(
        self, target: Target, given: merging.Given, delete: object, folder: Path
    ) -> merging.Given:
        file = str(folder / "delete.parquet")
        keys = {name: given.writing.columns[name] for name in given.key}
        with self._lake.relation(target.table, delete) as (con, relation):
            chosen = merging.key_columns(target.table, given.key, relation)
            writing, rows = prepare_more(target.table, chosen, Published(keys, frozenset()))
            self._lake.copy(con, writing, rows, file)
        return replace(given, deletes=file)

    def _first(self, target: Target, given: merging.Given) -> TableVersion:
        """The rows are the table."""
        key, lake = target.key(), self._lake
        with lake.classified_errors(), lake.con.cursor() as cursor:
            copied = lake.copy_sql(
                cursor, f"FROM {scan(given.rows)}", lake.uri(key), note=given.writing.note
            )
        made = TableVersion(target.table, key, copied.rows, copied.bytes, "", merge_key=given.key)
        before = lake.published(target.published) if target.published else None
        return identified(lake, made, given.writing.columns, target.published, before)

    def _merged(
        self, target: Target, there: TableVersion, given: merging.Given, folder: Path
    ) -> TableVersion | None:
        lake, touched = self._lake, str(folder / "touched.parquet")
        content = content_of(there, lake.uri)
        with lake.classified_errors(), lake.con.cursor() as cursor:
            lake.check_counts(cursor, target.table, content)
            columns = stored_columns(cursor, content)
            if not there.merge_key:
                merging.check_unique(cursor, given, rows_of(content, columns), columns)
            sql = merging.touched(given, rows_of(content, columns), columns)
            lake.copy_sql(cursor, sql, touched, note=given.writing.note)
            changes = merging.changes(given, touched, columns)
            if not merging.count(cursor, changes):
                return None
            key = target.key()
            copied = lake.copy_sql(cursor, changes, lake.uri(key), note=given.writing.note)
            count, added = _measured_changes(cursor, lake.uri(key), columns)
        part = Part(file_of_key(key), copied.rows, copied.bytes, "changes")
        there = replace(there, merge_key=there.merge_key or given.key)
        parts = (*self._with_room(target, there, lake.published(there)), part)
        return self._version(there, parts, given.writing.columns, count=count, added=added)

    def _joined(
        self, target: Target, there: TableVersion, part: Part, columns: Published
    ) -> tuple[Part, ...]:
        """The parts, with the new one and the last one, which this attempt has written too, as one:
        each attempt gives readers one part.
        """
        *before, last = there.contents
        both = Content([Object(self._lake.uri(there.key_of(one)), "rows") for one in (last, part)])
        key = target.key()
        copied = self._rewritten(target, both, rows_of(both, {}), key, columns)
        self._check_rows(target, copied.rows, last.rows + part.rows)
        return (*before, Part(file_of_key(key), copied.rows, copied.bytes, use=last.use))

    def _with_room(
        self, target: Target, there: TableVersion, columns: Published
    ) -> tuple[Part, ...]:
        """The parts, some of them folded into one if there is no room for another one."""
        if (first := first_to_fold(there.live)) is None:
            return there.contents
        gone, key = there.live[first:], target.key()
        content = content_of_parts(there, gone, self._lake.uri)
        is_whole = first == 0
        with self._lake.con.cursor() as cursor:
            stored = stored_columns(cursor, content_of(there, self._lake.uri))
        has_rows_only = is_whole or not content.has_changes
        sql = rows_of(content, stored) if has_rows_only else last_states(content, stored)
        copied = self._rewritten(target, content, sql, key, columns)
        if has_rows_only:
            self._check_rows(
                target, copied.rows, there.rows if is_whole else sum(one.rows for one in gone)
            )
        kind: PartKind = "rows" if has_rows_only else "changes"
        into = Part(file_of_key(key), copied.rows, copied.bytes, kind, "base")
        return folded(there.contents, into)

    def _rewritten(
        self, target: Target, content: Content, sql: str, key: str, columns: Published
    ) -> Copied:
        lake, note = self._lake, note_of(columns.columns, columns.filled)
        with lake.classified_errors(), lake.con.cursor() as cursor:
            lake.check_counts(cursor, target.table, content)
            return lake.copy_sql(cursor, sql, lake.uri(key), note=note)

    def _check_rows(self, target: Target, found: int, of: int) -> None:
        """Parts that are read together must give the rows that were written into them."""
        if found != of:
            raise TransientError(
                f"Parts of table {target.table!r} gave {found} rows where {of} were written.",
                hint="The attempt is made again.",
            )

    def _version(
        self,
        there: TableVersion,
        parts: tuple[Part, ...],
        columns: ColumnTypes,
        *,
        count: int,
        added: int,
    ) -> TableVersion:
        """The version of these parts, which has so many rows more than before, and so much more in
        its hashes, if what it had is known.
        """
        made = TableVersion(
            there.table,
            there.key_of(parts[-1]),
            there.rows + count,
            sum(part.bytes for part in parts if part.is_live),
            new_fingerprint(),
            parts=parts if len(parts) > 1 else (),
            merge_key=there.merge_key,
        )
        total = int(there.total) + added if there.total else -1
        if total < 0:  # not known, or a file has lost the sign of zeros: the hashes do not add up
            return made
        return replace(made, fingerprint=fingerprint(columns, made.rows, total), total=str(total))


def _measured_changes(con: DuckDBPyConnection, uri: str, columns: ColumnTypes) -> tuple[int, int]:
    """How many rows changes add, and how much to the sum of row hashes. Taken from the file."""
    after = f"{quoted(CHANGE)} IN ('insert', 'update_after')"
    hashed = row_hash(columns)
    found = con.execute(
        f"SELECT {OWN}count(*) FILTER (WHERE {after}), {OWN}count(*) FILTER (WHERE NOT {after}), "  # noqa: S608 - quoted
        f"coalesce({OWN}sum({hashed}) FILTER (WHERE {after}), 0), "
        f"coalesce({OWN}sum({hashed}) FILTER (WHERE NOT {after}), 0) FROM {scan(uri)}"
    ).fetchone()
    more, fewer, added, taken = found or (0, 0, 0, 0)
    return more - fewer, added - taken
