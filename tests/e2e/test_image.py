"""The image of Ripples, as a task and as a function run it. Where there is no container engine its
Dockerfile is read instead: the files are laid out as it says, and its commands run on them, with
nothing else to import from. That does not show what the base image brings along.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import threading
import time
import venv
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue

import pytest

from duckstring_cli import catchments
from duckstring_cli.local.home import tools_folder
from infra.code import Code
from infra.config import Config
from infra.image import ENTRY_POINT, build_folder
from tests.e2e.conftest import make_role
from tests.e2e.drive import until

ORDER = {"line": "nobody@1", "run": 1, "launch": 1, "ripple": "load", "attempt": 1}
"""An attempt that is not the current one of any line."""


@dataclass
class Laid:
    """An image: its files below ``root``, and what it says of a process."""

    root: Path
    python: Path
    variables: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    command: list[str] = field(default_factory=list)

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command in it; ``python`` is ours, without anything that is installed for it."""
        with self.started(*command, **variables) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def started(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        env = {
            name: value.replace("/opt", str(self.at("/opt")))
            for name, value in self.variables.items()
        }
        words = [str(self.python) if command[0] == "python" else command[0], *command[1:]]
        return subprocess.Popen(
            words,
            cwd=self.at(self.folder),
            env={**env, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def lay_out(context: Path, root: Path, python: Path) -> Laid:
    """Build what the Dockerfile says, stage by stage; an instruction that is unknown here is an
    error.
    """
    stages: dict[str, Laid] = {}
    for word, rest in instructions((context / "Dockerfile").read_text()):
        if word == "FROM":
            name = rest.rpartition(" AS ")[2] if " AS " in rest else "image"
            stages[name] = Laid(root / name, python)
            stages[name].root.mkdir(parents=True)
        elif word == "COPY":
            copy(shlex.split(rest), context, stages, [*stages.values()][-1])
        elif word != "ARG":
            DOES[word]([*stages.values()][-1], rest)
    return stages["image"]


def instructions(text: str) -> list[tuple[str, str]]:
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    return [
        (line.partition(" ")[0], line.partition(" ")[2])
        for line in lines
        if line and not line.startswith("#")
    ]


def copy(words: list[str], context: Path, stages: dict[str, Laid], laid: Laid) -> None:
    if words[0].startswith("--from="):
        _, source, target = words
        shutil.copytree(
            stages[words[0].removeprefix("--from=")].at(source), laid.at(target), dirs_exist_ok=True
        )
        return
    *sources, target = words
    laid.at(target).mkdir(parents=True, exist_ok=True)
    for source in sources:
        shutil.copy(context / source, laid.at(target))


def run(laid: Laid, rest: str) -> None:
    """Nothing but unpacking."""
    for command in rest.split("&&"):
        *python, source, target = shlex.split(command)
        assert python == ["python", "-m", "zipfile", "-e"]
        subprocess.run([sys.executable, *python[1:], laid.at(source), laid.at(target)], check=True)


def env(laid: Laid, rest: str) -> None:
    laid.variables |= dict(pair.split("=", 1) for pair in shlex.split(rest))


def workdir(laid: Laid, rest: str) -> None:
    laid.folder = rest


def user(laid: Laid, rest: str) -> None:
    assert not rest.startswith(("0", "root")), "the author's code is no superuser's"


def cmd(laid: Laid, rest: str) -> None:
    laid.command = json.loads(rest)


DOES = {"RUN": run, "ENV": env, "WORKDIR": workdir, "USER": user, "CMD": cmd}


@pytest.fixture(scope="module")
def image(duckstring_home, tmp_path_factory) -> Laid:
    """Of this machine's platform: what can be run here."""
    build = tools_folder() / "layers"
    config = Config(
        platform="host", python=f"{sys.version_info.major}.{sys.version_info.minor}", build=build
    )
    folder = tmp_path_factory.mktemp("image")
    # An interpreter with nothing installed for it, as the base image has one.
    venv.create(folder / "venv", symlinks=True)
    return lay_out(
        build_folder(Code.build(config), folder),
        folder / "stages",
        folder / "venv" / "bin" / "python",
    )


def test_it_holds_what_the_function_holds_in_the_same_places(image):
    names = (
        "duckdb, duckstring.external, functions.ripple.handler, functions.ripple.task_worker, "
        "pydantic"
    )
    done = image.run(
        "python",
        "-c",
        (
            f"import importlib.util\nfor name in {names.split(', ')}: "
            "print(importlib.util.find_spec(name).origin)"
        ),
    )
    assert done.returncode == 0, done.stderr
    assert [Path(line).relative_to(image.root).as_posix() for line in done.stdout.split()] == [
        "opt/python/duckdb/__init__.py",
        "opt/python/duckstring/external/__init__.py",
        "var/task/functions/ripple/handler.py",
        "var/task/functions/ripple/task_worker.py",
        "opt/python/pydantic/__init__.py",
    ]


def test_its_command_makes_an_attempt_and_answers_for_it(image, access, local_catchment):
    """Against the running Catchment, and a machine that waits: for an attempt that is not the
    current one, which ends at once.
    """
    states, execution, token = awaited(access)
    done = image.run(
        *image.command,
        **environment_of(local_catchment),
        DUCKSTRING_ORDER=json.dumps(ORDER | {"memory_mib": 8192}),
        DUCKSTRING_TASK_TOKEN=token,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "attempt is not the current one; nothing done" in done.stderr + done.stdout
    ended = until(
        lambda: (
            (one := states.describe_execution(executionArn=execution))["status"] != "RUNNING"
            and one
        ),
        what="the answer",
    )
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"outcome": "ok"})


def test_in_a_function_it_takes_an_invocation_from_lambda_and_answers_it(image, local_catchment):
    """The other side of Lambda's runtime API is played here, for one invocation."""
    answers: Queue[tuple[str, str]] = Queue()

    class Invocations(BaseHTTPRequestHandler):
        asked = 0

        def do_GET(self) -> None:
            Invocations.asked += 1
            if Invocations.asked > 1:  # no other comes
                self.rfile.read(1)
                return
            body = json.dumps({"op": "run", **ORDER}).encode()
            self.send_response(200)
            for name, value in {
                "Lambda-Runtime-Aws-Request-Id": "one",
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:0:function:ripple",
                "Lambda-Runtime-Trace-Id": "Root=1-0-0;Parent=0;Sampled=0",
                "Content-Type": "application/json",
            }.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            answers.put((self.path, self.rfile.read(size).decode()))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Invocations) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        process = image.started(
            *ENTRY_POINT,
            "functions.ripple.handler.handle",
            **environment_of(local_catchment),
            AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{server.server_port}",
            AWS_LAMBDA_INITIALIZATION_TYPE="on-demand",
            AWS_LAMBDA_FUNCTION_NAME="ripple",
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE="2048",
            AWS_LAMBDA_FUNCTION_TIMEOUT="60",
        )
        try:
            path, answer = answers.get(timeout=60)
        except Empty:
            path, answer = "no answer", "{}"
        finally:
            process.terminate()
            out, err = process.communicate()
            server.shutdown()
    assert path == "/2018-06-01/runtime/invocation/one/response", (
        process.returncode,
        answer + out + err,
    )
    assert json.loads(answer) == {"outcome": "ok"}
    assert "attempt is not the current one; nothing done" in out + err


def environment_of(catchment: catchments.Catchment) -> dict[str, str]:
    key = catchments.require_running(catchments.find(catchment.name))
    outputs = catchments.outputs(catchment)
    return {
        "DUCKSTRING_CATCHMENT": catchment.name,
        "DUCKSTRING_TABLE": outputs["Table"],
        "DUCKSTRING_BUCKET": outputs["Bucket"],
        "DUCKSTRING_MAILBOX": outputs["Mailbox"],
        "AWS_ENDPOINT_URL": str(catchments.find(catchment.name).endpoint),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
    }


def awaited(access):
    """A machine that hands its token to a queue and waits: (Step Functions, the execution, the
    token).
    """
    sqs, states = access.client("sqs"), access.client("stepfunctions")
    queue = sqs.create_queue(QueueName="image")["QueueUrl"]
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"},
        "End": True,
    }
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": ask}})
    role = make_role(access, "image", "sqs:SendMessage")
    machine = states.create_state_machine(name="image", definition=definition, roleArn=role)[
        "stateMachineArn"
    ]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    (message,) = until(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"),
        what="the token comes",
    )
    return states, execution, message["Body"]
