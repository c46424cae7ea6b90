"""What is stored is what was written, of every type; or it is refused before anything is stored,
with a cast that works.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import duckdb
import pandas as pd
import pytest

from duckstring.author import stored
from duckstring.author.contents import whole
from duckstring.author.errors import ContractError, WriteError
from tests.unit.lake_kit import Disk, shown

ALL_TYPES = duckdb.connect().sql("FROM test_all_types()").columns
OVER_38_DIGITS = {"hugeint", "uhugeint"}

EXTREMES = {
    "floats": (
        "unnest(['-0.0', '0.0', 'nan', 'inf', '-inf', '1e-310', '1.7976931348623157e308', "
        "NULL])::DOUBLE"
    ),
    "instants": "unnest(['infinity', '-infinity', '1969-12-31 23:59:59.999999', NULL])::TIMESTAMP",
    "seconds": "unnest(['infinity', '-infinity', '1969-12-31 23:59:59', NULL])::TIMESTAMP_S",
    "millis": "unnest(['infinity', '-infinity', '1969-12-31 23:59:59.999', NULL])::TIMESTAMP_MS",
    "nanos": "unnest(['infinity', '1969-12-31 23:59:59.999999999', NULL])::TIMESTAMP_NS",
    "dates": "unnest(['infinity', '-infinity', '0044-03-15 (BC)', NULL])::DATE",
    "sums": "unnest([repeat('9', 38), '-' || repeat('9', 38), '9007199254740993', NULL])::HUGEINT",
    "unsigned": "unnest([repeat('9', 38), '0', NULL])::UHUGEINT",
    "big": "unnest([repeat('7', 60), '-1', NULL])::BIGNUM",
    "decimals": (
        "unnest(['0', '-1', '99999999999999999999999999999.999999999', NULL])::DECIMAL(38,9)"
    ),
    "intervals": (
        "unnest(['580063 hours 44 minutes', '1500 microseconds', '-1 month', '30 days', '-1 "
        "day', NULL])::INTERVAL"
    ),
    "longest": (
        "unnest([to_microseconds(9223372036854775807), to_microseconds(-9223372036854775808), "
        "to_months(-2147483648)])"
    ),
    "offsets": (
        "unnest(['12:00:00+05:30', '12:00:00-07:00:14', '00:00:00+15:59:59', "
        "'24:00:00-15:59:59', NULL])::TIMETZ"
    ),
    "bits": "unnest(['0', '01', '10000000000', NULL])::BIT",
    "text": "unnest(['', chr(0), 'a' || chr(0), 'ü', NULL])",
    "bytes": "unnest(['', '\\x00', '\\xFF\\x00', NULL])::BLOB",
    "json": "unnest(['{\"a\":   [1, null]}', 'null', NULL])::JSON",
    "points": "unnest(['POINT (1 -0)', 'POINT EMPTY', NULL])::GEOMETRY",
    "points with a system": "unnest(['POINT (1 2)', NULL])::GEOMETRY('OGC:CRS84')",
    "enum": "unnest(['', 'it''s', NULL])::ENUM('it''s', '')",
    "lists": "unnest([[], NULL, [NULL], [1]])::INTEGER[]",
    "structs": "unnest([{'a': NULL}, NULL, {'a': 1}])::STRUCT(a INTEGER)",
    "maps": "unnest([MAP {}, NULL, MAP {'a': NULL}])::MAP(VARCHAR, INTEGER)",
    "unions": (
        "unnest([union_value(a := NULL::INTEGER), union_value(a := 1), NULL])::UNION(a INTEGER, "
        "b HUGEINT)"
    ),
}
WRAPPED = {
    "flat": "v",
    "list": "[v, NULL]",
    "struct": "{'a b': v, 'empty': NULL::INTEGER}",
    "map": "MAP {'k': v}",
    "array": "array_value(v, v)",
    "union": "union_value(m := v)",
    "list of structs": "[{'x': v}, NULL]",
    "struct of lists": "{'x': [v, NULL]}",
    "map of lists": "MAP {'k': [v]}",
    "list of lists": "[[v], [], NULL]",
}


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


@pytest.mark.parametrize("name", [*ALL_TYPES, *EXTREMES])
def test_a_table_is_read_as_it_was_written_flat_and_nested_two_deep(disk, name):
    rows = (
        f"SELECT {EXTREMES[name]} AS v"
        if name in EXTREMES
        else f'SELECT "{name}" AS v FROM test_all_types()'
    )
    rows = f"SELECT * FROM ({rows}) WHERE v IS NULL OR v = 0" if name in OVER_38_DIGITS else rows
    disk.con.execute(f"CREATE TABLE source AS {rows}")
    columns = ", ".join(f'{sql} AS "{wrap}"' for wrap, sql in WRAPPED.items())
    written = disk.con.sql(f"SELECT {columns} FROM source")
    assert shown(disk.read(disk.write(written))) == shown(written)


def test_a_sink_and_a_query_of_the_view_see_the_same_types(disk):
    version = disk.write(
        "SELECT 7::HUGEINT AS total, {'total': 9007199254740993::HUGEINT} AS s, INTERVAL '1 "
        "month' AS term"
    )
    disk.lake.show({("up", "t"): version})
    found = disk.con.sql("SELECT total, s.total, DATE '2026-01-31' + term FROM up.t")
    assert [str(dtype) for dtype in found.types] == ["HUGEINT", "HUGEINT", "TIMESTAMP"]
    assert found.project("#1, #2, #3::VARCHAR").fetchall() == [
        (7, 9007199254740993, "2026-02-28 00:00:00")
    ]


def test_other_readers_of_the_file_see_exact_values_in_plain_types(disk):
    version = disk.write(
        "SELECT sum(range) AS total, [sum(range)] AS l, INTERVAL '580063 hours' AS held, "
        "'a'::ENUM('a') AS e FROM range(3)"
    )
    plain = duckdb.connect().sql(f"FROM read_parquet('{disk.root / version.key}')")
    assert [str(dtype) for dtype in plain.types] == [
        "DECIMAL(38,0)",
        "DECIMAL(38,0)[]",
        'STRUCT("months" INTEGER, "days" INTEGER, micros BIGINT)',
        "VARCHAR",
    ]
    assert plain.fetchall() == [
        (3, [3], {"months": 0, "days": 0, "micros": 580063 * 3_600_000_000}, "a")
    ]


REFUSED = {
    "variant": ("SELECT 1 AS n, {'v': 1}::VARIANT AS v", "v", "VARIANT"),
    "nested variant": ("SELECT [{'v': 1::VARIANT, 'n': 1}] AS l", "l[].v", "VARIANT"),
    "struct without names": ("SELECT {'p': row(1, 'x')} AS s", "s.p", "STRUCT(INTEGER, VARCHAR)"),
    "odd name": ('SELECT 1::VARIANT AS "it\'s ""v"""', '"it\'s ""v"""', "VARIANT"),
    "39 digits": (
        "SELECT [1, 170141183460469231731687303715884105727]::HUGEINT[] AS l",
        "l[]",
        "HUGEINT",
    ),
    "39 digits in a map": (
        "SELECT MAP {'k': 170141183460469231731687303715884105727::HUGEINT} AS m",
        "m.value",
        "HUGEINT",
    ),
    "unsigned": ("SELECT 340282366920938463463374607431768211455::UHUGEINT AS u", "u", "UHUGEINT"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_kept_is_refused_with_its_path_and_a_cast_that_works(disk, case):
    sql, path, kind = REFUSED[case]
    with pytest.raises(WriteError) as refused:
        disk.write(sql)
    assert repr(path) in refused.value.message
    assert kind in refused.value.message
    assert disk.files() == []
    column, cast = re.fullmatch(
        r'Cast(?: it)?: ("(?:[^"]|"")+")::(.+)\.', refused.value.hint
    ).groups()
    mended = disk.con.sql(f"SELECT * REPLACE ({column}::{cast} AS {column}) FROM ({sql})")
    assert shown(disk.read(disk.write(mended))) == shown(mended)


@pytest.mark.parametrize(
    "columns", ['1 AS id, 2 AS "ID"', "1 AS id, 2 AS id", '1 AS "ä Ab", 2 AS "ä aB"']
)
def test_names_that_readers_take_for_one_are_refused(disk, columns):
    with pytest.raises(WriteError, match="two columns are called"):
        disk.write(f"SELECT {columns}")
    assert disk.files() == []


@pytest.mark.parametrize(
    "name", ["a.b", 'qu"ote', "new\nline", " ", "select", "x" * 3000, "é", "a, list, element", "'"]
)
def test_any_other_name_of_a_column_is_kept(disk, name):
    quoted = '"' + name.replace('"', '""') + '"'
    for value in ("1", "1::HUGEINT", "{'a': [1::HUGEINT]}"):
        version = disk.write(f"SELECT {value} AS {quoted}")
        assert disk.read(version).columns == [name]
        assert disk.read(disk.write(f"SELECT {value} AS {quoted}", version)).columns == [name]


def test_a_table_without_rows_or_with_many_columns_is_kept(disk):
    none = disk.write("SELECT 1::HUGEINT AS n, [1] AS l WHERE false")
    assert (none.rows, disk.read(none).fetchall(), disk.types(none)) == (
        0,
        [],
        ["HUGEINT", "INTEGER[]"],
    )
    wide = disk.write(f"SELECT {', '.join(f'{n} AS c{n}' for n in range(1500))}")
    assert disk.read(wide).fetchall() == [tuple(range(1500))]


def test_a_file_cannot_make_its_reader_run_sql(disk):
    """Types are parsed as types: what else a file says is not run."""
    target, file = disk.root / "seen", disk.root / "hostile.parquet"
    hostile = f"INTEGER)) AS v FROM (COPY (SELECT 1) TO '{target}'); --"
    note = json.dumps({"types": {"v": hostile}, "filled": []}).replace("'", "''")
    disk.con.execute(
        f"COPY (SELECT 1 AS v) TO '{file}' (FORMAT parquet, KV_METADATA {{duckstring: '{note}'}})"
    )
    with suppress(duckdb.Error):
        disk.con.sql(stored.select(disk.con, whole(str(file)))).fetchall()
    assert not target.exists()


OTHERS = [
    "'12:00:00+02'::TIMETZ",
    "5::HUGEINT",
    "7::UHUGEINT",
    "'101'::BIT",
    "'x'::ENUM('x', 'y')",
    "'{}'::JSON",
    "INTERVAL 90 HOUR",
]
OTHERS += [
    "'a4e3d798-7119-4a1a-8e9a-55dbcf999f2e'::UUID",
    "[union_value(a := 1)]",
    "{'a': [5::HUGEINT]}",
    "MAP{'k': '12:00:00-07'::TIMETZ}",
]


@pytest.mark.parametrize("value", OTHERS)
def test_a_relation_of_another_connection_keeps_its_types(disk, value):
    for other in (disk.con.cursor(), duckdb.connect()):
        relation = other.sql(f"SELECT {value} AS x")
        assert shown(disk.read(disk.write(relation))) == shown(relation)


def test_a_value_of_another_connection_that_does_not_fit_is_not_changed(disk):
    with pytest.raises(Exception, match=r"no room for a value of x|too large"):
        disk.write(
            duckdb.connect().sql("SELECT 340282366920938463463374607431768211455::UHUGEINT AS x")
        )
    assert disk.files() == []


def test_macros_of_an_author_change_nothing_of_what_is_measured_and_read(disk):
    before = disk.fingerprint("SELECT 1 AS n, -1.0::DOUBLE AS d, [1] AS l")
    for macro in (
        "hash(x) AS 1",
        "sum(x) AS 1",
        "signbit(x) AS true",
        "create_sort_key(a, b) AS 1",
        "read_parquet(x) AS TABLE SELECT 9 AS n",
    ):
        disk.con.execute(f"CREATE MACRO {macro}")
    rows = "SELECT 1 AS n, -1.0::DOUBLE AS d, [1] AS l"
    version = disk.write(rows, is_measured=True)
    assert version.fingerprint == before
    assert disk.write(rows, version).fingerprint == before
    assert disk.write(rows.replace("[1]", "[2]"), version).fingerprint != before
    assert disk.read(version).fetchall() == [(1, -1.0, [1])]


def test_threads_that_write_get_their_own_rows(disk):
    def write(n):
        return n, disk.write(f"SELECT {n} AS n FROM range(20000)")

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write, range(16)))
    for n, version in written:
        assert disk.read(version).aggregate("min(n), max(n), count(*)").fetchall() == [
            (n, n, 20000)
        ]


