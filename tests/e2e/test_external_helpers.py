"""``duckstring.external`` on the deployed stack: runs of another engine, each started once, waited
for by pauses, cancelled by a kill.

The Databricks jobs are those of the external demo's service; Glue, Batch, Step Functions and Athena
are the emulator's, which runs a Glue job's script and a state machine in earnest. A worker dies
where it hurts most: with the run started, and its id not remembered.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from contextlib import suppress

import httpx
import pytest

from tests.e2e.drive import until

MORTAL = """
    import time

    from duckstring.external import AthenaQuery, BatchJob, DatabricksJob, Env, GlueJob
    from duckstring.external import StateMachine

    class Mortal:
        \"""A Pond whose worker is killed, once for each job, before it can remember the id of the
        run that it has started.
        \"""

        def __init__(self, pond):
            self._pond = pond

        def __getattr__(self, name):
            return getattr(self._pond, name)

        def remember(self, key, value):
            died = Path(os.environ["LEDGER"]) / f"{self._pond.name}.{key.replace('/', '-')}.died"
            if value and value["run"] and not died.exists():
                died.write_text(f"{os.getpid()}\\n")
                time.sleep(60)  # somebody else kills it
            self._pond.remember(key, value)
"""

PRODUCTS = (
    MORTAL
    + """
    job = DatabricksJob(Env("PRODUCTS_JOB_ID"), poll="2s")

    @ripple(on_kill=job.cancel)
    def run_pipeline(pond):
        note(pond, "turn")
        run = job.run(MORTAL)
        pond.write_table("run", run.select())
"""
)

GLUE_SCRIPT = """
import os, time
time.sleep(4)
if os.environ["outcome"] == "fail":
    raise ValueError("no prices for [eu]")
"""


_ENGINES = ["athena:*", "glue:*", "batch:*", "states:*"]


