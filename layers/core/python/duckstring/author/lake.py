"""The DuckDB of one attempt: views over table versions, and the writing of new ones. It knows
addresses, but not AWS.

Nothing is read before it is needed. A view costs a HEAD and a GET of the Parquet footer. DuckDB
keeps the footer, so a later query pays for the data alone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from secrets import token_hex
from threading import RLock
from typing import TYPE_CHECKING, Protocol

from duckstring.author import outages, refusals, stored
from duckstring.author.columns import OWN, column_types, duckdb_message
from duckstring.author.contract import Published
from duckstring.author.errors import WriteError
from duckstring.author.fingerprint import OF_ANY_TYPE, fingerprint, row_hashes
from duckstring.author.frames import check_frame, columns_alone, readable, rows_of_objects
from duckstring.author.keeping import encoded, restored
from duckstring.author.naming import TableRef
from duckstring.author.writing import Writing, kept_columns, prepare
from duckstring.errors import TransientError
from duckstring.model.catalog import TableVersion
from duckstring.model.sql import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_DESCRIPTORS = 8
"""With fewer that are free, a failure to reach the storage is the author's own doing."""
_NO_SCHEMAS = frozenset({"memory", "temp", "system", "information_schema", "pg_catalog"})
"""Names that DuckDB keeps for itself: tables of a Source called so are read by ``read_table``
only.
"""

BARE = "~bare"
"""The schema of views of Sources' tables by their names alone. It stands behind ``main`` in the
search path: whatever the Pond or its author has under such a name comes first.
"""

_INCOMING = "~incoming"
_STREAM = "~stream"
_AT_ONCE = 8


class ArrowStream(Protocol):
    """What pyarrow, polars and pandas give: a table as an Arrow stream."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """An Arrow stream capsule."""


class Storage(Protocol):
    """Where Parquet files lie, and a DuckDB that can reach them."""

    def open(self) -> DuckDBPyConnection:
        """A new in-memory database with limits and credentials set."""

    def uri(self, key: str) -> str:
        """The address of an object."""

    def addresses(self) -> Sequence[str]:
        """The beginnings by which DuckDB's errors call what lies here."""

    def close(self) -> None:
        """Remove what an open database left on disk."""


