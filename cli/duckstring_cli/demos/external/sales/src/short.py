"""The same Ripple by ``duckstring.external``: it waits by pausing, and a kill of the Pond cancels
its run.

To use it, write ``ripples = "src/short.py"`` under [pond] in pond.toml, raise the version, and
deploy.
"""

from duckstring import Pond, ripple
from duckstring.external import DatabricksJob, Env

job = DatabricksJob(Env("SALES_JOB_ID"))


@ripple(on_kill=job.cancel)
def run_pipeline(pond: Pond) -> None:
    """Start this try's run or attach to it, wait, and publish its id and link."""
    run = job.run(pond)
    # The columns that pond.py publishes: within a major version readers may count on them. Else:
    # run.select().
    pond.write_table("run", f"SELECT {run.id} AS run_id, '{run.url}' AS url")
