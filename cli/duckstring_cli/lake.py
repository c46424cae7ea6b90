"""SQL over all Ponds of a Catchment: a schema for each Pond, and views for the tables that a
statement names.

DuckDB runs on the user's machine, with the user's rights on the Catchment's bucket. It is locked
before the first statement: it reads nothing outside the tables' part of this bucket, and no
statement can change that. A statement cannot name an address at all: only functions that read
nothing may be called in a FROM.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from duckstring.author.statements import StatementError, Statements, TableRead
from duckstring.errors import OperatorError, nearest
from duckstring.model.answers.tables import PondSnapshot, TableRow
from duckstring.model.sql import quoted
from duckstring_cli import catchments, reading, selects
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError, CatchmentRefusedError

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

SHAPE = "Write POND.TABLE, for example sales.orders; POND_v1.TABLE is major 1 of a Pond."
_DUCKDBS_OWN = frozenset({"information_schema", "pg_catalog"})
_TAKEN = frozenset({"memory", "system", "temp"})
"""Names of Ponds that SQL takes for databases of DuckDB's own."""
_SHOWN_FUNCTIONS = ("generate_series", "json_each", "range", "unnest")
_READ_NOTHING = frozenset(
    {
        *_SHOWN_FUNCTIONS,
        *("duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_schemas"),
        *("duckdb_settings", "duckdb_tables", "duckdb_types", "duckdb_views", "json_tree"),
        *("pg_timezone_names", "pragma_version", "repeat", "repeat_row", "test_all_types"),
    }
)
"""Functions of a FROM that read neither files nor memory that a text or number names."""
_SIDE_BY_SIDE = 8


class _View(NamedTuple):
    """A view as the database has it: the address of the newest object that it reads."""

    schema: str
    table: str
    uri: str