MACROS = (
    "struct_pack(a)",
    "list_transform(a, b)",
    "datepart(a, b)",
    "to_days(a)",
    "to_months(a)",
    "isinf(a)",
    "map_entries(a)",
)


def test_an_authors_macros_do_not_change_what_is_stored(disk):
    """DuckDB takes them for its own functions of those names, unless it is told whose are meant."""
    rows = (
        "SELECT INTERVAL '3 months 4 days' AS i, [9::HUGEINT] AS l, MAP {'k': 7::HUGEINT} AS m, "
        "'infinity'::TIMESTAMP_S AS s"
    )
    before = shown(disk.con.sql(rows))
    for macro in MACROS:
        disk.con.execute(f"CREATE MACRO {macro} AS 5")
    assert shown(disk.read(disk.write(rows))) == before


OPERATORS = ('"+"(a, b)', '"-"(a)', '"*"(a, b)', '"//"(a, b)', '"%"(a, b)', '"||"(a, b)')
SPELT = (
    "SELECT INTERVAL '3 months 4 days 02:03:04.5' AS i, '12:00:00+05:30'::TIMETZ AS z, [INTERVAL "
    "1 DAY] AS l, -7::HUGEINT AS h"
)


@pytest.mark.parametrize("macro", OPERATORS)
@pytest.mark.parametrize("kept", ["", "TEMP "])
def test_an_authors_operators_do_not_change_what_is_stored_read_and_measured(disk, macro, kept):
    disk.con.execute(f"CREATE TABLE source AS {SPELT}")
    before, fingerprint = shown(disk.con.sql("FROM source")), disk.fingerprint("FROM source")
    disk.con.execute(f"CREATE {kept}MACRO {macro} AS 42")
    version = disk.write("FROM source", is_measured=True)
    assert (version.fingerprint, shown(disk.read(version))) == (fingerprint, before)
    assert disk.write("FROM source", version).fingerprint == fingerprint
    disk.lake.show({("up", "t"): version})
    assert shown(disk.con.sql("FROM up.t")) == before


