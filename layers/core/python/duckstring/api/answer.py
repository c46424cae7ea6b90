"""The api's entry point: read a request's operation and arguments, call one use case, return the
answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from duckstring import __version__
from duckstring.api import (
    arrival,
    audit,
    auditing,
    backlog,
    batch,
    checkup,
    compute,
    control,
    cost,
    history,
    kept,
    lake,
    limits,
    lineage,
    maintenance,
    publish,
    remove,
    remove_table,
    replay,
    requests,
    snapshots,
    stale,
    status,
    tables,
    tag,
    trace,
    trigger,
    why,
    windows,
)
from duckstring.api.ports import (
    ApiPorts,
    ControlPorts,
    DeployPorts,
    LimitPorts,
    PublishPorts,
    RemovePorts,
    RemoveTablePorts,
    WhyPorts,
)
from duckstring.errors import DuckstringError, OperatorError
from duckstring.model.access import Level, covers, level_for
from duckstring.model.find import find_deployed
from duckstring.model.schema import check_command

if TYPE_CHECKING:
    from duckstring.model.answers.changes import (
        ArrivalAnswer,
        BacklogAnswer,
        BudgetAnswer,
        ComputeAnswer,
        ControlAnswer,
        DeployAnswer,
        LimitAnswer,
        PriorityAnswer,
        RemoveAnswer,
        StaleAnswer,
        TriggerAnswer,
        WindowAnswer,
    )
    from duckstring.model.answers.common import Answered, Fault, Refused
    from duckstring.model.answers.doctor import DoctorAnswer, HelloAnswer
    from duckstring.model.answers.lake import LakeAnswer, RepairAnswer
    from duckstring.model.answers.lineage import LineageAnswer, TraceAnswer
    from duckstring.model.answers.operated import (
        AuditAnswer,
        BatchAnswer,
        MaintenanceAnswer,
        TagAnswer,
    )
    from duckstring.model.answers.replay import ReplayAnswer
    from duckstring.model.answers.runs import CostAnswer, RunAnswer, RunsAnswer
    from duckstring.model.answers.status import StatusAnswer
    from duckstring.model.answers.tables import (
        KeptAnswer,
        PublishAnswer,
        SnapshotsAnswer,
        TablesAnswer,
    )
    from duckstring.model.answers.why import WhyAnswer


class Operation(NamedTuple, Generic[requests.Asked]):
    """One operation of the api: the form of its request, and the function that answers it."""

    request: type[requests.Asked]
    answer: Callable[[requests.Asked, ApiPorts], Mapping[str, object]]


class NotPermittedError(OperatorError):
    """The function that was asked serves another level of access."""

    def __init__(self, op: str, *, level: Level, needed: Level, catchment: str) -> None:
        access = "read-only" if level == "viewer" else f"{level}'s"
        super().__init__(
            f"{op} is not possible with {access} access to Catchment {catchment!r}.",
            hint=f'Ask for the {needed} policy: docs/aws.md, "People".',
        )


def answer(
    request: Mapping[str, object],
    ports: ApiPorts,
    level: Level = "deployer",
    *,
    number: str = "",
) -> Answered | Refused:
    """The result of one request, or its refusal, in the form of docs/protocol.md.

    Args:
        request: the operation ``op`` and its arguments.
        ports: of the function that answers.
        level: what that function serves.
        number: of the invocation.

    Raises:
        Exception: a bug, or AWS is out of order; the handler logs it.
    """
    try:
        operation = OPERATIONS.get(str(request.get("op")))
        if operation is None:
            raise OperatorError(
                f"No operation {request.get('op')!r}; allowed: {', '.join(OPERATIONS)}."
            )
        if not covers(level, needed := level_for(request)):
            raise NotPermittedError(
                str(request["op"]), level=level, needed=needed, catchment=ports.settings.catchment
            )
        check_command(str(request["op"]), request.get("schema"))
        asked = requests.read(operation.request, request)
        if needed == "viewer":
            result = operation.answer(asked, ports)
        else:
            result = auditing.carried_out(asked, operation.answer, ports, request, number=number)
    except DuckstringError as error:
        return refusal(error)
    return {"ok": True, "result": result}


def refusal(error: DuckstringError) -> Refused:
    """The wire form of an error of ours."""
    fault: Fault = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
    if traceback := getattr(error, "traceback", ""):
        fault["traceback"] = traceback
    return {"ok": False, "error": fault}


def _hello(asked: requests.NothingAsked, ports: ApiPorts) -> HelloAnswer:
    here = ports.settings
    lines = len(ports.catalog.releases())
    return {
        "catchment": here.catchment,
        "version": __version__,
        "table": here.table,
        "bucket": here.bucket,
        "lines": lines,
    }


def _deploy(asked: requests.DeployRequest, ports: ApiPorts) -> DeployAnswer:
    from duckstring.api import deploy  # noqa: PLC0415 - pydantic and semver: no other operation pays for them

    needed = DeployPorts(
        catalog=ports.catalog,
        removals=ports.removals,
        artifacts=ports.artifacts,
        discovery=ports.discovery,
        states=ports.states,
        limits=ports.limits,
        attempts=ports.attempts,
        mailbox=ports.mailbox,
        clock=ports.clock,
        function=ports.settings.function,
        operated=ports.operated,
    )
    return deploy.deploy(asked.ponds, needed, overwrite=asked.overwrite)


def _trigger(asked: requests.TriggerRequest, ports: ApiPorts) -> TriggerAnswer:
    return trigger.trigger(
        asked.pond, asked.kind, _control_ports(ports), major=asked.major, bound=asked.bound
    )


def _control(asked: requests.ControlRequest, ports: ApiPorts) -> ControlAnswer:
    return control.control(
        asked.pond,
        asked.verb,
        _control_ports(ports),
        major=asked.major,
        upstream=asked.upstream,
    )


def _failure_budget(asked: requests.BudgetRequest, ports: ApiPorts) -> BudgetAnswer:
    return control.failure_budget(
        asked.pond,
        _control_ports(ports),
        major=asked.major,
        immediate_retries=asked.immediate_retries,
        source_retries=asked.source_retries,
    )


def _priority(asked: requests.PriorityRequest, ports: ApiPorts) -> PriorityAnswer:
    return limits.priority(asked, _control_ports(ports))


def _limit(asked: requests.LimitRequest, ports: ApiPorts) -> LimitAnswer:
    needed = LimitPorts(ports.catalog, ports.limits, ports.mailbox, ports.clock)
    return limits.limit(asked, needed)


def _compute(asked: requests.ComputeRequest, ports: ApiPorts) -> ComputeAnswer:
    return compute.compute(asked, _control_ports(ports), function=ports.settings.function)


def _control_ports(ports: ApiPorts) -> ControlPorts:
    return ControlPorts(ports.catalog, ports.states, ports.mailbox, ports.clock, ports.said)


def _batch(asked: requests.BatchRequest, ports: ApiPorts) -> BatchAnswer:
    return batch.batch(asked, ports)


def _tag(asked: requests.TagRequest, ports: ApiPorts) -> TagAnswer:
    return tag.tag(asked, catalog=ports.catalog, operated=ports.operated)


def _audit(asked: requests.AuditRequest, ports: ApiPorts) -> AuditAnswer:
    return audit.audit(
        asked,
        catalog=ports.catalog,
        removals=ports.removals,
        audits=ports.audits,
        clock=ports.clock,
    )


def _maintenance(asked: requests.MaintenanceRequest, ports: ApiPorts) -> MaintenanceAnswer:
    return maintenance.maintenance(asked, ports)


def _window(asked: requests.WindowRequest, ports: ApiPorts) -> WindowAnswer:
    release = find_deployed(ports.catalog, asked.pond, asked.major)
    match asked.action:
        case "add":
            return windows.add(
                asked.window,
                release,
                mailbox=ports.mailbox,
                states=ports.states,
                clock=ports.clock,
            )
        case "remove":
            if asked.name is None:
                raise requests.missing("name")
            return windows.remove(
                asked.name,
                release.line,
                mailbox=ports.mailbox,
                states=ports.states,
                clock=ports.clock,
            )
        case "list":
            return windows.listed(release.line, states=ports.states, clock=ports.clock)


def _stale(asked: requests.StaleRequest, ports: ApiPorts) -> StaleAnswer:
    return stale.stale(asked, _control_ports(ports))


def _status(asked: requests.StatusRequest, ports: ApiPorts) -> StatusAnswer:
    return status.status(
        asked,
        catalog=ports.catalog,
        states=ports.states,
        rest=ports.rest,
        limits=ports.limits,
        history=ports.history,
        attempts=ports.attempts,
        operated=ports.operated,
        clock=ports.clock,
    )


def _why(asked: requests.WhyRequest, ports: ApiPorts) -> WhyAnswer:
    return why.why(
        asked,
        WhyPorts(
            ports.catalog,
            ports.removals,
            ports.states,
            ports.history,
            ports.attempts,
            ports.journal,
            ports.limits,
            ports.clock,
        ),
    )


def _replay(asked: requests.ReplayRequest, ports: ApiPorts) -> ReplayAnswer:
    return replay.replay(
        asked,
        catalog=ports.catalog,
        removals=ports.removals,
        journal=ports.journal,
        clock=ports.clock,
    )


def _runs(asked: requests.RunsRequest, ports: ApiPorts) -> RunsAnswer:
    return history.runs(
        asked,
        catalog=ports.catalog,
        removals=ports.removals,
        states=ports.states,
        rest=ports.rest,
        history=ports.history,
        operated=ports.operated,
        clock=ports.clock,
    )


def _cost(asked: requests.CostRequest, ports: ApiPorts) -> CostAnswer:
    return cost.cost(
        asked,
        catalog=ports.catalog,
        removals=ports.removals,
        history=ports.history,
        clock=ports.clock,
    )


def _run(asked: requests.RunRequest, ports: ApiPorts) -> RunAnswer:
    return history.show_run(
        asked.run,
        history=ports.history,
        snapshots=ports.snapshots,
        audits=ports.audits,
        states=ports.states,
        clock=ports.clock,
    )


def _tables(asked: requests.TablesRequest, ports: ApiPorts) -> TablesAnswer:
    return tables.tables_of_snapshot(
        asked,
        catalog=ports.catalog,
        states=ports.states,
        published=ports.published,
        files=ports.files,
    )


def _snapshots(asked: requests.SnapshotsRequest, ports: ApiPorts) -> SnapshotsAnswer:
    return snapshots.snapshots(
        asked,
        catalog=ports.catalog,
        states=ports.states,
        published=ports.published,
        files=ports.files,
        clock=ports.clock,
    )


def _kept(asked: requests.KeptRequest, ports: ApiPorts) -> KeptAnswer:
    return kept.kept(
        asked,
        catalog=ports.catalog,
        states=ports.states,
        published=ports.published,
        whole=ports.settings.retention,
        clock=ports.clock,
    )


def _lake(asked: requests.NothingAsked, ports: ApiPorts) -> LakeAnswer:
    return lake.lake(
        lakes=ports.lakes,
        iceberg=ports.iceberg if ports.settings.iceberg else None,
        bucket=ports.settings.bucket,
        seconds=ports.settings.lake_after,
        clock=ports.clock,
    )


def _repair(asked: requests.NothingAsked, ports: ApiPorts) -> RepairAnswer:
    settings = ports.settings
    return lake.repair(
        lake=settings.lake_after, iceberg=bool(settings.iceberg), repairs=ports.repairs
    )


def _publish(asked: requests.PublishRequest, ports: ApiPorts) -> PublishAnswer:
    return publish.publish(
        asked,
        PublishPorts(ports.catalog, ports.states, ports.published, ports.mailbox, ports.clock),
    )


def _lineage(asked: requests.LineageRequest, ports: ApiPorts) -> LineageAnswer:
    return lineage.lineage(
        asked, catalog=ports.catalog, states=ports.states, recorded=ports.lineage
    )


def _trace(asked: requests.TraceRequest, ports: ApiPorts) -> TraceAnswer:
    return trace.trace(
        asked, catalog=ports.catalog, removals=ports.removals, recorded=ports.lineage
    )


def _remove(asked: requests.RemoveRequest, ports: ApiPorts) -> RemoveAnswer:
    if asked.table is not None:
        if asked.version is not None:
            raise OperatorError("table with version; a table belongs to the line.")
        reading = RemoveTablePorts(
            ports.catalog, ports.states, ports.history, ports.mailbox, ports.clock
        )
        return remove_table.remove_table(
            asked.pond, asked.table, reading, major=asked.major, dry=asked.dry
        )
    removing = RemovePorts(ports.catalog, ports.removals, ports.states, ports.mailbox, ports.clock)
    return remove.remove(
        asked.pond, removing, major=asked.major, version=asked.version, dry=asked.dry
    )


def _arrival(asked: requests.ArrivalRequest, ports: ApiPorts) -> ArrivalAnswer:
    line = find_deployed(ports.catalog, asked.pond, asked.major).line
    match asked.action:
        case "add":
            if asked.arrival is None:
                raise requests.missing("arrival", requests.RULE)
            listened = tuple(filter(None, ports.settings.arrivals.split(",")))
            return arrival.add(line, asked.arrival, arrivals=ports.arrivals, listened=listened)
        case "list":
            return arrival.show(line, ports.arrivals)
        case "remove":
            if asked.name is None:
                raise requests.missing("name")
            return arrival.remove(line, asked.name, arrivals=ports.arrivals)


def _backlog(asked: requests.BacklogRequest, ports: ApiPorts) -> BacklogAnswer:
    return backlog.backlog(asked, catalog=ports.catalog, states=ports.states, kept=ports.backlog)


def _doctor(asked: requests.NothingAsked, ports: ApiPorts) -> DoctorAnswer:
    settings = ports.settings
    after = timedelta(seconds=settings.lake_after or 0)
    return checkup.checkup(
        catalog=ports.catalog,
        states=ports.states,
        executions=ports.executions,
        operated=ports.operated,
        clock=ports.clock,
        glue=checkup.Glue(ports.iceberg, settings.catchment, after) if settings.iceberg else None,
    )


OPERATIONS: Mapping[str, Operation[Any]] = {
    "hello": Operation(requests.NothingAsked, _hello),
    "deploy": Operation(requests.DeployRequest, _deploy),
    "trigger": Operation(requests.TriggerRequest, _trigger),
    "control": Operation(requests.ControlRequest, _control),
    "batch": Operation(requests.BatchRequest, _batch),
    "failure-budget": Operation(requests.BudgetRequest, _failure_budget),
    "priority": Operation(requests.PriorityRequest, _priority),
    "limit": Operation(requests.LimitRequest, _limit),
    "compute": Operation(requests.ComputeRequest, _compute),
    "window": Operation(requests.WindowRequest, _window),
    "stale": Operation(requests.StaleRequest, _stale),
    "status": Operation(requests.StatusRequest, _status),
    "why": Operation(requests.WhyRequest, _why),
    "replay": Operation(requests.ReplayRequest, _replay),
    "runs": Operation(requests.RunsRequest, _runs),
    "cost": Operation(requests.CostRequest, _cost),
    "run": Operation(requests.RunRequest, _run),
    "tables": Operation(requests.TablesRequest, _tables),
    "snapshots": Operation(requests.SnapshotsRequest, _snapshots),
    "kept": Operation(requests.KeptRequest, _kept),
    "lake": Operation(requests.NothingAsked, _lake),
    "publish": Operation(requests.PublishRequest, _publish),
    "lineage": Operation(requests.LineageRequest, _lineage),
    "trace": Operation(requests.TraceRequest, _trace),
    "repair": Operation(requests.NothingAsked, _repair),
    "remove": Operation(requests.RemoveRequest, _remove),
    "arrival": Operation(requests.ArrivalRequest, _arrival),
    "tag": Operation(requests.TagRequest, _tag),
    "audit": Operation(requests.AuditRequest, _audit),
    "maintenance": Operation(requests.MaintenanceRequest, _maintenance),
    "backlog": Operation(requests.BacklogRequest, _backlog),
    "doctor": Operation(requests.NothingAsked, _doctor),
}
