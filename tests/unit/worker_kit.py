"""The worker's ports in memory, over a folder instead of S3."""

from __future__ import annotations

import io
import logging
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import duckdb

from duckstring.author.memory import SupersededError
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.letters import Letter
from duckstring.engine.state import Attempt, PondState, RippleState, Run, SourceReport, SourceView
from duckstring.model.attempts import (
    AttemptFinished,
    AttemptPaused,
    AttemptSeen,
    AttemptStarted,
    Began,
    Usage,
)
from duckstring.model.catalog import Release, RippleSpec
from duckstring.model.env_entries import Granted
from duckstring.model.names import Line, artifact_key
from duckstring.model.values import replace
from duckstring.worker.attempt_process import begin, prepare
from duckstring.worker.forkserver import ForkServer
from duckstring.worker.on_kill import on_kill
from duckstring.worker.origin import Origin
from duckstring.worker.ports import Admitted, KillOrder, Order, Worker
from duckstring.worker.processes import Processes
from duckstring.worker.run_ripple import run_ripple
from duckstring.worker.watch import Pace

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SALES = Line("sales@1")


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(
                zipfile.ZipInfo(name), text
            )  # with the time of day in it the same files would be another package
    return buffer.getvalue()


def same(one, other):
    return (one.run, one.ripple, one.attempt) == (other.run, other.ripple, other.attempt)


@dataclass(frozen=True)
class NoKeys:
    renewed: bool = False
    shared: bool = True

    def settle(self, home):
        return {}


class Folder:
    """``AttemptStorage`` on disk."""

    def __init__(self, root: Path):
        self.root = root

    def prepare(self):
        self.opened = duckdb.connect(":memory:", config={"threads": 1})
        self.opened.execute("SET GLOBAL TimeZone = 'UTC'")

    def settle(self, folder):
        self.con = self.opened.cursor()

    def grant(self, keys):
        pass

    def requests(self):
        return {"PUT": 2, "GET": 3, "HEAD": 1}

    def open(self):
        if not hasattr(self, "con"):  # in no attempt's process
            self.prepare()
            self.settle("")
        return self.con

    def uri(self, key):
        path = self.root / key
        if key:
            path.parent.mkdir(parents=True, exist_ok=True)
        return str(path)

    def place(self, location):
        path = self.root / location
        path.mkdir(parents=True, exist_ok=True)
        return f"{path}/"

    def has_same_bytes(self, one, other):
        return Path(one).read_bytes() == Path(other).read_bytes()

    def addresses(self):
        return (f"{self.uri('').rstrip('/')}/",)

    def close(self):
        pass


def origin_of(storage):
    return Origin(partial(prepare, storage), partial(begin, storage))


def processes(storage):
    return Processes(ForkServer(origin_of(storage).fork_server))