class Lake:
    """Table versions as views of one DuckDB connection."""

    def __init__(self, storage: Storage) -> None:
        """Nothing is opened yet."""
        self._storage = storage
        self._con: DuckDBPyConnection | None = None
        self._views: dict[TableRef, str] = {}
        self._keys: set[str] = set()
        self._offers = False
        # Threads of the author's share the connection, and the view that a COPY reads.
        self._one_writes = RLock()

    @property
    def con(self) -> DuckDBPyConnection:
        """The connection, opened at first use."""
        if self._con is None:
            self._con = self._storage.open()
        return self._con

    def close(self) -> None:
        """Give back memory and disk. A query that a thread of the author left behind is ended:
        DuckDB would wait for it.
        """
        if self._con is not None:
            self._con.interrupt()
            self._con.close()
            self._storage.close()

    def interrupt(self) -> None:
        """End the query that runs; none does, nothing happens."""
        if self._con is not None:
            self._con.interrupt()

    def show(self, tables: Mapping[TableRef, TableVersion]) -> None:
        """Make views of all tables, several at a time: each waits for two requests and little
        else.
        """
        wanted = {ref: version.key for ref, version in tables.items() if ref[0] not in _NO_SCHEMAS}
        missing = [(ref, key) for ref, key in wanted.items() if self._views.get(ref) != key]
        for schema in sorted({ref[0] for ref, _ in missing}):
            with self.con.cursor() as cursor:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_path(schema)}")
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool, self._classified_errors():
            list(pool.map(self._show, missing))

    def hide(self, ref: TableRef) -> None:
        """Take a table's view away, if there is one."""
        if self._views.pop(ref, None):
            self.con.execute(f"DROP VIEW IF EXISTS {_path(*ref)}")

    def offer(self, table: str, version: TableVersion) -> None:
        """Make a view of a Source's table by its name alone. Anything else of that name wins."""
        from duckdb import Error  # noqa: PLC0415 - the worker starts without DuckDB

        if not self._offers:
            self._offers = True
            self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {_path(BARE)}")
            (path,) = self.con.execute(
                f"SELECT {OWN}current_setting('search_path')"
            ).fetchone() or ("",)
            before = path or "memory.main"  # else the author has chosen one
            with suppress(Error):  # a name of the author's that cannot be written back
                self.con.execute(f"SET search_path = {literal(f'{before},{_path(BARE)}')}")
        self.show({(BARE, table): version})

    def read(self, ref: TableRef, version: TableVersion) -> DuckDBPyRelation:
        """A lazy relation over one table version, whatever else has its name in this database by
        now.
        """
        self.show({ref: version})
        with self._classified_errors():
            return self.con.sql(self._select(self.con, version.key))

    def write(
        self, table: str, data: object, *, key: str, published: TableVersion | None = None
    ) -> TableVersion:
        """Store ``data`` as Parquet and measure what was stored, without holding it in memory.

        The fingerprint is taken from the stored file: the relation might not give the same rows
        twice.

        Raises:
            WriteError: it cannot be kept as it is. Nothing was stored.
            ContractError: ``published`` would not be kept to. Nothing was stored.
        """
        with self._relation(table, data) as (con, relation):
            self._check_functions(table)
            writing = prepare(table, relation, self._published(published))
            size = self._copy(con, writing, relation, key)
        with self._classified_errors(), self.con.cursor() as cursor:
            scan = stored.scan(self._uri(key))
            hashes = row_hashes(column_types(cursor.sql(f"FROM {scan}")))
            found = cursor.execute(f"SELECT {OWN}count(*), {hashes} FROM {scan}").fetchone()  # noqa: S608 - quoted
        rows, total = found or (0, 0)
        return TableVersion(table, key, rows, size, fingerprint(writing.columns, rows, total))

    def refused_pond(self, error: BaseException) -> str:
        """The Pond whose tables the storage has refused; empty: the error is about something
        else.
        """
        return refusals.refused_pond(error, self._storage.addresses())

    def outage(self, error: BaseException) -> TransientError | None:
        """What to say instead of an error that is the storage's fault: of a statement of the
        author's over tables that lie there.
        """
        if not outages.is_outage(error, self._storage.addresses(), self._keys):
            return None
        if not _has_descriptors():
            # Whatever DuckDB says then: it could open neither a file nor a connection.
            error.add_note(
                "This process has no file descriptors left: the code holds too many open, or has "
                "lowered their limit."
            )
            return None
        return TransientError(
            f"The Catchment's storage did not answer: {error}",
            hint="The attempt can be made again.",
        )

    def _check_functions(self, table: str) -> None:
        """A function of the author's in Python stands beside DuckDB's own of its name, and is
        called where its types fit better.
        """
        for name in OF_ANY_TYPE:
            if self._candidates(name) > 1:
                raise WriteError(
                    (
                        f"Table {table!r}: pond.con has a function of yours called {name!r}, as "
                        "DuckDB's own that tables are measured by."
                    ),
                    hint=f"Call it by another name: pond.con.create_function('my_{name}', ...).",
                )

    def _candidates(self, name: str) -> int:
        """How many functions of that name there are. DuckDB's list of functions takes long; an
        error lists those of one name.
        """
        from duckdb import BinderException  # noqa: PLC0415 - the worker starts without DuckDB

        with self.con.cursor() as cursor:
            try:
                cursor.sql(f"SELECT {OWN}{name}()")  # bound, not run
            except BinderException as error:
                return duckdb_message(error).count(f"\t{name}(")
        return 2  # one that takes no value, which DuckDB's own does not

    def _published(self, version: TableVersion | None) -> Published | None:
        if version is None:
            return None
        with self._classified_errors():
            return stored.published(self.con, self._uri(version.key))

    def _copy(
        self, con: DuckDBPyConnection, writing: Writing, relation: DuckDBPyRelation, key: str
    ) -> int:
        """Write the file; its size in bytes."""
        from duckdb import FatalException  # noqa: PLC0415 - the worker starts without DuckDB

        # As a view of this connection alone: a lasting one would need a schema of the author's that
        # can be written to.
        relation.query(_INCOMING, f"FROM {quoted(_INCOMING)} LIMIT 0")
        incoming = f"temp.main.{quoted(_INCOMING)}"
        try:
            with self._classified_errors(), writing.refusals():
                stats = con.execute(
                    f"COPY (SELECT {', '.join(writing.items)} "  # noqa: S608 - quoted
                    f"FROM {incoming}) TO {literal(self._uri(key))} "
                    f"(FORMAT parquet, COMPRESSION zstd, RETURN_STATS, {writing.note})"
                ).fetchone()
        finally:
            with suppress(FatalException):  # of a database that has ended; why, is on its way
                con.execute(f"DROP VIEW IF EXISTS {incoming}")
        if stats is None:
            raise WriteError(f"Table {writing.table!r}: DuckDB wrote no file.")
        return int(stats[2])

    @contextmanager
    def _relation(
        self, table: str, data: object
    ) -> Iterator[tuple[DuckDBPyConnection, DuckDBPyRelation]]:
        """The rows as a relation, and the connection that it belongs to."""
        from duckdb import DuckDBPyRelation  # noqa: PLC0415 - the worker starts without DuckDB

        match data:
            case str():
                with self._one_writes:
                    yield self.con, _select(table, self.con.sql(data))
            case DuckDBPyRelation() if self._is_ours(data):
                with self._one_writes:
                    yield self.con, data
            case _:
                # What comes as a stream is copied by a connection of its own: the author's may be
                # busy making the stream.
                with self.con.cursor() as other, _read(other, table, data):
                    yield other, _registered(other, table, data)

    def _is_ours(self, relation: DuckDBPyRelation) -> bool:
        """Whether what it makes in its own connection is found in ours: a relation of another
        one is refused by ours.
        """
        from duckdb import CatalogException, Error  # noqa: PLC0415 - the worker starts without DuckDB

        name = f"~whose {token_hex(8)}"
        drop = f"DROP VIEW temp.main.{quoted(name)}"
        try:
            relation.query(name, f"FROM {quoted(name)} LIMIT 0")
            self.con.execute(drop)
        except CatalogException:
            with suppress(Error):
                relation.query(name, drop)
            return False
        except Error:  # its connection is closed, or its columns are gone
            return False
        return True

    def _show(self, view: tuple[TableRef, str]) -> None:
        from duckdb import CatalogException  # noqa: PLC0415 - the worker starts without DuckDB

        ref, key = view
        with self.con.cursor() as cursor:
            select = self._select(cursor, key)
            # Where the author has a table of this name it stays: read_table needs no view.
            with suppress(CatalogException):
                cursor.execute(f"CREATE OR REPLACE VIEW {_path(*ref)} AS {select}")
        self._views[ref] = key

    def _select(self, con: DuckDBPyConnection, key: str) -> str:
        return stored.select(con, self._uri(key))

    def _uri(self, key: str) -> str:
        self._keys.add(key)
        return self._storage.uri(key)

    @contextmanager
    def _classified_errors(self) -> Iterator[None]:
        """The Catchment's storage failing is not the author's fault; any other address failing
        is.
        """
        try:
            yield
        except Exception as error:
            if (outage := self.outage(error)) is not None:
                raise outage from error
            raise


