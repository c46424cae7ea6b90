"""Makes a new catalog of the lake where Ponds have published something new.

It is off the way of publishing: a run never waits for it, and what it cannot do it does the next
time. Two at once do no harm: one of them begins again from what the other has made.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from duckstring.author.columns import ColumnTypes
from duckstring.errors import OperatorError, StateConflictError
from duckstring.exporter.catalog_file import CatalogFile
from duckstring.exporter.columns import columns_of, flat
from duckstring.exporter.now import Published, Shape, Table, is_plain, published
from duckstring.exporter.ports import ExporterPorts
from duckstring.model.foreign import readable
from duckstring.model.instants import NEVER, Instant
from duckstring.model.lake import HISTORY, Exported, Listing, lake_key, lake_schemas
from duckstring.model.limits import within
from duckstring.model.names import Line

_TRIES = 3
_MOST_COLUMNS = 10_000
"""Of a table, with those inside others."""
_MOST_ROWS = 2**48
"""Of a table: rows are counted on over all versions, in 63 bits."""
_WHY = 500

Lines = Mapping[Line, Published | None]


@dataclass(slots=True)
class Report:
    """What an export has done. ``left_out``: lines that are shown as they were before, or not at
    all, and why.
    """

    number: int = -1
    key: str = ""
    lines: list[Line] = field(default_factory=list)
    tables: int = 0
    expired: int = 0
    left_out: dict[Line, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """In the form for the log and the caller."""
        return asdict(self)


def export(ports: ExporterPorts, lines: Collection[Line] = ()) -> Report:
    """Show what these lines publish now. Without lines: what all publish.

    Raises:
        StateConflictError: others exported all the time.
    """
    for _ in range(_TRIES):
        before = ports.lakes.latest()
        with TemporaryDirectory(dir=ports.scratch) as folder:
            report = _Export(ports, Path(folder), before).make(lines)
        if report is not None:
            return report
    raise StateConflictError("Other exports were made meanwhile.", hint="It is tried again.")


class _Export:
    """One try, from the catalog that was the newest ``before``."""

    def __init__(self, ports: ExporterPorts, folder: Path, before: Exported | None) -> None:
        self._ports, self._folder, self._before = ports, folder, before
        self._report = Report()

    def make(self, asked: Collection[Line]) -> Report | None:
        """None: another export was quicker."""
        path, before = self._folder / "before.ducklake", self._before
        if before is not None:
            self._ports.lakes.fetch(before, path)
        con = self._ports.tables.connect()
        try:
            file = CatalogFile(con, path, bucket=self._ports.bucket)
            at = self._ports.clock.now()
            lines = self._read(() if file.is_new else asked, file)
            shapes = self._shapes(file.changed(lines))
            lines = self._possible(lines, file)
            changed = file.changed(lines)
            if changed or file.is_new:
                file.add({of: lines[of] for of in changed}, shapes, at=at)
            self._report.expired = file.expire(at - HISTORY)
            if not (changed or file.is_new or self._report.expired):
                return self._unchanged()
            return self._put(file, at, changed)
        finally:
            con.close()

    def _possible(self, lines: Lines, file: CatalogFile) -> Lines:
        """The lines without those that are left out: all tables of a line change together or none
        of them. One that is left out keeps its schema's name, so another may not take it.
        """
        out = self._report.left_out
        while True:
            lines = {of: now for of, now in lines.items() if of not in out}
            kept = {file.schema(of): of for of in file.moved(lines)}
            names = lake_schemas(file.after(lines))
            takes = {of: kept[names[of]] for of in lines if names.get(of) in kept}
            if not takes:
                return lines
            for of, other in takes.items():
                out[of] = f"{other} keeps its name: it cannot be exported"

    def _unchanged(self) -> Report:
        if self._before is not None:
            self._report.number, self._report.key = self._before.number, self._before.key
            self._ports.lakes.show(self._before)
        return self._report

    def _read(self, asked: Collection[Line], file: CatalogFile) -> Lines:
        """What lines publish: those asked for, and those that are called otherwise after that."""
        ports = self._ports
        lines = {*asked} or {*ports.catalog.releases(), *file.lines}
        found: dict[Line, Published | None] = {}
        while lines:
            seen = ports.states.read(lines)
            found |= {of: published(seen[of].state if of in seen else None) for of in lines}
            lines = file.moved(found)
        return found

    def _shapes(
        self, changed: Mapping[Line, Mapping[str, Table]]
    ) -> Mapping[tuple[Line, str], Shape]:
        """How the tables are shown. What cannot be shown is put into ``left_out``."""
        wanted = [(of, name, table) for of, one in changed.items() for name, table in one.items()]
        tables = self._ports.tables
        columns = tables.columns([table.version for *_, table in wanted])
        shapes: dict[tuple[Line, str], Shape] = {}
        for (of, name, table), found in zip(wanted, columns, strict=True):
            try:
                shapes[of, name] = self._shape(table, found)
            except Exception as error:  # noqa: BLE001 - an author's object may hold anything
                why = within(readable(f"{name}: {type(error).__name__}: {error}"), _WHY)
                self._report.left_out.setdefault(of, why)
        return shapes

    def _shape(self, table: Table, found: ColumnTypes | Exception) -> Shape:
        if isinstance(found, Exception):
            raise found
        known = columns_of(found) if is_plain(table) else None
        if known is None:
            return Shape(sql=self._ports.tables.sql(table.version, found))
        if (count := sum(1 for _ in flat(known))) > _MOST_COLUMNS:
            raise OperatorError(f"{count:,} columns; the lake takes {_MOST_COLUMNS:,}")
        if any("\0" in column.name for column in flat(known)):
            raise OperatorError("a column's name has a NUL")
        if not 0 <= sum(one.rows for one in table.files) <= _MOST_ROWS:
            raise OperatorError("more rows than there can be")
        return Shape(known)

    def _put(
        self, file: CatalogFile, at: Instant, changed: Mapping[Line, Mapping[str, Table]]
    ) -> Report | None:
        """Store the catalog, and make it the newest one."""
        ports, before, report = self._ports, self._before, self._report
        counts, digest = file.lines, file.digest
        listing = Listing(file.runs, sorted(file.objects()))
        expires = file.expires + HISTORY if file.expires is not None else NEVER
        path = self._folder / "after.ducklake"
        file.save(path)
        tables = sum(counts.values())
        number = (before.number if before is not None else 0) + 1
        key = lake_key(number, secrets.token_hex(8))
        exported = Exported(
            number, key, at, path.stat().st_size, len(counts), tables, digest, expires
        )
        ports.lakes.keep(exported, path, listing)
        if not ports.lakes.commit(exported, over=before):
            return None
        ports.lakes.show(exported)
        report.number, report.key, report.lines = number, key, sorted(changed)
        report.tables = sum(map(len, changed.values()))
        return report
