"""What the fixtures of tests work with: a Pond, its tables, and a clock, all in this process."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from duckstring.author.check import DeclaredCheck
from duckstring.author.checking import declare_checks
from duckstring.author.errors import ContractError, WriteError
from duckstring.author.lake import Lake
from duckstring.author.puddle import TABLE_REF
from duckstring.author.ripple import Declared, collecting, declare, ripple_name
from duckstring.author.sql_file import find_sql
from duckstring.author.sql_ripple import declare_sql
from duckstring.engine.state import PondState
from duckstring.errors import AuthorError, nearest
from duckstring.model.catalog import TableVersion
from duckstring.model.checks import CHECK_FAILED, CHECKS, CheckResult
from duckstring.model.durations import HINT, seconds_of
from duckstring.model.failures import Failure
from duckstring.model.instants import Instant, from_text, just_after
from duckstring.model.names import Line, TableKey, parse_line, table_key
from duckstring.model.pondfile import decode_pondfile, read_pondfile
from duckstring.model.values import replace
from duckstring.puddles.arrivals import LocalBacklog
from duckstring.puddles.attempts import DirectAttempts
from duckstring.puddles.hydrate import hydrate
from duckstring.puddles.inputs import Input, Inputs, file_of, input_key, read_inputs
from duckstring.puddles.line import SEED, LocalLine
from duckstring.puddles.project import LocalPond
from duckstring.puddles.rows import readable_rows
from duckstring.puddles.running import Local, Ran, RippleStatus, Written, run_pond
from duckstring.puddles.storage import FolderStorage
from duckstring.worker.calling import Fault
from duckstring.worker.project import Project

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

_START = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Code(Protocol):
    """The project's modules, as the plugin has found them."""

    root: Path
    path: Path
    name: str


class Folders(Protocol):
    """Makes folders for a test: ``tmp_path_factory``."""

    def mktemp(self, basename: str) -> Path:
        """A new folder."""


class UnwrittenTableError(ContractError):
    """A published table that a run has left unwritten."""

    def __init__(self, failure: Failure) -> None:
        """As the engine words it."""
        AuthorError.__init__(self, failure.message)


class ChecksFailedError(AuthorError):
    """Checks that found what must not exist. Nothing of the run is published."""

    def __init__(self, fault: Fault) -> None:
        """With the rows that they found."""
        super().__init__(fault.message)


class StillClock:
    """The time of a test, 2030-01-01 12:00 UTC at first. It moves when the test moves it.

    ``datetime.now()`` of the Ripple itself stays the machine's: read ``pond.f``.
    """

    __test__ = False

    def __init__(self) -> None:
        """Stands still."""
        self._now: Instant = _START

    def now(self) -> Instant:
        """The instant, UTC."""
        return self._now

    def set(self, instant: Instant | str) -> None:
        """Set it: a datetime with a time zone, or text such as ``2030-01-01T12:00:00Z``.

        Raises:
            ValueError: it is neither.
        """
        found = from_text(instant) if isinstance(instant, str) else instant
        if found.tzinfo is None:
            raise ValueError(f"{instant!r} has no time zone; write datetime(..., tzinfo=UTC)")
        self._now = found.astimezone(UTC)

    def move(self, duration: timedelta | str) -> None:
        """Let time pass: ``"90s"``, ``"1h30m"``, or a timedelta.

        Raises:
            ValueError: it is neither.
        """
        if isinstance(duration, str):
            if (seconds := seconds_of(duration)) is None:
                raise ValueError(f"{duration!r} is not a duration. {HINT}")
            duration = timedelta(seconds=seconds)
        self._now += duration

    def wait(self, duration: timedelta) -> None:
        """A Ripple pauses: time passes at once."""
        self.move(duration)


class _Versions(FolderStorage):
    """Every version of every table has a file of its own, so that nothing that DuckDB has cached
    of one is taken for another.
    """

    def __init__(self, folder: Path, known: Mapping[str, Path], search: Path) -> None:
        super().__init__(Line(""), inputs=folder, outputs=folder, search=search)
        self._folder, self._known = folder, known

    @override
    def _place(self, parsed: TableKey, key: str) -> Path:
        return self._known.get(key) or self._folder / key


class Testbed:
    """One test's Pond."""

    __test__ = False

    def __init__(self, code: Code, folders: Folders) -> None:
        """Nothing is imported or opened yet."""
        self._code, self._folders = code, folders
        self.clock = StillClock()
        self.tables = Tables(self)
        self.run = PondRun(self)
        self._loaded: _Loaded | None = None

    @property
    def loaded(self) -> _Loaded:
        """The Pond, imported at first use."""
        if self._loaded is None:
            self._loaded = _Loaded(self._code, self._folders)
        return self._loaded

    def close(self) -> None:
        """Give back memory and disk."""
        if self._loaded is not None:
            self._loaded.lake.close()


