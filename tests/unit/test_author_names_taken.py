"""``write_table`` under a name that the author has taken in ``pond.con``: the table that is
published is the one that is read.
"""

import pytest

from tests.unit import worker_kit as kit
from tests.unit.lake_kit import Disk

TAKEN = {
    "table": "CREATE TABLE t AS SELECT range AS id FROM range(10); DELETE FROM t WHERE id > 5",
    "temp table": "CREATE TEMP TABLE t AS SELECT range AS id FROM range(6)",
    "view": "CREATE VIEW t AS SELECT range AS id FROM range(6)",
    "temp view": "CREATE TEMP VIEW t AS SELECT range AS id FROM range(6)",
    "own schema": "CREATE SCHEMA s; USE s; CREATE TABLE t AS SELECT range AS id FROM range(6)",
    "attached": (
        "ATTACH ':memory:' AS other; USE other; CREATE TABLE t AS SELECT range AS id FROM range(6)"
    ),
    "macro": (
        "CREATE MACRO t() AS TABLE SELECT 99 AS id; CREATE TABLE x AS SELECT range AS id FROM "
        "range(6)"
    ),
    "schema": "CREATE SCHEMA t; CREATE TABLE x AS SELECT range AS id FROM range(6)",
    "database": "ATTACH ':memory:' AS t; CREATE TABLE x AS SELECT range AS id FROM range(6)",
    "sequence": "CREATE SEQUENCE t; CREATE TABLE x AS SELECT range AS id FROM range(6)",
}


@pytest.mark.parametrize("taken", TAKEN)
def test_what_is_written_is_what_is_read_whatever_else_has_the_name(tmp_path, taken):
    disk = Disk(tmp_path)
    disk.con.execute(TAKEN[taken])
    first = disk.write(disk.con.sql("FROM x" if " x " in TAKEN[taken] else "FROM t"))
    disk.lake.show({("main", "t"): first})
    assert disk.read(first).order("id").fetchall() == [(n,) for n in range(6)]
    second = disk.write("SELECT 7 AS id")
    assert (disk.read(second).fetchall(), disk.read(first).count("*").fetchall()) == (
        [(7,)],
        [(6,)],
    )


def test_the_authors_own_table_stays_as_it_is(tmp_path):
    disk = Disk(tmp_path)
    disk.con.execute("CREATE TABLE t AS SELECT 1 AS id")
    disk.lake.show({("main", "t"): disk.write(disk.con.table("t"))})
    disk.con.execute("INSERT INTO t VALUES (2)")
    assert disk.con.sql("FROM t").fetchall() == [(1,), (2,)]


def test_a_database_that_can_only_be_read_is_no_hindrance(tmp_path):
    lake = Disk(tmp_path).lake
    lake.con.execute(
        f"ATTACH '{tmp_path}/other.db' AS other; CREATE TABLE other.t AS SELECT 1 AS id; DETACH "
        "other"
    )
    lake.con.execute(f"ATTACH '{tmp_path}/other.db' AS other (READ_ONLY); USE other")
    version = lake.write("t", lake.con.sql("FROM t"), key="t/1.parquet")
    assert lake.read(("main", "t"), version).fetchall() == [(1,)]


@pytest.mark.parametrize("name", ["orders", "select", "table", "order", "values"])
def test_a_ripple_fills_a_table_of_its_own_and_writes_it_under_the_same_name(tmp_path, name):
    world = kit.World(tmp_path)
    world.deploy(f"""
from duckstring import ripple

@ripple
def load(pond):
    pond.con.execute('CREATE TABLE "{name}" AS SELECT range AS id FROM range(10)')
    pond.con.execute('DELETE FROM "{name}" WHERE id > 5')
    pond.write_table("{name}", pond.con.table('"{name}"'))
    assert pond.read_table("{name}").count("*").fetchall() == [(6,)]
    assert pond.con.sql('FROM "{name}"').count("*").fetchall() == [(6,)]
""")
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    assert world.rows_of(name) == [(n,) for n in range(6)]
