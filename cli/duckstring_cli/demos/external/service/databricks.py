"""The service's HTTP door: the Jobs 2.1 calls, a page for each run, and the demo's own door to make
jobs fail or take long.

Bound to 127.0.0.1. The API wants the bearer token; the demo's door and the pages do not, so that a
browser and curl can use them. What other web pages send is refused
(``duckstring_cli/local/guard.py``); a link to a run's page may be anywhere.
"""

from __future__ import annotations

import argparse
import hmac
import json
import os
import signal
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from duckstring_cli.demos.external.service import plain
from duckstring_cli.demos.external.service.asked import Answer, Faults, RefusedError, Values, number
from duckstring_cli.demos.external.service.jobs import (
    Job,
    Jobs,
    Run,
    UnknownJobError,
    UnknownRunError,
)
from duckstring_cli.local.guard import Request, fault_of, joined

DEFAULT_PORT = 8765
LARGEST_BODY = 65_536
LONGEST_TOKEN = 64
LONGEST_DELAY = 86_400
TEXTS = ("message", "error", "state")
CLIENT_ID = "demo-client"
"""Of the one service principal; its secret is the token."""


def described(run: Run, host: str) -> Answer:
    """A run as runs/get and runs/list show it."""
    return {
        "job_id": run.job.job_id,
        "run_id": run.run_id,
        "number_in_job": run.number,
        "run_name": run.job.name,
        "run_type": "JOB_RUN",
        "state": stated(run),
        "start_time": run.started_ms,
        "end_time": run.ended_ms,
        "run_page_url": f"{host}/runs/{run.run_id}",
    }


def stated(run: Run) -> Answer:
    """Its state; a job may be told what its active runs shall call theirs."""
    state: Answer = {"life_cycle_state": run.state, "state_message": run.message}
    if run.result:
        return {**state, "result_state": run.result}
    return {**state, "life_cycle_state": run.job.state or run.state}


def counted(job: Job, jobs: Jobs) -> Answer:
    """A job as the demo's own door shows it: its settings, and its runs counted by how they
    ended.
    """
    results = [run.result for run in jobs.runs(job.job_id)]
    return {
        "job_id": job.job_id,
        "name": job.name,
        "started": job.started,
        "active": results.count(None),
        "succeeded": results.count("SUCCESS"),
        "failed": results.count("FAILED"),
        "cancelled": results.count("CANCELED"),
        "cancel_requests": job.cancel_requests,
        "fail_next": job.fail_next,
        "seconds": job.seconds,
        "message": job.message,
        "error": job.error,
        "state": job.state,
    }


def run_now(jobs: Jobs, values: Values, _host: str) -> Answer:
    """Start a run of a job."""
    token = values.get("idempotency_token")
    if token is not None and (not isinstance(token, str) or len(token) > LONGEST_TOKEN):
        raise RefusedError(
            f"idempotency_token must be text of at most {LONGEST_TOKEN} characters, found "
            f"{token!r}."
        )
    run = jobs.start(number(values, "job_id"), idempotency_token=token)
    return {"run_id": run.run_id, "number_in_job": run.number}


def list_runs(jobs: Jobs, values: Values, host: str) -> Answer:
    """List runs, newest first. No run at all is an answer without ``runs``, as the real API has
    it.
    """
    job_id = number(values, "job_id") if "job_id" in values else None
    found = jobs.runs(job_id, active_only=values.get("active_only") == "true")
    return (
        {"runs": [described(run, host) for run in found], "has_more": False}
        if found
        else {"has_more": False}
    )


def get_run(jobs: Jobs, values: Values, host: str) -> Answer:
    """Show one run, and its only task."""
    run = jobs.run(number(values, "run_id"))
    return {
        **described(run, host),
        "tasks": [{"run_id": run.run_id + 1, "task_key": run.job.name, "state": stated(run)}],
    }


def get_output(jobs: Jobs, values: Values, host: str) -> Answer:
    """Show what a task left: of a failed one, its error."""
    run = jobs.run(number(values, "run_id") - 1)
    output: Answer = {"metadata": described(run, host), "logs": run.log}
    return (
        {**output, "error": run.error or run.message, "error_trace": run.log}
        if run.result == "FAILED"
        else output
    )


def cancel_run(jobs: Jobs, values: Values, _host: str) -> Answer:
    """Ask a run to end."""
    jobs.cancel(jobs.run(number(values, "run_id")))
    return {}


def list_jobs(jobs: Jobs, _values: Values, _host: str) -> Answer:
    """Show every job and count its runs."""
    return {"jobs": [counted(job, jobs) for job in jobs.all()]}


