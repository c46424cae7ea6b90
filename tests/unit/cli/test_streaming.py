"""Rows that are written while DuckDB is still at work: their texts, their memory, their end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duckstring_cli import streaming

FORMATS = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY"}
ENDLESS = "SELECT count(*) AS n FROM range(10000000000) a, range(1000) b"
"""Hours of work before the first row."""


def streamed(con: duckdb.DuckDBPyConnection, select: str, style: str) -> str:
    out = io.StringIO(newline="")
    streaming.stream(con, select, style, out)
    return out.getvalue()


def copied(con: duckdb.DuckDBPyConnection, select: str, style: str, folder: Path) -> str:
    file = folder / f"copied.{style}"
    con.execute(f"COPY ({select}\n) TO '{file}' ({FORMATS[style]})")
    return file.read_bytes().decode()


VALUES = """
SELECT DATE '2020-01-01' AS d, TIMESTAMPTZ '2020-01-01 10:00:00+02' AS t, TIME '10:00:00.5' AS c,
    '2020-01-01 00:00:00.123456789'::TIMESTAMP_NS AS ns, 'a\\xFF,"'::BLOB AS b,
    1.5::DECIMAL(9,3) AS x, {'a': 'q,"', 'b': NULL} AS s, [1, 2] AS l, MAP {'k': 'v,'} AS m,
    true AS y, '{"a": 1}'::JSON AS j, 12345678901234567890123456789::HUGEINT AS h,
    INTERVAL '1 day 2 hours' AS i, 'a,'::ENUM('a,') AS e, union_value(k := ',') AS u,
    '101'::BIT AS z, 0.1::FLOAT AS f, 1e300::DOUBLE AS g, NULL AS nothing, '' AS empty,
    '2af7e2f0-0000-4000-8000-000000000000'::UUID AS id, '10:00:00+02'::TIMETZ AS tz,
    '2020-01-01 10:00:00'::TIMESTAMP_S AS ts, 7::UTINYINT AS n
"""


@pytest.mark.parametrize("style", ["csv", "json"])
@pytest.mark.parametrize(
    "select",
    [
        VALUES,
        "SELECT 1 AS a WHERE false",
        "SELECT NULL AS a",
        "SELECT '' AS a",
        "FROM range(20000)",
        "FROM range(200000) ORDER BY range DESC",
        'SELECT \'x\' AS "h,1", \'y\' AS "q""", \'z\' AS "#"',
        "WITH few AS (FROM range(3)) SELECT count(*) FROM few -- the end",
    ],
)
def test_the_text_is_the_one_that_copy_writes(tmp_path: Path, select: str, style: str) -> None:
    con = duckdb.connect()
    assert streamed(con, select, style) == copied(con, select, style, tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.none(), min_size=1))
def test_every_text_is_quoted_as_copy_does(values: list[str | None]) -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE made (place INTEGER, first VARCHAR, second VARCHAR)")
    rows = [[place, value, value and value[::-1]] for place, value in enumerate(values)]
    con.executemany("INSERT INTO made VALUES (?, ?, ?)", rows)
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    for style, options in FORMATS.items():
        file = folder / f"copied-{os.getpid()}.{style}"
        con.execute(f"COPY made TO '{file}' ({options})")
        assert streamed(con, "FROM made", style) == file.read_bytes().decode()
        file.unlink()


def test_columns_of_one_name_are_told_apart() -> None:
    con, select = duckdb.connect(), "SELECT 1 AS a, 2 AS a"
    assert streamed(con, select, "csv") == "a,a_1\n1,2\n"
    assert streamed(con, select, "json") == '[\n\t{"a":1,"a_1":2}\n]\n'


class Reader(io.StringIO):
    """Takes the first pieces, and is gone."""

    def write(self, text: str) -> int:
        if self.tell():
            raise BrokenPipeError
        return super().write(text)


def test_a_reader_that_goes_ends_the_work() -> None:
    con, out = duckdb.connect(), Reader()
    with pytest.raises(BrokenPipeError):
        streaming.stream(con, "SELECT random() FROM range(100000000000)", "csv", out)
    assert con.sql("SELECT 7").fetchall() == [(7,)]


def test_a_reader_that_goes_before_the_first_row_ends_the_work() -> None:
    """Nothing is written in the meantime that would fail."""
    taken, given_ = os.pipe()
    with os.fdopen(given_, "w") as out:
        threading.Timer(0.3, os.close, [taken]).start()
        with pytest.raises(BrokenPipeError):
            streaming.stream(duckdb.connect(), ENDLESS, "json", out)
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as a command finds it: workers of a parallel run of tests ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("act", ["stream", "interruptible"])
def test_an_interrupt_ends_the_work_and_leaves_the_connection(act: str) -> None:
    con = duckdb.connect()
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    acts = {
        "stream": lambda: streaming.stream(con, ENDLESS, "csv", io.StringIO()),
        "interruptible": lambda: streaming.interruptible(con, lambda: con.sql(ENDLESS).fetchall()),
    }
    with pytest.raises(KeyboardInterrupt):
        acts[act]()
    assert con.sql("SELECT 7").fetchall() == [(7,)]


def test_what_duckdb_refuses_halfway_is_raised_after_what_it_gave() -> None:
    out = io.StringIO()
    with pytest.raises(duckdb.Error, match=r"\AConversion Error: Could not convert string 'x'"):
        streaming.stream(
            duckdb.connect(),
            "SELECT CASE WHEN range < 500000 THEN '1' ELSE 'x' END::INT AS n FROM range(600000)",
            "csv",
            out,
        )
    assert out.getvalue().startswith("n\n1\n1\n")


PEAK = """
import resource, sys, time, duckdb
from duckstring_cli import streaming

class Slow:
    def write(self, text):
        self.size = getattr(self, "size", 0) + len(text)
        time.sleep(float(sys.argv[3]))
    def flush(self):
        pass

out = Slow()
con = duckdb.connect(config={"threads": 4})
con.execute("SET enable_progress_bar = false")
streaming.stream(con, f"FROM '{sys.argv[1]}'", sys.argv[2], out)
print(out.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("style", ["csv", "json"])
def test_a_table_of_eight_times_the_rows_takes_no_more_memory(tmp_path: Path, style: str) -> None:
    """Also where the reader is slow. Sizes are compared, not times."""
    peaks: list[int] = []
    for rows in (250_000, 2_000_000):
        file = tmp_path / f"{rows}.parquet"
        duckdb.sql(
            f"COPY (SELECT range AS n, 'number ' || range AS name, range / 8 AS part FROM "
            f"range({rows})) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 100000)"
        )
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(file), style, "0.004"],
            capture_output=True,
            check=True,
            text=True,
        )
        size, peak = map(int, done.stdout.split())
        assert size > 25 * rows
        peaks.append(peak)
    text_growth = (2_000_000 - 250_000) * 25 // 1024
    assert peaks[1] - peaks[0] < text_growth // 2, peaks


def test_the_first_rows_come_before_the_last_are_made() -> None:
    """The reader has rows while a query goes on that would need hours for all of them."""
    taken, given_ = os.pipe()
    con, ended = duckdb.connect(), []

    def work() -> None:
        try:
            with os.fdopen(given_, "w") as out:
                streaming.stream(con, "FROM range(100000000000)", "csv", out)
        except BrokenPipeError:
            ended.append("the reader is gone")

    worker = threading.Thread(target=work)
    worker.start()
    with os.fdopen(taken, "rb") as reader:
        assert [reader.readline(), reader.readline()] == [b"range\n", b"0\n"]
    worker.join(30)
    assert ended == ["the reader is gone"]
