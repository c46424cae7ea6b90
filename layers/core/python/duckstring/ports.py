"""What the product needs from outside: one Protocol each. ``adapters/aws`` and ``testing/fakes.py``
implement them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from duckstring.engine.effects import (
    PublishSnapshot,
)
from duckstring.engine.letters import Letter
from duckstring.engine.limits import LimitState
from duckstring.engine.state import PondState
from duckstring.model.arrivals import Arrival, KeptArrival
from duckstring.model.askers import matches
from duckstring.model.catalog import Release, Removal
from duckstring.model.compute import Place
from duckstring.model.costs import Used
from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.names import Line
from duckstring.model.said import NO_HOLD, Hold
from duckstring.model.statuses import Unrest
from duckstring.model.tags import Tags

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow, RunRow

Mark = tuple[int, str]
"""(sent in epoch milliseconds, sequence number) of the last letter that a line consumed."""


class Clock(Protocol):
    """The time."""

    def now(self) -> Instant:
        """This instant, UTC."""

    def wait(self, duration: timedelta) -> None:
        """Let ``duration`` pass."""


class Mailbox(Protocol):
    """Letters to lines and limits, in order for each of them."""

    def send(self, letters: Sequence[Letter]) -> Sequence[str]:
        """Post all letters, at least once each. Returns their sequence numbers."""


class Snapshots(Protocol):
    """Published manifests."""

    def read(self, line: Line, number: int) -> PublishSnapshot | None:
        """The manifest that run ``number`` of ``line`` published."""


class Catalog(Protocol):
    """What is deployed."""

    def releases(self, pond: str | None = None) -> Mapping[Line, Release]:
        """The selected release of every line; or of one Pond's lines, at the cost of these
        alone.
        """

    def revision(self) -> int:
        """A number that grows with every change. Read it before ``releases``, and pass it to the
        change.
        """

    def version(self, pond: str, version: str) -> Release | None:
        """One version, if it was ever deployed."""

    def select(self, releases: Sequence[Release], *, overwrite: bool, revision: int) -> None:
        """Record the versions and select them, all or nothing. Sources come before their Sinks.

        Raises:
            StateConflictError: somebody else deployed since ``revision`` was read.
        """


class Removals(Protocol):
    """What is no longer deployed. Each change is refused as ``Catalog.select`` is."""

    def versions(self, pond: str) -> Mapping[str, Release]:
        """Every version of a Pond that is deployed, selected or not, of all its lines."""

    def forget(self, pond: str, version: str, *, revision: int) -> None:
        """Forget one version, which is not the selected one."""

    def remove(self, removal: Removal, versions: Collection[str], *, revision: int) -> None:
        """Forget a line, these ``versions`` of it and its arrival rules, and remember that it
        was removed.
        """

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        """The lines that were ever removed, those deployed again since included; or those of one
        Pond.
        """

    def mark_cleared(self, removal: Removal) -> None:
        """Record that this removal is finished. A newer one of the same line stays."""


@dataclass(frozen=True, slots=True)
class Operations:
    """What operators have set: the tags of each Pond that has any, and the hold."""

    tags: Mapping[str, Tags] = field(default_factory=dict)
    hold: Hold = NO_HOLD


class Operated(Protocol):
    """What operators have set for Ponds and for the whole Catchment. Deploys leave it as it is."""

    def read(self) -> Operations:
        """All of it, in one request."""

    def hold(self) -> Hold:
        """Whether new runs are held."""

    def set_hold(self, hold: Hold) -> bool:
        """Replace it. False: a newer one is there."""

    def tag(self, pond: str, *, put: Tags, remove: tuple[str, ...] = ()) -> None:
        """Set and remove tags of a Pond."""


class Arrivals(Protocol):
    """Which arriving objects trigger which lines."""

    def of_line(self, line: Line) -> Sequence[Arrival]:
        """A line's rules, by name."""

    def of_bucket(self, bucket: str) -> Sequence[tuple[Line, Arrival]]:
        """Every rule about a bucket, at the cost of these alone."""

    def add(self, line: Line, arrival: Arrival) -> bool:
        """Add a rule. False: the line has one of that name, or is not deployed any more."""

    def remove(self, line: Line, arrival: Arrival) -> None:
        """Remove a rule. A rule that is gone counts as success."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A line as a reader sees it. ``owes``: effects were committed at ``committed``, and may not
    have been performed yet. ``listed``: as what the index has it of lines that are not at rest.
    """

    state: PondState
    owes: bool = False
    mark: Mark = (0, "")
    committed: Instant = NEVER
    listed: str = ""


