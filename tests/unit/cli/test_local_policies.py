"""A request as IAM sees it, where the emulator sees it otherwise."""

from __future__ import annotations

import json

import pytest

from duckstring_cli.local.policies import (
    PASSED,
    Requests,
    action_of,
    facts_of,
    facts_of_item,
    items_of,
    names_of_secret,
    resource_of,
)

SCHEDULES = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/w-1"
CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/c"
TASK = "arn:aws:ecs:us-east-1:000000000000:task/c/0a1b"


def text(value: str) -> dict[str, str]:
    return {"S": value}


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("sqs:SendMessageBatch", "sqs:SendMessage"),
        ("sqs:ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"),
        ("s3:GetObject", "s3:GetObject"),
        (None, None),
    ],
)
def test_a_batch_is_no_action_of_its_own(given, asked):
    assert action_of(given) == asked


def test_a_schedule_is_one_of_its_group():
    path = "/schedules/w-1"
    expected = SCHEDULES.replace("default", "duckstring-dev")
    body = json.dumps({"GroupName": "duckstring-dev"}).encode()
    assert resource_of("scheduler:CreateSchedule", SCHEDULES, path, body, {}) == expected
    query = {"groupName": ["duckstring-dev"]}
    assert resource_of("scheduler:DeleteSchedule", SCHEDULES, path, b"", query) == expected
    assert resource_of("scheduler:GetSchedule", SCHEDULES, path, b"", {}) == SCHEDULES


def test_a_task_is_asked_for_by_its_own_name_and_a_list_by_none():
    for body in ({"tasks": [TASK]}, {"task": TASK}):
        data = json.dumps({"cluster": CLUSTER, **body}).encode()
        assert resource_of("ecs:DescribeTasks", CLUSTER, "/", data, {}) == TASK
    assert resource_of("ecs:ListTasks", CLUSTER, "/", b"{}", {}) == "*"
    assert resource_of("ecs:RunTask", CLUSTER, "/", b"not json", {}) == CLUSTER


def test_the_cluster_and_the_role_that_is_passed_are_facts():
    assert facts_of("ecs", json.dumps({"cluster": CLUSTER}).encode()) == {"ecs:cluster": CLUSTER}
    body = json.dumps({"Target": {"RoleArn": "arn:aws:iam::1:role/r"}}).encode()
    assert facts_of("scheduler", body) == {PASSED: "arn:aws:iam::1:role/r"}
    assert facts_of("scheduler", b"{}") == facts_of("sqs", body) == {}


ITEM = {"pk": text("WORK#sales@1"), "sk": text("ATTEMPT#1")}


@pytest.mark.parametrize(
    ("request_", "keys", "attributes"),
    [
        ({"Key": ITEM}, ["WORK#sales@1"], ["pk", "sk"]),
        ({"Item": {**ITEM, "state": text("x")}}, ["WORK#sales@1"], ["pk", "sk", "state"]),
        (
            {
                "Key": ITEM,
                "UpdateExpression": "SET #s = :s, seconds = if_not_exists(seconds, :z) "
                "REMOVE #m.#k",
                "ConditionExpression": "attribute_exists(pk) AND NOT contains(#w, :w)",
                "ExpressionAttributeNames": {
                    "#s": "status",
                    "#m": "memo",
                    "#k": "in",
                    "#w": "where",
                },
            },
            ["WORK#sales@1"],
            ["memo", "pk", "seconds", "sk", "status", "where"],
        ),
        (
            {
                "KeyConditionExpression": "#p = :p AND begins_with(sk, :s)",
                "ExpressionAttributeNames": {"#p": "pk"},
                "ExpressionAttributeValues": {":p": text("LINE#a@1"), ":s": text("RUN#")},
            },
            ["LINE#a@1"],
            ["pk", "sk"],
        ),
        (
            {"RequestItems": {"table": {"Keys": [{"pk": text("B"), "sk": text("1")}, ITEM]}}},
            ["B", "WORK#sales@1"],
            None,
        ),
        ({"TableName": "table"}, None, None),
    ],
)
def test_the_partition_and_the_attributes_are_facts(request_, keys, attributes):
    facts = facts_of_item(request_, "pk")
    assert facts.get("dynamodb:LeadingKeys") == keys
    assert facts.get("dynamodb:Attributes") == attributes


def test_of_an_index_the_partition_is_the_indexs():
    asked = {
        "KeyConditionExpression": "gsi1pk = :p",
        "ExpressionAttributeValues": {":p": text("RUNS#2030-01")},
    }
    assert facts_of_item(asked, "gsi1pk")["dynamodb:LeadingKeys"] == ["RUNS#2030-01"]


def test_a_transaction_has_the_facts_of_each_item():
    body = {"TransactItems": [{"Put": {"Item": ITEM}}, {"ConditionCheck": {"Key": ITEM}}]}
    assert items_of(json.dumps(body).encode()) == [{"Item": ITEM}, {"Key": ITEM}]
    assert items_of(b"[]") == []


def test_a_secret_has_its_name_as_well():
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:Duckstring-dev-Secret-0a1b2c"
    assert names_of_secret(arn) == [arn, "Duckstring-dev-Secret"]
    assert names_of_secret("*") == ["*"]


def test_each_kind_of_request_is_noted_once(tmp_path):
    requests = Requests(tmp_path / "requests")
    for run in (41, 42):
        requests.note("r", "dynamodb:GetItem", "t", {"keys": [f"RUN#{run}"]}, allowed=True)
    requests.note("r", "dynamodb:GetItem", "t", {"keys": ["RUN#42"]}, allowed=False)
    lines = [json.loads(line) for line in (tmp_path / "requests").read_text().splitlines()]
    assert [(one["facts"], one["allowed"]) for one in lines] == [
        ({"keys": ["RUN#41"]}, True),
        ({"keys": ["RUN#42"]}, False),
    ]


GLUE = "arn:aws:glue:us-east-1:000000000000:"


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        ("GetDatabase", {"Name": "d"}, "database/d"),
        ("CreateDatabase", {"DatabaseInput": {"Name": "d"}}, "database/d"),
        ("GetTable", {"DatabaseName": "d", "Name": "t"}, "table/d/t"),
        ("UpdateTable", {"DatabaseName": "d", "TableInput": {"Name": "t"}}, "table/d/t"),
        ("GetTables", {"DatabaseName": "d"}, "found"),
        ("GetDatabases", {}, "found"),
    ],
)
def test_a_request_to_glue_is_about_a_database_or_a_table(action, body, expected):
    told = resource_of(f"glue:{action}", f"{GLUE}found", "/", json.dumps(body).encode(), {})
    assert told == GLUE + expected
