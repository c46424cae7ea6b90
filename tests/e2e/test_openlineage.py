"""Lineage as OpenLineage: what a receiver on this machine gets of runs, each event judged by the
models of OpenLineage's own client.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from uuid import UUID

import pytest

from duckstring_cli import catchments
from duckstring_cli.client import Client
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process
from tests.e2e.conftest import deployed_as, recording
from tests.e2e.drive import Driver, until
from tests.openlineage import judged

NAME = "told"
KEY = "a-key-that-nobody-else-sees-4711"
SHOP = """
@ripple
def load(pond):
    pond.write_table("orders", "SELECT 1 AS id, {'a': 2} AS nested UNION ALL SELECT 2, {'a': 3}")

@ripple(parents=[load])
def count(pond):
    pond.write_table("counts", "SELECT count(*) AS n FROM orders")
"""
SHELF = """
@ripple
def report(pond):
    rows = pond.read_table("shop.counts").fetchall()
    pond.write_table("report", f"SELECT {rows[0][0]} AS n")
"""
FLAKY = """
@ripple
def load(pond):
    mark = Path("MARK")
    if not mark.exists():
        mark.touch()
        raise ValueError("no such host")
    pond.write_table("rows", "SELECT 1 AS one")
"""
BROKEN = """
@ripple
def load(pond):
    raise ValueError("the key is " + pond.env("SHOP_TOKEN"))
