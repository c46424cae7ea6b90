"""What is wrong with a Catchment, from outside: each check looks at one thing, and says in a line
what it found and what to do.

The lines themselves are looked at by the api function (``doctor``); the rest by the user's own
credentials, so that a Catchment whose functions are broken can be examined too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NotRequired, TypedDict

from duckstring import __version__
from duckstring.errors import DuckstringError
from duckstring.model.access import Level
from duckstring.model.answers.doctor import DoctorAnswer
from duckstring.model.iceberg import WHOLE, is_taken
from duckstring.model.schema import UPGRADE_COMMAND
from duckstring_cli import catchments, render
from duckstring_cli.aws_errors import PEOPLE
from duckstring_cli.client import Client
from duckstring_cli.dead import ALWAYS, OUTPUTS, QUEUES, Dead, DeadLetterQueues
from duckstring_cli.errors import DENIED, AccessError, aws_code
from duckstring_cli.logbook import Logbook

FUNCTIONS = {
    "orchestrator": "OrchestratorFunction",
    "ripple": "RippleFunction",
    "vendor": "VendorFunction",
    "discovery": "DiscoveryFunction",
    "api": "ApiFunction",
    "operators": "OperatorFunction",
    "viewers": "ViewerFunction",
    "sweep": "SweepFunction",
    "exporter": "ExporterFunction",
    "openlineage": "OpenLineageFunction",
    "iceberg": "IcebergFunction",
}
_KNOWN = {
    "DUCKSTRING_TABLE": "Table",
    "DUCKSTRING_BUCKET": "Bucket",
    "DUCKSTRING_MAILBOX": "Mailbox",
}
_KNOWN_TO: Mapping[str, Collection[str]] = {
    "discovery": (),
    "vendor": ("Table",),
    "viewers": ("Table", "Bucket"),
    "exporter": ("Table", "Bucket"),
    "openlineage": ("Table", "Bucket"),
    "iceberg": ("Table", "Bucket"),
}
"""Functions that know of no more than these."""
_ACCESS: Mapping[Level | None, str] = {
    "viewer": "viewer: you may look at status, runs, errors and logs",
    "operator": "operator: you may also ask for data and control Ponds",
    "deployer": "deployer: you may also deploy and remove Ponds",
}
_HOUR = timedelta(hours=1)
_OLD_LETTER = 300
_ASK = f"Ask the owner of the account for the operator policy: {PEOPLE}."


class CheckTold(TypedDict):
    """One area. ``looked_at``: false where it could not be looked at, so nothing is known of it."""

    area: str
    ok: bool
    looked_at: bool
    fine: str


class FindingTold(TypedDict):
    """What is wrong. ``letters``: dead ones, if it is about them."""

    area: str
    message: str
    hint: str
    details: list[str]
    letters: NotRequired[list[dict[str, Any]]]


class DoctorTold(TypedDict):
    """All that the doctor says, for programs and for the web page."""

    catchment: str
    ok: bool
    checks: list[CheckTold]
    findings: list[FindingTold]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. ``details`` are further lines; ``letters`` the dead ones, for
    programs.
    """

    area: str
    message: str
    hint: str = ""
    details: tuple[str, ...] = ()
    letters: tuple[Dead, ...] = ()

    def to_json(self) -> FindingTold:
        """For programs."""
        told: FindingTold = {
            "area": self.area,
            "message": self.message,
            "hint": self.hint,
            "details": list(self.details),
        }
        if self.letters:
            told["letters"] = [dead.to_json() for dead in self.letters]
        return told


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, in a few words, and what is wrong with it.

    ``looked_at``: false where it could not be looked at; the finding says why.
    """

    area: str
    fine: str
    findings: tuple[Finding, ...] = ()
    looked_at: bool = True

    def to_json(self) -> CheckTold:
        """For programs. Its findings come by themselves."""
        return {
            "area": self.area,
            "ok": not self.findings,
            "looked_at": self.looked_at,
            "fine": self.fine,
        }


@dataclass(frozen=True)
class Diagnosis:
    """A Catchment to examine."""

    client: Client
    outputs: Mapping[str, str]
    open: Callable[[str], Any]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def restart(self) -> str:
        """How its stack is brought up to date."""
        one = self.client.catchment
        if one.kind == "local":
            return f"duckstring catchment start {one.name}"
        return (
            f"npx aws-cdk@2 deploy -c catchment={self.outputs.get('Catchment', one.name)} ... "
            "(docs/aws.md)"
        )


def diagnosis_of(client: Client) -> Diagnosis:
    """With the stack's outputs as they are now: remembered ones could be those of the version
    before.

    Raises:
        AccessError: the user's credentials may not read the stack.
        OperatorError: the stack cannot be read for another reason.
    """
    return Diagnosis(client, catchments.read_outputs(client.catchment), _opener(client))


def examine(client: Client) -> Iterator[Checked]:
    """Every check, one by one. It takes some seconds in AWS.

    Raises:
        OperatorError: the Catchment is not there.
    """
    try:
        diagnosis, checks = diagnosis_of(client), CHECKS
    except AccessError as error:
        # The outputs name everything else, but for the api function, whose name is remembered.
        yield _unseen("stack", error.message, error.hint)
        diagnosis = Diagnosis(client, {}, _opener(client))
        checks = {"access": _access, "lines": _lines}
    for area, check in checks.items():
        yield _checked(area, check, diagnosis)


def told(client: Client, checks: Sequence[Checked]) -> DoctorTold:
    """What was found, for programs."""
    found = [finding for checked in checks for finding in checked.findings]
    return {
        "catchment": client.catchment.name,
        "ok": not found,
        "checks": [checked.to_json() for checked in checks],
        "findings": [finding.to_json() for finding in found],
    }


def _opener(client: Client) -> Callable[[str], Any]:
    return cache(catchments.session(client.catchment).client)


def _unseen(area: str, why: str, hint: str = "") -> Checked:
    return Checked(area, "", (Finding(area, why, hint),), looked_at=False)


def _checked(area: str, check: Check, diagnosis: Diagnosis) -> Checked:
    """A check that fails is a finding itself: it is not known that nothing is wrong there."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return check(diagnosis)
    except AccessError as error:
        return _unseen(area, error.message, error.hint)
    except DuckstringError as error:
        return Checked(area, "", (Finding(area, error.message, error.hint),))
    except ClientError as error:
        code = aws_code(error)
        return _unseen(area, f"could not be looked at: {error}", _ASK if code in DENIED else "")
    except BotoCoreError as error:
        return _unseen(area, f"could not be looked at: {error}")


