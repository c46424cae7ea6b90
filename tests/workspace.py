"""The external demo's service as a process of its own, and its two kinds of callers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

SERVICE = "duckstring_cli.demos.external.service"
TOKEN = "a-token"
TRANSACTIONS, PRODUCTS, SALES = 101, 102, 103


@dataclass
class Workspace:
    """The running service, as its two kinds of callers see it."""

    url: str
    data: Path

    def call(
        self, method: str, path: str, *, token: str | None = TOKEN, **extra: object
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return httpx.request(
            method, f"{self.url}{path}", headers=headers, timeout=30, verify=False, **extra
        )  # type: ignore[arg-type]

    def run_now(self, job: int, **more: str) -> int:
        answer = self.call("POST", "/api/2.1/jobs/run-now", json={"job_id": job, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()["run_id"]

    def get(self, run: int) -> dict:
        return self.call("GET", "/api/2.1/jobs/runs/get", params={"run_id": run}).json()

    def active(self, job: int) -> list[int]:
        answer = self.call(
            "GET", "/api/2.1/jobs/runs/list", params={"job_id": job, "active_only": "true"}
        ).json()
        return [run["run_id"] for run in answer.get("runs", [])]

    def ended(self, run: int) -> dict:
        """The run once it has ended."""
        return until(
            lambda: self.get(run), lambda found: found["state"]["life_cycle_state"] == "TERMINATED"
        )

    def succeed(self, job: int) -> dict:
        ended = self.ended(self.run_now(job))
        assert ended["state"]["result_state"] == "SUCCESS", ended
        return ended

    def set(self, job: int, **how: object) -> dict:
        return self.call("POST", f"/demo/jobs/{job}", json=how, token=None).json()

    def fault(
        self, call: str, *, status: int = 503, times: int = 1, after: bool = False, wait: int = 0
    ) -> None:
        """The next requests to ``call`` are answered so; ``after``: having been carried out."""
        fault = {"call": call, "status": status, "times": times, "after": after, "wait": wait}
        self.call("POST", "/demo/faults", json=fault, token=None).raise_for_status()

    def counts(self) -> dict[int, dict]:
        return {
            job["job_id"]: job for job in self.call("GET", "/demo/jobs", token=None).json()["jobs"]
        }

    def table(self, file: str) -> str:
        return f"'{self.data / file}.parquet'"


def until(look: Callable[[], dict], good: Callable[[dict], bool]) -> dict:
    for _ in range(1200):
        if good(found := look()):
            return found
        time.sleep(0.05)
    raise AssertionError(f"It never came; last seen: {found}")


@contextmanager
def service(data: Path, *, scale: float = 0.01) -> Iterator[Workspace]:
    command = [
        sys.executable,
        "-m",
        SERVICE,
        "--port",
        "0",
        "--data",
        str(data),
        "--token",
        TOKEN,
        "--scale",
        str(scale),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            hello = json.loads(process.stdout.readline())
            assert hello["url"] == f"http://127.0.0.1:{hello['port']}"
            assert hello["jobs"] == {
                "transactions": TRANSACTIONS,
                "products": PRODUCTS,
                "sales": SALES,
            }
            yield Workspace(hello["url"], data)
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0, "it did not end in order when told to"
