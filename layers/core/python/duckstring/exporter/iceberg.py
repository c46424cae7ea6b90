"""Shows what Ponds publish as Iceberg tables, by one database of Glue for each line.

It is off the way of publishing, and knows nothing of what it did before: it compares what Glue has
with what the line publishes. Two at once do no harm. Each looks at the tables of Glue first and
reads the line's state after that, and changes a table only if it is as it was then. So nothing
older takes the place of what is newer.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from duckstring.author.columns import ColumnTypes
from duckstring.errors import OperatorError, StateConflictError
from duckstring.exporter.fitting import MOST_MEASURED, Fit, fit, select
from duckstring.exporter.iceberg_ports import (
    Content,
    GlueTable,
    IcebergPorts,
    RowFile,
    Targets,
)
from duckstring.exporter.now import Published, Table, published
from duckstring.model import iceberg
from duckstring.model.foreign import readable
from duckstring.model.iceberg import FOLDER, WHOLE, Database, Listed, Listing, databases, taken
from duckstring.model.instants import NEVER, to_text
from duckstring.model.lake import HISTORY, shown
from duckstring.model.limits import within
from duckstring.model.names import Line
from duckstring.model.values import replace

_FORM = "2"
"""How tables are shown. With another one, all are shown anew. 2: with bounds of columns."""
_TRIES = 3
_WHY = 500


@dataclass(slots=True)
class Report:
    """What an export has done: how many tables it has ``put`` and ``dropped``. ``left_out``: tables
    that are not there, and why. ``failed``: databases that are not as they should be. ``look``:
    metadata is looked at, too.
    """

    look: bool = False
    databases: list[str] = field(default_factory=list)
    put: int = 0
    dropped: int = 0
    expired: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """In the form for the log and the caller."""
        return asdict(self)


def export_iceberg(
    ports: IcebergPorts, lines: Collection[Line] = (), *, look: bool = False
) -> Report:
    """Show what these lines publish now. Without lines: what all publish. ``look``: make anew what
    is damaged, too: metadata of which objects are gone.
    """
    report = Report(look)
    for name, of in sorted(_targets(ports, lines).items()):
        try:
            _export(ports, name, of, report)
        except Exception as error:  # noqa: BLE001 - the other databases are exported
            report.failed[name] = _why(error)
    return report


def _export(ports: IcebergPorts, name: str, of: Line | None, report: Report) -> None:
    for _ in range(_TRIES):
        with TemporaryDirectory(dir=ports.scratch) as folder:
            try:
                if _Export(ports, Path(folder), name, of, report).make():
                    return
            except StateConflictError:
                continue
    if not _is_exported(ports, name, of):
        raise StateConflictError("Others exported it all the time.", hint="It is tried again.")


def _is_exported(ports: IcebergPorts, name: str, of: Line | None) -> bool:
    """Whether another export has done it: the database shows what the line publishes now."""
    known = ports.databases.read(name)
    seen = ports.states.read({of}).get(of) if of is not None else None
    now = published(seen.state if seen is not None else None)
    if known is None or now is None:
        return known is None and now is None
    return (known.line, known.shown) == (of, shown(now.run, now.f))


def _targets(ports: IcebergPorts, asked: Collection[Line]) -> Targets:
    """The databases of lines that were asked for, and of those that are called otherwise since."""
    held = ports.databases.all()
    shown_now = {one.line for one in held.values()}
    # The first one is of all: names of schemas depend on which majors there are.
    is_of_all = not (held and asked)
    lines = {*asked, *ports.catalog.releases(), *shown_now} if is_of_all else {*asked}
    there: dict[Line, bool] = {}
    while lines:
        seen = ports.states.read(lines)
        there |= {of: published(seen[of].state if of in seen else None) is not None for of in lines}
        gone = {of for of, is_there in there.items() if not is_there}
        names = databases(ports.catchment, (shown_now | there.keys()) - gone)
        lines = {
            one.line
            for one in held.values()
            if one.line not in there and names[one.line] != one.name
        }
    targets: dict[str, Line | None] = {one.name: None for one in held.values() if one.line in there}
    return targets | {names[of]: of for of in there if of in names}


class _Export:
    """One try of one database."""

    def __init__(
        self, ports: IcebergPorts, folder: Path, name: str, of: Line | None, report: Report
    ) -> None:
        self._ports, self._folder, self._name, self._of = ports, folder, name, of
        self._report, self._at = report, ports.clock.now()
        self._left_out: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._kept: dict[str, Listed] = {}

    def make(self) -> bool:
        """False: another export was quicker."""
        ports = self._ports
        self._before = before = ports.databases.read(self._name)
        listing = ports.databases.listing(before) if before is not None else None
        self._listing = listing if listing is not None else Listing()
        try:
            found = ports.warehouse.tables(self._name)
        except OperatorError as error:
            found, self._left_out[WHOLE] = None, error.message
        now = self._published()
        wanted = now.tables if now is not None and WHOLE not in self._left_out else {}
        todo = self._fits(self._changed(wanted, found or {}))
        needed = {*self._kept, *todo, *self._failed}
        ours = {name for name, table in (found or {}).items() if table.is_ours}
        plan = _Plan(now, todo, sorted(ours - needed), len(ours), is_there=found is not None)
        if not (todo or plan.gone or self._expired()) and self._is_told(plan):
            return True
        return self._carry_out(plan)

    def _published(self) -> Published | None:
        if self._of is None:
            return None
        seen = self._ports.states.read({self._of}).get(self._of)
        return published(seen.state if seen is not None else None)

    def _changed(
        self, wanted: Mapping[str, Table], found: Mapping[str, GlueTable]
    ) -> Mapping[str, tuple[Table, GlueTable | None]]:
        """The tables that are not as Glue has them."""
        changed: dict[str, tuple[Table, GlueTable | None]] = {}
        for name, table in wanted.items():
            there, held = found.get(name), self._listing.tables.get(name)
            if there is not None and not there.is_ours:
                self._left_out[name] = taken("a table of this name", there.owner)
            elif there is None or held is None or not self._is_shown(table, there, held):
                changed[name] = (table, there)
            elif self._report.look and self._ports.warehouse.is_damaged(held):
                self._ports.warehouse.drop(self._name, name)
                changed[name] = (table, None)
            else:
                self._kept[name] = held
        return changed

    def _is_shown(self, table: Table, there: GlueTable, held: Listed) -> bool:
        told = (there.line, there.digest, there.metadata)
        return told == (self._of, _digest(table), held.metadata)

    def _fits(self, changed: Mapping[str, tuple[Table, GlueTable | None]]) -> Mapping[str, _Todo]:
        """How the tables are shown. What cannot be shown is left out, what cannot be read fails."""
        tables = self._ports.tables
        versions = [table.version for table, _ in changed.values()]
        read = zip(tables.columns(versions), tables.miscounted(versions), strict=True)
        todo: dict[str, _Todo] = {}
        for (name, (table, there)), (columns, wrong) in zip(changed.items(), read, strict=True):
            if isinstance(columns, Exception) or wrong:
                self._failed[name] = wrong or _why(columns)
                continue
            found = fit(table, columns)
            if found.why_not:
                self._left_out[name] = within(readable(found.why_not), _WHY)
            else:
                key = f"{FOLDER}{self._name}/copies/{name}-{secrets.token_hex(8)}.parquet"
                todo[name] = _Todo(table, there, columns, found, key)
        return todo

    def _carry_out(self, plan: _Plan) -> bool:
        ports, before, listing = self._ports, self._before, self._listing
        pending = {*listing.pending, *(key for one in plan.todo.values() for key in one.keys)}
        begun = replace(self._database(""), tables=plan.ours)
        # First: what is named without being listed could be deleted.
        if not ports.databases.keep(begun, Listing(listing.tables, sorted(pending)), over=before):
            return False
        if plan.todo and not plan.is_there:
            ports.warehouse.create(self._name)
        self._put(plan)
        self._expire()
        for name in plan.gone:
            ports.warehouse.drop(self._name, name)
        self._tell(plan)
        if plan.now is None and not self._failed:
            if plan.is_there:
                ports.warehouse.remove(self._name)
            return ports.databases.forget(begun)
        return self._record(plan.now, begun, pending)

    def _tell(self, plan: _Plan) -> None:
        report, name = self._report, self._name
        if name not in report.databases:
            report.databases.append(name)
        report.dropped += len(plan.gone)
        report.left_out |= {f"{name}.{table}": why for table, why in self._left_out.items()}
        if self._failed:
            told = "; ".join(f"{table}: {why}" for table, why in sorted(self._failed.items()))
            report.failed[name] = within(told, _WHY)

    def _record(self, now: Published | None, begun: Database, pending: Collection[str]) -> bool:
        """What is there now. Where a table has failed, all that it may name stays listed."""
        kept = {**(self._listing.tables if self._failed else {}), **self._kept}
        told = "" if self._failed or now is None else shown(now.run, now.f)
        listing = Listing(kept, sorted(pending) if self._failed else ())
        return self._ports.databases.keep(self._database(told), listing, over=begun)

    def _is_told(self, plan: _Plan) -> bool:
        """Whether it is known already that the database is as it is."""
        before, now = self._before, plan.now
        if now is None:
            return before is None and not plan.is_there
        known = before is not None and (before.line, before.shown, dict(before.left_out))
        is_whole = not (self._failed or self._listing.pending)
        return is_whole and known == (self._of, shown(now.run, now.f), self._left_out)

    def _database(self, told: str) -> Database:
        ends = [one.expires() for one in self._kept.values()]
        expires = min((at for at in ends if at != NEVER), default=NEVER)
        return Database(
            self._name,
            self._of or (self._before.line if self._before is not None else Line("")),
            secrets.token_hex(8),
            told,
            self._at,
            len(self._kept),
            self._left_out,
            expires=expires,
        )

    def _put(self, plan: _Plan) -> None:
        for name, one in plan.todo.items():
            try:
                self._kept[name] = self._ports.warehouse.put(
                    self._name,
                    name,
                    self._content(plan.now, name, one),
                    over=one.there.metadata if one.there is not None else None,
                    held=self._listing.tables.get(name),
                    before=self._at - HISTORY,
                )
                self._report.put += 1
            except StateConflictError:
                raise
            except OperatorError as error:
                self._left_out[name] = within(readable(error.message), _WHY)
                if one.there is not None:
                    self._ports.warehouse.drop(self._name, name)
            except Exception as error:  # noqa: BLE001 - the other tables are exported
                self._failed[name] = _why(error)

    def _content(self, now: Published | None, name: str, one: _Todo) -> Content:
        files = self._files(one) if one.fit.casts is None else [self._copy(name, one)]
        return Content(
            one.fit.columns,
            [file for file in files if file.rows],
            {
                iceberg.CATCHMENT: self._ports.catchment,
                iceberg.LINE: self._of or "",
                iceberg.DIGEST: _digest(one.table),
            },
            {
                iceberg.DIGEST: _digest(one.table),
                iceberg.RUN: now.run if now is not None else "",
                iceberg.FRESHNESS: to_text(now.f) if now is not None else "",
            },
        )

    def _files(self, one: _Todo) -> Sequence[RowFile]:
        version = one.table.version
        told = self._ports.tables.statistics(version, one.measured)
        return [
            RowFile(version.key_of(part), part.rows, part.bytes, statistics)
            for part, statistics in zip(version.live, told, strict=True)
        ]

    def _copy(self, name: str, one: _Todo) -> RowFile:
        path = self._folder / f"{name}.parquet"
        rows = self._ports.tables.sql(one.table.version, one.columns)
        sql = select(one.fit, rows, one.columns)
        copied = self._ports.tables.copy(sql, path, one.measured)
        if copied.rows:
            self._ports.warehouse.store(path, one.key)
        size = path.stat().st_size
        path.unlink()
        return RowFile(one.key, copied.rows, size, copied.statistics)

    def _expired(self) -> list[str]:
        before = self._at - HISTORY
        return [name for name, held in self._kept.items() if held.old(before)]

    def _expire(self) -> None:
        for name in self._expired():
            held = self._kept[name]
            self._report.expired += len(held.old(self._at - HISTORY))
            self._kept[name] = self._ports.warehouse.expire(
                self._name, name, held, self._at - HISTORY
            )


@dataclass(frozen=True, slots=True)
class _Todo:
    """A table to put. ``key``: of its copy, if it has to be copied."""

    table: Table
    there: GlueTable | None
    columns: ColumnTypes
    fit: Fit
    key: str

    @property
    def keys(self) -> Sequence[str]:
        """What it will name."""
        return self.table.keys if self.fit.casts is None else [self.key]

    @property
    def measured(self) -> Sequence[str]:
        """The columns that its manifests have bounds of."""
        return [column.name for column in self.fit.columns[:MOST_MEASURED]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done with a database. ``gone``: tables to drop; ``ours``: how many there are
    of ours; ``is_there``: it exists.
    """

    now: Published | None
    todo: Mapping[str, _Todo]
    gone: Sequence[str]
    ours: int
    is_there: bool


def _digest(table: Table) -> str:
    return f"{_FORM}-{table.digest}"


def _why(error: object) -> str:
    return within(readable(f"{type(error).__name__}: {error}"), _WHY)
