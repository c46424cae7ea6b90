"""What the api's door does with a request: its operation, its arguments, one use case, an
answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from duckstring import __version__
from duckstring.api import (
    arrival,
    checkup,
    compute,
    control,
    history,
    remove,
    remove_table,
    status,
    tables,
    trigger,
    windows,
)
from duckstring.api.ports import ApiPorts, ControlPorts, DeployPorts, RemovePorts, RemoveTablePorts
from duckstring.errors import DuckstringError, OperatorError
from duckstring.model.find import find_deployed

if TYPE_CHECKING:
    from duckstring.model.answers import (
        Answered,
        ArrivalAnswer,
        BudgetAnswer,
        ComputeAnswer,
        ControlAnswer,
        DeployAnswer,
        DoctorAnswer,
        Fault,
        HelloAnswer,
        Refused,
        RemoveAnswer,
        RunAnswer,
        RunsAnswer,
        StatusAnswer,
        TablesAnswer,
        TriggerAnswer,
        WindowAnswer,
    )


def answer(request: Mapping[str, object], ports: ApiPorts) -> Answered | Refused:
    """The result of one request, or the refusal of it, as docs/protocol.md has them.

    Raises:
        Exception: a bug, or the world is out of order; the door tells the log.
    """
    try:
        operation = OPERATIONS.get(str(request.get("op")))
        if operation is None:
            raise OperatorError(
                f"No operation {request.get('op')!r}; allowed: {', '.join(OPERATIONS)}."
            )
        return {"ok": True, "result": operation(request, ports)}
    except DuckstringError as error:
        return refusal(error)


def refusal(error: DuckstringError) -> Refused:
    """An error of the tree, on the wire."""
    told: Fault = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
    if traceback := getattr(error, "traceback", ""):
        told["traceback"] = traceback
    return {"ok": False, "error": told}


def _hello(request: Mapping[str, object], ports: ApiPorts) -> HelloAnswer:
    here = ports.settings
    lines = len(ports.catalog.releases())
    return {
        "catchment": here.catchment,
        "version": __version__,
        "table": here.table,
        "bucket": here.bucket,
        "lines": lines,
    }


def _deploy(request: Mapping[str, object], ports: ApiPorts) -> DeployAnswer:
    from duckstring.api import deploy  # noqa: PLC0415 - pydantic and semver: no other operation pays for them

    ponds = request.get("ponds")
    if not isinstance(ponds, list) or not all(isinstance(pond, Mapping) for pond in ponds):
        raise OperatorError("ponds must be a list of objects: manifest, artifact, sha256.")
    needed = DeployPorts(
        catalog=ports.catalog,
        removals=ports.removals,
        artifacts=ports.artifacts,
        discovery=ports.discovery,
        states=ports.states,
        attempts=ports.attempts,
        mailbox=ports.mailbox,
        clock=ports.clock,
        function=ports.settings.function,
    )
    return deploy.deploy(ponds, needed, overwrite=_flag(request, "overwrite"))


def _trigger(request: Mapping[str, object], ports: ApiPorts) -> TriggerAnswer:
    pond, kind = _need(request, "pond"), _need(request, "kind")
    major, bound = _number(request, "major"), request.get("bound")
    return trigger.trigger(
        pond,
        kind,
        major=major,
        bound=bound,
        catalog=ports.catalog,
        states=ports.states,
        door=ports.door,
        clock=ports.clock,
    )


def _control(request: Mapping[str, object], ports: ApiPorts) -> ControlAnswer:
    pond, verb = _need(request, "pond"), _need(request, "verb")
    return control.control(
        pond,
        verb,
        _control_ports(ports),
        major=_number(request, "major"),
        upstream=_flag(request, "upstream"),
    )


def _failure_budget(request: Mapping[str, object], ports: ApiPorts) -> BudgetAnswer:
    immediate, source = _number(request, "immediate_retries"), _number(request, "source_retries")
    pond, major = _need(request, "pond"), _number(request, "major")
    return control.failure_budget(
        pond, _control_ports(ports), major=major, immediate_retries=immediate, source_retries=source
    )


def _compute(request: Mapping[str, object], ports: ApiPorts) -> ComputeAnswer:
    wish = compute.Wish(
        _text(request, "ripple"), _text(request, "on"), _number(request, "memory_mib")
    )
    pond, major = _need(request, "pond"), _number(request, "major")
    return compute.compute(
        pond, wish, _control_ports(ports), function=ports.settings.function, major=major
    )


def _control_ports(ports: ApiPorts) -> ControlPorts:
    return ControlPorts(ports.catalog, ports.states, ports.mailbox, ports.clock)


def _window(request: Mapping[str, object], ports: ApiPorts) -> WindowAnswer:
    release = find_deployed(ports.catalog, _need(request, "pond"), _number(request, "major"))
    match request.get("action"):
        case "add":
            return windows.add(
                request.get("window"),
                release,
                mailbox=ports.mailbox,
                states=ports.states,
                clock=ports.clock,
            )
        case "remove":
            return windows.remove(
                _need(request, "name"),
                release.line,
                mailbox=ports.mailbox,
                states=ports.states,
                clock=ports.clock,
            )
        case "list":
            return windows.listed(release.line, states=ports.states, clock=ports.clock)
        case other:
            raise OperatorError(f"action is {other!r}; allowed: add, list, remove.")


def _status(request: Mapping[str, object], ports: ApiPorts) -> StatusAnswer:
    pond, major = _text(request, "pond"), _number(request, "major")
    return status.status(
        catalog=ports.catalog,
        states=ports.states,
        history=ports.history,
        attempts=ports.attempts,
        clock=ports.clock,
        pond=pond,
        major=major,
    )


def _runs(request: Mapping[str, object], ports: ApiPorts) -> RunsAnswer:
    limit = _number(request, "limit")
    return history.runs(
        catalog=ports.catalog,
        removals=ports.removals,
        history=ports.history,
        clock=ports.clock,
        pond=_text(request, "pond"),
        major=_number(request, "major"),
        status=_text(request, "status"),
        limit=20 if limit is None else limit,
    )


def _run(request: Mapping[str, object], ports: ApiPorts) -> RunAnswer:
    return history.show_run(
        _need(request, "run"), history=ports.history, snapshots=ports.snapshots, clock=ports.clock
    )


def _tables(request: Mapping[str, object], ports: ApiPorts) -> TablesAnswer:
    pond, major = _need(request, "pond"), _number(request, "major")
    return tables.tables(pond, major, catalog=ports.catalog, states=ports.states, files=ports.files)


def _remove(request: Mapping[str, object], ports: ApiPorts) -> RemoveAnswer:
    pond, major, version = (
        _need(request, "pond"),
        _number(request, "major"),
        _text(request, "version"),
    )
    if (table := _text(request, "table")) is not None:
        reading = RemoveTablePorts(
            ports.catalog, ports.states, ports.history, ports.mailbox, ports.clock
        )
        if version is not None:
            raise OperatorError("table with version; a table belongs to the line.")
        return remove_table.remove_table(
            pond, table, reading, major=major, dry=_flag(request, "dry")
        )
    removing = RemovePorts(ports.catalog, ports.removals, ports.states, ports.mailbox, ports.clock)
    return remove.remove(pond, removing, major=major, version=version, dry=_flag(request, "dry"))


def _arrival(request: Mapping[str, object], ports: ApiPorts) -> ArrivalAnswer:
    line = find_deployed(ports.catalog, _need(request, "pond"), _number(request, "major")).line
    listened = tuple(filter(None, ports.settings.arrivals.split(",")))
    match action := request.get("action"):
        case "add":
            given = request.get("arrival")
            if not isinstance(given, Mapping):
                raise OperatorError(
                    "arrival must be an object: name, bucket, prefix, suffix, kind."
                )
            return arrival.add(line, given, arrivals=ports.arrivals, listened=listened)
        case "list":
            return arrival.show(line, ports.arrivals)
        case "remove":
            return arrival.remove(line, _need(request, "name"), arrivals=ports.arrivals)
        case _:
            raise OperatorError(f"action is {action!r}; allowed: add, list, remove.")


def _doctor(request: Mapping[str, object], ports: ApiPorts) -> DoctorAnswer:
    return checkup.checkup(
        catalog=ports.catalog, states=ports.states, executions=ports.executions, clock=ports.clock
    )


OPERATIONS: Mapping[str, Callable[[Mapping[str, object], ApiPorts], Mapping[str, object]]] = {
    "hello": _hello,
    "deploy": _deploy,
    "trigger": _trigger,
    "control": _control,
    "failure-budget": _failure_budget,
    "compute": _compute,
    "window": _window,
    "status": _status,
    "runs": _runs,
    "run": _run,
    "tables": _tables,
    "remove": _remove,
    "arrival": _arrival,
    "doctor": _doctor,
}


def _text(request: Mapping[str, object], name: str) -> str | None:
    value = request.get(name)
    if value is None or isinstance(value, str):
        return value
    raise OperatorError(f"{name} is {value!r}; allowed: text.")


def _need(request: Mapping[str, object], name: str) -> str:
    if value := _text(request, name):
        return value
    raise OperatorError(f"{name} is missing; allowed: text.")


def _number(request: Mapping[str, object], name: str) -> int | None:
    value = request.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise OperatorError(f"{name} is {value!r}; allowed: a whole number.")


def _flag(request: Mapping[str, object], name: str) -> bool:
    value = request.get(name, False)
    if isinstance(value, bool):
        return value
    raise OperatorError(f"{name} is {value!r}; allowed: true or false.")
