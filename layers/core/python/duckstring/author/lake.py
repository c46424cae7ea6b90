"""The DuckDB of one attempt: views over table versions, and the writing of new ones. It knows
addresses, but not AWS.

Nothing is read before it is needed. A view costs a HEAD and a GET of the Parquet footer. DuckDB
keeps the footer, so a later query pays for the data alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from secrets import token_hex
from threading import Lock, RLock
from typing import TYPE_CHECKING, NamedTuple, Protocol

from duckstring.author import delta as deltas
from duckstring.author import outages, refusals, stored
from duckstring.author.columns import OWN, column_types, duckdb_message
from duckstring.author.contents import CHANGE, Content, content_of, content_of_parts
from duckstring.author.contract import Published
from duckstring.author.database import SMALL, uncached
from duckstring.author.errors import WriteError
from duckstring.author.fingerprint import OF_ANY_TYPE, row_hashes
from duckstring.author.identity import identified, measured
from duckstring.author.incoming import reading, registered, selected
from duckstring.author.naming import TableRef
from duckstring.author.used import views_used
from duckstring.author.writing import Writing, check_reserved, prepare
from duckstring.errors import TransientError
from duckstring.model.catalog import TableVersion
from duckstring.model.sql import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_NO_SCHEMAS = frozenset({"memory", "temp", "system", "information_schema", "pg_catalog"})
"""Names that DuckDB keeps for itself: tables of a Source called so are read by ``read_table``
only.
"""

BARE = "~bare"
"""The schema of views of Sources' tables by their names alone. It stands behind ``main`` in the
search path: whatever the Pond or its author has under such a name comes first.
"""

_INCOMING = "~incoming"
_LONGEST_RELATION = 20_000
"""Of its SQL. A relation that is made of hundreds, one of the other, takes seconds to look through;
what is cut is no SQL.
"""
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

    def place(self, location: str) -> str:
        """The address of a location (``names.location_of_key``), where other engines write. It
        ends in ``/``.
        """

    def has_same_bytes(self, one: str, other: str) -> bool:
        """Whether it says that two objects that this database has opened have the same bytes.
        False: it says nothing, or they have others.
        """

    def addresses(self) -> Sequence[str]:
        """The beginnings by which DuckDB's errors call what lies here."""

    def close(self) -> None:
        """Remove what an open database left on disk."""


class Copied(NamedTuple):
    """What a file has."""

    rows: int
    bytes: int