def _has_descriptors() -> bool:
    """Whether the author's code has left descriptors for DuckDB to work with: it needs one for
    each file and connection.
    """
    got: list[int] = []
    try:
        got.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(_DESCRIPTORS))
    except OSError as error:
        return error.errno != errno.EMFILE
    finally:
        for one in got:
            os.close(one)
    return True


def _select(table: str, relation: DuckDBPyRelation | None) -> DuckDBPyRelation:
    """What DuckDB makes of the author's SQL: nothing, where it is a statement without rows."""
    if relation is None:
        raise WriteError(
            f"Table {table!r}: that SQL gives no rows.", hint="Write the text of a SELECT."
        )
    return relation


def _registered(con: DuckDBPyConnection, table: str, data: object) -> DuckDBPyRelation:
    """A relation over data that is not a relation of this database."""
    from duckdb import DuckDBPyRelation, Error  # noqa: PLC0415 - the worker starts without DuckDB

    if not isinstance(data, DuckDBPyRelation):
        check_frame(table, data)
    # Arrow has fewer types than DuckDB: a TIMETZ would lose its offset, a large UHUGEINT be -1.
    columns = kept_columns(table, data) if isinstance(data, DuckDBPyRelation) else {}
    try:
        if not isinstance(data, DuckDBPyRelation):
            con.register(_STREAM, readable(data))
            return con.sql(f"FROM {quoted(_STREAM)}")
        con.register(
            _STREAM,
            _foreign(
                table,
                data.project(", ".join(encoded(name, kind) for name, kind in columns.items())),
            ),
        )
        items = ", ".join(restored(name, kind) for name, kind in columns.items())
        return con.sql(f"SELECT {items} FROM {quoted(_STREAM)}")  # noqa: S608 - quoted
    except (
        Error,
        ValueError,
        NotImplementedError,
    ) as error:  # Arrow's own are kinds of the latter two
        if (refused := _unread(con, table, data)) is not None:
            raise refused from error
        raise WriteError(
            (
                f"Table {table!r}: {type(data).__name__} is nothing that can be written as a "
                f"table. {duckdb_message(error).splitlines()[0]}"
            ),
            hint=(
                "Write a relation (pond.con.sql(...)), an Arrow table, a pandas or polars frame, "
                "or SQL text."
            ),
        ) from error


