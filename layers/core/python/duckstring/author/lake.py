"""One attempt's DuckDB: views over table versions, and the writing of new ones. It knows no AWS, only addresses.

Nothing is read before it is asked for. A view costs a HEAD and a GET of the Parquet footer; DuckDB keeps the footer, so
that the query behind it pays for the data alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from duckstring.author.errors import ContractError, WriteError
from duckstring.errors import TransientError
from duckstring.model.catalog import TableVersion

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_NO_SCHEMAS = frozenset({"memory", "temp", "system", "information_schema", "pg_catalog"})
"""Names that DuckDB keeps for itself: tables of a Source called so are read by ``read_table`` only."""

_INCOMING = "~incoming"
_STREAM = "~stream"
_AT_ONCE = 8

Columns = Mapping[str, str]
TableRef = tuple[str, str]
"""(schema, table): the schema is a Source's name, or ``main`` for the Pond's own tables."""


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

    def close(self) -> None:
        """Remove what an open database left on disk."""


class Lake:
    """Table versions as views of one DuckDB connection."""

    def __init__(self, storage: Storage) -> None:
        """Nothing is opened yet."""
        self._storage = storage
        self._con: DuckDBPyConnection | None = None
        self._views: dict[TableRef, str] = {}

    @property
    def con(self) -> DuckDBPyConnection:
        """The connection, opened at first use."""
        if self._con is None:
            self._con = self._storage.open()
        return self._con

    def close(self) -> None:
        """Give back memory and disk. A query that a thread of the author left behind is ended: DuckDB would wait for it."""
        if self._con is not None:
            self._con.interrupt()
            self._con.close()
            self._storage.close()

    def interrupt(self) -> None:
        """End the query that runs; none does, nothing happens."""
        if self._con is not None:
            self._con.interrupt()

    def show(self, tables: Mapping[TableRef, TableVersion]) -> None:
        """Make views of all tables, several at a time: each waits for two requests and little else."""
        wanted = {ref: version.key for ref, version in tables.items() if ref[0] not in _NO_SCHEMAS}
        missing = [(ref, key) for ref, key in wanted.items() if self._views.get(ref) != key]
        for schema in sorted({ref[0] for ref, _ in missing}):
            self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {_path(schema)}")
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool, self._told_apart():
            list(pool.map(self._show, missing))

    def read(self, ref: TableRef, version: TableVersion) -> DuckDBPyRelation:
        """A lazy relation over one table version."""
        if ref[0] in _NO_SCHEMAS:
            with self._told_apart():
                return self.con.sql(f"FROM {self._scan(version.key)}")
        self.show({ref: version})
        return self.con.sql(f"FROM {_path(*ref)}")

    def columns(self, version: TableVersion) -> Columns:
        """Names and types as stored."""
        with self._told_apart():
            return _columns(self.con.sql(f"FROM {self._scan(version.key)}"))

    def write(self, table: str, data: object, *, key: str) -> TableVersion:
        """Store ``data`` as Parquet and measure what was stored, without holding it in memory.

        The fingerprint is taken from the stored file: the relation might not give the same rows twice.
        """
        with self._relation(table, data) as (con, relation):
            size = self._copy(con, table, relation, key)
        with self._told_apart():
            stored = self.con.sql(f"FROM {self._scan(key)}")
            found = self.con.execute(f"SELECT count(*), coalesce(sum(hash(*COLUMNS(*))), 0) FROM {self._scan(key)}").fetchone()  # noqa: S608 - our own key, quoted
        rows, total = found or (0, 0)
        return TableVersion(table, key, rows, size, _fingerprint(_columns(stored), rows, total))

    def _copy(self, con: DuckDBPyConnection, table: str, relation: DuckDBPyRelation, key: str) -> int:
        """Write the file; its size in bytes. DuckDB's 128-bit sums would be stored as DOUBLE: keep them exact."""
        wide = [name for name, kind in _columns(relation).items() if kind in {"HUGEINT", "UHUGEINT"}]
        casts = ", ".join(f"CAST({_name(column)} AS DECIMAL(38, 0)) AS {_name(column)}" for column in wide)
        relation.create_view(_INCOMING, replace=True)
        try:
            with self._told_apart():
                statement = f"COPY (SELECT * {f'REPLACE ({casts})' if casts else ''} FROM {_name(_INCOMING)})"  # noqa: S608 - quoted names
                stats = con.execute(
                    f"{statement} TO {_text(self._storage.uri(key))} (FORMAT parquet, COMPRESSION zstd, RETURN_STATS)"
                ).fetchone()
        finally:
            con.execute(f"DROP VIEW IF EXISTS {_name(_INCOMING)}")
        if stats is None:
            raise WriteError(f"Table {table!r}: DuckDB wrote no file.")
        return int(stats[2])

    @contextmanager
    def _relation(self, table: str, data: object) -> Iterator[tuple[DuckDBPyConnection, DuckDBPyRelation]]:
        """The rows as a relation, and the connection that it belongs to."""
        from duckdb import DuckDBPyRelation, InvalidInputException  # noqa: PLC0415 - the worker starts without DuckDB

        # What comes as a stream is copied by a connection of its own: the author's may be busy making the stream.
        with self.con.cursor() as other:
            try:
                match data:
                    case str():
                        yield self.con, _select(table, self.con.sql(data))
                        return
                    case DuckDBPyRelation() if self._is_ours(data):
                        yield self.con, data
                        return
                    case DuckDBPyRelation():
                        other.register(_STREAM, _foreign(table, data))
                    case _:
                        other.register(_STREAM, data)
                yield other, other.sql(f"FROM {_name(_STREAM)}")
            except InvalidInputException as error:
                if "not suitable" not in str(error) and "Python Object" not in str(error):
                    raise
                raise WriteError(
                    f"Table {table!r}: {type(data).__name__} is nothing that can be written as a table.",
                    hint="Write a relation (pond.con.sql(...)), an Arrow table, a pandas or polars frame, or SQL text.",
                ) from error

    def _is_ours(self, relation: DuckDBPyRelation) -> bool:
        """A relation of another connection is refused by ours."""
        from duckdb import InvalidInputException  # noqa: PLC0415 - the worker starts without DuckDB

        duckstring_relation = relation
        try:
            self.con.sql("FROM duckstring_relation")
        except InvalidInputException:
            return False
        return duckstring_relation is not None

    def _show(self, view: tuple[TableRef, str]) -> None:
        ref, key = view
        with self.con.cursor() as cursor:
            cursor.execute(f"CREATE OR REPLACE VIEW {_path(*ref)} AS FROM {self._scan(key)}")
        self._views[ref] = key

    def _scan(self, key: str) -> str:
        return f"read_parquet({_text(self._storage.uri(key))})"

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        """The Catchment's storage failing is not the author's fault; any other address failing is."""
        from duckdb import IOException  # noqa: PLC0415 - the worker starts without DuckDB

        try:
            yield
        except IOException as error:
            if self._storage.uri("") in str(error):
                raise TransientError(f"The Catchment's storage did not answer: {error}", hint="The attempt can be made again.") from error
            raise


