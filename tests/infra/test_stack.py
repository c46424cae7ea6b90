"""What the template promises: nothing is lost, nobody may more than needed, everybody knows what
they need.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from moto import mock_aws

from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.inbox import wait_after
from duckstring.adapters.aws.memos import DynamoMemories
from duckstring.engine.effects import RecordRun
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
from duckstring.model.settings import Settings
from duckstring.orchestrator.run_log import runs_over
from duckstring.ports import SOON
from infra.config import Config
from tests.infra.conftest import synthesize

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
FUNCTIONS = (
    *("orchestrator", "ripple", "vendor", "discovery"),
    *("api", "operators", "viewers", "sweep", "exporter"),
)
OUTPUTS = (
    *("Catchment", "Table", "Bucket", "ApiFunction", "RippleFunction", "Mailbox"),
    *("OperatorFunction", "ViewerFunction"),
    *("ViewerPolicy", "OperatorPolicy", "DeployerPolicy", "DataPolicy", "AlertsPolicy"),
    "AlertRole",
    *(
        "DeadLetters",
        "Delays",
        "DeadDelays",
        "DeadEvents",
        "OrchestratorFunction",
        "RippleLogs",
        "Machine",
        "Bus",
        "SweepFunction",
        "ExporterFunction",
        "LakeQueue",
        "DiscoveryFunction",
        "Dashboard",
        "Version",
        "Cluster",
        "TaskLogs",
        "Secret",
        "AttemptRole",
        "VendorFunction",
        "Ephemeral",
    ),
)
KEEPS = {"retention_snapshots", "retention_days"}
EVERYONE = {"catchment", "table", "bucket", "mailbox"}
SIZES = {"function_memory_mib", "function_timeout_seconds"}
KNOWS = {
    "orchestrator": EVERYONE
    | {"bus", "delays", "delays_arn", "machine", "schedules", "scheduler_role", "mailbox_arn"}
    | {"cluster", "ripple_function", "function_memory_mib", "function_timeout_seconds"}
    | {"attempt_role_id", "journal_days"},
    "ripple": EVERYONE | {"vendor_function", "function_memory_mib", "function_timeout_seconds"},
    "vendor": {"catchment", "table", "table_arn", "mailbox_arn", "secret", "attempt_role"},
    "discovery": {"catchment"},
    "api": EVERYONE
    | KEEPS
    | {
        "machine",
        "history_days",
        "discovery_function",
        "secret",
        "arrivals",
        "lake",
        "lake_seconds",
        "function_memory_mib",
        "function_timeout_seconds",
    },
    "operators": EVERYONE | SIZES | KEEPS | {"machine", "lake", "lake_seconds", "history_days"},
    "viewers": EVERYONE - {"mailbox"} | SIZES | KEEPS | {"machine", "lake_seconds"},
    "sweep": EVERYONE | KEEPS | {"delays", "machine", "history_days", "lake", "lake_seconds"},
    "exporter": EVERYONE - {"mailbox"},
}


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in template["Resources"].items() if one["Type"] == kind}


def entry(properties: dict[str, Any]) -> str:
    """What a function calls: zips have it in the handler, an image in its command."""
    if "Handler" in properties:
        return properties["Handler"]
    (command,) = properties["ImageConfig"]["Command"]
    return command


def function(template: dict[str, Any], name: str) -> dict[str, Any]:
    found = [
        one
        for one in of_type(template, "AWS::Lambda::Function").values()
        if entry(one["Properties"]) == f"functions.{name}.handler.handle"
    ]
    assert len(found) == 1
    return found[0]


def statements(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    policies = of_type(template, "AWS::IAM::Policy").values()
    return [
        statement
        for policy in policies
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def roles_of(template: dict[str, Any]) -> dict[str, str]:
    """The role of each function, of tasks, and of attempts, by name."""
    functions = of_type(template, "AWS::Lambda::Function").values()
    found = {
        entry(one["Properties"]).split(".")[1]: one["Properties"]["Role"]["Fn::GetAtt"][0]
        for one in functions
        if entry(one["Properties"]).startswith("functions.")
    }
    others = {"task": "TasksDefinitionTaskRole", "attempt": "IsolationAttemptRole"}
    for name, start in others.items():
        for role in of_type(template, "AWS::IAM::Role"):
            if role.startswith(start):
                found[name] = role
    return found


def actions_of(template: dict[str, Any], name: str) -> set[str]:
    return {
        action
        for statement in statements(template, roles_of(template)[name])
        for action in as_list(statement["Action"])
    }


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_queue_has_a_dead_letter_queue_of_its_kind_or_is_one(template):
    queues = {
        name: one.get("Properties", {})
        for name, one in of_type(template, "AWS::SQS::Queue").items()
    }
    dead = {
        one["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]: one
        for one in queues.values()
        if "RedrivePolicy" in one
    }
    assert len(queues) == 6
    assert len(dead) == 2
    for queue in queues.values():
        if "RedrivePolicy" in queue:
            target = queues[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]
            assert target.get("FifoQueue") == queue.get("FifoQueue")
            assert queue["RedrivePolicy"]["maxReceiveCount"] == (
                1000 if queue.get("FifoQueue") else 100
            )
            assert target["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_mailbox_orders_by_line_at_high_throughput(template):
    (mailbox,) = [
        one["Properties"]
        for one in of_type(template, "AWS::SQS::Queue").values()
        if one["Properties"].get("FifoQueue") and "RedrivePolicy" in one["Properties"]
    ]
    assert mailbox["DeduplicationScope"] == "messageGroup"
    assert mailbox["FifoThroughputLimit"] == "perMessageGroupId"
    assert mailbox["ContentBasedDeduplication"] is True


def test_a_message_stays_hidden_for_six_timeouts_of_its_consumer(template):
    timeout = function(template, "orchestrator")["Properties"]["Timeout"]
    for queue in of_type(template, "AWS::SQS::Queue").values():
        if "RedrivePolicy" in queue["Properties"]:
            assert queue["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_the_orchestrator_reports_single_failures_of_a_batch(template):
    mappings = [
        one["Properties"]
        for one in of_type(template, "AWS::Lambda::EventSourceMapping").values()
        if one["Properties"]["FunctionName"]["Ref"].startswith("DoorsOrchestrator")
    ]
    assert len(mappings) == 2
    assert all(
        one["FunctionResponseTypes"] == ["ReportBatchItemFailures"] and one["BatchSize"] == 10
        for one in mappings
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_knows_exactly_what_it_needs(template, name):
    known = function(template, name)["Properties"]["Environment"]["Variables"]
    ours = {key for key in known if key.startswith("DUCKSTRING_")}
    filled = Settings(**dict.fromkeys(KNOWS[name], "x"))
    assert ours == filled.to_env().keys()


def test_the_environment_file_reaches_ripples_and_what_imports_them_only(template):
    having = [
        name
        for name in FUNCTIONS
        if "API_TOKEN" in function(template, name)["Properties"]["Environment"]["Variables"]
    ]
    assert having == ["ripple", "discovery"]


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
                *("PERMITS", "SCHEMA", "ALERTS"),
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


def test_the_dashboards_of_two_regions_have_two_names(template):
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    assert dashboard["Properties"]["DashboardName"] == {
        "Fn::Join": ["", ["duckstring-test-", {"Ref": "AWS::Region"}]]
    }


def test_the_dashboard_reads_what_is_logged_of_runs(template):
    row = RecordRun(1, NOON, "1.0.0", "success", NOON, NOON)
    (logged,) = runs_over(Line("sales@1"), [row])
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    shown = json.dumps(dashboard["Properties"]["DashboardBody"])
    queries = [part for part in shown.split("SOURCE ") if "run over" in part]
    assert len(queries) == 4
    for field in logged:
        assert any(re.search(rf"\b{field}\b", query) for query in queries), field


def test_the_dashboard_shows_every_function(template):
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    shown = json.dumps(dashboard["Properties"]["DashboardBody"])
    functions = {
        name
        for name, one in of_type(template, "AWS::Lambda::Function").items()
        if str(one["Properties"].get("Handler", "")).startswith("functions.")
    }
    assert len(functions) == 9
    assert {name for name in functions if f'"Ref": "{name}"' not in shown} == set()


def test_the_orchestrator_takes_from_the_accounts_concurrency_unless_some_is_reserved(
    template, ephemeral_template
):
    found = [
        function(one, "orchestrator")["Properties"].get("ReservedConcurrentExecutions")
        for one in (template, ephemeral_template)
    ]
    assert found == [None, 50]


def test_deploying_may_take_as_long_as_lambda_allows(template):
    assert function(template, "api")["Properties"]["Timeout"] == 15 * 60


def test_the_machine_may_invoke_the_ripple_function_start_tasks_and_post_to_the_mailbox(template):
    (machine,) = of_type(template, "AWS::StepFunctions::StateMachine").values()
    role = machine["Properties"]["RoleArn"]["Fn::GetAtt"][0]
    allowed = {
        action
        for statement in statements(template, role)
        for action in as_list(statement["Action"])
    }
    assert allowed == {"lambda:InvokeFunction", "sqs:SendMessage", "ecs:RunTask", "iam:PassRole"}


def test_scheduler_may_post_to_the_mailbox_and_the_delays_and_only_for_this_account(template):
    roles = of_type(template, "AWS::IAM::Role")
    (role,) = [name for name in roles if "AlarmsRole" in name]
    trust = roles[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    (posts,) = statements(template, role)
    queues = {
        name
        for name, one in of_type(template, "AWS::SQS::Queue").items()
        if "RedrivePolicy" in one["Properties"]
    }
    assert posts["Action"] == "sqs:SendMessage"
    assert {resource["Fn::GetAtt"][0] for resource in posts["Resource"]} == queues


def test_windows_and_alarms_go_with_the_stack(template, ephemeral_template):
    """Deleting a group deletes its schedules: nothing goes on knocking at the door of what is
    gone.
    """
    for one in (template, ephemeral_template):
        (group,) = of_type(one, "AWS::Scheduler::ScheduleGroup").values()
        assert group.get("DeletionPolicy", "Delete") == "Delete"


def test_the_orchestrator_keeps_schedules_in_its_catchments_group_only(template):
    role = function(template, "orchestrator")["Properties"]["Role"]["Fn::GetAtt"][0]
    held = {tuple(as_list(one["Action"])): one for one in statements(template, role)}
    (actions,) = [names for names in held if names[0].startswith("scheduler:")]
    assert set(actions) == {f"scheduler:{verb}Schedule" for verb in ("Create", "Update", "Delete")}
    (group,) = of_type(template, "AWS::Scheduler::ScheduleGroup").values()
    assert (
        held[actions]["Resource"]["Fn::Join"][1][-1] == f":schedule/{group['Properties']['Name']}/*"
    )
    assert held["iam:PassRole",]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}
    }
    assert "AlarmsRole" in held["iam:PassRole",]["Resource"]["Fn::GetAtt"][0]


def test_triggers_and_runs_that_ended_badly_reach_the_orchestrator(template):
    rules = [one["Properties"] for one in of_type(template, "AWS::Events::Rule").values()]
    patterns = {rule["EventPattern"]["detail-type"][0]: rule["EventPattern"] for rule in rules}
    kinds = {
        "duckstring.trigger",
        "Step Functions Execution Status Change",
        "ECS Task State Change",
        "Object Created",
    }
    assert patterns.keys() == kinds | {"duckstring.pond"}, "the last one is the lake's"
    ended = patterns["Step Functions Execution Status Change"]
    assert ended["source"] == ["aws.states"]
    assert ended["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]


def test_objects_in_named_buckets_reach_the_orchestrator_and_nothing_listens_where_none_is_named(
    template, ephemeral_template
):
    (rule,) = arrivals(template)
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["inbox", "landing"]}},
    }
    assert "EventBusName" not in rule, "S3 speaks on the account's default bus"
    assert "Orchestrator" in json.dumps(rule["Targets"][0]["Arn"])
    assert (
        function(template, "api")["Properties"]["Environment"]["Variables"]["DUCKSTRING_ARRIVALS"]
        == "landing,inbox"
    )
    assert arrivals(ephemeral_template) == []
    assert (
        "DUCKSTRING_ARRIVALS"
        not in function(ephemeral_template, "api")["Properties"]["Environment"]["Variables"]
    )


def arrivals(template: dict[str, Any]) -> list[dict[str, Any]]:
    rules = [one["Properties"] for one in of_type(template, "AWS::Events::Rule").values()]
    return [rule for rule in rules if rule["EventPattern"].get("source") == ["aws.s3"]]


def test_the_sweep_deletes_objects_of_tables_packages_and_the_lake_only(template):
    role = function(template, "sweep")["Properties"]["Role"]["Fn::GetAtt"][0]
    (deletes,) = [
        one for one in statements(template, role) if "s3:DeleteObject" in as_list(one["Action"])
    ]
    assert [resource["Fn::Join"][1][-1] for resource in deletes["Resource"]] == [
        "/artifacts/*",
        "/data/*",
        "/lake/*",
        "/iceberg/*",
    ]


def test_an_event_that_does_not_reach_the_orchestrator_is_kept(template):
    rules = of_type(template, "AWS::Events::Rule").values()
    kept = {
        target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        for rule in rules
        for target in rule["Properties"]["Targets"]
        if "Lake" not in str(target["Arn"])  # the sweep sees what the lake lacks
    }
    (invoked,) = (
        one["Properties"] for one in of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    )
    kept.add(invoked["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0])
    (queue,) = kept
    assert "FifoQueue" not in template["Resources"][queue]["Properties"]
    role = function(template, "orchestrator")["Properties"]["Role"]["Fn::GetAtt"][0]
    resources = [
        one["Resource"]
        for one in statements(template, role)
        if "sqs:SendMessage" in as_list(one["Action"])
    ]
    assert {"Fn::GetAtt": [queue, "Arn"]} in resources


def mailbox(template: dict[str, Any]) -> str:
    queues = of_type(template, "AWS::SQS::Queue").items()
    (name,) = [
        name
        for name, one in queues
        if one["Properties"].get("FifoQueue") and "RedrivePolicy" in one["Properties"]
    ]
    return name


def test_lambda_does_not_stop_the_orchestrator_for_writing_to_its_own_mailbox(template):
    loops = {
        name: function(template, name)["Properties"].get("RecursiveLoop", "Terminate")
        for name in FUNCTIONS
    }
    assert loops == dict.fromkeys(FUNCTIONS, "Terminate") | {"orchestrator": "Allow"}


def test_the_outputs_are_what_connect_reads(template):
    assert template["Outputs"].keys() == set(OUTPUTS)


def test_what_a_catchment_holds_outlives_its_stack(template, ephemeral_template):
    kept = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret")
    for kind in kept:
        assert [one["DeletionPolicy"] for one in of_type(template, kind).values()] == ["Retain"]
        assert [one["DeletionPolicy"] for one in of_type(ephemeral_template, kind).values()] == [
            "Delete"
        ]


def test_a_letter_is_given_up_only_long_after_news_stops_to_prove_that_its_effects_were_performed(
    template,
):
    queues = [one["Properties"] for one in of_type(template, "AWS::SQS::Queue").values()]
    (mailbox,) = (one for one in queues if one.get("FifoQueue") and "RedrivePolicy" in one)
    receives = mailbox["RedrivePolicy"]["maxReceiveCount"]
    assert sum(wait_after(n) for n in range(1, receives + 1)) > 24 * SOON.total_seconds()
    assert mailbox["MessageRetentionPeriod"] > 24 * SOON.total_seconds()


def test_the_table_can_be_restored_and_forgets_what_expired(template):
    (table,) = (one["Properties"] for one in of_type(template, "AWS::DynamoDB::Table").values())
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    indexes = table["GlobalSecondaryIndexes"]
    assert [index["IndexName"] for index in indexes] == ["gsi1", "gsi2"]
    assert indexes[1]["Projection"] == {
        "NonKeyAttributes": ["unrest"],
        "ProjectionType": "INCLUDE",
    }


def test_no_deployment_writes_the_secret(template):
    (secret,) = (
        one["Properties"] for one in of_type(template, "AWS::SecretsManager::Secret").values()
    )
    assert not {"SecretString", "GenerateSecretString"} & secret.keys()


def test_the_bucket_is_closed_and_sweeps_unfinished_uploads(template):
    (bucket,) = (one["Properties"] for one in of_type(template, "AWS::S3::Bucket").values())
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "AbortIncompleteMultipartUpload" in json.dumps(bucket["LifecycleConfiguration"])


def test_long_texts_of_errors_go_with_the_history(tmp_path, template):
    def rules(stack):
        (bucket,) = (one["Properties"] for one in of_type(stack, "AWS::S3::Bucket").values())
        return {
            rule["Prefix"]: rule["ExpirationInDays"]
            for rule in bucket["LifecycleConfiguration"]["Rules"]
            if "ExpirationInDays" in rule
        }

    assert rules(template) == {"errors/": 400}
    for_ever = synthesize(tmp_path, Config(history_days=None))
    assert rules(for_ever) == {}
    (sweep,) = (
        one["Properties"]["Environment"]["Variables"]
        for one in of_type(for_ever, "AWS::Lambda::Function").values()
        if "functions.sweep.handler" in str(one["Properties"].get("Handler"))
    )
    assert "DUCKSTRING_HISTORY_DAYS" not in sweep


def test_every_log_group_forgets(template):
    groups = of_type(template, "AWS::Logs::LogGroup").values()
    assert len(groups) == len(FUNCTIONS) + 1
    assert all(group["Properties"]["RetentionInDays"] == 30 for group in groups)


def test_nothing_in_the_template_knows_an_emulator(template):
    assert not re.search(
        r"ministack|localhost|127\.0\.0\.1|4566|endpoint_url", json.dumps(template), re.IGNORECASE
    )
