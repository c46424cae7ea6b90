"""Files that another engine has written into a location, adopted over S3: what DuckDB lists there,
and what it says where it may not.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import duckdb
import pytest

from duckstring.author.errors import WriteError
from duckstring.author.pond import Pond
from duckstring.author.surroundings import Surroundings
from duckstring.errors import TransientError
from duckstring.model.names import Line
from duckstring.model.parts import part_faults
from tests.integration.s3_kit import BUCKET, endpoint, s3, storage_at
from tests.unit.parts_kit import Remembered

__all__ = ["endpoint", "s3"]

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def pond_at(tmp_path):
    made = []

    def at(endpoint, run=1):
        around = Surroundings(
            name="sales",
            line=Line("sales@1"),
            version="1.0.0",
            run=run,
            ripple="load",
            attempt=1,
            invocation="0a1b2c3d",
            run_key="k",
            f=NOON,
            previous_f=NOON,
            ends=NOON,
        )
        log = logging.getLogger("t")
        made.append(
            Pond(around, storage=storage_at(endpoint, tmp_path), memory=Remembered(), log=log)
        )
        return made[-1]

    yield at
    for pond in made:
        pond.close()


@pytest.fixture
def put(s3, tmp_path):
    def put(location, *files, content=None):
        for number, file in enumerate(files):
            body = content
            if body is None:
                path = tmp_path / "part"
                first = 10 * number
                rows = f"SELECT i AS id, 'n' || i AS name FROM range({first}, {first + 10}) AS r(i)"
                with duckdb.connect() as con:
                    con.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
                body = path.read_bytes()
            key = f"{location.removeprefix(f's3://{BUCKET}/')}{file}"
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    return put


FILES = [
    "part-00000-6c2f7f5b-4f0e-4f4e-9d5c-1c1d2e3f4a5b-c000.snappy.parquet",
    "20260101_120000_00001_abcde_3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "eu/id=7/part-0.parquet",
    "ID=b.c-d_e/0",
]
MARKS = ["", "eu/", "_SUCCESS", ".part.crc", "_temporary_$folder$", "eu_$folder$", "_x/a b%20[c]*"]


def test_the_files_of_an_engine_are_adopted_where_they_lie(endpoint, pond_at, put, s3):
    pond = pond_at(endpoint)
    to = pond.location("orders")
    assert to == f"s3://{BUCKET}/data/sales@1/orders/0000000001-load-1-0a1b2c3d/"
    put(to, *FILES)
    put(to, *MARKS, content=b"")
    put(to.replace("-load-1-0a1b2c3d/", "-load-1-0a1b2c3dp9/"), "part-0", content=b"another's")
    pond.adopt_table("orders")

    version = pond.written["orders"]
    assert sorted(pond.read_table("orders").fetchall()) == [(i, f"n{i}") for i in range(40)]
    assert list(part_faults(version)) == []
    assert len(version.parts) == len(FILES) + 1
    sizes = [s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] for key in version.keys]
    assert [part.bytes for part in version.parts] == sizes
    assert version.bytes == sum(sizes)


def test_a_thousand_marks_beside_them_are_looked_through(endpoint, pond_at, put):
    """A list comes in pages of a thousand."""
    pond = pond_at(endpoint, run=2)
    to = pond.location("orders")
    put(to, *(f"_x/{number}" for number in range(1_005)), content=b"x")
    put(to, "z")
    pond.adopt_table("orders")

    assert pond.written["orders"].rows == 10


NAMES = ["a b", "a%20b", "a[0]", "a*", "a?b", "a#b", "a+b", "ä", "-", "a'b"]


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_a_name_that_no_address_may_have_is_refused_by_its_own_name(endpoint, pond_at, put, number):
    pond, name = pond_at(endpoint, run=100 + number), NAMES[number]
    to = pond.location("orders")
    put(to, "part-0")
    put(to, name, content=b"x")
    with pytest.raises(WriteError) as refused:
        pond.adopt_table("orders")
    assert f"the file {name!r} has a name that no table's may have" in refused.value.message


def test_an_empty_file_is_named(endpoint, pond_at, put):
    pond = pond_at(endpoint, run=4)
    to = pond.location("orders")
    put(to, "part-0")
    put(to, "part-1", content=b"")
    with pytest.raises(
        WriteError, match=r"the file 'part-1' cannot be read as Parquet: .*too small"
    ):
        pond.adopt_table("orders")


class Answering(BaseHTTPRequestHandler):
    """Answers every request with one status."""

    status = 403

    def do_GET(self):
        body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def answering():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_bucket_that_may_not_be_listed_is_one_line_that_says_which_right_is_missing(
    answering, pond_at
):
    pond = pond_at(answering)
    pond.location("orders")
    with pytest.raises(
        WriteError, match=r"^Table 'orders': s3://the-bucket/\S+ cannot be listed: "
    ) as refused:
        pond.adopt_table("orders")
    assert "\n" not in refused.value.message
    assert "s3:ListBucket" in refused.value.hint


def test_a_storage_that_does_not_answer_is_an_outage(answering, pond_at, monkeypatch):
    monkeypatch.setattr(Answering, "status", 503)
    pond = pond_at(answering)
    pond.con.execute("SET http_retries = 0")
    with pytest.raises(TransientError, match="storage did not answer"):
        pond.adopt_table("orders")
