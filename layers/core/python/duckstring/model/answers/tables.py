"""What a line has published, and which snapshots are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from duckstring.model.retention import Reason


class TableWriter(TypedDict):
    """Who wrote a table last, and at which freshness. What is null is not known."""

    written_in: str
    version: str | None
    f: str | None


class OlderTable(TableWriter):
    """A table that is older than the snapshot that it is in: it holds as of ``as_of``."""

    table: str
    as_of: str | None


class TableAge(TableWriter):
    """Who wrote a table last, and as of when it holds. ``older``: than its Pond."""

    as_of: str | None
    older: bool


class DroppedTable(TypedDict):
    """A table that was published once. ``removed``: by an operator."""

    table: str
    snapshot: str
    version: str
    removed: bool


class TablePart(TypedDict):
    """One object of a table that has several. ``rows``: how many lie in it."""

    uri: str
    rows: int
    bytes: int
    kind: Literal["rows", "changes"]
    use: Literal["both", "news", "start", "base"]


class TableRow(TableAge):
    """One published table. ``uri``: its object; empty if it has several: these are its ``parts``,
    in order. ``merge_key``: the columns by which changes name rows.
    """

    table: str
    uri: str
    rows: int
    bytes: int
    parts: list[TablePart]
    merge_key: list[str]


class TablesAnswer(TypedDict):
    """``tables``: a published snapshot."""

    line: str
    f: str
    snapshot: int
    tables: list[TableRow]
    dropped: list[DroppedTable]


class PondSnapshot(TablesAnswer):
    """A snapshot of a line, under the name of its schema in SQL over all Ponds."""

    schema: str


class SnapshotsAnswer(TypedDict):
    """``snapshots``, by schema. ``f``: the freshness as of which they hold, if one was asked for.
    ``next``: there are more than one answer holds; ask again with it as ``after``.
    """

    now: str
    f: str | None
    snapshots: list[PondSnapshot]
    next: NotRequired[str]


class RetentionRow(TypedDict):
    """How many snapshots of a line are kept: the last few, and those that are younger than some
    days.
    """

    snapshots: int
    days: int


class KeptSnapshot(TypedDict):
    """A snapshot that is kept. ``version``: what wrote it, if it wrote a table.

    ``held_f``: the freshness of its data, if it was published again; otherwise ``f``.
    ``bytes``: of all its objects. ``bytes_alone``: of those that no newer snapshot has; they are
    deleted with this one, unless an older one is kept that has them. ``reasons``: why it is kept
    (``published``, ``last``, ``young``). ``read_by``: lines that read it, or will with their next
    run. Neither: the next sweep deletes it. ``warnings``: how many checks warned.
    """

    snapshot: int
    run: str
    f: str
    held_f: str
    version: str | None
    tables: int
    rows: int
    bytes: int
    bytes_alone: int
    reasons: list[Reason]
    read_by: list[str]
    warnings: int


class KeptAnswer(TypedDict):
    """``kept``: the snapshots of a line, newest first. ``next``: there are older ones; ask again
    with it as ``before``.
    """

    line: str
    now: str
    retention: RetentionRow
    snapshots: list[KeptSnapshot]
    next: int | None


class PublishedTables(TypedDict):
    """What publishing an earlier snapshot does to tables, by name: they are as they were, are the
    same, are published no longer, or are published again.
    """

    back: list[str]
    same: list[str]
    gone: list[str]
    returned: list[str]


class PublishAnswer(TypedDict):
    """``publish``: an earlier snapshot, the freshness ``f`` of its data, and whether the line has
    received it. ``over``: what was published before. ``run``: the number under which it is
    published again.
    """

    line: str
    snapshot: int
    over: int
    f: str
    run: str | None
    tables: PublishedTables
    warnings: list[str]
    applied: bool
