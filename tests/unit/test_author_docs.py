"""What docs/author.md shows is true."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import waiting
from duckstring.model.names import Line
from tests.unit.parts_kit import Sandbox, rows_of
from tests.unit.worker_kit import World

PAGE = (Path(__file__).parents[2] / "docs" / "author.md").read_text(encoding="utf-8")
(EXAMPLE,) = (
    code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "pond.pause" in code
)


(GROWING,) = (
    code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "read_delta" in code
)


class Databricks(BaseHTTPRequestHandler):
    """One job: a token that is known gives the run that it started."""

    def do_GET(self):
        run = self.server.runs[int(self.path.partition("run_id=")[2])]
        self.server.looks += 1
        self.say({"state": run, "run_page_url": "https://x/1"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("runs/cancel"):
            self.server.runs[body["run_id"]] = {
                "life_cycle_state": "TERMINATED",
                "result_state": "CANCELED",
                "state_message": "Cancelled. ",
            }
            return self.say({})
        run = self.server.tokens.setdefault(body["idempotency_token"], len(self.server.tokens) + 11)
        self.server.runs.setdefault(run, {"life_cycle_state": "RUNNING"})
        return self.say({"run_id": run})

    def say(self, answer):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def databricks():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Databricks)
    server.tokens, server.runs, server.looks = {}, {}, 0
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def world(tmp_path, databricks):
    world = World(tmp_path)
    world.secret = {
        "DATABRICKS_HOST": f"http://127.0.0.1:{databricks.server_port}/",
        "SALES_JOB_ID": "7",
        "DATABRICKS_TOKEN": "secret",
    }
    world.deploy(EXAMPLE, ripples=("run_pipeline",))
    world.open_run(ripple="run_pipeline")
    return world


def run(world, **more):
    return world.run(ripple="run_pipeline", **more)


def test_the_example_pauses_until_its_run_is_over(world, databricks):
    assert [run(world)["seconds"] for _ in range(3)] == [15, 22, 34]
    databricks.runs[11] = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
    assert run(world) == {"outcome": "ok"}
    assert world.rows_of("run") == [(11, "https://x/1")]
    assert len(databricks.tokens) == 1


def test_a_worker_that_died_before_it_remembered_starts_no_second_run(world, databricks):
    run(world)
    world.memos.clear()
    world.open_run(ripple="run_pipeline", attempt=2)
    assert run(world, attempt=2)["outcome"] == "paused"
    assert list(databricks.runs) == [11]


def test_the_example_fails_with_its_runs_own_words_and_a_retry_starts_another(world, databricks):
    run(world)
    databricks.runs[11] = {
        "life_cycle_state": "TERMINATED",
        "result_state": "FAILED",
        "state_message": "Out of disk. ",
    }
    assert run(world)["failure"]["message"] == "Out of disk. https://x/1"
    world.open_run(ripple="run_pipeline", attempt=2, tried=2)
    assert run(world, attempt=2)["outcome"] == "paused"
    assert list(databricks.runs) == [11, 12]


def test_an_engine_that_does_not_answer_is_asked_again(world, databricks):
    run(world)
    address, databricks.runs[11] = (
        world.secret["DATABRICKS_HOST"],
        {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"},
    )
    world.secret["DATABRICKS_HOST"] = "http://127.0.0.1:1"
    assert run(world)["outcome"] == "paused"
    world.secret["DATABRICKS_HOST"] = address
    assert run(world) == {"outcome": "ok"}


def test_a_kill_cancels_the_run_that_the_example_started(world, databricks):
    run(world)
    world.closed[1, "run_pipeline", 1] = "killed"
    assert world.kill(ripple="run_pipeline") == "confirmed"
    assert world.on_kill[1, "run_pipeline", 1] == ("confirmed", "asked Databricks to cancel run 11")
    assert databricks.runs[11]["result_state"] == "CANCELED"


def test_the_page_has_the_costs_that_the_prices_make():
    assert waiting.table() in PAGE


def test_a_pause_is_cheaper_the_longer_it_is_and_any_is_cheaper_than_a_worker_that_sleeps():
    _, later, *pauses = waiting.ways()
    totals = [way.total for way in (later, *pauses)]
    assert totals == sorted(totals, reverse=True)
    assert pauses[0].total < later.total / 3
    assert max(way.events for way in pauses) < 25_000


def test_the_costs_are_those_of_the_parts():
    """By hand: 180 pauses of three transitions, and three around; 3 h and a minute of 2
    processors, 8 GB, 80 GB of disk, an address.
    """
    _, task, _, minute, _ = waiting.ways()
    assert minute.looks == 181
    assert minute.transitions == pytest.approx((180 * 3 + 3) * 0.000025)
    assert minute.compute == pytest.approx(181 * (2 * 0.0000166667 + 0.0000002))
    assert task.compute == pytest.approx(
        (10_860 / 3600) * (2 * 0.04048 + 8 * 0.004445 + 80 * 0.000111 + 0.005)
    )


def test_the_example_of_tables_that_grow_follows_its_source(tmp_path):
    code = {}
    exec(GROWING, code)
    shop = Sandbox(tmp_path, Line("shop@1"))
    sales = Sandbox(tmp_path, sources={"shop": shop})

    def shown(*, new, gone, events):
        shop.ran(lambda pond: pond.merge_table("orders", new, key=["id"], delete=gone))
        shop.ran(lambda pond: pond.append_table("events", events))
        sales.ran(lambda pond: (code["orders"](pond), code["log"](pond)))
        pond = sales.attempt(again=True)
        return [rows_of(pond.read_table(name)) for name in ("orders", "events")]

    assert shown(
        new="SELECT unnest([1, 2]) AS id, 'new' AS state", gone=None, events="SELECT 7 AS n"
    ) == [[(1, "new"), (2, "new")], [(7,)]]
    assert shown(
        new="SELECT 1 AS id, 'paid' AS state", gone="SELECT 2 AS id", events="SELECT 8 AS n"
    ) == [[(1, "paid")], [(7,), (8,)]]
    assert sales.tables["events"].parts
