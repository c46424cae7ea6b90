"""Which attempts wrote the rows of a published table that fulfil a condition, as far as the table's
objects say.

An object is written by one attempt, which its name has. An object that others were folded into has
the rows of earlier attempts, too: of these the table keeps some, as news for readers, and by them
more of its rows are told apart. Nothing else is known of a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from duckstring.author import stored
from duckstring.author.columns import ColumnType, ColumnTypes
from duckstring.author.contents import CHANGE, Content, Object, rows_of_each, scan
from duckstring.errors import OperatorError
from duckstring.model.names import parse_table_key
from duckstring.model.sql import quoted
from duckstring_cli import reading
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.model.answers.tables import TableRow

_ALL = "true"


@dataclass(frozen=True, slots=True)
class Origin:
    """Rows that one attempt wrote. ``writer``: ``RUN-RIPPLE-ATTEMPT``. ``is_exact``: it did;
    otherwise it wrote the object that they lie in now, and they may be of earlier attempts.
    """

    writer: str
    rows: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """An object of the table. ``is_folded``: rows of earlier attempts may lie in it."""

    object: Object
    writer: str
    is_live: bool
    is_folded: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """The table, and what is asked of it."""

    name: str
    parts: Sequence[_Part]
    merge_key: Sequence[str]
    columns: ColumnTypes
    changed: Mapping[str, ColumnType]
    where: str

    def matching(self, rows: str, wanted: str) -> str:
        """SQL: of stored rows those that fulfil the condition, as they were written."""
        written = stored.as_written(rows, self.columns, self.changed)
        return f"SELECT {wanted} FROM ({written}) AS {quoted(self.name)} WHERE ({self.where}\n)"  # noqa: S608 - one expression

    def stored(self, part: _Part) -> str:
        """SQL: the rows of an object, without what became of them."""
        names = ", ".join(map(quoted, self.columns))
        return f"SELECT {names} FROM {scan(part.object.uri)}"  # noqa: S608 - quoted


def find_origins(catchment: Catchment, row: TableRow, where: str | None) -> list[Origin]:
    """Count the rows by the attempts that wrote them, in the order of writing.

    Args:
        catchment: whose bucket is read, with the user's own rights.
        row: the table.
        where: one expression over its columns. None: all rows.

    Raises:
        BadInputError: DuckDB does not accept the expression.
        OperatorError: the table cannot be read.
    """
    parts = _parts(row)
    con = reading.database()
    reading.open_s3(con, catchment)
    reading.lock(con, files=[one.object.uri for one in parts])
    with reading.reading_from(catchment):
        return _counted(con, _look(con, row, parts, where or _ALL))


def _parts(row: TableRow) -> list[_Part]:
    parts = row.get("parts")  # a Catchment of the release before has none
    if not parts:
        return [_part(row, row["uri"], Object(row["uri"]), use="start")]
    return [
        _part(row, one["uri"], Object(one["uri"], one["kind"], one["rows"]), use=one["use"])
        for one in parts
    ]


def _part(row: TableRow, uri: str, found: Object, *, use: str) -> _Part:
    key = parse_table_key(f"data/{reading.address(row, uri).partition('/data/')[2]}")
    assert key is not None  # noqa: S101 - ``address`` has checked it
    writer = f"{key.run}-{key.ripple}-{key.attempt}"
    # What another engine has written (``key.path``) is of one attempt.
    return _Part(found, writer, is_live=use != "news", is_folded=use == "base" and not key.path)


def _look(con: DuckDBPyConnection, row: TableRow, parts: Sequence[_Part], where: str) -> _Table:
    """Its columns. Costs a look at the newest object's end."""
    content = Content([one.object for one in parts if one.is_live], row.get("merge_key") or ())
    return _Table(
        row["table"],
        parts,
        content.merge_key,
        stored.stored_columns(con, content),
        stored.changed_types(con, content),
        where,
    )


def _counted(con: DuckDBPyConnection, table: _Table) -> list[Origin]:
    live = [one for one in table.parts if one.is_live]
    content = Content([one.object for one in live], table.merge_key)
    each = rows_of_each(content, table.columns)
    selects = [table.matching(rows, f"{place}, count(*)") for place, rows in enumerate(each)]
    counts: dict[int, int] = dict(_fetch(con, table, " UNION ALL ".join(selects)))
    found: Counter[tuple[str, bool]] = Counter()
    for place, (part, rows) in enumerate(zip(live, each, strict=True)):
        count = counts.get(place, 0)
        if part.is_folded and count:
            by_news = _by_news(con, table, part, rows)
            found.update({(one.writer, True): news for one, news in by_news if news})
            count -= sum(news for _, news in by_news)
        found[part.writer, not part.is_folded] += count
    origins = [Origin(writer, rows, exact) for (writer, exact), rows in found.items() if rows]
    order = {one.writer: place for place, one in enumerate(table.parts)}
    return sorted(origins, key=lambda one: (_number(one), order[one.writer], one.is_exact))


def _number(origin: Origin) -> int:
    return int(origin.writer.partition("-")[0])


def _by_news(
    con: DuckDBPyConnection, table: _Table, into: _Part, rows: str
) -> list[tuple[_Part, int]]:
    """How many of a folded object's rows are those of earlier objects that are still kept."""
    place = table.parts.index(into)
    before = table.parts[:place]
    if not table.merge_key:
        # Rows of a table that is appended to stay as they are: those of an object lie in the next
        # one that is live.
        live = max((number for number, one in enumerate(before) if one.is_live), default=-1)
        news = before[live + 1 :]
        if not news:
            return []
        sql = " UNION ALL ".join(
            table.matching(table.stored(one), f"{number}, count(*)")
            for number, one in enumerate(news)
        )
    else:
        news = [one for one in before if not one.is_live]
        if not news:
            return []
        sql = _last_changes(table, news, rows)
    counts = dict(_fetch(con, table, sql))
    return [(one, counts.get(number, 0)) for number, one in enumerate(news)]


def _last_changes(table: _Table, news: Sequence[_Part], rows: str) -> str:
    """SQL: of how many rows each object has the last change."""
    key = ", ".join(map(quoted, table.merge_key))
    named = " UNION ALL ".join(
        f"SELECT {key}, {number} AS {quoted(CHANGE)} FROM "  # noqa: S608 - quoted
        f"({stored.as_written(table.stored(one), table.columns, table.changed)})"
        for number, one in enumerate(news)
    )
    change = quoted(CHANGE)
    last = f"SELECT {key}, max({change}) AS {change} FROM ({named}) GROUP BY {key}"  # noqa: S608 - quoted
    return (
        f"SELECT {change}, count(*) FROM ({table.matching(rows, key)}) "  # noqa: S608 - quoted
        f"JOIN ({last}) USING ({key}) GROUP BY 1"
    )


def _fetch(con: DuckDBPyConnection, table: _Table, sql: str) -> list[tuple[int, int]]:
    """Raises what is wrong with the user's condition as one line."""
    try:
        return con.execute(sql).fetchall()
    except (duckdb.IOException, duckdb.HTTPException):
        raise
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException) as error:
        columns = ", ".join(table.columns)
        raise BadInputError(
            f"--where: {reading.first_line(error)}", hint=f"Columns of {table.name}: {columns}."
        ) from error
    except duckdb.Error as error:
        raise OperatorError(reading.first_line(error)) from error