@pytest.mark.parametrize("kind", ["VARCHAR", "UBIGINT"])
def test_a_python_function_called_as_one_that_tables_are_measured_by_is_refused(disk, kind):
    """It stands beside DuckDB's own, wherever one looks for that, and every row has the same
    hash.
    """
    disk.con.create_function("hash", lambda _: 7, [kind], "UBIGINT")
    with pytest.raises(WriteError, match="function of yours called 'hash'"):
        disk.write("SELECT 'a' AS v")
    assert disk.files() == []


SETTINGS = (
    "binary_as_string = true", "python_enable_replacements = false", "errors_as_json = true",
    "integer_division = true", "default_null_order = 'NULLS_FIRST'",
    "default_collation = 'NOCASE'", "TimeZone = 'America/New_York'", "old_implicit_casting = true",
    "arrow_lossless_conversion = true", "pandas_analyze_sample = 0", "search_path = 's,memory'",
    "debug_verify_vector = 'DICTIONARY_EXPRESSION'",
)  # fmt: skip
AT_HAND = r"""SELECT '\xFF'::BLOB AS b, ['\xFF'::BLOB] AS bs, '12:00:00+05:30'::TIMETZ AS z,
    INTERVAL '1 month 3 days' AS i, 7::HUGEINT AS h,
    '2026-07-01 12:00:00+00'::TIMESTAMPTZ AS at, 'a'::ENUM('b', 'a') AS e,
    union_value(n := 1.5) AS u, [1.5::DOUBLE, 'nan', NULL] AS l,
    MAP {'A': 1, 'a': 2} AS m, 'infinity'::TIMESTAMP_S AS s, [1, 2]::INTEGER[2] AS a, 'Ä' AS t"""


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_authors_settings_change_nothing_of_what_is_stored_and_measured(disk, tmp_path, setting):
    disk.con.execute(f"CREATE SCHEMA s; CREATE TABLE source AS {AT_HAND}")
    relations = {
        "own": lambda: disk.con.sql("FROM memory.main.source"),
        "other": lambda: duckdb.connect().sql(AT_HAND),
    }
    before = {
        name: (disk.write(relation(), is_measured=True).fingerprint, shown(relation())[1:])
        for name, relation in relations.items()
    }
    disk.con.execute(f"SET {setting}")
    other = Disk(tmp_path)
    for name, relation in relations.items():
        version = disk.write(relation(), is_measured=True)
        assert disk.write(relation(), version).fingerprint == version.fingerprint
        assert (version.fingerprint, shown(other.read(version))[1:]) == before[name]


