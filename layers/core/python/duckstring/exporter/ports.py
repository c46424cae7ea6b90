"""What the exporter needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from duckstring.author.columns import ColumnTypes
from duckstring.model.catalog import TableVersion
from duckstring.model.lake import Exported, Listing
from duckstring.ports import Catalog, Clock, StateReader

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class LakeStore(Protocol):
    """The catalogs of the lake that are kept."""

    def latest(self) -> Exported | None:
        """The newest one; None: nothing was ever exported."""

    def fetch(self, exported: Exported, path: Path) -> bool:
        """Write a catalog to a file. False: it is gone."""

    def keep(self, exported: Exported, path: Path, listing: Listing) -> None:
        """Store a catalog and its listing."""

    def commit(self, exported: Exported, *, over: Exported | None) -> bool:
        """Make it the newest one, in the place of ``over``. False: that is not the newest one any
        more.
        """

    def show(self, exported: Exported) -> None:
        """Copy it to the address that does not change, if a newer one is not there."""


class Tables(Protocol):
    """The published tables, as DuckDB reads them."""

    def connect(self) -> DuckDBPyConnection:
        """A new database in memory."""

    def columns(self, versions: Sequence[TableVersion]) -> Sequence[ColumnTypes | Exception]:
        """The columns of each as they lie in its objects, or why they cannot be read."""

    def sql(self, version: TableVersion, columns: ColumnTypes) -> str:
        """A SELECT of a table's rows."""


@dataclass(frozen=True, slots=True)
class ExporterPorts:
    """What the exporter needs from outside. ``bucket``: where all objects lie; ``scratch``: a
    folder for files.
    """

    catalog: Catalog
    states: StateReader
    lakes: LakeStore
    tables: Tables
    clock: Clock
    bucket: str
    scratch: Path
