"""Options by which a company keeps to its own rules: a network, a key, a boundary, tags, arm64."""

from __future__ import annotations

import re
from typing import Any

import pytest

from duckstring.errors import OperatorError
from infra.config import Config, Network
from tests.infra.conftest import synthesize
from tests.infra.template_kit import FUNCTIONS, function, statements
from tests.infra.test_config import read

KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
BOUNDARY = "arn:aws:iam::123456789012:policy/limits/Boundary"
NETWORK = Network(("subnet-0a1b2c3d", "subnet-4e5f6a7b"), "sg-0a1b2c3d", functions=True)
INTERFACES = {
    *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
    *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> dict[str, Any]:
    """All options together."""
    return synthesize(
        tmp_path_factory.mktemp("strict"),
        Config(
            catchment="test",
            architecture="arm64",
            network=NETWORK,
            kms_key=KEY,
            permissions_boundary=BOUNDARY,
            tags={"team": "data", "cost:center": "a=b"},
            alarm_emails=("a@example.com",),
            arrivals=("landing",),
        ),
    )


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: one.get("Properties", {})
        for name, one in template["Resources"].items()
        if one["Type"] == kind
    }


def roles(template: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {name: statements(template, name) for name in resources(template, "AWS::IAM::Role")}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# The network


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_runs_in_the_network_and_its_role_may_make_its_interfaces(strict, name):
    found = function(strict, name)["Properties"]
    assert found["VpcConfig"] == {
        "SubnetIds": list(NETWORK.subnets),
        "SecurityGroupIds": [NETWORK.security_group],
    }
    role = statements(strict, found["Role"]["Fn::GetAtt"][0])
    about = [one for one in role if INTERFACES & set(listed(one["Action"]))]
    assert [(one["Effect"], set(one["Action"]), one["Resource"]) for one in about] == [
        ("Allow", INTERFACES, "*"),
        ("Deny", INTERFACES, "*"),
    ]
    # What a function's own code asks has its ARN; what Lambda asks for it has not.
    assert "Condition" not in about[0]
    (denied,) = about[1]["Condition"]["ArnLike"].values()
    assert "lambda:SourceFunctionArn" in about[1]["Condition"]["ArnLike"]
    assert denied["Fn::Join"][1][-1].endswith(":function:*")


def test_by_default_only_tasks_run_in_a_given_network(tmp_path):
    given = Network(NETWORK.subnets, NETWORK.security_group)
    template = synthesize(tmp_path, Config(catchment="test", network=given))
    assert not any(
        "VpcConfig" in one for one in resources(template, "AWS::Lambda::Function").values()
    )
    assert not any(
        INTERFACES & set(listed(one["Action"])) for role in roles(template).values() for one in role
    )


def test_functions_in_a_network_need_one():
    options = {"subnets": "subnet-0a1b2c3d", "security-group": "sg-0a1b2c3d"}
    assert read(**options, **{"functions-in-vpc": "yes"}).network.functions
    assert not read(**options).network.functions
    with pytest.raises(OperatorError, match="-c functions-in-vpc=: a network takes both"):
        read(**{"functions-in-vpc": "yes"})
    with pytest.raises(OperatorError, match="-c functions-in-vpc=perhaps: not allowed"):
        read(**options, **{"functions-in-vpc": "perhaps"})


# The key


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AWS::DynamoDB::Table", ("SSESpecification", "KMSMasterKeyId")),
        ("AWS::SQS::Queue", ("KmsMasterKeyId",)),
        ("AWS::SNS::Topic", ("KmsMasterKeyId",)),
        ("AWS::Logs::LogGroup", ("KmsKeyId",)),
        ("AWS::SecretsManager::Secret", ("KmsKeyId",)),
        ("AWS::StepFunctions::StateMachine", ("EncryptionConfiguration", "KmsKeyId")),
    ],
)
def test_what_is_stored_is_encrypted_with_the_key(strict, template, kind, path):
    found = resources(strict, kind)
    assert found
    for one in found.values():
        for part in path:
            one = one[part]  # noqa: PLW2901 - down the path
        assert one == KEY
    assert not any(path[0] in one for one in resources(template, kind).values())


def test_objects_are_encrypted_with_the_key_and_few_requests(strict):
    (bucket,) = resources(strict, "AWS::S3::Bucket").values()
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {
            "BucketKeyEnabled": True,
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
        }
    ]


