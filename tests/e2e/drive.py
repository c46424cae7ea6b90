"""Drives a Catchment as users do: the command, Pond projects in folders, and waiting by asking."""

from __future__ import annotations

import contextlib
import io
import json
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from duckstring.model.answers.runs import RunRow
from duckstring.model.answers.status import LineStatus
from duckstring_cli import catchments, main, reading
from duckstring_cli.client import Client

PATIENCE = 120.0
"""Seconds until a test gives up. Nothing is promised about how soon; only a bug takes so long."""

Found = TypeVar("Found")

HEADER = """
import os, time
from pathlib import Path
from duckstring import ripple

def note(pond, word):
    with open(Path(os.environ["LEDGER"]) / pond.name, "a") as file:
        file.write(f"{word} {pond.version} {pond.f.isoformat()} {os.getpid()}\\n")

def hold(pond, word="go"):
    while not (Path(os.environ["LEDGER"]) / f"{pond.name}.{word}").exists():
        time.sleep(0.05)
"""
"""What the Ripples of tests begin with: ``note`` an execution where nobody can undo it; ``hold``
until the test says go.
"""


@dataclass(frozen=True)
class Said:
    """How a command ended, and its words."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return json.loads(self.out)


class Command:
    """``duckstring`` in this process: the same entry, the same exit code."""

    def __call__(self, *words: object) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.run([str(word) for word in words])
        return Said(code, out.getvalue(), err.getvalue())

    def done(self, *words: object) -> str:
        """It must succeed."""
        said = self(*words)
        assert said.code == 0, f"{words}: {said.err}"
        return said.out


def until(ask: Callable[[], Found], *, what: str, show: Callable[[], object] = lambda: "") -> Found:
    """Ask until the answer is true."""
    limit = time.monotonic() + PATIENCE
    while True:
        if found := ask():
            return found
        assert time.monotonic() < limit, (
            f"{what} did not come true within {PATIENCE:.0f} s. {show()}"
        )
        time.sleep(0.15)


@dataclass(frozen=True)
class Noted:
    """One execution, as the Ripple itself wrote it down."""

    word: str
    version: str
    f: str
    pid: int


@dataclass
class Driver:
    """A Catchment, a folder for projects, and the ledger."""

    client: Client
    folder: Path
    ledger: Path
    run: Command = field(default_factory=Command)

    # Projects

    def pond(
        self,
        name: str,
        code: str,
        *,
        sources: Iterable[str] = (),
        version: str = "1.0.0",
        **fields: object,
    ) -> Path:
        """Write a project. A Source is a name, or a name and a version requirement with ``=``
        between.
        """
        root = self.folder / name
        (root / "src").mkdir(parents=True, exist_ok=True)
        kind = {} if sources else {"type": "inlet"}
        lines = [
            f"{key} = {json.dumps(value)}"
            for key, value in {"name": name, "version": version, **kind, **fields}.items()
        ]
        named = [source.partition("=") for source in sources]
        needs = (
            ["[sources]", *(f'{source} = "{wanted or "1.0.0"}"' for source, _, wanted in named)]
            if named
            else []
        )
        (root / "pond.toml").write_text("\n".join(["[pond]", *lines, *needs]) + "\n")
        (root / "src" / "pond.py").write_text(HEADER + textwrap.dedent(code))
        return root

    def deploy(self, *roots: Path, overwrite: bool = False) -> None:
        """Deploy projects, together if they are several."""
        flags = ["--overwrite"] if overwrite else []
        if len(roots) > 1:
            assert {root.parent for root in roots} == {self.folder}
            self.run.done("deploy", self.folder, "--all", *flags)
        else:
            self.run.done("deploy", roots[0], *flags)

    def trigger(self, kind: str, pond: str, *more: str) -> None:
        self.run.done("trigger", kind, pond, *more)

    def pulse(self, pond: str) -> str:
        """A Pulse whose epoch one can wait for."""
        epoch = self.client.trigger(pond, "pulse")["epoch"]
        assert epoch
        return epoch

    def let(self, pond: str, word: str = "go") -> None:
        """What Ripples ``hold`` for."""
        (self.ledger / f"{pond}.{word}").touch()

    # Waiting

    def line(self, pond: str) -> LineStatus:
        return self.client.status(pond)["lines"][0]

    def lines(self, *ponds: str) -> dict[str, LineStatus]:
        return {
            held["pond"]: held
            for held in self.client.status()["lines"]
            if not ponds or held["pond"] in ponds
        }

    def wait_for(self, pond: str, status: str) -> LineStatus:
        return self.wait_until(
            pond, lambda held: held["status"] == status, what=f"{pond} is {status}"
        )

    def wait_until(
        self, pond: str, claim: Callable[[LineStatus], object], *, what: str
    ) -> LineStatus:
        def ask() -> LineStatus | None:
            held = self.line(pond)
            return held if claim(held) else None

        found = until(ask, what=what, show=lambda: self.line(pond))
        assert found
        return found

    def wait_fresh(self, pond: str, epoch: str) -> LineStatus:
        """Until the Pond is at rest with output as of the epoch or newer."""
        return self.wait_until(
            pond,
            lambda held: held["end_f"] >= epoch and is_at_rest(held),
            what=f"{pond} reaches {epoch}",
        )

    def wait_at_rest(self, *ponds: str) -> dict[str, LineStatus]:
        """Until none of these has anything left to do, and none of their letters is under way:
        twice in a row.
        """

        def ask() -> dict[str, LineStatus] | None:
            first = self.lines(*ponds)
            if not all(map(is_at_rest, first.values())):
                return None
            time.sleep(0.5)
            second = self.lines(*ponds)
            return (
                second
                if [brief(one) for one in first.values()] == [brief(two) for two in second.values()]
                else None
            )

        found = until(ask, what=f"{', '.join(ponds)} at rest", show=lambda: self.lines(*ponds))
        assert found
        return found

    # What happened

    def runs(self, pond: str) -> list[RunRow]:
        """Oldest first."""
        return self.client.runs(pond, limit=1000)[::-1]

    def statuses(self, pond: str) -> list[str]:
        return [row["status"] for row in self.runs(pond)]

    def noted(self, pond: str) -> list[Noted]:
        """What the Ripples of a Pond wrote down, in order."""
        path = self.ledger / pond
        if not path.exists():
            return []
        rows = (line.split() for line in path.read_text().splitlines())
        return [Noted(word, version, f, int(pid)) for word, version, f, pid in rows]

    def assert_each_ran_once(self, *ponds: str) -> None:
        """No attempt twice and none that failed, by the history, and by what the Ripples themselves
        wrote down.

        A run may have no attempt of a Ripple: a later run overtook it.
        """
        for pond in ponds:
            assert set(self.statuses(pond)) <= {"success", "pass"}, self.runs(pond)
            attempts = [
                attempt
                for row in self.runs(pond)
                for attempt in self.client.run(row["run"])["attempts"]
            ]
            assert {(attempt["attempt"], attempt["status"]) for attempt in attempts} == {
                (1, "success")
            }, attempts
            noted = Counter((noted.word, noted.f) for noted in self.noted(pond))
            assert set(noted.values()) == {1}, f"{pond} executed twice: {noted}"
            assert len(noted) == len(attempts), f"{pond}: {attempts}, but {noted}"

    def rows(self, pond: str, table: str) -> list[dict[str, object]]:
        """A published table, read by the command."""
        found = self.run("query", pond, table, "--json")
        assert found.code == 0, found.err
        rows = found.json
        assert isinstance(rows, list)
        return rows

    def typed_rows(self, pond: str, table: str) -> list[dict[str, object]]:
        """A published table with its own types, read as the command reads it."""
        snapshot = self.client.tables(pond)
        sql = f'FROM "{table}"'
        with reading.connect(self.client.catchment, snapshot, sql) as con:
            relation = con.sql(sql)
            return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    # Under the hood

    def aws(self, service: str) -> object:
        return catchments.session(catchments.find(self.client.catchment.name)).client(service)

    @property
    def outputs(self) -> Mapping[str, str]:
        return catchments.outputs(catchments.find(self.client.catchment.name))


def is_at_rest(line: LineStatus) -> bool:
    return (
        line["status"] in {"idle", "failed", "blocked", "undeployed"}
        and not line["runs"]
        and not line["demand"]["targets"]
        and not line["demand"]["pull"]
    )


def brief(line: LineStatus) -> tuple[object, ...]:
    return line["line"], line["status"], line["start_f"], line["end_f"]
