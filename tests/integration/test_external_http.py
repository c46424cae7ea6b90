"""Databricks and HTTP jobs against the external demo's service: a process of its own, over HTTP."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import duckdb
import httpx
import pytest

from duckstring.author.errors import EnvironmentMissingError
from duckstring.author.kills import Requested
from duckstring.external import (
    CancelRefusedError,
    DatabricksJob,
    Env,
    ExternalError,
    ExternalRunFailedError,
    HttpJob,
    RefusedError,
    core,
)
from tests.unit.external_kit import MemoryPond, Paused, turns, virtual_time
from tests.workspace import PRODUCTS, SALES, TOKEN, TRANSACTIONS, Workspace, service, until


class WorkerDied(BaseException):
    """Between any two lines."""


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Workspace]:
    with service(tmp_path_factory.mktemp("external"), scale=0.001) as workspace:
        yield workspace


@pytest.fixture
def workspace(running) -> Workspace:
    """The service as it began, and how often each job was started until now."""
    for job in (TRANSACTIONS, PRODUCTS, SALES):
        running.set(job, fail_next=0, seconds=0, message="It broke. See ", error="", state="")
    for call in ("run-now", "runs/get", "runs/cancel", "/runs", "runs/get-output"):
        running.fault(call, times=0)
    running.before = {job: counted["started"] for job, counted in running.counts().items()}
    return running


@pytest.fixture(autouse=True)
def time(monkeypatch):
    with virtual_time(monkeypatch) as time:
        yield time


@pytest.fixture
def pond(workspace, request) -> MemoryPond:
    key = f"test-1-{abs(hash(request.node.nodeid)) % 10**8}"
    return MemoryPond(
        key,
        {
            "DATABRICKS_HOST": f"{workspace.url}/",
            "DATABRICKS_TOKEN": TOKEN,
            "SALES_JOB_ID": str(SALES),
            "ENGINE": workspace.url,
        },
    )


def started(workspace, job) -> int:
    return workspace.counts()[job]["started"] - workspace.before[job]


def going(workspace, run) -> dict:
    """The run, once its process has begun or it has ended."""
    return until(
        lambda: workspace.get(int(run)),
        lambda found: found["state"]["life_cycle_state"] != "PENDING",
    )


def until_ended(workspace, run):
    return lambda _wait: workspace.ended(int(run()))


def databricks(job=PRODUCTS, **more) -> DatabricksJob:
    return DatabricksJob(job, **more)


def plain(**more) -> HttpJob:
    """The service's other face, by whichever of its three ways of starting a run once."""
    asked = {
        "start": "/pipelines/products/runs",
        "status": "/pipelines/runs/{id}",
        "cancel": "DELETE /pipelines/runs/{id}",
        "id": "run",
        "url": "https://engine.example.com/runs/{id}",
        "headers": {"Authorization": Env("DATABRICKS_TOKEN", "Bearer {}")},
    }
    return HttpJob(Env("ENGINE"), **{**asked, **more})


WAYS = {
    "databricks": databricks,
    "http, key in a header": plain,
    "http, key as the id": lambda: plain(
        start="PUT /pipelines/runs/{key}", body={"pipeline": "products"}, id="{key}"
    ),
    "http, looked for": lambda: plain(
        body={"label": "{key}"},
        find="/pipelines/runs?label={key}",
        found="runs.0.run",
        key_header="X-Key",
    ),
}


@pytest.fixture(params=WAYS)
def job(request):
    return WAYS[request.param]()


each_way_and_status = pytest.mark.parametrize(
    ("way", "status"),
    [*((way, 503) for way in WAYS), *(("databricks", status) for status in (429, 500, 502, 504))],
)
"""A start or look by each way, and each status once: every one of them is work for a process."""


def remembered(pond) -> dict:
    (slot,) = pond.memory
    return pond.recall(slot)


def last_run(workspace, job=PRODUCTS) -> int:
    return workspace.call("GET", "/api/2.1/jobs/runs/list", params={"job_id": job}).json()["runs"][
        0
    ]["run_id"]


# One run for one try


