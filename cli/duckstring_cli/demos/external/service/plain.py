"""The same pipelines as any engine might offer them: runs with one word for their state, started
under a key or a name.

Three ways of starting only one run, of which an engine has one: ``POST`` with an
``Idempotency-Key``, ``PUT`` under a name that the caller chooses (a second is a conflict), and
``POST`` with a label to look for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from duckstring_cli.demos.external.service.asked import Answer, RefusedError, Values, number
from duckstring_cli.demos.external.service.jobs import Job, Jobs, Run, UnknownRunError

STATES: Mapping[str | None, str] = {
    "SUCCESS": "succeeded",
    "FAILED": "failed",
    "CANCELED": "cancelled",
}


def called(
    jobs: Jobs, method: str, path: list[str], values: Values, key: str | None
) -> tuple[HTTPStatus, Answer] | None:
    """Carry out a request below ``/pipelines``; None: there is no such."""
    match method, path:
        case "POST", [name, "runs"]:
            label = values.get("label")
            run = jobs.start(
                _pipeline(jobs, name).job_id,
                idempotency_token=key,
                label=label if isinstance(label, str) else "",
            )
            return HTTPStatus.CREATED, shown(run)
        case "PUT", ["runs", chosen]:
            return HTTPStatus.CREATED, _put(jobs, chosen, str(values.get("pipeline")))
        case "GET", ["runs"]:
            return HTTPStatus.OK, {
                "runs": [shown(run) for run in jobs.runs() if run.label == values.get("label")]
            }
        case "GET", ["runs", run]:
            return HTTPStatus.OK, shown(_run(jobs, run))
        case "DELETE", ["runs", run]:
            jobs.cancel(found := _run(jobs, run))
            return HTTPStatus.ACCEPTED, shown(found)
        case _:
            return None


def shown(run: Run) -> Answer:
    """A run."""
    return {
        "id": run.label or str(run.run_id),
        "run": run.run_id,
        "pipeline": run.job.name,
        "state": STATES.get(run.result, run.job.state or run.state.lower()),
        "message": run.message,
        "started": datetime.fromtimestamp(run.started_ms / 1000, UTC).isoformat(),
        "ended": datetime.fromtimestamp(run.ended_ms / 1000, UTC).isoformat()
        if run.ended_ms
        else None,
    }


def _put(jobs: Jobs, chosen: str, pipeline: str) -> Answer:
    job = _pipeline(jobs, pipeline)
    before = job.started
    run = jobs.start(job.job_id, idempotency_token=f"put/{chosen}", label=chosen)
    if job.started == before:
        raise RefusedError(
            f"There is a run {chosen!r} already.",
            status=HTTPStatus.CONFLICT,
            code="RESOURCE_CONFLICT",
        )
    return shown(run)


def _pipeline(jobs: Jobs, name: str) -> Job:
    found = next((job for job in jobs.all() if job.name == name), None)
    if found is None:
        raise RefusedError(
            f"No pipeline {name!r}.", status=HTTPStatus.NOT_FOUND, code="RESOURCE_DOES_NOT_EXIST"
        )
    return found


def _run(jobs: Jobs, name: str) -> Run:
    """A run by its id, or the name that it was given."""
    labelled = next((run for run in jobs.runs() if run.label == name), None)
    try:
        return labelled or jobs.run(number({"run": name}, "run"))
    except UnknownRunError:
        raise RefusedError(
            f"Run {name} does not exist.",
            status=HTTPStatus.NOT_FOUND,
            code="RESOURCE_DOES_NOT_EXIST",
        ) from None
