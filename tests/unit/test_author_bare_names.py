"""After ``read_table("products.product")`` the table is also there as ``product``."""

import duckdb
import pytest

from duckstring.author.lake import Lake
from duckstring.model.names import Line, table_key
from tests.unit import worker_kit as kit

PRODUCTS, SHOP = Line("products@1"), Line("shop@1")


def given(world, line, table, sql):
    key = table_key(line, table, run=3, ripple="load", attempt=1, invocation="x")
    lake = Lake(kit.Folder(world.root))
    version = lake.write(table, sql, key=key)
    lake.close()
    world.source(line, 3, kit.NOON, {table: version})
    return version


@pytest.fixture
def world(tmp_path):
    made = kit.World(tmp_path)
    given(made, PRODUCTS, "product", "SELECT 1 AS id")
    given(made, SHOP, "product", "SELECT 2 AS id")
    return made


def ran(world, body, **own):
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    world.deploy(f"from duckstring import ripple\n\n@ripple\ndef load(pond):\n{lines}")
    world.open_run(pins={PRODUCTS: 3, SHOP: 3}, outputs=own)
    return world.run()


def test_a_sources_table_is_there_by_its_name_alone_once_it_is_read(world):
    assert ran(
        world,
        """
pond.read_table("products.product")
assert pond.con.sql("FROM product").fetchall() == [(1,)]
pond.write_table("a", "SELECT id FROM product")
""",
    ) == {"outcome": "ok"}
    assert world.rows_of("a") == [(1,)]


def test_the_ponds_own_table_wins_before_and_after(world):
    key = table_key(kit.SALES, "product", run=1, ripple="x", attempt=1, invocation="x")
    own = Lake(kit.Folder(world.root)).write("product", "SELECT 9 AS id", key=key)
    assert ran(
        world,
        """
pond.read_table("products.product")
assert pond.con.sql("FROM product").fetchall() == [(9,)]
pond.read_table("shop.product")
pond.write_table("a", "FROM product")
""",
        product=own,
    ) == {"outcome": "ok"}
    assert world.rows_of("a") == [(9,)]


def test_a_table_that_the_ripple_writes_takes_the_name(world):
    assert ran(
        world,
        """
pond.read_table("products.product")
pond.write_table("product", "SELECT id + 10 AS id FROM product")
assert pond.con.sql("FROM product").fetchall() == [(11,)]
pond.drop_table("other")
pond.write_table("a", "FROM product")
""",
    ) == {"outcome": "ok"}
    assert world.rows_of("a") == [(11,)]


def test_the_name_of_two_sources_tables_is_told(world):
    answer = ran(
        world,
        """
pond.read_table("products.product")
pond.read_table("shop.product")
pond.read_table("shop.product")
pond.write_table("a", "SELECT * FROM products.product UNION ALL FROM shop.product")
pond.con.sql("FROM product")
""",
    )
    assert answer["failure"]["error"] == "AmbiguousTableError"
    assert answer["failure"]["message"] == (
        "Table 'product' could be that of several Sources: products.product, shop.product. "
        "Write the Source before it: products.product."
    )


@pytest.mark.parametrize(
    "before", ["CREATE TABLE product AS SELECT 5 AS id", "CREATE VIEW product AS SELECT 5 AS id"]
)
@pytest.mark.parametrize("first", [True, False])
def test_what_the_author_calls_so_wins(tmp_path, before, first):
    lake = Lake(kit.Folder(tmp_path))
    version = lake.write(
        "product",
        "SELECT 1 AS id",
        key=table_key(PRODUCTS, "product", run=1, ripple="x", attempt=1, invocation="x"),
    )
    if first:
        lake.con.execute(before)
    lake.offer("product", version)
    if not first:
        lake.con.execute(before)
    assert lake.con.sql("FROM product").fetchall() == [(5,)]
    assert lake.read(("products", "product"), version).fetchall() == [(1,)]
    lake.hide(("~bare", "product"))
    assert lake.con.sql("FROM product").fetchall() == [(5,)]


def test_a_schema_of_the_authors_stays_the_one_in_use(tmp_path):
    lake = Lake(kit.Folder(tmp_path))
    version = lake.write(
        "product",
        "SELECT 1 AS id",
        key=table_key(PRODUCTS, "product", run=1, ripple="x", attempt=1, invocation="x"),
    )
    lake.con.execute("CREATE SCHEMA s; USE s; CREATE TABLE t AS SELECT 4 AS id")
    lake.offer("product", version)
    assert lake.con.sql("FROM t, product").fetchall() == [(4, 1)]
    lake.con.execute("CREATE TABLE u AS SELECT 1")
    assert lake.con.sql("FROM s.u").fetchall() == [(1,)]
    with pytest.raises(duckdb.CatalogException):
        lake.con.sql("FROM main.u")
