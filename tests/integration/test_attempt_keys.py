"""Credentials of an attempt's DuckDB, against a small S3 that looks at whose they are."""

from __future__ import annotations

import io
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duckstring.adapters.aws.duck import Keys, S3Storage
from duckstring.worker.watch import Pace
from tests.unit.worker_kit import World, processes, replace

BODY = io.BytesIO()
pq.write_table(pa.table({"a": [7]}), BODY)
BODY = BODY.getvalue()


class Shop(ThreadingHTTPServer):
    """Every key of every bucket is one small Parquet file, for those who sign with ``accepted``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Door)
        self.accepted = "old"
        self.asked: list[tuple[str, str]] = []


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        found = re.search(r"Credential=([^/]*)/", self.headers.get("Authorization", ""))
        who = found[1] if found else ""
        self.server.asked.append((self.path, who))
        if who != self.server.accepted:
            self._answer(403, b"<Error><Code>ExpiredToken</Code></Error>")
            return
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if span and self.command == "GET":
            self._answer(206, BODY[int(span[1]) : int(span[2]) + 1])
        else:
            self._answer(200, BODY)

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def shop():
    with Shop() as shop:
        Thread(target=shop.serve_forever, daemon=True).start()
        yield shop
        shop.shutdown()


def world_at(shop, tmp_path, keys):
    world = World(tmp_path)
    storage = S3Storage("lake", "eu-west-1", endpoint=f"http://127.0.0.1:{shop.server_address[1]}")
    world.keys = keys
    world.worker = replace(world.worker, processes=processes(storage), pace=Pace(keys=0.05))
    return world


def load(tmp_path, body):
    head = (
        "import time\nfrom pathlib import Path\nfrom duckstring import ripple\n"
        f"HERE = Path({str(tmp_path)!r})\n"
    )
    head += "\n@ripple\ndef load(pond):\n"
    return head + "".join(f"    {line}\n" for line in body.splitlines())


READ = """
def read(key):
    limit = time.monotonic() + 60
    while True:
        try:
            return pond.con.sql(f"FROM 's3://{key}'").fetchall()
        except Exception:
            if time.monotonic() > limit: raise
            time.sleep(0.02)
"""
LONG = (
    'pond.con.execute("SELECT sum(a.range * b.range) FROM range(60000) a, range(20000) '
    'b").fetchall()'
)


@pytest.mark.parametrize("meanwhile", ["time.sleep(0.5)", LONG], ids=["sleeps", "queries"])
def test_credentials_that_change_under_a_running_attempt_are_used(shop, tmp_path, meanwhile):
    def keys():
        if (tmp_path / "began").exists():
            shop.accepted = "new"
        return Keys(shop.accepted, "secret", "token", renewed=True)

    world = world_at(shop, tmp_path, keys)
    body = (
        READ + f"assert read('lake/one.parquet') == [(7,)]\n(HERE / 'began').touch()\n{meanwhile}\n"
    )
    world.deploy(
        load(
            tmp_path,
            body
            + (
                "assert read('lake/two.parquet') == read('other/three.parquet') == [(7,)]\n"
                "pond.skip()"
            ),
        )
    )
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    assert {
        ("/lake/one.parquet", "old"),
        ("/lake/two.parquet", "new"),
        ("/other/three.parquet", "new"),
    } <= set(shop.asked)


def test_any_bucket_is_read_with_the_roles_rights_and_a_secret_of_the_authors_wins(shop, tmp_path):
    world = world_at(shop, tmp_path, lambda: Keys("old", "secret"))
    mine = f"ENDPOINT '127.0.0.1:{shop.server_address[1]}', URL_STYLE 'path', USE_SSL false"
    body = (
        "assert pond.con.sql(\"FROM 's3://landing/a.parquet'\").fetchall() == [(7,)]\n"
        f"pond.con.execute(\"CREATE SECRET (TYPE s3, KEY_ID 'mine', SECRET 'x', {mine})\")\n"
        "try: pond.con.sql(\"FROM 's3://landing/b.parquet'\")\nexcept Exception: pass\n"
        "assert pond.con.sql(\"FROM 's3://lake/c.parquet'\").fetchall() == [(7,)]\npond.skip()"
    )
    world.deploy(load(tmp_path, body))
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    whose = dict(shop.asked)
    assert (whose["/landing/a.parquet"], whose["/landing/b.parquet"], whose["/lake/c.parquet"]) == (
        "old",
        "mine",
        "old",
    )
