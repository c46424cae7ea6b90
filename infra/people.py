"""What people may do, by level of access: a managed policy for each, one for what tables hold, and
one for where pages go.

The policies give no access to the table's items, the secret or the state machine. The functions
read these, and each function decides what it serves. ``*`` is a resource only where AWS has no
narrower one. A deployer has the data policy, too: a Pond's code may read every table and print it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from duckstring.model.events import ALERT_TYPE, SOURCE
from duckstring.model.iceberg import FOLDER as ICEBERG
from duckstring.model.iceberg import prefix_of
from duckstring.model.lake import FOLDER
from infra.accepted import accept_wildcards
from infra.alerts import Alerts
from infra.doors import Doors
from infra.glue import glue_arns
from infra.messaging import Messaging
from infra.run_news import RunNews
from infra.storage import TABLES, Storage
from infra.tasks import Tasks

DATA = "data"
"""A policy beside the levels: the rows of published tables."""
ALERTS = "alerts"
"""Another one: where pages go. They say what fails, and leave the account."""
_WILDCARDS = {
    r"/errors/\*\.txt": "One object for each failure that is too long for its item.",
    r"/artifacts/\*\.zip": "One package for each version of each Pond.",
    r"/lake/\*": "One object for each catalog of the lake.",
    r"/iceberg/\*": "Iceberg's own files: it gives them their names.",
    r":(database|table)/duckstring_.*": "One database for each Pond.",
    r"/data/\*\.parquet": "One object for each table of each attempt.",
    r"/data/\*/\*/\*/\*": "Files of other engines: what they are called, only the engine knows.",
    r"^\*": "AWS has no narrower resource for lists and alarms. They show no data.",
    r":\*": "A log group's streams, or the id that CloudFormation puts after a stack's name.",
    r"_alert_\*": "One for each alert, and the id that EventBridge puts after its name.",
    r"/\*": "The id that CloudFormation puts after a stack's name.",
}
"""Why resources of these forms are not named to their end."""
CONSISTS_OF: Mapping[str, Sequence[str]] = {
    "viewer": ("viewer",),
    "operator": ("viewer", "operator"),
    "deployer": ("viewer", "operator", "deployer", DATA),
    DATA: (DATA,),
    ALERTS: (ALERTS,),
}
"""The policies, and the parts that each is made of."""

_SERVICE_ROLE = (
    "aws-service-role/apidestinations.events.amazonaws.com/"
    "AWSServiceRoleForAmazonEventBridgeApiDestinations"
)

TABLE_SETTINGS = (
    "dynamodb:DescribeContinuousBackups",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
)
BUCKET_SETTINGS = (
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetLifecycleConfiguration",
)
"""What the doctor asks of stores that are to last: whether they can come back. None of it shows an
item or an object.
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that allows something. ``equal``: what a request must say, for example the
    ``events:source`` of an event.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    equal: Mapping[str, str] = field(default_factory=dict)

    @property
    def conditions(self) -> dict[str, object]:
        """As IAM has them."""
        return {"StringEquals": dict(self.equal)} if self.equal else {}

    def to_json(self) -> dict[str, object]:
        """As IAM has it."""
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **({"Condition": self.conditions} if self.equal else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The ARNs of what people reach. ``functions`` are all functions, ``logs`` their log groups,
    and ``attempt_logs`` those of Ripples. ``dead`` are the dead-letter queues, ``queues`` those
    that letters come from. ``glue``: the databases of Iceberg tables, if the Catchment has them.
    """

    stack: str
    viewers: str
    operators: str
    api: str
    orchestrator: str
    functions: Sequence[str]
    attempt_logs: Sequence[str]
    logs: Sequence[str]
    table: str
    bucket: str
    dead: Sequence[str]
    queues: Sequence[str]
    cluster: str
    alerts: AlertPlaces
    glue: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPlaces:
    """The ARNs of what alerts are made of. ``secrets``: where EventBridge keeps what connections
    authenticate with. ``service_role``: of EventBridge, which it makes once for an account.
    """

    bus: str
    role: str
    rules: str
    destinations: Sequence[str]
    topics: str
    secrets: str
    service_role: str


def allowed(to: Places) -> Mapping[str, Sequence[Statement]]:
    """What each policy adds: a level to the one before it, ``data`` to a level."""
    return {
        "viewer": (
            Statement("Look", ["lambda:InvokeFunction"], [to.viewers]),
            Statement("Connect", ["cloudformation:DescribeStacks"], [to.stack]),
            Statement("ReadErrors", ["s3:GetObject"], [f"{to.bucket}/errors/*.txt"]),
            Statement("ReadLogsOfRipples", ["logs:FilterLogEvents"], to.attempt_logs),
        ),
        "operator": (
            Statement("Operate", ["lambda:InvokeFunction"], [to.operators]),
            Statement(
                "ExamineFunctions",
                ["lambda:GetFunctionConfiguration", "lambda:GetFunctionConcurrency"],
                to.functions,
            ),
            Statement(
                "ExamineTheRest",
                [
                    "lambda:ListEventSourceMappings",
                    "cloudwatch:DescribeAlarms",
                    "cloudwatch:GetMetricStatistics",
                ],
                ["*"],
            ),
            Statement("ReadLogs", ["logs:FilterLogEvents"], to.logs),
            Statement(
                "LookAtDeadLetters",
                ["sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"],
                to.dead,
            ),
            Statement("LookAtTheCluster", ["ecs:DescribeClusters"], [to.cluster]),
            Statement("LookAtTheTable", list(TABLE_SETTINGS), [to.table]),
            Statement("LookAtTheBucket", list(BUCKET_SETTINGS), [to.bucket]),
        ),
        "deployer": (
            Statement("Deploy", ["lambda:InvokeFunction"], [to.api]),
            Statement(
                "ReadAndUploadPackages",
                ["s3:GetObject", "s3:PutObject"],
                [f"{to.bucket}/artifacts/*.zip"],
            ),
            # Without it, a package that is not there would look like one that may not be read.
            Statement("FindPackages", ["s3:ListBucket"], [to.bucket]),
            Statement("SendDeadLettersBack", ["sqs:SendMessage"], to.queues),
            Statement("TakeDeadLettersAway", ["sqs:DeleteMessage"], to.dead),
            Statement("SendDeadEventsBack", ["lambda:InvokeFunction"], [to.orchestrator]),
        ),
        ALERTS: _of_alerts(to.alerts),
        DATA: (
            Statement("ReadTables", ["s3:GetObject"], [f"{to.bucket}/{key}" for key in TABLES]),
            Statement("ReadTheLake", ["s3:GetObject"], [f"{to.bucket}/{FOLDER}*"]),
            *_of_iceberg(to),
        ),
    }


def _of_alerts(to: AlertPlaces) -> Sequence[Statement]:
    """To make, show, test and delete alerts."""
    changes = ("Create", "Update", "Delete")
    secrets = ("CreateSecret", "PutSecretValue", "UpdateSecret", "DescribeSecret", "DeleteSecret")
    rules = ("PutRule", "DeleteRule", "PutTargets", "RemoveTargets", "ListTargetsByRule")
    topics = ("CreateTopic", "SetTopicAttributes", "Subscribe", "ListSubscriptionsByTopic")
    return (
        Statement("FindAlerts", ["events:ListRules"], ["*"]),
        Statement("SetAlerts", [f"events:{one}" for one in rules], [to.rules]),
        Statement(
            "SetDestinations",
            [f"events:{do}{what}" for what in ("Connection", "ApiDestination") for do in changes],
            to.destinations,
        ),
        Statement(
            "KeepWhatAuthenticates", [f"secretsmanager:{one}" for one in secrets], [to.secrets]
        ),
        Statement("LetEventsKeepIt", ["iam:CreateServiceLinkedRole"], [to.service_role]),
        Statement("LetEventsCall", ["iam:PassRole"], [to.role]),
        Statement("SetTopics", [*(f"sns:{one}" for one in topics), "sns:DeleteTopic"], [to.topics]),
        # Any other event could trigger a Pond.
        Statement(
            "TestAlerts",
            ["events:PutEvents"],
            [to.bus],
            {"events:source": SOURCE, "events:detail-type": ALERT_TYPE},
        ),
    )


def _of_iceberg(to: Places) -> Sequence[Statement]:
    if not to.glue:
        return ()
    looks = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables"]
    return (
        Statement("FindIcebergTables", looks, to.glue),
        Statement("ReadIcebergTables", ["s3:GetObject"], [f"{to.bucket}/{ICEBERG}*"]),
    )


def documents(to: Places) -> Mapping[str, Sequence[Statement]]:
    """Each policy as a whole."""
    parts = allowed(to)
    return {
        name: [one for part in made_of for one in parts[part]]
        for name, made_of in CONSISTS_OF.items()
    }


class People(Construct):
    """The managed policies, named after Catchment and region: IAM's names are the account's, and a
    permission set names a policy by its name.
    """

    def __init__(  # noqa: PLR0913 - constructs are composed by name
        self,
        scope: Construct,
        construct_id: str,
        *,
        doors: Doors,
        storage: Storage,
        messaging: Messaging,
        tasks: Tasks,
        alerts: Alerts,
        run_news: RunNews | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        to = _places(
            stack,
            doors=doors,
            storage=storage,
            messaging=messaging,
            tasks=tasks,
            alerts=_alert_places(stack, messaging, alerts),
        )
        if run_news:
            dead, queues = run_news.dead.queue_arn, run_news.queue.queue_arn
            to = replace(to, dead=[*to.dead, dead], queues=[*to.queues, queues])
        if doors.iceberg:
            prefix = prefix_of(doors.catchment)
            to = replace(to, glue=glue_arns(stack, prefix, "database", "table"))
        self.policies = {
            name: iam.ManagedPolicy(
                self,
                name.title(),
                managed_policy_name=f"{stack.stack_name}-{stack.region}-{name}",
                statements=[
                    iam.PolicyStatement(
                        sid=one.sid,
                        actions=list(one.actions),
                        resources=list(one.resources),
                        conditions=one.conditions,
                    )
                    for one in statements
                ],
            )
            for name, statements in documents(to).items()
        }
        for name, statements in documents(to).items():
            named = [resource for one in statements for resource in one.resources]
            accept_wildcards(self.policies[name], named, _WILDCARDS)


def _alert_places(stack: Stack, messaging: Messaging, alerts: Alerts) -> AlertPlaces:
    prefix = alerts.prefix

    def of_events(resource: str) -> str:
        return stack.format_arn(service="events", resource=resource, resource_name=f"{prefix}*")

    return AlertPlaces(
        bus=messaging.bus.event_bus_arn,
        role=alerts.role.role_arn,
        rules=stack.format_arn(
            service="events",
            resource="rule",
            resource_name=f"{messaging.bus.event_bus_name}/{prefix}*",
        ),
        destinations=[of_events("connection"), of_events("api-destination")],
        topics=stack.format_arn(
            service="sns", resource=f"{prefix}*", arn_format=ArnFormat.NO_RESOURCE_NAME
        ),
        secrets=stack.format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"events!connection/{prefix}*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        ),
        service_role=stack.format_arn(
            service="iam",
            region="",
            resource="role",
            resource_name=_SERVICE_ROLE,
        ),
    )


def _places(
    stack: Stack,
    *,
    doors: Doors,
    storage: Storage,
    messaging: Messaging,
    tasks: Tasks,
    alerts: AlertPlaces,
) -> Places:
    functions = (
        *(doors.orchestrator, doors.ripple, doors.discovery, doors.sweep),
        *((doors.vendor,) if doors.vendor else ()),
        *((doors.exporter,) if doors.exporter else ()),
        *((doors.iceberg,) if doors.iceberg else ()),
        *((doors.openlineage,) if doors.openlineage else ()),
        *(doors.api, doors.operators, doors.viewers),
    )
    return Places(
        stack=stack.format_arn(
            service="cloudformation",
            resource="stack",
            resource_name=f"{stack.stack_name}/*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        ),
        viewers=doors.viewers.function_arn,
        operators=doors.operators.function_arn,
        api=doors.api.function_arn,
        orchestrator=doors.orchestrator.function_arn,
        functions=[one.function_arn for one in functions],
        attempt_logs=[doors.ripple.log_group.log_group_arn, tasks.log_group.log_group_arn],
        logs=[one.log_group.log_group_arn for one in functions if one is not doors.ripple],
        table=storage.table.table_arn,
        bucket=storage.bucket.bucket_arn,
        dead=[
            one.queue_arn
            for one in (messaging.dead_letters, messaging.dead_delays, messaging.dead_events)
        ],
        queues=[messaging.mailbox.queue_arn, messaging.delays.queue_arn],
        cluster=tasks.cluster_arn,
        alerts=alerts,
    )
