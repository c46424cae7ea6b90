"""Small worlds for the use cases: releases by the word, and ports that remember what they were
told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from duckstring.engine.letters import Letter
from duckstring.errors import AuthorError, StateConflictError
from duckstring.model.answers.runs import AttemptRow
from duckstring.model.arrivals import Arrival, KeptArrival
from duckstring.model.audits import Audit, AuditFilter
from duckstring.model.catalog import Release, Removal, RippleSpec, SourceSpec
from duckstring.model.iceberg import Database, databases
from duckstring.model.instants import NEVER, Instant
from duckstring.model.lake import Exported, Listing
from duckstring.model.names import Line, parse_line
from duckstring.model.said import NO_HOLD, Hold
from duckstring.ports import EVERY_RUN, AttemptUsed, Operations, RunFilter, RunsAsked, Seen
from duckstring.testing.fakes import MemoryLimits

Row = Mapping[str, object]

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def release(
    line: str,
    version: str = "",
    *sources: SourceSpec,
    kind: str = "pond",
    sha256: str = "a" * 64,
    ripples: Sequence[str] = ("load",),
) -> Release:
    pond, major = parse_line(line)
    version = version or f"{major}.0.0"
    specs = tuple(
        RippleSpec(name, (ripples[at - 1],) if at else ()) for at, name in enumerate(ripples)
    )
    return Release(
        Line(line),
        version,
        kind,
        sources,
        specs,
        "src/pond.py",
        f"artifacts/{pond}/{version}/{sha256}.zip",
        sha256,
        0,
        0,
        deployed=NOON,  # type: ignore[arg-type]
    )


def source(line: str, minimum: str = "", *, optional: bool = False) -> SourceSpec:
    return SourceSpec(Line(line), minimum or f"{parse_line(line)[1]}.0.0", optional)


def graph(*releases: Release) -> dict[Line, Release]:
    return {one.line: one for one in releases}


@dataclass
class StillClock:
    at: Instant = NOON

    def now(self) -> Instant:
        return self.at

    def wait(self, duration: timedelta) -> None:
        self.at += duration


@dataclass
class ShelfCatalog:
    selected: dict[Line, Release] = field(default_factory=dict)
    versions: dict[tuple[str, str], Release] = field(default_factory=dict)
    at: int = 0
    gone: dict[Line, Removal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.selected.values():
            self.versions[parse_line(one.line)[0], one.version] = one

    def releases(self, pond: str | None = None) -> Mapping[Line, Release]:
        return {
            line: release
            for line, release in self.selected.items()
            if pond is None or line.startswith(f"{pond}@")
        }

    def revision(self) -> int:
        return self.at

    def version(self, pond: str, version: str) -> Release | None:
        return self.versions.get((pond, version))

    def select(self, releases: Sequence[Release], *, overwrite: bool, revision: int) -> None:
        self._advance(revision)
        for one in releases:
            self.selected[one.line] = one
            self.versions[parse_line(one.line)[0], one.version] = one

    def _advance(self, revision: int) -> None:
        if revision != self.at:
            raise StateConflictError("Somebody else deployed.")
        self.at += 1

    # ports.Removals

    def known(self, pond: str) -> Mapping[str, Release]:
        return {version: one for (name, version), one in self.versions.items() if name == pond}

    def forget(self, pond: str, version: str, *, revision: int) -> None:
        self._advance(revision)
        del self.versions[pond, version]

    def remove(self, removal: Removal, versions: Collection[str], *, revision: int) -> None:
        self._advance(revision)
        del self.selected[removal.line]
        for version in versions:
            del self.versions[parse_line(removal.line)[0], version]
        self.gone[removal.line] = removal

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        return [
            one for line, one in self.gone.items() if pond is None or line.startswith(f"{pond}@")
        ]

    def mark_cleared(self, removal: Removal) -> None:
        self.gone[removal.line] = Removal(removal.line, removal.at, cleared=True)


@dataclass
class Archive:
    """The removals' side of a catalog in memory."""

    catalog: ShelfCatalog = field(default_factory=ShelfCatalog)

    def versions(self, pond: str) -> Mapping[str, Release]:
        return self.catalog.known(pond)

    def __getattr__(self, name: str) -> object:
        return getattr(self.catalog, name)