def _access(diagnosis: Diagnosis) -> Checked:
    """What the user may do. That somebody may less than others is nothing wrong."""
    level = diagnosis.client.level()
    if level is None:
        return _unseen(
            "access",
            "You may not look at this Catchment: its viewer policy is missing.",
            f"Ask the owner of the account for it: {PEOPLE}.",
        )
    return Checked("access", _ACCESS[level])


def _versions(diagnosis: Diagnosis) -> Checked:
    stack, command = diagnosis.outputs.get("Version", ""), __version__
    answering = diagnosis.client.hello()["version"]
    versions = {
        "the stack": stack or "none",
        "its api function": answering,
        "this command": command,
    }
    missing = sorted(
        {output for queue in ALWAYS for output in OUTPUTS[queue]} - diagnosis.outputs.keys()
    )
    found = []
    if len(set(versions.values())) > 1:
        words = ", ".join(f"{who} is {version}" for who, version in versions.items())
        is_behind = all(_is_older(command, other) for other in (stack, answering))
        hint = UPGRADE_COMMAND if is_behind else f"Bring the stack up to date: {diagnosis.restart}"
        found.append(Finding("versions", f"Versions differ: {words}.", hint))
    elif missing:
        found.append(
            Finding(
                "versions",
                f"The stack has no output {', '.join(missing)}: it is older than this command.",
                diagnosis.restart,
            )
        )
    return Checked("versions", f"{command} everywhere", tuple(found))


def _is_older(version: str, other: str) -> bool:
    """Whether one release came before another; false of what are no numbers."""
    try:
        first, second = (tuple(map(int, one.split("."))) for one in (version, other))
    except ValueError:
        return False
    return first < second


def _functions(diagnosis: Diagnosis) -> Checked:
    known = [word for word, output in FUNCTIONS.items() if output in diagnosis.outputs]
    found = [finding for word in known for finding in _function(diagnosis, word)]
    return Checked(
        "functions",
        f"{', '.join(known)}: active, none failing or throttled in the last hour",
        tuple(found),
    )


