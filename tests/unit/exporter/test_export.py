from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from duckstring.author.columns import ColumnType
from duckstring.author.contents import CHANGE, content_of, rows_of
from duckstring.author.stored import stored_columns
from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError
from duckstring.exporter.export import export
from duckstring.exporter.ports import ExporterPorts
from duckstring.model.catalog import Part, TableVersion
from duckstring.model.lake import Exported
from duckstring.model.names import Line, file_of_key, table_key
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests import ducklake
from tests.unit.api.world import States, StillClock, release

SALES, SALES_2, REPORTS = Line("sales@1"), Line("sales@2"), Line("reports@1")
F = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Shelf:
    """``LakeStore`` over a folder. ``meanwhile``: what another export does before a commit."""

    def __init__(self, folder):
        self.folder, self.newest, self.meanwhile = folder, None, lambda: None
        self.named, self.shown = {}, []

    def latest(self):
        return self.newest

    def path(self, exported):
        return self.folder / exported.key.rpartition("/")[2]

    def fetch(self, exported, path):
        if not self.path(exported).exists():
            return False
        shutil.copy(self.path(exported), path)
        return True

    def keep(self, exported, path, listing):
        shutil.copy(path, self.path(exported))
        self.named[exported.key] = set(listing.objects)

    def commit(self, exported, *, over):
        self.meanwhile()
        if self.newest != over:
            return False
        self.newest = exported
        return True

    def show(self, exported):
        self.shown.append(exported.number)


class LocalTables:
    """``Tables`` over a folder. ``broken``: the ends of keys that cannot be read."""

    def __init__(self, folder):
        self.folder, self.broken, self.read = folder, set(), []

    def connect(self):
        return duckdb.connect()

    def columns(self, versions):
        found = []
        for version in versions:
            self.read.append(version.key)
            if any(version.key.endswith(end) for end in self.broken):
                found.append(duckdb.IOException("no such object"))
            else:
                content = content_of(version, lambda key: str(self.folder / key))
                try:
                    found.append(stored_columns(duckdb.connect(), content))
                except KeyError as error:
                    found.append(error)
        return found

    def sql(self, version, columns):
        content = content_of(version, lambda key: str(self.folder / key))
        return f"SELECT * FROM ({rows_of(content, columns)})"


class Lake:
    """A Catchment's folder, and what its lines publish."""

    def __init__(self, folder):
        self.folder, self.runs = folder, 0
        self.con = duckdb.connect()
        self.states = {}
        self.shelf, self.tables = Shelf(folder), LocalTables(folder)
        self.clock = StillClock(F)

    def write(self, of, name, sql, *, kind="rows", more=False, key=()):
        self.runs += 1
        at = table_key(of, name, run=self.runs, ripple="r", attempt=1, invocation="0" * 8)
        path = self.folder / at
        path.parent.mkdir(parents=True, exist_ok=True)
        self.con.execute(f"COPY ({sql}) TO '{path}'")
        rows = self.con.execute(f"SELECT count(*) FROM '{path}'").fetchone()[0]
        part = Part(file_of_key(at), rows, path.stat().st_size, kind)
        before = self.states[of].tables.get(name) if more else None
        parts = (*(before.contents if before else ()), part)
        return TableVersion(
            name,
            at,
            rows,
            1,
            "",
            parts=parts if len(parts) > 1 else (),
            merge_key=key,
            version="1.0.0",
        )

    def publish(self, of, **tables):
        held = self.states.get(of, PondState(of, release=release(of)))
        self.states[of] = replace(
            held, snapshot=self.runs, snapshot_f=F, tables={**held.tables, **tables}
        )

    @property
    def ports(self):
        return ExporterPorts(
            catalog=Releases(self.states),
            states=States({of: Seen(state) for of, state in self.states.items()}),
            lakes=self.shelf,
            tables=self.tables,
            clock=self.clock,
            bucket="b",
            scratch=self.folder,
        )

    def export(self, *lines):
        return export(self.ports, lines)

    def read(self, sql):
        con = ducklake.attached(self.shelf.path(self.shelf.newest), self.folder)
        return con.execute(sql).fetchall()

    def names(self):
        con = ducklake.attached(self.shelf.path(self.shelf.newest), self.folder)
        return ducklake.tables(con)


