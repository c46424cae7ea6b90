"""``duckstring plan``: what a deploy of these projects would change. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypedDict

from semver import Version

from duckstring.author.contract import Published, breaches
from duckstring.model.answers.status import LineStatus
from duckstring.model.names import Line, parse_line
from duckstring_cli import durations, render
from duckstring_cli.checking.changes import code_of
from duckstring_cli.checking.check import Checked, check
from duckstring_cli.checking.findings import Finding, FindingRow
from duckstring_cli.checking.local import LocalPond
from duckstring_cli.checking.remote import Remote
from duckstring_cli.errors import CatchmentRefusedError
from duckstring_cli.render import OnStep

Result = Literal["new", "changed", "same", "other contents"]
TableChange = Literal["added", "goes", "changed", "kept", "not known"]


class TablePlan(TypedDict):
    """What becomes of one table. ``details``: its columns, one change each. ``readers``: which
    Sinks read it, in the Catchment's words; null: nobody does.
    """

    table: str
    change: TableChange
    details: list[str]
    readers: str | None


class RipplePlan(TypedDict):
    """Ripples by what becomes of them. ``compared``: whether their code was, too."""

    added: list[str]
    removed: list[str]
    changed: list[str]
    kept: list[str]
    known: bool
    compared: bool


class PondPlan(TypedDict):
    """What a deploy would do to one line. ``runs``: what would run because of it, and when."""

    line: str
    version: str
    deployed: str | None
    result: Result
    sources: list[str]
    ripples: RipplePlan
    tables: list[TablePlan]
    runs: list[str]


class Planned(TypedDict):
    """The answer of ``plan``."""

    catchment: str
    ponds: list[PondPlan]
    findings: list[FindingRow]


@dataclass(slots=True)
class Plan:
    """A plan, and what the check found."""

    checked: Checked
    remote: Remote
    ponds: list[PondPlan] = field(default_factory=list)

    def answer(self) -> Planned:
        """As JSON."""
        return {
            "catchment": self.remote.name,
            "ponds": self.ponds,
            "findings": [one.row() for one in self.checked.findings],
        }


def plan(roots: Sequence[Path], remote: Remote, on_step: OnStep) -> Plan:
    """Check the projects, and compare them with what is deployed."""
    made = Plan(check(roots, remote, on_step), remote)
    on_step(f"Comparing with Catchment {remote.name}")
    for pond in made.checked.ponds:
        made.ponds.append(_pond(pond, made))
    return made


def _pond(pond: LocalPond, made: Plan) -> PondPlan:
    held = made.remote.deployed(pond.line)
    result = _result(pond, made.remote)
    tables = [] if result == "same" else list(_tables(pond, made))
    made.checked.findings += _of_version(pond, result, made.remote)
    made.checked.findings += _of_tables(pond, tables)
    return {
        "line": pond.line,
        "version": pond.pondfile.pond.version,
        "deployed": made.remote.version(pond.line),
        "result": result,
        "sources": list(_sources(pond, made)),
        "ripples": _ripples(pond, held, _changes(pond, result, made.remote)),
        "tables": tables,
        "runs": [] if result == "same" else list(_runs(pond, made)),
    }


def _result(pond: LocalPond, remote: Remote) -> Result:
    held = remote.deployed(pond.line)
    if held is None:
        return "new"
    if remote.version(pond.line) != pond.pondfile.pond.version:
        return "changed"
    return "same" if held.get("package") == pond.sha256 else "other contents"


def broken_contracts(checked: Checked, remote: Remote) -> list[Finding]:
    """What of the published tables the projects would break: their runs would fail."""
    made = Plan(checked, remote)
    return [
        finding
        for pond in checked.ponds
        if _result(pond, remote) != "same"
        for finding in _of_tables(pond, list(_tables(pond, made)))
    ]


def _of_version(pond: LocalPond, result: Result, remote: Remote) -> Iterator[Finding]:
    manifest, version = pond.path("pond.toml"), pond.pondfile.pond.version
    before = remote.version(pond.line)
    if result == "changed" and before and Version.parse(version) < Version.parse(before):
        message = f"{pond.line} goes back from {before} to {version}."
        yield Finding("warning", pond.name, manifest, message)
    if result == "other contents":
        yield Finding(
            "error",
            pond.name,
            manifest,
            f"{pond.name} {version} is deployed already, with other contents.",
            "Raise version, or deploy with --overwrite.",
        )


def _of_tables(pond: LocalPond, tables: Sequence[TablePlan]) -> Iterator[Finding]:
    manifest = pond.path("pond.toml")
    for one in tables:
        if one["change"] == "goes" and one["table"] not in _names(pond.reading.dropped):
            yield Finding(
                "error",
                pond.name,
                manifest,
                f"Table {one['table']!r} is published, and this version does not write it: its "
                "run would fail with ContractError.",
                "Write it, or call pond.keep_table or pond.drop_table, or raise the major.",
            )
        elif one["change"] == "changed" and (broken := _breaches(one)):
            written = next(w.where for w in pond.reading.writes if w.name == one["table"])
            yield Finding(
                "error",
                pond.name,
                pond.path(written),
                f"Table {one['table']!r} would break the contract of {pond.line}: "
                f"{'; '.join(broken)}.",
                "Keep the column and its type, or raise the major.",
            )


def _names(named: Sequence[object]) -> set[str]:
    return {str(getattr(one, "name", "")) for one in named}


_GROWTH = "new column"


def _breaches(one: TablePlan) -> list[str]:
    return [detail for detail in one["details"] if not detail.startswith(_GROWTH)]


def _sources(pond: LocalPond, made: Plan) -> Iterator[str]:
    beside = {one.line: one.pondfile.pond.version for one in made.checked.ponds}
    for spec in pond.pondfile.sources():
        version = made.remote.version(spec.line)
        what = f"{version} is deployed" if version else "not deployed yet"
        planned = beside.get(spec.line)
        if planned and planned != version:
            what = f"{what}, {planned} in this plan"
        optional = ", optional" if spec.optional else ""
        yield f"{spec.line} at least {spec.minimum}{optional} ({what})"


def _changes(pond: LocalPond, result: Result, remote: Remote) -> dict[str, str] | None:
    """What of the code of each Ripple has changed; None: that is not known."""
    if result in {"new", "same"} or pond.ripples is None:
        return {}
    module = pond.pondfile.pond.ripples
    now, package = code_of(pond.content, module), remote.package(pond.line)
    before = code_of(package, module) if package is not None else None
    if now is None or before is None:
        return None
    return {one.name: now.change_of(one.name, before) for one in pond.ripples}


def _ripples(
    pond: LocalPond, held: LineStatus | None, changes: Mapping[str, str] | None
) -> RipplePlan:
    before = {one["name"]: list(one["parents"]) for one in held["ripples"]} if held else {}
    now = {one.name: list(one.parents) for one in pond.ripples or ()}
    both = [name for name in now if name in before]
    changed = {
        name: ", ".join(
            filter(None, (_parents(before[name], now[name]), (changes or {}).get(name)))
        )
        for name in both
    }
    return {
        "added": [name for name in now if name not in before],
        "removed": [name for name in before if name not in now] if pond.ripples else [],
        "changed": [f"{name} ({what})" for name, what in changed.items() if what],
        "kept": [name for name, what in changed.items() if not what],
        "known": pond.ripples is not None,
        "compared": changes is not None,
    }


def _parents(before: Sequence[str], now: Sequence[str]) -> str:
    if sorted(before) == sorted(now):
        return ""
    return f"parents: {_list(before)} -> {_list(now)}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _tables(pond: LocalPond, made: Plan) -> Iterator[TablePlan]:
    published: Mapping[str, Published] = made.remote.tables(pond.line) or {}
    written = made.checked.bound[pond.line].tables
    kept = _names(pond.reading.kept)
    for table in sorted({*published, *written}):
        change: TableChange = "kept"
        details: list[str] = []
        if table not in published:
            change = "added"
        elif table not in written:
            change = "not known" if pond.reading.open_writes else "goes"
        elif table in kept and written[table] is None:
            change = "kept"
        elif (columns := written[table]) is None:
            change = "not known"
        else:
            details = [str(one) for one in breaches(published[table], columns)]
            details += [
                f"{_GROWTH} {name!r} {kind}"
                for name, kind in columns.items()
                if name not in published[table].columns
            ]
            change = "changed" if details else "kept"
        is_read = change in {"goes", "changed"}
        readers = _readers(pond.line, table, made.remote) if is_read else None
        yield {"table": table, "change": change, "details": details, "readers": readers}


def _readers(line: Line, table: str, remote: Remote) -> str | None:
    """The Sinks that read a table, or may, as the Catchment says when it refuses to remove it."""
    pond, major = parse_line(line)
    try:
        remote.client.remove(pond, major=major, table=table, dry=True)
    except CatchmentRefusedError as error:
        if error.type != "TableStillReadError":
            raise
        return error.message.partition("cannot be removed: ")[2].rstrip(".") or error.message
    return None


def _runs(pond: LocalPond, made: Plan) -> Iterator[str]:
    """What asks for this line: its own trigger, those of its Sinks, and demand that waits."""
    held = made.remote.deployed(pond.line)
    if held is not None and held["status"] in {"killed", "failed"}:
        after = "a deploy clears the failure" if held["status"] == "failed" else "it stays down"
        yield f"{pond.line} is {held['status']}: {after}."
    if held is not None and any(held["demand"].values()):
        yield f"{pond.line} runs at once: it has demand that waits."
    if held is not None and (opening := _opening(held)):
        yield opening
    asking = [one for line in _downstream(pond.line, made) if (one := _asks(line, pond, made))]
    yield from asking
    if asking and held is not None:
        yield "A new version runs once, whether or not its Sources have changed."
    if not asking and (held is None or not any(held["demand"].values())):
        yield f"Nothing: no Wave or Tide asks for {pond.line} or what reads it."


def _opening(held: LineStatus) -> str:
    """When an Inlet's Window opens, if none is open."""
    ahead = [window["next"]["start"] for window in held["windows"] if window["next"]]
    if not ahead or any(window["open"] for window in held["windows"]):
        return ""
    return f"Its Window opens at {render.moment(min(ahead))}: it runs then at the earliest."