def _function(diagnosis: Diagnosis, word: str) -> Iterator[Finding]:
    name, lambdas = diagnosis.outputs[FUNCTIONS[word]], diagnosis.open("lambda")
    held = lambdas.get_function_configuration(FunctionName=name)
    states = {
        key: held.get(key)
        for key in ("State", "LastUpdateStatus")
        if held.get(key) not in {None, "Active", "Successful", "Inactive"}
    }
    if states:
        reason = held.get("StateReason") or held.get("LastUpdateStatusReason") or ""
        yield Finding(
            "functions",
            f"The {word} function is {', '.join(map(str, states.values()))}. {reason}".rstrip(),
            diagnosis.restart,
        )
    variables = held.get("Environment", {}).get("Variables", {})
    for variable, output in _KNOWN.items():
        if output not in _KNOWN_TO.get(word, _KNOWN.values()):
            continue
        if variables.get(variable) != diagnosis.outputs[output]:
            what = (
                f"The {word} function has {variable}={variables.get(variable, '')!r}; the "
                f"stack's is {diagnosis.outputs[output]!r}."
            )
            yield Finding("functions", what, f"Somebody changed it by hand: {diagnosis.restart}")
    if lambdas.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions") == 0:
        hint = f"Somebody stopped it: aws lambda delete-function-concurrency --function-name {name}"
        yield Finding(
            "functions", f"The {word} function may not run: its reserved concurrency is 0.", hint
        )
    if throttled := _metric(diagnosis, name, "Throttles"):
        hint = (
            "Ask for more concurrent executions (Service Quotas), or give the orchestrator "
            "reserved ones (docs/aws.md)."
        )
        yield Finding(
            "functions",
            f"The {word} function was throttled {throttled} times in the last hour.",
            hint,
        )
    # An attempt that did not succeed is an error of the ripple function, and no more: the Pond's
    # history has it.
    if word != "ripple" and (failed := _metric(diagnosis, name, "Errors")):
        last_error = _last_error(diagnosis, _group(held), "ERROR")
        details = (f"its last error: {last_error}",) if last_error else ()
        yield Finding(
            "functions",
            f"The {word} function failed {failed} times in the last hour.",
            "What it says of the cause decides.",
            details,
        )


def _metric(diagnosis: Diagnosis, function: str, metric: str) -> int:
    """The sum of the last hour."""
    answer = diagnosis.open("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=diagnosis.now - _HOUR,
        EndTime=diagnosis.now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return int(sum(point["Sum"] for point in answer.get("Datapoints", [])))


def _queues(diagnosis: Diagnosis) -> Checked:
    """Whether somebody reads them, and how long letters wait."""
    name, found = diagnosis.outputs["OrchestratorFunction"], []
    mappings = diagnosis.open("lambda").list_event_source_mappings(FunctionName=name)[
        "EventSourceMappings"
    ]
    for word, output in (("mailbox", "Mailbox"), ("delay queue", "Delays")):
        queue = diagnosis.outputs[output].rpartition("/")[2]
        mine = [one for one in mappings if one.get("EventSourceArn", "").endswith(f":{queue}")]
        if not mine:
            found.append(
                Finding(
                    "queues",
                    f"Nobody reads the {word}: it has no event source mapping.",
                    diagnosis.restart,
                )
            )
        for one in mine:
            if one["State"] in {"Disabled", "Disabling"}:
                hint = (
                    f"Let it: aws lambda update-event-source-mapping --uuid {one['UUID']} --enabled"
                )
                found.append(
                    Finding(
                        "queues",
                        (
                            f"Nobody reads the {word}: its event source mapping is "
                            f"{one['State'].lower()}."
                        ),
                        hint,
                    )
                )
    if (age := _oldest(diagnosis)) > _OLD_LETTER:
        found.append(
            Finding(
                "queues",
                f"A letter has waited in the mailbox for {age // 60} min.",
                "The orchestrator's log says why.",
            )
        )
    return Checked("queues", "the mailbox and the delay queue are read", tuple(found))


def _oldest(diagnosis: Diagnosis) -> int:
    answer = diagnosis.open("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[
            {"Name": "QueueName", "Value": diagnosis.outputs["Mailbox"].rpartition("/")[2]}
        ],
        StartTime=diagnosis.now - timedelta(minutes=10),
        EndTime=diagnosis.now,
        Period=60,
        Statistics=["Maximum"],
    )
    points = sorted(answer.get("Datapoints", []), key=lambda point: point["Timestamp"])
    return int(points[-1]["Maximum"]) if points else 0


_TAKERS = {"orchestrator": "OrchestratorFunction", "openlineage": "OpenLineageFunction"}
"""Who takes letters of queues, and the output that names it."""


