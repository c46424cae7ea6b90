"""The fingerprint of a table that was just written: that of the published version, if both have the
same rows, and else another one.

Rows are read for it only where nothing cheaper tells: how many rows there are, the columns, whether
the storage says that the files' bytes are equal, and what the ends of the files say of each column
(how many NULLs, the least and the greatest value). Where none of that tells, the column that most
likely differs is compared, by the sums of its values' hashes; and if it does not differ, all rows
are, by the sums of theirs. That sum is kept with the version: the next time only what is new is
read. All rows of a small table are read at once.
"""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from duckstring.author import ends
from duckstring.author.columns import ColumnTypes
from duckstring.author.contents import content_of, rows_of, scan
from duckstring.author.contract import Published
from duckstring.author.database import SMALL
from duckstring.author.fingerprint import fingerprint
from duckstring.author.stored import stored_columns
from duckstring.model.catalog import TableVersion
from duckstring.model.sql import quoted
from duckstring.model.values import replace

if TYPE_CHECKING:
    from duckstring.author.lake import Lake

_FEW = 100_000
"""Rows of a small table: some files of few bytes have many."""


def new_fingerprint() -> str:
    """One that no other version has. Its rows were not read."""
    return token_hex(16)


def measured(lake: Lake, made: TableVersion, columns: ColumnTypes) -> TableVersion:
    """The version with the fingerprint of its rows, which all versions with these rows have that
    were measured. All of it is read.
    """
    total = _total(lake, made)
    return replace(made, fingerprint=fingerprint(columns, made.rows, total), total=str(total))


def identified(
    lake: Lake,
    made: TableVersion,
    columns: ColumnTypes,
    published: TableVersion | None,
    before: Published | None,
) -> TableVersion:
    """The version with the fingerprint of ``published`` if it has its rows and columns, and else
    with another one. ``before``: the columns of ``published``.
    """
    if (
        published is None
        or before is None
        or _is_shaped_otherwise(made, columns, published, before)
    ):
        return replace(made, fingerprint=new_fingerprint())
    if len(published.live) == 1 and not published.live[0].is_adopted:
        is_same = _is_same_file(lake, made, published)
        if is_same:
            return replace(made, fingerprint=published.fingerprint, total=published.total)
        if is_same is False:
            return replace(made, fingerprint=new_fingerprint())
    total = _total(lake, made)
    there = int(published.total) if published.total else _total(lake, published)
    same = published.fingerprint if total == there else fingerprint(columns, made.rows, total)
    return replace(made, fingerprint=same, total=str(total))


def _is_shaped_otherwise(
    made: TableVersion, columns: ColumnTypes, published: TableVersion, before: Published
) -> bool:
    return (
        made.rows != published.rows
        or before.by_release_before
        or [*columns.items()] != [*before.columns.items()]
    )


def _is_same_file(lake: Lake, made: TableVersion, published: TableVersion) -> bool | None:
    """Whether two files of as many rows and the same columns have the same rows. None: only all
    rows tell.
    """
    if made.bytes < SMALL and made.rows < _FEW:
        return None
    content = content_of(made, lake.uri)
    ours, theirs = content.newest.uri, content_of(published, lake.uri).newest.uri
    with lake.classified_errors(), lake.con.cursor() as cursor:
        stored = stored_columns(cursor, content)
        if lake.has_same_bytes(ours, theirs):
            return True
        found = ends.compared(cursor, stored, ours, theirs)
        if ends.differ(cursor, found, ours, theirs):
            return False
    name = ends.suspect(found, is_known=bool(published.total))
    if not name:
        return None
    sums = [
        lake.summed(f"SELECT {quoted(name)} FROM {scan(uri)}", size=made.bytes)  # noqa: S608 - quoted
        for uri in (ours, theirs)
    ]
    return None if sums[0] == sums[1] else False


def _total(lake: Lake, version: TableVersion) -> int:
    content = content_of(version, lake.uri)
    if not content.has_changes:
        return lake.summed(rows_of(content, {}), size=version.bytes)[1]
    with lake.classified_errors(), lake.con.cursor() as cursor:
        rows = rows_of(content, stored_columns(cursor, content))
    return lake.summed(rows, size=version.bytes)[1]
