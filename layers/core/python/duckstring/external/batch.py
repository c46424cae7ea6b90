"""AWS Batch jobs. Batch knows no idempotency token: a job bears the try's key as its name, and
is found by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from duckstring.external import aws
from duckstring.external.core import Handle, Seen, State, slot_of
from duckstring.external.env import Text, text
from duckstring.external.errors import UnknownRunError
from duckstring.external.job import Job, running, starting
from duckstring.external.web import instant

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

_REASON = "Its Ripple was killed (Duckstring)."
_GROUP = "/aws/batch/job"
"""Where Batch puts what jobs print, unless their definition names another group."""


class BatchJob(Job):
    """A job that is submitted to an AWS Batch queue. Make it once, at module level; nothing is
    asked before ``run``.

    Args:
        definition: the job definition: name, ``name:revision`` or ARN.
        queue: the job queue: name or ARN.
        parameters: for the definition's placeholders.
        overrides: the container's: ``{"command": [...], "environment": [...]}``.
        region: otherwise the Catchment's.
        role: a role to assume for it; otherwise the workers' own.
        request: more of the SubmitJob request: ``{"timeout": {"attemptDurationSeconds": 3600}}``.
        name: tells apart several jobs of the same definition in one Ripple.
        poll: how long to pause between looks (``"60s"``); otherwise 15 s growing to 5 minutes.

    ``start`` and ``run`` take ``parameters``, too: more parameters of this job, over these.
    """

    def __init__(  # noqa: PLR0913 - each is an option that authors write
        self,
        definition: Text,
        *,
        queue: Text,
        parameters: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
        region: Text | None = None,
        role: Text | None = None,
        request: Mapping[str, object] | None = None,
        name: str = "",
        poll: str | None = None,
    ) -> None:
        super().__init__(name=name, poll=poll)
        self._definition = definition
        self._queue = queue
        self._parameters = dict(parameters or {})
        self._request = {
            **(request or {}),
            **({"containerOverrides": overrides} if overrides else {}),
        }
        self._region = region
        self._role = role

    @override
    def _engine(self, pond: Handle, *, parameters: Mapping[str, str] | None = None) -> _Batch:
        client = aws.Account.of(pond, region=self._region, role=self._role).client("batch")
        given = {**self._parameters, **(parameters or {})}
        return _Batch(
            client,
            text(self._definition, pond),
            text(self._queue, pond),
            self._name,
            given,
            self._request,
        )

    start = starting(_engine)
    run = running(_engine)


@dataclass(frozen=True, slots=True)
class _Batch:
    """One definition and queue, as the core wants it."""

    client: BatchClient
    definition: str
    queue: str
    name: str
    parameters: Mapping[str, str]
    request: Mapping[str, object]
    kind: str = "AWS Batch"
    repeatable: bool = False

    @property
    def job(self) -> str:
        return f"Batch job {_short(self.definition)}"

    @property
    def slot(self) -> str:
        """A new revision of the definition is still the same job."""
        definition = _short(self.definition).partition(":")[0]
        return slot_of("batch", _short(self.queue), definition, self.name)

    def start(self, key: str) -> str:
        wanted = {
            **self.request,
            "jobName": key,
            "jobQueue": self.queue,
            "jobDefinition": self.definition,
            "parameters": self.parameters,
        }
        with aws.classified_errors(f"{self.job}: SubmitJob"):
            return self.client.submit_job(**wanted)["jobId"]  # type: ignore[arg-type]

    def find(self, key: str, since: float) -> str | None:
        del since  # a name is found however old
        by_name = {"name": "JOB_NAME", "values": [key]}
        with aws.classified_errors(f"{self.job}: ListJobs"):
            pages = self.client.get_paginator("list_jobs").paginate(
                jobQueue=self.queue,
                filters=[by_name],  # type: ignore[list-item]
            )
            for page in pages:
                found = next(
                    (one["jobId"] for one in page["jobSummaryList"] if one["jobName"] == key), None
                )
                if found is not None:
                    return found
        return None

    def look(self, run: str) -> Seen:
        with aws.classified_errors(f"{self.job}: DescribeJobs"):
            jobs = self.client.describe_jobs(jobs=[run])["jobs"]
        if not jobs:
            raise UnknownRunError(
                f"{self.job}: DescribeJobs does not list it.",
                hint="Batch forgets jobs a week or more after their end.",
            )
        found = jobs[0]
        return Seen(
            state=_state(found),
            word=found["status"],
            message=_message(found),
            url=self._page_of(found),
            started=instant(found.get("startedAt")),
            ended=instant(found.get("stoppedAt")),
            answer={**found},
        )

    def cancel(self, run: str) -> None:
        with aws.classified_errors(f"{self.job}: TerminateJob"):
            self.client.terminate_job(jobId=run, reason=_REASON)

    def _page_of(self, found: JobDetailTypeDef) -> str:
        """The log of a job that has one, otherwise the job's page."""
        region, container = self.client.meta.region_name, found.get("container", {})
        if stream := container.get("logStreamName"):
            options = container.get("logConfiguration", {}).get("options", {})
            return aws.log_page(region, options.get("awslogs-group", _GROUP), stream)
        return aws.console(region, f"batch/home?region={region}#jobs/detail/{found['jobId']}")


def _state(found: JobDetailTypeDef) -> State:
    """Batch calls a job that somebody ended FAILED, too."""
    if found["status"] == "FAILED":
        ended = (
            found.get("isTerminated")
            or found.get("isCancelled")
            or found.get("statusReason") == _REASON
        )
        return "cancelled" if ended else "failed"
    return "succeeded" if found["status"] == "SUCCEEDED" else "active"


def _message(found: JobDetailTypeDef) -> str:
    container = found.get("container", {})
    code = container.get("exitCode")
    reasons = (
        found.get("statusReason"),
        container.get("reason"),
        f"Exit code {code}." if code else None,
    )
    return " ".join(part for part in reasons if part)


def _short(name: str) -> str:
    """A name, also of one that was given as ARN."""
    return name.rpartition("/")[2]
