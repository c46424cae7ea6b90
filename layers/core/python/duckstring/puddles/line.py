"""The Pond's line on its author's machine: the engine's own state and rules, without letters.

What a Catchment's orchestrator keeps in DynamoDB is a file here. A run is folded into it by the
engine's functions, so tables are carried over, dropped and refused as there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec

from duckstring.author.contents import content_of
from duckstring.author.stored import gather
from duckstring.engine.ripples import finish_ripple
from duckstring.engine.signals import RippleSucceeded
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.engine.tables import breach, contents_after, publish
from duckstring.engine.turn import Turn
from duckstring.engine.visible import publish_positions
from duckstring.errors import OperatorError
from duckstring.model.arrivals import ARRIVALS
from duckstring.model.catalog import Release, RippleSpec, TableVersion
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant, just_after
from duckstring.model.names import package_id, path_of_key, table_key, writer_of
from duckstring.model.values import replace
from duckstring.puddles.inputs import Input, file_of, write_whole
from duckstring.puddles.project import LocalPond
from duckstring.puddles.storage import VERSIONS, taken_file

_FILE = ".state.json"
SEED = 0
"""The run that writes what Puddles, or a test, give in the place of the Pond's own tables."""


class LocalLine:
    """One line: what is published, and the run in flight."""

    def __init__(self, pond: LocalPond, specs: Sequence[RippleSpec], state: PondState) -> None:
        """The line as ``state`` has it, with these Ripples, parents first."""
        self._pond = pond
        self.state = replace(
            state,
            release=_release(pond, specs),
            ripples={spec.name: _ripple(spec, state) for spec in specs},
            runs={},
        )
        self._before = self.state.ripples

    @property
    def run(self) -> Run:
        """The run in flight."""
        (run,) = self.state.runs.values()
        return run

    @property
    def newest(self) -> Instant:
        """The freshness of the newest run."""
        return max([self.state.end_f, *(one.end_f for one in self.state.ripples.values())])

    def begin(self, now: Instant, *, arrived: int = 0) -> Run:
        """Begin a run. Its freshness is ``now``, or just after that of the run before it. So many
        objects have ``arrived``.
        """
        self._before = self.state.ripples
        f = max(now, just_after(self.newest))
        turn = Turn(self.state, now)
        turn.runs_started += 1
        pond = self._pond
        turn.put_run(
            Run(
                turn.runs_started,
                f,
                turn.end_f,
                timedelta(0),
                pond.pondfile.pond.version,
                pond.artifact,
                pond.pondfile.pond.ripples,
                0,
                now,
                arrived=arrived,
            )
        )
        turn.arrived = arrived
        self.state = turn.freeze()
        return self.run

    def start(self, ripple: str, now: Instant) -> None:
        """Give a Ripple its attempt."""
        turn = Turn(self.state, now)
        run, attempt = self.run, Attempt(self.run.number, 1, now, dispatched=True)
        turn.put_run(replace(run, attempts={**run.attempts, ripple: 1}))
        turn.put_ripple(replace(turn.ripples[ripple], start_f=run.f, attempt=attempt))
        self.state = turn.freeze()

    def finish(self, report: RippleSucceeded, now: Instant) -> None:
        """Take over what an attempt has written."""
        turn = Turn(self.state, now)
        finish_ripple(turn, report)
        self.state = turn.freeze()

    def complete(self, now: Instant, *, whole: bool) -> Failure | None:
        """Publish the run. ``whole``: all Ripples were in it; otherwise the tables of the others
        stay.

        Returns:
            Why the run is not published; None: it is.
        """
        turn, run = Turn(self.state, now), self.run
        contents = contents_after(turn, [run])
        if contents.breaches and whole:
            return breach(turn, run, contents.breaches)
        rest = {version.table: version for version in contents.breaches}
        contents = contents._replace(tables={**rest, **contents.tables}, breaches=())
        turn.drop_run(run.number)
        publish_positions(turn, [run], gone=())
        # Without a run of all, nobody has checked what is published now.
        warnings = run.warnings if whole else ()
        publish(turn, contents, snapshot=run.number, version=run.version, warnings=warnings)
        turn.snapshot_f = run.f
        if whole:
            turn.end_f, turn.published_artifact = run.f, run.artifact
        self.state = turn.freeze()
        return None

    def abandon(self) -> None:
        """Nothing of the run is published, so its Ripples are as they were before it: their work
        is done again. Its number is used up.
        """
        self.state = replace(self.state, runs={}, ripples=self._before)

    def has_run(self, ripple: str) -> bool:
        """Whether a run of this Ripple is published."""
        return self.state.ripples[ripple].end_f != NEVER

    def previous_f(self, ripple: str) -> Instant:
        """The freshness of the tables that a Ripple finds. Before its first run that is when
        Puddles made the Pond's own tables, if they did.
        """
        if self.has_run(ripple):
            return self.state.ripples[ripple].end_f
        seeds = [one.f for one in self.state.tables.values() if writer_of(one.key)[0] == SEED]
        return max(seeds, default=NEVER)

    def seed(self, tables: Mapping[str, TableVersion], f: Instant) -> None:
        """Have these tables published, though no Ripple has run."""
        package = package_id(self._pond.artifact)
        new = {
            name: replace(one, f=f, version=self._pond.pondfile.pond.version, package=package)
            for name, one in tables.items()
        }
        published = {**self.state.tables, **new}
        self.state = replace(
            self.state,
            tables=published,
            end_f=f,
            snapshot_f=f,
            published_artifact=self._pond.artifact,
        )


