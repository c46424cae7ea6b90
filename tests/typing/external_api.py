"""``duckstring.external`` under the type checker: checked, never run."""

from collections.abc import Mapping
from typing import assert_type

from duckstring import Pond, ripple
from duckstring.external import (
    AthenaQuery,
    BatchJob,
    DatabricksJob,
    EmrServerlessJob,
    Env,
    ExternalRun,
    GlueJob,
    Handle,
    HttpApi,
    HttpJob,
    StateMachine,
    TokenRequest,
)
from duckstring.external.fake import AIRFLOW, FakeEngine

databricks = DatabricksJob(
    Env("SALES_JOB_ID"), host=Env("DATABRICKS_HOST"), token=Env("DATABRICKS_TOKEN"), poll="60s"
)
glue = GlueJob("sales", arguments={"--day": "2030-01-01"}, role=Env("GLUE_ROLE"))
batch = BatchJob("sales:7", queue="default", overrides={"command": ["run"]})
athena = AthenaQuery(
    "UNLOAD (SELECT ?) TO '{to}' WITH (format = 'PARQUET')",
    parameters=["7"],
    workgroup=Env("GROUP"),
)
spark = EmrServerlessJob(
    Env("APPLICATION"),
    execution_role=Env("ROLE"),
    script="s3://code/totals.py",
    arguments=["--day", Env("DAY")],
)
machine = StateMachine(
    "arn:aws:states:eu-central-1:123456789012:stateMachine:sales", input={"day": 1}
)
other = HttpJob(
    Env("ENGINE"),
    start="/pipelines/sales/runs",
    status="/runs/{id}",
    cancel="DELETE /runs/{id}",
    state=lambda answer: str(answer["status"]),
    headers={"Authorization": Env("ENGINE_TOKEN", "Bearer {}")},
)


def stop(api: HttpApi, run: str) -> None:
    api.ask("PATCH /runs/{id}", body={"state": "failed", "run": run, "key": api.key})


def latest(answer: Mapping[str, object], key: str) -> object:
    return answer.get(key)


HttpJob(
    Env("AIRFLOW", "{}/api/v2"),
    start=Env("START"),
    status="/runs/{id}",
    cancel=stop,
    find="/runs",
    found=latest,
    succeeded=[10, "done", Env("DONE")],
    body={"deep": [Env("REGION")]},
    auth=TokenRequest(Env("AIRFLOW", "{}/auth/token"), body={"password": Env("PASSWORD")}),
    renew_at=(401, 403),
)
HttpJob(
    "https://engine",
    start="/runs",
    status="/runs/{id}",
    cancel="PATCH /runs/{id}",
    cancel_body=lambda run: {"ids": [int(run)]},
    message=lambda answer: str(answer["why"]),
    auth=lambda pond: {"X-Token": pond.env("TOKEN")},
)
HttpJob("https://engine", start="/r", status="/r/{id}", auth=7)  # type: ignore[arg-type]
DatabricksJob([1])  # type: ignore[arg-type]
GlueJob("sales", argument={})  # type: ignore[call-arg]
HttpJob("https://engine", start="/runs")  # type: ignore[call-arg]


@ripple(on_kill=databricks.cancel)
def run_pipeline(pond: Pond) -> None:
    handle: Handle = pond  # a Pond is all that a job needs
    run = databricks.run(pond)
    assert_type(run, ExternalRun)
    assert_type(run.id, str)
    pond.write_table("run", run.select())
    glue.run(pond, arguments={"--hour": "7"})
    batch.run(pond, parameters={"day": "1"})
    machine.run(handle, input=[1, 2])
    athena.run(pond, values={"to": "s3://bucket/prefix/"}, parameters=["8"])
    assert_type(spark.start(pond, arguments=["--to", Env("TO")]), str)
    athena.run(pond, values="x")  # type: ignore[arg-type]
    EmrServerlessJob("a", script="s3://code/totals.py")  # type: ignore[call-arg]
    assert_type(other.start(pond, body={"day": 1}), str)
    assert_type(glue.start(pond=pond), str)
    databricks.run("pond")  # type: ignore[arg-type]
    glue.run(pond, argument={})  # type: ignore[call-arg]
    glue.run(pond, {"--hour": "7"})  # type: ignore[call-arg]
    batch.start(pond, parameters=7)  # type: ignore[arg-type]


@ripple
def cleaned(pond: Pond) -> str:
    assert_type(other.key(pond), str)
    return glue.cancel(pond)


with FakeEngine.of(other, looks=3) as engine:
    engine.lose_reply("start")
    engine.lose_reply("begin")  # type: ignore[arg-type]
    assert_type(engine.call(run_pipeline), object)
    other.cancel(engine.pond)
    databricks.run(FakeEngine(AIRFLOW).pond)
