"""The life of a local Catchment: init, start, stop, status. Progress goes to ``on_step``, one line
at a time.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from duckstring.errors import OperatorError
from duckstring.model.iceberg import names_databases
from duckstring_cli import catchments
from duckstring_cli.catchments import Access, Catchment
from duckstring_cli.errors import BadInputError
from duckstring_cli.local import inputs, process
from duckstring_cli.local.deployment import (
    INPUTS_TAG,
    REGION,
    Source,
    Synthesis,
    Target,
    bootstrap,
    build_layers,
    deploy,
    is_bootstrapped,
)
from duckstring_cli.local.home import catchment_folder, locked
from duckstring_cli.local.process import Running
from duckstring_cli.local.tools import Tools, ensure_tools
from duckstring_cli.render import OnStep

_RESUMES = "SweepFunction"
_WHOLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
_NEVER_WHOLE = ("CREATE_IN_PROGRESS", "CREATE_FAILED", "REVIEW_", "ROLLBACK_", "DELETE_")
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


def init(  # noqa: PLR0913 - each is an option that users type
    name: str,
    *,
    requirements: Path | None = None,
    environment: Path | None = None,
    arrivals: str | None = None,
    function_timeout: int | None = None,
    iam: bool | None = None,
    iceberg: bool | None = None,
    openlineage: str | None = None,
    port: int | None = None,
    on_notice: OnStep = lambda _: None,
) -> Catchment:
    """Make a local Catchment; nothing is started.

    Raises:
        OperatorError: the name or a file is not allowed, the name or the port is taken.
    """
    if not _NAME.match(name):
        raise BadInputError(
            f"{name!r} cannot be a Catchment's name.",
            hint="A lower-case letter, then up to 31 of a-z 0-9 -; for example dev.",
        )
    if port is not None and not process.is_free(port):
        raise OperatorError(
            f"Port {port} is taken by another program.",
            hint="Choose another --port, or leave it out.",
        )
    _check_iceberg(name, iceberg)
    contents = inputs.read(
        requirements=requirements,
        environment=environment,
        arrivals=arrivals,
        function_timeout=function_timeout,
        iam=iam,
        iceberg=iceberg,
        openlineage=openlineage,
    )
    made = Catchment(
        name=name,
        kind="local",
        stack=f"Duckstring-{name}",
        region=REGION,
        port=port or _default_port(),
    )
    catchments.add(made)
    folder = catchment_folder(name)
    if (folder / "state").exists():
        on_notice(
            f"{folder} holds what an earlier Catchment {name!r} knew: it is taken up again. "
            "Delete the folder first to begin anew."
        )
    inputs.keep(folder, contents)
    return made


def _check_iceberg(name: str, iceberg: bool | None) -> None:
    if iceberg and not names_databases(name):
        raise BadInputError(
            f"Catchment {name!r} cannot have Iceberg tables: its name begins those of databases.",
            hint="Allowed with --iceberg: no two hyphens in a row, none at the end.",
        )


def configure(  # noqa: PLR0913 - each is an option that users type
    name: str | None = None,
    *,
    requirements: Path | None = None,
    environment: Path | None = None,
    arrivals: str | None = None,
    function_timeout: int | None = None,
    iam: bool | None = None,
    iceberg: bool | None = None,
    openlineage: str | None = None,
) -> Source:
    """Replace what it was given, from the next start on. Answers where it is kept.

    Raises:
        OperatorError: it is not local, or a file is not allowed.
    """
    one = _local(name)
    _check_iceberg(one.name, iceberg)
    folder = catchment_folder(one.name)
    contents = inputs.read(
        requirements=requirements,
        environment=environment,
        arrivals=arrivals,
        function_timeout=function_timeout,
        iam=iam,
        iceberg=iceberg,
        openlineage=openlineage,
    )
    with locked(folder / "lock"):
        inputs.keep(folder, contents)
    return Source(one.name, folder)


def prepare(on_step: OnStep = lambda _: None) -> None:
    """Install and build what all Catchments of this machine share: what a first start would wait
    for.

    Raises:
        OperatorError: something failed on the way.
    """
    ensure_tools(on_step)
    on_step("Building the layers")
    build_layers(on_step)


class Change(Protocol):
    """A change of what a running Catchment was given."""

    def tried(self) -> AbstractContextManager[None]:
        """It is kept within; what was before is kept again if anything fails."""

    def check(self, one: Catchment, access: Access, synthesized: Callable[[], None]) -> None:
        """Refuse what the stack would change. ``synthesized`` waits until its template is there."""


def start(
    name: str | None = None,
    on_step: OnStep = lambda _: None,
    on_notice: OnStep = lambda _: None,
    change: Change | None = None,
) -> Started:
    """Start it and bring its stack up to date; quick when both are so already. ``change`` is made
    first, and checked before the stack is deployed.

    Raises:
        OperatorError: it is not local, or something failed on the way.
    """
    one = _local(name)
    folder = catchment_folder(one.name)
    with locked(folder / "lock"), change.tried() if change else nullcontext():
        source = Source(one.name, folder)
        digest = source.digest()
        fresh = not (folder / "state").exists()
        # Building takes as long as installing: both at once where it is certain that both are
        # needed.
        ahead = Synthesis(source) if fresh else None
        tools = ensure_tools(on_step)
        running, one, notices = _ensure_server(one, tools.emulator_python, on_step, on_notice)
        access = catchments.session(one)
        stacks = _stacks(access)
        current = stacks.get(one.stack, {})
        deployed = current.get("StackStatus") not in _WHOLE or _tag(current) != digest
        if deployed:
            key = catchments.require_running(one)
            target = Target(tools=tools, endpoint=str(one.endpoint), key=key)
            with _nothing_half_made(one) if _is_first(current) else nullcontext():
                _ensure_bootstrapped(stacks, access, tools, on_step)
                synthesis = ahead or Synthesis(source)
                if change:
                    change.check(one, access, lambda: synthesis.wait(on_step))
                deploy(source, target, digest=digest, synthesis=synthesis, on_step=on_step)
                one = _finish(one, access)
            process.ask(folder, one.port, method="POST")
        elif not one.outputs.keys() >= {*catchments.NEEDED, _RESUMES}:
            one = _finish(one, access)
        if deployed or not running:
            _resume(one, access, folder)
        return Started(port=one.port, was_running=running, deployed=deployed, notices=notices)


def _ensure_bootstrapped(
    stacks: Mapping[str, Mapping[str, Any]], access: Access, tools: Tools, on_step: OnStep
) -> None:
    if not is_bootstrapped(_whole(stacks)):
        on_step("Preparing the emulated account for the CDK")
        bootstrap(access.client("cloudformation"), tools.bootstrap)


def _resume(one: Catchment, access: Access, folder: Path) -> None:
    """Runs that a stop cut off go on by themselves."""
    access.client("lambda").invoke(
        FunctionName=one.outputs[_RESUMES],
        InvocationType="Event",
        Payload=b'{"op": "sweep"}',
    )
    process.ask(folder, one.port, method="PUT")


def stop(name: str | None = None) -> bool:
    """Stop it; it keeps all it knows. Answers whether it ran.

    Raises:
        OperatorError: it is not local.
    """
    one = _local(name)
    folder = catchment_folder(one.name)
    with locked(folder / "lock"):
        return _end_server(one)


def status(name: str | None = None) -> Status:
    """Whether it runs, and where.

    Raises:
        OperatorError: it is not local.
    """
    one = _local(name)
    folder = catchment_folder(one.name)
    return Status(name=one.name, port=one.port, running=_server(one), folder=folder)


def disconnect(name: str) -> None:
    """Forget a Catchment; one of this machine must be stopped, because nothing else knows its
    server.

    Raises:
        OperatorError: there is none of that name, or it runs.
    """
    one = catchments.find(name)
    if one.kind == "local" and (_server(one) or process.is_held(catchment_folder(name))):
        raise OperatorError(
            f"Catchment {name!r} is running.",
            hint=f"Stop it first: duckstring catchment stop {name}",
        )
    catchments.remove(name)


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
        raise BadInputError(
            f"Catchment {one.name!r} runs in AWS (stack {one.stack}).",
            hint="Only a local Catchment is started and stopped.",
        )
    return one


def _default_port() -> int:
    """A free one that no other Catchment of this user has."""
    taken = {one.port for one in catchments.catchments()}
    return next(port for port in iter(process.free_port, 0) if port not in taken)


def _server(one: Catchment) -> Running | None:
    """Its server: where it should be, or where it was last."""
    folder = catchment_folder(one.name)
    if running := process.ask(folder, one.port):
        return running
    _, port = process.claimed(folder)
    return process.ask(folder, port) if port not in (0, one.port) else None


def _end_server(one: Catchment) -> bool:
    folder = catchment_folder(one.name)
    running, (pid, _) = _server(one), process.claimed(folder)
    if running or (pid and process.is_held(folder)):
        process.end(running.pid if running else pid)
        return True
    if pid:
        process.end_orphans(pid)
    return False


def _is_first(stack: Mapping[str, Any]) -> bool:
    """Whether it was never whole, so that nobody has anything in it."""
    return not stack or str(stack["StackStatus"]).startswith(_NEVER_WHOLE)


@contextmanager
def _nothing_half_made(one: Catchment) -> Iterator[None]:
    """A first deployment that fails or is interrupted leaves a Catchment that is stopped and
    empty.
    """
    try:
        yield
    except BaseException:
        _end_server(one)
        for left in ("state", "s3"):
            shutil.rmtree(catchment_folder(one.name) / left, ignore_errors=True)
        raise


def _ensure_server(
    one: Catchment, python: Path, on_step: OnStep, on_notice: OnStep
) -> tuple[bool, Catchment, tuple[str, ...]]:
    folder = catchment_folder(one.name)
    if running := _server(one):
        if running.port != one.port:
            one = replace(one, port=running.port)
            catchments.save(one)
        return True, one, ()
    pid, port = process.claimed(folder)
    if pid:
        process.end_orphans(pid)
    notices: tuple[str, ...] = ()
    if process.is_held(folder) and not process.is_guarded(folder):
        notices = (
            (
                f"The server of Catchment {one.name!r} was started by an earlier release, and is "
                "started anew: it let everybody in."
            ),
        )
        on_notice(notices[0])
        process.end(pid)
    if process.is_held(folder):
        raise OperatorError(
            (
                f"The server of Catchment {one.name!r} (process {pid}, port {port}) runs but does "
                "not answer."
            ),
            hint=f"Stop it first: duckstring catchment stop {one.name}",
        )
    if not process.is_free(one.port):
        port = _default_port()
        notices = (
            *notices,
            (
                f"Port {one.port} is taken by another program; Catchment {one.name!r} uses {port} "
                "from now on."
            ),
        )
        one = replace(one, port=port)
        catchments.save(one)
        on_notice(notices[-1])
    on_step("Starting the emulator")
    process.launch(name=one.name, folder=folder, port=one.port, python=python)
    return False, one, notices


def _stacks(access: Access) -> Mapping[str, Mapping[str, Any]]:
    found = access.client("cloudformation").describe_stacks()["Stacks"]
    return {
        stack["StackName"]: stack for stack in found if stack["StackStatus"] != "DELETE_COMPLETE"
    }


def _whole(stacks: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    return {name: stack for name, stack in stacks.items() if stack["StackStatus"] in _WHOLE}


def _tag(stack: Mapping[str, Any]) -> str:
    return next(
        (str(tag["Value"]) for tag in stack.get("Tags", []) if tag["Key"] == INPUTS_TAG), ""
    )


def _finish(one: Catchment, access: Access) -> Catchment:
    one = replace(one, outputs=catchments.read_outputs(one))
    catchments.save(one)
    table = one.outputs["Table"]
    database = access.client("dynamodb")
    # The emulator does not take this from the template.
    if (
        database.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
        == "DISABLED"
    ):
        database.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
    return one
