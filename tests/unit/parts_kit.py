"""Lines whose Ripples add to tables and read deltas, over a folder, one attempt after the other."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from duckstring.author.pond import Pond
from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import SourceTables
from duckstring.model.catalog import Position, TableVersion
from duckstring.model.names import Line
from tests.unit.worker_kit import NOON, SALES, Folder


class Remembered(dict):
    """What one try remembers."""

    def entries(self):
        return self

    def keep(self, key, text):
        self[key] = text


@dataclass
class Sandbox:
    """One line with one Ripple: what is published, and how far it has taken its Sources."""

    root: Path
    line: Line = SALES
    tables: dict[str, TableVersion] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    sources: dict[str, Sandbox] = field(default_factory=dict)
    run: int = 0
    tries: int = 0
    invocation: str = "0a1b2c3d"
    memory: Remembered = field(default_factory=Remembered)

    def attempt(self, *, again=False, lost=False):
        """The handle of an attempt: of the next run, or of the same one again. ``lost``: the
        attempt before was, so it is the same try; otherwise nothing is remembered.
        """
        again = again or lost
        if not lost:
            self.memory = Remembered()
        self.run += not again
        self.tries = self.tries + 1 if again else 1
        around = Surroundings(
            name=self.line.partition("@")[0],
            line=self.line,
            version="1.0.0",
            run=self.run,
            ripple="load",
            attempt=self.tries,
            invocation=self.invocation,
            run_key="k",
            f=NOON + timedelta(minutes=self.run),
            previous_f=NOON,
            ends=NOON,
            own=self.tables,
            published=self.tables,
            sources={
                name: SourceTables(dict(one.tables), line=one.line, snapshot=one.run)
                for name, one in self.sources.items()
            },
            positions=self.positions,
        )
        pond = Pond(
            around, storage=Folder(self.root), memory=self.memory, log=logging.getLogger("t")
        )
        pond.around = around
        return pond

    def succeed(self, pond):
        """What the engine does with the attempt's report, once its run is published."""
        left = {name: one for name, one in self.tables.items() if name not in pond.dropped}
        self.tables = {**left, **pond.written}
        self.positions = {**self.positions, **pond.taken}

    def ran(self, work):
        """An attempt that succeeds."""
        pond = self.attempt()
        result = work(pond)
        self.succeed(pond)
        return result

    def path(self, version, part=None):
        return self.root / (version.key if part is None else version.key_of(part))


def rows_of(relation):
    return sorted(relation.fetchall(), key=repr)
