"""Which of the Pond's views a SELECT reads: what is found was read."""

from __future__ import annotations

import duckdb
import pytest

from duckstring.author.used import Used, views_used

KEYS = {
    ("main", "orders"): "data/a@1/orders/0000000001-load-1-x.parquet",
    ("sales", "orders"): "data/sales@1/orders/0000000007-load-1-x.parquet",
}


@pytest.fixture
def con(tmp_path):
    made = duckdb.connect()
    made.execute("CREATE SCHEMA sales")
    for (schema, table), key in KEYS.items():
        path = tmp_path / key
        path.parent.mkdir(parents=True)
        duckdb.sql("SELECT 1 AS id").write_parquet(str(path))
        made.execute(f"CREATE VIEW {schema}.{table} AS FROM read_parquet('{path}')")
    return made


def used(con, sql):
    found = views_used(con, sql, KEYS)
    return {".".join(ref) for ref in found.refs}, found.is_all


OWN, SOURCE = {"main.orders"}, {"sales.orders"}


@pytest.mark.parametrize(
    ("sql", "refs"),
    [
        ("SELECT 1", set()),
        ("FROM orders", OWN),
        ("FROM Sales.ORDERS", SOURCE),
        ("FROM memory.sales.orders", SOURCE),
        ("SELECT * FROM orders WHERE id IN (SELECT id FROM sales.orders)", OWN | SOURCE),
        ("WITH orders AS (SELECT 1 AS id) FROM orders", set()),
        ("WITH x AS (FROM sales.orders) FROM x", SOURCE),
        ("FROM range(3)", set()),
        ("FROM nowhere", set()),
        ("-- FROM orders\nSELECT 'sales.orders'", set()),
    ],
)
def test_names_are_resolved_as_the_database_does(con, sql, refs):
    assert used(con, sql) == (refs, True)


@pytest.mark.parametrize(
    "sql",
    [
        "FROM query_table('orders')",
        "SHOW TABLES",
        "no SQL",
        "SELECT 1; SELECT 2",
        "",
        "x" * 100_001,
    ],
)
def test_what_cannot_be_known_is_not_said(con, sql):
    assert views_used(con, sql, KEYS) == Used()


@pytest.mark.parametrize(
    ("before", "sql", "refs", "is_all"),
    [
        ("USE sales", "FROM orders", set(), False),
        ("CREATE TEMP TABLE orders AS SELECT 2 AS id", "FROM orders", set(), False),
        ("CREATE TEMP VIEW orders AS SELECT 2 AS id", "FROM orders", set(), False),
        ("CREATE OR REPLACE VIEW orders AS SELECT 2 AS id", "FROM orders", set(), False),
        ("DROP VIEW orders", "FROM orders", set(), True),
        ("CREATE VIEW mine AS FROM sales.orders", "FROM mine JOIN orders USING (id)", OWN, False),
        ("CREATE MACRO lower(x) AS 'no'", "FROM orders", OWN, True),
        ("CREATE MACRO json_serialize_sql(x) AS '{}'", "FROM orders", OWN, True),
    ],
)  # fmt: skip
def test_what_an_author_has_put_in_the_place_of_a_view_is_no_view(con, before, sql, refs, is_all):
    con.execute(before)
    assert used(con, sql) == (refs, is_all)