def test_a_run_is_started_waited_for_and_told(workspace, pond, job):
    run, pauses = turns(job, pond, between=lambda _wait: workspace.ended(last_run(workspace)))

    assert set(pauses) <= {None}  # the handle's own growing pause
    assert started(workspace, PRODUCTS) == 1
    assert run.state in {"SUCCESS", "succeeded"}
    assert run.started
    assert run.ended
    assert run.started <= run.ended
    assert run.answer
    assert run.url.endswith(f"/runs/{run.id}")


def test_a_worker_that_died_before_it_remembered_the_id_leaves_one_run(
    workspace, pond, job, time, monkeypatch
):
    """The case that ensure-then-poll without a token cannot tell from never having started."""
    keep = pond.remember

    def dies(key, value):
        if value and value["run"]:
            raise WorkerDied
        keep(key, value)

    monkeypatch.setattr(pond, "remember", dies)
    with pytest.raises(WorkerDied):
        job.run(pond)
    assert started(workspace, PRODUCTS) == 1
    monkeypatch.undo()
    with virtual_time(monkeypatch):
        turns(job, pond, between=lambda _wait: workspace.ended(last_run(workspace)))

    assert started(workspace, PRODUCTS) == 1


def test_a_worker_that_died_before_the_request_leaves_no_run_and_the_next_starts_one(
    workspace, pond, job, time, monkeypatch
):
    monkeypatch.setattr(core, "_now", lambda: time.now)
    with monkeypatch.context() as dying:
        dying.setattr(httpx, "request", lambda *_, **__: (_ for _ in ()).throw(WorkerDied))
        with pytest.raises(WorkerDied):
            job.run(pond)
    assert started(workspace, PRODUCTS) == 0

    def between(_wait):
        time.now += 15.0
        if started(workspace, PRODUCTS):
            workspace.ended(last_run(workspace))

    turns(job, pond, between=between)
    assert started(workspace, PRODUCTS) == 1


@each_way_and_status
def test_an_answer_lost_after_the_start_does_not_start_another(workspace, pond, time, way, status):
    job = WAYS[way]()
    for call in ("run-now", "products/runs", remembered_put(pond, job)):
        workspace.fault(call, status=status, after=True)

    def between(_wait):
        time.now += 15.0
        workspace.ended(last_run(workspace))

    turns(job, pond, between=between)
    assert started(workspace, PRODUCTS) == 1


def remembered_put(pond, job) -> str:
    """The path that the key itself is part of."""
    return core.key_of(pond.run_key, job._engine(pond).slot)


def test_the_next_try_starts_another_run_and_does_not_get_the_failed_one_back(workspace, pond, job):
    workspace.set(PRODUCTS, fail_next=1)
    ended = {"between": lambda _wait: workspace.ended(last_run(workspace))}
    with pytest.raises(ExternalRunFailedError):
        turns(job, pond, **ended)
    with pytest.raises(ExternalRunFailedError):  # the same try goes on being what it was
        turns(job, pond, **ended)
    assert started(workspace, PRODUCTS) == 1

    turns(job, pond.retried(), **ended)
    assert started(workspace, PRODUCTS) == 2


def test_two_jobs_of_one_ripple_do_not_take_each_other_s_runs(workspace, pond):
    first, second, other = databricks(name="eu"), databricks(name="us"), databricks(TRANSACTIONS)
    runs = {job.start(pond) for job in (first, second, other)}

    assert len(runs) == 3
    assert {job.start(pond) for job in (first, second, other)} == runs
    assert (started(workspace, PRODUCTS), started(workspace, TRANSACTIONS)) == (2, 1)
    for run in runs:
        workspace.ended(int(run))
    assert {job.run(pond).id for job in (first, second, other)} == runs


def test_an_engine_that_moves_is_asked_at_its_new_address_for_the_same_run(workspace, pond):
    run = plain().start(pond)
    pond.environment["ENGINE"] = workspace.url.replace("127.0.0.1", "localhost")

    assert plain().start(pond) == run
    assert started(workspace, PRODUCTS) == 1


# How it ends


