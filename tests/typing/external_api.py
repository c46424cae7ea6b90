"""``duckstring.external`` under the type checker: checked, never run."""

from typing import assert_type

from duckstring import Pond, ripple
from duckstring.external import (
    BatchJob,
    DatabricksJob,
    Env,
    ExternalRun,
    GlueJob,
    Handle,
    HttpJob,
    StateMachine,
)

databricks = DatabricksJob(
    Env("SALES_JOB_ID"), host=Env("DATABRICKS_HOST"), token=Env("DATABRICKS_TOKEN"), poll="60s"
)
glue = GlueJob("sales", arguments={"--day": "2030-01-01"}, role=Env("GLUE_ROLE"))
batch = BatchJob("sales:7", queue="default", overrides={"command": ["run"]})
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
    assert_type(other.start(pond, body={"day": 1}), str)
    assert_type(glue.start(pond=pond), str)
    databricks.run("pond")  # type: ignore[arg-type]
    glue.run(pond, argument={})  # type: ignore[call-arg]
    glue.run(pond, {"--hour": "7"})  # type: ignore[call-arg]
    batch.start(pond, parameters=7)  # type: ignore[arg-type]


@ripple
def cleaned(pond: Pond) -> str:
    return glue.cancel(pond)
