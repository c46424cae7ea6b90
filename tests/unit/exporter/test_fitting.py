from __future__ import annotations

import duckdb
import pytest

from duckstring.author.columns import column_types
from duckstring.exporter.fitting import MOST_COLUMNS, fit, select
from duckstring.exporter.now import File, Table
from duckstring.model.catalog import Part, TableVersion
from duckstring.model.iceberg import MOST_COPIED
from tests.unit.exporter.test_export import SALES, table_key


def columns_of(sql):
    return column_types(duckdb.sql(sql))


def table(*parts, size=1, key=()):
    at = table_key(SALES, "orders", run=1, ripple="r", attempt=1, invocation="0" * 8)
    parts = parts or (Part(at.rpartition("/")[2], 1, size),)
    version = TableVersion("orders", at, 1, size, "", parts=parts, merge_key=key)
    return Table(version, "d", [at], [File("f", 1, size)])


@pytest.mark.parametrize(
    ("sql", "types", "casts"),
    [
        ("SELECT 1::TINYINT a, 2::USMALLINT b, 3::BIGINT c", ["int", "int", "long"], None),
        ("SELECT '{}'::JSON a, now() b, uuid() c", ["string", "timestamptz", "uuid"], None),
        ("SELECT 1::DECIMAL(9,2) a", ["decimal(9,2)"], None),
        ("SELECT 1::UINTEGER a, 2 b", ["long", "int"], {"a": "BIGINT"}),
        ("SELECT 1::UBIGINT a", ["decimal(20,0)"], {"a": "DECIMAL(20,0)"}),
        ("SELECT now()::TIMESTAMP_NS a", ["string"], {"a": "VARCHAR"}),
        ("SELECT [1::UBIGINT] a", ["list"], {"a": "DECIMAL(20,0)[]"}),
        (
            "SELECT MAP {'k': {'x y': 1::UINTEGER}} a",
            ["map"],
            {"a": 'MAP(VARCHAR, STRUCT("x y" BIGINT))'},
        ),
    ],
)
def test_a_column_has_a_type_of_iceberg_and_is_copied_if_the_file_has_another(sql, types, casts):
    fitted = fit(table(), columns_of(sql))
    assert ([one.type for one in fitted.columns], fitted.casts) == (types, casts)


def test_the_copy_of_a_value_is_the_value():
    sql = "SELECT MAP {'k': {'x y': 4294967295::UINTEGER}} a, 18446744073709551615::UBIGINT b, 1 c"
    columns = columns_of(sql)
    copied = select(fit(table(), columns), sql, columns)
    ((a, b, c),) = duckdb.sql(copied).fetchall()
    assert (a, str(b), c) == ({"k": {"x y": 4294967295}}, "18446744073709551615", 1)


def test_what_is_not_rows_of_ours_is_copied_if_it_is_small_enough():
    columns = columns_of("SELECT 1 AS id")
    changes = (Part("a", 1, 1), Part("b", 1, 1, "changes"))
    assert fit(table(*changes, key=("id",)), columns).casts == {}
    assert fit(table(key=("id",)), columns).casts is None, "it is folded"
    large = MOST_COPIED + 1
    assert fit(table(size=large), columns).why_not == "", "its files are named"
    assert "merged by a key" in fit(table(size=large, key=("id",)), columns).why_not
    odd = columns_of("SELECT 1::UBIGINT AS u")
    assert fit(table(size=large), odd).why_not == (
        "column 'u' has a type that Iceberg lacks, so it would be copied, and 256 MiB are too much "
        "(at most 256)"
    )


def test_what_iceberg_or_glue_cannot_have_says_why():
    many = ", ".join(f"1 AS c{number}" for number in range(MOST_COLUMNS + 1))
    for sql, why in (
        (f"SELECT {many}", "1,001 columns"),
        ('SELECT 1 AS "a.b"', "the point"),
        ("SELECT TIMETZ '01:02:03+00' AS t", "Iceberg has no type for column 't'"),
    ):
        assert why in fit(table(), columns_of(sql)).why_not