@pytest.fixture
def killer(ledger):
    """Kills each process that waits for it, from outside."""
    over, killed = threading.Event(), set(ledger.glob("*.died"))

    def watch():
        while not over.wait(0.05):
            for path in set(ledger.glob("*.died")) - killed:
                if (pid := path.read_text()).endswith("\n"):
                    killed.add(path)
                    os.kill(int(pid), signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture(autouse=True)
def as_it_was(pipelines):
    """The job's runs go as they did, whatever a test asked of them."""
    yield
    pipelines.configure("products", seconds=0, fail_next=0)


def attempts(driver, pond):
    """Of the newest run."""
    found = driver.client.run(driver.runs(pond)[-1]["run"])["attempts"]
    return sorted(found, key=lambda row: row["attempt"])


def ends(driver, pond):
    return [(row["attempt"], row["status"]) for row in attempts(driver, pond)]


def test_a_run_is_waited_for_by_pausing_and_its_failure_is_told_with_the_link(driver, pipelines):
    root = driver.pond("helped_products", PRODUCTS.replace("MORTAL)", "pond)"), immediate_retries=1)
    driver.deploy(root)
    before = pipelines.count("products")["started"]
    pipelines.configure("products", seconds=5)
    driver.wait_fresh("helped_products", driver.pulse("helped_products"))

    (attempt,) = attempts(driver, "helped_products")
    assert (attempt["attempt"], attempt["status"]) == (1, "success")
    assert attempt["pauses"] >= 1
    assert len(driver.noted("helped_products")) == attempt["pauses"] + 1
    assert pipelines.count("products")["started"] == before + 1
    (row,) = driver.rows("helped_products", "run")
    assert (row["engine"], row["state"], row["url"]) == (
        "Databricks",
        "SUCCESS",
        f"{pipelines.url}/runs/{row['run_id']}",
    )
    assert (
        f"products, run {before + 1} ({row['run_id']}): SUCCESS" in httpx.get(str(row["url"])).text
    )

    # It fails: the retry is another try, and starts another run, which fails as well.
    pipelines.configure("products", seconds=0, fail_next=2, message="Out of quota in [eu]. See ")
    driver.pulse("helped_products")
    failed = driver.wait_for("helped_products", "failed")
    link = re.escape(pipelines.url) + r"/runs/(\d+)"
    words = (
        rf"Out of quota in \[eu\]\. See {link} "
        rf"\(Databricks job {pipelines.jobs['products']}, run (\d+), ended FAILED\)"
    )
    told = re.fullmatch(words, failed["failure"]["message"])
    assert told, failed["failure"]
    assert told[1] == told[2]
    assert ends(driver, "helped_products") == [(1, "failed"), (2, "failed")]
    assert {row["error"] for row in attempts(driver, "helped_products")} == {
        "ExternalRunFailedError"
    }
    assert pipelines.count("products")["started"] == before + 3


def test_a_kill_cancels_the_external_run_once_and_says_so(driver, pipelines):
    driver.run.done("control", "wake", "helped_products")
    driver.wait_for("helped_products", "idle")
    before = pipelines.count("products")
    pipelines.configure("products", seconds=3600)
    driver.pulse("helped_products")
    until(lambda: pipelines.count("products")["active"] == 1, what="the external run is active")
    driver.run.done("control", "kill", "helped_products")

    def called():
        (row,) = attempts(driver, "helped_products")
        return row if row.get("on_kill") == "confirmed" else None

    row = until(called, what="on_kill has ended", show=lambda: attempts(driver, "helped_products"))
    assert row["status"] == "killed"
    assert re.fullmatch(
        (
            r"Databricks job \d+, run \d+ is cancelled: CANCELED\. "
            rf"{re.escape(pipelines.url)}/runs/\d+"
        ),
        row["on_kill_message"],
    )
    after = pipelines.count("products")
    assert {
        name: after[name] - before[name] for name in ("started", "cancelled", "cancel_requests")
    } == {
        "started": 1,
        "cancelled": 1,
        "cancel_requests": 1,
    }
    assert after["active"] == 0
    assert f"on_kill confirmed: {row['on_kill_message']}" in driver.run.done(
        "run", "show", driver.runs("helped_products")[-1]["run"]
    )

    # Awake again, the next run has a run of its own.
    pipelines.configure("products", seconds=0)
    driver.run.done("control", "wake", "helped_products")
    driver.wait_for("helped_products", "idle")
    driver.wait_at_rest("helped_products")
    assert driver.statuses("helped_products")[-2:] == ["killed", "success"]
    assert pipelines.count("products")["started"] == after["started"] + 1


@pytest.mark.usefixtures("killer")
def test_a_worker_killed_between_the_start_and_its_memory_leaves_one_run(driver, pipelines):
    """Of the service that has a token. What it does not answer meanwhile is no failure either."""
    root = driver.pond(
        "helped_mortal", PRODUCTS.replace("MORTAL)", "Mortal(pond))"), immediate_retries=1
    )
    driver.deploy(root)
    before = pipelines.count("products")["started"]
    httpx.post(
        f"{pipelines.url}/demo/faults", json={"call": "runs/get", "status": 503, "times": 4}
    ).raise_for_status()
    driver.wait_fresh("helped_mortal", driver.pulse("helped_mortal"))

    assert ends(driver, "helped_mortal") == [(1, "crashed"), (2, "success")]
    assert pipelines.count("products")["started"] == before + 1


@pytest.fixture
def engines(driver):
    """A Glue job, a Batch queue and a state machine, as they might be in the user's account."""
    glue, s3, batch = driver.aws("glue"), driver.aws("s3"), driver.aws("batch")
    bucket = driver.outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="tests/prices.py", Body=GLUE_SCRIPT)
    command = {"Name": "pythonshell", "ScriptLocation": f"s3://{bucket}/tests/prices.py"}
    glue.create_job(
        Name="prices", Role="glue", Command=command, DefaultArguments={"--outcome": "succeed"}
    )
    batch.create_compute_environment(computeEnvironmentName="fargate", type="MANAGED")
    batch.create_job_queue(
        jobQueueName="queue",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "fargate"}],
    )
    batch.register_job_definition(jobDefinitionName="prices", type="container")
    states = {
        "Work": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Done"},
        "Done": {"Type": "Pass", "End": True},
    }
    definition = json.dumps({"StartAt": "Work", "States": states})
    machines, iam = driver.aws("stepfunctions"), driver.aws("iam")
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    give_policy(driver, iam)
    return machines.create_state_machine(
        name="prices", definition=definition, roleArn="arn:aws:iam::000000000000:role/r"
    )["stateMachineArn"]


def give_policy(driver, iam):
    """What ``-c policies=`` does: a managed policy for the role of attempts, which the vendor lets
    their sessions keep.
    """
    allowed = {"Effect": "Allow", "Action": _ENGINES, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        arn = iam.create_policy(PolicyName="engines", PolicyDocument=document)["Policy"]["Arn"]
        role = driver.outputs["AttemptRole"].rsplit("/", 1)[1]
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        functions, name = driver.aws("lambda"), driver.outputs["VendorFunction"]
        held = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**held, "DUCKSTRING_POLICIES": arn}}
        )