class Backlog(Protocol):
    """The objects that arrived for lines."""

    def page(self, line: Line, *, after: int, upto: int, most: int) -> Sequence[KeptArrival]:
        """The first objects whose numbers lie behind ``after``, up to ``upto``, in order."""


class StateReader(Protocol):
    """Many lines' states at once, read only."""

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        """The states of those lines that ever got a letter."""


@dataclass(frozen=True, slots=True)
class SeenLimit:
    """A limit as a reader sees it: as ``Seen``."""

    state: LimitState
    owes: bool = False
    mark: Mark = (0, "")
    committed: Instant = NEVER


class RestIndex(Protocol):
    """The lines that are not at rest, of however many."""

    def not_at_rest(self, now: Instant) -> Mapping[Line, Unrest] | None:
        """Each of them, as of a moment ago, removed ones included. None: it is not known yet."""


class LimitReader(Protocol):
    """All limits, read only."""

    def read(self) -> Mapping[str, SeenLimit]:
        """Every limit that ever got a letter, by name."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs somebody wants: of one status, begun at ``since`` or later and earlier than
    ``until``, older than the run ``before``, of these ``ponds``, that somebody with the name ``by``
    asked for (``model/askers.py``). None: no such condition.
    """

    status: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    before: RunRow | None = None
    ponds: frozenset[str] | None = None
    by: str | None = None

    def admits(self, row: RunRow) -> bool:
        """Whether a run is wanted. Of ``before`` only that run itself is left out: what is older
        depends on the order of the list.
        """
        return (
            self.status in {None, row["status"]}
            and (self.ponds is None or row["pond"] in self.ponds)
            and (self.since is None or to_text(self.since) <= row["started"])
            and (self.until is None or row["started"] < to_text(self.until))
            and (self.before is None or row["run"] != self.before["run"])
            and (self.by is None or matches(self.by, row.get("by") or ""))
        )


EVERY_RUN = RunFilter()


@dataclass(frozen=True)
class RunsAsked:
    """Runs that somebody asked for, newest first. ``further``: so many others were looked at that
    the list ends early; those older than this run were not. Empty: all were.
    """

    rows: Sequence[RunRow]
    further: str = ""


@dataclass(frozen=True, slots=True)
class AttemptUsed:
    """What an attempt used of AWS, as its worker says. Without that: where it ran, and when."""

    run: str
    status: str
    used: Used
    started: str = ""
    finished: str = ""
    where: Place | None = None
    memory_mib: int = 0


class HistoryReader(Protocol):
    """Past runs and attempts."""

    def runs(
        self,
        *,
        now: Instant,
        limit: int,
        line: Line | None = None,
        only: RunFilter = EVERY_RUN,
    ) -> Sequence[RunRow]:
        """Newest first, of one line or of all (those as far back as 14 months)."""

    def runs_asked(
        self, *, now: Instant, limit: int, line: Line | None = None, only: RunFilter
    ) -> RunsAsked:
        """The same of runs that somebody asked for (``only.by``), at the cost of these alone: by
        pages, of which each looks at a bounded number.
        """

    def last_runs(self, numbers: Mapping[Line, int]) -> Mapping[Line, RunRow]:
        """The newest run of each line that has any; ``numbers`` is what each line counts its runs
        to.
        """

    def run(self, line: Line, number: int) -> RunRow | None:
        """One run."""

    def rows_of(self, runs: Collection[str]) -> Sequence[RunRow]:
        """The rows of these runs (``sales@1/42``), in this order. Those that are gone are left
        out.
        """

    def attempts(self, line: Line, number: int) -> Sequence[AttemptRow]:
        """The attempts of one run, by when they started, with their full texts."""

    def used(self, line: Line, first: int, last: int) -> Sequence[AttemptUsed]:
        """What each attempt of these runs and of those between them used."""


class ExecutionReader(Protocol):
    """The state of executions."""

    def describe(self, line: Line, *, run: int, launch: int) -> tuple[str, str] | None:
        """(status, cause); None if there is no such execution."""

    def stop(self, line: Line, *, run: int, launch: int) -> None:
        """Stop it. An execution that is over counts as success."""


class AttemptReader(Protocol):
    """The row of one attempt."""

    def attempt(self, line: Line, *, run: int, ripple: str, attempt: int) -> AttemptRow | None:
        """Its row as stored. None: nobody has begun or ended it."""


SOON = timedelta(minutes=10)
"""News that comes this soon after a commit proves that its outbox was performed: a letter whose
delivery keeps failing holds its line for hours before it is given up (``infra/messaging.py``).
"""
