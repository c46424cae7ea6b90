"""The catalog says the same of a table as DuckLake's own extension does."""

from __future__ import annotations

import duckdb
import pytest

from duckstring.author.columns import column_types
from duckstring.exporter.columns import Column, columns_of
from duckstring.exporter.layout import PONDS_DATA, TABLES
from tests import ducklake

EVERY_TYPE = """
    SELECT true AS a, 1::TINYINT AS b, 1::SMALLINT AS c, 1::INTEGER AS d, 1::BIGINT AS e,
        1::UTINYINT AS f, 1::USMALLINT AS g, 1::UINTEGER AS h, 1::UBIGINT AS i, 1::FLOAT AS j,
        1::DOUBLE AS k, 1::DECIMAL(20, 3) AS l, 'x' AS m, '{}'::JSON AS n, 'x'::BLOB AS o,
        gen_random_uuid() AS p, DATE '2030-01-01' AS q, TIME '10:00' AS r,
        TIMESTAMP '2030-01-01' AS s, '2030-01-01'::TIMESTAMP_NS AS t,
        '2030-01-01'::TIMESTAMPTZ AS u, MAP {'a': [1, 2]} AS v,
        [{'x': 1, 'y': [MAP {1: 'z'}]}] AS w, {'a b': {'q"': 1}} AS x, [[1]] AS "ä "
"""


@pytest.fixture
def theirs(tmp_path):
    """A catalog that the extension has made, of one table."""
    con = duckdb.connect(config={"allow_unsigned_extensions": True})
    ducklake.load(con, "ducklake")
    con.execute(f"COPY ({EVERY_TYPE}) TO '{tmp_path}/t.parquet'")
    con.execute(f"ATTACH 'ducklake:{tmp_path}/c.ducklake' AS lake (DATA_PATH '{tmp_path}')")
    con.execute(f"CREATE TABLE lake.t AS FROM '{tmp_path}/t.parquet' LIMIT 0")
    con.execute(f"CALL ducklake_add_data_files('lake', 't', '{tmp_path}/t.parquet')")
    con.execute(f"DETACH lake; ATTACH '{tmp_path}/c.ducklake' AS c; USE c")
    return con, f"{tmp_path}/t.parquet"


def flat(columns, parent=None, found=None):
    """Name, type, name in a file and place of the outer one of each, in order."""
    found = [] if found is None else found
    for one in columns:
        found.append((one.name, one.type, one.source or one.name, parent))
        flat(one.parts, len(found) - 1, found)
    return found


def test_every_type_is_called_as_ducklake_calls_it(theirs):
    con, path = theirs
    columns = columns_of(column_types(con.sql(f"FROM read_parquet('{path}')")))
    told = con.execute(
        "SELECT column_name, column_type, source_name, m.parent_column FROM ducklake_column c "
        "JOIN ducklake_name_mapping m ON m.target_field_id = c.column_id ORDER BY c.column_order"
    ).fetchall()
    assert flat(columns) == told


def test_the_catalogs_tables_are_those_that_ducklake_makes(theirs):
    con, _ = theirs
    con.execute("ATTACH ':memory:' AS ours; USE ours")
    con.execute(TABLES)
    columns = {
        of: con.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE database_name = $1 AND table_name NOT LIKE 'ducklake_inlined_data_%_%' "
            "OR database_name = $1 AND table_name = 'ducklake_inlined_data_tables' ORDER BY ALL",
            [of],
        ).fetchall()
        for of in ("c", "ours")
    }
    assert columns["ours"] == columns["c"]
    assert PONDS_DATA in {
        name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    }


@pytest.mark.parametrize("value", ["1::HUGEINT", "[INTERVAL 1 DAY]", "{'a': 'x'::ENUM('x')}"])
def test_a_type_that_ducklake_does_not_know_is_left_to_sql(value):
    assert columns_of(column_types(duckdb.sql(f"SELECT 1 AS a, {value} AS b"))) is None


def test_a_column_has_its_parts():
    (found,) = columns_of(column_types(duckdb.sql("SELECT [{'a': 1}] AS b")))
    inner = Column("element", "struct", (Column("a", "int32"),), "list")
    assert found == Column("b", "list", (inner,))