class Releases:
    def __init__(self, states):
        self.states = states

    def releases(self):
        return {of: state.release for of, state in self.states.items()}


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


def test_the_first_export_shows_all_lines_whatever_it_is_asked_for(lake):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 2 AS n"))
    report = lake.export(REPORTS)
    assert report.lines == [REPORTS, SALES]
    assert lake.read("FROM lake.sales.orders") == [(1,)]
    ponds = lake.read(
        'SELECT "schema", pond, major, version, run, f = $$2030-01-01$$ '
        "FROM lake.duckstring.ponds ORDER BY 1"
    )
    assert ponds == [
        ("reports", "reports", 1, "1.0.0", "reports@1/2", True),
        ("sales", "sales", 1, "1.0.0", "sales@1/1", True),
    ]


def test_later_ones_look_at_the_lines_that_they_are_asked_for_and_read_what_is_new(lake):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 2 AS n"))
    lake.export()
    lake.tables.read.clear()
    more = lake.write(SALES, "orders", "SELECT 3 AS i", more=True)
    lake.publish(SALES, orders=more, log=lake.write(SALES, "log", "SELECT 4 AS i"))
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 5 AS n"))
    report = lake.export(SALES)
    assert (report.lines, report.tables) == ([SALES], 2)
    assert len(lake.tables.read) == 2
    assert sorted(lake.read("FROM lake.sales.orders")) == [(1,), (3,)]
    assert lake.read("FROM lake.reports.totals") == [(2,)]


def test_nothing_new_makes_no_catalog_and_the_stable_copy_is_looked_after(lake):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    first = lake.export()
    again = lake.export(SALES)
    assert (again.key, again.lines, lake.shelf.shown) == (first.key, [], [1, 1])


def test_a_table_with_changes_is_read_by_sql(lake):
    base = lake.write(SALES, "orders", "SELECT range AS id, 'a' AS v FROM range(3)", key=("id",))
    lake.publish(SALES, orders=base)
    lake.export()
    changes = (
        f"SELECT * FROM (VALUES (1, 'a', 'update_before'), (1, 'b', 'update_after'), "
        f"(2, 'a', 'delete'), (9, 'n', 'insert')) AS c(id, v, {CHANGE})"
    )
    merged = lake.write(SALES, "orders", changes, kind="changes", more=True, key=("id",))
    lake.publish(SALES, orders=merged)
    lake.export(SALES)
    assert sorted(lake.read("FROM lake.sales.orders")) == [(0, "a"), (1, "b"), (9, "n")]
    assert sorted(lake.read("FROM lake.sales.orders AT (VERSION => 0)")) == [
        (n, "a") for n in range(3)
    ]
    assert lake.shelf.named[lake.shelf.newest.key] == set(merged.keys)


def test_a_line_whose_table_cannot_be_read_stays_as_it_was_and_others_do_not_wait_for_it(lake):
    lake.publish(
        SALES,
        orders=lake.write(SALES, "orders", "SELECT 1 AS i"),
        log=lake.write(SALES, "log", "SELECT 1 AS i"),
    )
    lake.export()
    new = lake.write(SALES, "orders", "SELECT 2 AS i")
    lake.publish(SALES, orders=new, log=lake.write(SALES, "log", "SELECT 2 AS i"))
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 3 AS n"))
    lake.tables.broken = {new.key}
    report = lake.export(SALES, REPORTS)
    assert report.left_out == {SALES: "orders: IOException: no such object"}
    assert report.lines == [REPORTS]
    assert lake.read("FROM lake.sales.log") == [(1,)]
    lake.tables.broken = set()
    assert lake.export(SALES).lines == [SALES]
    assert lake.read("FROM lake.sales.log") == [(2,)]