class Lake:
    """Table versions as views of one DuckDB connection."""

    def __init__(self, storage: Storage) -> None:
        """Nothing is opened yet."""
        self._storage = storage
        self._con: DuckDBPyConnection | None = None
        self._views: dict[TableRef, str] = {}
        self._keys: set[str] = set()
        self._offers = False
        self.used: dict[TableRef, str] = {}
        """The views that were read by SQL, as far as it is known, and the keys of their tables."""
        self.used_more = False
        """Whether SQL was used of which that is not known."""
        # Threads of the author's share the connection, and the view that a COPY reads.
        self.one_writes = RLock()
        # A sum changes a setting of the database, and sets it back.
        self._one_sums = Lock()

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
        missing = [
            (ref, version)
            for ref, version in tables.items()
            if ref[0] not in _NO_SCHEMAS and self._views.get(ref) != version.key
        ]
        for schema in sorted({ref[0] for ref, _ in missing}):
            with self.con.cursor() as cursor:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_path(schema)}")
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool, self.classified_errors():
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
        with self.classified_errors():
            return self.con.sql(self._select(self.con, version))

    def delta(self, ref: str, found: deltas.Plan) -> DuckDBPyRelation:
        """A lazy relation over what changed in a table.

        Raises:
            WriteError: it has a column of the name that changes use.
        """
        version = found.version
        with self.classified_errors():
            columns = stored.stored_columns(self.con, content_of(version, self.uri))
            check_reserved(ref, tuple(columns), CHANGE)
            parts = version.live if found.news is None else found.news
            if version.parts and parts:
                self.check_counts(self.con, ref, content_of_parts(version, parts, self.uri))
            return self.con.sql(deltas.select(self.con, found, self.uri))

    def is_comparable(self, found: deltas.Plan) -> bool:
        """Whether the version that was taken last is still there, with the same columns."""
        from duckdb import IOException  # noqa: PLC0415 - the worker starts without DuckDB

        try:
            # Its key is not asked for by ``uri``: where it is gone, that is no outage.
            return deltas.is_comparable(self.con, found, self._storage.uri)
        except IOException as error:
            if (outage := self.outage(error)) is not None:
                raise outage from error
            return False

    def write(
        self,
        table: str,
        data: object,
        *,
        key: str,
        published: TableVersion | None = None,
        reserved: str = "",
        is_measured: bool = False,
    ) -> TableVersion:
        """Store ``data`` as Parquet, without holding it in memory.

        What is compared with ``published`` is the stored file: the relation might not give the same
        rows twice. ``reserved``: a name that no column may have. ``is_measured``: the version has
        the fingerprint of its rows, whatever is published.

        Raises:
            WriteError: it cannot be kept as it is. Nothing was stored.
            ContractError: ``published`` would not be kept to. Nothing was stored.
        """
        with self.relation(table, data) as (con, relation):
            self.check_functions(table)
            check_reserved(table, relation.columns, reserved)
            before = self.published(published) if published else None
            writing = prepare(table, relation, before)
            copied = self.copy(con, writing, relation, self.uri(key))
        made = TableVersion(table, key, copied.rows, copied.bytes, "")
        if is_measured:
            return measured(self, made, writing.columns)
        return identified(self, made, writing.columns, published, before)

    def summed(self, rows: str, *, size: int | None = None) -> tuple[int, int]:
        """How many rows a SELECT gives, as they lie in files, and the sum of their hashes.
        ``size``: the files' bytes, if they are known.
        """
        with (
            self._one_sums,
            self.classified_errors(),
            self.con.cursor() as cursor,
            nullcontext() if size is not None and size < SMALL else uncached(cursor),
        ):
            hashes = row_hashes(column_types(cursor.sql(rows)))
            found = cursor.execute(f"SELECT {OWN}count(*), {hashes} FROM ({rows})").fetchone()  # noqa: S608 - quoted
        return found or (0, 0)

    def has_same_bytes(self, one: str, other: str) -> bool:
        """Whether two objects that were opened have the same bytes, as far as the storage says."""
        return self._storage.has_same_bytes(one, other)

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
        if not outages.has_descriptors():
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

    def check_functions(self, table: str) -> None:
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

    def published(self, version: TableVersion) -> Published:
        """The columns of a version as they were written."""
        with self.classified_errors():
            return stored.published(self.con, content_of(version, self.uri))

    def copy(
        self, con: DuckDBPyConnection, writing: Writing, relation: DuckDBPyRelation, uri: str
    ) -> Copied:
        """Write a relation to a file."""
        from duckdb import FatalException  # noqa: PLC0415 - the worker starts without DuckDB

        # As a view of this connection alone: a lasting one would need a schema of the author's that
        # can be written to.
        relation.query(_INCOMING, f"FROM {quoted(_INCOMING)} LIMIT 0")
        incoming = f"temp.main.{quoted(_INCOMING)}"
        try:
            with self.classified_errors(), writing.refusals():
                return self.copy_sql(
                    con,
                    f"SELECT {', '.join(writing.items)} FROM {incoming}",  # noqa: S608 - quoted
                    uri,
                    note=writing.note,
                )
        finally:
            with suppress(FatalException):  # of a database that has ended; why, is on its way
                con.execute(f"DROP VIEW IF EXISTS {incoming}")

    def copy_sql(self, con: DuckDBPyConnection, sql: str, uri: str, *, note: str) -> Copied:
        """Write the rows of a SELECT to a file, as they are. ``note``: what the file says of
        itself.
        """
        stats = con.execute(
            f"COPY ({sql}) TO {literal(uri)} "
            f"(FORMAT parquet, COMPRESSION zstd, RETURN_STATS, {note})"
        ).fetchone()
        assert stats is not None  # noqa: S101 - a COPY with RETURN_STATS gives a row for its file
        return Copied(int(stats[1]), int(stats[2]))

    @contextmanager
    def relation(
        self, table: str, data: object
    ) -> Iterator[tuple[DuckDBPyConnection, DuckDBPyRelation]]:
        """The rows as a relation, and the connection that it belongs to."""
        from duckdb import DuckDBPyRelation  # noqa: PLC0415 - the worker starts without DuckDB

        match data:
            case str():
                with self.one_writes:
                    relation = selected(table, self.con.sql(data))
                    self._note_used(data)
                    yield self.con, relation
            case DuckDBPyRelation() if self._is_ours(data):
                with self.one_writes:
                    self._note_used(data)
                    yield self.con, data
            case _:
                # What comes as a stream is copied by a connection of its own: the author's may be
                # busy making the stream.
                with self.con.cursor() as other, reading(other, table, data):
                    yield other, registered(other, table, data)

    def _note_used(self, data: str | DuckDBPyRelation) -> None:
        """Note what SQL reads. Nothing depends on it: what cannot be found out is not known."""
        try:
            sql = data if isinstance(data, str) else data.sql_query()[:_LONGEST_RELATION]
            found = views_used(self.con, sql, self._views)
        except Exception:  # noqa: BLE001 - whatever DuckDB does not like
            self.used_more = True
            return
        self.used_more = self.used_more or not found.is_all
        for ref in found.refs:
            self.used.setdefault(ref, self._views[ref])

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

    def _show(self, view: tuple[TableRef, TableVersion]) -> None:
        from duckdb import CatalogException  # noqa: PLC0415 - the worker starts without DuckDB

        ref, version = view
        with self.con.cursor() as cursor:
            select = self._select(cursor, version)
            # Where the author has a table of this name it stays: read_table needs no view.
            with suppress(CatalogException):
                cursor.execute(f"CREATE OR REPLACE VIEW {_path(*ref)} AS {select}")
        self._views[ref] = version.key

    def _select(self, con: DuckDBPyConnection, version: TableVersion) -> str:
        content = content_of(version, self.uri)
        if version.parts:
            self.check_counts(con, version.table, content)
        return stored.select(con, content)

    def check_counts(self, con: DuckDBPyConnection, table: str, content: Content) -> None:
        """Refuse to read a table of which the storage gives other rows than were written.

        Raises:
            TransientError: it does. The attempt is made again.
        """
        if wrong := stored.miscounted(con, content):
            raise TransientError(
                f"The storage gives other rows of table {table!r} than were written: {wrong}.",
                hint="The attempt is made again.",
            )

    def place(self, location: str) -> str:
        """The address of a location."""
        return self._storage.place(location)

    def uri(self, key: str) -> str:
        """The address of an object of the Catchment."""
        self._keys.add(key)
        return self._storage.uri(key)

    @contextmanager
    def classified_errors(self) -> Iterator[None]:
        """The Catchment's storage failing is not the author's fault; any other address failing
        is.
        """
        try:
            yield
        except Exception as error:
            if (outage := self.outage(error)) is not None:
                raise outage from error
            raise


def _path(*names: str) -> str:
    return ".".join(map(quoted, ("memory", *names)))