def _downstream(line: Line, made: Plan) -> list[str]:
    """The line and everything that reads it, directly or through others, in the Catchment and in
    this plan.
    """
    sinks: dict[str, set[str]] = {}
    for name, status in made.remote.lines.items():
        sinks.setdefault(name, set()).update(status["sinks"])
        for source in status["sources"]:
            sinks.setdefault(source["line"], set()).add(name)
    for pond in made.checked.ponds:
        for spec in pond.pondfile.sources():
            sinks.setdefault(spec.line, set()).add(pond.line)
    found: dict[str, None] = {line: None}
    ahead = [str(line)]
    while ahead:
        for sink in sorted(sinks.get(ahead.pop(0), ())):
            if sink not in found:
                found[sink] = None
                ahead.append(sink)
    return list(found)


def _asks(line: str, pond: LocalPond, made: Plan) -> str:
    status = made.remote.deployed(line)
    trigger = status["trigger"] if status else None
    if status is None or trigger is None:
        return ""
    if trigger["kind"] == "wave":
        return f"The Wave of {line} asks for {pond.line} at once, again and again."
    bound = trigger.get("bound") or 0.0
    tide = f"The Tide {durations.exact(bound)} of {line}"
    return f"{tide} asks for {pond.line} {_when(status, bound, made)}."


def _when(status: LineStatus, bound: float, made: Plan) -> str:
    end, now = render.read_instant(status["end_f"]), render.read_instant(made.remote.now)
    if end is None or now is None or status["staleness_seconds"] is None:
        return "at once: it has never run"
    due = end + timedelta(seconds=bound)
    return f"at {render.moment(due.isoformat())}" if (due - now).total_seconds() > 0 else "at once"
