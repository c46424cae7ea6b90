"""The jobs and their runs: started, carried out in a process of their own each, watched,
counted. No HTTP in here.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock, Thread

from duckstring_cli.demos.external.service.work import WORK

FIRST_JOB_ID = 101


class UnknownJobError(LookupError):
    """No job has this id."""


class UnknownRunError(LookupError):
    """No run has this id."""


@dataclass
class Job:
    """A pipeline: what it did so far, and how its next runs shall go."""

    job_id: int
    name: str
    started: int = 0
    fail_next: int = 0
    seconds: float = 0.0
    message: str = "The job failed because it was told to. See "
    error: str = ""
    state: str = ""
    cancel_requests: int = 0


@dataclass
class Run:
    """One run of a job, in the words of the Jobs API."""

    run_id: int
    job: Job
    number: int
    started_ms: int
    seconds: float
    failure: str | None
    label: str = ""
    error: str = ""
    state: str = "PENDING"
    result: str | None = None
    message: str = "Waiting for a process."
    log: str = ""
    ended_ms: int = 0
    cancelled: Event = field(default_factory=Event)
    process: subprocess.Popen[str] | None = None

    @property
    def is_active(self) -> bool:
        """The run has not ended."""
        return self.result is None


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Jobs:
    """The three jobs of the demo. Every method may be called from any thread."""

    def __init__(self, data: Path, *, scale: float) -> None:
        """Jobs that write under ``data``, from TPC-H data of ``scale``."""
        self._data = data
        self._scale = scale
        self._lock = RLock()
        self._jobs = {FIRST_JOB_ID + i: Job(FIRST_JOB_ID + i, name) for i, name in enumerate(WORK)}
        self._runs: dict[int, Run] = {}
        self._tokens: dict[tuple[int, str], int] = {}
        # A service that starts again must not repeat an id: a client that recorded it would take
        # the new run for the old one.
        self._next_id = now_ms()

    def all(self) -> list[Job]:
        """Every job, in the order of ids."""
        return list(self._jobs.values())

    def job(self, job_id: int) -> Job:
        """The job of this id.

        Raises:
            UnknownJobError: there is none.
        """
        if job_id not in self._jobs:
            raise UnknownJobError(job_id)
        return self._jobs[job_id]

    def run(self, run_id: int) -> Run:
        """The run of this id.

        Raises:
            UnknownRunError: there is none.
        """
        with self._lock:
            if run_id not in self._runs:
                raise UnknownRunError(run_id)
            return self._runs[run_id]

    def runs(self, job_id: int | None = None, *, active_only: bool = False) -> list[Run]:
        """Runs, newest first."""
        if job_id is not None:
            self.job(job_id)
        with self._lock:
            return [
                run
                for run in reversed(self._runs.values())
                if job_id in (None, run.job.job_id) and (run.is_active or not active_only)
            ]

    def start(self, job_id: int, *, idempotency_token: str | None = None, label: str = "") -> Run:
        """Start a run, or find the one that this token started before. A ``label`` is a name for
        people to look for.
        """
        job = self.job(job_id)
        with self._lock:
            if idempotency_token and (held := self._tokens.get((job_id, idempotency_token))):
                return self._runs[held]
            run = self._new_run(job, label)
            if idempotency_token:
                self._tokens[job_id, idempotency_token] = run.run_id
        Thread(target=self._carry_out, args=(run,), daemon=True).start()
        return run

    def configure(
        self,
        job_id: int,
        *,
        fail_next: int | None = None,
        seconds: float | None = None,
        **texts: str | None,
    ) -> Job:
        """Say how the job's next runs shall go; what is not given stays. ``texts``: message,
        error, state.
        """
        job = self.job(job_id)
        with self._lock:
            job.fail_next = job.fail_next if fail_next is None else fail_next
            job.seconds = job.seconds if seconds is None else seconds
            for name, text in texts.items():
                if text is not None:
                    setattr(job, name, text)
        return job

    def cancel(self, run: Run) -> None:
        """End a run that is still going. Its process is ended too, and nothing half-written
        shows.
        """
        with self._lock:
            run.job.cancel_requests += 1
            if run.is_active:
                run.state, run.message = "TERMINATING", "Cancelling."
            run.cancelled.set()
            if run.process:
                run.process.terminate()

    def close(self) -> None:
        """End every run still going."""
        for run in self.runs(active_only=True):
            self.cancel(run)

    def _new_run(self, job: Job, label: str) -> Run:
        failure = job.message if job.fail_next else None
        job.fail_next = max(0, job.fail_next - 1)
        job.started += 1
        run = Run(self._next_id, job, job.started, now_ms(), job.seconds, failure, label, job.error)
        self._next_id += 2  # the second is its task's
        self._runs[run.run_id] = run
        return run

    def _carry_out(self, run: Run) -> None:
        with self._lock:
            if not run.cancelled.is_set():
                run.state, run.message = "RUNNING", "In run"
        run.cancelled.wait(run.seconds)
        if run.failure is not None and not run.cancelled.is_set():
            self._end(run, "FAILED", run.failure)
            return
        if process := self._launch(run):
            log, errors = process.communicate()
            run.log = log + errors
            if process.returncode == 0:
                self._end(run, "SUCCESS", "")
            elif not run.cancelled.is_set():
                self._end(
                    run,
                    "FAILED",
                    last_line(errors.splitlines())
                    or f"The process ended with {process.returncode}.",
                )
        if run.is_active:
            self._end(run, "CANCELED", "Run cancelled.")

    def _launch(self, run: Run) -> subprocess.Popen[str] | None:
        """Start the run's process, unless the run was cancelled: under the lock, so that a
        cancel either prevents it or sees it.
        """
        command = [
            sys.executable,
            "-m",
            "duckstring_cli.demos.external.service.work",
            run.job.name,
            str(self._data),
            str(self._scale),
        ]
        with self._lock:
            if run.cancelled.is_set():
                return None
            run.process = subprocess.Popen(  # noqa: S603 - our own words
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            return run.process

    def _end(self, run: Run, result: str, message: str) -> None:
        with self._lock:
            run.state, run.result, run.message, run.ended_ms, run.process = (
                "TERMINATED",
                result,
                message,
                now_ms(),
                None,
            )


def last_line(lines: Iterable[str]) -> str:
    """The last line with something on it."""
    return next((line.strip() for line in reversed([*lines]) if line.strip()), "")