@dataclass
class Operators:
    """``ports.Operated``."""

    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    held: Hold = NO_HOLD
    asked: int = 0

    def read(self) -> Operations:
        self.asked += 1
        return Operations(self.tags, self.held)

    def hold(self) -> Hold:
        return self.held

    def set_hold(self, hold: Hold) -> bool:
        if hold.at <= self.held.at:
            return False
        self.held = hold
        return True

    def tag(self, pond: str, *, put: Mapping[str, str], remove: tuple[str, ...] = ()) -> None:
        held = {**self.tags.get(pond, {}), **put}
        self.tags[pond] = {key: value for key, value in held.items() if key not in remove}


@dataclass
class Ledger:
    """``ports.Audits``."""

    rows: list[Audit] = field(default_factory=list)

    def record(self, audit: Audit) -> None:
        self.rows.append(audit)

    def refused(self, audit: Audit) -> None:
        assert self.rows[-1] == replace(audit, refused="")
        self.rows[-1] = audit

    def _found(self, only: AuditFilter, pond: str = "") -> list[Audit]:
        rows = [row for row in reversed(self.rows) if not pond or pond in row.ponds]
        rows = [row for row in rows if only.by in row.said.by]
        rows = [row for row in rows if only.since is None or row.said.at >= only.since]
        rows = [row for row in rows if only.before is None or row.said.at < only.before]
        return rows[: only.limit]

    def of_pond(self, pond: str, only: AuditFilter) -> list[Audit]:
        return self._found(only, pond)

    def of_all(self, now: Instant, only: AuditFilter) -> list[Audit]:
        return self._found(only)

    def at(self, epochs: Sequence[Instant]) -> list[Audit]:
        return [row for row in self.rows if row.said.at in epochs]


@dataclass
class Rules:
    """``ports.Arrivals``."""

    held: dict[tuple[Line, str], Arrival] = field(default_factory=dict)
    taken: bool = False

    def of_line(self, line: Line) -> Sequence[Arrival]:
        return [arrival for (its, _), arrival in self.held.items() if its == line]

    def of_bucket(self, bucket: str) -> Sequence[tuple[Line, Arrival]]:
        return [
            (line, arrival) for (line, _), arrival in self.held.items() if arrival.bucket == bucket
        ]

    def add(self, line: Line, arrival: Arrival) -> bool:
        if self.taken:
            return False
        self.held[line, arrival.name] = arrival
        return True

    def remove(self, line: Line, arrival: Arrival) -> None:
        del self.held[line, arrival.name]


@dataclass
class Post:
    letters: list[Letter] = field(default_factory=list)

    def send(self, letters: Sequence[Letter]) -> Sequence[str]:
        self.letters += letters
        return [str(len(self.letters) + at) for at in range(len(letters))]


@dataclass
class Packages:
    digests: dict[str, str]

    def sha256(self, key: str) -> str | None:
        return self.digests.get(key)


