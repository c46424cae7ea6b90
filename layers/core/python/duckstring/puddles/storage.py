"""A project's ``puddles/`` folder as the place of tables: what a bucket is in a Catchment."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.author import database
from duckstring.author.leftovers import folder
from duckstring.model.names import (
    Line,
    TableKey,
    checked_location,
    checked_table_key,
    parse_table_key,
    path_of_key,
)
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

VERSIONS = ".versions"
"""In ``puddles/out``: the versions of the Pond's own tables."""


def taken_file(outputs: Path, key: str) -> Path:
    """Where a Source's table stays that a Ripple has taken: its next delta is what changes after
    that.
    """
    _, line, table, file = key.split("/", 3)
    return outputs / VERSIONS / f"{line}.{table}" / file


class NoKeys:
    """A folder needs no credentials."""

    renewed = False
    shared = True

    def settle(self, _home: Path) -> Mapping[str, str | None]:
        """Change nothing in the environment."""
        return {}


class FolderStorage:
    """``AttemptStorage`` over a folder: one database for one attempt."""

    def __init__(
        self, own: Line, *, inputs: Path, outputs: Path, search: Path | None = None
    ) -> None:
        """Where the tables of Sources (``inputs``) and those of the line ``own`` (``outputs``) lie.

        ``search``: the folder that relative file names in SQL start from; otherwise the process's
        own.
        """
        self._own, self._inputs, self._outputs, self._search = own, inputs, outputs, search
        self._opened: DuckDBPyConnection | None = None
        self._con: DuckDBPyConnection | None = None
        self._spill: Path | None = None

    def prepare(self) -> None:
        """Open the database, in a process that has one thread."""
        self._opened = database.opened()

    def settle(self, folder: Path) -> None:
        """In the attempt's process: spill into ``folder``, and use all processors."""
        if self._opened is None:
            self.prepare()
        assert self._opened is not None  # noqa: S101 - it was just opened
        self._con = database.settled(self._opened, folder)
        if self._search is not None:
            self._con.execute(f"SET file_search_path = {literal(str(self._search))}")

    def use(self, con: DuckDBPyConnection) -> None:
        """Use this connection, whose owner closes it."""
        self._con = con

    def requests(self) -> dict[str, int]:
        """Nothing: files cost no requests."""
        return {}

    def grant(self, keys: object) -> None:
        """Nothing here needs credentials."""

    def open(self) -> DuckDBPyConnection:
        """The database. In this process, where no attempt has a process of its own, it is opened
        here.
        """
        if self._con is None:
            self._spill = Path(folder("local"))
            self.settle(self._spill)
        assert self._con is not None  # noqa: S101 - it was just settled
        return self._con

    def uri(self, key: str) -> str:
        """The path of a table version."""
        return str(self.path(key)) if key else f"{self._outputs}/"

    def path(self, key: str) -> Path:
        """The path of a table version, in a folder that is there."""
        parsed = parse_table_key(checked_table_key(key))
        assert parsed is not None  # noqa: S101 - it was just checked
        found = self._place(parsed, key)
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def place(self, location: str) -> str:
        """The folder of a location, which is there."""
        inside = self.path(f"{checked_location(location)}x")
        return f"{inside.parent}/"

    def has_same_bytes(self, one: str, other: str) -> bool:
        """Whether two files have."""
        return filecmp.cmp(one, other, shallow=False)

    def addresses(self) -> Sequence[str]:
        """None: a folder has no outage that another attempt would not meet."""
        return ()

    def close(self) -> None:
        """Give back the database that was opened in this process, and what it has spilled."""
        if self._spill is not None:
            shutil.rmtree(self._spill, ignore_errors=True)
            self._spill = self._con = self._opened = None

    def _place(self, parsed: TableKey, key: str) -> Path:
        if parsed.line == self._own:
            return self._outputs / VERSIONS / path_of_key(key)
        source = parsed.line.partition("@")[0]
        taken = taken_file(self._outputs, key)
        return taken if taken.is_file() else self._inputs / source / f"{parsed.table}.parquet"
