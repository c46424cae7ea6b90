"""Iceberg tables: whatever Ponds publish, in whatever order it is exported, and wherever an export
dies: Glue ends with what is published, each version is read as it was, and all that the tables name
is listed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.adapters.aws.glue import GlueWarehouse
from duckstring.adapters.aws.iceberg_kept import IcebergDatabases
from duckstring.engine.shown import shown_snapshot
from duckstring.exporter.iceberg import export_iceberg
from duckstring.model.iceberg import databases
from duckstring.model.lake import shown
from duckstring.model.names import Line, run_key
from duckstring.model.values import replace
from tests.integration.iceberg_kit import SALES, SALES_2, Rows, Warehouse, address
from tests.property.worlds import looks

__all__ = ["address"]

LINES = (SALES, SALES_2, Line("sales_v1@1"))
NAMES = ("orders", "log")
COLUMNS = (
    "range AS i",
    "range::INTEGER AS i, 't' || range AS t",
    "'t' || range AS i",
    "range::UBIGINT AS i, [range::UINTEGER] AS l",
    "{'a': range, 'b': {'c': range::TINYINT}} AS s, range AS i",
    "range AS i, {'b': {'c': range::BIGINT, 'd': 'x'}} AS s",
)
STEPS = ("put", "keep", "drop", "create")


class Died(BaseException):
    """The function's process is gone."""


@dataclass
class History:
    """A Catchment, and what each version of each table showed when it was made."""

    house: Warehouse
    kinds: dict[tuple[Line, str], str] = field(default_factory=dict)
    versions: dict[tuple[str, str, int], list[str]] = field(default_factory=dict)

    def write(self, of: Line, name: str, columns: str, rows: int) -> None:
        self.kinds[of, name] = columns
        self.house.publish(of, self.house.write(of, name, f"SELECT {columns} FROM range({rows})"))

    def more(self, of: Line, name: str) -> None:
        state = self.house.states.get(of)
        if state is not None and name in state.tables:
            sql = f"SELECT {self.kinds[of, name]} FROM range(2)"
            self.house.publish(of, self.house.more(of, name, sql))

    def drop(self, of: Line, name: str) -> None:
        if (state := self.house.states.get(of)) is not None:
            tables = {key: one for key, one in state.tables.items() if key != name}
            self.house.states[of] = replace(state, tables=tables)
            self.house.publish(of)

    def export(self, *asked: Line, dies: tuple[str, int] | None) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if dies is not None:
                die_at(patch, *dies)
            try:
                assert export_iceberg(self.house.ports, asked).failed == {}
            except Died:
                return
        self.remember()

    def remember(self) -> None:
        """What the newest versions show: what is published, of the lines that were exported."""
        names = databases("dev", self.house.states)
        kept = self.house.databases.all()
        for of, state in self.house.states.items():
            one = shown_snapshot(state)
            known = kept.get(names[of])
            told = shown(run_key(of, one.number), one.f) if one is not None else ""
            if known is None or (known.line, known.shown) != (of, told):
                continue
            for name, version in state.tables.items():
                newest = self.house.snapshots(f"{short(names[of])}.{name}")[-1]
                rows = values(self.read(version.keys))
                assert self.versions.setdefault((names[of], name, newest), rows) == rows

    def wanted(self) -> dict[tuple[str, str], Rows]:
        """What is published, read from its objects."""
        names = databases("dev", self.house.states)
        return {
            (names[of], name): self.read(version.keys)
            for of, state in self.house.states.items()
            for name, version in state.tables.items()
        }

    def read(self, keys: Any) -> Rows:
        files = ", ".join(f"'s3://catchment/{key}'" for key in keys)
        return self.house.con.execute(f"FROM read_parquet([{files}]) ORDER BY ALL").fetchall()

    def check(self) -> None:
        """Glue has what is published, as it is and as it was."""
        found: dict[tuple[str, str], Rows] = {}
        for database, tables in self.house.listed().items():
            for name in tables:
                table = f"{short(database)}.{name}"
                found[database, name] = self.house.rows(table)
                for number in self.house.snapshots(table):
                    rows = values(self.house.rows(table, number))
                    assert self.versions.get((database, name, number), rows) == rows
        assert {key: values(rows) for key, rows in found.items()} == {
            key: values(rows) for key, rows in self.wanted().items()
        }
        assert self.house.needed() <= self.house.swept.named()

    def check_records(self) -> None:
        """The sweep would find nothing to ask for."""
        names = databases("dev", self.house.states)
        told = {
            names[of]: (of, shown(run_key(of, one.number), one.f))
            for of, state in self.house.states.items()
            if (one := shown_snapshot(state)) is not None
        }
        kept = self.house.databases.all()
        assert {name: (one.line, one.shown) for name, one in kept.items()} == told


def short(database: str) -> str:
    return database.removeprefix("duckstring_dev__")


def values(rows: Rows) -> list[str]:
    """Numbers are equal whatever their types."""
    return sorted(str([str(value) for value in row]) for row in rows)


def die_at(patch: pytest.MonkeyPatch, step: str, times: int) -> None:
    """Die right after a step was made for so many times."""
    of = IcebergDatabases if step == "keep" else GlueWarehouse
    do: Callable[..., Any] = getattr(of, step)
    left = [times]

    def done(*given: Any, **more: Any) -> Any:
        result = do(*given, **more)
        left[0] -= 1
        if not left[0]:
            raise Died
        return result

    patch.setattr(of, step, done)


@looks(8)
@given(st.data())
def test_glue_ends_with_what_is_published_and_lists_all_that_it_names(address, data):
    with TemporaryDirectory() as folder:
        history = History(Warehouse(address, Path(folder)))
        for _ in range(data.draw(st.integers(1, 7))):
            of, name = data.draw(st.sampled_from(LINES)), data.draw(st.sampled_from(NAMES))
            match data.draw(st.sampled_from(["write", "write", "more", "drop", "remove"])):
                case "write":
                    columns = data.draw(st.sampled_from(COLUMNS))
                    history.write(of, name, columns, data.draw(st.integers(0, 2)))
                case "more":
                    history.more(of, name)
                case "drop":
                    history.drop(of, name)
                case _:
                    history.house.states.pop(of, None)
            if data.draw(st.booleans()):
                steps = st.tuples(st.sampled_from(STEPS), st.integers(1, 3))
                dies = data.draw(st.none() | steps)
                history.export(*data.draw(st.sampled_from([(), (of,), LINES])), dies=dies)
        history.export(dies=None)
        history.check()
        history.check_records()
        history.export(dies=None)
        assert export_iceberg(history.house.ports).databases == []
