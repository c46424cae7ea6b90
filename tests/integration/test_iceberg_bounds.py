"""Bounds of columns in Iceberg's manifests: files are skipped by them, and no row is lost."""

from __future__ import annotations

import operator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.conversions import from_bytes
from pyiceberg.schema import Schema
from pyiceberg.types import DecimalType, DoubleType, LongType, NestedField, StringType

from duckstring.adapters.aws import lake_tables
from duckstring.adapters.aws.iceberg_bounds import metrics_of
from duckstring.exporter import fitting, iceberg
from duckstring.exporter.footers import ColumnStatistics, FileStatistics
from duckstring.model.values import replace
from tests.integration.iceberg_kit import (
    BUCKET,
    ORDERS,
    SALES,
    address,
    house,
    orders,
    publish,
)

__all__ = ["address", "house"]

NO_SURROGATES = st.characters(exclude_categories=("Cs",))
EDGES = "a\0\ud7ff\ue000\uffff\U00010000\U0010fffe\U0010ffff"
TEXT = st.text(st.sampled_from(EDGES) | NO_SURROGATES, max_size=20) | st.builds(
    operator.add, st.text(st.sampled_from(EDGES), min_size=14, max_size=18), st.text(max_size=3)
)


def metrics(low, high, kind, file_kind):
    """What a manifest says of one column, whose id is 7."""
    schema = Schema(NestedField(7, "c", kind))
    column = ColumnStatistics("c", file_kind, 10, 3, 1, None, low, high)
    return metrics_of(FileStatistics([column], [4]), schema)


@given(TEXT, TEXT)
def test_text_is_never_outside_its_bounds(one, other):
    low, high = sorted([one, other])
    found = metrics(low, high, StringType(), "string")
    lower = found["lower_bounds"][7].decode()
    assert lower <= low
    assert len(lower) <= 16
    if (upper := found.get("upper_bounds", {}).get(7)) is not None:
        assert upper.decode() >= high
        assert upper >= high.encode(), "byte by byte, as other engines compare"
        assert len(upper.decode()) <= 16


@pytest.mark.parametrize(
    ("high", "upper"),
    [
        ("a" * 16, "a" * 16),
        ("a" * 17, "a" * 15 + "b"),
        ("a" + "\U0010ffff" * 16, "b" + "\U0010ffff" * 15),
        ("\U0010ffff" * 16, "\U0010ffff" * 16),
        ("\U0010ffff" * 17, None),
        ("a" * 15 + "\ud7ff!", None),
        ("", ""),
    ],
)
def test_text_that_is_cut_has_a_bound_above_it_or_none(high, upper):
    found = metrics("", high, StringType(), "string").get("upper_bounds", {})
    assert found.get(7) == (None if upper is None else upper.encode())


def test_both_zeros_are_within_the_bounds_of_either():
    found = metrics(0.0, -0.0, DoubleType(), "double")
    lower, upper = found["lower_bounds"][7], found["upper_bounds"][7]
    assert (lower, upper) == (b"\0\0\0\0\0\0\0\x80", b"\0" * 8)


def test_a_file_with_a_narrower_type_has_bounds_of_the_tables_and_one_with_another_has_nothing():
    wider = metrics(1, 2, LongType(), "int")
    assert (wider["lower_bounds"], wider["upper_bounds"]) == (
        {7: b"\1" + b"\0" * 7},
        {7: b"\2" + b"\0" * 7},
    )
    decimal = metrics(-5, 5, DecimalType(12, 2), "decimal(9,2)")
    assert from_bytes(DecimalType(12, 2), decimal["lower_bounds"][7]) == Decimal("-0.05")
    for kind, other in ((DecimalType(9, 3), "decimal(9,2)"), (StringType(), "int")):
        assert metrics(-5, 5, kind, other) == {"split_offsets": [4]}
    assert metrics(1, 2**63, LongType(), "long").get("upper_bounds") is None


# Tables that Ponds publish


def files(house, name=ORDERS, where=None):
    """The files that pyiceberg would read, by the ends of their keys."""
    scan = (
        house.table(name).scan(row_filter=where) if where is not None else house.table(name).scan()
    )
    return {
        task.file.file_path.removeprefix(f"s3://{BUCKET}/"): task.file for task in scan.plan_files()
    }


def told(house, column, name=ORDERS):
    """The bounds of a column in each file."""
    field = house.table(name).schema().find_field(column)
    return sorted(
        tuple(
            None
            if found is None or field.field_id not in found
            else from_bytes(field.field_type, found[field.field_id])
            for found in (file.lower_bounds, file.upper_bounds)
        )
        for file in files(house, name).values()
    )


def by_duckdb(house, where, name=ORDERS):
    location = house.table(name).metadata_location
    return house.con.execute(f"FROM iceberg_scan('{location}') WHERE {where}").fetchall()


def in_parts(house, *selects, name="orders"):
    """A table of several files. Returns their keys."""
    made = [orders(house, selects[0], name=name)]
    publish(house, *made)
    for sql in selects[1:]:
        made.append(house.more(SALES, name, sql))
        publish(house, made[-1])
    return [one.key for one in made]


def test_engines_read_only_the_files_whose_bounds_may_match(house):
    first, second, third = in_parts(
        house,
        "SELECT range AS i, 'a' || range AS t FROM range(0, 10)",
        "SELECT range AS i, 'b' || range AS t FROM range(10, 20)",
        "SELECT range AS i, 'c' || range AS t FROM range(20, 30)",
    )
    assert set(files(house, where="i >= 20")) == {third}
    assert set(files(house, where="t < 'b'")) == {first}
    assert set(files(house, where="i = 9 or t = 'b15'")) == {first, second}
    assert set(files(house, where="i > 100")) == set()
    house.clients.s3.delete_object(Bucket=BUCKET, Key=second)
    for where in ("i = 25", "t LIKE 'c%' AND i = 25", "i IN (25, 26) AND t = 'c25'"):
        assert by_duckdb(house, where) == [(25, "c25")], "the second one is not there"