def test_a_new_major_takes_the_name_and_both_are_there_or_neither_changes(lake):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    lake.export()
    new = lake.write(SALES_2, "orders", "SELECT 2 AS i")
    lake.publish(SALES_2, orders=new)
    lake.tables.broken = {new.key}
    assert lake.export(SALES_2).lines == []
    assert lake.names() == {("sales", "orders")}
    lake.tables.broken = set()
    assert lake.export(SALES_2).lines == [SALES, SALES_2]
    assert lake.read("FROM lake.sales.orders") == [(2,)]
    assert lake.read("FROM lake.sales_v1.orders") == [(1,)]
    assert lake.read("FROM lake.sales.orders AT (VERSION => 0)") == [(1,)]


def test_what_takes_the_name_of_a_line_that_is_left_out_waits_for_it(lake):
    """sales@1 is sales_v1 until a Pond of that name is there."""
    old = lake.write(SALES, "orders", "SELECT 1 AS i")
    lake.publish(SALES, orders=old)
    lake.publish(SALES_2, orders=lake.write(SALES_2, "orders", "SELECT 2 AS i"))
    lake.export()
    other = Line("sales_v1@1")
    lake.publish(other, orders=lake.write(other, "orders", "SELECT 3 AS i"))
    lake.tables.broken = {old.key}
    report = lake.export(other)
    assert (report.lines, report.left_out.keys()) == ([], {SALES, other})
    assert lake.read("FROM lake.sales_v1.orders") == [(1,)]
    lake.tables.broken = set()
    assert lake.export(other).lines == [SALES, other]
    assert lake.read("FROM lake.sales_v1.orders") == [(3,)]
    assert lake.read('FROM lake."sales@1".orders') == [(1,)]


