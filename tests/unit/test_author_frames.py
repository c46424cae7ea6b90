"""Frames of pandas, polars and Arrow are kept as they are, or refused before anything is stored."""

from datetime import UTC, date, datetime
from decimal import Decimal

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


def objects(*values):
    return pd.DataFrame({"v": pd.Series(values, dtype=object)})


def arrow(values, dtype=None):
    return pa.table({"v": pa.array(values, dtype)})


def polars(values, dtype=None):
    return pl.DataFrame({"v": pl.Series(values, dtype=dtype)})


NANOSECONDS = pd.to_datetime(["2026-01-01 00:00:00.000000001"])
BERLIN = pd.to_datetime(["2026-01-01 00:00:00.000001"]).tz_localize("Europe/Berlin")
KEPT = {
    "categories": (pd.DataFrame({"v": pd.Categorical(["b", None], ["b", "a"])}), "ENUM('b', 'a')", ["b", None]),
    "durations": (pd.DataFrame({"v": pd.to_timedelta(["29 days 23:59:59.5", None])}), "INTERVAL", ["29 days 23:59:59.5", None]),
    "nanoseconds": (pd.DataFrame({"v": NANOSECONDS}), "TIMESTAMP_NS", ["2026-01-01 00:00:00.000000001"]),
    "a zone": (pd.DataFrame({"v": BERLIN.as_unit("ns")}), "TIMESTAMP WITH TIME ZONE", ["2025-12-31 23:00:00.000001+00"]),
    "decimals": (objects(Decimal("1.5"), None, Decimal("123456.789")), "DECIMAL(9,3)", ["1.500", None, "123456.789"]),
    "decimals and whole numbers": (objects(Decimal("1.5"), 2), "DECIMAL(11,1)", ["1.5", "2.0"]),
    "large whole numbers": (objects(*[1] * 20, 2**70), "HUGEINT", ["1"] * 20 + [str(2**70)]),
    "text and no number": (objects("a", float("nan"), None), "VARCHAR", ["a", None, None]),
    "arrow time": (arrow([1], pa.time64("ns")), "TIME_NS", ["00:00:00.000000001"]),
    "arrow milliseconds": (arrow([1], pa.timestamp("ms")), "TIMESTAMP_MS", ["1970-01-01 00:00:00.001"]),
    "arrow durations": (arrow([1000, None], pa.duration("ns")), "INTERVAL", ["00:00:00.000001", None]),
    "arrow array": (arrow([[1, 2]], pa.list_(pa.int32(), 2)), "INTEGER[2]", ["[1, 2]"]),
    "polars durations": (polars([1000, None], pl.Duration("ns")), "INTERVAL", ["00:00:00.000001", None]),
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
    "names by case in a struct": arrow([{"a": 1, "A": 2}], pa.struct([("a", pa.int8()), ("A", pa.int8())])),
    "no name": pd.DataFrame([[1]], columns=[""]),
    "no name, arrow": pa.Table.from_arrays([pa.array([1])], names=[""]),
    "NUL": pa.table({"a\0b": [1]}),
    "no columns": pd.DataFrame(),
    "no columns, arrow": pa.table({}),
    "no columns, polars": pl.DataFrame(),
    "nanoseconds": pd.DataFrame({"v": pd.to_timedelta([1500], unit="ns")}),
    "nanoseconds in a zone": pd.DataFrame({"v": pd.to_datetime(["2026-01-01 00:00:00.000000001+00:00"])}),
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
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_duckdb_would_change_is_refused_before_anything_is_stored(disk, case):
    with pytest.raises(WriteError) as refused:
        disk.write(REFUSED[case])
    assert refused.value.message.startswith("Table 't'")
    assert refused.value.hint
    assert disk.files() == []


def test_an_index_with_a_name_is_not_left_out_without_a_word(disk):
    sales = pd.DataFrame({"region": ["n", "s", "n"], "year": [1, 1, 2], "v": [1, 2, 3]})
    with pytest.raises(WriteError, match="the index 'region' would be left out") as refused:
        disk.write(sales.groupby("region").sum())
    assert "reset_index()" in refused.value.hint
    with pytest.raises(WriteError, match="levels of the index 'region', 'year' would"):
        disk.write(sales.set_index(["region", "year"]))
    assert disk.files() == []
    assert disk.read(disk.write(sales[sales.v > 1])).columns == ["region", "year", "v"]
