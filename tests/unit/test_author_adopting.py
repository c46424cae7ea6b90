"""Tables whose Parquet files another engine has written: taken as they are, checked as any other,
and found again by a later attempt of the same try.
"""

from __future__ import annotations

import dataclasses
import re
import struct
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duckstring.author.check_pond import CheckPond
from duckstring.author.errors import CheckError, ContractError, WriteError
from duckstring.errors import InvariantError
from duckstring.model.parts import (
    MOST_ADOPTED,
    MOST_ADOPTED_OF_POND,
    MOST_LIVE,
    part_faults,
)
from duckstring.model.values import replace
from tests.unit.lake_kit import Disk
from tests.unit.parts_kit import Sandbox, rows_of

SELECT = "SELECT i AS id, 'n' || i AS name FROM range({}, {}) AS r(i)"


@pytest.fixture
def box(tmp_path):
    return Sandbox(tmp_path)


def written(to, *files, sql=SELECT):
    """What an engine writes: each file with ten rows, or those of its own SELECT."""
    for number, file in enumerate(files):
        name, own = file if isinstance(file, tuple) else (file, sql)
        path = Path(to) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as con:
            con.execute(
                f"COPY ({own.format(number * 10, number * 10 + 10)}) TO '{path}' (FORMAT parquet)"
            )


def adopted(box, *files, sql=SELECT, name="orders"):
    """An attempt that adopts these files."""
    pond = box.attempt()
    written(pond.location(name), *files, sql=sql)
    pond.adopt_table(name)
    return pond


# The names that engines give their files.

SPARK = "part-00000-6c2f7f5b-4f0e-4f4e-9d5c-1c1d2e3f4a5b-c000.snappy.parquet"
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


# Retries: which location it is.


def test_each_attempt_has_a_location_of_its_own(box):
    """A worker that died left half of its files there; the next one must not find them."""
    pond = box.attempt()
    written(pond.location("orders"), "part-0.parquet", "part-1.parquet")
    pond = box.attempt(lost=True)
    with pytest.raises(WriteError, match="no Parquet file lies in"):
        pond.adopt_table("orders")
    written(pond.location("orders"), "part-0.parquet")
    pond.adopt_table("orders")

    assert pond.written["orders"].rows == 10


def test_a_pause_drops_what_lies_in_the_location(box):
    pond = box.attempt()
    written(pond.location("orders"), "part-0.parquet")
    box.invocation = "ffffffff"
    box.tries -= 1
    pond = box.attempt(lost=True)

    with pytest.raises(WriteError, match="no Parquet file lies in"):
        pond.adopt_table("orders")


def begin_job(pond, slot="athena/primary/x"):
    """As ``duckstring.external`` remembers that it starts a run."""
    pond.remember(f"external/{slot}", {"since": 1.0, "run": ""})


def test_a_later_attempt_finds_what_the_job_of_an_earlier_one_has_written(box):
    pond = box.attempt()
    first = pond.location("orders")
    begin_job(pond)
    for lost in range(3):
        pond = box.attempt(lost=True)
        assert pond.location("orders") == first, lost
    written(first, SPARK)
    box.attempt(lost=True)
    pond = box.attempt(lost=True)
    pond.adopt_table("orders")

    version = pond.written["orders"]
    assert version.rows == 10
    assert version.key.startswith(f"data/sales@1/orders/{box.run:010d}-load-{box.tries}-")
    assert f"-load-{box.tries - 5}-" in version.parts[0].file


def test_the_next_try_has_a_new_location_though_the_job_of_the_failed_one_may_still_write(box):
    pond = box.attempt()
    first = pond.location("orders")
    begin_job(pond)
    written(first, SPARK)
    pond = box.attempt(again=True)

    assert pond.location("orders") != first
    with pytest.raises(WriteError, match="no Parquet file lies in"):
        pond.adopt_table("orders")
    with pytest.raises(WriteError, match=r"is not in pond\.location\('orders'\)"):
        pond.adopt_table("orders", first)


def test_a_job_that_was_started_before_says_nothing_of_a_location(box):
    """A first job has ended. What this Ripple then writes itself is not that job's."""
    pond = box.attempt()
    begin_job(pond, "glue/sales")
    first = pond.location("orders")
    pond = box.attempt(lost=True)
    second = pond.location("orders")
    assert second != first

    begin_job(pond)  # this one is given the second
    assert box.attempt(lost=True).location("orders") == second


def test_a_job_that_was_not_started_after_all_binds_no_location(box):
    pond = box.attempt()
    first = pond.location("orders")
    begin_job(pond)
    pond.remember("external/athena/primary/x", None)  # as it does where nothing was started

    assert box.attempt(lost=True).location("orders") != first


