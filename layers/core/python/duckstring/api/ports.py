"""What the api's use cases need from outside beyond ``duckstring.ports``, and the ports of each use
case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.journal import Chapter
from duckstring.model.as_of import Kept
from duckstring.model.audits import Audit, AuditFilter
from duckstring.model.catalog import RippleSpec
from duckstring.model.compute import FunctionSize
from duckstring.model.iceberg import Database
from duckstring.model.instants import Instant
from duckstring.model.lake import Exported
from duckstring.model.lineage import Lineage
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName
from duckstring.model.said import NOBODY, Said
from duckstring.model.settings import Settings
from duckstring.ports import (
    Arrivals,
    AttemptReader,
    Backlog,
    Catalog,
    Clock,
    ExecutionReader,
    HistoryReader,
    LimitReader,
    Mailbox,
    Operated,
    Removals,
    RestIndex,
    Snapshots,
    StateReader,
)

if TYPE_CHECKING:
    from duckstring.model.answers.runs import RunRow


class Artifacts(Protocol):
    """Uploaded packages."""

    def sha256(self, key: str) -> str | None:
        """The digest (hex) of a stored package. None: there is no such package."""


class Discovery(Protocol):
    """Imports a package where Ripples run, and nowhere else."""

    def discover(self, artifact: str, *, sha256: str, module: str) -> tuple[RippleSpec, ...]:
        """The Ripples that a package declares, in topological order.

        Raises:
            AuthorError: it cannot be imported, or its Ripples do not fit together.
        """


class TableFiles(Protocol):
    """The storage of table versions."""

    def uri(self, key: str) -> str:
        """The ``s3://`` address of a table version."""


class PublishedReader(Protocol):
    """Snapshots that are kept, of the past too."""

    def kept(self, line: Line, *, below: int, most: int) -> Sequence[Kept]:
        """The last ``most`` snapshots of a line with numbers smaller than ``below``, newest
        first.
        """

    def dropped(self, lines: Collection[Line]) -> Mapping[Line, int]:
        """The greatest number of a snapshot that the sweep has deleted, of each line for which that
        is recorded.
        """

    def read_many(
        self, snapshots: Collection[tuple[Line, int]]
    ) -> Mapping[tuple[Line, int], PublishSnapshot]:
        """The manifests of these snapshots, as far as they are kept."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """What the row of an attempt says of what it has read. ``lineage``: None if it does not say, as
    those of releases that did not keep it. ``package``: empty, likewise.
    """

    status: str
    lineage: Lineage | None = None
    package: str = ""
    started: str | None = None
    finished: str | None = None


class LineageReader(Protocol):
    """What attempts have read. Many are read at once; a row that is no longer kept is left out."""

    def attempts(self, names: Collection[AttemptName]) -> Mapping[AttemptName, Attempted]:
        """These attempts."""

    def attempts_of(self, runs: Collection[tuple[Line, int]]) -> Mapping[AttemptName, Attempted]:
        """All attempts of these runs. A request for each run."""

    def runs(self, runs: Collection[tuple[Line, int]]) -> Mapping[tuple[Line, int], RunRow]:
        """The rows of these runs. Long texts in them are cut."""


class JournalReader(Protocol):
    """The journals of lines."""

    def open_chapters(self, lines: Collection[Line]) -> Mapping[Line, Chapter]:
        """The chapter of each line that is still being written, with the line's state. A line that
        never got a letter has none. Read it before the others.
        """

    def before(self, line: Line, at: Instant) -> Chapter | None:
        """The last chapter that was ended at ``at`` or earlier."""

    def following(self, line: Line, chapter: Chapter | None) -> Iterator[Chapter]:
        """The ended chapters that come after one (None: all), the oldest first."""


class LakeReader(Protocol):
    """The lake's catalogs."""

    def latest(self) -> Exported | None:
        """The newest one; None: nothing was ever exported."""