class Lake:
    """All Ponds of a Catchment in one DuckDB.

    A schema keeps the snapshot that it had when it was first named, until ``refresh``. With
    ``consistent`` all schemas that were named have the newest freshness that they share.
    """

    def __init__(
        self,
        client: Client,
        *,
        consistent: bool = False,
        at: str | None = None,
        writes: Iterable[str] = (),
    ) -> None:
        """Open and lock the database.

        Args:
            client: of the Catchment.
            consistent: read snapshots of one freshness.
            at: the instant as of which to read, in UTC.
            writes: files that may be written.

        Raises:
            OperatorError: the Catchment cannot be reached.
        """
        self._client, self._consistent, self._at = client, consistent, at
        self._statements = Statements()
        self._held: dict[str, PondSnapshot] = {}
        self._views: dict[tuple[str, str], _View] = {}
        self.f: str | None = None
        bucket = catchments.outputs(client.catchment)["Bucket"]
        self.con = reading.database()
        self._renew = reading.open_s3(self.con, client.catchment)
        reading.lock(self.con, folders=[f"s3://{bucket}/data/"], files=writes)

    def ask(self, sql: str) -> DuckDBPyRelation:
        """The rows of one SELECT. They are read when they are asked for.

        Raises:
            BadInputError: it is not one SELECT, names what does not exist, or DuckDB does not
                accept it.
            OperatorError: the Catchment refuses, or the tables cannot be read.
        """
        self._renew()
        select = selects.one_select(sql)
        wanted: dict[str, set[str]] = {}
        for read in self._reads(select):
            wanted.setdefault(read.schema, set()).add(read.table)
        self._take(wanted)
        views = [
            _View(schema, row["table"], reading.newest(row))
            for schema, tables in wanted.items()
            for row in (self._row(schema, table) for table in sorted(tables))
        ]
        self._make({(one.schema, one.table.lower()): one for one in views})
        return reading.ask_of(self.con, select, self._client.catchment, SHAPE)

    def refresh(self) -> None:
        """Take the snapshots that are published by now, from the next statement on."""
        self._held.clear()

    def snapshots(self, schema: str | None = None) -> list[PondSnapshot]:
        """What can be read: of one schema, or of all Ponds. Nothing of it is held.

        Raises:
            OperatorError: there is no such schema, or the Catchment refuses.
        """
        asked = [schema.lower()] if schema is not None else None
        return self._client.snapshots(asked)["snapshots"]

    def columns(self) -> list[str]:
        """The names of the columns of tables that were read."""
        found = self.con.cursor().execute(
            "SELECT DISTINCT column_name FROM duckdb_columns() WHERE NOT internal ORDER BY 1"
        )
        return [str(name) for (name,) in found.fetchall()]

    def close(self) -> None:
        """Close the database."""
        self.con.close()

    def _reads(self, select: str) -> list[TableRead]:
        try:
            found = self._statements.select(select)
        except StatementError as error:
            place = f"{error.at.line}:{error.at.column}: "
            raise BadInputError(f"{place}{error.message}", hint=error.hint) from error
        if found.lists:
            raise BadInputError(
                "SHOW and DESCRIBE without a table list what was read by now, not what the Ponds "
                "have.",
                hint="In the shell .tables lists all; in a notebook .tables(); a Pond's: "
                "duckstring query POND",
            )
        for name in found.elsewhere:
            # DuckDB would take the three parts for the path of a file.
            raise BadInputError(f"{name!r} names no Pond.", hint=SHAPE)
        for name in sorted(found.functions - _READ_NOTHING):
            raise BadInputError(
                f"{name}(...) stands in a FROM; allowed there: tables of Ponds, and "
                f"{', '.join(_SHOWN_FUNCTIONS)}.",
                hint=SHAPE,
            )
        taken = next((one.schema for one in found.reads if one.schema in _TAKEN), None)
        if taken is not None:
            raise BadInputError(
                f"{taken} is a name of DuckDB's own.",
                hint=f"If it is a Pond, write its major: {taken}_v1.",
            )
        for read in found.reads:
            if not read.schema and read.table not in (known := self._own_tables()):
                near = nearest(read.table, known)
                raise BadInputError(
                    f"{read.table!r} names no Pond.", hint=f"{SHAPE} {near}".strip()
                )
        return [read for read in found.reads if read.schema not in {"", *_DUCKDBS_OWN}]

    def _own_tables(self) -> set[str]:
        """What has no Pond: frames that a notebook has registered, and DuckDB's own views."""
        found = self.con.execute(
            "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' "
            "UNION ALL SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"
        )
        return {str(name).lower() for (name,) in found.fetchall()}

    def _take(self, wanted: Collection[str]) -> None:
        """Hold a snapshot of each schema. One request, or none."""
        new = [schema for schema in wanted if schema not in self._held]
        if not new:
            return
        asked = [*self._held, *new] if self._consistent else new
        self.f, found = self._answer(asked)
        lines = {one["line"]: one for one in self._held.values() if not self._consistent}
        for one in found:  # a line has one snapshot here, under whatever schemas it is named
            self._held[one["schema"]] = {**lines.get(one["line"], one), "schema": one["schema"]}

    def _answer(self, schemas: Collection[str]) -> tuple[str | None, list[PondSnapshot]]:
        try:
            answer = self._client.snapshots(
                sorted(schemas), consistent=self._consistent, at=self._at
            )
        except CatchmentRefusedError as error:
            if error.message.startswith("No operation"):
                raise OperatorError(
                    f"Catchment {self._client.catchment.name!r} is of a release that has no SQL "
                    "over all Ponds.",
                    hint="Upgrade it: docs/aws.md, Upgrading.",
                ) from error
            raise
        return answer["f"], answer["snapshots"]

    def _row(self, schema: str, table: str) -> TableRow:
        snapshot = self._held[schema]
        for row in snapshot["tables"]:
            if row["table"].lower() == table:
                return row
        found: TableRow = reading.find_table(snapshot, table)  # says what there is
        return found

    def _make(self, views: dict[tuple[str, str], _View]) -> None:
        """Make views, and those again whose schema has another snapshot by now."""
        for key, view in list(self._views.items()):
            if key in views or view.schema not in self._held:
                continue
            if (row := self._now(view)) is None:
                self.con.execute(f"DROP VIEW {_name(view)}")
                del self._views[key]
            else:
                views[key] = view._replace(uri=reading.newest(row))
        due = {key: view for key, view in views.items() if self._views.get(key) != view}
        rows = [self._row(view.schema, key[1]) for key, view in due.items()]
        with reading.reading_rows(self._client.catchment):
            for view, select in zip(due.values(), self._selects(rows), strict=True):
                self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(view.schema)}")
                self.con.execute(f"CREATE OR REPLACE VIEW {_name(view)} AS {select}")
        self._views |= due

    def _now(self, view: _View) -> TableRow | None:
        """The table of a view as its schema's snapshot has it now."""
        tables = self._held[view.schema]["tables"]
        return next((row for row in tables if row["table"] == view.table), None)

    def _selects(self, rows: list[TableRow]) -> list[str]:
        """The SQL that reads each table: a look at each file's end, side by side."""
        if len(rows) < 2:  # noqa: PLR2004 - one needs no threads
            return [reading.table_sql(self.con, row) for row in rows]

        def look(row: TableRow) -> str:
            with self.con.cursor() as cursor:
                return reading.table_sql(cursor, row)

        with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(rows))) as pool:
            return list(pool.map(look, rows))


def _name(view: _View) -> str:
    return f"{quoted(view.schema)}.{quoted(view.table)}"