def test_members_of_a_union_that_a_collation_takes_for_one_are_read_as_they_were_written(disk):
    disk.con.execute("SET default_collation = 'NOACCENT'")
    written = disk.con.sql('SELECT union_value("é" := 2)::UNION(e INTEGER, "é" INTEGER) AS u')
    found = disk.read(disk.write(written))
    assert found.project("union_tag(u)::VARCHAR, u::VARCHAR").fetchall() == [("é", "2")]


def test_an_error_in_json_is_told_as_any_other(disk):
    disk.con.execute("SET errors_as_json = true")
    with pytest.raises(
        WriteError, match=r"column 'l\[\]' holds a value of HUGEINT that is too large"
    ):
        disk.write("SELECT [170141183460469231731687303715884105727] AS l")
    with pytest.raises(ContractError, match="column 'a' was INTEGER and would be VARCHAR"):
        disk.write("SELECT 'x' AS a", disk.write("SELECT 1 AS a"))


@pytest.mark.parametrize("values", ["'a' WHERE false", "'a' || chr(0)"])
def test_an_enum_that_sql_has_no_words_for_is_refused_before_it_is_stored(disk, values):
    disk.con.execute(
        f"CREATE TYPE odd AS ENUM (SELECT {values}); CREATE TABLE source AS SELECT [NULL::odd] AS v"
    )
    with pytest.raises(WriteError, match=r"column 'v\[\]' is ENUM") as refused:
        disk.write("FROM source")
    assert disk.files() == []
    assert '"v"::VARCHAR[]' in refused.value.hint
    assert disk.types(disk.write('SELECT "v"::VARCHAR[] AS v FROM source')) == ["VARCHAR[]"]


def test_a_relation_whose_values_end_the_database_says_what_they_are(disk):
    frame = pd.DataFrame({"v": pd.Series(["\ud800"], dtype=object)})
    relation = disk.con.sql("FROM frame")
    with pytest.raises(WriteError, match="lone surrogate") as refused:
        disk.write(relation)
    assert frame is not None
    assert "backslashreplace" in refused.value.hint


def test_lists_of_structs_of_structs_without_values_are_written_again(disk):
    rows = "SELECT [{'x': {'a': NULL::INTEGER}}] AS l, MAP {'k': {'x': {'a': NULL::INTEGER}}} AS m"
    version = disk.write(rows)
    assert disk.write(rows, version).fingerprint == version.fingerprint
