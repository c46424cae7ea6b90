"""The external demo: the service as its own process over HTTP, and the page's Ripple code
against it.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
import tokenize
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import httpx
import pytest

from duckstring_cli.demos.external.service import work
from tests.demo_harness import query, run_pond
from tests.workspace import PRODUCTS, SALES, SERVICE, TOKEN, TRANSACTIONS, Workspace, service, until

DEMO = Path(str(files("duckstring_cli.demos") / "external"))

# The code of the documentation's page "External Pipelines as Ponds", as published: its spaces and
# line ends were lost there.
PAGE = """import os
import time

import httpx

from duckstring import ripple

HOST = os.environ["DATABRICKS_HOST"].rstrip("/")
JOB_ID = int(os.environ["SALES_JOB_ID"])
AUTH = {"Authorization": f"Bearer {os.environ['DATABRICKS_TOKEN']}"}


def _active_run() -> dict | None:
r = httpx.get(f"{HOST}/api/2.1/jobs/runs/list",
params={"job_id": JOB_ID, "active_only": "true"}, headers=AUTH)
runs = r.json().get("runs", [])
return runs[0] if runs else None


@ripple
def run_pipeline(pond):
run = _active_run() # idempotent: a recovery re-run attaches instead of double-triggering
if run is None:
r = httpx.post(f"{HOST}/api/2.1/jobs/run-now", json={"job_id": JOB_ID}, headers=AUTH)
run = {"run_id": r.json()["run_id"]}

while True:
r = httpx.get(f"{HOST}/api/2.1/jobs/runs/get",
params={"run_id": run["run_id"]}, headers=AUTH).json()
state = r["state"]
if state["life_cycle_state"] in ("TERMINATED", "INTERNAL_ERROR", "SKIPPED"):
break
time.sleep(15)

if state.get("result_state") != "SUCCESS":
# The message lands verbatim in run history and the UI — include the link to the real logs.
raise RuntimeError(f"{state.get('state_message', state)}{r.get('run_page_url')}")