class IcebergReader(Protocol):
    """The databases of Iceberg tables."""

    def all(self) -> Mapping[str, Database]:
        """What is known of them, by name."""


class Audits(Protocol):
    """What is written down of changes that somebody asked for."""

    def record(self, audit: Audit) -> None:
        """Write one down, before the change is made."""

    def refused(self, audit: Audit) -> None:
        """Add to one why nothing was changed."""

    def of_pond(self, pond: str, only: AuditFilter) -> Sequence[Audit]:
        """What was asked of a Pond, newest first."""

    def of_all(self, now: Instant, only: AuditFilter) -> Sequence[Audit]:
        """What was asked of anything, newest first (as far back as 14 months)."""

    def at(self, epochs: Sequence[Instant]) -> Sequence[Audit]:
        """What was asked at exactly these instants."""


class Callers(Protocol):
    """Who sends a request."""

    def who(self, proof: Mapping[str, object], bound_to: str) -> str:
        """The ARN of who has signed a proof that is bound to a request. Empty: it is not known."""


class Repairs(Protocol):
    """Asks the exporters to look at everything."""

    def repair(self) -> None:
        """Ask each of them for an export of all lines, and for a look at what it exported."""


@dataclass(frozen=True, slots=True)
class ApiPorts:
    """What the api needs from outside. ``said``: who asks for the change that is made now."""

    settings: Settings
    catalog: Catalog
    removals: Removals
    arrivals: Arrivals
    backlog: Backlog
    states: StateReader
    rest: RestIndex
    limits: LimitReader
    history: HistoryReader
    snapshots: Snapshots
    published: PublishedReader
    lineage: LineageReader
    journal: JournalReader
    lakes: LakeReader
    iceberg: IcebergReader
    repairs: Repairs
    attempts: AttemptReader
    files: TableFiles
    artifacts: Artifacts
    discovery: Discovery
    executions: ExecutionReader
    mailbox: Mailbox
    clock: Clock
    operated: Operated
    audits: Audits
    callers: Callers
    said: Said = NOBODY


@dataclass(frozen=True, slots=True)
class DeployPorts:
    """What a deploy needs from outside."""

    catalog: Catalog
    removals: Removals
    artifacts: Artifacts
    discovery: Discovery
    states: StateReader
    limits: LimitReader
    attempts: AttemptReader
    mailbox: Mailbox
    clock: Clock
    function: FunctionSize
    operated: Operated


@dataclass(frozen=True, slots=True)
class RemovePorts:
    """What a removal needs from outside."""

    catalog: Catalog
    removals: Removals
    states: StateReader
    mailbox: Mailbox
    clock: Clock


@dataclass(frozen=True, slots=True)
class ControlPorts:
    """What an operator's verb needs from outside. ``said``: who uses it; None: nobody is known."""

    catalog: Catalog
    states: StateReader
    mailbox: Mailbox
    clock: Clock
    said: Said | None = None

    def asked(self) -> Said:
        """Who asks, and when: the epoch of what is asked."""
        return self.said or Said(self.clock.now())


@dataclass(frozen=True, slots=True)
class LimitPorts:
    """What setting a limit needs from outside."""

    catalog: Catalog
    limits: LimitReader
    mailbox: Mailbox
    clock: Clock


@dataclass(frozen=True, slots=True)
class PublishPorts:
    """What publishing an earlier snapshot needs from outside."""

    catalog: Catalog
    states: StateReader
    published: PublishedReader
    mailbox: Mailbox
    clock: Clock


@dataclass(frozen=True, slots=True)
class WhyPorts:
    """What an explanation needs from outside."""

    catalog: Catalog
    removals: Removals
    states: StateReader
    history: HistoryReader
    attempts: AttemptReader
    journal: JournalReader
    limits: LimitReader
    clock: Clock


@dataclass(frozen=True, slots=True)
class RemoveTablePorts:
    """What removing a table needs from outside."""

    catalog: Catalog
    states: StateReader
    history: HistoryReader
    mailbox: Mailbox
    clock: Clock