@pytest.mark.parametrize(
    "found",
    [
        {f"c{number}": ColumnType("bigint", "BIGINT") for number in range(10_001)},
        {"a\0b": ColumnType("bigint", "BIGINT")},
        RecursionError("too deep"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
)
def test_whatever_an_author_has_put_into_a_file_concerns_that_pond_alone(lake, monkeypatch, found):
    bad = lake.write(SALES, "orders", "SELECT 1 AS i")
    lake.publish(SALES, orders=bad)
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 2 AS n"))
    really = lake.tables.columns

    def columns(versions):
        read = really(versions)
        return [
            found if version.key == bad.key else other
            for version, other in zip(versions, read, strict=True)
        ]

    monkeypatch.setattr(lake.tables, "columns", columns)
    report = lake.export()
    assert (report.lines, list(report.left_out)) == ([REPORTS], [SALES])
    assert lake.read("FROM lake.reports.totals") == [(2,)]


def test_a_table_with_changes_that_fit_no_key_concerns_that_pond_alone(lake):
    base = lake.write(SALES, "orders", "SELECT 1 AS id", key=("id",))
    lake.publish(SALES, orders=base)
    wrong = lake.write(SALES, "orders", "SELECT 1 AS x", kind="changes", more=True, key=("nope",))
    lake.publish(SALES, orders=wrong)
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 2 AS n"))
    report = lake.export()
    assert (report.lines, list(report.left_out)) == ([REPORTS], [SALES])


def test_what_is_dropped_or_removed_is_gone_and_its_past_stays_for_a_day(lake):
    lake.publish(
        SALES,
        orders=lake.write(SALES, "orders", "SELECT 1 AS i"),
        log=lake.write(SALES, "log", "SELECT 1 AS i"),
    )
    lake.export()
    lake.runs += 1
    lake.states[SALES] = replace(
        lake.states[SALES], snapshot=lake.runs, tables={"log": lake.states[SALES].tables["log"]}
    )
    lake.clock.at = F + HOUR
    lake.export(SALES)
    assert lake.names() == {("sales", "log")}
    lake.states[SALES] = PondState(SALES, runs_started=lake.runs)
    lake.clock.at = F + 2 * HOUR
    lake.export(SALES)
    assert lake.names() == set()
    assert lake.read("FROM lake.sales.orders AT (VERSION => 0)") == [(1,)]
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 3 AS n"))
    lake.clock.at = F + 26 * HOUR + HOUR / 2
    assert lake.export(REPORTS).expired == 2
    assert {one.split("/")[1] for one in lake.shelf.named[lake.shelf.newest.key]} == {REPORTS}


def test_a_catalog_that_is_gone_is_made_anew_of_all_lines(lake):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 2 AS n"))
    lake.export()
    lake.shelf.path(lake.shelf.newest).unlink()
    report = lake.export(SALES)
    assert (report.number, report.lines) == (2, [REPORTS, SALES])
    assert lake.read("FROM lake.sales.orders") == [(1,)]


def test_at_rest_old_versions_go_when_their_day_is_over(lake):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    lake.export()
    old = lake.states[SALES].tables["orders"].key
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 2 AS i"))
    lake.clock.at = F + HOUR
    lake.export(SALES)
    assert lake.shelf.newest.expires == F + 25 * HOUR
    lake.clock.at = F + 25 * HOUR
    report = lake.export()
    assert (report.number, report.lines, report.expired) == (3, [], 1)
    assert old not in lake.shelf.named[report.key]
    assert lake.read("FROM lake.sales.orders") == [(2,)]
    assert lake.export().number == 3


@pytest.mark.parametrize("what", ["no database", "another database", "another bucket"])
def test_a_catalog_that_is_not_ours_is_made_anew(lake, what):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 2 AS n"))
    lake.export()
    path = lake.shelf.path(lake.shelf.newest)
    path.unlink()
    if what == "no database":
        path.write_text("no database")
    else:
        con = duckdb.connect(path)
        con.execute("CREATE TABLE ducklake_metadata AS SELECT 'version' AS key, '1.0' AS value")
        if what == "another bucket":
            con.execute("INSERT INTO ducklake_metadata VALUES ('data_path', 's3://other/')")
        con.close()
    assert lake.export(SALES).lines == [REPORTS, SALES]
    assert lake.read("FROM lake.sales.orders") == [(1,)]


def test_who_comes_second_begins_again_from_what_the_first_has_made(lake):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    lake.export()
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 2 AS i"))
    lake.publish(REPORTS, totals=lake.write(REPORTS, "totals", "SELECT 3 AS n"))

    def other():
        lake.shelf.meanwhile = lambda: None
        lake.export(REPORTS)

    lake.shelf.meanwhile = other
    report = lake.export(SALES)
    assert (report.number, report.lines) == (3, [SALES])
    assert (lake.read("FROM lake.sales.orders"), lake.read("FROM lake.reports.totals")) == (
        [(2,)],
        [(3,)],
    )


def test_who_is_overtaken_again_and_again_gives_up_and_says_so(lake):
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 1 AS i"))
    lake.export()
    lake.publish(SALES, orders=lake.write(SALES, "orders", "SELECT 2 AS i"))

    def other():
        newest = lake.shelf.newest
        lake.shelf.newest = Exported(newest.number + 1, newest.key, newest.at)

    lake.shelf.meanwhile = other
    with pytest.raises(StateConflictError):
        lake.export(SALES)
    assert lake.read("FROM lake.sales.orders") == [(1,)]


def test_an_empty_catchment_has_an_empty_lake(lake):
    lake.export()
    assert lake.read("FROM lake.duckstring.ponds") == []


def test_columns_that_no_catalog_knows_are_read_by_sql(lake):
    version = lake.write(SALES, "orders", "SELECT 1 AS i, '10:00:00+00'::TIMETZ AS t")
    lake.publish(SALES, orders=version)
    lake.export()
    view = lake.read("SELECT table_type FROM information_schema.tables WHERE table_name = 'orders'")
    assert view == [("VIEW",)]
    assert lake.read("SELECT i, t = '10:00:00+00'::TIMETZ FROM lake.sales.orders") == [(1, True)]


def test_a_file_that_stays_is_read_by_the_columns_of_now(lake):
    first = lake.write(SALES, "orders", "SELECT 1::INTEGER AS i, 2 AS j")
    lake.publish(SALES, orders=first)
    lake.export()
    lake.publish(
        SALES, orders=lake.write(SALES, "orders", "SELECT 3 AS j, 4::BIGINT AS i", more=True)
    )
    lake.export(SALES)
    assert sorted(lake.read("SELECT i, j FROM lake.sales.orders")) == [(1, 2), (4, 3)]
    assert lake.read("FROM lake.sales.orders AT (VERSION => 0)") == [(1, 2)]
