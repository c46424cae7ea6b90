"""Runs the demos' Ripples in this process: their own code and SQL, on Parquet files, in the order
of their parents.

Stricter than the Catchment in one thing: a Ripple may read only what its ancestors wrote, so that a
missing parent shows here.
"""

from __future__ import annotations

import sys
import tomllib
import types
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

RippleFunction = Callable[[Any], None]


@dataclass
class Declared:
    """One Ripple as its module declares it."""

    run: RippleFunction
    parents: tuple[RippleFunction, ...]

    def ancestors(self, known: dict[str, Declared]) -> set[str]:
        names = {parent.__name__ for parent in self.parents}
        return names.union(*(known[name].ancestors(known) for name in names))


@dataclass
class HarnessPond:
    """The handle that a Ripple gets."""

    name: str
    sources: set[str]
    store: Path
    may_read: set[str]
    written: dict[str, str]
    ripple: str
    con: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def read_table(self, ref: str) -> duckdb.DuckDBPyRelation:
        pond, _, table = ref.rpartition(".")
        if pond:
            assert pond in self.sources, f"{self.name} reads {ref}, but names no such Source"
            self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {pond}")
        else:
            assert self.written[table] in self.may_read, (
                f"{self.ripple} reads {table}, but {self.written[table]} is no parent"
            )
        self.con.execute(
            f"CREATE OR REPLACE VIEW {ref} AS FROM "
            f"'{self.store / (pond or self.name) / table}.parquet'"
        )
        return self.con.sql(f"FROM {ref}")

    def has_table(self, ref: str) -> bool:
        """Each Pond runs once, from nothing."""
        return False

    def read_delta(self, ref: str) -> duckdb.DuckDBPyRelation:
        return self.read_table(ref).project("*, 'insert' AS _change")

    def delta_is_full(self, ref: str) -> bool:
        return True

    def append_table(self, name: str, rows: duckdb.DuckDBPyRelation) -> None:
        assert name not in self.written
        self.write_table(name, rows)

    def write_table(self, name: str, rows: duckdb.DuckDBPyRelation) -> None:
        self.written[name] = self.ripple
        (self.store / self.name).mkdir(parents=True, exist_ok=True)
        rows.write_parquet(str(self.store / self.name / f"{name}.parquet"))


@contextmanager
def author_api(ripples: list[Declared]):
    """The author's front door, recording what is declared."""

    def ripple(
        function: RippleFunction | None = None,
        *,
        parents: tuple[RippleFunction, ...] | list[RippleFunction] = (),
    ):
        def declare(declared: RippleFunction) -> RippleFunction:
            ripples.append(Declared(declared, tuple(parents)))
            return declared

        return declare(function) if function else declare

    real = sys.modules.get("duckstring")
    door = types.ModuleType("duckstring")
    door.ripple, door.Pond = ripple, HarnessPond  # type: ignore[attr-defined]
    sys.modules["duckstring"] = door
    try:
        yield
    finally:
        sys.modules.pop("duckstring")
        if real:
            sys.modules["duckstring"] = real


def load(project: Path) -> tuple[types.ModuleType, list[Declared]]:
    """A Pond's module and its Ripples, in the order declared (a parent stands above its child)."""
    source = project / "src" / "pond.py"
    module = types.ModuleType(f"pond_{project.name}")
    ripples: list[Declared] = []
    with author_api(ripples):
        exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), module.__dict__)
    return module, ripples


def run_pond(
    project: Path, store: Path, *, prepare: Callable[[types.ModuleType], None] = lambda module: None
) -> None:
    """Run every Ripple of a Pond once; its tables land in ``store/<pond>/<table>.parquet``."""
    manifest = tomllib.loads((project / "pond.toml").read_text(encoding="utf-8"))
    module, ripples = load(project)
    prepare(module)
    known = {declared.run.__name__: declared for declared in ripples}
    written: dict[str, str] = {}
    for name, declared in known.items():
        pond = HarnessPond(
            name=manifest["pond"]["name"],
            sources=set(manifest.get("sources", {})),
            store=store,
            may_read=declared.ancestors(known) | {name},
            written=written,
            ripple=name,
        )
        declared.run(pond)
        pond.con.close()


def query(store: Path, sql: str) -> list[dict[str, object]]:
    """Rows of published tables, named ``pond.table`` in the SQL."""
    con = duckdb.connect()
    for file in store.glob("*/*.parquet"):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {file.parent.name}")
        con.execute(f"CREATE VIEW {file.parent.name}.{file.stem} AS FROM '{file}'")
    rows = con.sql(sql)
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()]