@dataclass
class Imports:
    found: Mapping[str, tuple[RippleSpec, ...] | AuthorError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def discover(self, artifact: str, *, sha256: str, module: str) -> tuple[RippleSpec, ...]:
        self.asked.append(artifact)
        found = self.found.get(artifact.split("/")[1], (RippleSpec("load"),))
        if isinstance(found, AuthorError):
            raise found
        return found


@dataclass
class States:
    held: Mapping[Line, Seen] = field(default_factory=dict)

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        return {line: self.held[line] for line in lines if line in self.held}


@dataclass
class Rest:
    """The index of lines that are not at rest. None: it is not known yet."""

    words: Mapping[Line, str] | None = None
    asked: int = 0

    def not_at_rest(self, now: Instant) -> Mapping[Line, str] | None:
        self.asked += 1
        return self.words


@dataclass
class Rows:
    rows: Sequence[Row] = ()
    wanted: RunFilter = EVERY_RUN
    """What was asked for last."""
    further: str = ""
    used_by: Sequence[AttemptUsed] = ()
    spans: list[tuple[Line, int, int]] = field(default_factory=list)

    def runs(
        self, *, now: Instant, limit: int, line: Line | None = None, only: RunFilter = EVERY_RUN
    ) -> Sequence[Row]:
        self.wanted = only
        return self.rows[:limit]

    def runs_asked(
        self, *, now: Instant, limit: int, line: Line | None = None, only: RunFilter
    ) -> RunsAsked:
        self.wanted = only
        return RunsAsked(self.rows[:limit], self.further)

    def last_runs(self, numbers: Mapping[Line, int]) -> Mapping[Line, Row]:
        return {
            line: row for row in self.rows for line in numbers if str(row["run"]).startswith(line)
        }

    def run(self, line: Line, number: int) -> Row | None:
        return next((row for row in self.rows if row["run"] == f"{line}/{number}"), None)

    def rows_of(self, runs: Collection[str]) -> Sequence[Row]:
        found = {row["run"]: row for row in self.rows}
        return [found[run] for run in runs if run in found]

    def attempts(self, line: Line, number: int) -> Sequence[Row]:
        return ()

    def used(self, line: Line, first: int, last: int) -> Sequence[AttemptUsed]:
        self.spans.append((line, first, last))
        return [one for one in self.used_by if one.run.startswith(f"{line}/")]


@dataclass
class Executions:
    described: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    def stop(self, line: Line, *, run: int, launch: int) -> None:
        self.stopped.append(f"{line}/{run}-{launch}")

    def describe(self, line: Line, *, run: int, launch: int) -> tuple[str, str] | None:
        return self.described.get(f"{line}/{run}-{launch}")


@dataclass
class AttemptRows:
    """Rows of attempts, by what ``attempt`` is asked for."""

    rows: Mapping[str, dict[str, object]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def attempt(
        self, line: Line, *, run: int, ripple: str, attempt: int
    ) -> dict[str, object] | None:
        self.asked.append(f"{line}/{run}/{ripple}/{attempt}")
        row = self.rows.get(self.asked[-1])
        return {**dict.fromkeys(AttemptRow.__annotations__), **row} if row else None


class Residence:
    """A table that came here at ``came``. None: it is being restored."""

    def __init__(self, came: Instant | None = NEVER) -> None:
        self.came = came

    def since(self, now: Instant, *, is_new: bool) -> Instant | None:
        return self.came


@dataclass
class SweptLake:
    """``sweep.ports.Lake``: its newest catalog with its listing, and the keys of all with when each
    was overtaken. ``asked``: the lines of each export that was asked for.
    """

    newest: Exported | None = None
    listed: Listing | None = None
    stored: dict[str, Instant] = field(default_factory=dict)
    is_there: bool = True
    asked: list[list[Line]] = field(default_factory=list)

    def latest(self) -> Exported | None:
        return self.newest

    def listing(self, exported: Exported) -> Listing | None:
        assert exported == self.newest
        return self.listed

    def ask(self, lines: Collection[Line]) -> None:
        self.asked.append(sorted(lines))

    def outdated(self, before: Instant) -> Iterator[str]:
        return (key for key, at in self.stored.items() if at < before)


@dataclass
class SweptIceberg:
    """``sweep.ports.Iceberg``: its databases, what their tables name, and Iceberg's files with when
    each was stored. ``asked``: the lines of each export that was asked for.
    """

    known: Sequence[Database] = ()
    names_of_tables: set[str] = field(default_factory=set)
    stored: dict[str, Instant] = field(default_factory=dict)
    is_there: bool = True
    asked: list[list[Line]] = field(default_factory=list)
    is_due: bool = False
    looks: int = 0

    def names(self, lines: Collection[Line]) -> Mapping[Line, str]:
        return databases("dev", lines)

    def databases(self) -> Collection[Database]:
        return self.known

    def named(self) -> set[str]:
        return self.names_of_tables

    def ask(self, lines: Collection[Line]) -> None:
        self.asked.append(sorted(lines))

    def claim_look(self, now: Instant) -> bool:
        was, self.is_due = self.is_due, False
        return was

    def look(self) -> None:
        self.looks += 1

    def outdated(self, before: Instant, named: Collection[str]) -> Iterator[str]:
        return (key for key, at in self.stored.items() if at < before and key not in named)


@dataclass
class KeptObjects:
    """Objects that arrived, by line."""

    held: dict[Line, list[KeptArrival]] = field(default_factory=dict)

    def page(self, line: Line, *, after: int, upto: int, most: int) -> Sequence[KeptArrival]:
        return [one for one in self.held.get(line, []) if after < one.number <= upto][:most]

    def drop(self, line: Line, arrivals: Collection[KeptArrival]) -> None:
        self.held[line] = [one for one in self.held.get(line, []) if one not in arrivals]


@dataclass
class Garbage:
    """What garbage there is: manifests by line, objects with when they were written."""

    kept: dict[Line, dict[int, tuple[Instant, frozenset[str]]]] = field(default_factory=dict)
    written: dict[str, Instant] = field(default_factory=dict)
    memories: dict[str, tuple[int, Instant]] = field(default_factory=dict)
    open: bool = True
    gone: dict[Line, int] = field(default_factory=dict)

    def claim(self, now: Instant) -> bool:
        was, self.open = self.open, False
        return was

    def manifests(self, line: Line) -> Mapping[int, tuple[Instant, frozenset[str]]]:
        return dict(self.kept.get(line, {}))

    def dropped(self, lines: Collection[Line]) -> Mapping[Line, int]:
        return {line: self.gone[line] for line in lines if line in self.gone}

    def record_dropped(self, line: Line, number: int) -> None:
        self.gone[line] = max(number, self.gone.get(line, 0))

    def drop_manifests(self, line: Line, numbers: Collection[int]) -> None:
        for number in numbers:
            assert number <= self.gone[line], "it is recorded before"
            del self.kept[line][number]

    def memos(self, line: Line, before: Instant) -> Mapping[str, int]:
        return {name: run for name, (run, looked) in self.memories.items() if looked < before}

    def drop_memos(self, line: Line, names: Collection[str]) -> None:
        for name in names:
            del self.memories[name]

    def objects(self, before: Instant) -> Iterator[str]:
        return iter(
            [key for key, at in self.written.items() if at < before and key.startswith("data/")]
        )

    def packages(self, before: Instant) -> Iterator[str]:
        return iter(
            sorted(
                key
                for key, at in self.written.items()
                if at < before and key.startswith("artifacts/")
            )
        )

    def drop_objects(self, keys: Collection[str]) -> None:
        for key in keys:
            del self.written[key]

    def abort_uploads(self, before: Instant) -> int:
        return 0


def status_ports(catalog: ShelfCatalog, **known: object) -> dict[str, object]:
    """What ``status`` needs. There is nothing but what is known."""
    nothing = {
        "catalog": catalog,
        "states": States(),
        "rest": Rest(),
        "limits": MemoryLimits(),
        "history": Rows(),
        "attempts": AttemptRows(),
        "operated": Operators(),
        "clock": StillClock(),
    }
    return nothing | known


def runs_ports(catalog: ShelfCatalog, **known: object) -> dict[str, object]:
    """What ``runs`` needs, likewise."""
    nothing = {
        "catalog": catalog,
        "removals": Archive(catalog),
        "states": States(),
        "rest": Rest(),
        "history": Rows(),
        "operated": Operators(),
        "clock": StillClock(),
    }
    return nothing | known
