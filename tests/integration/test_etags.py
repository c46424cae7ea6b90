"""Two objects of equal bytes are known by what S3 has said of them to DuckDB."""

from __future__ import annotations

import pytest

from duckstring.adapters.aws.etags import etags_of
from duckstring.author import identity
from duckstring.author.lake import Lake
from duckstring.model.names import Line, table_key
from tests.integration.s3_kit import BUCKET, endpoint, s3, storage_at

__all__ = ["endpoint", "s3"]

pytestmark = pytest.mark.usefixtures("s3")

ROWS = "SELECT i, 't' || i AS t FROM range(1000) r(i)"
MANY = "SELECT i, hash(i) AS a, hash(-i) AS b, md5(i::VARCHAR) AS t FROM range(200_000) r(i)"
"""Too large for one request."""


@pytest.fixture
def storage(endpoint, tmp_path):
    return storage_at(endpoint, tmp_path)


class Attempts:
    """Each with a database of its own."""

    def __init__(self, endpoint, folder):
        self.endpoint, self.folder, self.run, self.read = endpoint, folder, 0, []

    def write(self, rows, published=None):
        self.run += 1
        storage = storage_at(self.endpoint, self.folder)
        storage.open().execute("SET GLOBAL s3_uploader_max_filesize = '50GB'")  # parts of 5 MB
        lake = Lake(storage)
        summed = lake.summed
        lake.summed = lambda rows, **size: (self.read.append(rows), summed(rows, **size))[1]
        made = lake.write("t", rows, key=key(self.run), published=published)
        lake.close()
        return made


def key(run):
    return table_key(Line("sales@1"), "t", run=run, ripple="load", attempt=1, invocation="0a1b2c3d")


@pytest.fixture
def attempts(endpoint, tmp_path):
    return Attempts(endpoint, tmp_path)


@pytest.mark.parametrize("rows", [ROWS, MANY])
def test_a_table_that_is_written_again_is_the_same_and_none_of_its_rows_is_read(
    attempts, s3, monkeypatch, rows
):
    monkeypatch.setattr(identity, "SMALL", 0)
    first = attempts.write(rows)
    second = attempts.write(rows, first)
    attempts.read.clear()
    assert attempts.write(rows, second).fingerprint == first.fingerprint
    assert attempts.read == []
    is_in_parts = "-" in s3.head_object(Bucket=BUCKET, Key=second.key)["ETag"]
    assert is_in_parts == (rows == MANY)
    other = f"SELECT * REPLACE (CASE i WHEN 500 THEN 'other' ELSE t END AS t) FROM ({rows})"
    assert attempts.write(other, second).fingerprint != first.fingerprint


def test_objects_of_other_bytes_and_objects_that_nobody_has_opened_are_not_the_same(storage):
    uris = [storage.uri(key(100 + n)) for n in range(4)]
    con = storage.open()
    for uri, value in zip(uris, (1, 1, 2, 1), strict=True):
        con.execute(f"COPY (SELECT {value} AS a) TO '{uri}' (FORMAT parquet)")
    for uri in uris[:3]:
        con.execute(f"FROM parquet_metadata('{uri}')").fetchall()
    assert storage.has_same_bytes(uris[0], uris[1])
    assert not storage.has_same_bytes(uris[0], uris[2])
    assert not storage.has_same_bytes(uris[0], uris[3])
    con.execute("CREATE MACRO contains(a, b) AS true; CREATE MACRO starts_with(a, b) AS true")
    con.execute("CREATE TABLE duckdb_logs AS SELECT 'HTTP' AS type, '' AS message")
    assert storage.has_same_bytes(uris[0], uris[1])
    con.execute("CALL truncate_duckdb_logs()")
    assert not storage.has_same_bytes(uris[0], uris[1])


ETAG = '"0123456789abcdef0123456789abcdef"'
SAID = f"ETag='{ETAG}', Content-Length=10"
URL = "https://the-bucket.s3.eu-west-1.amazonaws.com/"


@pytest.mark.parametrize(
    ("said", "etag"),
    [
        (SAID, f"{ETAG} 10"),
        (f"Date='Mon, 30 Nov', {SAID.lower()}, x-amz-server-side-encryption=AES256", f"{ETAG} 10"),
        (SAID.replace('f"', 'f-3"'), f'{ETAG[:-1]}-3" 10'),
        (f"{SAID}, x-amz-server-side-encryption=aws:kms", ""),
        (f"{SAID}, x-amz-server-side-encryption='aws:kms:dsse'", ""),
        (f"{SAID}, x-amz-server-side-encryption-customer-algorithm=AES256", ""),
        (f"ETag='{ETAG}'", ""),
        ("ETag='\"one\"', Content-Length=10", ""),
        (f"X='a, {SAID}'", ""),
        ("", ""),
    ],
)
def test_an_etag_counts_where_it_follows_from_the_bytes(storage, said, etag):
    message = (
        f"{{'request': {{'type': HEAD, 'url': '{URL}data/sales%401/t/x.parquet', 'headers': "
        f"{{Host=x}}}}, 'response': {{'status': OK_200, 'reason': OK, 'headers': {{{said}}}}}}}"
    ).replace("'", "''")
    con = storage.open()
    con.execute(f"SELECT write_log('{message}', log_type := 'HTTP', level := 'DEBUG')").fetchall()
    hosts = ("https://other/", URL)
    assert etags_of(con, ["data/sales@1/t/x.parquet"], hosts) == [etag]
    assert etags_of(con, ["data/sales@1/t/x.parquet"], hosts[:1]) == [""]
    assert etags_of(con, ["sales@1/t/x.parquet"], hosts) == [""]