class _Imported(Project):
    """The project whose module the test may have imported already, and may have patched."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.root.resolve(), str(code.path.relative_to(code.root)))
        self._entered = True  # the plugin has seen to it
        self._name = code.name

    @override
    def ripples(self) -> list[Declared]:
        if not self._has_module():
            return super().ripples()  # SQL alone; or it says that there is no module
        python = self._of_module()
        with collecting() as declared:
            for one in python:
                declare(one, ())
            declare_sql(self.root, python)
            declare_checks(self.root, self._of_checks(), declared)
        return declared

    @override
    def find(self, name: str) -> Declared | None:
        if (found := find_sql(self.root, name)) is not None or not self._has_module():
            return found
        found = next((one for one in self._of_module() if one.spec.name == name), None)
        return self.checks_of(self._of_checks()) if found is None and name == CHECKS else found

    def _has_module(self) -> bool:
        return (self.root / self.module).is_file()

    def _of_module(self) -> list[Declared]:
        from duckstring.puddles.pytest_plugin import declared_in  # noqa: PLC0415 - pytest's own

        module: ModuleType = importlib.import_module(self._name)
        return declared_in(module)

    def _of_checks(self) -> list[DeclaredCheck]:
        from duckstring.puddles.pytest_plugin import checks_in  # noqa: PLC0415 - as above

        return checks_in(importlib.import_module(self._name))


class _Loaded:
    """A Pond with a DuckDB for the test's own reading and writing."""

    def __init__(self, code: Code, folders: Folders) -> None:
        root = code.root
        pondfile = read_pondfile(decode_pondfile((root / "pond.toml").read_bytes()))
        self.pond = LocalPond(root, pondfile, root, "test", data=folders.mktemp("duckstring"))
        self._files: dict[str, Path] = {}
        self.lake = Lake(self._storage())
        self.attempts = DirectAttempts(self.pond, _Imported(code), self._storage)
        specs = self.attempts.ripples()
        self.line = LocalLine(self.pond, specs, PondState(self.pond.line))
        self.given: dict[str, Input] = {}
        self.backlog = LocalBacklog()
        self._count = 0
        self._folders = folders

    def give(self, owner: str, table: str, rows: object, now: Instant) -> None:
        """Write a table that the test gives."""
        self._count += 1
        pond, own = self.pond, owner == self.pond.name
        of = pond.line if own else pond.sources[owner].line
        run = SEED if own else self._count
        key = table_key(of, table, run=run, ripple="test", attempt=1, invocation=str(self._count))
        ref = table if own else f"{owner}.{table}"
        data = readable_rows(ref, rows, self.lake.con, pond.root)
        version = self.lake.write(ref, data, key=key, is_measured=True)
        changed = self._after_all(now)
        if own:
            self.line.seed({table: replace(version, table=table)}, changed)
            after = self._after_all(now)
            self.given = {ref: replace(one, changed=after) for ref, one in self.given.items()}
        else:
            one = Input(version.rows, version.bytes, version.fingerprint, now, changed)
            self.given[ref] = self._placed(ref, one, pond.folder / key)

    def _after_all(self, now: Instant) -> Instant:
        """Now, but after every run: what is given now is news to all Ripples."""
        return max(now, just_after(self.line.newest))

    def inputs(self, now: Instant) -> Inputs:
        """What the test gives; for Sources of which it gives nothing, what the Puddles give."""
        sources = {ref.partition(".")[0] for ref in self.given}
        if missing := self.pond.sources.keys() - sources:
            for ref, one, file in _of_puddles(self.pond, self._folders, now):
                if ref.partition(".")[0] in missing:
                    fresh = replace(one, hydrated=now, changed=self._after_all(now))
                    self.given[ref] = self._placed(ref, fresh, file)
        return Inputs(dict(self.given))

    def _placed(self, ref: str, one: Input, file: Path) -> Input:
        """Ripples look for a table under the key that ``running`` makes of its name."""
        owner, _, table = ref.partition(".")
        major = parse_line(self.pond.sources[owner].line)[1]
        self._files[input_key(owner, major, table, content=one.fingerprint)] = file
        return one

    def _storage(self) -> FolderStorage:
        return _Versions(self.pond.folder, self._files, self.pond.root)


class Tables:
    """``tables["products.product"] = rows``."""

    def __init__(self, bed: Testbed) -> None:
        """Of one test."""
        self._bed = bed

    def __setitem__(self, ref: str, rows: object) -> None:
        """Give a table. It replaces what was given under that name.

        Raises:
            WriteError: there is no such Source, or ``rows`` are nothing that can be a table.
        """
        loaded = self._bed.loaded
        if not isinstance(ref, str) or not TABLE_REF.fullmatch(ref):
            raise WriteError(
                f"tables[{ref!r}]: not the name of a table; allowed: source.table, or table for "
                "the Pond's own, in lower-case letters, digits and _."
            )
        owner, _, table = ref.rpartition(".")
        known = sorted(loaded.pond.sources)
        owner = owner or loaded.pond.name
        if owner not in {*known, loaded.pond.name}:
            has = ", ".join(known) or "none"
            raise WriteError(
                f"tables[{ref!r}]: {owner!r} is not a Source of this Pond; pond.toml has {has}.",
                hint=nearest(owner, known),
            )
        loaded.give(owner, table, rows, self._bed.clock.now())


