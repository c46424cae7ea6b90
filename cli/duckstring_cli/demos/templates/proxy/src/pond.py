"""$name runs a pipeline of another engine, and waits for its end without a worker.

Its settings are secrets of the Catchment. duckstring.external has jobs of Databricks, Glue, Batch and
Step Functions, too; its page in the documentation has examples for Prefect, Airflow and dbt Cloud.
"""

from duckstring import Pond, ripple
from duckstring.external import Env, HttpJob

job = HttpJob(
    Env("ENGINE_URL"),
    start="/pipelines/$name/runs",
    body={"label": "{key}"},  # the same for each repeat of a start, so that a run starts once
    status="/runs/{id}",
    cancel="/runs/{id}/cancel",
    find="/runs?label={key}",
    found="runs.0.id",
    succeeded=["done"],
    failed=["broken"],
    cancelled=["stopped"],
    message="error",
    headers={"Authorization": Env("ENGINE_TOKEN", "Bearer {}")},
)


@ripple(timeout="6h", on_kill=job.cancel)
def run(pond: Pond) -> None:
    """Start a run, or find the one that this try has started; publish what is known of it."""
    pond.write_table("run", job.run(pond).select())
