"""The parts of OpenLineage in the stack, where it is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from duckstring.errors import OperatorError
from tests.infra.template_kit import actions_of, as_list, function, of_type, roles_of, statements
from tests.infra.test_alarms import alarms
from tests.infra.test_config import read

URL = "https://marquez.example.com/api/v1/lineage"


def variables(template: dict[str, Any], name: str) -> dict[str, Any]:
    return function(template, name)["Properties"]["Environment"]["Variables"]


def test_without_the_option_there_is_nothing_of_it(template):
    assert not [name for name in template["Resources"] if "News" in name or "neage" in name]
    assert not {"OpenLineageFunction", "RunNews", "DeadRunNews"} & template["Outputs"].keys()
    assert "DUCKSTRING_RUN_NEWS" not in variables(template, "orchestrator")


def test_the_orchestrator_tells_a_queue_and_only_the_function_knows_the_address(with_openlineage):
    assert "RunNewsQueue" in json.dumps(
        variables(with_openlineage, "orchestrator")["DUCKSTRING_RUN_NEWS"]
    )
    told = variables(with_openlineage, "openlineage")
    assert told["DUCKSTRING_OPENLINEAGE"] == URL
    assert "DUCKSTRING_MAILBOX" not in told
    assert json.dumps(with_openlineage).count(URL) == 1


def test_the_queue_keeps_the_order_of_a_run_and_what_was_not_taken_for_a_day(with_openlineage):
    queues = of_type(with_openlineage, "AWS::SQS::Queue")
    (name,) = [one for one in queues if one.startswith("RunNewsQueue")]
    (dead,) = [one for one in queues if one.startswith("RunNewsDead")]
    held = queues[name]["Properties"]
    assert held["FifoQueue"] is queues[dead]["Properties"]["FifoQueue"] is True
    redrive = held["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": [dead, "Arn"]}
    assert redrive["maxReceiveCount"] * held["VisibilityTimeout"] == 24 * 3600
    (mapping,) = [
        one["Properties"]
        for one in of_type(with_openlineage, "AWS::Lambda::EventSourceMapping").values()
        if one["Properties"]["EventSourceArn"] == {"Fn::GetAtt": [name, "Arn"]}
    ]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert held["VisibilityTimeout"] == 360
    assert function(with_openlineage, "openlineage")["Properties"]["Timeout"] == 300


def test_its_function_reads_and_changes_nothing(with_openlineage):
    assert actions_of(with_openlineage, "openlineage") == {
        *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
        *("s3:GetObject", "s3:ListBucket", "secretsmanager:GetSecretValue"),
        *("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueUrl"),
        *("sqs:DeleteMessage", "sqs:GetQueueAttributes"),
        *("logs:CreateLogStream", "logs:PutLogEvents"),
    }


def test_the_orchestrator_alone_may_send_to_the_queue(with_openlineage):
    senders = {
        who
        for who, role in roles_of(with_openlineage).items()
        for one in statements(with_openlineage, role)
        if "sqs:SendMessage" in as_list(one["Action"]) and "RunNews" in json.dumps(one["Resource"])
    }
    assert senders == {"orchestrator"}


def test_people_who_send_letters_back_may_send_these_back(with_openlineage):
    for name, one in of_type(with_openlineage, "AWS::IAM::ManagedPolicy").items():
        told = json.dumps(one["Properties"]["PolicyDocument"])
        assert ("RunNewsDead" in told) == name.startswith(("PeopleOperator", "PeopleDeployer"))
        assert ("RunNewsQueue" in told) == name.startswith("PeopleDeployer")


def test_its_alarms_ring_for_what_nobody_gets(with_openlineage, template):
    more = alarms(with_openlineage).keys() - alarms(template).keys()
    assert more == {"OldRunNews", "DeadRunNews", "OpenLineageFails"}
    assert alarms(with_openlineage)["OldRunNews"]["Threshold"] == 3600


def test_it_is_an_option():
    assert read(openlineage=URL).openlineage == URL
    assert read(openlineage="off").openlineage == read().openlineage == ""


def test_what_is_no_address_is_refused():
    with pytest.raises(OperatorError) as refused:
        read(openlineage="https://me:hunter2@host/x")
    assert refused.value.message == "-c openlineage=: it has a user, a password or a #."
