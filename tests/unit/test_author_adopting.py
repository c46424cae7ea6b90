"""Tables whose Parquet files another engine has written: taken as they are."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duckstring.author.errors import ContractError
from duckstring.model.parts import (
    MOST_LIVE,
    part_faults,
)
from tests.unit.adopting_kit import SELECT, SPARK, adopted, refused, written
from tests.unit.lake_kit import Disk
from tests.unit.parts_kit import Sandbox, rows_of


@pytest.fixture
def box(tmp_path):
    return Sandbox(tmp_path)


ATHENA = "20260101_120000_00001_abcde_3fa85f64-5717-4562-b3fc-2c963f66afa6"
GLUE = "run-1735732800000-part-block-0-r-00000-snappy.parquet"
HIVE = "000000_0"


def test_the_files_are_the_table_and_nothing_is_copied(box, tmp_path):
    pond = box.attempt()
    to = pond.location("orders")
    written(to, SPARK, ATHENA, GLUE, HIVE, "eu/1/part-0.parquet")
    for mark in (
        "_SUCCESS",
        ".part-0.crc",
        "_temporary_$folder$",
        "eu_$folder$",
        "_x/part.parquet",
    ):
        path = Path(to) / mark
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    before = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    pond.adopt_table("orders")

    version = pond.written["orders"]
    assert rows_of(pond.read_table("orders")) == sorted(((i, f"n{i}") for i in range(50)), key=repr)
    assert pond.con.sql("SELECT count(*) FROM orders").fetchall() == [(50,)]
    assert list(part_faults(version)) == []
    assert [part.rows for part in version.parts] == [10] * 5 + [0]
    after = [file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()]
    assert version.bytes == sum(after)
    assert sum(after) - before < 1_000  # an object of the attempt's own, which has no rows


def test_it_is_the_same_table_as_one_that_was_written_with_these_rows(box, tmp_path):
    version = adopted(box, SPARK, ATHENA).written["orders"]
    plain = Disk(tmp_path / "other").write(SELECT.format(0, 20), is_measured=True)
    assert (version.fingerprint, version.total, version.rows) == (
        plain.fingerprint,
        plain.total,
        plain.rows,
    )


def test_a_folder_of_the_location_alone_can_be_adopted(box):
    pond = box.attempt()
    to = pond.location("orders")
    written(to, "eu/part-0.parquet", "us/part-0.parquet")
    pond.adopt_table("orders", f"{to}us")

    assert rows_of(pond.read_table("orders"))[0] == (10, "n10")
    assert pond.written["orders"].rows == 10


@pytest.mark.parametrize("name", ["x.parquet", f"day=2030-01-01/{SPARK}", "Day=1/x", "a=b=c/x"])
def test_a_folder_may_be_called_after_a_column_that_is_in_the_files(box, name):
    sql = "SELECT 7 AS day, 1 AS a FROM range({}, {})"
    pond = adopted(box, name, sql=sql)

    assert pond.read_table("orders").columns == ["day", "a"]
    assert rows_of(pond.read_table("orders")) == [(7, 1)] * 10


def test_files_without_rows_are_no_parts_and_a_table_may_have_none(box):
    empty = ("part-0.parquet", SELECT + " WHERE false")
    pond = adopted(box, empty, "part-1.parquet")
    assert [part.rows for part in pond.written["orders"].parts] == [10, 0]

    box.succeed(pond)
    pond = adopted(box, empty)
    version = pond.written["orders"]
    assert (version.rows, version.parts) == (0, ())
    assert pond.read_table("orders").columns == ["id", "name"]
    assert rows_of(pond.read_table("orders")) == []


def test_what_is_adopted_is_published_read_by_sinks_and_replaced(box, tmp_path):
    sink = Sandbox(tmp_path, line="reports@1", sources={"sales": box})
    box.succeed(adopted(box, SPARK, ATHENA))
    pond = sink.attempt()
    assert len(rows_of(pond.read_table("sales.orders"))) == 20
    assert rows_of(pond.read_delta("sales.orders"))[0] == (0, "n0", "insert")
    sink.succeed(pond)

    box.succeed(adopted(box, SPARK))
    pond = sink.attempt()
    assert pond.delta_is_full("sales.orders")
    assert len(rows_of(pond.read_delta("sales.orders"))) == 10


def test_rows_are_added_to_it_and_changes_merged_and_its_files_are_never_written_again(box):
    box.succeed(adopted(box, SPARK, ATHENA))
    files = [part for part in box.tables["orders"].parts if part.is_adopted]
    expected = {i: f"n{i}" for i in range(20)}
    for run in range(3 * MOST_LIVE):
        pond = box.attempt()
        rows = f"SELECT {run}::BIGINT AS id, 'm{run}' AS name UNION ALL SELECT {100 + run}, 'new'"
        pond.merge_table("orders", rows, key=["id"])
        expected |= {run: f"m{run}", 100 + run: "new"}
        box.succeed(pond)
        version = box.tables["orders"]

        assert list(part_faults(version)) == []
        assert [part for part in version.live if part.is_adopted] == files
        assert len(version.live) <= MOST_LIVE + len(files)
        assert dict(rows_of(box.attempt(again=True).read_table("orders"))) == expected


def test_a_reader_that_took_it_finds_what_was_appended_since(box, tmp_path):
    sink = Sandbox(tmp_path, line="reports@1", sources={"sales": box})
    box.succeed(adopted(box, SPARK))
    pond = sink.attempt()
    pond.read_delta("sales.orders")
    sink.succeed(pond)
    for run in range(2 * MOST_LIVE):
        pond = box.attempt()
        pond.append_table("orders", f"SELECT {100 + run}::BIGINT AS id, 'a' AS name")
        box.succeed(pond)
        pond = sink.attempt()
        assert not pond.delta_is_full("sales.orders")
        assert rows_of(pond.read_delta("sales.orders")) == [(100 + run, "a", "insert")]
        sink.succeed(pond)


WRITTEN_ELSEWHERE = {
    "INT96, as Spark writes it": (
        pa.table({"a": pa.array([1_900_000_000_123_456, None], pa.timestamp("us"))}),
        {"use_deprecated_int96_timestamps": True},
    ),
    "instants": (
        pa.table(
            {
                unit: pa.array([1, None], pa.timestamp(unit, zone))
                for unit, zone in (("ms", None), ("us", "UTC"), ("ns", None))
            }
        ),
        {},
    ),
    "decimals": (
        pa.table(
            {
                "a": pa.array([Decimal("1.23"), None], pa.decimal128(38, 10)),
                "b": pa.array([Decimal("1.2"), None], pa.decimal128(9, 1)),
            }
        ),
        {"store_decimal_as_integer": True},
    ),
    "numbers": (
        pa.table(
            {
                name: pa.array([1, None], getattr(pa, name)())
                for name in ("uint8", "uint16", "uint32", "uint64", "int8", "float16", "float32")
            }
        ),
        {},
    ),
    "floating points": (pa.table({"a": [float("nan"), -0.0, 0.0, float("-inf")]}), {}),
    "bytes and texts": (
        pa.table(
            {
                "a": pa.array([b"abc", None], pa.binary(3)),
                "b": pa.array(["x", None]).dictionary_encode(),
                "c": pa.array([b"0" * 16, None], pa.uuid()),
                "d": pa.array(["{}", None], pa.json_()),
            }
        ),
        {"compression": "brotli"},
    ),
    "nested": (
        pa.table(
            {
                "l": pa.array([[1, None], [], None]),
                "s": pa.array(
                    [{"x": 1, "y": None}, None, {"x": None, "y": ["q"]}],
                    pa.struct([("x", pa.int32()), ("y", pa.list_(pa.string()))]),
                ),
                "m": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
            }
        ),
        {"compression": "lz4", "data_page_version": "2.0"},
    ),
    "never NULL": (
        pa.Table.from_arrays(
            [pa.array([1, 2])], schema=pa.schema([pa.field("a", pa.int64(), nullable=False)])
        ),
        {},
    ),
    "only NULL": (pa.table({"a": pa.array([None, None], pa.null()), "b": [1, 2]}), {}),
    "odd names": (pa.table({'a b"c': [1], "select": [2], "ü": [3], "_change": [4]}), {}),
    "many columns": (pa.table({f"c{number}": [number] for number in range(1_000)}), {}),
}


@pytest.mark.parametrize("what", WRITTEN_ELSEWHERE)
def test_each_type_is_read_as_the_file_has_it_and_counts_as_if_it_had_been_written_here(
    box, tmp_path, what
):
    table, options = WRITTEN_ELSEWHERE[what]
    pond = box.attempt()
    to = pond.location("orders")
    for file in ("part-0", "part-1"):
        pq.write_table(table, f"{to}{file}", **options)
    pond.adopt_table("orders")
    version, found = pond.written["orders"], pond.read_table("orders")
    direct = pond.con.sql(f"FROM read_parquet(['{to}part-0', '{to}part-1'])")

    assert (found.columns, found.types) == (direct.columns, direct.types)
    assert repr(rows_of(found)) == repr(rows_of(direct))
    assert pond.con.sql(f"FROM '{box.path(version)}'").types == direct.types
    other = Disk(tmp_path / "other").fingerprint(f"FROM read_parquet('{to}part-*')")
    assert other == version.fingerprint


# The contract.


def test_a_column_that_was_published_may_not_be_missing_and_one_more_may_come(box):
    box.succeed(adopted(box, SPARK))
    with pytest.raises(ContractError, match=r"column 'name' is dropped \(it was VARCHAR\)"):
        adopted(box, SPARK, sql="SELECT i AS id FROM range({}, {}) AS r(i)")
    box.succeed(
        adopted(box, SPARK, sql="SELECT i AS id, 'n' AS name, 1 AS more FROM range({}, {}) AS r(i)")
    )
    with pytest.raises(ContractError, match=r"column 'more' is dropped"):
        adopted(box, SPARK)


def test_what_the_files_hold_is_published_and_what_no_row_ever_held_may_change(box):
    """The object of the attempt's own has no rows: it says what the files have."""
    sql = (
        "SELECT i AS id, NULL::INTEGER AS never, [i] AS a_list, "
        "{{'a': i, 'b': NULL::DATE}} AS deep FROM range({}, {}) AS r(i)"
    )
    box.succeed(adopted(box, SPARK, ATHENA, sql=sql))
    assert box.attempt()._lake.published(box.tables["orders"]).filled == {
        "id", "a_list", "a_list[]", "deep", "deep.a",
    }  # fmt: skip
    box.run -= 1
    pond = box.attempt()
    pond.write_table(
        "orders",
        "SELECT 1::BIGINT id, 'x' never, [1::BIGINT] a_list, {'a': 1::BIGINT, 'b': 'y'} deep",
    )
    with pytest.raises(ContractError, match=r"column 'a_list\[\]' was BIGINT"):
        box.attempt().write_table(
            "orders", "SELECT 1::BIGINT id, 1 never, ['x'] a_list, {'a': 1::BIGINT, 'b': 1} deep"
        )