@dataclass
class World:
    """Every port but the storage, and what was told to them."""

    root: Path
    state: PondState = field(default_factory=lambda: PondState(SALES))
    snapshots: dict = field(default_factory=dict)
    packages: dict = field(default_factory=dict)
    secret: dict = field(default_factory=dict)
    plain: dict = field(default_factory=dict)
    rows: list = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    memos: dict = field(default_factory=dict)
    """What is remembered: (run, Ripple, try) to (attempt, entries)."""
    closed: dict = field(default_factory=dict)
    """Attempts that the engine has ended: (run, Ripple, attempt) to the status."""

    def __post_init__(self):
        self.away = []
        """Attempts whose workers said that they have left."""
        self.on_kill = {}
        self.time = NOON
        self.keys = NoKeys
        self.storage = Folder(self.root)
        self.origin = origin_of(self.storage)
        self.worker = Worker(
            admissions=self,
            artifacts=self,
            history=self,
            memories=self,
            mailbox=self,
            processes=Processes(ForkServer(self.origin.fork_server)),
            clock=self,
            catchment="dev",
            log=logging.getLogger("duckstring.test"),
            pace=Pace(early=0.02, later=0.02, grace=1.0),
        )

    def of_run(self, order):
        assert order.line == self.state.line
        return Admitted(self.state, _Snapshots(self.snapshots), self.granted, self.keys)

    def of_kill(self, order):
        return self.of_run(order)

    def fetch(self, key):
        self.fetched.append(key)
        return self.packages[key]

    def granted(self):
        return Granted(dict(self.secret), dict(self.plain))

    def of(self, line, *, run, ripple, tried, attempt):
        return _Memory(self.memos, (run, ripple, tried), attempt)

    def last(self, line, *, run, ripple, tried):
        return dict(self.memos.get((run, ripple, tried), (0, {}))[1])

    def started(self, line, row):
        assert isinstance(row, AttemptStarted)
        paused = [one for one in self.rows if isinstance(one, AttemptPaused) and same(one, row)]
        began = next(
            (
                one.started
                for one in self.rows
                if isinstance(one, AttemptStarted) and same(one, row)
            ),
            row.started,
        )
        return (
            Began(began, len(paused), paused[-1].usage if paused else Usage())
            if self._write(row)
            else None
        )

    def paused(self, line, row):
        assert isinstance(row, AttemptPaused)
        return self._write(row)

    def finished(self, line, row):
        assert isinstance(row, AttemptFinished)
        return self._write(row)

    def taken(self, line, *, run, ripple, attempt):
        return self.closed.get((run, ripple, attempt))

    def seen(self, line, *, run, ripple, attempt):
        which = (run, ripple, attempt)
        mine = [row for row in self.rows if (row.run, row.ripple, row.attempt) == which]
        status = self.closed.get(which) or next(
            (row.status for row in mine if isinstance(row, AttemptFinished)),
            "running" if mine else "",
        )
        return AttemptSeen(
            status, away=not mine or which in self.away or isinstance(mine[-1], AttemptPaused)
        )

    def claim_on_kill(self, line, *, run, ripple, attempt):
        first = (run, ripple, attempt) not in self.on_kill
        self.on_kill.setdefault((run, ripple, attempt), "requested")
        return first

    def called_on_kill(self, line, row):
        self.on_kill[row.run, row.ripple, row.attempt] = (row.how, row.message)

    def lost_on_kill(self, line, row):
        if self.on_kill[row.run, row.ripple, row.attempt] == "requested":
            self.called_on_kill(line, row)

    def wait(self, duration):
        self.time += duration

    def left(self, line, *, run, ripple, attempt, at, used):
        self.away.append((run, ripple, attempt))

    def _write(self, row):
        if (row.run, row.ripple, row.attempt) in self.closed:
            return False
        self.rows.append(row)
        return True

    def send(self, letters):
        self.letters += letters

    def now(self):
        return self.time

    # What tests say.

    def deploy(self, source, *, ripples=("load",), files=None, module="src/pond.py", timeout=None):
        package = zipped({module: source, **(files or {})})
        key = artifact_key("sales", "1.0.0", sha256(package).hexdigest())
        self.packages[key] = package
        self.module, self.artifact = module, key
        specs = tuple(RippleSpec(name, timeout_seconds=timeout) for name in ripples)
        release = Release(SALES, "1.0.0", "inlet", (), specs, module, key, "", 0, 0, NOON)
        self.state = replace(
            self.state, release=release, ripples={name: RippleState(name) for name in ripples}
        )

    def open_run(self, number=1, *, ripple="load", attempt=1, tried=1, f=None, **more):
        run = Run(
            number,
            f or NOON + timedelta(minutes=number),
            NOON,
            timedelta(0),
            "1.0.0",
            self.artifact,
            self.module,
            0,
            NOON,
            **more,
        )
        held = replace(
            self.state.ripples[ripple],
            attempt=Attempt(number, attempt, NOON, dispatched=True, tried=tried),
        )
        self.state = replace(
            self.state,
            runs={**self.state.runs, number: run},
            ripples={**self.state.ripples, ripple: held},
        )

    def warm(self):
        """Have a process that waits, as a warm function has: to make the first one takes seconds
        on a busy machine.
        """
        with self.worker.processes.one() as one:
            while not one.forked.pid:
                assert one.is_ready

    def run(self, *, number=1, ripple="load", attempt=1, launch=1, **more):
        return run_ripple(Order(SALES, number, launch, ripple, attempt, **more), self.worker)

    def kill(self, *, number=1, ripple="load", attempt=1, tried=1, seconds=900.0):
        """Call what the Ripple named to be called."""
        run = self.state.runs[number]
        order = KillOrder(
            SALES,
            number,
            ripple,
            attempt,
            tried,
            run.f,
            run.version,
            run.artifact,
            run.module,
            run.started,
            seconds,
        )
        return on_kill(order, self.worker, self)

    def accept(self, number=1):
        """What the engine does with a report: the tables are outputs of the run."""
        letter = self.letters[-1]
        run = self.state.runs[number]
        outputs = {**run.outputs, **letter.signal.tables}
        self.state = replace(
            self.state, runs={**self.state.runs, number: replace(run, outputs=outputs)}
        )

    def publish(self, number=1):
        """The run has completed."""
        run = self.state.runs[number]
        ripples = {name: replace(held, end_f=run.f) for name, held in self.state.ripples.items()}
        runs = {n: r for n, r in self.state.runs.items() if n != number}
        self.state = replace(
            self.state,
            tables={**self.state.tables, **run.outputs},
            snapshot=number,
            end_f=run.f,
            runs=runs,
            ripples=ripples,
        )

    def source(self, line, number, f, tables, *, changed_f=None):
        self.snapshots[line, number] = PublishSnapshot(number, f, tables)
        view = SourceView(line, report=SourceReport(f, changed_f or f, snapshot=number))
        self.state = replace(self.state, sources={**self.state.sources, line: view})

    def rows_of(self, table):
        version = self.letters[-1].signal.tables[table]
        return (
            duckdb.connect()
            .execute(f"FROM read_parquet('{self.root / version.key}') ORDER BY ALL")
            .fetchall()
        )


class _Memory:
    def __init__(self, memos, key, attempt):
        self.memos, self.key, self.attempt = memos, key, attempt

    def entries(self):
        held, entries = self.memos.get(self.key, (0, {}))
        if held > self.attempt:
            raise SupersededError(self.attempt)
        self.memos[self.key] = self.attempt, entries
        return dict(entries)

    def keep(self, key, text):
        held, entries = self.memos[self.key]
        if held != self.attempt:
            raise SupersededError(self.attempt)
        entries[key] = text


class _Snapshots:
    def __init__(self, held):
        self.held = held

    def read(self, line, number):
        return self.held.get((line, number))