def check_contract(table: str, published: Columns, written: Columns) -> None:
    """A published schema may only grow.

    Raises:
        ContractError: a column was dropped or its type changed.
    """
    breaches = [
        f"column {name!r} is dropped (it was {kind})" if name not in written else f"column {name!r} was {kind} and would be {written[name]}"
        for name, kind in published.items()
        if written.get(name) != kind
    ]
    if breaches:
        raise ContractError(table, breaches)


def _select(table: str, relation: DuckDBPyRelation | None) -> DuckDBPyRelation:
    """What DuckDB makes of the author's SQL: nothing, where it is a statement without rows."""
    if relation is None:
        raise WriteError(f"Table {table!r}: that SQL gives no rows.", hint="Write the text of a SELECT.")
    return relation


def _foreign(table: str, relation: DuckDBPyRelation) -> object:
    try:
        return relation.to_arrow_reader()
    except ImportError as error:
        raise WriteError(
            f"Table {table!r}: this relation belongs to another DuckDB connection.",
            hint="Make it with pond.con.sql(...) instead of duckdb.sql(...).",
        ) from error


def _columns(relation: DuckDBPyRelation) -> dict[str, str]:
    return dict(zip(relation.columns, map(str, relation.types), strict=True))


def _fingerprint(columns: Columns, rows: int, total: int) -> str:
    """A sum of row hashes: rows count as often as they occur, and in any order."""
    schema = ",".join(f"{name} {kind}" for name, kind in columns.items())
    return sha256(f"{schema};{rows};{total}".encode()).hexdigest()[:32]


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _path(*names: str) -> str:
    return ".".join(map(_name, ("memory", *names)))


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
