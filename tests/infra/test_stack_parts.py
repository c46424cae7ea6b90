"""What the template promises of the dashboard, events, schedules and stores."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from duckstring.adapters.aws.inbox import wait_after
from duckstring.engine.effects import RecordRun
from duckstring.model.names import Line
from duckstring.orchestrator.run_log import runs_over
from duckstring.ports import SOON
from infra.config import Config
from tests.infra.conftest import synthesize
from tests.infra.template_kit import (
    FUNCTIONS,
    arrivals,
    as_list,
    function,
    of_type,
    statements,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
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