def test_a_failed_run_fails_with_its_words_and_the_link(workspace, pond):
    workspace.set(PRODUCTS, fail_next=1, message="Out of quota in [eu]. See ")

    with pytest.raises(ExternalRunFailedError) as failed:
        turns(databricks(), pond, between=lambda _wait: workspace.ended(last_run(workspace)))

    run = last_run(workspace)
    assert failed.value.message == (
        f"Out of quota in [eu]. See {workspace.url}/runs/{run} "
        f"(Databricks job 102, run {run}, ended FAILED)"
    )
    assert (failed.value.run, failed.value.url, failed.value.word) == (
        str(run),
        f"{workspace.url}/runs/{run}",
        "FAILED",
    )


def test_a_failed_task_s_own_error_is_told(workspace, pond):
    workspace.set(
        PRODUCTS, fail_next=1, message="Workload failed.", error="ValueError: no prices for 'eu'"
    )

    with pytest.raises(
        ExternalRunFailedError,
        match=r"Workload failed. Task products: ValueError: no prices for 'eu' http.*FAILED\)$",
    ):
        turns(databricks(), pond, between=lambda _wait: workspace.ended(last_run(workspace)))


def test_a_task_s_error_that_cannot_be_fetched_does_not_hide_the_run_s(workspace, pond):
    workspace.set(
        PRODUCTS, fail_next=1, message="Workload failed.", error="ValueError: no prices for 'eu'"
    )
    workspace.fault("runs/get-output", status=500, times=100)

    with pytest.raises(ExternalRunFailedError, match=r"^Workload failed. http.*FAILED\)$"):
        turns(databricks(), pond, between=lambda _wait: workspace.ended(last_run(workspace)))


def test_a_run_that_somebody_cancelled_fails_the_ripple(workspace, pond, job):
    workspace.set(PRODUCTS, seconds=3600)
    with pytest.raises(Paused):
        job.run(pond)
    workspace.call("POST", "/api/2.1/jobs/runs/cancel", json={"run_id": last_run(workspace)})
    workspace.ended(last_run(workspace))

    with pytest.raises(
        ExternalRunFailedError, match=r"^Run cancelled\. http.*ended (CANCELED|cancelled)\)$"
    ):
        job.run(pond)


def test_an_unknown_state_is_one_of_a_run_that_goes_on(workspace, pond, job):
    workspace.set(PRODUCTS, state="PONDERING", seconds=3600)

    for _ in range(3):
        with pytest.raises(Paused):
            job.run(pond)
    assert started(workspace, PRODUCTS) == 1
    workspace.call("POST", "/api/2.1/jobs/runs/cancel", json={"run_id": last_run(workspace)})


@pytest.mark.parametrize(
    ("life", "result", "state"),
    [
        *(
            (life, "", "active")
            for life in (
                "PENDING",
                "QUEUED",
                "RUNNING",
                "TERMINATING",
                "BLOCKED",
                "WAITING_FOR_RETRY",
                "",
                "NEW",
            )
        ),
        ("TERMINATED", "", "active"),
        ("RUNNING", "SUCCESS", "active"),
        ("TERMINATED", "SUCCESS", "succeeded"),
        ("TERMINATED", "SUCCESS_WITH_FAILURES", "succeeded"),
        ("TERMINATED", "CANCELED", "cancelled"),
        *(
            ("TERMINATED", result, "failed")
            for result in (
                "FAILED",
                "TIMEDOUT",
                "UPSTREAM_FAILED",
                "EXCLUDED",
                "DISABLED",
                "SOMETHING",
            )
        ),
        ("SKIPPED", "", "failed"),
        ("INTERNAL_ERROR", "", "failed"),
        ("INTERNAL_ERROR", "SUCCESS", "failed"),
    ],
)
def test_what_databricks_says_is_one_of_four_states(life, result, state):
    from duckstring.external.databricks import _state

    assert _state(life, result) == state


def test_the_facts_are_a_row(workspace, pond):
    run, _ = turns(databricks(), pond, between=lambda _wait: workspace.ended(last_run(workspace)))
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")

    row = con.sql(run.select())
    assert row.columns == ["engine", "run_id", "url", "state", "started", "ended"]
    assert [str(kind) for kind in row.types] == ["VARCHAR"] * 4 + ["TIMESTAMP WITH TIME ZONE"] * 2
    assert row.fetchall() == [("Databricks", run.id, run.url, "SUCCESS", run.started, run.ended)]
    quoted = core.ExternalRun("HTTP", "it's", "", "x", None, None).select()
    assert con.sql(quoted).fetchall() == [("HTTP", "it's", "", "x", None, None)]


