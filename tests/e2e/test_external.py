"""The external demo: Ponds that compute nothing and coordinate pipelines of another engine, over
HTTP.

The Catchment of the tests holds the flights demo too, so the Outlet is called ``pipeline_reports``
here.
"""

from __future__ import annotations

import os
import re
import signal

import httpx
import pytest

from tests.e2e.drive import until

OUTLET = "pipeline_reports"
PONDS = ("transactions", "products", "sales", OUTLET)


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return tmp_path_factory.mktemp("external")


def looking_often(driver, demo, version):
    """Deploy the demo's Ponds as a newer version whose Ripples look at their run twice a second."""
    for pond in ("transactions", "products", "sales"):
        text = re.sub(
            r"time\.sleep\([\d.]+\)",
            "time.sleep(0.5)",
            (demo / pond / "src" / "pond.py").read_text(),
        )
        (demo / pond / "src" / "pond.py").write_text(text)
        manifest = re.sub(
            r'version = "[\d.]+"',
            f'version = "{version}"',
            (demo / pond / "pond.toml").read_text(),
            count=1,
        )
        (demo / pond / "pond.toml").write_text(manifest)
    driver.run.done("deploy", demo, "--all")


def started_since(pipelines, before):
    return {job: count - before[job] for job, count in pipelines.started().items()}


def test_one_pulse_runs_every_pipeline_once_in_order(driver, pipelines, demo):
    """With the Ripples as they stand in the documentation: they look every 15 seconds."""
    driver.run.done("pond", "demo", "--external", demo)
    rewrite(demo / "reports" / "pond.toml", 'name = "reports"', f'name = "{OUTLET}"')
    # A budget is seeded once, at the first deploy; a test below wants one.
    rewrite(
        demo / "products" / "pond.toml",
        'type = "inlet"\n',
        'type = "inlet"\nimmediate_retries = 1\n',
    )
    driver.run.done("deploy", demo, "--all")
    assert pipelines.started() == {"transactions": 0, "products": 0, "sales": 0}
    driver.wait_fresh(OUTLET, driver.pulse(OUTLET))
    driver.wait_at_rest(*PONDS)
    assert pipelines.started() == {"transactions": 1, "products": 1, "sales": 1}
    assert all(driver.statuses(pond) == ["success"] for pond in PONDS)
    runs = {row["pipeline"]: row for row in driver.rows(OUTLET, "pipeline_runs")}
    assert set(runs) == {"transactions", "products", "sales"}
    for job, row in runs.items():
        assert row["url"] == f"{pipelines.url}/runs/{row['run_id']}"
        assert f"{job}, run 1 ({row['run_id']}): SUCCESS" in httpx.get(row["url"]).text


def test_a_failed_pipeline_blocks_its_sinks_and_tells_why_word_for_word(driver, pipelines, demo):
    looking_often(driver, demo, "1.0.1")
    before = pipelines.started()
    pipelines.configure("transactions", fail_next=1, message="Out of quota in [eu]. See ")
    epoch = driver.pulse(OUTLET)
    failed = driver.wait_for("transactions", "failed")
    blocked = driver.wait_for("sales", "blocked")
    last = driver.wait_for(OUTLET, "blocked")
    driver.wait_at_rest("products")  # transactions keeps its demand, for the retry in a minute

    page = failed["failure"]["message"].removeprefix("Out of quota in [eu]. See ")
    assert re.fullmatch(re.escape(pipelines.url) + r"/runs/\d+", page)
    assert "FAILED" in httpx.get(page).text
    assert f"RuntimeError: Out of quota in [eu]. See {page}" in driver.run.done(
        "run", "show", failed["failure"]["run"]
    )
    assert f"Out of quota in [eu]. See {page}" in driver.run.done(
        "status", "transactions", "--once"
    )
    for sink in (blocked, last):
        assert "transactions@1" in sink["reason"]
        assert "Out of quota in [eu]. See " in sink["reason"]
    assert "Out of quota" in driver.run.done("status", "sales", "--once")
    # The job of a blocked Pond is not started; its last good output stays.
    assert started_since(pipelines, before) == {"transactions": 1, "products": 1, "sales": 0}
    assert len(driver.rows("sales", "run")) == 1
    assert blocked["end_f"] < epoch


def test_after_a_recovery_what_was_asked_for_flows_again(driver, pipelines, demo):
    """Deploying the repaired pipeline clears the failure; the Pulse that was sent is still
    wanted.
    """
    before = pipelines.started()
    wanted = max(driver.line(OUTLET)["demand"]["targets"])
    looking_often(driver, demo, "1.0.2")
    driver.wait_fresh(OUTLET, wanted)
    driver.wait_at_rest(*PONDS)
    assert started_since(pipelines, before) == {"transactions": 1, "products": 0, "sales": 1}
    assert driver.statuses("transactions") == ["success", "failed", "success"]
    assert driver.statuses("sales")[1:] == ["success"]