@contextmanager
def _read(con: DuckDBPyConnection, table: str, data: object) -> Iterator[None]:
    """What DuckDB says of a frame's values as it reads them, of the column that it is about.

    It takes the type of an object column from a sample of the values, and casts the others to it:
    here it looks at all.
    """
    from duckdb import Error  # noqa: PLC0415 - the worker starts without DuckDB

    (sample,) = con.execute(f"SELECT {OWN}current_setting('pandas_analyze_sample')").fetchone() or (
        0,
    )
    if (rows := rows_of_objects(data)) > sample:
        con.execute(f"SET SESSION pandas_analyze_sample = {rows}")
    try:
        yield
    except (
        Error,
        ValueError,
        NotImplementedError,
    ) as error:  # Arrow's own are kinds of the latter two
        if (refused := _unread(con, table, data)) is not None:
            raise refused from error
        raise


def _unread(con: DuckDBPyConnection, table: str, data: object) -> WriteError | None:
    from duckdb import Error  # noqa: PLC0415 - the worker starts without DuckDB

    for name, alone, cast in columns_alone(data):
        with suppress(Error):  # what failed has left a transaction
            con.rollback()
        try:
            con.register(_STREAM, alone)
            con.execute(
                f"SELECT {OWN}max({OWN}hash(COLUMNS(*), "  # noqa: S608 - quoted
                f"CAST(COLUMNS(*) AS VARCHAR))) FROM {quoted(_STREAM)}"
            ).fetchall()
        except (Error, ValueError, NotImplementedError) as error:
            reason = duckdb_message(error).splitlines()[0]
            why = f"column {name!r} is nothing that DuckDB reads: {reason}"
            return WriteError(f"Table {table!r}: {why}", hint=f"Cast it, for example {cast}.")
    return None


def _foreign(table: str, relation: DuckDBPyRelation) -> object:
    try:
        return relation.to_arrow_reader()
    except ImportError as error:
        raise WriteError(
            f"Table {table!r}: this relation belongs to another DuckDB connection.",
            hint="Make it with pond.con.sql(...) instead of duckdb.sql(...).",
        ) from error


def _path(*names: str) -> str:
    return ".".join(map(quoted, ("memory", *names)))
