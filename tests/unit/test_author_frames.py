"""Frames of pandas, polars and Arrow are kept as they are, or refused before anything is stored."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from duckstring.author.errors import WriteError
from tests.unit.lake_kit import Disk


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


class Colour(Enum):
    RED = 1


def objects(*values):
    return pd.DataFrame({"v": pd.Series(values, dtype=object)})


def arrow(values, dtype=None):
    return pa.table({"v": pa.array(values, dtype)})


def polars(values, dtype=None):
    return pl.DataFrame({"v": pl.Series(values, dtype=dtype)})


NANOSECONDS = pd.to_datetime(["2026-01-01 00:00:00.000000001"])
BERLIN = pd.to_datetime(["2026-01-01 00:00:00.000001"]).tz_localize("Europe/Berlin")
KEPT = {
    "categories": (pd.DataFrame({"v": pd.Categorical(["b", None], ["b", "a"])}),
        "ENUM('b', 'a')", ["b", None]),
    "durations": (pd.DataFrame({"v": pd.to_timedelta(["29 days 23:59:59.5", None])}),
        "INTERVAL", ["29 days 23:59:59.5", None]),
    "nanoseconds": (pd.DataFrame({"v": NANOSECONDS}),
        "TIMESTAMP_NS", ["2026-01-01 00:00:00.000000001"]),
    "a zone": (pd.DataFrame({"v": BERLIN.as_unit("ns")}),
        "TIMESTAMP WITH TIME ZONE", ["2025-12-31 23:00:00.000001+00"]),
    "decimals": (objects(Decimal("1.5"), None, Decimal("123456.789")),
        "DECIMAL(9,3)", ["1.500", None, "123456.789"]),
    "decimals and whole numbers": (objects(Decimal("1.5"), 2), "DECIMAL(11,1)", ["1.5", "2.0"]),
    "large whole numbers": (objects(*[1] * 20, 2**70), "HUGEINT", ["1"] * 20 + [str(2**70)]),
    "text and no number": (objects("a", float("nan"), None), "VARCHAR", ["a", None, None]),
    "arrow time": (arrow([1], pa.time64("ns")), "TIME_NS", ["00:00:00.000000001"]),
    "arrow milliseconds": (arrow([1], pa.timestamp("ms")),
        "TIMESTAMP_MS", ["1970-01-01 00:00:00.001"]),
    "arrow durations": (arrow([1000, None], pa.duration("ns")),
        "INTERVAL", ["00:00:00.000001", None]),
    "arrow array": (arrow([[1, 2]], pa.list_(pa.int32(), 2)), "INTEGER[2]", ["[1, 2]"]),
    "polars durations": (polars([1000, None], pl.Duration("ns")),
        "INTERVAL", ["00:00:00.000001", None]),
    "polars enum": (polars(["a"], pl.Enum(["a"])), "VARCHAR", ["a"]),
    "polars array": (polars([[1, 2]], pl.Array(pl.Int32, 2)), "INTEGER[2]", ["[1, 2]"]),
    "polars lazy": (pl.LazyFrame({"v": [1]}), "BIGINT", ["1"]),
    "arrow reader": (arrow([1]).to_reader(), "BIGINT", ["1"]),
}  # fmt: skip


@pytest.mark.parametrize("case", KEPT)
def test_a_frame_is_read_as_it_was_written(disk, case):
    frame, kind, values = KEPT[case]
    relation = disk.read(disk.write(frame))
    assert [str(dtype) for dtype in relation.types] == [kind]
    assert [value for (value,) in relation.project("v::VARCHAR").fetchall()] == values


REFUSED = {
    "names twice": pd.DataFrame([[1, 2]], columns=["id", "id"]),
    "names by case": pd.DataFrame([[1, 2]], columns=["id", "ID"]),
    "names by case, polars": pl.DataFrame({"id": [1], "ID": [2]}),
    "names by case, arrow": pa.table({"id": [1], "ID": [2]}),
    "names twice, arrow": pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"]),
    "names by case in a struct": arrow(
        [{"a": 1, "A": 2}], pa.struct([("a", pa.int8()), ("A", pa.int8())])
    ),
    "no name": pd.DataFrame([[1]], columns=[""]),
    "no name, arrow": pa.Table.from_arrays([pa.array([1])], names=[""]),
    "NUL": pa.table({"a\0b": [1]}),
    "no columns": pd.DataFrame(),
    "no columns, arrow": pa.table({}),
    "no columns, polars": pl.DataFrame(),
    "nanoseconds": pd.DataFrame({"v": pd.to_timedelta([1500], unit="ns")}),
    "nanoseconds in a zone": pd.DataFrame(
        {"v": pd.to_datetime(["2026-01-01 00:00:00.000000001+00:00"])}
    ),
    "nanoseconds, arrow": arrow([1500], pa.duration("ns")),
    "nanoseconds in a zone, arrow": arrow([1], pa.timestamp("ns", "UTC")),
    "nanoseconds in a list, arrow": arrow([[1]], pa.list_(pa.duration("ns"))),
    "nanoseconds of a stream": arrow([1], pa.timestamp("ns", "UTC")).to_reader(),
    "months and nanoseconds": arrow([(1, 2, 3001)], pa.month_day_nano_interval()),
    "nanoseconds, polars": polars([1500], pl.Duration("ns")),
    "nanoseconds in a zone, polars": polars([1], pl.Datetime("ns", "UTC")),
    "objects, polars": polars([object()], pl.Object),
    "months of 30 days": pd.DataFrame({"v": pd.to_timedelta(["-580063 hours"])}),
    "numbers of NumPy as objects": objects(np.int64(1), np.int64(2)),
    "numbers mixed": objects(*[1] * 2000, 1.5),
    "fractions and decimals": objects(Decimal("1.1"), 0.1),
    "numbers and text": objects(7, "007"),
    "days and instants": objects(date(2026, 1, 1), datetime(2026, 1, 1, 5, tzinfo=UTC)),
    "not a decimal": objects(Decimal("0.1"), Decimal("NaN")),
    "large exponents": objects(Decimal("1.25"), Decimal("1E+30")),
    "many digits": objects(Decimal("1e-30"), Decimal(12345678901234567890)),
    "periods": pd.DataFrame({"v": pd.period_range("2026", "2027", freq="M")}),
    "complex numbers": pd.DataFrame({"v": [1 + 2j]}),
    "decimals of 256 bits": arrow([Decimal(10) ** 40], pa.decimal256(50, 0)),
    "half floats": arrow([np.float16(1.5)], pa.float16()),
    "128 bits, polars": polars([2**100], pl.Int128),
    "nothing like a table": 7,
    "sets": objects({1, 2}, None),
    "frozen sets in lists": objects([frozenset({1})]),
    "other objects": objects(Fraction(1, 3)),
    "enums": objects(Colour.RED),
    "numbers of NumPy in lists": objects([np.int64(1)]),
    "text and numbers in lists": objects([1, "a"]),
    "text and numbers at one key": objects({"a": 1}, {"a": "x"}),
    "truth and numbers at one key": objects({"a": 1}, {"a": True}),
    "text and numbers, other keys": objects({"a": 1}, {"b": "x"}),
    "keys that are no text": objects({1: "a"}),
    "keys that differ by case": objects({"a": 1, "A": 2}),
    "keys of two rows that differ by case": objects({"a": 1}, {"A": 2}),
    "keys of a map twice": objects({"key": ["a", "a"], "value": [1, 2]}),
    "a map with too few values": objects({"key": [1, 2], "value": [2]}),
    "whole numbers of 200 bits": objects(2**200),
    "whole numbers of 128 bits and a sign": objects(-1, 2**127),
    "whole numbers that a fraction makes inexact": objects([2**53 + 1, 0.5]),
    "decimals without digits in a list": objects([Decimal("1E+5")]),
    "surrogates": objects("a", "\ud800"),
    "surrogates in a list": objects(["\ud800"]),
    "surrogates in keys": objects({"\ud800": 1}),
    "surrogates of pandas's text": pd.DataFrame(
        {"v": pd.Series(["\ud800"], dtype=pd.StringDtype("python"))}
    ),
    "instants with and without a zone": objects(
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    ),
    "times with and without a zone": objects(time(1), time(1, tzinfo=UTC)),
    "a time in a zone of days": objects(time(1, tzinfo=ZoneInfo("Europe/Berlin"))),
    "nanoseconds as objects": objects(pd.Timestamp("2026-01-01 00:00:00.000000001")),
    "arrays of two dimensions": objects(np.array([[1, 2], [3, 4]])),
    "arrays of text": objects(np.array(["a"])),
    "arrays of two types": objects(np.array([1]), np.array([1.5])),
    "no categories": pd.DataFrame({"v": pd.Categorical([None], categories=[])}),
    "categories with a NUL": pd.DataFrame({"v": pd.Categorical(["a\0b"])}),
    "categories of bytes": pd.DataFrame({"v": pd.Categorical([b"a"])}),
    "categories of intervals": pd.DataFrame({"v": pd.cut([1, 2, 3], 2)}),
    "sparse": pd.DataFrame({"v": pd.arrays.SparseArray([0, 1])}),
    "the other order of bytes": pd.DataFrame({"v": np.array([1], dtype=">i4")}),
    "nanoseconds of pandas's Arrow": pd.DataFrame(
        {
            "v": pd.Series(NANOSECONDS)
            .dt.tz_localize("UTC")
            .astype(pd.ArrowDtype(pa.timestamp("ns", "UTC")))
        }
    ),
    "text that is none, arrow": pa.table(
        [
            pa.Array.from_buffers(
                pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
            )
        ],
        ["v"],
    ),
    "times that are none, arrow": arrow([-5], pa.time64("us")),
    "keys twice, arrow": arrow([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int8())),
    "instants too far, arrow": arrow([2**61], pa.timestamp("ms")),
    "durations too long, arrow": arrow([2**60], pa.duration("s")),
    "dictionaries in lists, arrow": arrow(
        [["a"], ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))
    ).slice(1),
    "run ends in a struct, arrow": pa.table(
        {
            "v": pa.StructArray.from_arrays(
                [pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array([1]))], ["x"]
            )
        }
    ),
    "arrays without items, arrow": arrow([[]], pa.list_(pa.int8(), 0)),
    "categories in lists, polars": polars([["a"], ["b"]], pl.List(pl.Categorical))[1:],
    "names by case in a struct, polars": polars([{"a": 1, "A": 2}]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_duckdb_would_change_is_refused_before_anything_is_stored(disk, case):
    with pytest.raises(WriteError) as refused:
        disk.write(REFUSED[case])
    assert refused.value.message.startswith("Table 't'")
    assert refused.value.hint
    assert disk.files() == []


NAMELESS = ("nothing like", "no columns", "name", "NUL", "month")


@pytest.mark.parametrize(
    "case", [case for case in REFUSED if not any(word in case for word in NAMELESS)]
)
def test_a_refusal_names_the_column(disk, case):
    with pytest.raises(WriteError) as refused:
        disk.write(REFUSED[case])
    assert "column 'v" in refused.value.message


def test_casts_that_are_named_work(disk):
    mended = {
        "sets": lambda frame: frame["v"].map(list, na_action="ignore"),
        "other objects": lambda frame: frame["v"].map(str, na_action="ignore"),
        "surrogates": lambda frame: frame["v"].map(
            lambda text: text.encode("utf-8", "backslashreplace").decode(), na_action="ignore"
        ),
        "arrays of two dimensions": lambda frame: frame["v"].map(
            lambda array: array.tolist(), na_action="ignore"
        ),
        "no categories": lambda frame: frame["v"].astype(object),
        "categories with a NUL": lambda frame: frame["v"].astype(object),
        "categories of bytes": lambda frame: frame["v"].astype(object),
        "categories of intervals": lambda frame: frame["v"].astype(str),
        "periods": lambda frame: frame["v"].map(str, na_action="ignore"),
        "sparse": lambda frame: frame["v"].sparse.to_dense(),
        "whole numbers of 200 bits": lambda frame: frame["v"].map(str, na_action="ignore"),
    }
    found = {
        case: disk.read(disk.write(pd.DataFrame({"v": mend(REFUSED[case])}))).fetchall()
        for case, mend in mended.items()
    }
    assert found["sets"] == [([1, 2],), (None,)]
    assert found["surrogates"] == [("a",), ("\\ud800",)]
    assert found["categories with a NUL"] == [("a\0b",)]
    assert found["categories of bytes"] == [(b"a",)]
    assert found["arrays of two dimensions"] == [([[1, 2], [3, 4]],)]


RARE = {
    "a longer decimal": (Decimal("1.5"), Decimal("1.23456")),
    "a larger number": (1, 2**40),
    "a fraction in a list": ([1], [1.5]),
    "a longer decimal in a list": ([Decimal("1.5")], [Decimal("1.25")]),
    "another key": ({"a": 1}, {"b": 2}),
    "a list with something in it": ([], ["x"]),
}


@pytest.mark.parametrize("case", RARE)
@pytest.mark.parametrize("sample", [1000, 1, 0])
def test_one_value_among_many_is_stored_as_it_is(disk, case, sample):
    """DuckDB takes the type of a sample, and casts the other values to it."""
    usual, rare = RARE[case]
    disk.con.execute(f"SET GLOBAL pandas_analyze_sample = {sample}")
    values = [usual] * 5001 + [rare] + [usual] * 5001
    found = [value for (value,) in disk.read(disk.write(objects(*values))).fetchall()]
    assert found == values
    assert disk.con.sql("SELECT current_setting('pandas_analyze_sample')").fetchall() == [(sample,)]


@pytest.mark.parametrize("part", [slice(None, None, -1), slice(1, None, 2), slice(None, None, -2)])
@pytest.mark.parametrize("dtype", [object, "Int64", "int64", "float64", "Float32", "category"])
def test_a_part_of_a_frame_is_stored_as_it_is(disk, dtype, part):
    values = (
        pd.Series([1, None, 3, None, 5], dtype="Int64")
        if dtype == "Int64"
        else pd.Series([1, 2, 3, 4, 5]).astype(dtype)
    )
    frame = pd.DataFrame({"v": values})[part]
    wanted = [None if value is pd.NA else value for value in frame["v"].tolist()]
    assert [value for (value,) in disk.read(disk.write(frame)).fetchall()] == wanted


def test_columns_with_names_in_levels_are_refused(disk):
    with pytest.raises(WriteError, match="names in 2 levels") as refused:
        disk.write(
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
        )
    assert "frame.columns = " in refused.value.hint


def test_objects_that_duckdb_knows_are_kept_inside_of_others(disk):
    value = {
        "n": [1, None],
        "t": ("a", "ü"),
        "d": {"x": Decimal("1.5"), "at": datetime(2026, 1, 1, tzinfo=UTC)},
        "f": [1, 0.5],
        "b": b"\xff",
    }
    ((found,),) = disk.read(disk.write(objects(value))).fetchall()
    assert found == {**value, "t": ["a", "ü"]}


def test_an_index_with_a_name_is_not_left_out_without_a_word(disk):
    sales = pd.DataFrame({"region": ["n", "s", "n"], "year": [1, 1, 2], "v": [1, 2, 3]})
    with pytest.raises(WriteError, match="the index 'region' would be left out") as refused:
        disk.write(sales.groupby("region").sum())
    assert "reset_index()" in refused.value.hint
    with pytest.raises(WriteError, match="levels of the index 'region', 'year' would"):
        disk.write(sales.set_index(["region", "year"]))
    assert disk.files() == []
    assert disk.read(disk.write(sales[sales.v > 1])).columns == ["region", "year", "v"]