# Optional: publish run metadata so `duckstring query` gives a cross-linked history.
pond.write_table("run", pond.con.sql(
f"SELECT {run['run_id']} AS run_id, '{r.get('run_page_url')}' AS url"
))
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with service(tmp_path / "data") as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A service for tests that start no run."""
    with service(tmp_path_factory.mktemp("shared")) as running:
        yield running


def tokens(source: str) -> list[str]:
    """A source's words, its comments among them, whatever the space between."""
    indented = ("\n".join(line.strip() for line in source.splitlines())).encode()
    spacing = {
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
    return [
        token.string
        for token in tokenize.tokenize(io.BytesIO(indented).readline)
        if token.type not in spacing
    ]


@pytest.mark.parametrize("pond", ["transactions", "products", "sales"])
def test_the_ripple_is_the_page_s_with_its_own_job_variable(pond: str) -> None:
    shipped = (DEMO / pond / "src" / "pond.py").read_text(encoding="utf-8")

    assert tokens(shipped) == tokens(PAGE.replace("SALES_JOB_ID", f"{pond.upper()}_JOB_ID"))


def test_a_run_is_active_until_it_ends_and_its_page_shows_the_log(workspace: Workspace) -> None:
    workspace.set(TRANSACTIONS, seconds=3600)
    run = workspace.run_now(TRANSACTIONS)
    running = until(
        lambda: workspace.get(run), lambda found: found["state"]["life_cycle_state"] == "RUNNING"
    )

    assert "result_state" not in running["state"]
    assert workspace.active(TRANSACTIONS) == [run]
    assert workspace.active(PRODUCTS) == []

    ended = workspace.succeed(PRODUCTS)
    page = httpx.get(ended["run_page_url"])

    assert workspace.active(PRODUCTS) == []
    assert page.status_code == 200
    assert "products, run 1" in page.text
    assert "part: 2000 rows" in page.text


def test_a_token_that_comes_again_finds_its_run_even_after_the_end(workspace: Workspace) -> None:
    workspace.set(PRODUCTS, fail_next=1)
    with ThreadPoolExecutor(8) as crowd:
        runs = set(
            crowd.map(lambda _: workspace.run_now(PRODUCTS, idempotency_token="try-1"), range(8))
        )

    assert len(runs) == 1
    assert workspace.ended(runs.pop())["state"]["result_state"] == "FAILED"
    again, other = (
        workspace.run_now(PRODUCTS, idempotency_token="try-1"),
        workspace.run_now(PRODUCTS, idempotency_token="try-2"),
    )
    assert again != other
    assert workspace.get(again)["state"]["result_state"] == "FAILED"
    assert workspace.counts()[PRODUCTS]["started"] == 2


def test_a_job_fails_as_often_as_it_was_told_and_writes_nothing(workspace: Workspace) -> None:
    workspace.set(PRODUCTS, fail_next=2, message="The cluster is on fire. ")
    first, second = (workspace.ended(workspace.run_now(PRODUCTS)) for _ in range(2))

    assert [run["state"]["result_state"] for run in (first, second)] == ["FAILED", "FAILED"]
    assert first["state"]["state_message"] == "The cluster is on fire. "
    assert not (workspace.data / "products").exists()

    workspace.succeed(PRODUCTS)
    counted = workspace.counts()[PRODUCTS]
    assert [
        counted[what] for what in ("started", "active", "succeeded", "failed", "fail_next")
    ] == [3, 0, 1, 2, 0]


def test_sales_fails_by_itself_when_the_others_have_not_run(workspace: Workspace) -> None:
    ended = workspace.ended(workspace.run_now(SALES))

    assert ended["state"]["result_state"] == "FAILED"
    assert ended["state"]["state_message"] == (
        "sales: transactions/orders.parquet is missing: the transactions job has not succeeded yet"
    )


def test_two_runs_of_one_job_may_write_at_the_same_time(tmp_path: Path) -> None:
    class Overtaken:
        """A connection whose table is published by a second run while it is being written."""

        def __init__(self, rows: int) -> None:
            self.rows = rows

        def table(self, _name: str) -> Overtaken:
            return self

        @property
        def shape(self) -> tuple[int, int]:
            return self.rows, 1

        def write_parquet(self, path: str, **_how: str) -> None:
            duckdb.sql(f"SELECT 1 FROM range({self.rows})").write_parquet(path)
            if self.rows == 3:
                publish(2)

    def publish(rows: int) -> None:
        con: Any = Overtaken(rows)
        work.publish(con, "part", tmp_path)

    publish(3)

    assert duckdb.read_parquet(str(tmp_path / "part.parquet")).shape == (3, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["part.parquet"]


def test_a_cancelled_run_ends(workspace: Workspace) -> None:
    workspace.set(TRANSACTIONS, seconds=3600)
    run = workspace.run_now(TRANSACTIONS)
    workspace.call("POST", "/api/2.1/jobs/runs/cancel", json={"run_id": run})

    assert workspace.ended(run)["state"]["result_state"] == "CANCELED"
    assert not (workspace.data / "transactions").exists()


def test_the_sales_product_is_what_the_data_says(workspace: Workspace) -> None:
    for job in (TRANSACTIONS, PRODUCTS, SALES):
        workspace.succeed(job)

    con = duckdb.connect()
    work.generate(con, 0.01)
    revenue, lines, orders = con.sql(
        "SELECT sum(l_extendedprice * (1 - l_discount)), sum(l_quantity), count(DISTINCT "
        "l_orderkey) FROM lineitem"
    ).fetchall()[0]
    cost = con.sql(
        "SELECT sum(l_quantity * ps_supplycost) FROM lineitem, partsupp WHERE ps_partkey = "
        "l_partkey AND ps_suppkey = l_suppkey"
    ).fetchall()[0][0]
    product = workspace.table("sales/revenue")

    assert con.sql(
        f"SELECT sum(revenue), sum(quantity), sum(revenue - margin) FROM {product}"
    ).fetchall() == [(revenue, lines, cost)]
    assert con.sql(
        f"SELECT count(DISTINCT brand), count(*) = count(DISTINCT (brand, month)) FROM {product}"
    ).fetchall() == [(25, True)]
    assert con.sql(
        f"SELECT count(DISTINCT o_orderkey) FROM {workspace.table('transactions/orders')}"
    ).fetchall() == [(orders,)]


@pytest.mark.parametrize("token", [None, "another", TOKEN + "x"])
@pytest.mark.parametrize(
    "call",
    [
        *(("POST", "/api/2.1/jobs/run-now"), ("POST", "/api/2.1/jobs/runs/cancel")),
        *(("GET", f"/api/2.1/jobs/runs/{what}") for what in ("list", "get", "get-output")),
        *(
            ("POST", "/pipelines/products/runs"),
            ("GET", "/pipelines/runs/7"),
            ("DELETE", "/pipelines/runs/7"),
        ),
    ],
)
def test_the_api_wants_the_token(
    shared: Workspace, call: tuple[str, str], token: str | None
) -> None:
    method, path = call
    answer = shared.call(method, path, token=token, params={"job_id": "101"})

    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "x"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/demo/jobs/101"),
        ("POST", "/demo/faults"),
        ("GET", "/demo/jobs"),
        ("GET", "/runs/7"),
    ],
)
def test_web_pages_stay_outside(
    shared: Workspace, headers: dict[str, str], method: str, path: str
) -> None:
    form = {"fail_next": "3", "call": "runs/get"}
    answer = httpx.request(
        method, f"{shared.url}{path}", headers=headers, data=form if method == "POST" else None
    )

    assert answer.status_code == 403
    assert all(job["fail_next"] == 0 for job in shared.counts().values())


