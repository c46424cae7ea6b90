"""What the template promises of rights: nobody may more than they need."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from moto import mock_aws

from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.memos import DynamoMemories
from duckstring.model.attempts import (
    AttemptFinished,
    AttemptPaused,
    AttemptStarted,
    OnKillCalled,
    Site,
    Usage,
)
from duckstring.model.checks import CheckResult
from duckstring.model.lineage import Lineage, TableRead
from duckstring.model.names import Line
from infra.config import Config
from tests.infra.conftest import synthesize
from tests.infra.template_kit import (
    FUNCTIONS,
    KNOWS,
    actions_of,
    as_list,
    function,
    of_type,
    roles_of,
    statements,
)


def test_no_policy_allows_every_action(template):
    for name, policy in of_type(template, "AWS::IAM::Policy").items():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            for action in as_list(statement["Action"]):
                assert not action.endswith((":*", "*")), (name, action)


def test_every_resource_is_named_where_aws_can_name_it(template):
    """Not so a list of tasks (of a cluster, by condition), and ECR's login."""
    wide = set()
    for policy in of_type(template, "AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if "*" in as_list(statement["Resource"]):
                wide.update(as_list(statement["Action"]))
    assert wide == {"ecs:ListTasks", "ecr:GetAuthorizationToken"}


def test_no_role_has_a_managed_policy(template):
    assert not [
        name
        for name, role in of_type(template, "AWS::IAM::Role").items()
        if role["Properties"].get("ManagedPolicyArns")
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_writes_its_own_log_and_no_other(template, name):
    properties = function(template, name)["Properties"]
    role, group = (
        properties["Role"]["Fn::GetAtt"][0],
        properties["LoggingConfig"]["LogGroup"]["Ref"],
    )
    (logs,) = [
        one
        for one in statements(template, role)
        if any(action.startswith("logs:") for action in as_list(one["Action"]))
    ]
    assert logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert logs["Resource"] == {"Fn::GetAtt": [group, "Arn"]}


def test_only_who_answers_task_tokens_may_and_only_to_this_machine(template):
    (machine,) = of_type(template, "AWS::StepFunctions::StateMachine")
    found = {}
    for name, policy in of_type(template, "AWS::IAM::Policy").items():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if tokens := [
                action
                for action in as_list(statement["Action"])
                if action.startswith("states:SendTask")
            ]:
                found[re.sub(r"[0-9A-F]{8}$", "", name)] = tokens
                assert statement["Resource"] == {"Ref": machine}
    assert found == {
        "DoorsOrchestratorServiceRoleDefaultPolicy": [
            "states:SendTaskSuccess",
            "states:SendTaskFailure",
        ],
        "TasksDefinitionTaskRoleDefaultPolicy": [
            "states:SendTaskSuccess",
            "states:SendTaskFailure",
            "states:SendTaskHeartbeat",
        ],
    }


def test_discovery_may_write_its_log_and_no_more(template):
    assert actions_of(template, "discovery") == {"logs:CreateLogStream", "logs:PutLogEvents"}
    invokers = [name for name in FUNCTIONS if "discovery_function" in KNOWS[name]]
    assert invokers == ["api"]
    ripple, discovery = (function(template, name)["Properties"] for name in ("ripple", "discovery"))
    assert discovery["Layers"] == ripple["Layers"], "what imports there imports here"


def test_only_the_vendor_assumes_the_role_of_attempts_and_only_workers_ask_it(template):
    role = roles_of(template)["attempt"]
    vendor = function(template, "vendor")["Properties"]["Role"]
    trusted = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [one["Principal"] for one in trusted] == [{"AWS": vendor}]
    asking = {
        name
        for name, of in roles_of(template).items()
        for one in statements(template, of)
        if "lambda:InvokeFunction" in as_list(one["Action"])
        and "DoorsVendor" in json.dumps(one["Resource"])
    }
    assert asking == {"ripple", "task"}


def test_without_isolation_workers_have_the_rights_of_attempts_and_there_is_no_vendor(tmp_path):
    stack = synthesize(tmp_path, Config(catchment="test", isolation=False))
    assert "dynamodb:UpdateItem" in actions_of(stack, "ripple")
    assert "secretsmanager:GetSecretValue" in actions_of(stack, "ripple")
    assert not [name for name in stack["Resources"] if "Vendor" in name or "Isolation" in name]
    known = function(stack, "ripple")["Properties"]["Environment"]["Variables"]
    assert "DUCKSTRING_SECRET" in known
    assert "DUCKSTRING_VENDOR_FUNCTION" not in known


@pytest.mark.parametrize(
    ("name", "action", "keys"),
    [
        (
            "attempt",
            "s3:GetObject",
            [
                *(":s3:::inbox/*", ":s3:::landing/*"),  # the buckets for arrivals
                *("/artifacts/*.zip", "/data/*.parquet", "/data/*/*/*/*"),
            ],
        ),
        ("attempt", "s3:PutObject", ["/data/*.parquet", "/data/*/*/*/*", "/errors/*.txt"]),
        ("ripple", "s3:GetObject", []),
        ("task", "s3:GetObject", []),
        ("orchestrator", "s3:PutObject", ["/errors/*.txt"]),
        ("api", "s3:GetObject", ["/errors/*.txt", "/artifacts/*.zip"]),
        ("operators", "s3:GetObject", ["/errors/*.txt"]),
        ("viewers", "s3:GetObject", ["/errors/*.txt"]),
    ],
)
def test_a_role_reaches_objects_of_its_own_kinds_only(template, name, action, keys):
    role = roles_of(template)[name]
    found = [
        resource["Fn::Join"][1][-1]
        for one in statements(template, role)
        if action in as_list(one["Action"])
        for resource in as_list(one["Resource"])
    ]
    assert found == keys


@pytest.mark.parametrize(
    ("isolation", "roles"),
    [(True, {"attempt"}), (False, {"ripple", "task"})],
)
def test_a_users_policies_are_the_attempts_alone(tmp_path, isolation, roles):
    policy = "arn:aws:iam::123456789012:policy/glue-jobs"
    stack = synthesize(tmp_path, Config(catchment="test", policies=(policy,), isolation=isolation))
    bearers = {
        re.sub(r"[0-9A-F]{8}$", "", name)
        for name, role in of_type(stack, "AWS::IAM::Role").items()
        if policy in json.dumps(role["Properties"].get("ManagedPolicyArns"))
    }
    starts = {
        "attempt": "IsolationAttemptRole",
        "ripple": "DoorsRippleServiceRole",
        "task": "TasksDefinitionTaskRole",
    }
    assert bearers == {starts[name] for name in roles}
    if isolation:
        known = function(stack, "vendor")["Properties"]["Environment"]["Variables"]
        assert known["DUCKSTRING_POLICIES"] == policy


@pytest.mark.parametrize(
    ("name", "forbidden"),
    [
        (
            "attempt",
            {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Scan", "states:StartExecution"},
        ),
        (
            "attempt",
            {
                "states:SendTaskSuccess",
                "s3:DeleteObject",
                "events:PutEvents",
                "lambda:InvokeFunction",
                "secretsmanager:GetSecretValue",
                "sts:AssumeRole",
            },
        ),
        ("vendor", {"dynamodb:Scan", "dynamodb:UpdateItem", "s3:GetObject", "sqs:SendMessage"}),
        (
            "api",
            {
                "states:StartExecution",
                "s3:PutObject",
                "s3:DeleteObject",
                "sts:AssumeRole",
                "events:PutEvents",
            },
        ),
        (
            "orchestrator",
            {"s3:GetObject", "s3:DeleteObject", "secretsmanager:GetSecretValue", "ecs:RunTask"},
        ),
        (
            "exporter",
            {
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "s3:DeleteObject",
                "sqs:SendMessage",
                "secretsmanager:GetSecretValue",
                "sts:AssumeRole",
            },
        ),
        (
            "sweep",
            {
                "dynamodb:PutItem",
                "dynamodb:Scan",
                "states:StartExecution",
                "secretsmanager:GetSecretValue",
            },
        ),
    ],
)
def test_a_function_may_not_do_anothers_work(template, name, forbidden):
    assert actions_of(template, name) & forbidden == set()


def test_a_worker_may_ask_the_vendor_and_write_its_log_and_no_more(template):
    assert actions_of(template, "ripple") == {
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    assert actions_of(template, "task") == {
        "lambda:InvokeFunction",
        "states:SendTaskSuccess",
        "states:SendTaskFailure",
        "states:SendTaskHeartbeat",
    }


@pytest.mark.parametrize(
    ("name", "action", "partitions"),
    [
        ("api", "dynamodb:PutItem", ["OPERATED", "AUDIT#*", "CATALOG", "POND#*", "SCHEMA"]),
        ("operators", "dynamodb:PutItem", ["OPERATED", "AUDIT#*"]),
        ("api", "dynamodb:DeleteItem", ["CATALOG", "POND#*", "SCHEMA"]),
        (
            "orchestrator",
            "dynamodb:PutItem",
            [
                *("LINE#*", "WORK#*", "TOKEN#*", "ARRIVED#*", "JOURNAL#*", "LIMITS"),
                *("PERMITS", "SCHEMA", "ALERTS", "AUDIT#*"),
            ],
        ),
        ("attempt", "dynamodb:Query", ["ARRIVED#*"]),
        ("vendor", "dynamodb:Query", ["POND#*"]),
        ("attempt", "dynamodb:GetItem", ["LINE#*", "WORK#*"]),
        ("attempt", "dynamodb:UpdateItem", ["WORK#*"]),
        ("vendor", "dynamodb:GetItem", ["LINE#*", "PERMITS"]),
        ("sweep", "dynamodb:UpdateItem", ["CATALOG", "SCHEMA"]),
        ("sweep", "dynamodb:DeleteItem", ["LINE#*", "WORK#*", "ARRIVED#*"]),
        ("exporter", "dynamodb:GetItem", ["LINE#*", "CATALOG", "LAKE"]),
        ("exporter", "dynamodb:PutItem", ["LAKE"]),
    ],
)
def test_a_role_reaches_its_own_items_only(template, name, action, partitions):
    role = roles_of(template)[name]
    conditions = [
        statement["Condition"]["ForAllValues:StringLike"]
        for statement in statements(template, role)
        if action in as_list(statement["Action"])
    ]
    reached = [name for one in conditions for name in one["dynamodb:LeadingKeys"]]
    assert all(one.keys() == {"dynamodb:LeadingKeys"} for one in conditions)
    assert reached == partitions


def test_a_ripple_writes_of_its_line_what_an_attempt_row_has_and_nothing_else(template):
    role = roles_of(template)["attempt"]
    (updates,) = [
        one for one in statements(template, role) if one["Action"] == "dynamodb:UpdateItem"
    ]
    allowed = set(updates["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"])
    assert allowed == attributes_of_an_attempt()
    assert {
        action for action in actions_of(template, "attempt") if action.startswith("dynamodb:")
    } == {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "dynamodb:Query",  # of what arrived
    }


@patch.dict("os.environ", {"AWS_DEFAULT_REGION": "us-east-1"})
@mock_aws
def attributes_of_an_attempt() -> set[str]:
    clients, line, now = Clients(), Line("sales@1"), datetime(2030, 1, 1, tzinfo=UTC)
    clients.s3.create_bucket(Bucket="lake")
    keys = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    schema = [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    clients.dynamodb.create_table(
        TableName="catchment",
        AttributeDefinitions=keys,
        KeySchema=schema,
        BillingMode="PAY_PER_REQUEST",
    )
    rows = AttemptRows(clients, "catchment", "lake")
    rows.started(line, AttemptStarted(1, "load", 1, now, Site()))
    rows.finished(
        line, AttemptFinished(1, "load", 1, "failed", now, "ValueError", "long " * 20_000, "", {})
    )
    rows.started(line, AttemptStarted(1, "sum", 1, now, Site()))
    read = Lineage((TableRead("orders@1", "orders", ("1-load-1",)),))
    done = AttemptFinished(1, "sum", 1, "success", now, reads=("orders.orders",), lineage=read)
    rows.finished(line, replace(done, package="a" * 64))
    rows.started(line, AttemptStarted(1, "checks", 1, now, Site()))
    checks = (CheckResult("late", rows=1),)
    rows.finished(line, AttemptFinished(1, "checks", 1, "success", now, checks=checks))
    rows.paused(line, AttemptPaused(1, "join", 1, now, Usage()))
    rows.left(line, run=1, ripple="load", attempt=1, at=now, used={"s3_reads": 1})
    rows.claim_on_kill(line, run=1, ripple="load", attempt=1)
    rows.called_on_kill(line, OnKillCalled(1, "load", 1, "confirmed", "gone"))
    DynamoMemories(clients, "catchment").of(
        line, run=1, ripple="load", tried=1, attempt=1
    ).entries()
    return {name for item in clients.dynamodb.scan(TableName="catchment")["Items"] for name in item}
