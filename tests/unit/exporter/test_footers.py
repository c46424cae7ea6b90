"""What is read from the ends of Parquet files."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duckstring.exporter import footers
from duckstring.exporter.footers import read_statistics


@pytest.fixture
def con():
    found = duckdb.connect()
    found.execute("SET TimeZone = 'UTC'")
    return found


@pytest.fixture
def read(con, tmp_path):
    """What the file of a SELECT says of all its columns."""

    def of(sql, options=""):
        path = str(tmp_path / "file.parquet")
        con.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet{options})")
        return read_statistics(con, path, con.sql(f"FROM '{path}'").columns)

    return of


def bounds(statistics):
    return {one.name: (one.low, one.high) for one in statistics.columns}


HOUR_OF_2020 = (1_577_836_800_000_000, 1_577_840_400_000_000)
"""The first hour of 2020, in microseconds since 1970."""


@pytest.mark.parametrize(
    ("kind", "low", "high", "expected"),
    [
        ("BOOLEAN", "false", "true", (0, 1)),
        ("TINYINT", "-128", "127", (-128, 127)),
        ("UTINYINT", "0", "255", (0, 255)),
        ("USMALLINT", "0", "65535", (0, 65535)),
        ("BIGINT", "-9223372036854775808", "9223372036854775807", (-(2**63), 2**63 - 1)),
        ("FLOAT", "-3.4028235e38", "1e-45", (-(2**128 - 2**104), 2.0**-149)),
        ("DOUBLE", "-1.7976931348623157e308", "5e-324", (-1.7976931348623157e308, 5e-324)),
        ("DATE", "'1969-12-31'", "'9999-12-31'", (-1, 2932896)),
        ("DATE", "'5877642-06-25 (BC)'", "'5881580-07-10'", (-(2**31) + 2, 2**31 - 2)),
        ("TIME", "'00:00:00'", "'23:59:59.999999'", (0, 86_399_999_999)),
        ("TIMESTAMP", "'1969-12-31 23:59:59.999999'", "'1970-01-01'", (-1, 0)),
        (
            *("TIMESTAMP", "'290309-12-22 (BC) 00:00:00'", "'294247-01-10 04:00:54.775806'"),
            (-9223372022400000000, 2**63 - 2),
        ),
        ("TIMESTAMPTZ", "'2020-01-01 02:00:00+02'", "'2020-01-01 00:00:00-01'", HOUR_OF_2020),
        ("DECIMAL(2,2)", "-0.05", "0.5", (-5, 50)),
        ("DECIMAL(9,2)", "-1234567.8", "0", (-123456780, 0)),
        ("DECIMAL(18,0)", f"-{'9' * 18}", "9" * 18, (-(10**18) + 1, 10**18 - 1)),
        ("DECIMAL(38,10)", f"-{'9' * 28}", "9" * 28, (-(10**38) + 10**10, 10**38 - 10**10)),
        ("VARCHAR", "''", "'z' || chr(0) || chr(1114111)", ("", "z\0\U0010ffff")),
        ("JSON", "'[]'", "'{}'", ("[]", "{}")),
        ("BLOB", "''", r"'\x00\x27\x5C\xFF'", (b"", b"\x00'\\\xff")),
    ],
)
def test_the_bounds_of_a_column_are_its_least_and_greatest_value(read, kind, low, high, expected):
    (found,) = read(f"SELECT unnest([({high})::{kind}, ({low})::{kind}, NULL]) AS c").columns
    assert (found.low, found.high) == expected
    assert (found.values, found.nulls) == (3, 1)
    assert found.bytes > 0


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE"])
def test_where_there_is_a_nan_there_are_no_bounds_and_their_number_is_unknown(read, kind):
    with_nan, without = read(
        f"SELECT unnest([1::{kind}, 'nan']) AS a, unnest([1::{kind}, 2]) AS b"
    ).columns
    assert (with_nan.low, with_nan.high, with_nan.nans) == (None, None, None)
    assert (without.low, without.high, without.nans) == (1, 2, 0)


def test_a_row_group_without_bounds_takes_them_from_the_file_unless_all_of_it_is_null(read):
    found = read(
        "SELECT CASE WHEN range = 5 THEN 'nan'::DOUBLE ELSE range END AS nan, "
        "CASE WHEN range >= 3000 THEN range END AS half, NULL::INTEGER AS none, "
        "range AS i FROM range(6000)",
        ", ROW_GROUP_SIZE 2048",
    )
    assert len(found.offsets) == 3
    assert bounds(found) == {
        "nan": (None, None),
        "half": (3000, 5999),
        "none": (None, None),
        "i": (0, 5999),
    }
    assert {one.name: one.nulls for one in found.columns} == {
        "nan": 0,
        "half": 3000,
        "none": 6000,
        "i": 0,
    }
    assert [one.values for one in found.columns] == [6000] * 4


def test_what_other_engines_read_as_another_value_is_no_bound(read):
    found = read(
        "SELECT unnest(['infinity'::DATE, '2020-01-01']) AS d, "
        "unnest(['-infinity'::TIMESTAMP, '1970-01-01']) AS t, "
        "unnest(['infinity'::TIMESTAMPTZ, '1970-01-01']) AS z, "
        "unnest(['24:00:00'::TIME, '00:00:01']) AS c, unnest(['inf'::DOUBLE, 1]) AS f"
    )
    assert bounds(found) == {
        "d": (18262, None),
        "t": (None, 0),
        "z": (0, None),
        "c": (1_000_000, None),
        "f": (1, None),
    }


def test_bytes_that_the_writer_has_cut_are_no_bound_and_cut_text_is(read):
    found = bounds(
        read(
            "SELECT unnest(['\\x01'::BLOB, repeat('\\x02'::BLOB, 300)]) AS b, "
            "unnest([repeat('a', 300), repeat('b', 300)]) AS t"
        )
    )
    assert found["b"] == (b"\x01", None)
    low, high = found["t"]
    assert low <= "a" * 300
    assert high >= "b" * 300


def test_a_uuid_has_counts_only(read):
    (found,) = read("SELECT unnest([uuid(), NULL]) AS u").columns
    assert (found.type, found.values, found.nulls) == ("uuid", 2, 1)
    assert (found.low, found.high) == (None, None)


def test_a_column_with_parts_says_nothing_and_is_not_taken_for_one_of_its_name(read):
    found = read(
        "SELECT {'b': 1, 'c': [{'d': 5}]} AS s, MAP {1: 2} AS m, 3 AS \"s, b\", [4] AS l, 6 AS z"
    )
    assert bounds(found) == {"s, b": (3, 3), "z": (6, 6)}


SCHEMA_OF_ANOTHER_WRITER = """
CREATE MACRO parquet_schema(path) AS TABLE FROM (VALUES
    (0, 'root', 3, NULL, 'REQUIRED', NULL),
    (1, 'list', 0, 'INT32', 'REPEATED', 'INTEGER'),
    (2, 's', 1, NULL, 'OPTIONAL', NULL),
    (3, 'x', 0, 'INT32', 'OPTIONAL', 'INTEGER'),
    (4, 'last', 0, 'BYTE_ARRAY', 'OPTIONAL', 'VARCHAR')
) AS t(column_id, name, num_children, type, repetition_type, duckdb_type)
"""


def test_a_repeated_column_is_a_list_and_one_with_values_has_no_parts_whatever_it_says(con):
    con.execute(SCHEMA_OF_ANOTHER_WRITER)
    assert footers._leaves(con, "file") == [(2, "last", "string")]


def test_a_type_that_iceberg_lacks_says_nothing(read):
    assert bounds(read("SELECT 1::UBIGINT AS u, 1::UINTEGER AS v, now()::TIMESTAMP_NS AS n")) == {}


def test_two_columns_of_one_name_say_nothing(con, tmp_path):
    path = str(tmp_path / "twice.parquet")
    pq.write_table(pa.table([pa.array([1]), pa.array([9])], names=["a", "a"]), path)
    assert read_statistics(con, path, ["a"]).columns == []


def test_only_columns_that_are_asked_for_are_told(con, tmp_path):
    path = str(tmp_path / "file.parquet")
    con.execute(f"COPY (SELECT 1 AS a, 2 AS b) TO '{path}'")
    assert list(bounds(read_statistics(con, path, ["b", "c"]))) == ["b"]


def test_of_another_writers_file_only_counts_are_taken(con, tmp_path):
    path = str(tmp_path / "arrow.parquet")
    pq.write_table(pa.table({"f": [1.0, float("nan"), None], "i": [1, 2, 3]}), path)
    found = read_statistics(con, path, ["f", "i"])
    assert bounds(found) == {"f": (None, None), "i": (None, None)}, "Arrow bounds NaN away"
    assert [(one.values, one.nulls, one.nans) for one in found.columns] == [
        (3, 1, None),
        (3, 0, None),
    ]


def test_a_file_without_rows_says_nothing(read):
    found = read("SELECT 1 AS i WHERE false")
    assert (list(found.columns), list(found.offsets)) == ([], [])


def test_row_groups_begin_where_arrow_finds_them(con, tmp_path):
    path = str(tmp_path / "file.parquet")
    con.execute(
        f"COPY (SELECT 'x' || range % 3 AS t, range AS i FROM range(9000)) TO '{path}' "
        "(FORMAT parquet, ROW_GROUP_SIZE 2048)"
    )
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(n).column(0) for n in range(metadata.num_row_groups)]
    begins = [one.dictionary_page_offset or one.data_page_offset for one in groups]
    assert list(read_statistics(con, path, ["i"]).offsets) == begins
    assert len(begins) > 2


def test_so_many_row_groups_that_a_manifest_would_be_large_are_not_told(read, monkeypatch):
    monkeypatch.setattr(footers, "_MOST_GROUPS", 1)
    found = read("SELECT range AS i FROM range(5000)", ", ROW_GROUP_SIZE 2048")
    assert list(found.offsets) == []
    assert bounds(found) == {"i": (0, 4999)}
