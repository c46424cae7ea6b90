"""``duckstring.connect``: the published tables of a Catchment, for notebooks and scripts.

The connection itself is part of the command, which is not installed where Ripples run. It is loaded
by name, when somebody connects.
"""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, Self, cast

from duckstring.errors import OperatorError
from duckstring.model.instants import Instant

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_HOME = "duckstring_cli.notebook"


class Connection(Protocol):
    """A DuckDB over all Ponds of a Catchment: a schema for each Pond, read only."""

    @property
    def con(self) -> DuckDBPyConnection:
        """DuckDB's own connection, with the views that were needed so far. Frames that you
        ``register`` here can be joined. It reads no files.
        """

    @property
    def f(self) -> Instant | None:
        """With ``consistent`` or ``at``: the freshness of what was read last."""

    def sql(self, query: str) -> DuckDBPyRelation:
        """The rows of one SELECT, lazily: ``ponds.sql("FROM sales.orders").df()``.

        A Pond keeps the snapshot that it had when it was first named, until ``refresh``.

        Raises:
            OperatorError: it is not one SELECT, names what does not exist, or cannot be read.
        """

    def tables(self, pond: str | None = None) -> list[str]:
        """The names of all tables, or of those of a Pond, as ``sql`` takes them.

        Raises:
            OperatorError: there is no such Pond, or the Catchment refuses.
        """

    def refresh(self) -> None:
        """Take the snapshots that are published by now, from the next query on."""

    def close(self) -> None:
        """Close the connection, and everything that reads by it."""

    def __enter__(self) -> Self:
        """The connection, which is closed at the end of the block."""

    def __exit__(self, *_: object) -> None:
        """Close it."""


def connect(
    catchment: str | None = None,
    *,
    consistent: bool = False,
    at: datetime | str | None = None,
) -> Connection:
    """Read the published tables of a Catchment with SQL, in a notebook or a script.

    ``duckstring.connect("prod").sql("FROM sales.orders")``. It uses the credentials of the
    ``duckstring`` command, and needs the same rights as ``duckstring sql``.

    Args:
        catchment: a Catchment that the command knows; otherwise the default one.
        consistent: read all Ponds as of the newest freshness that they share.
        at: read what was current at this instant, which has a time zone.

    Raises:
        OperatorError: the Catchment cannot be reached, or this is not a place with the command.
    """
    try:
        module = import_module(_HOME)
    except ModuleNotFoundError as error:
        raise OperatorError(
            "duckstring.connect needs the duckstring command, which is not installed here.",
            hint="A Ripple reads its Sources: pond.read_table(...). Elsewhere: pip install "
            "duckstring-aws",
        ) from error
    return cast("Connection", module.connect(catchment, consistent=consistent, at=at))