def read_line(pond: LocalPond, specs: Sequence[RippleSpec]) -> LocalLine:
    """The line as earlier runs have left it in ``puddles/out``.

    Raises:
        OperatorError: that cannot be read.
    """
    path = pond.outputs / _FILE
    try:
        state = msgspec.json.decode(path.read_bytes(), type=PondState, strict=False)
    except FileNotFoundError:
        state = PondState(pond.line)
    except msgspec.DecodeError as error:
        raise OperatorError(
            f"{path} cannot be read: {error}.",
            hint="Forget the earlier runs: duckstring pond run --fresh",
        ) from error
    if state.line != pond.line:  # another major begins anew
        state = PondState(pond.line)
    held = {
        name: one
        for name, one in state.tables.items()
        if all(_file_of(pond, key).is_file() for key in one.keys)
    }
    positions = {
        ripple: {
            ref: one
            for ref, one in taken.items()
            if not one.whole or taken_file(pond.outputs, one.key).is_file()
        }
        for ripple, taken in state.positions.items()
    }
    return LocalLine(pond, specs, replace(state, tables=held, positions=positions))


def write_line(pond: LocalPond, line: LocalLine) -> None:
    """Keep the line's state, and show each published table as ``puddles/out/TABLE.parquet``."""
    pond.outputs.mkdir(parents=True, exist_ok=True)
    content = msgspec.json.encode(line.state)
    write_whole(pond.outputs / _FILE, content)
    tables = line.state.tables
    for name, version in tables.items():
        _show(pond, version, pond.outputs / f"{name}.parquet")
    for old in pond.outputs.glob("*.parquet"):
        if old.stem not in tables:
            old.unlink()
    kept = {_file_of(pond, key) for version in tables.values() for key in version.keys}
    kept |= _taken(pond, line.state)
    _drop_others(pond.outputs / VERSIONS, kept)


def _drop_others(folder: Path, kept: set[Path]) -> None:
    """Delete all files below a folder but these, and the folders in which nothing is left."""
    for old in folder.rglob("*"):
        if old.is_file() and old not in kept:
            old.unlink()
    for old in sorted(folder.glob("*/*/**/"), reverse=True):  # what is inside comes first
        with suppress(OSError):  # it has files that are kept
            old.rmdir()


def forget(pond: LocalPond) -> None:
    """Forget all earlier runs."""
    shutil.rmtree(pond.outputs, ignore_errors=True)


def seed_from(pond: LocalPond, inputs: Mapping[str, Input], line: LocalLine) -> None:
    """Publish the tables that Puddles have made in the place of the Pond's own, before its first
    run.
    """
    seeds = {}
    for table, one in inputs.items():
        key = table_key(
            pond.line, table, run=SEED, ripple="puddle", attempt=1, invocation=one.fingerprint[:16]
        )
        target = pond.outputs / VERSIONS / table / key.rpartition("/")[2]
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(pond.inputs / pond.name / f"{table}.parquet", target)
        seeds[table] = TableVersion(table, key, one.rows, one.bytes, one.fingerprint)
    if seeds:
        line.seed(seeds, min(one.changed for one in inputs.values()))


def _file_of(pond: LocalPond, key: str) -> Path:
    return pond.outputs / VERSIONS / path_of_key(key)


def _show(pond: LocalPond, version: TableVersion, target: Path) -> None:
    """Have the table as one file."""
    if not version.parts:
        _link(_file_of(pond, version.key), target)
        return
    from duckdb import connect  # noqa: PLC0415 - most lines have no such table

    part = target.with_name(f".{target.name}.part")
    with connect() as con:
        gather(con, content_of(version, lambda key: str(_file_of(pond, key))), str(part))
    part.replace(target)


def _taken(pond: LocalPond, state: PondState) -> set[Path]:
    """Keep the tables of Sources that Ripples have taken, until they have taken newer ones."""
    kept = set()
    for positions in state.positions.values():
        for ref, one in positions.items():
            if ref == ARRIVALS:
                continue
            source, table = one.key.split("/")[1].partition("@")[0], one.key.split("/")[2]
            target, file = (
                taken_file(pond.outputs, one.key),
                file_of(pond.inputs, f"{source}.{table}"),
            )
            if one.whole and not target.is_file() and file.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(file, target)
            kept.add(target)
    return kept


def _link(file: Path, target: Path) -> None:
    """The same file under another name; a copy, where the disk has no such links."""
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        part.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, part)
    # Where both names are one file already, rename does nothing and leaves both.
    os.replace(part, target)  # noqa: PTH105 - as the comment says
    with suppress(FileNotFoundError):
        part.unlink()


def _release(pond: LocalPond, specs: Sequence[RippleSpec]) -> Release:
    fields = pond.pondfile.to_release_fields()
    return Release(
        **fields, ripples=tuple(specs), artifact=pond.artifact, sha256="", deployed=NEVER
    )


def _ripple(spec: RippleSpec, state: PondState) -> RippleState:
    before = state.ripples.get(spec.name)
    f = NEVER if before is None else before.end_f
    return RippleState(spec.name, spec.parents, spec.always_run, start_f=f, end_f=f)
