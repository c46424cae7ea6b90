"""One long-lived local Catchment whose functions can be told to misbehave, and the eyes that
look at it from outside.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from bench.chaos import ponds
from bench.chaos.law import Facts, Manifest, Table
from bench.chaos.storage import Storage, storage
from duckstring.adapters.aws import codec
from duckstring.engine.state import PondState
from duckstring.model.instants import to_text
from duckstring.model.names import Line, execution_name
from duckstring_cli import catchments, deploying
from duckstring_cli.client import Client
from duckstring_cli.demos.external.service import databricks as demo
from duckstring_cli.demos.external.service.jobs import Jobs, Run
from duckstring_cli.errors import NotRunningError
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process

NAME = "chaos"
TOKEN = "chaos-token"
VISIBILITY = 6
"""Seconds until SQS shows again what a killed orchestrator held. Deployed are 360: a round would
take as long.
"""
SILENCE = 25
"""Seconds: one beat more than a worker's. Deployed are 180."""
_INJECTED = Path(__file__).parent / "injected"
_POLL = 0.1
_EXTERNAL_SECONDS = 0.4

Found = TypeVar("Found")


class LateError(Exception):
    """Something that must come did not come."""


@dataclass(frozen=True)
class Service:
    """The external demo's service: other people's pipelines."""

    url: str
    jobs: Mapping[str, int]


