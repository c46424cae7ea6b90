"""The stores: made by the stack and protected, or attached from elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App

from infra.config import Attached, Config
from infra.stack import CatchmentStack
from tests.infra.conftest import synthesize, tiny_code

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:kept-aB3dE6"
ALL = Attached(table="kept-table", bucket="kept-bucket", secret=SECRET)
KINDS = {
    "table": "AWS::DynamoDB::Table",
    "bucket": "AWS::S3::Bucket",
    "secret": "AWS::SecretsManager::Secret",
}


def of_type(template: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: one for name, one in template["Resources"].items() if one["Type"] == kind}


@pytest.fixture(scope="module")
def attached(tmp_path_factory) -> dict[str, Any]:
    config = Config(catchment="test", attached=ALL, arrivals=("landing", "inbox"))
    return synthesize(tmp_path_factory.mktemp("attached"), config)


def policies(template: dict[str, Any]) -> list[dict[str, Any]]:
    """What the functions may do, by role, with the names of resources as text."""
    return [
        {
            "actions": statement["Action"],
            "resources": json.dumps(statement["Resource"]),
            "conditions": statement.get("Condition"),
        }
        for policy in of_type(template, "AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def test_a_stack_with_attached_stores_makes_none(attached):
    assert not any(of_type(attached, kind) for kind in KINDS.values())


@pytest.mark.parametrize("alone", KINDS)
def test_each_store_may_be_attached_alone(tmp_path, alone):
    template = synthesize(
        tmp_path, Config(catchment="test", attached=Attached(**{alone: getattr(ALL, alone)}))
    )
    for store, kind in KINDS.items():
        assert bool(of_type(template, kind)) == (store != alone)


def test_the_functions_and_the_outputs_name_the_attached_stores(attached):
    outputs = {key: one["Value"] for key, one in attached["Outputs"].items()}
    assert (outputs["Table"], outputs["Bucket"]) == ("kept-table", "kept-bucket")
    assert outputs["Secret"] == SECRET
    variables = [
        one["Properties"]["Environment"]["Variables"]
        for one in of_type(attached, "AWS::Lambda::Function").values()
        if "DUCKSTRING_BUCKET" in one["Properties"].get("Environment", {}).get("Variables", {})
    ]
    assert len(variables) >= 5
    assert {one["DUCKSTRING_BUCKET"] for one in variables} == {"kept-bucket"}
    assert {one.get("DUCKSTRING_TABLE", "kept-table") for one in variables} == {"kept-table"}
    assert {one.get("DUCKSTRING_SECRET", SECRET) for one in variables} == {SECRET}


def test_the_rights_are_the_same_on_attached_stores_with_every_condition(template, attached):
    def shapes(one: dict[str, Any]) -> list[str]:
        return sorted(
            json.dumps([each["actions"], each["conditions"]])
            for each in policies(one)
            if "s3:" in str(each["actions"]) or "dynamodb:" in str(each["actions"])
        )

    assert shapes(attached) == shapes(template)
    tables = [each for each in policies(attached) if "dynamodb:" in str(each["actions"])]
    assert all(":table/kept-table" in each["resources"] for each in tables)
    assert any(":table/kept-table/index/gsi1" in each["resources"] for each in tables)
    buckets = [
        each
        for each in policies(attached)
        if "s3:" in str(each["actions"]) and ":s3:::landing/" not in each["resources"]
    ]
    assert buckets
    assert all("kept-bucket" in each["resources"] for each in buckets)


def test_another_table_has_a_mailbox_and_a_state_machine_of_its_own(template, attached, tmp_path):
    """A restored table must not get the letters and executions of the one before."""

    def of(one: dict[str, Any]) -> set[str]:
        machines = of_type(one, "AWS::StepFunctions::StateMachine")
        queues = of_type(one, "AWS::SQS::Queue")
        return {*machines, *(name for name in queues if "Mailbox" in name)}

    other = synthesize(
        tmp_path, Config(catchment="test", attached=Attached(table="restored-table"))
    )
    assert len(of(template)) == len(of(attached)) == len(of(other)) == 2
    assert not of(template) & of(attached)
    assert not of(other) & of(attached)


def test_a_deployment_without_attached_stores_keeps_the_stores_that_it_has(template):
    """Another logical id would be another table: these are the ones of every stack so far."""
    names = {name for kind in KINDS.values() for name in of_type(template, kind)}
    assert names == {"StorageTableB43FDCE7", "StorageBucket5CB7C8EA", "SecretA720EF05"}


def test_only_an_ephemeral_catchment_can_be_deleted_by_mistake(
    template, ephemeral_template, tmp_path
):
    for one, is_protected in ((template, True), (ephemeral_template, False)):
        (table,) = of_type(one, KINDS["table"]).values()
        assert table["Properties"]["DeletionProtectionEnabled"] is is_protected
    for ephemeral in (True, False):
        config = Config(catchment="test", ephemeral=ephemeral, build=tmp_path / "build")
        stack = CatchmentStack(App(), config=config, code=tiny_code(tmp_path))
        assert stack.termination_protection is not ephemeral


def test_a_deleted_object_comes_back_within_thirty_days(template, ephemeral_template):
    (bucket,) = (one["Properties"] for one in of_type(template, KINDS["bucket"]).values())
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert {
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        "ExpiredObjectDeleteMarker": True,
        "Status": "Enabled",
    } in rules
    (bucket,) = (one["Properties"] for one in of_type(ephemeral_template, KINDS["bucket"]).values())
    assert "VersioningConfiguration" not in bucket