def test_what_an_author_has_set_or_called_like_duckdb_s_own_changes_nothing(box):
    pond = box.attempt()
    written(pond.location("orders"), SPARK, ATHENA)
    for statement in (
        'CREATE MACRO "glob"(x) AS TABLE SELECT 7 AS file',
        "CREATE MACRO parquet_schema(x) AS TABLE SELECT 1 AS one",
        "CREATE MACRO count() AS 7",
        "SET default_collation = 'nocase'",
        "SET binary_as_string = true",
        "SET errors_as_json = true",
        "SET preserve_insertion_order = false",
        "CREATE TABLE orders AS SELECT 'mine' AS whose",
    ):
        pond.con.execute(statement)
    pond.adopt_table("orders")

    assert sorted(pond.read_table("orders").fetchall()) == [(i, f"n{i}") for i in range(20)]


def test_files_that_say_more_rows_than_they_have_are_broken(box, monkeypatch):
    from duckstring.author import adopted

    footers = adopted._footers
    lied = lambda *asked: [replace_rows(one) for one in footers(*asked)]  # noqa: E731
    replace_rows = lambda one: dataclasses.replace(one, rows=one.rows + 1)  # noqa: E731
    monkeypatch.setattr(adopted, "_footers", lied)
    refused(
        box,
        r"its files have 10 rows, and say that they have 11",
        make=lambda to: written(to, SPARK),
    )