# Engines that have no time


@each_way_and_status
def test_a_look_that_is_not_answered_is_no_failure_of_the_run(
    workspace, pond, time, way, status, caplog
):
    job = WAYS[way]()
    job.start(pond)
    workspace.ended(last_run(workspace))
    for call in ("runs/get", f"runs/{remembered(pond)['run']}"):
        workspace.fault(call, status=status, times=4)

    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(Paused),
    ):  # three tries, then the wait is left to a pause
        job.run(pond)
    assert time.slept == [1.0, 3.0]
    assert f"answers {status}" in caplog.records[-1].reason
    job.run(pond)  # the fourth, and then it is answered
    assert started(workspace, PRODUCTS) == 1


def test_an_engine_that_names_its_time_is_asked_again_then(workspace, pond, time):
    workspace.fault("runs/get", status=429, times=1, wait=70)

    with pytest.raises(Paused) as paused:
        databricks(poll="10m").run(pond)
    assert (paused.value.wait, time.slept) == ("70s", [])


def test_a_start_that_is_refused_for_now_is_made_once_later(workspace, pond, job):
    for call in ("run-now", "products/runs", remembered_put(pond, job)):
        workspace.fault(call, status=429, times=3)
    with pytest.raises(Paused):
        job.run(pond)
    assert started(workspace, PRODUCTS) == 0
    assert remembered(pond) is None  # nothing was started: nobody need look for it

    for call in ("run-now", "products/runs", remembered_put(pond, job)):
        workspace.fault(call, times=0)
    turns(job, pond, between=lambda _wait: workspace.ended(last_run(workspace)))
    assert started(workspace, PRODUCTS) == 1


def test_a_service_that_is_away_is_waited_for(pond, job):
    pond.environment |= {"DATABRICKS_HOST": "http://127.0.0.1:9", "ENGINE": "http://127.0.0.1:9"}

    with pytest.raises(Paused):
        job.run(pond)


def test_the_pause_is_as_long_as_the_author_says(workspace, pond):
    workspace.set(PRODUCTS, seconds=3600)

    with pytest.raises(Paused) as paused:
        databricks(poll="10m").run(pond)
    assert paused.value.wait == "10m"
    assert databricks().cancel(pond)


# Refusals


def test_a_wrong_token_is_one_line_that_does_not_show_it(workspace, pond):
    pond.environment["DATABRICKS_TOKEN"] = "wrong-secret"

    with pytest.raises(RefusedError) as refused:
        databricks().run(pond)
    assert (
        refused.value.message
        == f"POST {workspace.url}/api/2.1/jobs/run-now answers 403 Forbidden: Invalid access token."
    )
    assert "Can Manage Run" in refused.value.hint
    assert started(workspace, PRODUCTS) == 0


def test_a_job_that_is_not_there_is_said_in_the_engine_s_words(pond):
    with pytest.raises(
        RefusedError, match=r"run-now answers 400 Bad Request: Job 7 does not exist\."
    ):
        databricks(7).run(pond)
    with pytest.raises(
        RefusedError,
        match=r"POST .*/pipelines/nothing/runs answers 404 Not Found: No pipeline 'nothing'\.",
    ):
        plain(start="/pipelines/nothing/runs").run(pond)


@pytest.mark.parametrize(
    "host", ["adb-1.azuredatabricks.example", "ftp://127.0.0.1", "http://[::1"]
)
def test_a_host_that_is_no_address_is_refused_and_not_waited_for(pond, host):
    pond.environment["DATABRICKS_HOST"] = host
    with pytest.raises(RefusedError, match="cannot be asked"):
        databricks().run(pond)


@pytest.mark.parametrize("token", ["a-secret\n", "a-secret\r\nX: y"])
def test_a_token_that_no_header_can_hold_is_refused_without_showing_it(workspace, pond, token):
    pond.environment["DATABRICKS_TOKEN"] = token
    with pytest.raises(RefusedError) as refused:
        databricks().run(pond)
    assert "cannot be asked" in refused.value.message
    assert "a-secret" not in "".join(traceback.format_exception(refused.value))