def about_keys(role: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in role if any(action.startswith("kms:") for action in one["Action"])]


def test_each_role_may_use_the_key_by_the_services_that_it_uses_and_no_others(strict):
    found = roles(strict)
    assert len(found) >= 9
    for name, role in found.items():
        for one in about_keys(role):
            assert one["Resource"] == KEY, name
            assert one["Condition"], name
        mine = {action.split(":")[0] for one in role for action in listed(one["Action"])}
        via = [
            re.sub(r"\..*", "", service["Fn::Join"][1][0])
            for one in about_keys(role)
            for service in listed(
                one["Condition"].get("StringEquals", {}).get("kms:ViaService", [])
            )
        ]
        assert sorted(via) == sorted(mine & {"dynamodb", "s3", "secretsmanager", "sns", "sqs"}), (
            name
        )


def test_who_starts_or_answers_runs_and_the_machine_itself_may_use_the_key_for_machines(strict):
    may = {
        name
        for name, role in roles(strict).items()
        if any(
            "kms:EncryptionContext:aws:states:stateMachineArn"
            in one["Condition"].get("StringLike", {})
            for one in about_keys(role)
        )
    }
    for part in ("Orchestrator", "Api", "Sweep", "TaskRole", "RunsMachineRole"):
        assert any(part in name for name in may), part
    assert not any(part in name for name in may for part in ("Discovery", "ExecutionRole"))


def test_without_a_key_no_role_has_a_right_to_any(template):
    assert not any(about_keys(role) for role in roles(template).values())


# Limits of roles, and tags


def test_every_role_has_the_boundary(strict, tmp_path):
    found = resources(strict, "AWS::IAM::Role")
    assert {one["PermissionsBoundary"] for one in found.values()} == {BOUNDARY}
    named = synthesize(tmp_path, Config(catchment="test", permissions_boundary="Boundary"))
    for one in resources(named, "AWS::IAM::Role").values():
        assert one["PermissionsBoundary"]["Fn::Join"][1][-1] == ":policy/Boundary"


def test_what_can_have_tags_has_them(strict):
    for kind in (
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::Lambda::Function",
        "AWS::IAM::Role",
        "AWS::StepFunctions::StateMachine",
        "AWS::ECS::TaskDefinition",
        "AWS::ECS::Cluster",
        "AWS::SecretsManager::Secret",
        "AWS::Logs::LogGroup",
    ):
        for one in resources(strict, kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            assert tags == {
                "team": "data",
                "cost:center": "a=b",
                "duckstring:catchment": "test",
            }, kind


def test_everything_is_built_and_run_for_arm64(strict):
    functions = resources(strict, "AWS::Lambda::Function")
    assert {tuple(one["Architectures"]) for one in functions.values()} == {("arm64",)}
    (definition,) = resources(strict, "AWS::ECS::TaskDefinition").values()
    assert definition["RuntimePlatform"]["CpuArchitecture"] == "ARM64"


# What is refused


def test_values_are_read():
    config = read(
        **{
            "kms-key": f" {KEY}",
            "permissions-boundary": "Boundary",
            "tags": " team=data, cost:center=a=b,team=data,",
        }
    )
    assert config.kms_key == KEY
    assert config.permissions_boundary == "Boundary"
    assert config.tags == {"team": "data", "cost:center": "a=b"}
    assert read() == Config()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kms-key", "alias/mine"),
        ("kms-key", "arn:aws:kms:eu-central-1:123456789012:alias/mine"),
        ("permissions-boundary", "two words"),
        ("permissions-boundary", "arn:aws:iam::123456789012:role/Boundary"),
        ("tags", "team"),
        ("tags", "aws:team=data"),
        ("tags", "duckstring:catchment=other"),
        ("tags", "team=da\x1bta"),
    ],
)
def test_what_is_not_allowed_is_named_in_one_line(key, value):
    with pytest.raises(OperatorError) as caught:
        read(**{key: value})
    assert caught.value.message == f"-c {key}={value}: not allowed."
    assert "\n" not in caught.value.hint


def test_a_tag_has_one_value_and_there_are_not_too_many():
    with pytest.raises(OperatorError, match="team has two values, data and web"):
        read(tags="team=data,team=web")
    with pytest.raises(OperatorError, match="41 tags"):
        read(tags=",".join(f"tag{number}=x" for number in range(41)))