def test_a_link_to_a_run_may_be_on_any_page(shared: Workspace) -> None:
    clicked = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }

    assert (
        httpx.get(f"{shared.url}/runs/7", headers=clicked).json()["message"]
        == "Run 7 does not exist."
    )


@pytest.mark.parametrize(
    ("method", "path", "extra", "status", "message"),
    [
        (
            "GET",
            "/api/2.1/jobs/runs/get",
            {"params": {"run_id": "7"}},
            400,
            "Run 7 does not exist.",
        ),
        ("GET", "/api/2.1/jobs/runs/get", {}, 400, "run_id must be a whole number, found None."),
        ("POST", "/api/2.1/jobs/run-now", {"json": {"job_id": 7}}, 400, "Job 7 does not exist."),
        (
            "POST",
            "/api/2.1/jobs/run-now",
            {"json": {"job_id": True}},
            400,
            "job_id must be a whole number, found True.",
        ),
        ("POST", "/api/2.1/jobs/run-now", {"content": "{"}, 400, "The body is not JSON"),
        (
            "POST",
            "/api/2.1/jobs/run-now",
            {"json": [1]},
            400,
            "The body must be a JSON object, found [1].",
        ),
        (
            "POST",
            "/api/2.1/jobs/run-now",
            {"json": {"job_id": 101, "idempotency_token": "x" * 65}},
            400,
            "at most 64 characters",
        ),
        (
            "POST",
            "/demo/jobs/101",
            {"json": {"secs": 1}},
            400,
            "Unknown: secs. A job takes fail_next, seconds, message, error and state.",
        ),
        (
            "POST",
            "/demo/jobs/101",
            {"json": {"seconds": -1}},
            400,
            "seconds must be a number from 0 to 86400, found -1.",
        ),
        (
            "POST",
            "/demo/jobs/101",
            {"json": {"fail_next": -1}},
            400,
            "fail_next must be a whole number, found -1.",
        ),
        ("POST", "/demo/jobs/7", {"json": {}}, 400, "Job 7 does not exist."),
        ("POST", "/demo/jobs/101", {"json": {"state": 7}}, 400, "state must be text, found 7."),
        (
            "POST",
            "/demo/faults",
            {"json": {"path": "x"}},
            400,
            "Unknown: path. A fault has call, status, times, after and wait.",
        ),
        (
            "POST",
            "/demo/faults",
            {"json": {"status": 503}},
            400,
            "call must be the end of a path and after true or false, found None and False.",
        ),
        (
            "POST",
            "/demo/faults",
            {"json": {"call": "x", "status": 404}},
            400,
            "status must be 429, 500, 502, 503 or 504",
        ),
        (
            "GET",
            "/api/2.1/jobs/runs/get-output",
            {"params": {"run_id": "7"}},
            400,
            "Run 6 does not exist.",
        ),
        ("GET", "/pipelines/runs/7", {}, 404, "Run 7 does not exist."),
        ("GET", "/pipelines/runs/seven", {}, 400, "run must be a whole number, found 'seven'."),
        ("PUT", "/pipelines/runs/seven", {"json": {"pipeline": "x"}}, 404, "No pipeline 'x'."),
        ("DELETE", "/pipelines/products", {}, 404, "No DELETE /pipelines/products here."),
        (
            "POST",
            "/oidc/v1/token",
            {"data": {"grant_type": "client_credentials"}},
            401,
            "Client authentication failed.",
        ),
        ("GET", "/api/2.0/jobs/list", {}, 404, "No GET /api/2.0/jobs/list here."),
    ],
)
def test_a_bad_request_says_what_was_wrong(
    shared: Workspace, method: str, path: str, extra: dict[str, object], status: int, message: str
) -> None:
    answer = shared.call(method, path, **extra)

    assert answer.status_code == status
    assert message in answer.json()["message"]
    assert all(job["started"] == 0 for job in shared.counts().values())


