"""Tasks: the same code with the same rights, on a network that costs nothing while none runs."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.config import Config, Network
from infra.image import COMMAND, build_folder
from tests.infra.conftest import synthesize, tiny, tiny_code
from tests.infra.template_kit import as_list, function, of_type, statements

ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/duckstring:7"


@pytest.fixture(scope="module")
def given_template(tmp_path_factory) -> dict[str, Any]:
    """A network and an image of the user's."""
    network = Network(("subnet-0a1b2c3d", "subnet-4e5f6a7b"), "sg-0a1b2c3d")
    config = Config(
        catchment="given",
        network=network,
        image=ECR,
        architecture="arm64",
        function_timeout_seconds=60,
    )
    return synthesize(tmp_path_factory.mktemp("given"), config)


def only(template: dict[str, Any], kind: str) -> dict[str, Any]:
    (one,) = of_type(template, kind).values()
    return one["Properties"]


def container(template: dict[str, Any]) -> dict[str, Any]:
    (one,) = only(template, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    return one


def role_of(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return statements(
        template, only(template, "AWS::ECS::TaskDefinition")[f"{kind}RoleArn"]["Fn::GetAtt"][0]
    )


def actions(found: list[dict[str, Any]]) -> set[str]:
    return {action for statement in found for action in as_list(statement["Action"])}


def test_a_task_is_the_least_size_with_a_disk_for_what_spills(template):
    definition = only(template, "AWS::ECS::TaskDefinition")
    assert (definition["Cpu"], definition["Memory"]) == ("2048", "8192")
    assert definition["EphemeralStorage"]["SizeInGiB"] == 100
    assert definition["RequiresCompatibilities"] == ["FARGATE"]
    # Runs name the family: a revision that a deployment replaces can be started no more.
    assert definition["Family"] == "duckstring-test"


def test_a_task_gives_its_worker_time_to_say_that_it_was_stopped(template):
    assert container(template)["StopTimeout"] == 30
    assert container(template)["LinuxParameters"]["InitProcessEnabled"] is True


def test_an_attempt_may_the_same_on_a_task_as_in_the_function_and_answer_its_token(template):
    there = statements(
        template, function(template, "ripple")["Properties"]["Role"]["Fn::GetAtt"][0]
    )
    here = role_of(template, "Task")
    (machine,) = of_type(template, "AWS::StepFunctions::StateMachine")
    assert [one for one in here if one not in there] == [
        {
            "Action": [
                "states:SendTaskSuccess",
                "states:SendTaskFailure",
                "states:SendTaskHeartbeat",
            ],
            "Effect": "Allow",
            "Resource": {"Ref": machine},
        }
    ]
    # A task's log is written by who starts it.
    (log,) = [one for one in there if one not in here]
    assert log["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_a_task_knows_what_the_ripple_function_knows(template):
    known = {one["Name"]: one["Value"] for one in container(template)["Environment"]}
    assert known == function(template, "ripple")["Properties"]["Environment"]["Variables"]


def test_who_starts_a_task_may_pull_and_log_and_nothing_else(template):
    pull = {
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
    }
    assert actions(role_of(template, "Execution")) == pull | {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_the_network_lets_out_and_not_in_and_costs_nothing(template):
    assert of_type(template, "AWS::EC2::NatGateway") == {}
    endpoints = [one["Properties"] for one in of_type(template, "AWS::EC2::VPCEndpoint").values()]
    assert {one["VpcEndpointType"] for one in endpoints} == {"Gateway"}
    assert {one["ServiceName"]["Fn::Join"][1][-1] for one in endpoints} == {".s3", ".dynamodb"}
    assert len(of_type(template, "AWS::EC2::Subnet")) == 2
    group = only(template, "AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert of_type(template, "AWS::EC2::SecurityGroupIngress") == {}


def test_a_given_network_is_used_and_none_is_made(given_template):
    assert not [
        one for one in given_template["Resources"].values() if one["Type"].startswith("AWS::EC2::")
    ]


def test_a_given_image_may_be_pulled_from_where_it_lies(given_template):
    assert container(given_template)["Image"] == ECR
    pulls = {
        action: one["Resource"]
        for one in role_of(given_template, "Execution")
        for action in as_list(one["Action"])
    }
    assert pulls["ecr:GetAuthorizationToken"] == "*"
    assert ":ecr:eu-west-1:111122223333:repository/team/duckstring" in json.dumps(
        pulls["ecr:BatchGetImage"]
    )


def test_an_image_of_an_open_registry_takes_no_right(tmp_path):
    template = synthesize(tmp_path, Config(catchment="open", image="ghcr.io/team/duckstring:7"))
    assert actions(role_of(template, "Execution")) == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_a_task_runs_on_the_architecture_of_the_functions(template, given_template):
    found = [
        only(one, "AWS::ECS::TaskDefinition")["RuntimePlatform"]["CpuArchitecture"]
        for one in (template, given_template)
    ]
    assert found == ["X86_64", "ARM64"]


def test_the_functions_limit_is_the_deployments_choice_and_those_who_decide_know_it(
    template, given_template
):
    limits = [
        function(one, "ripple")["Properties"]["Timeout"] for one in (template, given_template)
    ]
    assert limits == [900, 60]
    for name in ("orchestrator", "api"):
        told = function(given_template, name)["Properties"]["Environment"]["Variables"]
        assert (
            told["DUCKSTRING_FUNCTION_TIMEOUT_SECONDS"],
            told["DUCKSTRING_FUNCTION_MEMORY_MIB"],
        ) == ("60", "2048")


def test_the_orchestrator_sees_and_stops_tasks_of_its_own_cluster_only(template):
    role = function(template, "orchestrator")["Properties"]["Role"]["Fn::GetAtt"][0]
    found = [
        one for one in statements(template, role) if as_list(one["Action"])[0].startswith("ecs:")
    ]
    (cluster,) = of_type(template, "AWS::ECS::Cluster")
    assert actions(found) == {"ecs:ListTasks", "ecs:DescribeTasks", "ecs:StopTask"}
    for one in found:
        assert one["Condition"] == {"ArnEquals": {"ecs:cluster": {"Fn::GetAtt": [cluster, "Arn"]}}}


def test_the_machine_starts_any_revision_of_its_own_definition_on_its_own_cluster(template):
    role = only(template, "AWS::StepFunctions::StateMachine")["RoleArn"]["Fn::GetAtt"][0]
    found = {as_list(one["Action"])[0]: one for one in statements(template, role)}
    named = [resource["Fn::Join"][1][-1] for resource in found["ecs:RunTask"]["Resource"]]
    assert named == [":task-definition/duckstring-test", ":task-definition/duckstring-test:*"], (
        "IAM takes a bare family by its bare name"
    )
    assert "ecs:cluster" in found["ecs:RunTask"]["Condition"]["ArnEquals"]
    passed = {one["Fn::GetAtt"][0] for one in found["iam:PassRole"]["Resource"]}
    definition = only(template, "AWS::ECS::TaskDefinition")
    assert passed == {
        definition[f"{kind}RoleArn"]["Fn::GetAtt"][0] for kind in ("Task", "Execution")
    }
    assert found["iam:PassRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }


def test_a_task_that_stopped_reaches_the_orchestrator(template):
    rules = [one["Properties"] for one in of_type(template, "AWS::Events::Rule").values()]
    (rule,) = [one for one in rules if one["EventPattern"].get("source") == ["aws.ecs"]]
    (cluster,) = of_type(template, "AWS::ECS::Cluster")
    assert rule["EventPattern"] == {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {"clusterArn": [{"Fn::GetAtt": [cluster, "Arn"]}], "lastStatus": ["STOPPED"]},
    }
    assert "Orchestrator" in json.dumps(rule["Targets"][0]["Arn"])
    assert "DeadLetterConfig" in rule["Targets"][0]


def test_the_dashboard_reads_what_tasks_log(template):
    tasks, ripples = (
        next(name for name in of_type(template, "AWS::Logs::LogGroup") if name.startswith(of))
        for of in ("Tasks", "DoorsRipple")
    )
    body = json.dumps(only(template, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    shown, of_functions = (body.count(f'{{"Ref": "{group}"}}') for group in (tasks, ripples))
    assert shown == of_functions > 0, "a query of attempts reads both"


def test_the_folder_of_the_image_is_the_dockerfile_and_the_zips_and_changes_with_them(tmp_path):
    code = tiny_code(tmp_path)
    folder = build_folder(code, tmp_path / "build")
    assert {path.name for path in folder.iterdir()} == {
        "Dockerfile",
        "functions.zip",
        "core.zip",
        "deps.zip",
        "data.zip",
        "client.zip",
    }
    with zipfile.ZipFile(folder / "data.zip") as archive:
        assert archive.namelist() == ["empty.txt"]
    assert build_folder(code, tmp_path / "build") == folder
    other = replace(code, functions=tiny(tmp_path, "other"))
    assert build_folder(other, tmp_path / "build") != folder


def test_the_image_runs_what_the_task_definition_runs(template):
    lines = (Path(__file__).parents[2] / "infra" / "Dockerfile").read_text().splitlines()
    (command,) = [
        json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD ")
    ]
    assert command == container(template)["Command"] == list(COMMAND)
