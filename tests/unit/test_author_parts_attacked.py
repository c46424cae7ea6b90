"""Appends, merges and deltas with data that is hard on them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from duckstring.model.names import Line
from tests.unit.parts_kit import Sandbox, rows_of


@pytest.fixture
def source(tmp_path):
    return Sandbox(tmp_path / "source")


@pytest.fixture
def sink(tmp_path, source):
    return Sandbox(tmp_path / "source", line=Line("reports@1"), sources={"sales": source})


def read(box, table="t"):
    return rows_of(box.attempt().read_table(table))


def test_appends_of_several_threads_add_up(source):
    pond = source.attempt()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: pond.append_table("t", pd.DataFrame({"id": [n]})), range(16)))
    source.succeed(pond)
    assert read(source) == sorted(((n,) for n in range(16)), key=repr)


def test_a_table_with_json_is_merged_again_and_again(source):
    for value in ('{"a": 1}', '{"a": 1}', '{"a": 2}'):
        source.ran(
            lambda pond, value=value: pond.merge_table(
                "t", f"SELECT 1 AS id, '{value}'::JSON AS doc", key=["id"]
            )
        )
    assert read(source) == [(1, '{"a": 2}')]


def test_a_key_that_is_deleted_and_written_is_written(source):
    def merge(pond, data, delete=None):
        pond.merge_table("t", data, key=["id"], delete=delete)

    source.ran(lambda pond: merge(pond, "SELECT range AS id, 'old' AS v FROM range(3)"))
    source.ran(
        lambda pond: merge(pond, "SELECT 1 AS id, 'new' AS v", "FROM (VALUES (1), (2)) t(id)")
    )
    assert read(source) == [(0, "old"), (1, "new")]


def test_a_delta_of_a_table_that_is_written_whole_can_be_merged_as_it_is(source, sink):
    def merge(pond):
        delta = pond.read_delta("sales.t")
        new = delta.filter("_change = 'insert'").project("* EXCLUDE (_change)")
        pond.merge_table("t", new, key=["id"], delete=delta.filter("_change = 'delete'"))

    for rows in ("(1, 'a'), (2, 'b')", "(1, 'x'), (3, 'c')"):
        source.ran(lambda pond, rows=rows: pond.write_table("t", f"FROM (VALUES {rows}) t(id, v)"))
        sink.ran(merge)
    assert read(sink) == [(1, "x"), (3, "c")]


@pytest.mark.parametrize("name", ["~n", "~i", "~~1"])
def test_no_column_is_taken_for_one_of_the_deltas_own(source, sink, name):
    for first in (0, 10):
        source.ran(
            lambda pond, first=first: pond.write_table(
                "t", f'SELECT 0::UBIGINT AS "{name}", {first} + range AS id FROM range(3)'
            )
        )
        changes = sink.ran(
            lambda pond: pond.read_delta("sales.t").project("_change, id").fetchall()
        )
    assert sorted(changes) == [("delete", n) for n in range(3)] + [
        ("insert", n) for n in range(10, 13)
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("'a'::ENUM('a', 'b')", "'c'::ENUM('c', 'd')"),
        ("TIMESTAMP '2030-01-01 12:00:00.5'", "TIMESTAMP_S '2030-01-01 12:00:00'"),
        ("INTERVAL 1 DAY", "{'months': 0, 'days': 1, 'micros': 0::BIGINT}"),
    ],
)
def test_a_table_that_came_again_with_other_types_is_given_whole(source, sink, before, after):
    def take(pond):
        return pond.read_delta("sales.t").fetchall(), pond.delta_is_full("sales.t")

    source.ran(lambda pond: pond.write_table("t", f"SELECT {before} AS v"))
    sink.ran(take)
    source.ran(lambda pond: pond.drop_table("t"))
    source.ran(lambda pond: pond.write_table("t", f"SELECT {after} AS v"))
    rows, is_full = sink.ran(take)
    assert is_full
    assert [row[-1] for row in rows] == ["insert"]


def test_a_folder_that_looks_like_a_partition_adds_no_column(tmp_path):
    box = Sandbox(tmp_path / "env=prod")
    for n in range(2):
        box.ran(lambda pond, n=n: pond.append_table("t", f"SELECT {n} AS id"))
    assert read(box) == [(0,), (1,)]


@pytest.mark.parametrize("first", [0, 700, 1400])
def test_zeros_whose_sign_a_file_loses_block_no_table(source, first):
    """Of -0.0 and 0.0 DuckDB's dictionaries in Parquet make one value."""

    def merge(pond, data, delete=None):
        pond.merge_table("t", data, key=["id"], delete=delete)

    some = f"range({first}, {first} + 10) t(id)"
    zeros = f"SELECT id, -0.0::DOUBLE AS x FROM {some}"
    for _ in range(2):  # the second time the rows are compared, and their sum is kept
        source.ran(lambda pond: pond.write_table("t", zeros))
    assert source.tables["t"].total
    source.ran(
        lambda pond: merge(
            pond, "SELECT 5000::BIGINT AS id, 0.0::DOUBLE AS x", f"SELECT id FROM {some}"
        )
    )
    assert int(source.tables["t"].total or 0) >= 0
    assert read(source) == [(5000, 0.0)]
