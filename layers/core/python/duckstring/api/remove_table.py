"""Taking one table out of what a line publishes, unless a Sink may read it.

What a Sink reads is known from its own history: each attempt that succeeded has recorded the
Sources' tables that it read, or may have read by its SQL (``worker/mentions.py``). What is not
known counts as read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from duckstring.api.ports import RemoveTablePorts
from duckstring.api.post import post_and_wait
from duckstring.api.remove import choose
from duckstring.engine.signals import TableRemoved
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError, nearest
from duckstring.model.catalog import Release
from duckstring.model.instants import to_text
from duckstring.model.names import Line, package_id, parse_line, run_key
from duckstring.ports import RunFilter

if TYPE_CHECKING:
    from duckstring.model.answers.changes import RemoveAnswer

_LAST_RUNS = 10


class TableNotPublishedError(OperatorError):
    """There is no such table."""

    def __init__(self, line: Line, table: str, *, known: Collection[str]) -> None:
        """Name what is ``known``."""
        has = f"it has {', '.join(sorted(known))}" if known else "it has published none"
        super().__init__(
            f"{line} has no table {table!r}; {has}.",
            hint=nearest(table, known, "Did you mean {}?"),
        )


class TableStillReadError(OperatorError):
    """Sinks read the table."""

    def __init__(self, line: Line, table: str, readers: Sequence[str]) -> None:
        """Name every Sink that reads it, or may read it, and why."""
        pond, _ = parse_line(line)
        super().__init__(
            f"{line}: table {table!r} cannot be removed: {'; '.join(readers)}.",
            hint=(
                f"Deploy these Sinks without {pond}.{table} and run them once, or let {pond} "
                f"drop it: pond.drop_table({table!r})."
            ),
        )


def remove_table(
    pond: str, table: str, ports: RemoveTablePorts, *, major: int | None = None, dry: bool = False
) -> RemoveAnswer:
    """Remove a published table of a line. ``dry``: only check. A table that is gone already counts
    as success.

    Raises:
        OperatorError: there is no such line or table, or a Sink reads it, or may.
    """
    releases = ports.catalog.releases()
    release = choose(releases, pond, major)
    line = release.line
    seen = ports.states.read([line]).get(line)
    state = seen.state if seen else PondState(line)
    if table not in state.tables or table in state.removing:
        return _gone_already(state, table)
    if readers := [
        why for sink in _sinks(line, releases) if (why := _reads(sink, f"{pond}.{table}", ports))
    ]:
        raise TableStillReadError(line, table, readers)
    warnings = _warnings(state, table)
    applied, waiting_runs = (False, []) if dry else _remove(line, table, ports)
    return {
        "line": line,
        "table": table,
        "removed": [f"{line} {table}"],
        "stopped": [],
        "warnings": warnings,
        "applied": applied,
        "waits_for": waiting_runs,
    }


def _remove(line: Line, table: str, ports: RemoveTablePorts) -> tuple[bool, list[str]]:
    """Whether the line has received it, and the runs in flight. The table goes with the first of
    these that ends.
    """
    posted = post_and_wait(
        line, TableRemoved(table), mailbox=ports.mailbox, states=ports.states, clock=ports.clock
    )
    waiting_runs = (
        sorted(posted.state.runs) if posted.applied and table in posted.state.tables else []
    )
    return posted.applied, [run_key(line, number) for number in waiting_runs]


def _gone_already(state: PondState, table: str) -> RemoveAnswer:
    gone = state.dropped.get(table)
    if table in state.removing:
        since = (
            f"is about to be removed, with run {run_key(state.line, min(state.runs))}"
            if state.runs
            else "is about to be removed"
        )
    elif gone is not None:
        how = "removed by an operator" if gone.removed else f"dropped in version {gone.version}"
        since = f"was {how} already ({run_key(state.line, gone.snapshot)})"
    else:
        raise TableNotPublishedError(state.line, table, known=state.tables)
    return {
        "line": state.line,
        "table": table,
        "removed": [],
        "stopped": [],
        "waits_for": [],
        "warnings": [f"Table {table!r} of {state.line} {since}."],
        "applied": True,
    }


def _warnings(state: PondState, table: str) -> list[str]:
    release = state.release
    if release is None or state.tables[table].package != package_id(release.artifact):
        return []
    return [
        (
            f"{state.line} runs version {release.version}, which wrote {table!r}: a run that "
            "writes it publishes it again."
        )
    ]


def _sinks(line: Line, releases: Mapping[Line, Release]) -> list[Release]:
    return [
        release
        for _, release in sorted(releases.items())
        if any(spec.line == line for spec in release.sources)
    ]


def _reads(sink: Release, ref: str, ports: RemoveTablePorts) -> str:
    """Why a Sink reads a table, or may read it. Empty: its last runs did not.

    Only runs of the selected package count: another package may read other tables.
    """
    rows = ports.history.runs(
        now=ports.clock.now(), limit=_LAST_RUNS, line=sink.line, only=RunFilter("success")
    )
    runs = [
        row
        for row in rows
        if row["version"] == sink.version and row["started"] >= to_text(sink.deployed)
    ]
    looked_at: set[str] = set()
    for row in runs:
        for attempt in ports.history.attempts(sink.line, row["number"]):
            if attempt["status"] != "success":
                continue
            reads = attempt["reads"]
            if reads is None:
                return (
                    f"{sink.line} may read it ({row['run']}: its code asks for the names of "
                    "tables, or is too large to look at)"
                )
            if ref in reads:
                return f"{sink.line} reads it ({row['run']}, Ripple {attempt['ripple']!r})"
            looked_at.add(attempt["ripple"])
    unknown = [spec.name for spec in sink.ripples if spec.name not in looked_at]
    if not unknown:
        return ""
    return f"{sink.line} may read it (version {sink.version} has not run since it was deployed)"
