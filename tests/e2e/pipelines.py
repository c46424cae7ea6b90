"""The external demo's service, as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

TOKEN = "tests-token"


@dataclass(frozen=True)
class Pipelines:
    """Where it listens, and the demo's own door to it."""

    url: str
    jobs: dict[str, int]

    @property
    def environment(self) -> str:
        """What the Catchment's environment file says of it."""
        jobs = "".join(f"{name.upper()}_JOB_ID={job}\n" for name, job in self.jobs.items())
        return f"DATABRICKS_HOST={self.url}\nDATABRICKS_TOKEN={TOKEN}\n{jobs}"

    def count(self, job: str) -> dict[str, int]:
        """A job's runs, counted by the service."""
        listed = httpx.get(f"{self.url}/demo/jobs").json()["jobs"]
        return next(one for one in listed if one["name"] == job)

    def started(self) -> dict[str, int]:
        return {job: self.count(job)["started"] for job in self.jobs}

    def configure(self, job: str, **settings: object) -> None:
        httpx.post(f"{self.url}/demo/jobs/{self.jobs[job]}", json=settings).raise_for_status()


@contextmanager
def serve_pipelines(folder: Path) -> Iterator[Pipelines]:
    command = [
        sys.executable,
        "-m",
        "duckstring_cli.demos.external.service",
        "--port",
        "0",
        "--data",
        str(folder),
        "--token",
        TOKEN,
    ]
    with subprocess.Popen(
        [*command, "--scale", "0.001"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            yield Pipelines(said["url"], said["jobs"])
        finally:
            process.terminate()