def test_a_failed_inlet_says_when_it_is_tried_again_and_an_operator_need_not_wait(
    driver, pipelines, demo
):
    """``transactions`` has source_retries = 1. Each run that was meant starts one external run,
    and no Sink's job is started in vain.
    """
    before = pipelines.started()
    pipelines.configure("transactions", fail_next=1, message="Out of quota. See ")
    epoch = driver.pulse(OUTLET)
    failed = driver.wait_for("transactions", "failed")
    assert failed["retry_at"]
    assert "tried again in " in driver.run.done("status", "transactions", "--once")
    for pond in ("sales", OUTLET):
        reason = driver.wait_for(pond, "blocked")["reason"]
        assert reason.startswith(
            "blocked by transactions@1 (failed: RuntimeError: Out of quota. See http"
        )
        assert reason in driver.run.done("status", pond, "--once")
    driver.wait_at_rest("products")  # transactions keeps its demand, for the retry in a minute
    assert started_since(pipelines, before) == {"transactions": 1, "products": 1, "sales": 0}

    assert driver.run.done("control", "wake", "transactions").startswith("transactions@1: woken\n")
    driver.wait_fresh(OUTLET, epoch)
    driver.wait_at_rest(*PONDS)
    assert started_since(pipelines, before) == {"transactions": 2, "products": 1, "sales": 1}
    assert driver.statuses("transactions")[-2:] == ["failed", "success"]
    assert driver.statuses("sales")[-1] == "success"


def test_a_killed_proxy_leaves_its_external_run_which_the_next_attaches_to(driver, pipelines):
    before = pipelines.started()
    pipelines.configure("products", seconds=8)
    epoch = driver.pulse("products")
    until(lambda: pipelines.count("products")["active"] == 1, what="the external run is active")
    said = driver.run.done("control", "kill", "products")
    assert said.startswith("products@1: killed; stopped run products@1/")
    assert driver.wait_for("sales", "blocked")["reason"] == "blocked by products@1 (killed)"
    driver.run.done("control", "wake", "products")
    driver.wait_until("products", lambda line: line["end_f"] > epoch, what="products has run")
    pipelines.configure("products", seconds=0)
    driver.wait_at_rest(*PONDS)
    assert started_since(pipelines, before) == {"transactions": 0, "products": 1, "sales": 0}
    assert driver.statuses("products")[-2:] == ["killed", "success"]


def test_a_source_retry_comes_with_the_next_refresh_and_ends_the_failure(driver, pipelines):
    """``sales`` has source_retries = 1."""
    before = pipelines.started()
    pipelines.configure("sales", fail_next=1, message="Cluster lost. ")
    driver.pulse(OUTLET)
    failed = driver.wait_for("sales", "failed")
    assert failed["failures"] == 1
    driver.wait_for(OUTLET, "blocked")
    assert started_since(pipelines, before) == {"transactions": 1, "products": 1, "sales": 1}
    # Somebody refreshes its Sources: that alone re-triggers it.
    driver.pulse("transactions")
    driver.pulse("products")
    driver.wait_for("sales", "idle")
    driver.wait_at_rest(*PONDS)
    assert started_since(pipelines, before) == {"transactions": 2, "products": 2, "sales": 2}
    assert driver.statuses("sales")[-2:] == ["failed", "success"]


def test_a_worker_that_dies_leaves_the_external_run_and_the_retry_attaches_to_it(
    driver, pipelines, demo
):
    rewrite(
        demo / "products" / "src" / "pond.py",
        "    run = _active_run()",
        '    with open(f"{os.environ[\'LEDGER\']}/products.pids", "a") as file:\n'
        '        file.write(f"{os.getpid()}\\n")\n'
        "    run = _active_run()",
    )
    looking_often(driver, demo, "1.0.3")
    before = pipelines.started()
    pipelines.configure("products", seconds=6)
    epoch = driver.pulse("products")
    until(lambda: pipelines.count("products")["active"] == 1, what="the external run is active")
    (pid,) = map(int, (driver.ledger / "products.pids").read_text().split())
    assert is_worker_of(driver, pid)
    os.kill(pid, signal.SIGKILL)
    driver.wait_fresh("products", epoch)
    pipelines.configure("products", seconds=0)
    assert started_since(pipelines, before)["products"] == 1
    assert len((driver.ledger / "products.pids").read_text().split()) == 2
    attempts = driver.client.run(driver.runs("products")[-1]["run"])["attempts"]
    assert sorted((one["attempt"], one["status"]) for one in attempts) == [
        (1, "crashed"),
        (2, "success"),
    ]


def test_the_shorter_ripple_does_the_same(driver, pipelines, demo):
    """By ``duckstring.external``, and deployed over the other."""
    rewrite(
        demo / "sales" / "pond.toml",
        'name = "sales"\n',
        'name = "sales"\nripples = "src/short.py"\n',
    )
    rewrite(
        demo / "sales" / "src" / "short.py", 'Env("SALES_JOB_ID")', 'Env("SALES_JOB_ID"), poll="1s"'
    )
    looking_often(driver, demo, "1.0.4")
    before = pipelines.started()
    driver.wait_fresh(OUTLET, driver.pulse(OUTLET))
    driver.wait_at_rest(*PONDS)
    assert started_since(pipelines, before) == {"transactions": 1, "products": 1, "sales": 1}
    (row,) = driver.rows("sales", "run")
    assert (
        f"sales, run {pipelines.count('sales')['started']} ({row['run_id']}): SUCCESS"
        in httpx.get(str(row["url"])).text
    )
    (attempt,) = driver.client.run(driver.runs("sales")[-1]["run"])["attempts"]
    assert attempt["pauses"] >= 1


def is_worker_of(driver, pid):
    """Whether the process is of the Catchment's own session."""
    from duckstring_cli.local import catchment as local

    return os.getsid(pid) == os.getsid(local.status(driver.client.catchment.name).running.pid)
