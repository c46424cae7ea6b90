"""Two versions of a published table, compared: columns, rows added, removed and changed.

DuckDB compares here, with the user's rights on the Catchment's bucket, in bounded memory. Objects
that both versions have are not read: a row of theirs is the same in both, or the other objects
name its key. So a comparison of a large table that grew by a little reads that little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from duckstring.author.columns import ColumnType, ColumnTypes
from duckstring.errors import OperatorError, nearest
from duckstring.model.sql import literal, quoted
from duckstring_cli import reading
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import BadInputError
from duckstring_cli.versions import Version, rows_that_may_differ, version_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.model.answers.tables import TableRow, TablesAnswer

Found = TypeVar("Found")
Kind = Literal["added", "removed", "changed"]

KINDS: tuple[Kind, ...] = ("added", "removed", "changed")
MOST_SAMPLE = 200
"""Rows of each kind that are shown."""
MOST_COLUMNS = 500
"""That are compared: with 300 a comparison of few rows takes seconds, with 1,500 a minute."""
_MEMORY, _DISK = "1GB", "20GB"
"""That one comparison may use. What has no room in memory is kept on disk meanwhile."""
_MOST_TEXT = 1000
"""Characters of a cell that are shown."""
_INTEGERS = frozenset(
    {
        *("tinyint", "smallint", "integer", "bigint", "hugeint"),
        *("utinyint", "usmallint", "uinteger", "ubigint"),
    }
)


class ComparedVersion(TypedDict):
    """A version of the table: that of a snapshot, fresh as of ``f``. ``rows`` and what follows:
    null if the snapshot has no such table.
    """

    run: str
    snapshot: int
    f: str
    rows: int | None
    written_in: str | None
    version: str | None


class SchemaChange(TypedDict):
    """A column that only one version has, or that has another type. Null: it is not there."""

    column: str
    before: str | None
    after: str | None


class ComparedColumn(TypedDict):
    """A column that both have. ``changed``: in how many of the changed rows it differs."""

    name: str
    type: str
    changed: int


class DifferentRow(TypedDict):
    """A row that differs, a text or null for each column. ``times``: so often; without a key there
    may be several equal rows.
    """

    kind: Kind
    times: int
    before: list[str | None] | None
    after: list[str | None] | None


class Difference(TypedDict):
    """What differs. ``key``: the columns that tell which row became which; none: rows are compared
    as wholes, and none is ``changed``. ``sample``: the first rows of each kind.
    """

    line: str
    table: str
    before: ComparedVersion
    after: ComparedVersion
    schema: list[SchemaChange]
    key: list[str]
    columns: list[ComparedColumn]
    added: int
    removed: int
    changed: int
    sample: list[DifferentRow]


Guard = Callable[["DuckDBPyConnection", Callable[[], Found]], Found]
"""Runs work of a connection such that somebody can end it."""


def _unguarded(_con: DuckDBPyConnection, act: Callable[[], Found]) -> Found:
    return act()


@dataclass(frozen=True, slots=True)
class _Both:
    """A column of both versions, ``c<place>`` in the SQL below, with the SQL that makes its values
    comparable.
    """

    name: str
    type: str
    place: str
    before: str
    after: str


def compare(
    catchment: Catchment,
    versions: tuple[TablesAnswer, TablesAnswer],
    table: str,
    *,
    key: Sequence[str] = (),
    sample: int = MOST_SAMPLE,
    guard: Guard[Difference] = _unguarded,
) -> Difference:
    """Compare a table as two snapshots of one line have it.

    Args:
        catchment: whose bucket is read, with the user's own rights.
        versions: the snapshots, what was first.
        table: its name.
        key: columns that tell its rows apart; without any those of its merges, if it has some.
        sample: so many rows of each kind are given, up to ``MOST_SAMPLE``.
        guard: runs the work.

    Raises:
        BadInputError: neither has such a table, or the key is none.
        OperatorError: the objects cannot be read, or there is too little memory and disk.
    """
    rows = [_row(one, table) for one in versions]
    if rows[0] is None and rows[1] is None:
        reading.find_table(versions[1], table)  # says what there is
    there = [row for row in rows if row is not None]
    with _opened(catchment, there) as con:

        def act() -> Difference:
            with reading.reading_rows(catchment):
                sides = [version_of(con, row) if row is not None else None for row in rows]
                told = _told(versions, rows, sides, table)
                before, after = sides
                if before is None or after is None:
                    return _one_sided(told, before or after, key)
                return _Comparison(con, told, before, after, sample).made(key)

        return guard(con, act)


def _row(snapshot: TablesAnswer, table: str) -> TableRow | None:
    return next((row for row in snapshot["tables"] if row["table"] == table), None)


@contextmanager
def _opened(catchment: Catchment, rows: Sequence[TableRow]) -> Iterator[DuckDBPyConnection]:
    """A locked database of bounded memory, which may keep on disk what it works on."""
    files = [one.uri for row in rows for one in reading.content_of(row).objects]
    with TemporaryDirectory(prefix="duckstring-diff-") as folder:
        con = reading.database()
        try:
            con.execute(f"SET memory_limit = '{_MEMORY}'")
            con.execute(f"SET temp_directory = {literal(folder)}")
            con.execute(f"SET max_temp_directory_size = '{_DISK}'")
            reading.open_s3(con, catchment)
            reading.lock(con, files=files)
            yield con
        finally:
            con.close()


def _told(
    versions: tuple[TablesAnswer, TablesAnswer],
    rows: Sequence[TableRow | None],
    sides: Sequence[Version | None],
    table: str,
) -> Difference:
    """What is known before rows are read."""
    before, after = (_version(*one) for one in zip(versions, rows, strict=True))
    old, new = (side.columns if side else {} for side in sides)
    return {
        "line": versions[1]["line"],
        "table": table,
        "before": before,
        "after": after,
        "schema": list(_schema(old, new)),
        "key": [],
        "columns": [],
        "added": 0,
        "removed": 0,
        "changed": 0,
        "sample": [],
    }


def _version(snapshot: TablesAnswer, row: TableRow | None) -> ComparedVersion:
    return {
        "run": f"{snapshot['line']}/{snapshot['snapshot']}",
        "snapshot": snapshot["snapshot"],
        "f": snapshot["f"],
        "rows": row["rows"] if row else None,
        "written_in": row["written_in"] if row else None,
        "version": row.get("version") if row else None,
    }


def _schema(old: ColumnTypes, new: ColumnTypes) -> Iterator[SchemaChange]:
    for name in dict.fromkeys((*new, *old)):
        before, after = old.get(name), new.get(name)
        if before is None or after is None or before.text != after.text:
            yield {
                "column": name,
                "before": str(before) if before else None,
                "after": str(after) if after else None,
            }


def _one_sided(told: Difference, side: Version | None, key: Sequence[str]) -> Difference:
    """Only one snapshot has the table: all its rows are new, or gone."""
    _check_key(key, side.columns if side else {})
    return {**told, "added": told["after"]["rows"] or 0, "removed": told["before"]["rows"] or 0}


def _check_key(key: Sequence[str], columns: ColumnTypes) -> None:
    for name in key:
        if name not in columns:
            raise BadInputError(
                f"Key: there is no column {name!r} in both versions; they have "
                f"{', '.join(columns) or 'none'}.",
                hint=nearest(name, columns) or "Pick some of these.",
            )


class _Comparison:
    """Two versions whose objects are known."""

    def __init__(
        self,
        con: DuckDBPyConnection,
        told: Difference,
        before: Version,
        after: Version,
        sample: int,
    ) -> None:
        self._con, self._told, self._before, self._after = con, told, before, after
        self._most = max(1, min(sample, MOST_SAMPLE))

    def made(self, key: Sequence[str]) -> Difference:
        """The whole difference."""
        before, after = self._before, self._after
        common = {name: kind for name, kind in after.columns.items() if name in before.columns}
        _check_key(key, common)
        if len(common) > MOST_COLUMNS:
            raise OperatorError(
                f"{self._told['table']!r} has {len(common):,} columns; a comparison takes at most "
                f"{MOST_COLUMNS}.",
                hint="Compare some of them in SQL: duckstring sql, with --at.",
            )
        named = list(dict.fromkeys(key)) or self._merge_key(common)
        order = [*named, *(name for name in common if name not in named)]
        columns = [self._both(place, name) for place, name in enumerate(order)]
        told: Difference = {
            **self._told,
            "key": named,
            "columns": [{"name": one.name, "type": one.type, "changed": 0} for one in columns],
        }
        if before.objects[-1].uri == after.objects[-1].uri:
            return told  # each version has a newest object of its own
        if not columns:
            return {
                **told,
                "removed": told["before"]["rows"] or 0,
                "added": told["after"]["rows"] or 0,
            }
        old, new = rows_that_may_differ(before, after)
        old = _selected(old, [(one.before, one.place) for one in columns])
        new = _selected(new, [(one.after, one.place) for one in columns])
        if key:
            for sql, side in ((old, told["before"]), (new, told["after"])):
                self._check_unique(sql, columns[: len(named)], side["run"])
        if named:
            return self._by_key(told, old, new, columns)
        return self._as_wholes(told, old, new, columns)

    def _merge_key(self, common: ColumnTypes) -> list[str]:
        key = list(self._after.merge_key)
        is_same = key == list(self._before.merge_key)
        return key if is_same and all(name in common for name in key) else []

    def _both(self, place: int, name: str) -> _Both:
        old, new = self._before.columns[name], self._after.columns[name]
        form = _common_form(old, new)
        value = f"{quoted(name)}{form}"
        return _Both(name, str(new), f"c{place}", value, value)

    def _check_unique(self, rows: str, key: Sequence[_Both], run: str) -> None:
        names = ", ".join(one.place for one in key)
        (found,) = self._fetch(
            f"SELECT count(*) FROM (SELECT 1 FROM ({rows}) GROUP BY {names} HAVING count(*) > 1)"  # noqa: S608 - quoted
        )
        if found[0]:
            raise BadInputError(
                f"{', '.join(one.name for one in key)} is no key of {self._told['table']!r} in "
                f"{run}: {found[0]:,} of its values have several rows.",
                hint="Name more columns, or none: then rows are compared as wholes.",
            )

    def _by_key(self, told: Difference, old: str, new: str, columns: Sequence[_Both]) -> Difference:
        places = [one.place for one in columns]
        key, rest = places[: len(told["key"])], places[len(told["key"]) :]
        on = " AND ".join(f"o.{one} IS NOT DISTINCT FROM n.{one}" for one in key)
        changed = [f"o.{one} IS DISTINCT FROM n.{one}" for one in rest]
        differs = " OR ".join(["o.here IS NULL", "n.here IS NULL", *changed])
        kind = (
            "CASE WHEN o.here IS NULL THEN 'added' WHEN n.here IS NULL THEN 'removed' "
            "ELSE 'changed' END"
        )
        pair = _packed({f"{side}_{one}": f"{side}.{one}" for side in "on" for one in places})
        order = _packed({one: f"coalesce(o.{one}, n.{one})" for one in key})
        columns_changed = ", ".join(
            f"count(*) FILTER (WHERE pair.o_{one} IS DISTINCT FROM pair.n_{one})" for one in rest
        )
        texts = ", ".join(
            f"[{', '.join(_text(f'x.{side}_{one}') for one in places)}]" for side in "on"
        )
        found = self._fetch(
            f"SELECT kind, count(*), [{columns_changed}]::BIGINT[], "  # noqa: S608 - quoted
            f"list_transform(arg_min(pair, place, {self._most}), lambda x: [{texts}]) FROM ("
            f"SELECT {kind} AS kind, {pair} AS pair, {order} AS place "
            f"FROM (SELECT *, true AS here FROM ({old})) AS o "
            f"FULL JOIN (SELECT *, true AS here FROM ({new})) AS n ON {on} WHERE {differs}"
            ") GROUP BY kind"
        )
        counts = {row[0]: row[1] for row in found}
        of_columns = next((row[2] for row in found if row[0] == "changed"), [0] * len(rest))
        samples = {row[0]: row[3] for row in found}
        return {
            **told,
            "added": counts.get("added", 0),
            "removed": counts.get("removed", 0),
            "changed": counts.get("changed", 0),
            "columns": [
                {**column, "changed": count}
                for column, count in zip(
                    told["columns"], [*([0] * len(key)), *of_columns], strict=True
                )
            ],
            "sample": [
                _different(kind, 1, before, after)
                for kind in KINDS
                for before, after in samples.get(kind, ())
            ],
        }

    def _as_wholes(
        self, told: Difference, old: str, new: str, columns: Sequence[_Both]
    ) -> Difference:
        places = [one.place for one in columns]
        names, row = ", ".join(places), _packed({one: one for one in places})
        texts = ", ".join(_text(f"x.r.{one}") for one in places)
        found = self._fetch(
            f"SELECT times > 0, sum(abs(times))::BIGINT, list_transform(arg_min("  # noqa: S608 - quoted
            f"{{'r': {row}, 'times': abs(times)}}, {row}, {self._most}), "
            f"lambda x: {{'texts': [{texts}], 'times': x.times}}) FROM ("
            f"SELECT {names}, sum(side) AS times FROM ("
            f"SELECT {names}, 1 AS side FROM ({new}) UNION ALL SELECT {names}, -1 FROM ({old})"
            f") GROUP BY {names} HAVING sum(side) <> 0) GROUP BY 1"
        )
        counts = {bool(is_new): count for is_new, count, _ in found}
        samples = {bool(is_new): some for is_new, _, some in found}
        return {
            **told,
            "added": counts.get(True, 0),
            "removed": counts.get(False, 0),
            "sample": [
                *(_different("added", r["times"], None, r["texts"]) for r in samples.get(True, ())),
                *(
                    _different("removed", r["times"], r["texts"], None)
                    for r in samples.get(False, ())
                ),
            ],
        }

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            return self._con.execute(sql).fetchall()
        except duckdb.OutOfMemoryException as error:
            raise OperatorError(
                f"The comparison needs more than {_MEMORY} of memory and {_DISK} of disk here.",
                hint="Compare fewer rows or columns in SQL: duckstring sql, with --at.",
            ) from error


def _selected(rows: str, columns: Sequence[tuple[str, str]]) -> str:
    items = ", ".join(f"{value} AS {place}" for value, place in columns)
    return f"SELECT {items} FROM ({rows})"  # noqa: S608 - quoted


def _common_form(old: ColumnType, new: ColumnType) -> str:
    """How values of two types are compared: integers by value, others of two types by their
    texts.
    """
    if old.text == new.text:
        return ""
    return "::HUGEINT" if {old.kind, new.kind} <= _INTEGERS else "::VARCHAR"


def _packed(fields: dict[str, str]) -> str:
    return f"{{{', '.join(f'{literal(name)}: {value}' for name, value in fields.items())}}}"


def _text(value: str) -> str:
    return reading.shortened(value, _MOST_TEXT)


def _different(
    kind: Kind, times: int, before: list[str | None] | None, after: list[str | None] | None
) -> DifferentRow:
    return {
        "kind": kind,
        "times": int(times),
        "before": before if kind != "added" else None,
        "after": after if kind != "removed" else None,
    }