def test_a_file_has_counts_sizes_and_where_its_row_groups_begin(house):
    publish(house, orders(house, "SELECT unnest([1.5, NULL, 2.5]) AS d, [1] AS l, uuid() AS u"))
    (file,) = files(house).values()
    assert (file.value_counts, file.null_value_counts) == ({1: 3, 3: 3}, {1: 1, 3: 0})
    assert file.column_sizes.keys() == {1, 3}
    assert file.split_offsets == [4]
    assert file.lower_bounds.keys() == {1}


def test_only_the_first_columns_of_a_wide_table_have_bounds(house, monkeypatch):
    monkeypatch.setattr(iceberg, "MOST_MEASURED", 3)
    assert fitting.MOST_MEASURED == 100
    publish(house, orders(house, "SELECT 1 AS a, 2 AS b, {'x': 3} AS c, 4 AS d"))
    (file,) = files(house).values()
    assert set(file.lower_bounds) == {
        house.table(ORDERS).schema().find_field(name).field_id for name in ("a", "b")
    }
    assert by_duckdb(house, "d = 4 AND c.x = 3") == [(1, 2, {"x": 3}, 4)]
    for where in ("d IS NULL", "c IS NULL", "a IS NULL"):
        assert by_duckdb(house, where) == []
    for where in ("d IS NOT NULL", "c IS NOT NULL", "a IS NOT NULL"):
        assert len(by_duckdb(house, where)) == 1


def test_what_is_copied_has_the_bounds_of_the_copy(house):
    publish(house, orders(house, "SELECT unnest([5, 18446744073709551615::UBIGINT]) AS u"))
    assert told(house, "u") == [(Decimal(5), Decimal(18446744073709551615))]
    rows = "SELECT range::INTEGER AS id, 'old' AS t FROM range(3)"
    publish(house, orders(house, rows, key=("id",), name="merged"))
    change = "SELECT 1 AS id, 'new' AS t, 'update_after' AS _change"
    more = house.more(SALES, "merged", change, kind="changes")
    publish(house, replace(more, merge_key=("id",)))
    assert told(house, "t", "sales.merged") == [("new", "old")]


def test_bounds_stay_with_the_files_that_stay(house):
    first, _ = in_parts(house, "SELECT 1 AS i", "SELECT 2 AS i")
    folded = orders(house, "SELECT 3 AS i")
    kept = replace(
        folded, parts=(*house.states[SALES].tables["orders"].contents[:1], *folded.parts)
    )
    publish(house, kept)
    assert set(files(house)) == {first, folded.key}
    assert told(house, "i") == [(1, 1), (3, 3)]


def test_bounds_go_by_the_ids_of_columns_when_columns_come_go_and_widen(house):
    publish(house, orders(house, "SELECT 100::INTEGER AS a, 'x' AS b"))
    (was,) = house.snapshots(ORDERS)
    in_parts(house, "SELECT 5000000000::BIGINT AS a, 'y' AS c", "SELECT 1::BIGINT AS a, 'x' AS c")
    assert told(house, "a") == [(1, 1), (5000000000, 5000000000)]
    assert told(house, "c") == [("x", "x"), ("y", "y")]
    table = house.table(ORDERS)
    before = table.scan(snapshot_id=was, row_filter="a = 100")
    assert before.to_arrow().to_pylist() == [{"a": 100, "b": "x"}]
    found = house.con.execute(
        f"FROM iceberg_scan('{table.metadata_location}', snapshot_from_id := {was}) WHERE b = 'x'"
    ).fetchall()
    assert found == [(100, "x")]
    publish(house, orders(house, "SELECT 'text' AS a"))
    assert told(house, "a") == [("text", "text")]


def test_files_that_were_shown_without_bounds_get_them_with_the_next_look(house, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(iceberg, "_FORM", "1")
        patch.setattr(lake_tables, "read_statistics", lambda *_: FileStatistics())
        keys = in_parts(house, "SELECT 1 AS i", "SELECT 2 AS i")
    assert told(house, "i") == [(None, None)] * 2
    assert [row for (row,) in by_duckdb(house, "i = 2")] == [2], "they stay valid"
    report = iceberg.export_iceberg(house.ports, look=True)
    assert (report.failed, report.put) == ({}, 1)
    assert told(house, "i") == [(1, 1), (2, 2)]
    assert set(files(house)) == set(keys), "the files are the same"
    assert house.rows(ORDERS) == [(1,), (2,)]
    assert house.rows(ORDERS, house.snapshots(ORDERS)[0]) == [(1,)]
    assert house.needed() <= house.swept.named()
    assert iceberg.export_iceberg(house.ports, look=True).put == 0


def test_bounds_cost_no_request(house, monkeypatch):
    storage = house.tables._storage
    asked = []
    read = lake_tables.read_statistics

    def counted(*given):
        before = storage.requests()
        found = read(*given)
        asked.append((before, storage.requests()))
        return found

    monkeypatch.setattr(lake_tables, "read_statistics", counted)
    in_parts(house, "SELECT 1 AS i", "SELECT 2 AS i")
    assert len(asked) == 3
    assert all(before == after and before for before, after in asked)