def _dead_letters(diagnosis: Diagnosis) -> Checked:
    queues = DeadLetterQueues(diagnosis.open, diagnosis.outputs)
    found = [
        finding
        for queue in QUEUES
        if queues.knows(queue)
        for finding in _dead_queue(diagnosis, queues, queue)
    ]
    known = ", ".join(filter(queues.knows, QUEUES))
    return Checked("dead letters", f"none ({known})", tuple(found))


def _dead_queue(diagnosis: Diagnosis, queues: DeadLetterQueues, queue: str) -> Iterator[Finding]:
    count = queues.count(queue)
    if not count:
        return
    dead = queues.look(queue)
    details = [line for one in dead for line in _described(diagnosis, one)]
    if count > len(dead):
        details.append(f"and {count - len(dead)} more")
    what = {
        "mailbox": (
            f"{_letters(count)} given up: no delivery could handle them, and what they say is "
            "not known to their lines."
        ),
        "delays": f"{_letters(count)} of the delay queue given up: their alarms did not ring.",
        "events": (
            f"{_letters(count, 'event')} that the orchestrator could not take: triggers, "
            "arrivals, or ends of runs."
        ),
        "lineage": (
            f"{_letters(count, 'message')} about runs that the receiver of OpenLineage has not "
            "taken for a day. Nothing else waits for them."
        ),
    }[queue]
    hint = f"Repair the cause, then: duckstring doctor redrive {queue}"
    yield Finding("dead letters", what, hint, tuple(details), tuple(dead))


def _letters(count: int, word: str = "letter") -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _described(diagnosis: Diagnosis, dead: Dead) -> Iterator[str]:
    sent = datetime.fromtimestamp(dead.sent / 1000, UTC)
    yield f"{dead.line or '?'}  {dead.kind}  sent {sent:%Y-%m-%d %H:%M:%SZ}"
    who = "openlineage" if dead.queue == "lineage" else "orchestrator"
    group = _group_of(diagnosis, _TAKERS[who])
    error = dead.error or _last_error(diagnosis, group, dead.id, since=sent)
    yield f"    last error: {error}" if error else f"    the {who}'s log does not name it"


def _orchestrator_group(diagnosis: Diagnosis) -> str:
    return _group_of(diagnosis, _TAKERS["orchestrator"])


def _group_of(diagnosis: Diagnosis, output: str) -> str:
    """The log group of the function that the stack's output names."""
    return _group(
        diagnosis.open("lambda").get_function_configuration(FunctionName=diagnosis.outputs[output])
    )


def _group(held: Mapping[str, Any]) -> str:
    return str(
        held.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{held['FunctionName']}"
    )


def _last_error(
    diagnosis: Diagnosis, group: str, phrase: str, *, since: datetime | None = None
) -> str:
    """The last log message about something, in one line."""
    start = max(since or diagnosis.now - _HOUR, diagnosis.now - timedelta(days=14))
    found = Logbook(diagnosis.open("logs")).last(
        group,
        start=_milliseconds(start - timedelta(seconds=5)),
        end=_milliseconds(diagnosis.now) + 60_000,
        phrase=phrase,
    )
    if found is None:
        return ""
    trace = [line for line in found.trace.splitlines() if line.strip()]
    return render.one_line(trace[-1].strip() if trace else found.message)


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _alarms(diagnosis: Diagnosis) -> Checked:
    held = [
        alarm
        for page in diagnosis.open("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{diagnosis.client.catchment.stack}-")
        for alarm in page["MetricAlarms"]
    ]
    found = [
        Finding(
            "alarms",
            f"{alarm['AlarmName']} rings.",
            alarm.get("AlarmDescription", ""),
            (alarm.get("StateReason", ""),),
        )
        for alarm in held
        if alarm["StateValue"] == "ALARM"
    ]
    is_heard = any(alarm.get("AlarmActions") for alarm in held)
    if held and not is_heard and diagnosis.client.catchment.kind == "aws":
        found.append(
            Finding(
                "alarms",
                "Nobody is told when an alarm rings.",
                "Deploy the stack with -c alarm-email=YOU@EXAMPLE.COM or -c alarm-topic=ARN "
                "(docs/aws.md).",
            )
        )
    return Checked("alarms", f"none of {len(held)} rings", tuple(found))


def _lines(diagnosis: Diagnosis) -> Checked:
    answer = diagnosis.client.doctor()
    found = tuple(
        Finding("lines", f"{one['line']} {one['message']}", one["hint"])
        for one in answer["findings"]
    )
    unseen = answer["runs"] - answer["looked_at"]
    looked = f"{answer['lines']} lines, {answer['runs']} runs in flight" + (
        f" ({unseen} of them not looked at)" if unseen else ""
    )
    return Checked("lines", looked, (*_maintenance(answer), *found))


