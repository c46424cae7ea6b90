"""Amazon Athena: one SQL statement. Athena knows a request again by its token. A statement also
bears the try's key as a comment in its first line, by which it is found among others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from typing_extensions import override

from duckstring.external import aws
from duckstring.external.core import Handle, Seen, State, slot_of
from duckstring.external.env import Text, called, placed, text
from duckstring.external.errors import RefusedError, UnknownRunError
from duckstring.external.job import Job, running, starting

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import QueryExecutionTypeDef

_ENDS: Mapping[str, State] = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}
_PRIMARY = "primary"
"""The workgroup that Athena takes where none is named."""
_CLOCKS_APART = timedelta(minutes=5)
_PAGE = 50
"""What Athena lists at once, at most."""
_DIGEST = 12
_SHORTEST_TOKEN = 32
_NOT_FOUND = "not found"
"""Athena has no code of its own for it: ``QueryExecution ... was not found``."""


class AthenaQuery(Job):
    """One statement of Amazon Athena. Make it once, at module level; nothing is asked before
    ``run``.

    Args:
        statement: the SQL. ``{name}`` in it stands for the value ``name`` of ``values``.
        parameters: values for its ``?``, each as SQL writes it: ``"7"``, ``"'eu'"``.
        workgroup: otherwise ``primary``.
        database: where tables lie that are named without one.
        catalog: otherwise the Glue catalog of the account.
        output: where Athena puts its answer, ``s3://bucket/prefix/``; otherwise where the workgroup
            says.
        region: otherwise the Catchment's.
        role: a role to assume for it; otherwise the workers' own.
        request: more of the StartQueryExecution request: ``{"ResultReuseConfiguration": ...}``.
        name: tells apart several runs of the same statement in one Ripple.
        poll: how long to pause between looks (``"60s"``); otherwise 15 s growing to 5 minutes.

    ``start`` and ``run`` take ``values``, for the places of the statement, and ``parameters``, in
    the place of these.
    """

    def __init__(  # noqa: PLR0913 - each is an option that authors write
        self,
        statement: Text,
        *,
        parameters: Sequence[str] | None = None,
        workgroup: Text | None = None,
        database: Text | None = None,
        catalog: Text | None = None,
        output: Text | None = None,
        region: Text | None = None,
        role: Text | None = None,
        request: Mapping[str, object] | None = None,
        name: str = "",
        poll: str | None = None,
    ) -> None:
        super().__init__(name=name, poll=poll)
        self._statement = statement
        self._parameters = list(parameters or ())
        self._workgroup = workgroup or _PRIMARY
        self._database, self._catalog, self._output = database, catalog, output
        self._region = region
        self._role = role
        self._request = dict(request or {})

    @override
    def _engine(
        self,
        pond: Handle,
        *,
        values: Mapping[str, str] | None = None,
        parameters: Sequence[str] | None = None,
    ) -> _Athena:
        client = aws.Account.of(pond, region=self._region, role=self._role).client("athena")
        given = self._parameters if parameters is None else list(parameters)
        where = {"Database": self._database, "Catalog": self._catalog}
        context = {name: text(value, pond) for name, value in where.items() if value is not None}
        output = {} if self._output is None else {"OutputLocation": text(self._output, pond)}
        request = {
            **self._request,
            **({"ExecutionParameters": given} if given else {}),
            **({"QueryExecutionContext": context} if context else {}),
            **({"ResultConfiguration": output} if output else {}),
        }
        return _Athena(
            client,
            placed(text(self._statement, pond), values or {}),
            text(self._workgroup, pond),
            slot_of("athena", called(self._workgroup), _digest(self._statement), self._name),
            self._name,
            request,
        )

    start = starting(_engine)
    run = running(_engine)


@dataclass(frozen=True, slots=True)
class _Athena:
    """One statement, as the core wants it. Its slot has a digest of the statement as its author
    wrote it: another statement is another job.
    """

    client: AthenaClient
    statement: str
    workgroup: str
    slot: str
    name: str
    request: Mapping[str, object]
    kind: str = "Amazon Athena"
    repeatable: bool = False

    @property
    def job(self) -> str:
        return " ".join(filter(None, ("Athena query", self.name, f"in {self.workgroup}")))

    def start(self, key: str) -> str:
        wanted = {
            **self.request,
            "QueryString": f"{_mark(key)}\n{self.statement}",
            "ClientRequestToken": f"{key:-<{_SHORTEST_TOKEN}}",
            "WorkGroup": self.workgroup,
        }
        with aws.classified_errors(f"{self.job}: StartQueryExecution"):
            return self.client.start_query_execution(**wanted)["QueryExecutionId"]  # type: ignore[arg-type]

    def find(self, key: str, since: float) -> str | None:
        earliest = datetime.fromtimestamp(since, UTC) - _CLOCKS_APART
        for page in self._pages():
            queries = [self._query(one) for one in page]
            found = next((one for one in queries if _bears(one, key)), None)
            if found is not None:
                return found["QueryExecutionId"]
            if aws.is_past(_times(queries), earliest):
                return None
        return None

    def look(self, run: str) -> Seen:
        found = self._query(run)
        status = found.get("Status", {})
        word = str(status.get("State", ""))
        region = self.client.meta.region_name
        return Seen(
            state=_ENDS.get(word, "active"),
            word=word,
            message=status.get("StateChangeReason")
            or status.get("AthenaError", {}).get("ErrorMessage")
            or "",
            url=aws.console(region, f"athena/home?region={region}#/query-editor/history/{run}"),
            started=aws.utc(status.get("SubmissionDateTime")),
            ended=aws.utc(status.get("CompletionDateTime")),
            answer={**found},
            used=_used(found) if word in _ENDS else {},
        )

    def cancel(self, run: str) -> None:
        with aws.classified_errors(f"{self.job}: StopQueryExecution"):
            self.client.stop_query_execution(QueryExecutionId=run)

    def _query(self, run: str) -> QueryExecutionTypeDef:
        try:
            with aws.classified_errors(f"{self.job}: GetQueryExecution"):
                return self.client.get_query_execution(QueryExecutionId=run)["QueryExecution"]
        except RefusedError as refused:
            if _NOT_FOUND not in refused.message:
                raise
            raise UnknownRunError(refused.message) from refused

    def _pages(self) -> Iterator[Sequence[str]]:
        with aws.classified_errors(f"{self.job}: ListQueryExecutions"):
            pages = self.client.get_paginator("list_query_executions").paginate(
                WorkGroup=self.workgroup, PaginationConfig={"PageSize": _PAGE}
            )
            for page in pages:
                yield page["QueryExecutionIds"]


def _digest(statement: Text) -> str:
    return sha256(called(statement).encode()).hexdigest()[:_DIGEST]


def _mark(key: str) -> str:
    """The first line of a statement, by which it is found again."""
    return f"-- duckstring {key}"


def _bears(found: QueryExecutionTypeDef, key: str) -> bool:
    return found.get("Query", "").startswith(f"{_mark(key)}\n")


def _times(queries: Sequence[QueryExecutionTypeDef]) -> list[datetime]:
    told = (one.get("Status", {}).get("SubmissionDateTime") for one in queries)
    return [at for at in told if at is not None]


def _used(found: QueryExecutionTypeDef) -> Mapping[str, float]:
    """What Athena bills, and how long its engine worked."""
    told = found.get("Statistics", {})
    used = {
        "scanned_bytes": told.get("DataScannedInBytes"),
        "engine_ms": told.get("EngineExecutionTimeInMillis"),
        "queued_ms": told.get("QueryQueueTimeInMillis"),
    }
    return {name: value for name, value in used.items() if value is not None}
