"""Who may do what, function by function. docs/protocol.md says who writes which item; nothing here
is wider.

``*`` is a resource only if AWS has no narrower one: a list of tasks belongs to a cluster, which a
condition names. Only the workers have managed policies, if the user gives some (``-c policies=``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_stepfunctions as sfn

from duckstring.model.iceberg import FOLDER as ICEBERG
from duckstring.model.iceberg import LISTINGS, prefix_of
from duckstring.model.lake import FOLDER
from infra.accepted import accept_wildcards
from infra.clock import Alarms
from infra.doors import Doors
from infra.glue import KINDS, glue_arns
from infra.isolation import Isolation
from infra.lake import Lake
from infra.messaging import Messaging
from infra.run_news import RunNews
from infra.storage import TABLES, Storage
from infra.tasks import Tasks

_READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
_WRITE = (
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
)

_GLUE = (
    *("glue:GetDatabase", "glue:CreateDatabase", "glue:DeleteDatabase"),
    *("glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable"),
    "glue:DeleteTable",
)

_WILDCARDS = {
    r"/artifacts/\*\.zip": "One package for each version of each Pond.",
    r"/data/\*\.parquet": "One object for each table of each attempt.",
    r"/data/\*/\*/\*/\*": "Files of other engines: what they are called, only the engine knows.",
    r"/errors/\*\.txt": "One object for each failure that is too long for its item.",
    r"/(artifacts|data)/\*": "Objects that nothing refers to any more, whatever their names.",
    r"/lake/\*": "One object for each catalog of the lake.",
    r"/iceberg/\*": "Iceberg's own files: it gives them their names.",
    r"/iceberg/listings/\*": "One object for each export.",
    r":(database|table|userDefinedFunction)/duckstring_.*": "One database for each Pond.",
    r":s3:::[a-z0-9.-]+/\*$": "Objects that arrive: their rules say which of them a Pond reads.",
    r":execution:.*:\*": "One execution for each launch of each run.",
    r":schedule/.*/\*": "One schedule for each Window, and for each alarm of a line.",
}
"""Why resources of these forms are not named to their end."""

ATTEMPT_ATTRIBUTES = (
    *(
        "pk",
        "sk",
        "run",
        "ripple",
        "attempt",
        "status",
        "started",
        "finished",
        "where",
        "memory_mib",
        "log_group",
        "log_stream",
    ),
    *("request_id", "rows", "bytes", "sizes", "reads", "checks", "lineage", "package"),
    *("error", "message", "traceback", "overflow"),
    *(
        "seconds",
        "peak_mib",
        "pauses",
        "resumes",
        "invocations",
        "left",
        "on_kill",
        "on_kill_message",
        "used",
        "memo",
        "looked",
    ),
)
"""What a worker writes of its attempt, and of what that remembers. An author's code has the same
rights, and no word in any state.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Everything to be granted. ``policies`` are the user's own, for what Ripples do elsewhere in
    the account. ``arrivals``: the buckets whose new objects Ripples are given.
    """

    doors: Doors
    storage: Storage
    messaging: Messaging
    machine: sfn.StateMachine
    alarms: Alarms
    secret: secretsmanager.ISecret
    tasks: Tasks
    isolation: Isolation | None
    lake: Lake | None = None
    iceberg: Lake | None = None
    run_news: RunNews | None = None
    policies: Sequence[iam.IManagedPolicy] = ()
    arrivals: Sequence[str] = ()

    def apply(self) -> None:
        """Give every function what it needs."""
        self._orchestrator()
        # An attempt has the same permissions wherever it runs. A task also reports its own end,
        # which Lambda does for a function.
        workers = (_role(self.doors.ripple.role), self.tasks.role)
        if self.doors.vendor and self.isolation:
            self._attempts(self.isolation.role)
            self._vendor(_role(self.doors.vendor.role))
            for role in workers:
                _allow(role, ["lambda:InvokeFunction"], [self.doors.vendor.function_arn])
        else:
            for role in workers:
                self._attempts(role)
                self._trusted(role)
        answers = ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"]
        _allow(self.tasks.role, answers, [self.machine.state_machine_arn])
        self.tasks.grant_run(self.machine.role)
        self._people()
        self._sweep()
        if self.doors.exporter:
            self._exporter(_role(self.doors.exporter.role))
        if self.doors.iceberg:
            self._iceberg(_role(self.doors.iceberg.role))
        if self.doors.openlineage and self.run_news:
            self._openlineage(_role(self.doors.openlineage.role))
            told = [self.run_news.queue.queue_arn]
            _allow(_role(self.doors.orchestrator.role), ["sqs:SendMessage"], told)

    def _orchestrator(self) -> None:
        role = _role(self.doors.orchestrator.role)
        queues = [self.messaging.mailbox.queue_arn, self.messaging.delays.queue_arn]
        read = _leading(
            *("LINE#*", "WORK#*", "TOKEN#*", "ARRIVED#*", "LIMITS"),
            *("CATALOG", "POND#*", "PERMITS", "SCHEMA", "ALERTS", "OPERATED"),
        )
        _allow(role, _READ, [self.storage.table.table_arn], conditions=read)
        _allow(
            role,
            _WRITE,
            [self.storage.table.table_arn],
            conditions=_leading(
                *("LINE#*", "WORK#*", "TOKEN#*", "ARRIVED#*", "JOURNAL#*", "LIMITS"),
                *("PERMITS", "SCHEMA", "ALERTS"),
            ),
        )
        asked = _leading("AUDIT#*")
        _allow(role, ["dynamodb:PutItem"], [self.storage.table.table_arn], conditions=asked)
        _allow(role, ["sqs:SendMessage", "sqs:ChangeMessageVisibility"], queues)
        _allow(role, ["states:StartExecution"], [self.machine.state_machine_arn])
        _allow(role, ["states:StopExecution", "states:DescribeExecution"], [self._executions()])
        _allow(
            role,
            ["states:SendTaskSuccess", "states:SendTaskFailure"],
            [self.machine.state_machine_arn],
        )
        schedule = [
            "scheduler:CreateSchedule",
            "scheduler:UpdateSchedule",
            "scheduler:DeleteSchedule",
        ]
        _allow(role, schedule, [self.alarms.schedules_arn])
        passed = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
        _allow(role, ["iam:PassRole"], [self.alarms.role.role_arn], conditions=passed)
        _allow(role, ["events:PutEvents"], [self._bus().event_bus_arn])
        _allow(role, ["s3:PutObject"], self._objects("errors/*.txt"))
        self.tasks.grant_look_and_stop(role)
        _allow(role, ["lambda:InvokeFunction"], [self.doors.ripple.function_arn])

    def _attempts(self, role: iam.IRole) -> None:
        """What any attempt may do. With isolation, the session policies of an attempt leave it a
        part of that (``adapters/aws/session_policy.py``).
        """
        read = _leading("LINE#*", "WORK#*")
        written = _leading("WORK#*") | {
            "ForAllValues:StringEquals": {"dynamodb:Attributes": list(ATTEMPT_ATTRIBUTES)}
        }
        _allow(role, ["dynamodb:GetItem"], [self.storage.table.table_arn], conditions=read)
        _allow(role, ["dynamodb:UpdateItem"], [self.storage.table.table_arn], conditions=written)
        arrived = _leading("ARRIVED#*")
        _allow(role, ["dynamodb:Query"], [self.storage.table.table_arn], conditions=arrived)
        landing = [f"arn:{Aws.PARTITION}:s3:::{bucket}/*" for bucket in sorted(self.arrivals)]
        if landing:
            _allow(role, ["s3:GetObject"], landing)
        _allow(role, ["s3:GetObject"], self._objects("artifacts/*.zip", *TABLES))
        _allow(role, ["s3:PutObject"], self._objects(*TABLES, "errors/*.txt"))
        located = {"StringLike": {"s3:prefix": ["data/*"]}}
        _allow(role, ["s3:ListBucket"], [self.storage.bucket.bucket_arn], conditions=located)
        _allow(role, ["sqs:SendMessage"], [self.messaging.mailbox.queue_arn])

    def _trusted(self, role: iam.IRole) -> None:
        """What a worker does itself, where there is no vendor."""
        for policy in self.policies:
            role.add_managed_policy(policy)
        _allow(role, ["secretsmanager:GetSecretValue"], [self.secret.secret_arn])

    def _vendor(self, role: iam.IRole) -> None:
        """To look up an attempt. It assumes the role of attempts by ``isolation.py``'s grant."""
        read = _leading("LINE#*", "PERMITS")
        _allow(role, ["dynamodb:GetItem"], [self.storage.table.table_arn], conditions=read)
        rules = _leading("POND#*")
        _allow(role, ["dynamodb:Query"], [self.storage.table.table_arn], conditions=rules)
        _allow(role, ["secretsmanager:GetSecretValue"], [self.secret.secret_arn])

    def _people(self) -> None:
        """What serves the command and the page, by level of access: each may what the one before
        it may.
        """
        viewers, operators, api = (
            _role(one.role) for one in (self.doors.viewers, self.doors.operators, self.doors.api)
        )
        table = self.storage.table.table_arn
        for role in (viewers, operators, api):
            partitions = (
                *("LINE#*", "WORK#*", "JOURNAL#*", "CATALOG", "POND#*", "LIMITS", "LAKE"),
                *("ARRIVED#*", "OPERATED", "AUDIT#*"),
            )
            shown = _leading(*partitions, *self._of_iceberg)
            _allow(role, _READ, [table], conditions=shown)
            _allow(
                role,
                ["dynamodb:Query"],
                [f"{table}/index/gsi1"],
                conditions=_leading("RUNS#*", "AUDIT#*"),
            )
            _allow(
                role,
                ["dynamodb:Query"],
                [f"{table}/index/gsi2"],
                conditions=_leading("NOT_AT_REST#*"),
            )
            # Without it, an object that is not there would look like one that may not be read.
            _allow(role, ["s3:ListBucket"], [self.storage.bucket.bucket_arn])
            _allow(role, ["s3:GetObject"], self._objects("errors/*.txt"))
            _allow(role, ["states:DescribeExecution"], [self._executions()])
        for role in (operators, api):
            queues = [self.messaging.mailbox.queue_arn, *self._exports()]
            _allow(role, ["sqs:SendMessage"], queues)
            # Tags, maintenance, and who asked for what. Nobody deletes what was written down.
            written = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
            _allow(role, written, [table], conditions=_leading("OPERATED", "AUDIT#*"))
        _allow(api, _WRITE, [table], conditions=_leading("CATALOG", "POND#*", "SCHEMA"))
        _allow(api, ["s3:GetObject"], self._objects("artifacts/*.zip"))
        # Discovery gets what it needs with its order, and has no rights itself.
        _allow(api, ["lambda:InvokeFunction"], [self.doors.discovery.function_arn])
        _allow(api, ["secretsmanager:GetSecretValue"], [self.secret.secret_arn])

    def _sweep(self) -> None:
        role = _role(self.doors.sweep.role)
        table = self.storage.table.table_arn
        partitions = (
            *("LINE#*", "WORK#*", "ARRIVED#*", "CATALOG", "POND#*", "LIMITS", "LAKE"),
            "OPERATED",
        )
        read = _leading(*partitions, *self._of_iceberg)
        _allow(role, _READ, [table], conditions=read)
        _allow(role, ["dynamodb:UpdateItem"], [table], conditions=_leading("CATALOG", "SCHEMA"))
        # Manifests, old history, what Ripples remembered, and objects that they have taken.
        deleted_items = _leading("LINE#*", "WORK#*", "ARRIVED#*")
        _allow(role, ["dynamodb:DeleteItem"], [table], conditions=deleted_items)
        _allow(role, ["sqs:SendMessage"], [self.messaging.mailbox.queue_arn])
        _allow(role, ["states:DescribeExecution", "states:StopExecution"], [self._executions()])
        _allow(
            role,
            ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
            [self.storage.bucket.bucket_arn],
        )
        deleted = ("artifacts/*", "data/*", f"{FOLDER}*", f"{ICEBERG}*")
        _allow(role, ["s3:DeleteObject"], self._objects(*deleted))
        _allow(role, ["s3:AbortMultipartUpload"], self._objects("data/*"))
        if self.lake:
            _allow(role, ["s3:GetObject"], self._objects(f"{FOLDER}*"))
            _allow(role, ["sqs:SendMessage"], [self.lake.queue.queue_arn])
        if self.iceberg:
            _allow(role, ["s3:GetObject"], self._objects(f"{LISTINGS}*"))
            _allow(role, ["sqs:SendMessage"], [self.iceberg.queue.queue_arn])

    def _exporter(self, role: iam.IRole) -> None:
        table = self.storage.table.table_arn
        _allow(role, _READ, [table], conditions=_leading("LINE#*", "CATALOG", "LAKE"))
        _allow(role, ["dynamodb:PutItem"], [table], conditions=_leading("LAKE"))
        _allow(role, ["s3:GetObject"], self._objects(*TABLES, f"{FOLDER}*"))
        _allow(role, ["s3:PutObject"], self._objects(f"{FOLDER}*"))
        # Without it, an object that is not there would look like one that may not be read.
        _allow(role, ["s3:ListBucket"], [self.storage.bucket.bucket_arn])

    def _iceberg(self, role: iam.IRole) -> None:
        table = self.storage.table.table_arn
        _allow(role, _READ, [table], conditions=_leading("LINE#*", "CATALOG", "ICEBERG"))
        written = ["dynamodb:PutItem", "dynamodb:DeleteItem"]
        _allow(role, written, [table], conditions=_leading("ICEBERG"))
        _allow(role, ["s3:GetObject"], self._objects(*TABLES, f"{ICEBERG}*"))
        _allow(role, ["s3:PutObject"], self._objects(f"{ICEBERG}*"))
        _allow(role, ["s3:ListBucket"], [self.storage.bucket.bucket_arn])
        # Of databases that are called so, it touches those alone that say that they are ours.
        _allow(
            role, _GLUE, glue_arns(Stack.of(self.machine), prefix_of(self.doors.catchment), *KINDS)
        )

    def _openlineage(self, role: iam.IRole) -> None:
        """To read history, manifests, and the columns of tables. The key of the receiver is in the
        Catchment's secret.
        """
        table = self.storage.table.table_arn
        _allow(role, _READ, [table], conditions=_leading("LINE#*", "WORK#*"))
        _allow(role, ["s3:GetObject"], self._objects(*TABLES, "errors/*.txt"))
        # Without it, an object that is not there would look like one that may not be read.
        _allow(role, ["s3:ListBucket"], [self.storage.bucket.bucket_arn])
        _allow(role, ["secretsmanager:GetSecretValue"], [self.secret.secret_arn])

    def _exports(self) -> Sequence[str]:
        """The queues where exports are asked for."""
        return [one.queue.queue_arn for one in (self.lake, self.iceberg) if one]

    @property
    def _of_iceberg(self) -> Sequence[str]:
        return ("ICEBERG",) if self.iceberg else ()

    def _bus(self) -> events.IEventBus:
        return self.messaging.bus

    def _executions(self) -> str:
        return Stack.of(self.machine).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self.machine.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _objects(self, *keys: str) -> list[str]:
        return [self.storage.bucket.arn_for_objects(key) for key in keys]


def _leading(*partitions: str) -> dict[str, Mapping[str, object]]:
    """Items of these partitions only."""
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(partitions)}}


def _role(role: iam.IRole | None) -> iam.IRole:
    if role is None:
        raise RuntimeError("a function without a role")
    return role


def _allow(
    role: iam.IRole,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    conditions: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
    )
    accept_wildcards(role, resources, _WILDCARDS)
