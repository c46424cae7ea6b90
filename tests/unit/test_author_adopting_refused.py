"""What cannot be adopted is refused, and says why."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duckstring.author.check_pond import CheckPond
from duckstring.author.errors import CheckError, WriteError
from duckstring.model.parts import (
    MOST_ADOPTED,
    MOST_ADOPTED_OF_POND,
    part_faults,
)
from duckstring.model.values import replace
from tests.unit.adopting_kit import SELECT, SPARK, adopted, refused, written
from tests.unit.parts_kit import Sandbox


@pytest.fixture
def box(tmp_path):
    return Sandbox(tmp_path)


def test_nothing_there(box):
    error = refused(
        box, r"no Parquet file lies in /.*/data/sales@1/orders/0000000001-load-1-\w+/\.$"
    )
    assert "UNLOAD writes no file where there are no rows" in error.hint
    refused(box, "no Parquet file lies in", make=lambda to: (Path(to) / "_SUCCESS").touch())


@pytest.mark.parametrize(
    "location",
    [
        "s3://elsewhere/orders/",
        "s3://elsewhere/data/sales@1/orders/0000000001-load-1-0a1b2c3d/",
        "data/sales@1/orders/0000000001-load-1-0a1b2c3d/",
        "/etc/",
        "",
        "/",
        7,
        b"s3://x",
    ],
)
def test_a_location_that_was_not_given_out(box, location):
    error = refused(box, r"is not in pond\.location\('orders'\)", location=location)
    assert "pond.write_table('orders', \"FROM read_parquet(" in error.hint


@pytest.mark.parametrize(
    "more", ["../", "eu/../../x", "*", "**/", "?", "[e]u", "e%75", "eu//us", "_x", "#"]
)
def test_a_path_that_would_leave_its_location_or_be_a_pattern(box, more):
    pond = box.attempt()
    to = pond.location("orders")
    written(to, "eu/part-0.parquet")
    with pytest.raises(WriteError, match=r"is not in pond\.location"):
        pond.adopt_table("orders", f"{to}{more}")


def test_the_location_of_another_table(box):
    pond = box.attempt()
    written(other := pond.location("other"), SPARK)
    pond.location("orders")
    with pytest.raises(WriteError, match=r"is not in pond\.location\('orders'\)"):
        pond.adopt_table("orders", other)


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("part-0.parquet", b"", "too small to be a Parquet file"),
        ("part-0.csv", b"id,name\n1,a\n" * 20, "No magic bytes found"),
        ("part-0.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", "."),
        ("part-0.parquet", b"PAR1" + struct.pack("<I", 2**31) + b"PAR1", "."),
    ],
)
def test_a_file_that_is_no_parquet(box, file, content, why):
    def make(to):
        written(to, "part-9.parquet")
        (Path(to) / file).write_bytes(content)

    refused(
        box,
        rf"^Table 'orders': the file '{re.escape(file)}' cannot be read as Parquet: .*{why}",
        make=make,
    )


def test_an_encrypted_file(box):
    def make(to):
        path = Path(to) / "part-0.parquet"
        with duckdb.connect() as con:
            con.execute("SET force_mbedtls_unsafe = 'true'")
            con.execute("PRAGMA add_parquet_key('k', '0123456789112345')")
            con.execute(f"COPY (SELECT 1 AS a) TO '{path}' (ENCRYPTION_CONFIG {{footer_key: 'k'}})")

    refused(box, r"the file 'part-0\.parquet' cannot be read as Parquet: .*is encrypted", make=make)


def test_a_file_whose_pages_are_broken(box):
    def make(to):
        written(to, "part-0.parquet", sql="SELECT md5(i::VARCHAR) AS a FROM range(9999) AS r(i)")
        path = Path(to) / "part-0.parquet"
        data = bytearray(path.read_bytes())
        for at in range(40, 60_000, 7):
            data[at] ^= 0xFF
        path.write_bytes(data)

    refused(box, r"cannot be read as Parquet: ", make=make)


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ("SELECT 1::BIGINT AS id", r"'b' lacks 'name', which 'a' has"),
        ("SELECT 1::BIGINT AS id, 'x' AS name, 1 AS more", r"'b' has 'more', which 'a' lacks"),
        ("SELECT 1::INTEGER AS id, 'x' AS name", r"'b' has another type of 'id' than 'a'"),
        ("SELECT 'x' AS name, 1::BIGINT AS id", r"'b' has another order of columns than 'a'"),
        ("SELECT 1::BIGINT AS id, 'x' AS NAME", r"'b' lacks 'name', which 'a' has"),
    ],
)
def test_files_with_different_columns(box, second, why):
    refused(
        box,
        rf"^Table 'orders': its files have different columns: {why}\.$",
        make=lambda to: written(to, ("a", SELECT), ("b", second)),
    )


def test_files_whose_nested_columns_differ(box):
    one, other = "SELECT {{'a': 1, 'b': 2}} AS s", "SELECT {{'a': 1, 'c': 2}} AS s"
    refused(
        box, "'y' lacks 'b', which 'x' has", make=lambda to: written(to, ("x", one), ("y", other))
    )


def test_a_column_that_lies_in_the_names_of_folders_only(box):
    error = refused(
        box,
        r"column 'day' lies in the names of folders only \('day=2030-01-01'\), and not in ",
        make=lambda to: written(to, f"day=2030-01-01/{SPARK}"),
    )
    assert "partitionBy" in error.hint


@pytest.mark.parametrize(
    "name",
    [
        "part 0.parquet",
        "day=2030-01-01%2000/x",
        "ä.parquet",
        "a[1].parquet",
        "a*b",
        "x?y",
        "a#b",
        "x" * 201,
    ],
)
def test_a_name_that_no_address_may_have(box, name):
    refused(
        box,
        r"^Table 'orders': the file '.*' has a name that no table's may have\.$",
        make=lambda to: (
            written(to, "part-9.parquet")
            or (Path(to) / name).parent.mkdir(exist_ok=True)
            or (Path(to) / name).write_bytes(b"x")
        ),
    )


def test_more_files_than_a_manifest_holds(box):
    def make(to):
        written(to, "part-0.parquet")
        for number in range(MOST_ADOPTED):
            (Path(to) / f"part-1{number}.parquet").write_bytes(
                (Path(to) / "part-0.parquet").read_bytes()
            )

    error = refused(box, rf"has {MOST_ADOPTED + 1} files; allowed: {MOST_ADOPTED}\.$", make=make)
    assert "coalesce" in error.hint


def test_as_many_files_as_a_manifest_holds(box):
    version = adopted(box, *(f"part-{n}.parquet" for n in range(MOST_ADOPTED))).written["orders"]
    assert len(version.parts) == MOST_ADOPTED + 1
    assert list(part_faults(version)) == []


def test_more_files_than_all_tables_of_a_pond_may_have(box):
    version = adopted(box, SPARK).written["orders"]
    parts = tuple(
        replace(version.parts[0], file=f"{version.parts[0].file}{n}") for n in range(MOST_ADOPTED)
    )
    many = MOST_ADOPTED_OF_POND // MOST_ADOPTED
    box.tables = {
        f"t{n}": replace(version, table=f"t{n}", parts=(*parts, version.parts[-1]))
        for n in range(many)
    }
    refused(
        box,
        r"has 1 files; allowed: 0: the Pond's other tables have the rest\.",
        make=lambda to: written(to, SPARK),
    )


def test_a_job_that_has_not_ended(box):
    refused(
        box,
        r"a job is still writing to .*, or failed there: it has _temporary/, and no _SUCCESS",
        make=lambda to: written(to, SPARK, f"_temporary/0/{SPARK}"),
    )


def test_columns_whose_names_readers_take_for_one(box):
    refused(
        box,
        r"two columns are called 'a' and 'A', which differ by case only",
        make=lambda to: pq.write_table(pa.table({"a": [1], "A": [2]}), Path(to) / "x.parquet"),
    )
    refused(
        box,
        r"two columns are called 'a'",
        make=lambda to: pq.write_table(
            pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
            Path(to) / "x.parquet",
        ),
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [("'12:00:00+02'::TIMETZ", "TIME WITH TIME ZONE"), ("INTERVAL 1 DAY", "INTERVAL")],
)
def test_a_column_that_a_table_stores_in_another_form(box, value, kind):
    error = refused(
        box,
        rf"column 'at' is {kind}, which a table stores in another form than the file has",
        make=lambda to: written(to, SPARK, sql=f"SELECT {value} AS at"),
    )
    assert "pond.write_table('orders', ...)" in error.hint


def test_calls_that_are_out_of_place(box):
    pond = adopted(box, SPARK)
    with pytest.raises(WriteError, match="was written by this Ripple already"):
        pond.adopt_table("orders")
    with pytest.raises(WriteError, match="was written by this Ripple already"):
        pond.location("orders")
    with pytest.raises(WriteError, match="A table cannot be called 'Bad Name'"):
        pond.location("Bad Name")
    with pytest.raises(WriteError, match="is a Source's table"):
        pond.adopt_table("source.orders")
    pond = box.attempt()
    pond.skip()
    with pytest.raises(WriteError, match=r"after pond\.skip"):
        pond.adopt_table("orders")


def test_a_check_adopts_nothing(box):
    around = box.attempt().around
    pond = CheckPond(around, storage=box.attempt()._lake._storage, memory=box.memory, log=None)
    for call in (pond.location, pond.adopt_table):
        with pytest.raises(CheckError, match=r"in a check; a check only reads"):
            call("orders")
