"""``duckstring pond check``: the local half, and what a Catchment knows of the Sources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from duckstring.author.columns import ColumnTypes
from duckstring.author.contract import Published
from duckstring.author.statements import Place, StatementError, Statements
from duckstring.errors import nearest
from duckstring.model import graph
from duckstring.model.catalog import PondKind, Release, SourceSpec
from duckstring.model.checks import PREVIOUS
from duckstring.model.names import Line, parse_line
from duckstring.model.ordering import in_order
from duckstring_cli.checking import columns as sql_columns
from duckstring_cli.checking.binding import Bound, bind
from duckstring_cli.checking.findings import Finding
from duckstring_cli.checking.local import LocalPond, look
from duckstring_cli.checking.reading import Sql
from duckstring_cli.checking.remote import Remote
from duckstring_cli.render import OnStep

_DUCKDBS_OWN = frozenset({"main", "temp", "memory", "system", "information_schema", "pg_catalog"})
_NO_SOURCES = _DUCKDBS_OWN | {PREVIOUS}
_QUOTED = re.compile(r'"([^"]+)"')
_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TableKnown:
    """What is known of a Source's table. ``columns`` is None if they are not known.

    ``going``: the columns that the Catchment's version has, and the workspace's has no longer.
    """

    columns: ColumnTypes | None
    going: frozenset[str] = frozenset()


@dataclass(slots=True)
class SourceKnown:
    """What is known of a Source. ``all_known``: whether it has no other tables."""

    line: Line
    tables: dict[str, TableKnown] = field(default_factory=dict)
    going: frozenset[str] = frozenset()
    all_known: bool = False
    workspace: str = ""
    silent: str = ""


@dataclass(slots=True)
class Checked:
    """The result of a check. ``beside``: Ponds of the workspace that were only read."""

    ponds: list[LocalPond]
    findings: list[Finding]
    beside: list[LocalPond] = field(default_factory=list)
    bound: dict[Line, Bound] = field(default_factory=dict)


def check(roots: Sequence[Path], remote: Remote | None, on_step: OnStep) -> Checked:
    """Look at the projects, and hold what they read against what there is.

    Args:
        roots: their folders.
        remote: the Catchment; None: nobody is asked.
        on_step: is told what is done.
    """
    checked = Checked([], [])
    for root in roots:
        on_step(f"Checking {root.resolve().name}")
        pond, found = look(root)
        checked.ponds += [] if pond is None else [pond]
        checked.findings += found
    checked.beside = _beside(checked.ponds)
    checked.findings += _graph(checked.ponds, remote)
    on_step("Comparing tables and columns")
    workspace = {pond.line: pond for pond in (*checked.beside, *checked.ponds)}
    sources = {
        line: frozenset(spec.line for spec in pond.pondfile.sources())
        for line, pond in sorted(workspace.items())
    }
    wanted = {pond.line for pond in checked.ponds}
    for line in in_order(sources):
        if line not in workspace:
            continue
        pond = workspace[line]
        known = {
            parse_line(spec.line)[0]: _source(spec, workspace, checked.bound, remote)
            for spec in pond.pondfile.sources()
        }
        bound = checked.bound[line] = bind(pond.reading, _columns(known))
        if line in wanted:
            checked.findings += _Reads(pond, known, bound).findings()
    checked.findings.sort(key=_place)
    return checked


def _place(finding: Finding) -> tuple[object, ...]:
    """Errors first, then by Pond, file and line."""
    file, *numbers = finding.where.split(":")
    counted = tuple(int(one) for one in numbers if one.isdigit())
    return ("error", "warning", "note").index(finding.level), finding.pond, file, counted


def _beside(ponds: Sequence[LocalPond]) -> list[LocalPond]:
    """Ponds in folders beside the given ones: what they will be is known, too."""
    held = {pond.root.resolve() for pond in ponds}
    folders = {
        path.parent for root in held for path in root.parent.glob("*/pond.toml") if path.is_file()
    }
    looked = (look(folder, runs_code=False)[0] for folder in sorted(folders - held))
    lines = {pond.line for pond in ponds}
    return [pond for pond in looked if pond is not None and pond.line not in lines]


def _graph(ponds: Sequence[LocalPond], remote: Remote | None) -> Iterator[Finding]:
    """Versions and cycles, by the rules of a deploy."""
    releases = {line: _deployed(remote, line) for line in (remote.lines if remote else ())}
    known = {Line(line): one for line, one in releases.items() if one is not None}
    known |= {pond.line: _release(pond) for pond in ponds}
    lines = [pond.line for pond in ponds]
    for twice in sorted({line for line in lines if lines.count(line) > 1}):
        places = ", ".join(pond.shown for pond in ponds if pond.line == twice)
        yield Finding("error", parse_line(twice)[0], "", f"{twice} is here twice: {places}.")
    for fault in graph.faults(known, set(lines)):
        yield Finding("error", "", "", fault)
    for pond in ponds:
        manifest = pond.path("pond.toml")
        for warning in graph.warnings(known[pond.line], known) if remote else ():
            yield Finding("warning", pond.name, manifest, warning)


def _release(pond: LocalPond) -> Release:
    return Release(
        **pond.pondfile.to_release_fields(),
        ripples=pond.ripples or (),
        artifact="",
        sha256=pond.sha256,
        deployed=_BEFORE,
    )


def _deployed(remote: Remote | None, line: str) -> Release | None:
    """A deployed line, as far as its status tells; it says nothing of least versions."""
    held = remote.deployed(line) if remote else None
    if held is None or held["version"] is None:
        return None
    sources = tuple(
        SourceSpec(Line(one["line"]), "0.0.0", optional=True) for one in held["sources"]
    )
    waiting = held.get("next")
    version = waiting["version"] if waiting else held["version"]
    kind: PondKind = "outlet" if held["kind"] == "outlet" else "pond"
    return Release(Line(line), version, kind, sources, (), "", "", "", 0, 0, _BEFORE)


def _columns(known: Mapping[str, SourceKnown]) -> dict[str, dict[str, ColumnTypes | None]]:
    return {
        name: {table: one.columns for table, one in source.tables.items()}
        for name, source in known.items()
    }


def _source(
    spec: SourceSpec,
    workspace: Mapping[Line, LocalPond],
    bound: Mapping[Line, Bound],
    remote: Remote | None,
) -> SourceKnown:
    """What is known of a Source: of its version in the workspace, and of the deployed one."""
    published = remote.tables(spec.line) if remote else None
    pond = workspace.get(spec.line)
    if pond is not None and spec.line in bound:
        return _from_workspace(pond, bound[spec.line], published)
    source = SourceKnown(spec.line)
    if published is None:
        source.silent = _why_silent(spec.line, remote)
        return source
    source.tables = {table: TableKnown(one.columns) for table, one in published.items()}
    source.all_known = True
    return source


def _why_silent(line: Line, remote: Remote | None) -> str:
    if remote is None:
        return "no Catchment was asked"
    if remote.deployed(line) is None:
        return f"{line} is not deployed"
    return f"{line} has published nothing yet"


def _from_workspace(
    pond: LocalPond, bound: Bound, published: Mapping[str, Published] | None
) -> SourceKnown:
    before = published or {}
    source = SourceKnown(
        pond.line,
        all_known=not pond.reading.open_writes,
        workspace=f"version {pond.pondfile.pond.version} in {pond.shown or '.'}",
    )
    for table, made in bound.tables.items():
        old = before[table].columns if table in before else None
        going = frozenset(old or ()) - frozenset(made) if made is not None else frozenset()
        source.tables[table] = TableKnown(made if made is not None else old, going)
    dropped = {one.name for one in pond.reading.dropped}
    left_out = set(before) - set(bound.tables) if source.all_known else set()
    source.going = frozenset(left_out | (dropped - pond.reading.tables_written()))
    for table in set(before) - set(source.tables) - source.going:
        source.tables[table] = TableKnown(before[table].columns)
    return source


class _Reads:
    """What one Pond reads, held against what its Sources have."""

    def __init__(self, pond: LocalPond, known: Mapping[str, SourceKnown], bound: Bound) -> None:
        self._pond, self._known, self._bound = pond, known, bound
        self._statements = Statements()
        self._silent: set[str] = set()
        self._unknown: dict[str, Finding] = {}

    def findings(self) -> list[Finding]:
        found = [finding for sql in self._pond.reading.sql for finding in self._statement(sql)]
        for read in self._pond.reading.reads:
            source, _, table = read.name.rpartition(".")
            if source:
                found += self._table(source.lower(), table.lower(), read.where)
        for read in self._pond.reading.used:
            if "." in read.name:
                message = f"The columns that Python uses of {read.name} are not checked."
                self._unknown.setdefault(
                    f"used {read.name}", self._made("note", read.where, message)
                )
        for where, what in self._pond.reading.unknown:
            found.append(self._made("note", where, f"Not known before it runs: {what}."))
        return list(dict.fromkeys([*found, *self._unknown.values()]))

    def _made(self, level: str, where: str, message: str, hint: str = "") -> Finding:
        shown = self._pond.path(where)
        if level == "error":
            return Finding("error", self._pond.name, shown, message, hint)
        return Finding(
            "warning" if level == "warning" else "note", self._pond.name, shown, message, hint
        )

    def _statement(self, sql: Sql) -> Iterator[Finding]:
        try:
            tables = self._tables_of(sql)
            faults = [one for source, table, at in tables for one in self._table(source, table, at)]
            yield from faults
            missing = dict(self._columns(sql))
        except sql_columns.UnreadableError:
            yield self._made("note", sql.at(1, 1), "Not checked: sqlglot does not read this SQL.")
            return
        yield from missing.values()
        for one in () if faults else self._refused(sql):
            # DuckDB names one column that it does not find; it may be among those above.
            if not any(name.lower() in missing for name in _QUOTED.findall(one.message)):
                yield one

    def _tables_of(self, sql: Sql) -> list[tuple[str, str, str]]:
        try:
            reads = self._statements.select(sql.text).reads
            named = [(read.schema, read.table, read.at) for read in reads if read.schema]
        except StatementError:
            found = sql_columns.tables_named(sql.text)
            named = [(read.source, read.table, read.at) for read in found]
        return [(source, table, sql.at(at.line, at.column)) for source, table, at in named]

    def _table(self, source: str, table: str, where: str) -> Iterator[Finding]:
        """What is wrong with reading a table."""
        known = self._known.get(source)
        if known is None:
            yield from self._no_source(source, table, where)
            return
        if f"{source}.{table}" in self._pond.reading.asked or table in known.tables:
            return
        if known.silent:
            yield from self._say_silent(source, known)
            return
        has = ", ".join(sorted(known.tables)) or "none"
        if table in known.going:
            message = (
                f"{source}.{table} is about to go: {known.line} {known.workspace} no longer has it."
            )
            yield self._made("error", where, message, f"Read another table; it has {has}.")
            return
        meant = nearest(table, known.tables, "Did you mean {!r}?")
        if not known.all_known:
            message = f"Whether {known.line} has a table {table!r} is not known before it runs."
            yield self._made("note", where, message)
            return
        message = f"{known.line} has no table {table!r}; it has {has}."
        yield self._made(
            "error", where, message, meant or f"Correct the name, or let {source} write it."
        )

    def _no_source(self, source: str, table: str, where: str) -> Iterator[Finding]:
        if source in _NO_SOURCES or where.partition(":")[0].endswith(".sql"):
            return  # of SQL files the import says it
        meant = nearest(source, self._known, "Did you mean {!r}?")
        declared = ", ".join(sorted(self._known)) or "none"
        yield self._made(
            "error",
            where,
            f"{source}.{table}: {source!r} is not a Source of this Pond; [sources] has {declared}.",
            meant or "Add it to [sources] in pond.toml.",
        )

    def _say_silent(self, source: str, known: SourceKnown) -> Iterator[Finding]:
        if source not in self._silent:
            self._silent.add(source)
            message = f"The tables of Source {source} are not known: {known.silent}."
            yield self._made("note", "pond.toml", message)

    def _columns(self, sql: Sql) -> Iterator[tuple[str, Finding]]:
        """The columns that its tables do not have, by name."""
        for read in sql_columns.columns_read(sql.text):
            source = self._known.get(read.source)
            table = source.tables.get(read.table) if source else None
            if source is None or table is None:
                continue
            if table.columns is None:
                self._say_unknown(read, source)
                continue
            has = {name.lower() for name in table.columns}
            if read.column in has or read.column == "rowid":
                continue
            where = sql.at(read.at.line, read.at.column)
            yield read.column, self._missing(where, read, source, table)

    def _say_unknown(self, read: sql_columns.ColumnRead, source: SourceKnown) -> None:
        """Python makes the table, and it was not published yet: one note for it."""
        self._unknown.setdefault(
            read.ref,
            self._made(
                "note",
                "pond.toml",
                f"The columns of {read.ref} are not known before {source.line} runs.",
            ),
        )

    def _missing(
        self, where: str, read: sql_columns.ColumnRead, source: SourceKnown, table: TableKnown
    ) -> Finding:
        has = list(table.columns or ())
        meant = nearest(read.column, has, "Did you mean {!r}?")
        if read.column in {name.lower() for name in table.going}:
            message = (
                f"{read.ref}.{read.column} is about to go: {source.line} {source.workspace} no "
                "longer has this column."
            )
            return self._made("error", where, message, f"It has {', '.join(has)}.")
        message = f"{read.ref} has no column {read.column!r}; it has {', '.join(has)}."
        return self._made("error", where, message, meant or "Correct the name.")

    def _refused(self, sql: Sql) -> Iterator[Finding]:
        for one in self._bound.refused:
            if one.sql is sql:
                at = one.at or Place(1, 1)
                where = sql.at(at.line, at.column)
                yield self._made("error" if one.is_certain else "warning", where, one.message)