def executions(driver, machine):
    return driver.aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"]


@pytest.mark.usefixtures("killer")
def test_glue_batch_step_functions_and_athena_run_once_each_whoever_dies(driver, engines):
    code = (
        MORTAL
        + f"""
    glue = GlueJob("prices", poll="1s")
    batch = BatchJob("prices", queue="queue", poll="1s")
    machine = StateMachine("{engines}", input={{"seconds": 3}}, poll="1s")

    query = AthenaQuery(
        "SELECT 1 AS one", output="s3://{driver.outputs["Bucket"]}/tests/answers/", poll="1s"
    )

    @ripple
    def asks(pond):
        pond.write_table("query", query.run(Mortal(pond)).select())

    @ripple
    def prices(pond):
        with_glue = glue.run(Mortal(pond))
        pond.write_table("with_glue", with_glue.select())

    @ripple(parents=[prices])
    def loads(pond):
        mortal = Mortal(pond)
        machine.start(mortal)
        batch.start(mortal)
        pond.write_table("batch_run", batch.run(mortal).select())
        pond.write_table("execution", machine.run(mortal).select())
"""
    )
    driver.deploy(driver.pond("helped_engines", code, immediate_retries=3))
    driver.wait_fresh("helped_engines", driver.pulse("helped_engines"))

    found = {
        (row["ripple"], row["attempt"]): row["status"] for row in attempts(driver, "helped_engines")
    }
    assert found == {
        ("asks", 1): "crashed", ("asks", 2): "success",
        ("prices", 1): "crashed", ("prices", 2): "success",
        ("loads", 1): "crashed", ("loads", 2): "crashed", ("loads", 3): "success",
    }  # fmt: skip
    (run,) = driver.aws("glue").get_job_runs(JobName="prices")["JobRuns"]
    (job,) = driver.aws("batch").list_jobs(
        jobQueue="queue", filters=[{"name": "JOB_NAME", "values": ["*"]}]
    )["jobSummaryList"]
    (execution,) = executions(driver, engines)
    (query,) = driver.aws("athena").list_query_executions()["QueryExecutionIds"]
    ids = {
        table: driver.rows("helped_engines", table)[0]["run_id"]
        for table in ("with_glue", "batch_run", "execution", "query")
    }
    assert ids == {
        "with_glue": run["Id"],
        "batch_run": job["jobId"],
        "execution": execution["executionArn"],
        "query": query,
    }


def test_a_failed_glue_run_says_why_and_a_killed_execution_is_stopped(driver, engines_again):
    code = f"""
    from duckstring.external import GlueJob, StateMachine

    glue = GlueJob("prices", arguments={{"--outcome": "fail"}}, poll="1s")
    machine = StateMachine("{engines_again}", input={{"seconds": 3600}}, poll="1s")

    @ripple
    def fails(pond):
        glue.run(pond)
"""
    killed = """
    @ripple(on_kill=machine.cancel)
    def waits(pond):
        machine.run(pond)
"""
    driver.deploy(driver.pond("helped_failing", code))
    driver.deploy(driver.pond("helped_waiting", code.partition("    @ripple")[0] + killed))
    driver.pulse("helped_waiting")
    driver.pulse("helped_failing")
    message = driver.wait_for("helped_failing", "failed")["failure"]["message"]
    assert re.search(r"\(Glue job prices, run \S+, ended FAILED\)", message), message
    assert "ValueError: no prices for [eu]" in message
    assert "console.aws.amazon.com/cloudwatch/home" in message

    def active():
        return [one for one in executions(driver, engines_again) if one["status"] == "RUNNING"]

    until(active, what="the execution runs")
    (execution,) = active()
    driver.run.done("control", "kill", "helped_waiting")
    until(lambda: not active(), what="the execution is stopped")
    (row,) = until(
        lambda: [
            row for row in attempts(driver, "helped_waiting") if row.get("on_kill") == "confirmed"
        ],
        what="on_kill has ended",
    )
    assert row["on_kill_message"].startswith(
        f"State machine prices, run {execution['executionArn']} is cancelled: ABORTED."
    )


@pytest.fixture
def engines_again(driver):
    """Those of the test before."""
    (machine,) = (
        one
        for one in driver.aws("stepfunctions").list_state_machines()["stateMachines"]
        if one["name"] == "prices"
    )
    return machine["stateMachineArn"]
