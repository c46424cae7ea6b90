"""What each role of a Catchment may do, of everything that somebody might try: "Who may do what" of
docs/aws.md as a table.

``PROBES`` are requests, ``MAY`` says who may make them. Whatever is not said is refused: to a new
role all of them. ``test_roles.py`` asks the template, and ``tests/e2e/test_roles.py`` a Catchment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.auth.deployed import Deployed
from tests.infra.policies import Request

FUNCTIONS = (
    *("orchestrator", "ripple", "vendor", "discovery"),
    *("api", "operators", "viewers", "sweep", "exporter"),
)
ICEBERG = "iceberg"
"""A function that only some Catchments have (``-c iceberg=true``)."""
OPENLINEAGE = "openlineage"
"""Another one (``-c openlineage=``)."""


@dataclass(frozen=True)
class Where:
    """The resources of a deployed Catchment."""

    deployed: Deployed

    def find(self, kind: str, beginning: str) -> str:
        """The logical id of the one resource of this type whose id begins so."""
        (found,) = [
            name
            for name, one in self.deployed.template["Resources"].items()
            if one["Type"] == f"AWS::{kind}" and name.startswith(beginning)
        ]
        return found

    def arn(self, kind: str, beginning: str = "") -> str:
        return self.deployed.arn(self.find(kind, beginning))

    def name(self, kind: str, beginning: str = "") -> str:
        return self.deployed.names[self.find(kind, beginning)]

    def role(self, who: str) -> str:
        """The logical id of the role of a function, of tasks, of attempts, or of the state
        machine.
        """
        if who in {*FUNCTIONS, ICEBERG, OPENLINEAGE}:
            (found,) = [
                one["Properties"]["Role"]["Fn::GetAtt"][0]
                for one in self.deployed.template["Resources"].values()
                if one["Type"] == "AWS::Lambda::Function"
                and f"functions.{who}.handler.handle" in str(one["Properties"])
            ]
            return found
        others = {
            "task": "TasksDefinitionTask",
            "machine": "RunsMachine",
            "attempt": "IsolationAttempt",
        }
        return self.find("IAM::Role", others[who])


@dataclass(frozen=True)
class Probe:
    """One request: as policies are asked, and as a client makes it."""

    action: str
    resource: Callable[[Where], str]
    call: tuple[str, str, Callable[[Where], dict[str, Any]]]
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def request(self, where: Where) -> Request:
        return Request(self.action, self.resource(where), self.facts)


def _table(where: Where) -> str:
    return where.arn("DynamoDB::Table")


def _item(partition: str, sort_key: str) -> Callable[[Where], dict[str, Any]]:
    return lambda where: {
        "TableName": where.name("DynamoDB::Table"),
        "Key": {"pk": {"S": partition}, "sk": {"S": sort_key}},
    }


def _reads(partition: str, sort_key: str) -> Probe:
    facts = {"dynamodb:LeadingKeys": (partition,), "dynamodb:Attributes": ("pk", "sk")}
    call = ("dynamodb", "get_item", _item(partition, sort_key))
    return Probe("dynamodb:GetItem", _table, call, facts)


def _deletes(partition: str, sort_key: str) -> Probe:
    facts = {"dynamodb:LeadingKeys": (partition,), "dynamodb:Attributes": ("pk", "sk")}
    call = ("dynamodb", "delete_item", _item(partition, sort_key))
    return Probe("dynamodb:DeleteItem", _table, call, facts)


def _sets(attribute: str, partition: str, sort_key: str) -> Probe:
    facts = {
        "dynamodb:LeadingKeys": (partition,),
        "dynamodb:Attributes": ("pk", "sk", attribute),
    }
    update = {
        "UpdateExpression": "SET #a = :v",
        "ExpressionAttributeNames": {"#a": attribute},
        "ExpressionAttributeValues": {":v": {"S": "1"}},
    }
    item = _item(partition, sort_key)
    call = ("dynamodb", "update_item", lambda where: item(where) | update)
    return Probe("dynamodb:UpdateItem", _table, call, facts)


def _object(verb: str, key: str) -> Probe:
    action, operation = {
        "read": ("s3:GetObject", "get_object"),
        "write": ("s3:PutObject", "put_object"),
        "delete": ("s3:DeleteObject", "delete_object"),
    }[verb]
    call = ("s3", operation, lambda where: {"Bucket": where.name("S3::Bucket"), "Key": key})
    return Probe(action, lambda where: f"{where.arn('S3::Bucket')}/{key}", call)


def _letter(queue: str) -> Probe:
    def message(where: Where) -> dict[str, Any]:
        fifo = {"MessageGroupId": "sales@1"} if queue == "MessagingMailbox" else {}
        return {"QueueUrl": where.name("SQS::Queue", queue), "MessageBody": "{}", **fifo}

    call = ("sqs", "send_message", message)
    return Probe("sqs:SendMessage", lambda where: where.arn("SQS::Queue", queue), call)


def _takes(queue: str) -> Probe:
    call = (
        "sqs",
        "receive_message",
        lambda where: {"QueueUrl": where.name("SQS::Queue", queue), "VisibilityTimeout": 0},
    )
    return Probe("sqs:ReceiveMessage", lambda where: where.arn("SQS::Queue", queue), call)


def _invokes(function: str) -> Probe:
    def arn(where: Where) -> str:
        return where.arn("Lambda::Function", f"Doors{function.title()}")

    call = (
        "lambda",
        "invoke",
        lambda where: {"FunctionName": arn(where), "InvocationType": "DryRun"},
    )
    return Probe("lambda:InvokeFunction", arn, call)


def _machine(where: Where) -> str:
    return where.arn("StepFunctions::StateMachine")


def _execution(where: Where) -> str:
    return _machine(where).replace(":stateMachine:", ":execution:") + ":sales-1-42-1"


def _secret(where: Where) -> str:
    return where.arn("SecretsManager::Secret").removesuffix("*") + "0a1b2c"


WORK, LINE, ATTEMPT = "WORK#orders@1", "LINE#orders@1", "ATTEMPT#0000000042#load#0001"

PROBES: Mapping[str, Probe] = {
    # Items
    "read a line's state": _reads(LINE, "STATE"),
    "write a line's state": _sets("state", LINE, "STATE"),
    "let a state expire": _sets("expires", LINE, "STATE"),
    "delete a state": _deletes(LINE, "STATE"),
    "read an attempt": _reads(WORK, ATTEMPT),
    "write an attempt": _sets("status", WORK, ATTEMPT),
    "let an attempt expire": _sets("expires", WORK, ATTEMPT),
    "delete what a Ripple remembered": _deletes(WORK, "MEMO#0000000042#load#1"),
    "read a token": _reads("TOKEN#orders@1", "TOKEN#0000000042#1#load"),
    "write a token": _sets("token", "TOKEN#orders@1", "TOKEN#0000000042#1#load"),
    "read a journal": _reads("JOURNAL#orders@1", "2030"),
    "write a journal": _sets("chapter", "JOURNAL#orders@1", "2030"),
    "read the key of permits": _reads("PERMITS", "KEY"),
    "write the key of permits": _sets("secret", "PERMITS", "KEY"),
    "read the catalog": _reads("CATALOG", "LINE#orders@1"),
    "write the catalog": _sets("release", "CATALOG", "LINE#orders@1"),
    "delete from the catalog": _deletes("CATALOG", "LINE#orders@1"),
    "write a version": _sets("release", "POND#orders", "VERSION#1.0.0"),
    "write an item of nobody": _sets("state", "OTHER#orders@1", "STATE"),
    "read the whole table": Probe(
        "dynamodb:Scan",
        _table,
        ("dynamodb", "scan", lambda where: {"TableName": where.name("DynamoDB::Table")}),
    ),
    # Objects
    "read a package": _object("read", "artifacts/orders/1.0.0/ab.zip"),
    "write a package": _object("write", "artifacts/orders/1.0.0/ab.zip"),
    "delete a package": _object("delete", "artifacts/orders/1.0.0/ab.zip"),
    "read a table": _object("read", "data/orders@1/orders/ab.parquet"),
    "write a table": _object("write", "data/orders@1/orders/ab.parquet"),
    "write a program among tables": _object("write", "data/orders@1/orders/ab.exe"),
    "delete a table": _object("delete", "data/orders@1/orders/ab.parquet"),
    "read the newest catalog of the lake": _reads("LAKE", "LATEST"),
    "read the lake": _object("read", "lake/catchment.ducklake"),
    "write the lake": _object("write", "lake/catchment.ducklake"),
    "delete from the lake": _object("delete", "lake/catchment.ducklake"),
    "ask for an export": _letter("LakePublished"),
    "read an error": _object("read", "errors/orders@1/42-load-1.txt"),
    "write an error": _object("write", "errors/orders@1/42-load-1.txt"),
    "read what is elsewhere": _object("read", "other/orders.txt"),
    "list the bucket": Probe(
        "s3:ListBucket",
        lambda where: where.arn("S3::Bucket"),
        ("s3", "list_objects_v2", lambda where: {"Bucket": where.name("S3::Bucket")}),
    ),
    # Letters
    "send a letter": _letter("MessagingMailbox"),
    "send a delay": _letter("MessagingDelays"),
    "send a dead event": _letter("MessagingDeadEvents"),
    "take letters": _takes("MessagingMailbox"),
    "take dead letters": _takes("MessagingDeadLetters"),
    # Runs
    **{f"invoke {name}": _invokes(name) for name in FUNCTIONS},
    "start a run": Probe(
        "states:StartExecution",
        _machine,
        ("stepfunctions", "start_execution", lambda where: {"stateMachineArn": _machine(where)}),
    ),
    "stop a run": Probe(
        "states:StopExecution",
        _execution,
        ("stepfunctions", "stop_execution", lambda where: {"executionArn": _execution(where)}),
    ),
    "look at a run": Probe(
        "states:DescribeExecution",
        _execution,
        ("stepfunctions", "describe_execution", lambda where: {"executionArn": _execution(where)}),
    ),
    "let a branch go on": Probe(
        "states:SendTaskSuccess",
        _machine,
        ("stepfunctions", "send_task_success", lambda _: {"taskToken": "t", "output": "{}"}),
    ),
    "send a heartbeat": Probe(
        "states:SendTaskHeartbeat",
        _machine,
        ("stepfunctions", "send_task_heartbeat", lambda _: {"taskToken": "t"}),
    ),
    # The rest
    "read the secret": Probe(
        "secretsmanager:GetSecretValue",
        _secret,
        (
            "secretsmanager",
            "get_secret_value",
            lambda where: {"SecretId": where.name("SecretsManager::Secret")},
        ),
    ),
    "put an event": Probe(
        "events:PutEvents",
        lambda where: where.arn("Events::EventBus"),
        (
            "events",
            "put_events",
            lambda where: {
                "Entries": [
                    {
                        "EventBusName": where.name("Events::EventBus"),
                        "Source": "s",
                        "DetailType": "t",
                        "Detail": "{}",
                    }
                ]
            },
        ),
    ),
    "list the tasks of another cluster": Probe(
        "ecs:ListTasks",
        lambda _: "*",
        ("ecs", "list_tasks", lambda _: {"cluster": _OTHER_CLUSTER}),
        {"ecs:cluster": ("arn:aws:ecs:us-east-1:000000000000:cluster/other",)},
    ),
    "become an attempt": Probe(
        "sts:AssumeRole",
        lambda where: where.deployed.arn(where.role("attempt")),
        (
            "sts",
            "assume_role",
            lambda where: {
                "RoleArn": where.deployed.arn(where.role("attempt")),
                "RoleSessionName": "other",
            },
        ),
    ),
    "become another role": Probe(
        "sts:AssumeRole",
        lambda where: where.deployed.arn(where.role("orchestrator")),
        (
            "sts",
            "assume_role",
            lambda where: {
                "RoleArn": where.deployed.arn(where.role("orchestrator")),
                "RoleSessionName": "other",
            },
        ),
    ),
}

_OTHER_CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/other"

_LOOKS = frozenset(
    {
        *("read a line's state", "read an attempt", "read the catalog"),
        *("list the bucket", "read an error", "look at a run"),
        *("read the newest catalog of the lake", "read a journal"),
    }
)

MAY: Mapping[str, frozenset[str]] = {
    "orchestrator": frozenset(
        {
            *("read a line's state", "read an attempt", "read a token", "read the catalog"),
            *("write a line's state", "let a state expire", "delete a state"),
            *("write an attempt", "let an attempt expire", "delete what a Ripple remembered"),
            *("write a token", "write a journal", "write an error"),
            *("read the key of permits", "write the key of permits"),
            *("send a letter", "send a delay", "send a dead event", "take letters"),
            *("start a run", "stop a run", "look at a run", "let a branch go on"),
            *("invoke ripple", "put an event"),
        }
    ),
    # A worker does the rest with the credentials of its attempt.
    "ripple": frozenset({"invoke vendor"}),
    "task": frozenset({"invoke vendor", "let a branch go on", "send a heartbeat"}),
    "vendor": frozenset(
        {
            *("read a line's state", "read the key of permits", "read the secret"),
            "become an attempt",
        }
    ),
    # Each attempt has a part of it: tests/infra/test_attempt_rights.py.
    "attempt": frozenset(
        {
            *("read a line's state", "read an attempt", "write an attempt"),
            *("read a package", "read a table", "write a table", "write an error"),
            "send a letter",
        }
    ),
    "discovery": frozenset(),
    "viewers": _LOOKS,
    "operators": _LOOKS | {"send a letter", "ask for an export"},
    "api": _LOOKS
    | {
        *("write the catalog", "delete from the catalog", "write a version"),
        *("read a package", "invoke discovery", "read the secret", "send a letter"),
        "ask for an export",
    },
    "sweep": frozenset(
        {
            *("read a line's state", "read an attempt", "read the catalog"),
            *("write the catalog", "delete a state", "delete what a Ripple remembered"),
            *("list the bucket", "delete a package", "delete a table"),
            *("stop a run", "look at a run", "send a letter"),
            *("read the newest catalog of the lake", "read the lake", "delete from the lake"),
            "ask for an export",
        }
    ),
    "exporter": frozenset(
        {
            *("read a line's state", "read the catalog", "read a table", "list the bucket"),
            *("read the newest catalog of the lake", "read the lake", "write the lake"),
        }
    ),
    "machine": frozenset({"invoke ripple", "send a letter"}),
}


def _glue(action: str, operation: str, database: str, **more: Any) -> Probe:
    kind = "table" if more else "database"
    end = f"{database}/orders" if more else database
    call = ("glue", operation, lambda _: {"DatabaseName": database, **more})
    at = f"arn:aws:glue:us-east-1:000000000000:{kind}/{end}"
    return Probe(f"glue:{action}", lambda _: at, call)


ICEBERG_PROBES: Mapping[str, Probe] = {
    "read what is known of Iceberg tables": _reads("ICEBERG", "duckstring_test__sales"),
    "write what is known of Iceberg tables": _deletes("ICEBERG", "duckstring_test__sales"),
    "read a listing": _object("read", "iceberg/listings/sales-0a.json"),
    "read Iceberg's metadata": _object("read", "iceberg/duckstring_test__sales/orders/m.json"),
    "write Iceberg's metadata": _object("write", "iceberg/duckstring_test__sales/orders/m.json"),
    "delete Iceberg's metadata": _object("delete", "iceberg/duckstring_test__sales/orders/m.json"),
    "ask for an export to Iceberg": _letter("IcebergPublished"),
    "change a table in Glue": _glue(
        "UpdateTable", "update_table", "duckstring_test__sales", TableInput={"Name": "orders"}
    ),
    "delete a table in Glue": _glue(
        "DeleteTable", "delete_table", "duckstring_test__sales", Name="orders"
    ),
    "read somebody's table in Glue": _glue("GetTable", "get_table", "sales", Name="orders"),
    "change somebody's table in Glue": _glue(
        "UpdateTable", "update_table", "sales", TableInput={"Name": "orders"}
    ),
    "change another Catchment's table in Glue": _glue(
        "UpdateTable", "update_table", "duckstring_other_sales", TableInput={"Name": "orders"}
    ),
}
"""Of a Catchment with Iceberg tables, besides ``PROBES``."""

MAY_OF_ICEBERG: Mapping[str, frozenset[str]] = {
    **{
        who: frozenset({"read what is known of Iceberg tables", "ask for an export to Iceberg"})
        for who in ("operators", "api")
    },
    "viewers": frozenset({"read what is known of Iceberg tables"}),
    "sweep": frozenset(
        {
            *("read what is known of Iceberg tables", "read a listing"),
            *("delete Iceberg's metadata", "ask for an export to Iceberg"),
        }
    ),
    ICEBERG: frozenset(
        {
            *("read what is known of Iceberg tables", "write what is known of Iceberg tables"),
            *("read a listing", "read Iceberg's metadata", "write Iceberg's metadata"),
            *("change a table in Glue", "delete a table in Glue"),
        }
    ),
}
"""Who may make them. Of ``PROBES``, each may what it may without Iceberg tables."""

MAY_ELSE_OF_ICEBERG = frozenset(
    {"read a line's state", "read the catalog", "read a table", "list the bucket"}
)
"""What the function for Iceberg may do of ``PROBES``."""

OPENLINEAGE_PROBES: Mapping[str, Probe] = {
    "tell of a run": _letter("RunNewsQueue"),
    "take messages about runs": _takes("RunNewsQueue"),
    "take dead messages about runs": _takes("RunNewsDead"),
}
"""Of a Catchment that tells of lineage, besides ``PROBES``."""

MAY_OF_OPENLINEAGE: Mapping[str, frozenset[str]] = {
    "orchestrator": frozenset({"tell of a run"}),
    OPENLINEAGE: frozenset({"take messages about runs"}),
}
"""Who may make them."""

MAY_ELSE_OF_OPENLINEAGE = frozenset(
    {
        *("read a line's state", "read an attempt", "read a table", "read an error"),
        *("list the bucket", "read the secret"),
    }
)
"""What the function that tells of lineage may do of ``PROBES``."""
