"""The published tables, as the exporter reads them: ``exporter.ports.Tables``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.adapters.aws.duck import Keys, S3Storage
from duckstring.author import stored
from duckstring.author.columns import ColumnTypes
from duckstring.author.contents import content_of, rows_of
from duckstring.exporter.footers import FileStatistics, read_statistics
from duckstring.exporter.iceberg_ports import Copy
from duckstring.model.catalog import TableVersion
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_AT_ONCE = 16


class BucketTables:
    """``exporter.ports.Tables``."""

    def __init__(self, storage: S3Storage, keys: Callable[[], Keys], scratch: Path) -> None:
        """Read with these ``keys``, as they are at each use."""
        self._storage, self._keys = storage, keys
        storage.settle(scratch)

    def connect(self) -> DuckDBPyConnection:
        """A new database in memory."""
        import duckdb  # noqa: PLC0415 - its own start is most of the function's

        con = duckdb.connect()
        con.execute("SET TimeZone = 'UTC'")
        return con

    def columns(self, versions: Sequence[TableVersion]) -> Sequence[ColumnTypes | Exception]:
        """A HEAD and a GET of the end of each table's newest object, several at a time."""
        if not versions:
            return []
        self._storage.grant(self._keys())
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._columns, versions))

    def sql(self, version: TableVersion, columns: ColumnTypes) -> str:
        """A SELECT of a table's rows, as they lie in its objects."""
        content = content_of(version, self._storage.uri)
        return f"SELECT * FROM ({rows_of(content, columns)})"  # noqa: S608 - quoted

    def miscounted(self, versions: Sequence[TableVersion]) -> Sequence[str]:
        """A HEAD and a GET of the end of each object."""
        if not versions:
            return []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._miscounted, versions))

    def statistics(self, version: TableVersion, columns: Sequence[str]) -> Sequence[FileStatistics]:
        """No request: DuckDB has kept the end of each object, whose rows were counted."""
        content = content_of(version, self._storage.uri)
        with self._storage.open().cursor() as cursor:
            return [read_statistics(cursor, one.uri, columns) for one in content.objects]

    def copy(self, sql: str, path: Path, columns: Sequence[str]) -> Copy:
        """Write rows to a Parquet file, and see what it says of these columns."""
        with self._storage.open().cursor() as cursor:
            done = cursor.execute(
                f"COPY ({sql}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
            ).fetchone()
            return Copy(
                int(done[0]) if done is not None else 0,
                read_statistics(cursor, str(path), columns),
            )

    def _miscounted(self, version: TableVersion) -> str:
        try:
            with self._storage.open().cursor() as cursor:
                return stored.miscounted(cursor, content_of(version, self._storage.uri))
        except Exception as error:  # noqa: BLE001 - an author's object may hold anything
            return f"{type(error).__name__}: {error}"

    def _columns(self, version: TableVersion) -> ColumnTypes | Exception:
        try:
            with self._storage.open().cursor() as cursor:
                return stored.stored_columns(cursor, content_of(version, self._storage.uri))
        except Exception as error:  # noqa: BLE001 - an author's object may hold anything
            return error
