"""The life of a local Catchment: init, start, stop, status. Progress is told to ``on_step``, one line at a time."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from duckstring.errors import OperatorError
from duckstring_cli import catchments
from duckstring_cli.catchments import Access, Catchment
from duckstring_cli.local import process
from duckstring_cli.local.deployment import INPUTS_TAG, REGION, Source, Synthesis, Way, deploy, is_bootstrapped
from duckstring_cli.local.home import catchment_folder
from duckstring_cli.local.process import Running
from duckstring_cli.local.tools import OnStep, ensure_tools, locked

DEFAULT_PORT = 4566
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,31}$")


@dataclass(frozen=True, slots=True)
class Started:
    """What a start did."""

    port: int
    was_running: bool
    deployed: bool
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """How a local Catchment is."""

    name: str
    port: int
    running: Running | None
    folder: Path


def init(name: str, *, requirements: Path | None = None, environment: Path | None = None, port: int | None = None) -> Catchment:
    """Make a local Catchment; nothing is started.

    Raises:
        OperatorError: the name or a file is not allowed, the name or the port is taken.
    """
    if not _NAME.match(name):
        raise OperatorError(
            f"{name!r} is no name for a Catchment.", hint="A lower-case letter, then up to 31 of a-z 0-9 -; for example dev."
        )
    if port is not None and not process.is_free(port):
        raise OperatorError(f"Port {port} is taken by another program.", hint="Choose another --port, or leave it out.")
    sources = {"requirements.txt": requirements, "environment": environment}
    contents = {target: _content(path) for target, path in sources.items() if path}
    made = Catchment(name=name, kind="local", stack=f"Duckstring-{name}", region=REGION, port=port or DEFAULT_PORT)
    catchments.add(made)
    folder = catchment_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    for target, content in contents.items():
        _write_private(folder / target, content)
    return made


def start(name: str | None = None, on_step: OnStep = lambda _: None) -> Started:
    """Start it and bring its stack up to date; quick when both are so already.

    Raises:
        OperatorError: it is not local, or something failed on the way.
    """
    one = _local(name)
    folder = catchment_folder(one.name)
    with locked(folder / "lock"):
        source = Source(one.name, folder)
        digest = source.digest()
        fresh = not (folder / "state").exists()
        # Building takes as long as installing: both at once where it is certain that both are needed.
        ahead = Synthesis(source) if fresh else None
        tools = ensure_tools(on_step)
        running, one, notices = _ensure_server(one, tools.emulator_python, on_step)
        access = catchments.session(one)
        stacks = _stacks(access)
        current = stacks.get(one.stack)
        deployed = current is None or _tag(current) != digest
        if deployed:
            deploy(
                source,
                Way(tools=tools, endpoint=str(one.endpoint), bootstrapped=is_bootstrapped(stacks)),
                digest=digest,
                synthesis=ahead or Synthesis(source),
                on_step=on_step,
            )
            one = _finish(one, access)
            process.ask(folder, one.port, method="POST")
        if deployed or not running:
            # Runs that a stop cut off go on by themselves.
            access.client("lambda").invoke(FunctionName=one.outputs["SweepFunction"], InvocationType="Event", Payload=b'{"op": "sweep"}')
            process.ask(folder, one.port, method="PUT")
        return Started(port=one.port, was_running=running, deployed=deployed, notices=notices)


def stop(name: str | None = None) -> bool:
    """Stop it; it keeps all it knows. Answers whether it ran.

    Raises:
        OperatorError: it is not local.
    """
    one = _local(name)
    folder = catchment_folder(one.name)
    with locked(folder / "lock"):
        running = process.ask(folder, one.port)
        pid = running.pid if running else _last_pid(folder)
        if running:
            process.end(running.pid)
        elif pid:
            process.end_orphans(pid)
        return running is not None


def status(name: str | None = None) -> Status:
    """Whether it runs, and where.

    Raises:
        OperatorError: it is not local.
    """
    one = _local(name)
    folder = catchment_folder(one.name)
    return Status(name=one.name, port=one.port, running=process.ask(folder, one.port), folder=folder)


def delete(name: str) -> None:
    """Stop it and delete all that it is.

    Raises:
        OperatorError: it is not local.
    """
    stop(name)
    shutil.rmtree(catchment_folder(_local(name).name), ignore_errors=True)
    catchments.remove(name)


def _local(name: str | None) -> Catchment:
    one = catchments.find(name)
    if one.kind != "local":
        raise OperatorError(
            f"Catchment {one.name!r} runs in AWS (stack {one.stack}).", hint="Only a local Catchment is started and stopped."
        )
    return one


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read: {error}", hint="Name a text file that exists.") from error


def _write_private(path: Path, content: str) -> None:
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")


def _ensure_server(one: Catchment, python: Path, on_step: OnStep) -> tuple[bool, Catchment, tuple[str, ...]]:
    folder = catchment_folder(one.name)
    if process.ask(folder, one.port):
        return True, one, ()
    if pid := _last_pid(folder):
        process.end_orphans(pid)
    notices: tuple[str, ...] = ()
    if not process.is_free(one.port):
        port = process.free_port()
        notices = (f"Port {one.port} is taken by another program; Catchment {one.name!r} uses {port} from now on.",)
        one = replace(one, port=port)
        catchments.save(one)
    on_step("Starting the emulator")
    running = process.launch(name=one.name, folder=folder, port=one.port, python=python)
    (folder / "server.json").write_text(json.dumps({"pid": running.pid, "port": running.port}), encoding="utf-8")
    return False, one, notices


def _last_pid(folder: Path) -> int:
    path = folder / "server.json"
    return int(json.loads(path.read_text(encoding="utf-8"))["pid"]) if path.exists() else 0


def _stacks(access: Access) -> Mapping[str, Mapping[str, Any]]:
    found = access.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack for stack in found if stack["StackStatus"].endswith("_COMPLETE")}


def _tag(stack: Mapping[str, Any]) -> str:
    return next((str(tag["Value"]) for tag in stack.get("Tags", []) if tag["Key"] == INPUTS_TAG), "")


def _finish(one: Catchment, access: Access) -> Catchment:
    one = replace(one, outputs=catchments.read_outputs(one))
    catchments.save(one)
    table = one.outputs["Table"]
    database = access.client("dynamodb")
    # The emulator does not take this from the template.
    if database.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED":
        database.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    return one