def test_a_taken_port_is_one_line(workspace: Workspace, tmp_path: Path) -> None:
    port = workspace.url.rpartition(":")[2]
    second = subprocess.run(
        [sys.executable, "-m", SERVICE, "--port", port, "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert second.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}: ")
    assert len(second.stderr.splitlines()) == 1


@pytest.fixture
def environment(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The Catchment's environment, in the names of environment.example."""
    values = dict(
        line.split("=", 1)
        for line in (DEMO / "environment.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    for name, value in {
        **values,
        "DATABRICKS_HOST": workspace.url,
        "DATABRICKS_TOKEN": TOKEN,
    }.items():
        monkeypatch.setenv(name, value)
    return workspace


def waiting(meanwhile: Callable[[], object]) -> Callable[[ModuleType], None]:
    """The Ripple sleeps 15 s between its looks; here ``meanwhile`` happens instead. Its code
    stays as it is.
    """

    def prepare(module: ModuleType) -> None:
        if hasattr(module, "time"):
            module.time = ModuleType("time")  # type: ignore[attr-defined]
            module.time.sleep = lambda _seconds: meanwhile()

    return prepare


poll_quickly = waiting(lambda: time.sleep(0.05))


def test_the_ponds_drive_the_pipelines_and_link_their_runs(
    environment: Workspace, tmp_path: Path
) -> None:
    for pond in ("transactions", "products", "sales", "reports"):
        run_pond(DEMO / pond, tmp_path / "store", prepare=poll_quickly)

    assert {
        job["name"]: (job["started"], job["succeeded"]) for job in environment.counts().values()
    } == {
        "transactions": (1, 1),
        "products": (1, 1),
        "sales": (1, 1),
    }
    runs = query(tmp_path / "store", "FROM reports.pipeline_runs")
    assert [row["pipeline"] for row in runs] == ["products", "sales", "transactions"]
    assert all(environment.get(row["run_id"])["run_page_url"] == row["url"] for row in runs)  # type: ignore[arg-type]
    lineage = query(tmp_path / "store", "FROM reports.lineage")
    assert [(row["pipeline"], row["source"]) for row in lineage] == [
        ("sales", "products"),
        ("sales", "transactions"),
    ]
    assert {row["source_run_id"] for row in lineage} == {
        row["run_id"] for row in runs if row["pipeline"] != "sales"
    }


def test_a_ripple_attaches_to_the_run_that_is_active(
    environment: Workspace, tmp_path: Path
) -> None:
    environment.set(PRODUCTS, seconds=3600)
    run = environment.run_now(PRODUCTS)
    until(
        lambda: environment.get(run), lambda found: found["state"]["life_cycle_state"] == "RUNNING"
    )
    cancel = waiting(
        lambda: environment.call("POST", "/api/2.1/jobs/runs/cancel", json={"run_id": run})
    )

    with pytest.raises(RuntimeError, match=rf"^Run cancelled\.{environment.url}/runs/{run}$"):
        run_pond(DEMO / "products", tmp_path / "store", prepare=cancel)

    assert environment.counts()[PRODUCTS]["started"] == 1


def test_a_failed_pipeline_fails_its_ripple_with_message_and_link(
    environment: Workspace, tmp_path: Path
) -> None:
    environment.set(PRODUCTS, fail_next=1, message="The cluster is on fire. See ")

    with pytest.raises(
        RuntimeError, match=rf"^The cluster is on fire\. See {environment.url}/runs/\d+$"
    ):
        run_pond(DEMO / "products", tmp_path / "store", prepare=poll_quickly)


def test_run_ids_are_new_after_the_service_started_again(tmp_path: Path) -> None:
    seen = set()
    for _ in range(2):
        with service(tmp_path) as running:
            seen.add(running.run_now(PRODUCTS))

    assert len(seen) == 2


def test_without_the_tpch_extension_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "find_spec", lambda _name: None)

    with pytest.raises(
        work.WorkError, match=r"duckdb-extension-tpch==.*pip install 'duckstring-aws\[demos\]'"
    ):
        work.tpch_extension()