def configure_job(jobs: Jobs, values: Values, _host: str) -> Answer:
    """Say how a job's next runs shall go: ``fail_next`` runs fail with ``message``, and each takes
    ``seconds`` longer.

    ``error`` is what a failed run's task says, if not the same; ``state`` what active runs call
    their state, if not its name.
    """
    if unknown := sorted(set(values) - {"job_id", "fail_next", "seconds", *TEXTS}):
        raise RefusedError(
            f"Unknown: {', '.join(unknown)}. A job takes fail_next, seconds, "
            f"{', '.join(TEXTS[:-1])} and {TEXTS[-1]}."
        )
    seconds = values.get("seconds")
    if seconds is not None and (
        isinstance(seconds, bool)
        or not isinstance(seconds, int | float)
        or not 0 <= seconds <= LONGEST_DELAY
    ):
        raise RefusedError(
            f"seconds must be a number from 0 to {LONGEST_DELAY}, found {seconds!r}."
        )
    texts = {name: text(values, name) for name in TEXTS}
    fail_next = number(values, "fail_next") if "fail_next" in values else None
    job = jobs.configure(number(values, "job_id"), fail_next=fail_next, seconds=seconds, **texts)
    return counted(job, jobs)


def text(values: Values, name: str) -> str | None:
    """An optional text of a request.

    Raises:
        RefusedError: it is something else.
    """
    found = values.get(name)
    if found is not None and not isinstance(found, str):
        raise RefusedError(f"{name} must be text, found {found!r}.")
    return found


Call = Callable[[Jobs, Values, str], Answer]

API: Mapping[tuple[str, str], Call] = {
    ("POST", "/api/2.1/jobs/run-now"): run_now,
    ("GET", "/api/2.1/jobs/runs/list"): list_runs,
    ("GET", "/api/2.1/jobs/runs/get"): get_run,
    ("GET", "/api/2.1/jobs/runs/get-output"): get_output,
    ("POST", "/api/2.1/jobs/runs/cancel"): cancel_run,
}