def test_a_token_that_expired_while_the_run_goes_on_is_waited_for(workspace, pond, caplog):
    workspace.set(PRODUCTS, seconds=3600)
    run = databricks().start(pond)
    pond.environment["DATABRICKS_TOKEN"] = "expired"

    with caplog.at_level(logging.WARNING), pytest.raises(Paused):
        databricks().run(pond)
    assert "answers 403 Forbidden" in caplog.records[-1].reason
    assert "Can Manage Run" in caplog.records[-1].hint
    pond.environment["DATABRICKS_TOKEN"] = TOKEN
    assert f"run {run} is cancelled" in databricks().cancel(pond)


def test_a_run_that_the_engine_forgot_is_lost_but_not_at_once(workspace, pond, time, job):
    job.start(pond)
    (slot,) = pond.memory
    pond.remember(slot, {**pond.recall(slot), "run": "7"})
    with pytest.raises(Paused):
        job.run(pond)
    time.now += core.APPEARING

    with pytest.raises(
        ExternalRunFailedError, match=r"run 7, is not known any more: .* Run 7 does not exist\."
    ):
        job.run(pond)


def test_what_is_not_in_the_environment_is_named(pond):
    del pond.environment["DATABRICKS_TOKEN"]

    with pytest.raises(EnvironmentMissingError, match="'DATABRICKS_TOKEN'"):
        databricks().run(pond)
    with pytest.raises(RefusedError, match="'soon' is not the id of a job"):
        DatabricksJob("soon", token="x").run(pond)


def test_a_job_s_id_and_a_service_principal_come_from_the_environment(workspace, pond):
    pond.environment["CLIENT_SECRET"] = pond.environment.pop("DATABRICKS_TOKEN")
    job = DatabricksJob(
        Env("SALES_JOB_ID"), client_id="demo-client", client_secret=Env("CLIENT_SECRET")
    )

    run = int(job.start(pond))
    assert workspace.ended(run)["job_id"] == SALES

    pond.environment["CLIENT_SECRET"] = "wrong-secret"
    with pytest.raises(Paused):  # the run may go on: it is not for its Ripple to fail
        job.run(pond)
    with pytest.raises(
        RefusedError,
        match=r"oidc/v1/token answers 401 Unauthorized: Client authentication failed\.$",
    ):
        job.run(pond.retried())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"start": "runs"}, "'runs' is not a request"),
        ({"start": "FETCH /runs"}, "'FETCH /runs' is not a request"),
        ({"status": "/runs"}, "does not say where the run's id goes"),
        ({"poll": "soon"}, r"poll='soon'; allowed: a duration over zero"),
        ({"poll": "8d"}, r"poll='8d'; allowed: a duration over zero, of at most 7d"),
        ({"failed": "failed"}, r"failed='failed'; allowed: a list of states"),
    ],
)
def test_a_job_that_cannot_be_asked_is_refused_when_it_is_made(options, said):
    with pytest.raises(ExternalError, match=said):
        plain(**options)
    with pytest.raises(ExternalError, match="credentials do not fit"):
        DatabricksJob(1, token="x", client_id="y", client_secret="z")


class Elsewhere(BaseHTTPRequestHandler):
    """What answers in place of an engine: a page to log in, a redirect, an echo."""

    def do_POST(self):
        self.do_GET()

    def do_GET(self):
        match self.path:
            case "/redirect":
                self.send_response(302)
                self.send_header("Location", "https://login.example.com/")
                body = b""
            case "/echo":
                self.send_response(400)
                body = f"You sent {self.headers['Authorization']}".encode()
            case "/started":
                self.send_response(200)
                body = b'{"run": 7}'
            case _:
                self.send_response(200)
                body = b"<html>Please log in</html>"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def elsewhere(pond):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pond.environment["ENGINE"] = f"http://127.0.0.1:{server.server_port}"
    yield pond.environment["ENGINE"]
    server.shutdown()
    server.server_close()


