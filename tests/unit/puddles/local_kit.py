"""Projects on disk, and runs of them as ``duckstring pond run`` makes them."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from duckstring.puddles.attempts import ProcessAttempts
from duckstring.puddles.session import How, Hydrated, run_once
from duckstring_cli.projects import open_project

TOML = '[pond]\nname = "{name}"\nversion = "1.0.0"\n{more}'
HEAD = "from duckstring import ripple\n\n"


class StillClock:
    """Moves when it is told to."""

    def __init__(self):
        self.instant = datetime(2030, 1, 1, 12, tzinfo=UTC)
        self.waited = []

    def now(self):
        return self.instant

    def wait(self, duration):
        self.waited.append(duration)
        self.instant += duration


class Local:
    """One project. ``run`` runs it, each time with processes of its own."""

    def __init__(self, root: Path, name="sales", sources="", more=""):
        self.root, self.name, self.clock = root / name, name, StillClock()
        (self.root / "src").mkdir(parents=True)
        table = f"\n[sources]\n{sources}" if sources else ""
        (self.root / "pond.toml").write_text(TOML.format(name=name, more=more) + table)
        self.printed, self.told = [], []

    def code(self, text, file="src/pond.py"):
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_text(text)

    def puddles(self, text):
        self.code("from duckstring import puddle\n\n" + text, "src/puddles.py")

    @contextmanager
    def attempts(self, variables=()):
        attempts = ProcessAttempts(
            open_project(self.root), dict(variables), lambda *line: self.printed.append(line)
        )
        try:
            yield attempts
        finally:
            attempts.close()

    def run(self, *, variables=(), **how):
        self.clock.instant += timedelta(hours=1)
        with self.attempts(variables) as attempts:
            return run_once(attempts._pond, attempts, self.clock, How(**how), self.told.append)

    @property
    def hydrated(self):
        """The tables that Puddles have made, each time."""
        made = [one for one in self.told if isinstance(one, Hydrated)]
        return [table.ref for one in made for table in one.tables]

    def rows(self, table):
        file = self.root / "puddles" / "out" / f"{table}.parquet"
        return duckdb.connect().execute(f"FROM '{file}' ORDER BY ALL").fetchall()

    def out(self):
        return sorted(one.stem for one in (self.root / "puddles" / "out").glob("*.parquet"))
