"""What clients of AWS have sent is counted where they send it."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from duckstring.adapters.aws.duck import Keys, S3Storage
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.effects import RecordRun
from duckstring.engine.state import PondState
from duckstring.model.names import Line
from duckstring.model.values import replace
from tests.integration.aws import catchment

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as made:
        yield made


def key(name):
    return {"pk": {"S": "LINE#sales@1"}, "sk": {"S": name}}


def test_each_request_counts_as_what_it_is_billed_as(here):
    clients, before = here.clients, here.clients.tally.so_far()
    clients.dynamodb.put_item(TableName=here.settings.table, Item=key("A"))
    clients.dynamodb.get_item(TableName=here.settings.table, Key=key("A"), ConsistentRead=True)
    clients.s3.put_object(Bucket=here.settings.bucket, Key="a", Body=b"1")
    clients.s3.get_object(Bucket=here.settings.bucket, Key="a")
    found = {kind: n - before.get(kind, 0) for kind, n in clients.tally.so_far().items()}
    assert found["dynamodb_requests"] == 2
    assert found["dynamodb_write_units"] >= 1
    assert found["dynamodb_read_units"] > 0
    assert (found["s3_writes"], found["s3_reads"]) == (1, 1)


def test_a_thread_has_a_count_of_its_own(here):
    tally, mine = here.clients.tally, here.clients.tally.of_this_thread()
    other = threading.Thread(target=tally.add, args=["s3_reads"])
    other.start()
    other.join()
    assert tally.of_this_thread() == mine
    assert tally.so_far()["s3_reads"] >= 1


class Bucket(BaseHTTPRequestHandler):
    """One object."""

    protocol_version, held = "HTTP/1.1", b""

    def log_message(self, *_):
        pass

    def do_PUT(self):
        Bucket.held = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, {"ETag": '"x"'}, b"")

    def do_HEAD(self):
        self.answer(200, {"Content-Length": str(len(self.held)), "Accept-Ranges": "bytes"})

    def do_GET(self):
        first, last = self.headers["Range"][6:].split("-")
        last = min(int(last), len(self.held) - 1)
        part = self.held[int(first) : last + 1]
        self.answer(206, {"Content-Range": f"bytes {first}-{last}/{len(self.held)}"}, part)

    def answer(self, status, headers, body=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body or b"")


def test_what_a_database_asks_of_s3_is_counted_and_nothing_that_it_asks_of_others(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        storage = S3Storage("lake", "us-east-1", endpoint=f"http://127.0.0.1:{server.server_port}")
        storage.prepare()
        storage.settle(tmp_path)
        storage.grant(Keys("key", "secret"))
        con = storage.open()
        con.execute("COPY (SELECT range AS i FROM range(1000)) TO 's3://lake/a.parquet'")
        con.execute("SELECT sum(i) FROM 's3://lake/a.parquet'").fetchall()
        found = storage.requests()
        storage.endpoint = "http://127.0.0.1:1"
        of_others = storage.requests()
        server.shutdown()
    assert (found["PUT"], found["HEAD"]) == (1, 1)
    assert found["GET"] >= 1
    assert of_others == {}


def test_counting_imports_nothing():
    """In a process of an attempt: importing pandas there would take a second."""
    script = (
        "import sys; from duckstring.adapters.aws.duck import S3Storage\n"
        "storage = S3Storage('lake', 'us-east-1'); storage.prepare(); storage.requests()\n"
        "print([name for name in ('numpy', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_a_line_has_used_lies_in_its_item_until_a_run_ends(here):
    store = DynamoStateStore(here.clients, here.settings.table)
    held = replace(store.load(SALES), used={"dynamodb_requests": 3})
    held = store.commit(held, PondState(SALES), (), (1, "1"), NOON)
    assert store.load(SALES).used == {"dynamodb_requests": 3}
    store.commit(replace(held, used={}), held.state, (), (1, "2"), NOON)
    assert store.load(SALES).used == {}


def test_a_run_keeps_what_it_read_what_it_was_for_and_what_it_used(here):
    write = DynamoHistory(here.clients, here.settings.table, here.settings.bucket)
    read = DynamoHistoryReader(here.clients, here.settings.table, here.settings.bucket)
    begun = RecordRun(
        7, NOON, "1.0.0", "running", NOON, pins={Line("raw@1"): 3, Line("x@2"): 0}, wanted="tide"
    )
    write.record_run(SALES, begun)
    ended = RecordRun(
        7, NOON, "1.0.0", "success", NOON, NOON, used={"stepfunctions_transitions": 3}
    )
    write.record_run(SALES, ended)
    row = read.run(SALES, 7)
    assert (row["wanted"], row["pins"]) == ("tide", {"raw@1": 3, "x@2": 0})
    assert row["used"] == {"stepfunctions_transitions": 3}


def test_attempts_of_a_span_of_runs_are_read_and_what_they_claim_is_checked(here):
    def put(run, ripple, **row):
        sk = f"ATTEMPT#{run:010d}#{ripple}#0001"
        here.clients.dynamodb.put_item(
            TableName=here.settings.table,
            Item={"pk": {"S": "WORK#sales@1"}, "sk": {"S": sk}, "status": {"S": "success"}}
            | {name: {"S": value} for name, value in row.items()},
        )

    put(1, "load", used='{"d":9}')
    put(2, "load", used='{"d":9,"t":1e300,"unheard":1}')
    put(2, "sums", used="no JSON", started="2030-01-01T12:00:00Z")
    put(3, "load", used='{"d":1}')
    put(4, "load", used='{"d":1}')
    read = DynamoHistoryReader(here.clients, here.settings.table, here.settings.bucket)
    # Newest first.
    assert [(one.run, one.used, one.started) for one in read.used(SALES, 2, 3)] == [
        ("sales@1/3", {"dynamodb_requests": 1}, ""),
        ("sales@1/2", {}, "2030-01-01T12:00:00Z"),
        ("sales@1/2", {"dynamodb_requests": 9, "stepfunctions_transitions": 25_000}, ""),
    ]
