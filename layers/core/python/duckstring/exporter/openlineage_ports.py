"""What telling of lineage needs from outside: one Protocol each, and where the Catchment is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from duckstring.author.columns import ColumnTypes
from duckstring.errors import OperatorError, TransientError
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line
from duckstring.ports import Snapshots

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow, RunRow

Event = Mapping[str, object]
"""One event of OpenLineage, as JSON has it."""


class UnreachableError(TransientError):
    """The receiver does not answer, or takes nothing now: the same event may be taken later."""


class RefusedError(OperatorError):
    """The receiver does not take an event, or not from us."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Catchment is: the namespace of its jobs, and the bucket of its tables."""

    namespace: str
    bucket: str


class Past(Protocol):
    """Rows of history."""

    def run(self, line: Line, number: int) -> RunRow | None:
        """One run."""

    def attempts(self, line: Line, number: int) -> Sequence[AttemptRow]:
        """The attempts of one run."""


class Schemas(Protocol):
    """The columns of published tables."""

    def columns(self, versions: Sequence[TableVersion]) -> Sequence[ColumnTypes | Exception]:
        """Those of each table, or why they cannot be read."""


class Receiver(Protocol):
    """Whoever keeps the lineage."""

    def post(self, event: Event) -> None:
        """Give it one event. An event that it has already is no harm.

        Raises:
            UnreachableError: it does not answer, or cannot take anything now.
            RefusedError: it does not take this event.
        """


@dataclass(frozen=True, slots=True)
class OpenLineagePorts:
    """Whom telling of lineage works with, and where the Catchment is."""

    past: Past
    snapshots: Snapshots
    schemas: Schemas
    receiver: Receiver
    place: Place