def _maintenance(answer: DoctorAnswer) -> Iterator[Finding]:
    """Maintenance is not a fault, but it explains why nothing runs. So it comes first."""
    from duckstring_cli.line_words import by_whom

    if hold := answer.get("maintenance"):
        what = f"No run starts: maintenance is on, {by_whom(hold)}."
        yield Finding("lines", what, "When it is over: duckstring maintenance off")


def _glue(diagnosis: Diagnosis) -> Checked:
    """What Glue lacks. What Iceberg cannot have is nothing wrong: it is said in passing."""
    if "IcebergFunction" not in diagnosis.outputs:
        return Checked("glue", "the Catchment has no Iceberg tables")
    databases = diagnosis.client.lake()["iceberg"] or []
    left_out = [
        (one, table, why) for one in databases for table, why in sorted(one["left_out"].items())
    ]
    found = tuple(
        Finding(
            "glue",
            f"{one['line']}: {_what(table)} not in Glue's database {one['database']}.",
            f"{why}. Then: duckstring lake --repair",
        )
        for one, table, why in left_out
        if is_taken(why)
    )
    others = len(left_out) - len(found)
    fine = f"databases of Iceberg tables: {len(databases)}"
    if others:
        fine += f"; tables that cannot be in them: {others} (duckstring lake says why)"
    return Checked("glue", fine, found)


def _what(table: str) -> str:
    return "its tables are" if table == WHOLE else f"table {table} is"


def _stores(diagnosis: Diagnosis) -> Checked:
    """Settings of the table and the bucket, which CloudFormation cannot set on attached ones."""
    from duckstring_cli.stores import settings
    from duckstring_cli.stores.held import stores_from

    catchment = diagnosis.client.catchment
    unfinished = _unfinished_restore(diagnosis)
    if (ephemeral := diagnosis.outputs.get("Ephemeral")) != "false":
        fine = "deleted with the stack" if ephemeral else "this stack does not say how they are"
        return Checked("stores", fine, unfinished)
    stores = stores_from(catchment, diagnosis.outputs, diagnosis.open)
    found = [
        *unfinished,
        *(
            Finding(
                "stores",
                f"The {one.store} {getattr(stores, one.store)} {one.lack}.",
                f"duckstring catchment protect {catchment.name}",
            )
            for one in settings.lacking(stores)
        ),
    ]
    if not settings.has_index(stores):
        what = f"The table {stores.table} has no index {settings.INDEX}: runs are not listed."
        found.append(Finding("stores", what, "Attach a table that has it (-c table=)."))
    return Checked("stores", "table and bucket can be restored, and are protected", tuple(found))


def _unfinished_restore(diagnosis: Diagnosis) -> tuple[Finding, ...]:
    """A restore that was interrupted: until it is finished, nothing is swept. Who may not read the
    table is not told.
    """
    from botocore.exceptions import ClientError

    from duckstring_cli.stores.cut import HOME

    try:
        found = diagnosis.open("dynamodb").get_item(TableName=diagnosis.outputs["Table"], Key=HOME)
    except ClientError:
        return ()
    backup = found.get("Item", {}).get("restoring", {}).get("S", "")
    what = f"The restore of {backup} is not finished. Until then the sweep repairs nothing."
    hint = f"Repeat it: duckstring catchment restore {diagnosis.client.catchment.name} --from ..."
    return (Finding("stores", what, hint),) if backup else ()


def _tasks(diagnosis: Diagnosis) -> Checked:
    if "Cluster" not in diagnosis.outputs:
        return Checked("tasks", "this stack has none")
    name = diagnosis.outputs["Cluster"]
    clusters = diagnosis.open("ecs").describe_clusters(clusters=[name])["clusters"]
    state = clusters[0]["status"] if clusters else "gone"
    if state != "ACTIVE":
        return Checked(
            "tasks",
            "",
            (
                Finding(
                    "tasks", f"The cluster {name} of long Ripples is {state}.", diagnosis.restart
                ),
            ),
        )
    return Checked("tasks", f"the cluster is active, {clusters[0].get('runningTasksCount', 0)} run")


Check = Callable[[Diagnosis], Checked]
CHECKS: Mapping[str, Check] = {
    "access": _access,
    "versions": _versions,
    "functions": _functions,
    "queues": _queues,
    "dead letters": _dead_letters,
    "alarms": _alarms,
    "tasks": _tasks,
    "stores": _stores,
    "glue": _glue,
    "lines": _lines,
}