@dataclass
class Stage:
    """The Catchment."""

    folder: Path
    service: Service
    storage: Storage
    again: list[tuple[float, float]] = field(default_factory=list)
    _mine: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        for name in ("rules", "orders", "taken", "ledger"):
            (self.folder / name).mkdir()

    @cached_property
    def one(self) -> catchments.Catchment:
        return catchments.find(NAME)

    @property
    def outputs(self) -> Mapping[str, str]:
        return self.one.outputs

    def aws(self, service: str) -> Any:
        """A client of this thread's own."""
        key = f"{service}:{self.one.port}"
        made: dict[str, Any] = self._mine.__dict__
        if key not in made:
            made[key] = catchments.session(self.one).client(service)
        return made[key]

    @property
    def client(self) -> Client:
        made: dict[str, Any] = self._mine.__dict__
        key = f"client:{self.one.port}"
        if key not in made:
            made[key] = Client(self.one)
        return made[key]  # type: ignore[no-any-return]

    def arm(self) -> None:
        """Put the injected module on the import path of the functions, by their environment;
        shorten what a kill costs.
        """
        functions = self.aws("lambda")
        for role, output in (
            ("orchestrator", "OrchestratorFunction"),
            ("ripple", "RippleFunction"),
            ("vendor", "VendorFunction"),
        ):
            name = self.function(output, role)
            held = (
                functions.get_function_configuration(FunctionName=name)
                .get("Environment", {})
                .get("Variables", {})
            )
            own = {
                "PYTHONPATH": str(_INJECTED),
                "CHAOS_ROLE": role,
                "CHAOS_RULES": str(self.folder / "rules"),
            }
            if role == "ripple":
                own["AWS_ENDPOINT_URL_S3"] = self.storage.url
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": {**held, **own}}
            )
        for queue in ("Mailbox", "Delays"):
            if queue in self.outputs:
                self.aws("sqs").set_queue_attributes(
                    QueueUrl=self.outputs[queue], Attributes={"VisibilityTimeout": str(VISIBILITY)}
                )

        self._shorten_silence()

    def _shorten_silence(self) -> None:
        """By the API, as an operator could: three minutes of silence a round are long."""
        states, machine = self.aws("stepfunctions"), self.outputs["Machine"]
        definition = states.describe_state_machine(stateMachineArn=machine)["definition"]
        shortened, count = re.subn(r'("HeartbeatSeconds":\s*)\d+', rf"\g<1>{SILENCE}", definition)
        if not count:
            raise LateError("the state machine has no heartbeats")
        states.update_state_machine(stateMachineArn=machine, definition=shortened)

    def function(self, output: str, word: str) -> str:
        """A function's name."""
        if output in self.outputs:
            return self.outputs[output]
        resources = self.aws("cloudformation").describe_stack_resources(StackName=self.one.stack)[
            "StackResources"
        ]
        return next(
            one["PhysicalResourceId"]
            for one in resources
            if one["ResourceType"] == "AWS::Lambda::Function"
            and word in one["LogicalResourceId"].lower()
        )

    # Rules of the injected module

    def rule(self, name: str, **rule: Any) -> None:
        """A rule begins to hold."""
        unfinished = self.folder / "rules" / f"{name}.new"
        unfinished.write_text(json.dumps(rule))
        unfinished.rename(self.folder / "rules" / f"{name}.json")

    def lift(self, name: str) -> None:
        """It holds no more."""
        (self.folder / "rules" / f"{name}.json").unlink(missing_ok=True)

    def fired(self, name: str) -> list[float]:
        """When it struck."""
        found = []
        for path in (self.folder / "rules").glob(f"{name}.fired.*"):
            text = path.read_text()
            found.append(json.loads(text)["at"] if text else path.stat().st_mtime)
        return sorted(found)

    def order(self, pond: str, ripple: str, when: str, **order: Any) -> None:
        """Tell a Ripple what to do, once."""
        name = f"{pond}.{ripple}.{when}.{time.time_ns()}"
        unfinished = self.folder / "orders" / f".{name}"
        unfinished.write_text(json.dumps(order))
        unfinished.rename(self.folder / "orders" / name)

    def orders(self, pond: str) -> list[Path]:
        """Those not taken yet."""
        return list((self.folder / "orders").glob(f"{pond}.*"))

    # Looking

    def notes(self, pond: str) -> list[dict[str, Any]]:
        """The ledger of a Pond. A killed process may have left half a line; nobody else's word
        is lost by it.
        """
        path = self.folder / "ledger" / pond
        found = []
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def states(self, lines: Sequence[str]) -> dict[str, tuple[PondState, bool]]:
        """Lines' states straight from the table, and whether an outbox lies there."""
        keys = [{"pk": {"S": f"LINE#{line}"}, "sk": {"S": "STATE"}} for line in lines]
        table = self.outputs["Table"]
        items = self.aws("dynamodb").batch_get_item(
            RequestItems={table: {"Keys": keys, "ConsistentRead": True}}
        )["Responses"][table]
        read = [(codec.state_from_text(item["state"]["S"]), "outbox" in item) for item in items]
        return {state.line: (state, owes) for state, owes in read}

    def facts(self, line: str, *, since: int) -> Facts:
        """What there is to know of a line's runs after number ``since``."""
        pond, ripples = (
            line.partition("@")[0],
            ponds.RIPPLES[line.partition("@")[0].rpartition("_")[2]],
        )
        client = self.client
        runs = [row for row in client.runs(pond, limit=200) if row["number"] > since]
        attempts = [attempt for row in runs for attempt in client.run(row["run"])["attempts"]]
        state, owes = self.states([line])[line]
        notes = [note for note in self.notes(pond) if note["run"] > since]
        pids = {note["pid"] for note in notes}
        return Facts(
            line=line,
            ripples=ripples,
            runs=runs,
            attempts=attempts,
            notes=notes,
            manifests=[self._manifest(line, item) for item in self._manifests(line, since)],
            again=tuple(self.again),
            owes=owes,
            open_runs=tuple(state.runs),
            living=frozenset(pid for pid in pids if _lives(pid)),
        )

    def _manifests(self, line: str, since: int) -> list[Mapping[str, Any]]:
        return self.aws("dynamodb").query(  # type: ignore[no-any-return]
            TableName=self.outputs["Table"],
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": f"LINE#{line}"},
                ":first": {"S": f"MANIFEST#{since + 1:010d}"},
                ":last": {"S": "MANIFEST#9999999999"},
            },
            ConsistentRead=True,
        )["Items"]

    def _manifest(self, line: str, item: Mapping[str, Any]) -> Manifest:
        tables = codec.tables_from_text(item["tables"]["S"])
        number, f = int(item["sk"]["S"].partition("#")[2]), item["f"]["S"]
        return Manifest(
            line, number, f, [self._table(name, version.key) for name, version in tables.items()]
        )

    def _table(self, name: str, key: str) -> Table:
        from botocore.exceptions import ClientError
        from pyarrow import ArrowInvalid, parquet

        try:
            body = self.aws("s3").get_object(Bucket=self.outputs["Bucket"], Key=key)["Body"].read()
            rows = parquet.read_table(io.BytesIO(body)).to_pylist()
        except (ClientError, ArrowInvalid) as error:
            return Table(name, "", 0, error=str(error))
        first = rows[0] if rows else {}
        return Table(name, _instant(first.get("f", "")), len(rows), _instant(first.get("seen", "")))

    def leftovers(self) -> list[str]:
        """What must not be left when everything rests: letters, executions, tasks."""
        return [*self._letters(), *self._executions(), *self._tasks()]

    def _letters(self) -> Iterator[str]:
        queues = self.aws("sqs")
        for name in ("Mailbox", "DeadLetters", "DeadDelays", "DeadEvents"):
            if name in self.outputs:
                wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
                held = queues.get_queue_attributes(
                    QueueUrl=self.outputs[name], AttributeNames=wanted
                )["Attributes"]
                if count := sum(int(held[one]) for one in wanted):
                    yield f"{count} messages in {name}"

    def _executions(self) -> Iterator[str]:
        found = self.aws("stepfunctions").list_executions(
            stateMachineArn=self.outputs["Machine"], statusFilter="RUNNING"
        )
        yield from (f"execution {one['name']} still runs" for one in found["executions"])

    def _tasks(self) -> Iterator[str]:
        if "Cluster" in self.outputs:
            found = self.aws("ecs").list_tasks(
                cluster=self.outputs["Cluster"], desiredStatus="RUNNING"
            )["taskArns"]
            yield from (f"task {one.rpartition('/')[2]} still runs" for one in found)

    # Acting from outside

    def stop_execution(self, line: str, run: int, launch: int) -> bool:
        """As somebody in the console would. False: it was over, or not begun."""
        from botocore.exceptions import ClientError

        executions = self.outputs["Machine"].replace(":stateMachine:", ":execution:")
        arn = f"{executions}:{execution_name(Line(line), run, launch)}"
        try:
            self.aws("stepfunctions").stop_execution(
                executionArn=arn, error="Outside", cause="stopped by chaos"
            )
        except ClientError:
            return False
        return True

    @cached_property
    def receives(self) -> int:
        """After how many deliveries a letter is given up, as deployed."""
        return int(self._redrive["maxReceiveCount"])

    def give_up_after(self, receives: int) -> None:
        """Have the mailbox give up a letter sooner, or later."""
        _ = self.receives
        policy = json.dumps({**self._redrive, "maxReceiveCount": receives})
        self.aws("sqs").set_queue_attributes(
            QueueUrl=self.outputs["Mailbox"], Attributes={"RedrivePolicy": policy}
        )

    @property
    def _redrive(self) -> dict[str, Any]:
        held = self.aws("sqs").get_queue_attributes(
            QueueUrl=self.outputs["Mailbox"], AttributeNames=["RedrivePolicy"]
        )
        return json.loads(held["Attributes"]["RedrivePolicy"])  # type: ignore[no-any-return]

    def dead(self) -> int:
        """Dead letters of the mailbox."""
        names = ["ApproximateNumberOfMessages"]
        held = self.aws("sqs").get_queue_attributes(
            QueueUrl=self.outputs["DeadLetters"], AttributeNames=names
        )
        return int(held["Attributes"][names[0]])

    def command(self, *words: str) -> tuple[int, str]:
        """``duckstring``, as typed: its exit code and its words."""
        command = [sys.executable, "-m", "duckstring_cli.main", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout or done.stderr

    def sweep(self) -> None:
        """The round that comes every five minutes, now."""
        self.aws("lambda").invoke(
            FunctionName=self.outputs["SweepFunction"], InvocationType="Event", Payload=b"{}"
        )

    def kill_emulator(self) -> float:
        """SIGKILL just after a checkpoint, and start again. What was done in between is undone
        by that.
        """
        one, began = self.one, time.time()
        running = process.ask(local.catchment_folder(NAME), one.port, method="POST")
        if running is None:
            raise LateError("the emulator does not answer")
        os.kill(running.pid, signal.SIGKILL)
        died = time.time()
        self.again.append((began, died + 1.0))
        self._start()
        return died

    def restart_emulator(self) -> float:
        """As an operator does."""
        local.stop(NAME)
        stopped = time.time()
        self._start()
        return stopped

    def _start(self) -> None:
        local.start(NAME)
        self.__dict__.pop("one", None)


@contextmanager
def stage(*, function_timeout: int) -> Iterator[Stage]:
    """A fresh Catchment in a folder of its own; gone at the end, unless ``CHAOS_KEEP`` is set."""
    tools = os.environ.get("DUCKSTRING_TOOLS") or str(Path.home() / ".duckstring" / "tools")
    folder = Path(tempfile.mkdtemp(prefix="duckstring-chaos-"))
    before = {name: os.environ.get(name) for name in ("DUCKSTRING_HOME", "DUCKSTRING_TOOLS")}
    os.environ.update(DUCKSTRING_HOME=str(folder / "home"), DUCKSTRING_TOOLS=tools)
    try:
        with _service(folder) as service, storage(lambda: catchments.find(NAME).port) as between:
            (folder / "environment").write_text(
                f"CHAOS={folder}\nDATABRICKS_HOST={service.url}\nDATABRICKS_TOKEN={TOKEN}\n"
            )
            local.init(
                NAME,
                environment=folder / "environment",
                port=process.free_port(),
                function_timeout=function_timeout,
            )
            local.start(NAME)
            made = Stage(folder, service, between)
            made.arm()
            yield made
    finally:
        local.stop(NAME)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if os.environ.get("CHAOS_KEEP"):
            sys.stderr.write(f"kept: {folder}\n")
        else:
            shutil.rmtree(folder, ignore_errors=True)


class _Pipelines(Jobs):
    """The demo's jobs without their work: a campaign is not about TPC-H."""

    @override
    def _carry_out(self, run: Run) -> None:
        run.state, run.message = "RUNNING", "In run"
        run.cancelled.wait(_EXTERNAL_SECONDS)
        self._end(
            run, *(("CANCELED", "Run cancelled.") if run.cancelled.is_set() else ("SUCCESS", ""))
        )


@contextmanager
def _service(folder: Path) -> Iterator[Service]:
    jobs = _Pipelines(folder, scale=0)
    listening = demo.Service(0, jobs, TOKEN)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield Service(listening.url, {job.name: job.job_id for job in jobs.all()})
    finally:
        listening.shutdown()


def until(
    ask: Callable[[], Found], *, what: str, seconds: float, show: Callable[[], object] = lambda: ""
) -> Found:
    """Ask until the answer is true. Nobody answers while the emulator is down: that is no answer
    yet.

    Raises:
        LateError: it does not come true.
    """
    from botocore.exceptions import BotoCoreError

    limit, heard = time.monotonic() + seconds, ""
    while True:
        try:
            if found := ask():
                return found
        except (BotoCoreError, NotRunningError, catchments.CatchmentNotRunningError) as error:
            heard = str(error)
        if time.monotonic() > limit:
            raise LateError(f"{what}: not within {seconds:.0f} s. {heard or show()}")
        time.sleep(_POLL)


def deploy(client: Client, folder: Path) -> None:
    """Every project in a folder."""
    deploying.deploy(
        client,
        deploying.read(deploying.roots(folder, tree=True)),
        overwrite=True,
        on_step=lambda _: None,
    )


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def _instant(text: str) -> str:
    from datetime import datetime

    return to_text(datetime.fromisoformat(text)) if text else ""
