"""The connection of ``duckstring.connect``. What it promises is in ``author/connecting.py``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.sql import quoted
from duckstring_cli import catchments
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError
from duckstring_cli.lake import Lake

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation


class Ponds:
    """``author.connecting.Connection``."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    @property
    def con(self) -> DuckDBPyConnection:
        """DuckDB's own connection."""
        return self._lake.con

    @property
    def f(self) -> Instant | None:
        """The freshness of what was read last, if one was asked for."""
        return from_text(self._lake.f) if self._lake.f else None

    def sql(self, query: str) -> DuckDBPyRelation:
        """The rows of one SELECT."""
        return self._lake.ask(query)

    def tables(self, pond: str | None = None) -> list[str]:
        """The names of all tables, or of those of a Pond."""
        return [
            f"{_part(one['schema'])}.{_part(row['table'])}"
            for one in self._lake.snapshots(pond)
            for row in one["tables"]
        ]

    def refresh(self) -> None:
        """Take the snapshots that are published by now."""
        self._lake.refresh()

    def close(self) -> None:
        """Close the connection."""
        self._lake.close()

    def __enter__(self) -> Self:
        """The connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def connect(catchment: str | None, *, consistent: bool, at: datetime | str | None) -> Ponds:
    """Open a connection.

    Raises:
        BadInputError: ``at`` is not an instant with a time zone, or is given with ``consistent``.
        OperatorError: the Catchment cannot be reached.
    """
    if consistent and at is not None:
        raise BadInputError("Give consistent or at, not both.")
    client = Client(catchments.find(catchment))
    return Ponds(Lake(client, consistent=consistent, at=_instant(at)))


def _instant(at: datetime | str | None) -> str | None:
    if at is None:
        return None
    if isinstance(at, str):
        try:
            return to_text(from_text(at))
        except ValueError as error:
            raise BadInputError(f"at: {error}.") from error
    if at.tzinfo is None:
        raise BadInputError(
            f"at: {at} has no time zone.", hint="For example: at=datetime.now(UTC) - timedelta(1)"
        )
    return to_text(at.astimezone(UTC))


def _part(name: str) -> str:
    return name if name.isidentifier() and name.islower() else quoted(name)