def test_an_engine_of_the_author_s_own_finds_its_location_by_what_it_remembers(box):
    pond = box.attempt()
    first = pond.location("orders")
    pond.remember("mine", [first, "run-7"])
    written(first, SPARK)
    pond = box.attempt(lost=True)
    pond.adopt_table("orders", pond.recall("mine")[0])

    assert pond.written["orders"].rows == 10


def test_one_call_gives_one_location(box):
    pond = box.attempt()
    first = pond.location("orders")
    begin_job(pond)

    assert pond.location("orders") == first
    assert pond.location("other") != first


@pytest.mark.parametrize(
    "remembered",
    [
        7,
        {"place": "data/sales@1/orders/0000000001-load-1-0a1b2c3d/"},
        {"place": "data/sales@1/orders/0000000001-load-9-0a1b2c3d/", "before": []},
        {"place": "data/sales@1/other/0000000001-load-1-0a1b2c3d/", "before": []},
        {"place": "data/evil@1/orders/0000000001-load-1-0a1b2c3d/", "before": []},
        {"place": "data/sales@1/orders/0000000001-load-1-0a1b2c3d/../x/", "before": []},
        {"place": "data/sales@1/orders/0000000001-load-1-0a1b2c3d", "before": []},
        {"place": "s3://elsewhere/", "before": []},
    ],
)
def test_a_memory_that_is_no_location_of_this_try_is_refused(box, remembered):
    pond = box.attempt()
    pond.remember("location/orders", remembered)
    with pytest.raises(InvariantError, match=r"remembers .*, which is no location of this try"):
        pond.location("orders")


class Died(BaseException):
    """A worker, between any two lines."""


@dataclass
class Writers:
    """A Ripple that has a job of another engine write its table, or writes the files itself. Its
    worker dies at some of the places that it passes.
    """

    by_job: bool
    deaths: list[bool]
    given: str = ""
    attempts: int = 0

    def passes(self):
        if self.deaths and self.deaths.pop():
            raise Died

    def ripple(self, pond):
        self.attempts += 1
        to = pond.location("orders")
        self.passes()
        if not self.by_job:
            self.write(to, self.attempts)
        else:
            if pond.recall("external/job") is None:
                pond.remember("external/job", {"since": 1.0, "run": ""})
            self.passes()
            if not self.given:  # an engine starts one run for one key
                self.given = to
                self.write(to, self.attempts)
                self.passes()
            pond.remember("external/job", {"since": 1.0, "run": "r"})
        pond.adopt_table("orders")
        self.passes()

    def write(self, to, stamp):
        for number in range(2):
            written(to, (f"part-{stamp}-{number}", f"SELECT {stamp} AS of, {number} AS part"))
            if not self.by_job:  # a job does not die with the worker that has started it
                self.passes()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    by_job=st.booleans(),
    earlier=st.booleans(),
    deaths=st.lists(st.booleans(), max_size=9),
    fails=st.integers(0, 2),
)
def test_a_table_has_what_one_writer_has_written_and_all_of_it_whoever_dies(
    tmp_path_factory, by_job, earlier, deaths, fails
):
    """Whatever is lost, paused or tried again. ``earlier``: another job has ended before."""
    box = Sandbox(tmp_path_factory.mktemp("box"))
    writers = Writers(by_job, deaths)
    pond = box.attempt()
    while True:
        if earlier and pond.recall("external/first") is None:
            pond.remember("external/first", {"since": 1.0, "run": "f"})
        try:
            writers.ripple(pond)
        except Died:
            box.invocation = f"{writers.attempts:08x}"
            pond = box.attempt(lost=True)
        else:
            if not fails:
                break
            fails -= 1
            writers.given = ""  # another try is another run
            pond = box.attempt(again=True)

    rows = pond.read_table("orders").fetchall()
    assert sorted(part for _, part in rows) == [0, 1]
    assert len({of for of, _ in rows}) == 1
    if not by_job:
        assert rows[0][0] == writers.attempts


# What cannot be adopted, each in one line that says what and where.


def refused(box, match, *, location=None, name="orders", make=lambda to: None):
    """Nothing is written, and nothing of it stays: the attempt may do something else."""
    pond = box.attempt()
    make(pond.location(name))
    with pytest.raises(WriteError, match=match) as error:
        pond.adopt_table(name, location)
    assert "\n" not in error.value.message
    assert error.value.hint
    assert pond.written == {}
    pond.write_table(name, "SELECT 1 AS a")
    return error.value


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
