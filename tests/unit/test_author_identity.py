"""A table that is written with the rows that are published keeps its fingerprint. What differs gets
another one, and rows are read only where nothing cheaper tells.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.author import ends, identity, lake
from duckstring.author.fingerprint import row_hashes
from duckstring.errors import TransientError
from duckstring.model.sql import quoted
from tests.unit.lake_kit import Disk
from tests.unit.parts_kit import Sandbox

MANY = (
    "SELECT i, i % 7 AS k, (i % 11)::DOUBLE AS d, 't' || (i % 1000) AS t, [i % 2] AS l, "
    "(i % 5 / 100)::DECIMAL(15,2) AS c, DATE '2030-01-01' + (i % 900)::INTEGER AS day, "
    "CASE WHEN i % 3 > 0 THEN i % 2 = 0 END AS b, "
    "CASE WHEN i % 3 = 0 THEN 'nan'::DOUBLE ELSE i END AS n, "
    "[repeat('m', 300), 'A', 'z'][i % 3 + 1] AS s, "
    "CASE WHEN i < 150000 THEN 'a' ELSE 'B' END AS u FROM range(300000) r(i)"
)
"""Three row groups."""


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


@pytest.fixture
def large(monkeypatch):
    """Every table is compared as a large one is."""
    monkeypatch.setattr(identity, "SMALL", 0)


@pytest.fixture
def sums(disk, monkeypatch):
    """The SELECTs whose rows were read and summed."""
    read, summed = [], disk.lake.summed

    def noted(rows, **size):
        read.append(rows)
        return summed(rows, **size)

    monkeypatch.setattr(disk.lake, "summed", noted)
    return read


def rows_are_gone(disk, version):
    """The file has its end, and nothing of its rows."""
    file = disk.root / version.key
    content = bytearray(file.read_bytes())
    end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[4:end] = bytes(end - 4)
    file.write_bytes(content)


@pytest.mark.parametrize("order", ["hash(i)", "i % 3", "s", "n"])
@pytest.mark.parametrize("collation", ["", "NOCASE"])
def test_the_same_rows_in_another_order_are_the_same_table(disk, order, collation):
    disk.con.execute(f"SET default_collation = '{collation}'")
    published = disk.write(MANY)
    again = disk.write(f"FROM ({MANY}) ORDER BY {order}", published)
    assert again.fingerprint == published.fingerprint
    assert (published.total, bool(again.total)) == ("", True)


@pytest.mark.parametrize(
    "change",
    [
        "i = 150000 AS b",
        "CASE WHEN i = 150000 THEN 'other' ELSE t END AS t",
        "CASE WHEN i = 150000 THEN [9] ELSE l END AS l",
        "CASE WHEN i = 150000 THEN 0.5 ELSE d END AS d",
        "CASE i WHEN 7 THEN 8 WHEN 8 THEN 7 ELSE i END AS i",
        "CASE WHEN i IN (149000, 150500) THEN 't' || ((299500 - i) % 1000) ELSE t END AS t",
    ],
)
@pytest.mark.parametrize("order", ["i", "hash(i)"])
def test_one_other_value_in_the_middle_is_another_table(disk, large, change, order):
    published = disk.write(MANY)
    other = f"SELECT * REPLACE ({change}) FROM ({MANY}) ORDER BY {order}"
    for known in (published, disk.write(MANY, published)):
        assert disk.write(other, known).fingerprint != published.fingerprint


def test_of_rows_in_the_same_order_only_the_column_that_differs_is_read(disk, large, sums):
    published = disk.write(MANY)
    change = "CASE WHEN i = 150000 THEN [9] ELSE l END AS l"
    other = disk.write(f"SELECT * REPLACE ({change}) FROM ({MANY})", published)
    assert other.fingerprint != published.fingerprint
    assert [rows.partition(" FROM ")[0] for rows in sums] == ['SELECT "l"'] * 2
    assert other.total == ""


def test_values_that_change_places_in_a_column_are_found_by_the_rows(disk, large, sums):
    rows = "SELECT i, i % 7 AS k, 't' || i AS t FROM range(1000) r(i)"
    published = disk.write(rows)
    swapped = "CASE i WHEN 7 THEN 800 WHEN 800 THEN 7 ELSE i END"
    other = f"SELECT * REPLACE ('t' || {swapped} AS t) FROM ({rows})"
    assert disk.write(other, published).fingerprint != published.fingerprint
    read = [rows.partition("FROM ")[0] for rows in sums]
    assert read == ['SELECT "t" '] * 2 + [""] * 2, "the column, and then all of them"


def test_equal_bytes_are_the_same_table_and_no_row_is_read(disk, large, sums):
    rows = "SELECT i, 'x' || i AS t FROM range(100) r(i)"
    other = f"SELECT * REPLACE ('y' AS t) FROM ({rows})"
    first = disk.write(rows)
    known = disk.write(rows, first)
    assert len(sums) == 2  # the file says of itself what was filled before
    again = disk.write(rows, known)
    assert (again.fingerprint, again.total) == (known.fingerprint, known.total)
    unknown = disk.write(other, known)
    again = disk.write(other, unknown)
    assert (again.fingerprint, again.total) == (unknown.fingerprint, "")
    assert len(sums) == 2


def test_what_a_first_try_has_left_is_not_taken_for_what_a_second_one_writes(tmp_path, monkeypatch):
    """DuckDB remembers what it has seen of an object, whatever has become of it."""
    sales = Sandbox(tmp_path)
    sales.ran(lambda pond: pond.write_table("t", "SELECT 1 AS a"))
    pond, tried = sales.attempt(), []

    def unlucky(_, made, *_rest):
        tried.append(made.key)
        raise TransientError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(lake, "identified", unlucky)
        with pytest.raises(TransientError):
            pond.write_table("t", "SELECT 1 AS a")
    pond.write_table("t", "SELECT 2 AS a")
    assert pond.written["t"].key not in tried
    assert pond.around.is_own(pond.written["t"].key)
    assert pond.written["t"].fingerprint != sales.tables["t"].fingerprint
    assert pond.read_table("t").fetchall() == [(2,)]


def test_a_file_of_few_bytes_and_many_rows_is_not_small(disk, sums):
    rows = "SELECT 1 AS a, i // 1000 AS b FROM range(150000) r(i)"
    published = disk.write(rows, disk.write(rows))
    sums.clear()
    assert disk.write(rows, published).fingerprint == published.fingerprint
    assert sums == []


def test_a_small_table_is_read_at_once(disk, sums):
    published = disk.write("SELECT i, i % 7 AS k FROM range(100) r(i)")
    for _ in range(2):
        same = disk.write("SELECT i, i % 7 AS k FROM range(100) r(i) ORDER BY k", published)
        assert same.fingerprint == published.fingerprint
        published = same
    assert len(sums) == 3


@pytest.mark.parametrize(
    "other",
    [
        "SELECT i, t FROM (FROM range(101) r(i), (SELECT 'x' AS t))",
        "SELECT i + 1 AS i, t FROM (FROM range(100) r(i), (SELECT 'x' AS t))",
        "SELECT nullif(i, 50) AS i, t FROM (FROM range(100) r(i), (SELECT 'x' AS t))",
        "SELECT i, 'y' AS t FROM range(100) r(i)",
        "SELECT i, 'x' AS t, -1e-9::DOUBLE AS d FROM range(100) r(i)",
        "SELECT i, 'x' AS t, NULL AS more FROM range(100) r(i)",
        "SELECT i, 'x' AS t, 1 AS more FROM range(100) r(i)",
    ],
)
def test_no_row_is_read_where_numbers_columns_or_ends_of_files_differ(disk, large, other):
    d = ", 0.0::DOUBLE AS d" if " AS d" in other else ""
    published = disk.write(f"SELECT i, 'x' AS t{d} FROM range(100) r(i)")
    rows_are_gone(disk, published)
    assert disk.write(other, published).fingerprint != published.fingerprint
    assert disk.write(f"FROM ({other}) LIMIT 5", published).fingerprint != published.fingerprint


def test_what_was_compared_once_is_not_read_again(disk):
    rows = "SELECT i, 'x' || i AS t FROM range(100) r(i)"
    first = disk.write(rows)
    second = disk.write(rows, first)
    rows_are_gone(disk, second)
    third = disk.write(rows, second)
    assert third.fingerprint == first.fingerprint
    assert disk.write(rows.replace("'x' || i", "'x' || (99 - i)"), second).fingerprint not in {
        first.fingerprint,
        "",
    }


def test_a_version_that_is_new_has_a_fingerprint_of_its_own(disk):
    assert len({disk.write("SELECT 1 AS a").fingerprint for _ in range(3)}) == 3


def test_a_table_of_many_columns_is_compared(disk):
    wide = ", ".join(f"i + {n} AS c{n}" for n in range(150))
    published = disk.write(f"SELECT {wide} FROM range(10) r(i)")
    same = disk.write(f"SELECT {wide} FROM range(10) r(i) ORDER BY i DESC", published)
    assert same.fingerprint == published.fingerprint
    last = wide.replace("i + 149", "i + 148")
    assert (
        disk.write(f"SELECT {last} FROM range(10) r(i)", published).fingerprint
        != published.fingerprint
    )


def test_an_empty_table_stays_the_same_and_another_one_is_another(disk):
    published = disk.write("SELECT 1 AS a WHERE false")
    assert disk.write("SELECT 2 AS a WHERE false", published).fingerprint == published.fingerprint
    assert disk.write("SELECT 2 AS a", published).fingerprint != published.fingerprint


def test_an_authors_collation_does_not_make_two_texts_one(disk):
    published = disk.write("SELECT 'a' AS t")
    disk.con.execute("SET default_collation = 'NOCASE'")
    assert disk.write("SELECT 'A' AS t", published).fingerprint != published.fingerprint
    assert disk.write("SELECT 'a' AS t", published).fingerprint == published.fingerprint


def test_locked_settings_block_no_table_and_a_setting_stays_as_it_was(disk):
    setting = "SELECT current_setting('enable_external_file_cache')"
    before = disk.con.sql(setting).fetchall()
    published = disk.write("SELECT 1 AS a")
    disk.write("SELECT 1 AS a", published)
    assert disk.con.sql(setting).fetchall() == before
    disk.con.execute("SET lock_configuration = true")
    assert disk.write("SELECT 1 AS a", published).fingerprint == published.fingerprint


def test_sums_of_two_threads_are_made_one_after_the_other(disk, monkeypatch):
    """Each sets a setting back to what it found."""
    published = disk.write("SELECT 1 AS a")
    both, met = Barrier(2), []

    def hashes(columns):
        with suppress(BrokenBarrierError):
            both.wait(timeout=0.3)
            met.append(columns)
        return row_hashes(columns)

    monkeypatch.setattr(lake, "row_hashes", hashes)
    with ThreadPoolExecutor(2) as pool:
        rows = f"FROM '{disk.root / published.key}'"
        for one in [pool.submit(disk.lake.summed, rows) for _ in range(2)]:
            one.result()
    assert met == []


VALUES = {
    "BIGINT": st.sampled_from(["0", "-1", "9223372036854775807", "NULL"]),
    "DOUBLE": st.sampled_from(
        ["0.5", "0.0", "'-0.0'", "'nan'", "-('nan'::DOUBLE)", "'inf'", "'-inf'", "1e300", "NULL"]
    ),
    "VARCHAR": st.sampled_from(
        ["''", "'a'", "'A'", "chr(0)", "repeat('x', 300)", "repeat('x', 301)", "'ä'", "NULL"]
    ),
    "DECIMAL(38,3)": st.sampled_from(["0.001", "-0.001", "12345678901234567890.5", "NULL"]),
    "DATE": st.sampled_from(["'2030-01-01'", "'infinity'", "'0001-01-01 (BC)'", "NULL"]),
    "TIMESTAMP": st.sampled_from(["'2030-01-01 00:00:00.000001'", "'-infinity'", "NULL"]),
    "TIMESTAMPTZ": st.sampled_from(["'2030-01-01 00:00:00+01'", "'2029-12-31 23:00:00Z'", "NULL"]),
    "BOOLEAN": st.sampled_from(["true", "false", "NULL"]),
    "UTINYINT": st.sampled_from(["0", "255", "NULL"]),
    "BLOB": st.sampled_from([r"'\x00'", r"'\xFF'", "''", "NULL"]),
    "INTEGER[]": st.sampled_from(["[]", "[1]", "[NULL]", "NULL"]),
    "STRUCT(a DOUBLE, b VARCHAR[])": st.sampled_from(
        ["{'a': 0.0, 'b': []}", "{'a': '-0.0', 'b': []}", "{'a': NULL, 'b': NULL}", "NULL"]
    ),
    "UUID": st.sampled_from(
        [
            "'80000000-0000-0000-0000-000000000000'",
            "'80000001-0000-0000-0000-000100000000'",
            "NULL",
        ]
    ),
    "HUGEINT": st.sampled_from(["0", "-1", "18446744073709551616", "NULL"]),
}


@st.composite
def tables(draw):
    """Two tables of the same columns whose rows are often the same, in another order; or all but
    one of them, or all values of each column, but not in the same rows.
    """
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*(VALUES[kind] for kind in kinds)), min_size=1, max_size=6))
    others = [*draw(st.one_of(st.just(rows), st.permutations(rows)))]
    match draw(st.sampled_from(["same", "one", "swapped"])):
        case "one":
            place = draw(st.integers(0, len(others) - 1))
            others[place] = draw(st.tuples(*(VALUES[kind] for kind in kinds)))
        case "swapped":
            columns = [*map(list, zip(*others, strict=True))]
            place = draw(st.integers(0, len(kinds) - 1))
            columns[place] = draw(st.permutations(columns[place]))
            others = [*zip(*columns, strict=True)]
    return kinds, rows, others


def select(kinds, rows):
    cells = [
        ", ".join(f"{cell}::{kind}" for cell, kind in zip(row, kinds, strict=True)) for row in rows
    ]
    names = ", ".join(f"c{n}" for n in range(len(kinds)))
    return f"FROM (VALUES {', '.join(f'({row})' for row in cells)}) v({names})"


@pytest.mark.parametrize("small", [0, identity.SMALL])
@given(tables())
def test_the_fingerprint_is_kept_if_and_only_if_the_rows_are(tmp_path_factory, small, table):
    kinds, rows, others = table
    disk = Disk(tmp_path_factory.mktemp("disk"))
    one, other = select(kinds, rows), select(kinds, others)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "SMALL", small)
        patch.setattr(ends, "_TRIED", 10)
        published = disk.write(one)
        for known in (published, disk.write(one, published)):
            same = disk.fingerprint(one) == disk.fingerprint(other)
            assert (disk.write(other, known).fingerprint == published.fingerprint) == same


@given(tables())
def test_tables_of_equal_rows_have_equal_columns(tmp_path_factory, table):
    """By their hashes: no column tells two tables apart that their rows do not."""
    kinds, rows, others = table
    disk = Disk(tmp_path_factory.mktemp("disk"))
    versions = [disk.write(select(kinds, these), is_measured=True) for these in (rows, others)]
    if versions[0].total == versions[1].total:
        for n in range(len(kinds)):
            one, other = (
                disk.lake.summed(f"SELECT {quoted(f'c{n}')} FROM '{disk.root / version.key}'")
                for version in versions
            )
            assert one == other