"""


@dataclass
class Receiver:
    """A receiver of OpenLineage. ``answers``: what it says to each request."""

    answers: int = 201
    got: list[dict] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    asked: int = 0

    def of(self, job: str) -> list[dict]:
        return [one for one in list(self.got) if one["job"]["name"] == job]

    def kinds(self, job: str) -> list[str]:
        """In the order in which they came, without repeats."""
        seen = {(one["run"]["runId"], one["eventType"]): one for one in self.of(job)}
        return [one["eventType"] for one in seen.values()]


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[Receiver, str]]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.asked += 1
            status = made.answers if self.path == "/api/v1/lineage" else 404
            if status == 201:
                made.got.append(json.loads(body))
                made.keys.append(self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made, f"http://127.0.0.1:{server.server_port}/api/v1/lineage"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def home(duckstring_home, receiver, tmp_path_factory) -> Iterator[Driver]:
    """The Catchment, running, with IAM enforced."""
    local.init(NAME, iam=True, openlineage=receiver[1], port=process.free_port())
    with recording(NAME) as recorded, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUCKSTRING_CATCHMENT", NAME)
        try:
            local.start(NAME)
            deployed_as(catchments.find(NAME)).write(recorded)
            folder = tmp_path_factory.mktemp("told")
            yield Driver(Client(catchments.find(NAME)), folder, folder / "ledger")
        finally:
            local.delete(NAME)


@pytest.fixture(scope="module")
def told(home, receiver) -> Receiver:
    """The events of two Ponds that succeed, of one that passes, one that fails, and one that fails
    once.
    """
    got = receiver[0]
    for name, value, pond in (
        ("OPENLINEAGE_API_KEY", KEY, "openlineage"),
        ("SHOP_TOKEN", "hunter2hunter2", "broken"),
    ):
        store_secret(home, name, value, pond)
    home.deploy(
        home.pond("shop", SHOP),
        home.pond("shelf", SHELF, sources=["shop"]),
        home.pond("flaky", FLAKY.replace("MARK", f"{home.folder}/mark"), immediate_retries=1),
        home.pond("broken", BROKEN),
    )
    for pond in ("shelf", "flaky", "broken"):
        home.pulse(pond)
    home.wait_at_rest("shop", "shelf", "flaky")
    home.wait_for("broken", "failed")
    home.wait_fresh("shelf", home.pulse("shelf"))
    ends = {"shop@1": 2, "shelf@1": 2, "flaky@1": 1, "broken@1": 1}
    until(
        lambda: all(
            len([kind for kind in got.kinds(job) if kind != "START"]) >= count
            for job, count in ends.items()
        ),
        what="All runs are told",
        show=lambda: [(one["job"]["name"], one["eventType"]) for one in got.got],
    )
    return got


def store_secret(home: Driver, name: str, value: str, pond: str) -> None:
    given = SimpleNamespace(buffer=io.BytesIO(value.encode()), isatty=lambda: False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", given)
        home.run.done("secret", "set", name, "--pond", pond)


def test_openlineages_own_client_takes_every_event(told):
    assert told.got
    for one in told.got:
        assert judged(one).run.runId == one["run"]["runId"]


def test_a_pond_and_its_ripples_are_jobs_and_each_attempt_is_a_run_below_its_ponds(told):
    assert told.kinds("shop@1")[:2] == told.kinds("shop@1.load")[:2] == ["START", "COMPLETE"]
    (pond, *_) = told.of("shop@1")
    assert pond["job"]["namespace"].endswith(f"/{NAME}")
    attempts = told.of("shop@1.load") + told.of("shop@1.count")
    parents = {one["run"]["facets"]["parent"]["run"]["runId"] for one in attempts}
    assert parents == {one["run"]["runId"] for one in told.of("shop@1")}
    assert all(UUID(one["run"]["runId"]).version == 7 for one in told.got)


def test_each_run_is_told_in_order(told):
    for job in {one["job"]["name"] for one in told.got}:
        kinds: dict[str, list[str]] = {}
        for one in told.of(job):
            kinds.setdefault(one["run"]["runId"], []).append(one["eventType"])
        for run in kinds.values():
            assert run[0] == "START"
            assert run[-1] != "START"
            assert len({*run} - {"START"}) == 1


def outputs(events: list[dict]) -> dict[str, dict]:
    return {one["name"]: one for event in events for one in event["outputs"]}


def inputs(events: list[dict]) -> dict[str, dict]:
    return {one["name"]: one for event in events for one in event["inputs"]}


def test_one_ponds_output_is_the_next_ones_input_of_the_same_version(told):
    written = outputs(told.of("shop@1.count"))["data/shop@1/counts"]
    read = inputs(told.of("shelf@1.report")[:2])["data/shop@1/counts"]
    assert written["namespace"] == read["namespace"]
    assert written["namespace"].startswith("s3://")
    assert read["facets"]["version"]["datasetVersion"] == "1"
    assert read["inputFacets"]["duckstring_read"]["certain"] is True
    assert {*outputs(told.of("shelf@1.report"))} == {"data/shelf@1/report"}


def test_an_output_has_its_columns_and_what_was_written(told):
    orders = outputs(told.of("shop@1.load")[:2])["data/shop@1/orders"]
    assert [(one["name"], one["type"]) for one in orders["facets"]["schema"]["fields"]] == [
        ("id", "INTEGER"),
        ("nested", "STRUCT(a INTEGER)"),
    ]
    assert orders["outputFacets"]["outputStatistics"]["rowCount"] == 2
    (other,) = orders["facets"]["symlinks"]["identifiers"]
    assert other["name"] == "shop@1.orders"


def test_a_failure_is_told_with_its_words_and_without_secrets(told):
    (end,) = [one for one in told.of("broken@1.load") if one["eventType"] == "FAIL"]
    said = end["run"]["facets"]["errorMessage"]
    assert said["message"] == "ValueError: the key is ***SHOP_TOKEN***"
    assert "raise ValueError" in said["stackTrace"]
    (pond,) = [one for one in told.of("broken@1") if one["eventType"] == "FAIL"]
    assert "load: ValueError" in pond["run"]["facets"]["errorMessage"]["message"]
    assert "hunter2" not in json.dumps(told.got)
    assert not pond["outputs"]
    assert not end["outputs"]


def test_a_retry_is_another_run_of_the_same_ripple(told):
    assert told.kinds("flaky@1.load") == ["START", "FAIL", "START", "COMPLETE"]
    assert told.kinds("flaky@1") == ["START", "COMPLETE"]
    assert {*outputs(told.of("flaky@1.load"))} == {"data/flaky@1/rows"}


def test_a_pass_has_no_ripples_and_no_outputs(told):
    (end,) = [
        one
        for one in told.of("shelf@1")
        if one["run"]["facets"]["duckstring_run"]["status"] == "pass"
    ]
    assert end["eventType"] == "COMPLETE"
    assert not end["outputs"]
    below = {one["run"]["facets"]["parent"]["run"]["runId"] for one in told.of("shelf@1.report")}
    assert end["run"]["runId"] not in below


def test_the_receivers_key_goes_with_each_event_and_stands_nowhere_else(told, home):
    assert {*told.keys} == {f"Bearer {KEY}"}
    function = home.outputs["OpenLineageFunction"]
    held = home.aws("lambda").get_function_configuration(FunctionName=function)
    assert KEY not in json.dumps(held, default=str)


def test_a_receiver_that_is_down_holds_up_nothing_and_gets_everything_later(told, home):
    sqs = home.aws("sqs")
    queue = home.outputs["RunNews"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "8"})
    told.answers, before = 503, len(told.got)
    home.wait_fresh("shop", home.pulse("shop"))
    assert home.runs("shop")[-1]["status"] in {"success", "pass"}
    until(lambda: told.asked > before, what="The receiver is asked")
    assert len(told.got) == before
    told.answers = 201
    run = home.runs("shop")[-1]["run"]
    until(
        lambda: any(
            one["eventType"] == "COMPLETE" and one["run"]["facets"]["duckstring_run"]["run"] == run
            for one in told.of("shop@1")
        ),
        what="The run is told",
    )


def test_what_was_not_taken_for_long_is_a_dead_letter_that_goes_back(told, home):
    sqs = home.aws("sqs")
    queue, dead = home.outputs["RunNews"], home.outputs["DeadRunNews"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 1}
    short = {"VisibilityTimeout": "3", "RedrivePolicy": json.dumps(policy)}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=short)
    told.answers = 500
    home.wait_fresh("flaky", home.pulse("flaky"))
    run = home.runs("flaky")[-1]["run"]

    def dead_letters() -> bool:
        return run in home.run("doctor").out

    until(dead_letters, what="doctor shows it", show=lambda: home.run("doctor"))
    said = home.run("doctor").out
    assert "the receiver of OpenLineage has not taken" in " ".join(said.split())
    assert "duckstring doctor redrive -c told lineage" in " ".join(said.split())
    assert "127.0.0.1 answered 500" in said
    told.answers = 201
    assert f"lineage: moved {run}" in home.run.done("doctor", "redrive", "lineage", "-y")
    until(
        lambda: any(
            one["run"]["facets"]["duckstring_run"]["run"] == run for one in told.of("flaky@1")
        ),
        what="The run is told",
    )
