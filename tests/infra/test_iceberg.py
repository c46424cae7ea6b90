"""The parts of the Iceberg tables in the stack, where they are asked for."""

from __future__ import annotations

import json

import pytest

from duckstring.errors import InvariantError, OperatorError
from duckstring.model.values import replace
from infra.config import Config
from infra.layers import ZIP_LIMIT
from tests.infra.conftest import large, synthesize, tiny_code
from tests.infra.template_kit import actions_of, as_list, function, of_type, roles_of, statements
from tests.infra.test_config import read


def test_without_the_option_there_is_nothing_of_it(template):
    assert not [name for name in template["Resources"] if "Iceberg" in name]
    assert not {"IcebergFunction", "IcebergQueue"} & template["Outputs"].keys()
    assert "glue:" not in json.dumps(template)
    for name in ("sweep", "viewers", "api"):
        variables = function(template, name)["Properties"]["Environment"]["Variables"]
        assert "DUCKSTRING_ICEBERG" not in variables


def test_with_it_each_run_that_publishes_is_told_at_the_pace_of_the_lake(with_iceberg):
    (queue,) = [one for one in of_type(with_iceberg, "AWS::SQS::Queue") if "Iceberg" in one]
    (mapping,) = [
        one["Properties"]
        for one in of_type(with_iceberg, "AWS::Lambda::EventSourceMapping").values()
        if one["Properties"]["EventSourceArn"] == {"Fn::GetAtt": [queue, "Arn"]}
    ]
    assert mapping["MaximumBatchingWindowInSeconds"] == 60
    (rule,) = [
        one["Properties"]
        for one in of_type(with_iceberg, "AWS::Events::Rule").values()
        if one["Properties"]["Targets"][0]["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}
    ]
    assert rule["EventPattern"]["detail"] == {"state": ["succeeded"]}
    alarms = of_type(with_iceberg, "AWS::CloudWatch::Alarm").values()
    assert "iceberg" in json.dumps([one["Properties"] for one in alarms]).lower()


def test_its_function_is_made_of_zips_whatever_ripples_import(tmp_path):
    code = large(tmp_path, ZIP_LIMIT + 1)
    made = synthesize(tmp_path, Config(catchment="test", iceberg=True), code)
    assert "Code" in function(made, "iceberg")["Properties"]
    assert "S3Key" in function(made, "iceberg")["Properties"]["Code"]
    assert len(function(made, "iceberg")["Properties"]["Layers"]) == 3


def test_packages_of_it_that_lambda_would_not_take_are_refused_before_the_deployment(tmp_path):
    code = tiny_code(tmp_path)
    code.check_size()
    much = replace(code.iceberg, unpacked=ZIP_LIMIT)
    with pytest.raises(InvariantError, match="unpacks to 250 MB"):
        replace(code, iceberg=much).check_size()


def test_it_may_change_databases_of_its_catchment_in_glue_and_no_others(with_iceberg):
    role = roles_of(with_iceberg)["iceberg"]
    (glue,) = [
        one
        for one in statements(with_iceberg, role)
        if "glue:UpdateTable" in as_list(one["Action"])
    ]
    ends = [one["Fn::Join"][1][-1] for one in glue["Resource"]]
    assert ends == [
        ":catalog",
        ":database/duckstring_test__*",
        ":table/duckstring_test__*/*",
        ":userDefinedFunction/duckstring_test__*/*",
    ]
    writes = {
        action
        for action in actions_of(with_iceberg, "iceberg")
        if action.startswith(("s3:", "dynamodb:")) and "Get" not in action and "Query" not in action
    }
    assert writes == {"s3:PutObject", "s3:ListBucket", "dynamodb:PutItem", "dynamodb:DeleteItem"}


def test_people_who_may_read_tables_may_find_and_read_them_in_glue(with_iceberg):
    policies = of_type(with_iceberg, "AWS::IAM::ManagedPolicy").items()
    for name, one in policies:
        told = json.dumps(one["Properties"]["PolicyDocument"])
        may = "glue:GetTable" in told and "/iceberg/*" in told
        assert may == name.startswith(("PeopleData", "PeopleDeployer"))
        assert "glue:Update" not in told


@pytest.mark.parametrize(("given", "wanted"), [("true", True), ("false", False), ("TRUE", True)])
def test_it_is_an_option(given, wanted):
    assert read(iceberg=given).iceberg == wanted
    assert not read().iceberg


@pytest.mark.parametrize("given", ["yes", "1", "", "glue"])
def test_another_value_is_refused_with_what_is_allowed(given):
    with pytest.raises(OperatorError) as refused:
        read(iceberg=given)
    assert refused.value.message == f"-c iceberg={given}: not allowed."
    assert refused.value.hint == "Allowed: true, false."


def test_it_needs_the_lakes_pace():
    with pytest.raises(OperatorError) as refused:
        read(iceberg="true", lake="off")
    assert "-c iceberg=true with -c lake=off" in refused.value.message


@pytest.mark.parametrize("catchment", ["prod--eu", "prod-"])
def test_a_catchment_whose_databases_could_be_those_of_another_is_refused(catchment):
    with pytest.raises(OperatorError) as refused:
        read(iceberg="true", catchment=catchment)
    assert f"-c catchment={catchment} with -c iceberg=true" in refused.value.message
    assert read(catchment=catchment).catchment == catchment, "without the option it may"