class Service(ThreadingHTTPServer):
    """The listening service."""

    daemon_threads = True

    def __init__(self, port: int, jobs: Jobs, token: str) -> None:
        """Listen on 127.0.0.1; port 0 is any that is free."""
        super().__init__(("127.0.0.1", port), Handler)
        self.jobs = jobs
        self.token = token
        self.faults = Faults()

    @property
    def url(self) -> str:
        """Where the service is reached."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request: find the call, check the token, answer in JSON."""

    server: Service
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._answer()

    def do_PUT(self) -> None:
        """Answer a PUT."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._answer()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: looks at runs would fill the screen."""

    def _answer(self) -> None:
        try:
            values = (
                self._values()
            )  # before anything is refused: an unread body would be taken for the next request
            self._check_caller()
            self._send(*self._with_faults(values))
        except RefusedError as refused:
            self._send(refused.status, refused.answer, refused.headers)
        except UnknownJobError as unknown:
            self._send(
                HTTPStatus.BAD_REQUEST, RefusedError(f"Job {unknown} does not exist.").answer
            )
        except UnknownRunError as unknown:
            self._send(
                HTTPStatus.BAD_REQUEST, RefusedError(f"Run {unknown} does not exist.").answer
            )

    def _with_faults(self, values: Values) -> tuple[HTTPStatus, Answer | str]:
        """Carry out the request, unless a fault was asked for that comes first."""
        fault = self.server.faults.take(urlsplit(self.path).path)
        if fault and not fault.after:
            raise fault.strike()
        done = self._call(values)
        if fault:
            raise fault.strike()
        return done

    def _call(self, values: Values) -> tuple[HTTPStatus, Answer | str]:
        jobs, host, path = self.server.jobs, self.server.url, urlsplit(self.path).path
        if call := API.get((self.command, path)):
            self._check_token()
            return HTTPStatus.OK, call(jobs, values, host)
        if path.startswith("/pipelines/"):
            self._check_token()
            rest = path.removeprefix("/pipelines/").split("/")
            if done := plain.called(
                jobs, self.command, rest, values, self.headers.get("Idempotency-Key")
            ):
                return done
        elif (found := self._without_token(values, path.strip("/").split("/"))) is not None:
            return HTTPStatus.OK, found
        raise RefusedError(
            f"No {self.command} {path} here.",
            status=HTTPStatus.NOT_FOUND,
            code="ENDPOINT_NOT_FOUND",
        )

    def _without_token(self, values: Values, path: list[str]) -> Answer | str | None:
        jobs, host = self.server.jobs, self.server.url
        match self.command, path:
            case "POST", ["oidc", "v1", "token"]:
                return self._token_for_client()
            case "GET", ["demo", "jobs"]:
                return list_jobs(jobs, values, host)
            case "POST", ["demo", "jobs", job_id]:
                return configure_job(jobs, {**values, "job_id": job_id}, host)
            case "POST", ["demo", "faults"]:
                return self.server.faults.add(values)
            case "GET", ["runs", run_id]:
                return run_page(jobs.run(number({"run_id": run_id}, "run_id")))
            case _:
                return None

    def _token_for_client(self) -> Answer:
        """A token for the service principal, as the workspace's own endpoint gives it."""
        wanted = b64encode(f"{CLIENT_ID}:{self.server.token}".encode())
        if not hmac.compare_digest(
            self.headers.get("Authorization", "").encode(), b"Basic " + wanted
        ):
            raise RefusedError(
                "Client authentication failed.",
                status=HTTPStatus.UNAUTHORIZED,
                code="invalid_client",
            )
        return {"access_token": self.server.token, "token_type": "Bearer", "expires_in": 3600}

    def _check_caller(self) -> None:
        """Let no web page in: not by a form, nor by a name that leads here.

        Raises:
            RefusedError: one may be behind it.
        """
        path = urlsplit(self.path).path
        is_link = (
            self.command == "GET"
            and path.startswith("/runs/")
            and self.headers.get("Sec-Fetch-Mode") == "navigate"
        )
        headers = ((name.lower(), value) for name, value in self.headers.items())
        sent = joined(
            (name, value)
            for name, value in headers
            if not (is_link and name.startswith("sec-fetch-"))
        )
        if fault := fault_of(
            Request(self.command, self.path, path, path, urlsplit(self.path).query, *sent)
        ):
            raise RefusedError(
                f"Refused: {fault}.", status=HTTPStatus.FORBIDDEN, code="PERMISSION_DENIED"
            )

    def _check_token(self) -> None:
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            raise RefusedError(
                "Invalid access token.", status=HTTPStatus.FORBIDDEN, code="PERMISSION_DENIED"
            )

    def _values(self) -> Values:
        if self.command == "GET":
            return {
                name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()
            }
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            raise RefusedError(f"A body may have at most {LARGEST_BODY} bytes, announced {length}.")
        content = self.rfile.read(int(length))
        if (
            self.headers.get_content_type() == "application/x-www-form-urlencoded"
            and not content.lstrip().startswith(b"{")
        ):
            return {name: values[-1] for name, values in parse_qs(content.decode()).items()}
        try:
            body = json.loads(content or b"{}")
        except ValueError as error:
            raise RefusedError(
                f"The body is not JSON: {error}.", code="MALFORMED_REQUEST"
            ) from error
        if not isinstance(body, dict):
            raise RefusedError(
                f"The body must be a JSON object, found {body!r}.", code="MALFORMED_REQUEST"
            )
        return body

    def _send(
        self, status: HTTPStatus, answer: Answer | str, headers: Mapping[str, str] | None = None
    ) -> None:
        kind, text = (
            ("text/plain", answer)
            if isinstance(answer, str)
            else ("application/json", json.dumps(answer))
        )
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def run_page(run: Run) -> str:
    """The page that ``run_page_url`` leads to: what a person looks for after a failure."""
    title = f"{run.job.name}, run {run.number} ({run.run_id}): {run.result or run.state}"
    return "\n".join(filter(None, (title, run.message, run.log))) + "\n"


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m duckstring_cli.demos.external.service", description=__doc__
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"port on 127.0.0.1, 0 for any that is free (default {DEFAULT_PORT})",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the Parquet files that the jobs write",
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=0.01,
        help="scale of the TPC-H data (default 0.01, 60,000 order lines)",
    )
    parser.add_argument(
        "--token",
        default=os.environ.get("DATABRICKS_TOKEN", "demo-token"),
        help="bearer token (default DATABRICKS_TOKEN or demo-token)",
    )
    return parser.parse_args()


def main() -> None:
    """Serve until interrupted. The first line of output is JSON: port, url and the jobs' ids by
    name.
    """
    asked = arguments()
    jobs = Jobs(asked.data.resolve(), scale=asked.scale)
    try:
        service = Service(asked.port, jobs, asked.token)
    except OSError as error:
        sys.exit(
            f"Cannot listen on 127.0.0.1:{asked.port}: {error.strerror}. Choose another with "
            "--port, or --port 0 for any."
        )
    # An end by signal must still end the processes of runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    hello = {
        "port": service.server_port,
        "url": service.url,
        "jobs": {job.name: job.job_id for job in jobs.all()},
    }
    sys.stdout.write(json.dumps(hello) + "\n")
    sys.stdout.flush()
    try:
        service.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        jobs.close()