@dataclass(frozen=True, slots=True)
class PondRan:
    """How a run of a test ended, and the Pond's tables after it.

    Attributes:
        status: ``success`` or ``failed``.
        ripples: each Ripple's status: ``success``, ``skipped``, ``failed`` or ``not run``.
        written: the tables that were written, and their rows, size, and whether they changed.
        f: the freshness of the run.
        error: what was raised, where the run failed.
        passes: in a Catchment no Ripple would have been called, for no Source had changed.
        checks: how each check ended, by its name: its ``outcome`` (``passed``, ``failed``,
            ``warned``, ``not applicable``), ``rows``, ``message``, ``columns`` and ``sample``.
    """

    status: str
    ripples: Mapping[str, RippleStatus]
    written: Mapping[str, Written]
    f: Instant
    error: BaseException | None
    passes: bool
    checks: Mapping[str, CheckResult]
    _tables: Mapping[str, TableVersion]
    _lake: Lake

    def __getitem__(self, table: str) -> DuckDBPyRelation:
        """A table of the Pond as it is published now: a DuckDB relation.

        Raises:
            KeyError: there is none.
        """
        if table not in self._tables:
            has = ", ".join(sorted(self._tables)) or "none"
            raise KeyError(f"The Pond has no table {table!r}; it has {has}.")
        return self._lake.read(("main", table), self._tables[table])

    def __iter__(self) -> Iterator[str]:
        """The names of the published tables."""
        return iter(sorted(self._tables))

    def rows(self, table: str) -> list[dict[str, object]]:
        """A table's rows, in the order in which they were written."""
        found = self[table]
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


class PondRun:
    """``pond_run()``."""

    def __init__(self, bed: Testbed) -> None:
        """Of one test."""
        self._bed = bed

    def __call__(
        self,
        ripple: str | Callable[..., object] | None = None,
        *,
        check: bool = True,
        arrivals: Iterable[str | Path] = (),
    ) -> PondRan:
        """Run the Pond, or one Ripple of it and no other. A failed run publishes nothing.

        Args:
            ripple: its name, or the function; otherwise all.
            check: raise what the code raises; otherwise the answer says it.
            arrivals: files that arrive before this run, for ``pond.arrivals()``: paths, or paths
                in the project. What a failed run was given comes again.

        Raises:
            FileNotFoundError: there is no such file.
        """
        __tracebackhide__ = True
        loaded, clock = self._bed.loaded, self._bed.clock
        loaded.backlog.arrive((loaded.pond.root / file for file in arrivals), clock.now())
        only = ripple if isinstance(ripple, str) or ripple is None else ripple_name(ripple)
        inputs = loaded.inputs(clock.now())
        local = Local(
            loaded.pond, loaded.line, inputs, loaded.attempts, clock, backlog=loaded.backlog
        )
        ran = run_pond(local, only=only, alone=True)
        error = _error(ran, loaded.attempts)
        if error is not None and check:
            raise error
        return PondRan(
            "success" if ran.ok else "failed",
            {one.ripple: one.status for one in ran.ripples},
            {table.table: table for one in ran.ripples for table in one.tables},
            ran.f,
            error,
            ran.passes,
            {found.check: found for one in ran.ripples for found in one.checks},
            dict(loaded.line.state.tables),
            loaded.lake,
        )


def _error(ran: Ran, attempts: DirectAttempts) -> BaseException | None:
    if ran.failure is not None:
        return UnwrittenTableError(ran.failure)
    if ran.ok:
        return None
    if (error := attempts.raised) is not None:
        return error
    fault = next(one.fault for one in ran.ripples if one.fault is not None)
    if fault.error == CHECK_FAILED:
        return ChecksFailedError(fault)
    return TimeoutError(fault.message)


_puddles: dict[str, list[tuple[str, Input, Path]]] = {}
"""What the Puddles of a project have given in this session."""


def _of_puddles(
    pond: LocalPond, folders: Folders, now: Instant
) -> Sequence[tuple[str, Input, Path]]:
    if not pond.puddles.is_file():
        return ()
    state = f"{pond.puddles}:{pond.puddles.stat().st_mtime_ns}"
    if state not in _puddles:
        stage = LocalPond(
            pond.root, pond.pondfile, pond.root, "test", data=folders.mktemp("puddles")
        )
        hydrate(stage, now, needed=False)
        _puddles[state] = [
            (ref, one, file_of(stage.inputs, ref)) for ref, one in read_inputs(stage).tables.items()
        ]
    return _puddles[state]
