"""Which tables a line publishes, and the contract of whole tables. Rules: docs/engine.md, "Tables".

A run need not write each table that is published. A table of the run's own package is carried over.
A table that a *new* package leaves unwritten is a breach, unless its author kept or dropped it, or
the Ripple that wrote it called ``skip`` because nothing has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from duckstring.engine import visible
from duckstring.engine.effects import PublishSnapshot, RecordRun
from duckstring.engine.signals import Republished
from duckstring.engine.state import Run
from duckstring.engine.turn import Turn
from duckstring.model import commands
from duckstring.model.catalog import DroppedTable, Release, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER
from duckstring.model.names import package_id, run_key, writer_of
from duckstring.model.values import replace

MOST_DROPPED = 100
"""Dropped tables that a line remembers, the newest: they lie in an item of at most 400 KB."""

_MOST_NAMED = 4


class Contents(NamedTuple):
    """What runs would leave published. ``breaches``: tables that they must not leave unwritten."""

    tables: dict[str, TableVersion]
    gone: frozenset[str]
    breaches: tuple[TableVersion, ...]


def contents_after(turn: Turn, done: Sequence[Run]) -> Contents:
    """What is published after these runs, the oldest first: what they wrote, and what stays of the
    rest.
    """
    newest = done[-1]
    package = package_id(newest.artifact)
    written: dict[str, TableVersion] = {}
    gone = turn.removing
    for run in done:
        gone = gone - run.outputs.keys() | (run.dropped - run.outputs.keys())
        written |= {name: _written(version, run, package) for name, version in run.outputs.items()}
    unwritten = [
        version for name, version in turn.tables.items() if name not in written and name not in gone
    ]
    stays = {version.table: _carried(turn, version, done, package) for version in unwritten}
    breaches = tuple(version for version in unwritten if stays[version.table] is None)
    tables = {**{name: version for name, version in stays.items() if version}, **written}
    return Contents(
        {name: version for name, version in tables.items() if name not in gone},
        gone & turn.tables.keys(),
        breaches,
    )


def _written(version: TableVersion, run: Run, package: str) -> TableVersion:
    return replace(version, f=run.f, version=run.version, package=package, confirmed=NEVER)


def _carried(
    turn: Turn, version: TableVersion, done: Sequence[Run], package: str
) -> TableVersion | None:
    """The table as it stays published. None: it must not stay."""
    newest, (_, writer) = done[-1], writer_of(version.key)
    is_confirmed = writer in turn.ripples and writer in newest.skipped
    if is_confirmed:
        version = replace(version, confirmed=newest.f)
    if any(version.table in run.kept for run in done):
        return replace(version, package=package)
    if version.package == package:
        return version
    if not version.package and turn.published_artifact in {
        "",
        newest.artifact,
    }:  # published before packages were recorded
        return replace(version, package=package)
    if is_confirmed and not any(_ran(writer, run) for run in done):
        return version
    return None


def _ran(ripple: str, run: Run) -> bool:
    """Whether a Ripple did the work of a run, and did not skip."""
    return ripple in run.attempts and ripple not in run.skipped


def breach(turn: Turn, run: Run, tables: Sequence[TableVersion]) -> Failure:
    """Why a run that leaves ``tables`` unwritten is not published: which tables, who wrote them
    last, and what the author can do.
    """
    named = "; ".join(_last_written(turn, version) for version in tables[:_MOST_NAMED])
    more = f"; and {len(tables) - _MOST_NAMED} more" if len(tables) > _MOST_NAMED else ""
    what, it = ("Table", "it") if len(tables) == 1 else ("Tables", "each")
    first = tables[0].table
    remove = commands.remove_table(turn.line, first)
    message = (
        f"Version {run.version} no longer writes what this major version has published. {what} "
        f"{named}{more}. "
        f'Write {it} again; or carry {it} over on purpose: pond.keep_table("{first}"); or retire '
        f"{it}: "
        f'pond.drop_table("{first}") in a Ripple, or `{remove}`. '
        "A new major version may leave it out."
    )
    return Failure("", 0, "ContractError", message)


def _last_written(turn: Turn, version: TableVersion) -> str:
    run, ripple = writer_of(version.key)
    by = f" by run {run_key(turn.line, run)}" if run else ""
    of = f" of version {version.version}" if version.version else ""
    what = (
        ""
        if not ripple
        else f", Ripple {ripple!r}"
        if ripple in turn.ripples
        else f", Ripple {ripple!r}, which is gone"
    )
    return f"{version.table!r} (last written{by}{of}{what})"


def publish(
    turn: Turn,
    contents: Contents,
    *,
    snapshot: int,
    version: str,
    warnings: tuple[CheckWarning, ...],
) -> None:
    """Make these the line's tables, in a snapshot of this number, and remember the tables that are
    gone. ``warnings``: of the checks of these tables.
    """
    dropped = {
        name: DroppedTable(snapshot, version, removed=name in turn.removing)
        for name in sorted(contents.gone)
    }
    known = {
        name: one for name, one in turn.dropped.items() if name not in contents.tables
    } | dropped
    newest = sorted(known.items(), key=lambda item: (-item[1].snapshot, item[0]))[:MOST_DROPPED]
    if known != turn.dropped:
        turn.dropped = dict(sorted(newest))
    turn.put_tables(contents.tables)
    turn.removing = frozenset()
    turn.snapshot, turn.warnings = snapshot, warnings
    turn.emit(
        PublishSnapshot(
            snapshot,
            turn.snapshot_f,
            turn.tables,
            turn.dropped,
            warnings,
            turn.positions,
            turn.held_f,
        )
    )


def remove_table(turn: Turn, table: str) -> None:
    """An operator wants the table to be published no longer."""
    if table in turn.tables:
        turn.removing = turn.removing | {table}


def publish_removals(turn: Turn) -> bool:
    """Publish a snapshot without the tables that an operator removed, if no run in flight is about
    to publish one.

    The snapshot is numbered as runs are, so it is newer than every snapshot before it. The
    freshness stays. As after a forced run, the next output counts as changed.
    """
    release = turn.release
    if not turn.removing or turn.runs or release is None:
        return False
    left = {name: version for name, version in turn.tables.items() if name not in turn.removing}
    _publish_without_a_run(turn, release, left, turn.warnings, "removal")
    return True


def again(kept: PublishSnapshot, *, over: int) -> Republished | None:
    """The signal that publishes an earlier snapshot in place of ``over``, with what its manifest
    has. None: the manifest is of the release before, which kept too little.
    """
    if kept.positions is None:
        return None
    held_f = kept.f if kept.held_f == NEVER else kept.held_f
    return Republished(kept.run, over, held_f, kept.tables, kept.positions, kept.warnings)


def publish_again(turn: Turn, wanted: Republished) -> None:
    """Publish what an earlier snapshot had, under a new number.

    The freshness stays, since Sinks have taken it. What the Ripples find goes back as a whole: the
    tables, how far they have taken those of Sources, and as of when all of it holds. So the next
    run takes in again what came since, and it may not pass.
    """
    release = turn.release
    if turn.runs or release is None or wanted.over != turn.snapshot:
        return
    if not turn.former < wanted.snapshot < turn.snapshot:
        return
    turn.positions, turn.held_f = wanted.positions, wanted.held_f
    visible.forget_ripples(turn)
    visible.forget_former_sources(turn)
    turn.published_artifact = ""
    package = package_id(release.artifact)
    tables = {
        # What this package has written or kept since need not be written again by its next run.
        name: replace(version, package=package)
        if name in turn.tables and turn.tables[name].package == package
        else version
        for name, version in wanted.tables.items()
    }
    _publish_without_a_run(turn, release, tables, wanted.warnings, "rollback")


def _publish_without_a_run(
    turn: Turn,
    release: Release,
    tables: Mapping[str, TableVersion],
    warnings: tuple[CheckWarning, ...],
    how: Literal["removal", "rollback"],
) -> None:
    turn.runs_started += 1
    number, gone = turn.runs_started, frozenset(turn.tables.keys() - tables.keys())
    turn.snapshot_f = turn.end_f if turn.snapshot_f == NEVER else turn.snapshot_f
    turn.removing = gone
    contents = Contents(dict(tables), gone, ())
    publish(turn, contents, snapshot=number, version=release.version, warnings=warnings)
    turn.restated = True
    turn.emit(RecordRun(number, turn.end_f, release.version, how, turn.now, turn.now))
