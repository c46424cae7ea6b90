"""How an engine is asked, and what it answers: the paths and objects that a fake one speaks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs

from duckstring.external.web import pick

if TYPE_CHECKING:
    from duckstring.external.fake.engine import FakeRun

Json = Mapping[str, object]
Call = Literal["start", "status", "cancel", "find", "message", "token"]
State = Literal["active", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. ``found`` has what stood at the places of its path."""

    call: Call
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    found: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shape:
    """How one engine is asked, and what it answers.

    Args:
        start: the request that starts a run: ``POST /runs``. Places in a path are any text
            without a slash: ``POST /dags/{dag}/runs``.
        status: shows a run; its place ``{id}`` is the run's id.
        cancel: ends a run.
        show: a run, as the answer to ``status`` has it, and to ``start``.
        key: the key of a request to start a run; empty: it has none.
        words: the engine's words for the four states.
        find: shows the runs of a key.
        listed: the answer to ``find``: from the request and the runs that have appeared.
        message: shows the text of a failed run.
        told: the answer to ``message``.
        token: gives a token.
        needs_token: whether requests need one.
        grants: whether a request for a token has the right credentials.
        granted: the answer to ``token``, from a token and the seconds that it lives.
        cancels: whether the body of ``cancel`` asks for an end.
        conflicts: the key is the run's id, and a second start with it is refused with 409.
        keyless: a second start with a key starts another run.
    """

    start: str
    status: str
    cancel: str
    show: Callable[[FakeRun], Json]
    key: Callable[[Asked], str]
    words: Mapping[State, str] = field(
        default_factory=lambda: {
            "active": "running",
            "succeeded": "succeeded",
            "failed": "failed",
            "cancelled": "cancelled",
        }
    )
    find: str = ""
    listed: Callable[[Asked, Sequence[FakeRun]], object] | None = None
    message: str = ""
    told: Callable[[FakeRun], Json] = lambda run: {"message": run.message}
    token: str = "POST /token"  # noqa: S105 - a request
    needs_token: bool = False
    grants: Callable[[Asked], bool] = lambda asked: True
    granted: Callable[[str, float], Json] = lambda token, lives: {
        "access_token": token,
        "expires_in": lives,
    }
    cancels: Callable[[Asked], bool] = lambda asked: True
    conflicts: bool = False
    keyless: bool = False

    def route(self, method: str, path: str) -> tuple[Call, Mapping[str, str]] | None:
        """What a request asks for, and what stands at its places."""
        calls: tuple[tuple[Call, str], ...] = (
            ("token", self.token),
            ("find", self.find),
            ("message", self.message),
            ("cancel", self.cancel),
            ("start", self.start),
            ("status", self.status),
        )
        for call, written in calls:
            wanted, _, pattern = written.partition(" ")
            if wanted == method and (found := _matched(pattern.partition("?")[0], path)):
                return call, found.groupdict()
        return None

    def asked(
        self, method: str, target: str, headers: Mapping[str, str], body: Json
    ) -> Asked | None:
        """A request, if the engine has it."""
        path, _, query = target.partition("?")
        if (found := self.route(method, path)) is None:
            return None
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        return Asked(found[0], method, path, fields, headers, body, found[1])


