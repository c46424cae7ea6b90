"""The Catchment's storage failing is not the author's fault, and every other address failing is:
against a server that fails.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import duckdb
import pytest

from duckstring.adapters.aws.duck import Keys, S3Storage
from duckstring.author.lake import Lake
from duckstring.errors import TransientError
from tests.integration.s3_kit import with_bucket
from tests.moto_kit import moto_server


class Failing(BaseHTTPRequestHandler):
    """Answers every request with one status."""

    status = 503

    def _fail(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = (
            b"<Error><Code>SlowDown</Code><Message>see "
            b"s3://the-bucket/data/t.parquet</Message></Error>"
        )
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._fail
        raise AttributeError(name)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def failing():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def working():
    with moto_server() as endpoint:
        with_bucket(endpoint)
        yield endpoint


def keys():
    return Keys("key", "secret")


@pytest.fixture
def lake_at(tmp_path):
    opened = []

    def at(endpoint):
        storage = S3Storage("the-bucket", "us-east-1", endpoint=endpoint)
        storage.settle(tmp_path)
        storage.grant(keys())
        lake = Lake(storage)
        lake.con.execute("SET http_retries = 0")
        opened.append(lake)
        return lake

    yield at
    for lake in opened:
        lake.close()


def write(lake, sql="SELECT 1 AS one", key="data/sales@1/t/0000000001-load-1-0a1b2c3d.parquet"):
    return lake.write("t", sql, key=key)


LARGE = (
    "SELECT hash(range) AS a, hash(range + 1) AS b, hash(range + 2) AS c, md5(range::VARCHAR) AS "
    "d FROM range(300000)"
)


@pytest.mark.parametrize("status", [500, 503, 429, 403, 404])
def test_a_write_that_the_storage_does_not_take_is_its_fault(failing, lake_at, monkeypatch, status):
    monkeypatch.setattr(Failing, "status", status)
    with pytest.raises(TransientError, match="storage did not answer"):
        write(lake_at(failing))


def test_so_is_one_in_parts(failing, lake_at):
    lake = lake_at(failing)
    lake.con.execute("SET s3_uploader_max_filesize = '50MB'")  # parts of 5 MB
    with pytest.raises(TransientError, match=r"\?uploads"):
        write(lake, LARGE)


def test_so_is_a_storage_that_nobody_answers_for(lake_at):
    lake = lake_at("http://127.0.0.1:1")
    with pytest.raises(TransientError):
        write(lake)


@pytest.mark.parametrize("status", [500, 503, 429, 403, 404])
def test_a_table_that_cannot_be_read_is_the_storages_fault(
    working, failing, lake_at, monkeypatch, status
):
    version = write(lake_at(working))
    monkeypatch.setattr(Failing, "status", status)
    with pytest.raises(TransientError):
        lake_at(failing).read(("up", "t"), version)


def test_rows_that_fail_to_come_in_the_authors_own_statement_are_the_storages_fault(
    working, failing, lake_at
):
    """Views are made while the storage works; the rows are read when it does not."""
    writer, lake = lake_at(working), lake_at(working)
    version = write(writer, "SELECT range AS n, md5(range::VARCHAR) AS t FROM range(100000)")
    relation = lake.read(("up", "t"), version)
    lake._storage.endpoint = failing
    lake._storage.grant(keys())
    with pytest.raises(duckdb.IOException) as raised:
        relation.fetchall()
    assert isinstance(lake.outage(raised.value), TransientError)


def test_another_address_that_fails_is_the_authors_matter(working, failing, lake_at):
    for sql in (
        f"FROM read_parquet('{failing}/the-bucket/data/t.parquet')",
        f"FROM read_parquet('{failing}/x?of={working}/the-bucket/data/t.parquet')",
        f"FROM read_parquet('{failing}/x') -- s3://the-bucket/data/t.parquet",
    ):
        lake = lake_at(working)
        with pytest.raises(duckdb.IOException) as raised:
            write(lake, sql)
        assert lake.outage(raised.value) is None


def test_an_object_that_the_author_named_and_that_is_not_there_is_the_authors_mistake(
    working, lake_at
):
    lake = lake_at(working)
    for sql in (
        "FROM read_parquet('s3://the-bucket/nothing.parquet')",
        "FROM read_parquet('s3://the-bucket/none/*.parquet')",
    ):
        with pytest.raises(duckdb.IOException):
            write(lake, sql)


def test_an_outage_is_one_whoever_named_the_object(failing, lake_at):
    lake = lake_at(failing)
    with pytest.raises(duckdb.IOException) as raised:
        lake.con.execute("FROM read_parquet('s3://the-bucket/any.parquet')")
    assert isinstance(lake.outage(raised.value), TransientError)


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("", "https://the-bucket.s3.us-east-1.amazonaws.com/"),
        ("", "https://s3.us-east-1.amazonaws.com/the-bucket/"),
        ("", "s3://the-bucket/"),
        ("http://localhost:4566/", "http://localhost:4566/the-bucket/"),
        ("minio.example:9000", "https://minio.example:9000/the-bucket/"),
    ],
)
def test_the_storage_is_known_by_every_name_that_duckdb_gives_it(endpoint, address):
    assert address in S3Storage("the-bucket", "us-east-1", endpoint=endpoint).addresses()
