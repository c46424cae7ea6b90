"""What the export to Iceberg needs from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from duckstring.exporter.fitting import IcebergColumn
from duckstring.exporter.footers import FileStatistics
from duckstring.exporter.ports import Tables
from duckstring.model.catalog import TableVersion
from duckstring.model.iceberg import Database, Listed, Listing
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.ports import Catalog, Clock, StateReader


@dataclass(frozen=True, slots=True)
class GlueTable:
    """A table that Glue has. ``line`` and ``digest``: what it says that it shows. ``owner``: the
    Catchment that it says it is of, if it is not ours.
    """

    metadata: str
    is_ours: bool
    line: str = ""
    digest: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class RowFile:
    """A Parquet object with rows of a table, and what it says of its columns."""

    key: str
    rows: int
    bytes: int
    statistics: FileStatistics = field(default_factory=FileStatistics)


@dataclass(frozen=True, slots=True)
class Copy:
    """A Parquet file that was written here."""

    rows: int
    statistics: FileStatistics


@dataclass(frozen=True, slots=True)
class Content:
    """What a table shows. ``properties`` of the table, ``summary`` of this version."""

    columns: Sequence[IcebergColumn]
    files: Sequence[RowFile]
    properties: Mapping[str, str] = field(default_factory=dict)
    summary: Mapping[str, str] = field(default_factory=dict)


class DatabaseStore(Protocol):
    """What is known of the databases."""

    def all(self) -> Mapping[str, Database]:
        """All of them, by name."""

    def read(self, name: str) -> Database | None:
        """One as it is now. None: nothing is known of it."""

    def listing(self, database: Database) -> Listing | None:
        """What its tables name. None: that is gone."""

    def keep(self, database: Database, listing: Listing, *, over: Database | None) -> bool:
        """Store it in the place of ``over``. False: that is not what is stored any more."""

    def forget(self, database: Database) -> bool:
        """Delete it. False: it is not what is stored any more."""


class Warehouse(Protocol):
    """Glue, and the Iceberg tables in it. ``over`` is the address of the metadata that a table is
    known to have: if it has another by now, nothing is changed.
    """

    def tables(self, database: str) -> Mapping[str, GlueTable] | None:
        """The tables of a database. None: there is no such database.

        Raises:
            OperatorError: the database is somebody else's.
        """

    def is_damaged(self, held: Listed) -> bool:
        """Whether objects are gone that a table's newest version needs, of Iceberg's own."""

    def create(self, database: str) -> None:
        """Make a database, if it is not there."""

    def put(
        self,
        database: str,
        name: str,
        content: Content,
        *,
        over: str | None,
        held: Listed | None,
        before: Instant,
    ) -> Listed:
        """Have a table show this, and forget the versions that were replaced ``before``. ``over``
        None: it is made. ``held``: what it was known to name.

        Raises:
            StateConflictError: it was changed meanwhile.
            OperatorError: Glue or Iceberg cannot have it so.
        """

    def expire(self, database: str, name: str, held: Listed, before: Instant) -> Listed:
        """Forget the versions in whose place there was a newer one already at an instant.

        Raises:
            StateConflictError: it was changed meanwhile.
        """

    def drop(self, database: str, name: str) -> None:
        """Take a table out of Glue, if it is ours."""

    def remove(self, database: str) -> None:
        """Delete a database that has no tables, if it is ours."""

    def store(self, path: Path, key: str) -> None:
        """Upload a copy."""


class IcebergTables(Tables, Protocol):
    """The published tables, as DuckDB reads them."""

    def miscounted(self, versions: Sequence[TableVersion]) -> Sequence[str]:
        """What is wrong with the numbers of rows of each; empty: nothing."""

    def statistics(self, version: TableVersion, columns: Sequence[str]) -> Sequence[FileStatistics]:
        """What a table's objects say of these columns: each of its live parts, in their order."""

    def copy(self, sql: str, path: Path, columns: Sequence[str]) -> Copy:
        """Write rows to a Parquet file, and see what it says of these columns."""


@dataclass(frozen=True, slots=True)
class IcebergPorts:
    """What the export to Iceberg needs from outside. ``catchment``: its name; ``scratch``: a
    folder for copies.
    """

    catalog: Catalog
    states: StateReader
    databases: DatabaseStore
    warehouse: Warehouse
    tables: IcebergTables
    clock: Clock
    catchment: str
    scratch: Path


Targets = Mapping[str, Line | None]
"""Databases, and the line that each has to show. None: it shows nothing any more."""