def test_what_is_no_engine_refuses_a_start_and_says_nothing_of_a_run(pond, elsewhere):
    with pytest.raises(
        RefusedError, match=r"/login answers 200 and no JSON object: <html>Please log in</html>"
    ):
        plain(start="/login").run(pond)
    with pytest.raises(
        RefusedError, match=r"/redirect answers 302, a redirect to https://login.example.com/"
    ):
        plain(start="/redirect").run(pond)
    with pytest.raises(RefusedError, match=r"its answer has no id at 'id': run"):
        plain(start="/started", id="id").run(pond)
    with pytest.raises(Paused):
        plain(start="/started", status="/login/{id}").run(pond)


def test_an_engine_that_repeats_a_secret_does_not_put_it_into_history(pond, elsewhere):
    with pytest.raises(RefusedError) as refused:
        plain(start="/echo").run(pond)
    assert TOKEN not in refused.value.message
    assert refused.value.message.endswith("answers 400 Bad Request: You sent ***")


# Cancel


def test_a_killed_try_s_run_is_cancelled_once_and_seen_to_end(workspace, pond, job):
    workspace.set(PRODUCTS, seconds=3600)
    run = job.start(pond)
    going(workspace, last_run(workspace))
    before = workspace.counts()[PRODUCTS]["cancel_requests"]

    told = job.cancel(pond)

    assert f"run {run} is cancelled: " in told
    assert workspace.get(last_run(workspace))["state"]["result_state"] == "CANCELED"
    assert workspace.counts()[PRODUCTS]["cancel_requests"] == before + 1
    assert "had ended before it was cancelled" in job.cancel(pond)
    assert workspace.counts()[PRODUCTS]["cancel_requests"] == before + 1


def test_a_run_whose_id_was_never_remembered_is_cancelled_too(workspace, pond, job, monkeypatch):
    workspace.set(PRODUCTS, seconds=3600)
    keep = pond.remember
    monkeypatch.setattr(
        pond, "remember", lambda key, value: keep(key, value and {**value, "run": ""})
    )
    job.start(pond)
    assert remembered(pond)["run"] == ""

    assert "is cancelled: " in job.cancel(pond)
    assert started(workspace, PRODUCTS) == 1
    assert workspace.get(last_run(workspace))["state"]["result_state"] == "CANCELED"


def test_nothing_is_cancelled_where_nothing_was_started(workspace, pond, job):
    before = workspace.counts()[PRODUCTS]["cancel_requests"]

    assert job.cancel(pond).endswith(": no run was started.")
    assert (started(workspace, PRODUCTS), workspace.counts()[PRODUCTS]["cancel_requests"]) == (
        0,
        before,
    )


def test_a_refused_cancel_says_that_the_run_was_not_cancelled(workspace, pond):
    workspace.set(PRODUCTS, seconds=3600)
    run = databricks().start(pond)
    workspace.fault("runs/cancel", status=503, times=50)

    with pytest.raises(
        CancelRefusedError, match=rf"^Databricks job 102, run {run} was not cancelled: POST .* 503"
    ):
        databricks().cancel(pond)
    without = plain(cancel=None)
    without.start(pond)
    with pytest.raises(
        CancelRefusedError,
        match=r"was not cancelled: Job /pipelines/products/runs has no request that cancels\.",
    ):
        without.cancel(pond)
    workspace.fault("runs/cancel", times=0)
    databricks().cancel(pond)
    plain().cancel(pond)


def test_a_run_that_has_not_ended_yet_is_requested_to_end(workspace, pond, time):
    """This request ends nothing, as one may that an engine carries out much later."""
    workspace.set(PRODUCTS, seconds=3600)
    job = plain(cancel="GET /pipelines/runs/{id}")
    run = job.start(pond)
    going(workspace, run)

    told = job.cancel(pond)
    assert isinstance(told, Requested)
    assert told.startswith(
        f"Job /pipelines/products/runs, run {run} was asked to end and has not ended yet. It is "
        "running. https://"
    )
    assert 60 < sum(time.slept) <= core.CANCELLING

    time.slept.clear()
    pond.ends = datetime.fromtimestamp(time.now + 15, UTC)
    assert isinstance(job.cancel(pond), Requested)
    assert 0 < sum(time.slept) <= 5
    assert not isinstance(plain().cancel(pond), Requested)
