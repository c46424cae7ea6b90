"""Amazon EMR Serverless: a Spark job of an application. EMR knows a request again by its token. A
run also bears the try's key as its name, by which it is found among others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from typing_extensions import override

from duckstring.external import aws
from duckstring.external.core import Handle, Seen, State, slot_of
from duckstring.external.env import Text, called, text
from duckstring.external.job import Job, running, starting

if TYPE_CHECKING:
    from mypy_boto3_emr_serverless import EMRServerlessClient
    from mypy_boto3_emr_serverless.type_defs import JobRunTypeDef

_ENDS: Mapping[str, State] = {
    "SUCCESS": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}
_CLOCKS_APART = timedelta(minutes=5)
_GROUP = "/aws/emr-serverless"
"""Where EMR puts what a driver prints, unless the request names another group."""


class EmrServerlessJob(Job):
    """A Spark job of an EMR Serverless application. Make it once, at module level; nothing is asked
    before ``run``.

    Args:
        application: the application's id.
        execution_role: the ARN of the role that the job itself has.
        script: what Spark runs, a Python file or a JAR: ``s3://bucket/totals.py``.
        arguments: of the script.
        spark: options of spark-submit: ``"--conf spark.executor.memory=8g"``.
        region: otherwise the Catchment's.
        role: a role to assume to start it; otherwise the workers' own.
        request: more of the StartJobRun request: ``{"executionTimeoutMinutes": 120}``.
        name: tells apart several runs of the same script in one Ripple.
        poll: how long to pause between looks (``"60s"``); otherwise 15 s growing to 5 minutes.

    ``start`` and ``run`` take ``arguments``, too: more arguments of this run, after these.
    """

    def __init__(  # noqa: PLR0913 - each is an option that authors write
        self,
        application: Text,
        *,
        execution_role: Text,
        script: Text,
        arguments: Sequence[Text] | None = None,
        spark: Text | None = None,
        region: Text | None = None,
        role: Text | None = None,
        request: Mapping[str, object] | None = None,
        name: str = "",
        poll: str | None = None,
    ) -> None:
        super().__init__(name=name, poll=poll)
        self._application = application
        self._execution_role = execution_role
        self._script = script
        self._arguments = list(arguments or ())
        self._spark = spark
        self._region = region
        self._role = role
        self._request = dict(request or {})

    @override
    def _engine(self, pond: Handle, *, arguments: Sequence[Text] | None = None) -> _Emr:
        client = aws.Account.of(pond, region=self._region, role=self._role).client("emr-serverless")
        submit: dict[str, object] = {"entryPoint": text(self._script, pond)}
        if given := [text(one, pond) for one in (*self._arguments, *(arguments or ()))]:
            submit["entryPointArguments"] = given
        if self._spark is not None:
            submit["sparkSubmitParameters"] = text(self._spark, pond)
        request = {
            **self._request,
            "executionRoleArn": text(self._execution_role, pond),
            "jobDriver": {"sparkSubmit": submit},
        }
        script = called(self._script)
        slot = slot_of("emr-serverless", called(self._application), script, self._name)
        return _Emr(client, text(self._application, pond), script, slot, request)

    start = starting(_engine)
    run = running(_engine)


@dataclass(frozen=True, slots=True)
class _Emr:
    """One script of one application, as the core wants it."""

    client: EMRServerlessClient
    application: str
    script: str
    slot: str
    request: Mapping[str, object]
    kind: str = "Amazon EMR Serverless"
    repeatable: bool = False

    @property
    def job(self) -> str:
        return f"EMR Serverless job {self.script.rpartition('/')[2]} of {self.application}"

    def start(self, key: str) -> str:
        wanted = {
            **self.request,
            "applicationId": self.application,
            "clientToken": key,
            "name": key,
        }
        with aws.classified_errors(f"{self.job}: StartJobRun"):
            return self.client.start_job_run(**wanted)["jobRunId"]  # type: ignore[arg-type]

    def find(self, key: str, since: float) -> str | None:
        earliest = datetime.fromtimestamp(since, UTC) - _CLOCKS_APART
        with aws.classified_errors(f"{self.job}: ListJobRuns"):
            pages = self.client.get_paginator("list_job_runs").paginate(
                applicationId=self.application
            )
            for page in pages:
                runs = page["jobRuns"]
                found = next((one["id"] for one in runs if one.get("name") == key), None)
                if found is not None or aws.is_past([one["createdAt"] for one in runs], earliest):
                    return found
        return None

    def look(self, run: str) -> Seen:
        with aws.classified_errors(f"{self.job}: GetJobRun"):
            found = self.client.get_job_run(applicationId=self.application, jobRunId=run)["jobRun"]
        word = found["state"]
        return Seen(
            state=_ENDS.get(word, "active"),
            word=word,
            message=found.get("stateDetails") or "",
            url=self._page_of(found),
            started=aws.utc(found.get("startedAt") or found.get("createdAt")),
            ended=aws.utc(found.get("endedAt") or found.get("updatedAt"))
            if word in _ENDS
            else None,
            answer={**found},
            used=_used(found) if word in _ENDS else {},
        )

    def cancel(self, run: str) -> None:
        with aws.classified_errors(f"{self.job}: CancelJobRun"):
            self.client.cancel_job_run(applicationId=self.application, jobRunId=run)

    def _page_of(self, found: JobRunTypeDef) -> str:
        """The driver's log, where it goes to CloudWatch; otherwise EMR's page."""
        region = self.client.meta.region_name
        told = found.get("configurationOverrides", {}).get("monitoringConfiguration", {})
        logging = told.get("cloudWatchLoggingConfiguration", {})
        if not logging.get("enabled"):
            return aws.console(region, f"emr/home?region={region}#/serverless")
        prefix = logging.get("logStreamNamePrefix", "")
        run = f"applications/{self.application}/jobs/{found['jobRunId']}"
        stream = "/".join(filter(None, (prefix, run, "SPARK_DRIVER/stderr")))
        return aws.log_page(region, logging.get("logGroupName", _GROUP), stream)


def _used(found: JobRunTypeDef) -> Mapping[str, float]:
    """What EMR bills, and how long the job took."""
    told = found.get("billedResourceUtilization", {})
    used = {
        "vcpu_hours": told.get("vCPUHour"),
        "memory_gb_hours": told.get("memoryGBHour"),
        "storage_gb_hours": told.get("storageGBHour"),
        "engine_seconds": found.get("totalExecutionDurationSeconds"),
    }
    return {name: value for name, value in used.items() if value is not None}