def _matched(pattern: str, path: str) -> re.Match[str] | None:
    parts = re.split(r"\{(\w+)\}", pattern)
    written = "".join(
        f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return re.fullmatch(written, path) if pattern else None


def iso(at: float | None) -> str | None:
    """Seconds since 1970, as APIs write them."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""


def _plain(run: FakeRun) -> Json:
    return {
        "id": run.id,
        "state": run.word,
        "message": run.message,
        "url": f"https://engine.example.com/runs/{run.id}",
        "started": iso(run.started),
        "ended": iso(run.ended),
    }


PLAIN = Shape(
    start="POST /runs",
    status="GET /runs/{id}",
    cancel="POST /runs/{id}/cancel",
    find="GET /runs",
    show=_plain,
    key=lambda asked: asked.headers.get("idempotency-key", "") or _text(asked.body.get("label")),
    listed=lambda asked, runs: {
        "runs": [_plain(run) for run in runs if run.key == asked.query.get("label")]
    },
)
"""An engine as simple as can be: ``HttpJob(host, start="/runs", status="/runs/{id}",
cancel="/runs/{id}/cancel")``.
"""


def _flow_run(run: FakeRun) -> Json:
    return {
        "id": run.id,
        "idempotency_key": run.key,
        "state": {"type": run.word, "name": run.word.title(), "message": run.message},
        "state_type": run.word,
        "start_time": iso(run.started),
        "end_time": iso(run.ended),
    }


PREFECT = Shape(
    start="POST /api/deployments/{deployment}/create_flow_run",
    status="GET /api/flow_runs/{id}",
    cancel="POST /api/flow_runs/{id}/set_state",
    show=_flow_run,
    key=lambda asked: _text(asked.body.get("idempotency_key")),
    cancels=lambda asked: pick(asked.body, "state.type") in {"CANCELLING", "CANCELLED"},
    words={
        "active": "RUNNING",
        "succeeded": "COMPLETED",
        "failed": "FAILED",
        "cancelled": "CANCELLED",
    },
)
"""A Prefect 3 server, as far as a deployment is run: its key is ``idempotency_key`` in the body."""


def _dag_run(run: FakeRun) -> Json:
    return {
        "dag_run_id": run.id,
        "dag_id": run.asked.found.get("dag", ""),
        "state": run.word,
        "start_date": iso(run.started),
        "end_date": iso(run.ended),
    }


AIRFLOW = Shape(
    start="POST /api/v2/dags/{dag}/dagRuns",
    status="GET /api/v2/dags/{dag}/dagRuns/{id}",
    cancel="PATCH /api/v2/dags/{dag}/dagRuns/{id}",
    message="GET /api/v2/dags/{dag}/dagRuns/{id}/taskInstances",
    told=lambda run: {
        "task_instances": [{"task_id": run.message, "state": "failed", "try_number": 1}]
    },
    show=_dag_run,
    key=lambda asked: _text(asked.body.get("dag_run_id")),
    cancels=lambda asked: asked.body.get("state") == "failed",
    conflicts=True,
    token="POST /auth/token",  # noqa: S106 - a request
    needs_token=True,
    grants=lambda asked: (
        (asked.body.get("username"), asked.body.get("password")) == ("duckstring", "secret")
    ),
    granted=lambda token, _lives: {"access_token": token},
    words={"active": "running", "succeeded": "success", "failed": "failed", "cancelled": "failed"},
)
"""An Airflow 3, as far as a DAG is run: the key is the run's id, a second run of it is refused, and
each token of ``/auth/token`` expires. The user is ``duckstring``, the password ``secret``.
"""


def _dbt_run(run: FakeRun) -> Json:
    return {
        "id": int(run.id),
        "status": int(run.word) if run.word.isdecimal() else run.word,
        "status_message": run.message or None,
        "href": f"https://cloud.getdbt.com/runs/{run.id}",
        "started_at": iso(run.started),
        "finished_at": iso(run.ended),
        "trigger": {"cause": run.asked.body.get("cause")},
    }


DBT_CLOUD = Shape(
    start="POST /api/v2/accounts/{account}/jobs/{job}/run/",
    status="GET /api/v2/accounts/{account}/runs/{id}/",
    cancel="POST /api/v2/accounts/{account}/runs/{id}/cancel/",
    find="GET /api/v2/accounts/{account}/runs/",
    show=lambda run: {"data": _dbt_run(run), "status": {"code": 200, "is_success": True}},
    listed=lambda _asked, runs: {"data": [_dbt_run(run) for run in reversed(runs)]},
    key=lambda asked: _text(asked.body.get("cause")),
    keyless=True,
    words={"active": "3", "succeeded": "10", "failed": "20", "cancelled": "30"},
)
"""dbt Cloud's shape (API v2): states are numbers, answers lie below ``data``, and no key is heeded:
a run is found by its ``cause`` in the list of the job's runs.
"""
