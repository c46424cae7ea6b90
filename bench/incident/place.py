"""The Catchment of an exercise: started, filled, told what somebody did, and thrown away."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.incident import ponds
from duckstring.model.answers.status import LineStatus
from duckstring_cli import catchments, main
from duckstring_cli.client import Client
from duckstring_cli.local import catchment as local

NAME = "incident"
TOKEN = "incident-token"
_PATIENCE = 240.0
_POLL = 0.5
_NOTES = "exercise.json"


class ExerciseError(Exception):
    """The exercise cannot be made; one line says why."""


@dataclass
class Place:
    """One exercise, in a folder of its own. ``say`` prints progress."""

    folder: Path
    say: Callable[[str], None] = print

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def projects(self) -> Path:
        return self.folder / "ponds"

    @property
    def client(self) -> Client:
        return Client(catchments.find(NAME))

    # What is known of it from command to command

    def noted(self) -> dict[str, object]:
        """What was written down when it was made; empty: there is none."""
        path = self.folder / _NOTES
        return json.loads(path.read_text()) if path.exists() else {}

    def note(self, **facts: object) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _NOTES).write_text(json.dumps({**self.noted(), **facts}, indent=2))

    # Its life

    def make(self) -> None:
        """Twenty Ponds that work."""
        if self.noted():
            raise ExerciseError(f"There is an exercise in {self.folder}. End it first: --down")
        self.say("Starting a Catchment")
        environment = self._serve()
        local.init(NAME, environment=environment, arrivals=ponds.BUCKET)
        local.start(NAME)
        self._bucket()
        for pond in ponds.PONDS:
            pond.write(self.projects)
        self.say(f"Deploying {len(ponds.PONDS)} Ponds")
        self.run("deploy", str(self.projects), "--all")
        for words in ponds.SETUP:
            self.run(*words)

    def settle(self, rounds: int) -> None:
        """Some passes of all, for a history; then the triggers that stand."""
        for number in range(1, rounds + 1):
            self.say(f"Running everything, {number} of {rounds}")
            sent = datetime.now(UTC).isoformat()
            self.put(f"{ponds.PREFIX}day-{number}.csv")
            for outlet in ponds.OUTLETS:
                self.run("trigger", "pulse", outlet)
            self.wait(lambda sent=sent: self._fresh(sent), "every Outlet has run")
        for words in ponds.TRIGGERS:
            self.run(*words)

    def _fresh(self, since: str) -> bool:
        return all(self.line(outlet)["end_f"] > since[:19] for outlet in ponds.OUTLETS)

    def down(self) -> None:
        """Nothing of it is left. Safe to repeat."""
        pid = self.noted().get("service")
        if isinstance(pid, int) and _is_service(pid):
            os.kill(pid, signal.SIGTERM)
        if NAME in {one.name for one in catchments.catchments()}:
            local.delete(NAME)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve(self) -> Path:
        """The external demo's service. It lives as long as the exercise."""
        (self.folder / "service").mkdir(parents=True, exist_ok=True)
        log = self.folder / "service" / "log"
        words = ["--port", "0", "--data", str(log.parent), "--token", TOKEN, "--scale", "0.001"]
        with log.open("wb") as out:
            served = subprocess.Popen(
                [sys.executable, "-m", "duckstring_cli.demos.external.service", *words],
                stdout=out,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.note(service=served.pid)
        self.wait(lambda: b"\n" in log.read_bytes(), "the external service answers")
        said = json.loads(log.read_text().splitlines()[0])
        self.note(url=said["url"], jobs=said["jobs"])
        file = self.folder / "environment"
        ids = "".join(f"{name.upper()}_JOB_ID={job}\n" for name, job in said["jobs"].items())
        file.write_text(f"DATABRICKS_HOST={said['url']}\nDATABRICKS_TOKEN={TOKEN}\n{ids}")
        return file

    def _bucket(self) -> None:
        s3 = catchments.session(catchments.find(NAME)).client("s3")
        s3.create_bucket(Bucket=ponds.BUCKET)
        s3.put_bucket_notification_configuration(
            Bucket=ponds.BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )

    # What faults are made of

    def run(self, *words: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.run([*words])
        if code:
            raise ExerciseError(f"duckstring {' '.join(words)}: {err.getvalue().strip()}")

    def redeploy(self, pond: str, old: str, new: str, *, note: str) -> None:
        root = change(self.projects, pond, old, new)
        self.run("deploy", str(root), "--note", note)

    def configure(self, job: str, **settings: object) -> None:
        held = self.noted()
        jobs = held["jobs"]
        assert isinstance(jobs, Mapping)
        httpx.post(f"{held['url']}/demo/jobs/{jobs[job]}", json=settings).raise_for_status()

    def put(self, key: str) -> None:
        s3 = catchments.session(catchments.find(NAME)).client("s3")
        s3.put_object(Bucket=ponds.BUCKET, Key=key, Body=key.encode())

    def line(self, pond: str) -> LineStatus:
        return self.client.status(pond)["lines"][0]

    def status(self, pond: str) -> str:
        return self.line(pond)["status"]

    def attempt(self, pond: str) -> float:
        begun = [
            datetime.fromisoformat(ripple["since"])
            for run in self.line(pond)["runs"]
            for ripple in run["ripples"]
            if ripple["status"] == "running" and ripple["since"]
        ]
        return (datetime.now(UTC) - min(begun)).total_seconds() if begun else 0.0

    def waits_for_token(self, pond: str) -> bool:
        limits = self.client.limit("list")["limits"]
        return any(
            one["line"].startswith(f"{pond}@") for limit in limits for one in limit["waiting"]
        )

    def wait(self, claim: Callable[[], object], what: str) -> None:
        until = time.monotonic() + _PATIENCE
        while not claim():
            if time.monotonic() > until:
                raise ExerciseError(f"{what}: that did not come true within {_PATIENCE:.0f} s")
            time.sleep(_POLL)


def change(projects: Path, pond: str, old: str, new: str) -> Path:
    """Write the next version of a Pond's project: its folder. ``old`` must be there, once."""
    path = projects / pond / "src" / "pond.py"
    code = path.read_text()
    if code.count(old) != 1:
        raise ExerciseError(f"{pond}: {old!r} is there {code.count(old)} times, not once")
    path.write_text(code.replace(old, new))
    manifest = projects / pond / "pond.toml"
    version = 'version = "1.0.{}"'
    manifest.write_text(manifest.read_text().replace(version.format(0), version.format(1)))
    return path.parent.parent


def _is_service(pid: int) -> bool:
    """Numbers of processes are used again."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"demos.external.service" in command


@contextlib.contextmanager
def place(folder: Path, say: Callable[[str], None] = print) -> Iterator[Place]:
    """An exercise in this folder, whose Catchments are not the user's own."""
    home = os.environ.get("DUCKSTRING_HOME")
    tools = os.environ.get("DUCKSTRING_TOOLS")
    kept = tools or str(Path(home or Path.home() / ".duckstring") / "tools")
    os.environ.update(DUCKSTRING_HOME=str(folder / "home"), DUCKSTRING_TOOLS=kept)
    try:
        yield Place(folder, say)
    finally:
        for name, value in (("DUCKSTRING_HOME", home), ("DUCKSTRING_TOOLS", tools)):
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
