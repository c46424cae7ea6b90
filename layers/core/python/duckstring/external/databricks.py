"""Databricks Jobs: run-now with an idempotency token, runs/get, runs/cancel (Jobs API 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from typing_extensions import override

from duckstring.external.core import Handle, Seen, State, slot_of
from duckstring.external.env import Env, Text, text
from duckstring.external.errors import BusyError, ExternalError, RefusedError, UnknownRunError
from duckstring.external.job import Job, running, starting
from duckstring.external.web import Json, Web, instant, pick

_ENDED = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
_RESULTS: Mapping[str, State] = {
    "SUCCESS": "succeeded",
    "SUCCESS_WITH_FAILURES": "succeeded",
    "CANCELED": "cancelled",
}
"""Of a run that is TERMINATED. Its result may be told a little later: until then it counts as
active. Any other is a failure.
"""
_WELL = frozenset({"SUCCESS", "SUCCESS_WITH_FAILURES"})
_TASKS_SHOWN = 3
_NO_RUN = "does not exist"
_HINT = (
    "Is the token's owner allowed to run and view the job (Can Manage Run)? docs/external.md "
    "says what Databricks needs."
)


class DatabricksJob(Job):
    """A job of a Databricks workspace. Make it once, at module level; nothing is asked before
    ``run``.

    Args:
        job: the job's id.
        host: the workspace's address, ``https://...``.
        token: a personal access token. Not with ``client_id``.
        client_id: of a service principal, whose OAuth secret is ``client_secret``. A token is
            fetched for each turn.
        client_secret: see there.
        body: more of the run-now request:
            ``{"job_parameters": {...}, "queue": {"enabled": True}}``.
        name: tells apart several runs of the same job in one Ripple.
        poll: how long to pause between looks (``"60s"``); otherwise 15 s growing to 5 minutes.

    ``start`` and ``run`` take ``body``, too: more of the run-now request, over this.
    """

    def __init__(  # noqa: PLR0913 - each is an option that authors write
        self,
        job: int | Text,
        *,
        host: Text = Env("DATABRICKS_HOST"),  # noqa: B008 - a value
        token: Text | None = None,
        client_id: Text | None = None,
        client_secret: Text | None = None,
        body: Mapping[str, object] | None = None,
        name: str = "",
        poll: str | None = None,
    ) -> None:
        if (client_id is None) != (client_secret is None) or (
            client_id is not None and token is not None
        ):
            raise ExternalError(
                "DatabricksJob: credentials do not fit.",
                hint=(
                    "Give token=, or client_id= and client_secret=, or neither: then "
                    "DATABRICKS_TOKEN counts."
                ),
            )
        super().__init__(name=name, poll=poll)
        self._job = job
        self._host = host
        self._token = Env("DATABRICKS_TOKEN") if token is None and client_id is None else token
        self._client = (client_id, client_secret)
        self._body = dict(body or {})

    @override
    def _engine(self, pond: Handle, *, body: Mapping[str, object] | None = None) -> _Databricks:
        host = text(self._host, pond).rstrip("/")
        job = str(self._job) if isinstance(self._job, int) else text(self._job, pond)
        if not job.strip().isdecimal():
            raise RefusedError(
                f"DatabricksJob: {job!r} is not the id of a job.",
                hint="It is the number in the job's address.",
            )
        token, client_id, secret = (
            None if value is None else text(value, pond) for value in (self._token, *self._client)
        )
        access = _Access(host, token=token, client_id=client_id, secret=secret)
        return _Databricks(access, int(job), self._name, {**self._body, **(body or {})})

    start = starting(_engine)
    run = running(_engine)


class _Access:
    """A workspace and a way in. The token of a service principal is fetched at the first
    request.
    """

    def __init__(
        self, host: str, *, token: str | None, client_id: str | None, secret: str | None
    ) -> None:
        self._host = host
        self._token = token
        self._client = (client_id or "", secret or "")

    def ask(self, method: Literal["GET", "POST"], path: str, body: object = None) -> Json:
        """One request of the Jobs API."""
        try:
            return self._web.ask(method, f"{self._host}/api/2.1/jobs/{path}", body=body)
        except RefusedError as refused:
            if _NO_RUN in refused.message and not isinstance(refused, UnknownRunError):
                raise UnknownRunError(refused.message, hint=refused.hint) from refused
            raise

    @cached_property
    def _web(self) -> Web:
        token = self._token or self._fetched()
        return Web(
            {"Authorization": f"Bearer {token}"},
            secrets=(token,),
            hint=_HINT,
            hints={401: _HINT, 403: _HINT},
        )

    def _fetched(self) -> str:
        from base64 import b64encode  # noqa: PLC0415 - for service principals only

        basic = b64encode(":".join(self._client).encode()).decode()
        web = Web(
            {"Authorization": f"Basic {basic}"},
            secrets=(basic, self._client[1]),
            hint="Check the service principal's client id and secret.",
        )
        answer = web.ask(
            "POST",
            f"{self._host}/oidc/v1/token",
            form={"grant_type": "client_credentials", "scope": "all-apis"},
        )
        if not isinstance(token := answer.get("access_token"), str):
            raise RefusedError(f"{self._host}/oidc/v1/token gives no access_token.")
        return token


@dataclass(frozen=True, slots=True)
class _Databricks:
    """One job, as the core wants it."""

    access: _Access
    id: int
    name: str
    body: Mapping[str, object]
    kind: str = "Databricks"
    repeatable: bool = True

    @property
    def job(self) -> str:
        return f"Databricks job {self.id}"

    @property
    def slot(self) -> str:
        return slot_of("databricks", str(self.id), self.name)

    def start(self, key: str) -> str:
        answer = self.access.ask(
            "POST", "run-now", {**self.body, "job_id": self.id, "idempotency_token": key}
        )
        if not isinstance(run := answer.get("run_id"), int | str):
            raise RefusedError(f"{self.job}: run-now gives no run_id.")
        return str(run)

    def find(self, key: str, since: float) -> str | None:
        """Databricks does not show tokens: the same request finds the run, or makes the one that
        can be cancelled.
        """
        del since
        return self.start(key)

    def look(self, run: str) -> Seen:
        answer = self.access.ask("GET", f"runs/get?run_id={run}")
        life, result = (
            _state_field(answer, "life_cycle_state"),
            _state_field(answer, "result_state"),
        )
        state = _state(life, result)
        return Seen(
            state=state,
            word=result if life == "TERMINATED" and result else life,
            message=self._message(answer)
            if state in {"failed", "cancelled"}
            else _state_field(answer, "state_message"),
            url=str(answer.get("run_page_url") or ""),
            started=instant(answer.get("start_time")),
            ended=instant(answer.get("end_time")),
            answer=answer,
        )

    def cancel(self, run: str) -> None:
        self.access.ask("POST", "runs/cancel", {"run_id": int(run)})

    def _message(self, answer: Json) -> str:
        """What the run says, and what its failed tasks say: a run of several tasks only says
        that one failed.
        """
        own = _state_field(answer, "state_message")
        tasks = [
            task
            for task in _objects(answer.get("tasks"))
            if _state(_state_field(task, "life_cycle_state"), _state_field(task, "result_state"))
            == "failed"
        ]
        theirs = [self._task_message(task, besides=own) for task in tasks[:_TASKS_SHOWN]]
        if len(tasks) > _TASKS_SHOWN:
            theirs.append(f"And {len(tasks) - _TASKS_SHOWN} more tasks failed.")
        return " ".join(dict.fromkeys(filter(None, (own, *theirs))))

    def _task_message(self, task: Json, *, besides: str) -> str:
        """A task's error is in its output. It is a help: without it the run has failed all the
        same.
        """
        try:
            error = self.access.ask("GET", f"runs/get-output?run_id={task.get('run_id')}").get(
                "error"
            )
        except (BusyError, RefusedError):
            error = None
        reason = error if isinstance(error, str) and error else _state_field(task, "state_message")
        return f"Task {task.get('task_key')}: {reason}" if reason and reason not in besides else ""


def _state(life: str, result: str) -> State:
    if life not in _ENDED or (life == "TERMINATED" and not result):
        return "active"
    return _RESULTS.get(result, "failed") if life == "TERMINATED" else "failed"


def _state_field(answer: Json, name: str) -> str:
    """A field of a run's or task's state."""
    found = pick(answer, f"state.{name}")
    return found if isinstance(found, str) else ""


def _objects(found: object) -> list[Json]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
