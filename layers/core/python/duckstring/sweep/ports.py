"""What the sweep needs from outside beyond ``duckstring.ports``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from duckstring.model.arrivals import KeptArrival
from duckstring.model.iceberg import Database
from duckstring.model.instants import Instant
from duckstring.model.lake import Exported, Listing
from duckstring.model.names import Line
from duckstring.model.retention import Retention
from duckstring.ports import (
    AttemptReader,
    Backlog,
    Catalog,
    Clock,
    ExecutionReader,
    LimitReader,
    Mailbox,
    Operated,
    Removals,
    StateReader,
)


class KeptBacklog(Backlog, Protocol):
    """The objects that arrived for lines."""

    def drop(self, line: Line, arrivals: Collection[KeptArrival]) -> None:
        """Forget these."""


class GarbageStore(Protocol):
    """Everything stored that ``tidy`` may delete."""

    def claim(self, now: Instant) -> bool:
        """Whether to tidy now: true for one caller every six hours."""

    def manifests(self, line: Line) -> Mapping[int, tuple[Instant, frozenset[str]]]:
        """Each manifest kept of a line: its number, its freshness and the objects that it names."""

    def dropped(self, lines: Collection[Line]) -> Mapping[Line, int]:
        """The greatest number of a manifest that was forgotten, of each line for which that is
        recorded.
        """

    def record_dropped(self, line: Line, number: int) -> None:
        """Record that manifests up to this number were forgotten, or are about to be. A greater
        number that is recorded stays.
        """

    def drop_manifests(self, line: Line, numbers: Collection[int]) -> None:
        """Forget manifests."""

    def memos(self, line: Line, before: Instant) -> Mapping[str, int]:
        """The memos of a line's Ripples that were not read since ``before``: each one's name, and
        the number of its run.
        """

    def drop_memos(self, line: Line, names: Collection[str]) -> None:
        """Delete memos of Ripples."""

    def objects(self, before: Instant) -> Iterator[str]:
        """The keys of all table versions written before an instant."""

    def packages(self, before: Instant) -> Iterator[str]:
        """The keys of all packages uploaded before an instant, a Pond's together."""

    def drop_objects(self, keys: Collection[str]) -> None:
        """Delete objects."""

    def abort_uploads(self, before: Instant) -> int:
        """Abort uploads begun before an instant and never completed; how many."""


class Residence(Protocol):
    """Which state machine the table belongs to."""

    def since(self, now: Instant, *, is_new: bool) -> Instant | None:
        """When the table came to this Catchment, from a copy or from another stack. ``NEVER``: it
        was always here. None: it is being restored just now.

        ``is_new``: it holds no line, so it cannot have been elsewhere.
        """


class RestIndexKeeper(Protocol):
    """The index of lines that are not at rest."""

    def settle(self, now: Instant, *, is_whole: bool) -> None:
        """Note whether each of them is in it, and since when."""


class Lake(Protocol):
    """The catalogs of the lake."""

    @property
    def is_there(self) -> bool:
        """Whether the Catchment has a lake."""

    def latest(self) -> Exported | None:
        """The newest catalog; None: there is none."""

    def listing(self, exported: Exported) -> Listing | None:
        """What a catalog shows and names; None: it is gone."""

    def ask(self, lines: Collection[Line]) -> None:
        """Ask for an export of these lines; of none: of all."""

    def outdated(self, before: Instant) -> Iterator[str]:
        """The keys of catalogs and listings in whose place there was a newer one at an instant."""


class Iceberg(Protocol):
    """The Iceberg tables in Glue."""

    @property
    def is_there(self) -> bool:
        """Whether the Catchment has them."""

    def names(self, lines: Collection[Line]) -> Mapping[Line, str]:
        """What the database of each line is called."""

    def databases(self) -> Collection[Database]:
        """What is known of the databases."""

    def named(self) -> set[str]:
        """The keys of all that their tables name, and of the listings that say so."""

    def ask(self, lines: Collection[Line]) -> None:
        """Ask for an export of these lines; of none: of all."""

    def claim_look(self, now: Instant) -> bool:
        """Whether to look at everything now: true for one caller an hour."""

    def look(self) -> None:
        """Ask for an export of all lines, and for a look at what was exported before."""

    def outdated(self, before: Instant, named: Collection[str]) -> Iterator[str]:
        """The keys of Iceberg's files stored before an instant that are not ``named``."""


class HistoryStore(Protocol):
    """Rows of runs and attempts, to delete."""

    def old_runs(self, line: Line, *, before: Instant, last: int) -> Iterator[int]:
        """The oldest runs, up to number ``last``, as far as each began before an instant."""

    def forget_runs(self, line: Line, numbers: Collection[int]) -> int:
        """Delete the rows of these runs and of their attempts; how many."""


@dataclass(frozen=True, slots=True)
class SweepPorts:
    """What the sweep needs from outside. ``lake_after``: how long the exporters wait for more to
    be published. ``history_kept``: how long; None: for ever.
    ``retention``: of snapshots, where a Pond says nothing.
    """

    catalog: Catalog
    removals: Removals
    states: StateReader
    rest: RestIndexKeeper
    limits: LimitReader
    executions: ExecutionReader
    attempts: AttemptReader
    garbage: GarbageStore
    residence: Residence
    history: HistoryStore
    operated: Operated
    backlog: KeptBacklog
    lake: Lake
    iceberg: Iceberg
    lake_after: timedelta
    history_kept: timedelta | None
    retention: Retention
    mailbox: Mailbox
    clock: Clock
