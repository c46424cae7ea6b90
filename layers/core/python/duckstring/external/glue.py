"""AWS Glue jobs. Glue knows no idempotency token: a run carries the try's key as an argument,
and is found by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from typing_extensions import override

from duckstring.external import aws
from duckstring.external.core import Handle, Seen, State, slot_of
from duckstring.external.env import Text, text
from duckstring.external.errors import RefusedError
from duckstring.external.job import Job, running, starting

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import JobRunTypeDef

KEY_ARGUMENT = "--duckstring_run_key"
"""A script may read it like any argument; one that does not is not disturbed by it."""

_ENDS: Mapping[str, State] = {
    "SUCCEEDED": "succeeded",
    "STOPPED": "cancelled",
    "FAILED": "failed",
    "TIMEOUT": "failed",
    "ERROR": "failed",
    "EXPIRED": "failed",
}
_CLOCKS_APART = timedelta(minutes=5)
_PAGE = 200
_ERRORS = "/aws-glue/jobs/error"


class GlueJob(Job):
    """An AWS Glue job. Make it once, at module level; nothing is asked before ``run``.

    Set the job's own retries (``MaxRetries``) to 0: the Pond's budgets retry it, and a run that
    Glue retries goes by another id.

    Args:
        job: the job's name.
        arguments: the run's arguments, each with its dashes: ``{"--day": "2030-01-01"}``.
        region: otherwise the Catchment's.
        role: a role to assume for it; otherwise the workers' own.
        request: more of the StartJobRun request: ``{"NumberOfWorkers": 10, "WorkerType": "G.1X"}``.
        name: tells apart several runs of the same job in one Ripple.
        poll: how long to pause between looks (``"60s"``); otherwise 15 s growing to 5 minutes.

    ``start`` and ``run`` take ``arguments``, too: more arguments of this run, over these.
    """

    def __init__(  # noqa: PLR0913 - each is an option that authors write
        self,
        job: Text,
        *,
        arguments: Mapping[str, str] | None = None,
        region: Text | None = None,
        role: Text | None = None,
        request: Mapping[str, object] | None = None,
        name: str = "",
        poll: str | None = None,
    ) -> None:
        super().__init__(name=name, poll=poll)
        self._job = job
        self._arguments = dict(arguments or {})
        self._region = region
        self._role = role
        self._request = dict(request or {})

    @override
    def _engine(self, pond: Handle, *, arguments: Mapping[str, str] | None = None) -> _Glue:
        client = aws.Account.of(pond, region=self._region, role=self._role).client("glue")
        return _Glue(
            client,
            text(self._job, pond),
            self._name,
            {**self._arguments, **(arguments or {})},
            self._request,
        )

    start = starting(_engine)
    run = running(_engine)


@dataclass(frozen=True, slots=True)
class _Glue:
    """One job, as the core wants it."""

    client: GlueClient
    id: str
    name: str
    arguments: Mapping[str, str]
    request: Mapping[str, object]
    kind: str = "AWS Glue"
    repeatable: bool = False

    @property
    def job(self) -> str:
        return f"Glue job {self.id}"

    @property
    def slot(self) -> str:
        return slot_of("glue", self.id, self.name)

    def start(self, key: str) -> str:
        arguments = {**self.arguments, KEY_ARGUMENT: key}
        with aws.classified_errors(f"{self.job}: StartJobRun"):
            request = {**self.request, "JobName": self.id, "Arguments": arguments}
            return self.client.start_job_run(**request)["JobRunId"]  # type: ignore[arg-type]

    def find(self, key: str, since: float) -> str | None:
        earliest = datetime.fromtimestamp(since, UTC) - _CLOCKS_APART
        with aws.classified_errors(f"{self.job}: GetJobRuns"):
            for page in self._pages():
                found = next(
                    (
                        run["Id"]
                        for run in page
                        if run.get("Arguments", {}).get(KEY_ARGUMENT) == key
                    ),
                    None,
                )
                if found is not None or _is_past(page, earliest):
                    return found
        return None

    def look(self, run: str) -> Seen:
        with aws.classified_errors(f"{self.job}: GetJobRun"):
            found = self.client.get_job_run(JobName=self.id, RunId=run)["JobRun"]
        word = found.get("JobRunState", "")
        return Seen(
            state=_ENDS.get(word, "active"),
            word=word,
            message=_message(found),
            url=self._page_of(run, failed=word in _ENDS and word != "SUCCEEDED"),
            started=aws.utc(found.get("StartedOn")),
            ended=aws.utc(found.get("CompletedOn")),
            answer={**found},
        )

    def cancel(self, run: str) -> None:
        with aws.classified_errors(f"{self.job}: BatchStopJobRun"):
            answer = self.client.batch_stop_job_run(JobName=self.id, JobRunIds=[run])
        for error in answer.get("Errors", []):
            detail = error.get("ErrorDetail", {})
            raise RefusedError(
                f"{self.job}: BatchStopJobRun: {detail.get('ErrorCode')}: "
                f"{detail.get('ErrorMessage')}"
            )

    def _pages(self) -> Iterator[Sequence[JobRunTypeDef]]:
        for page in self.client.get_paginator("get_job_runs").paginate(
            JobName=self.id, PaginationConfig={"PageSize": _PAGE}
        ):
            yield page["JobRuns"]

    def _page_of(self, run: str, *, failed: bool) -> str:
        """The run's page; of a failed one its error log, which the console's page shows in part
        only.
        """
        region = self.client.meta.region_name
        if failed:
            return aws.log_page(region, _ERRORS, run)
        return aws.console(region, f"gluestudio/home?region={region}#/job/{self.id}/run/{run}")


def _message(found: JobRunTypeDef) -> str:
    """Why it ended; of a run that waits for room, what for."""
    return found.get("ErrorMessage") or found.get("StateDetail") or ""


def _is_past(page: Sequence[JobRunTypeDef], earliest: datetime) -> bool:
    """Whether the pages go back in time, and have come to runs from before the try began."""
    return aws.is_past([run["StartedOn"] for run in page if "StartedOn" in run], earliest)
