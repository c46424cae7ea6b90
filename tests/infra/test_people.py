"""The policies for people: each has what its level needs, and none reaches what only functions
read. ``tests/e2e/test_people.py`` carries the commands out under them.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from duckstring.errors import OperatorError
from duckstring.model.access import LEVELS
from duckstring.model.events import ALERT_TYPE, SOURCE
from infra.config import Config
from infra.people import CONSISTS_OF, TABLE_SETTINGS
from tests.infra.conftest import synthesize
from tests.infra.policies import rendered
from tests.infra.template_kit import as_list, function, of_type

READS = ("Get", "Describe", "List", "Filter", "Receive")
MOST_CHARACTERS = 6144


@pytest.fixture(scope="module")
def documents(template) -> dict[str, list[dict[str, Any]]]:
    """The statements of each policy, by the output that names it."""
    policies = of_type(template, "AWS::IAM::ManagedPolicy")
    return {
        name: policies[template["Outputs"][f"{name.title()}Policy"]["Value"]["Ref"]]["Properties"][
            "PolicyDocument"
        ]["Statement"]
        for name in CONSISTS_OF
    }


def granted(statements: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {
        (action, rendered(resource))
        for one in statements
        for action in as_list(one["Action"])
        for resource in as_list(one["Resource"])
    }


def invoked(template: dict[str, Any], statements: list[dict[str, Any]]) -> set[str]:
    """The functions that may be invoked, by name."""
    names = ("api", "operators", "viewers", "orchestrator", "ripple", "discovery", "sweep")
    by_resource = {
        f"arn:{logical}": name
        for name in names
        for logical, one in template["Resources"].items()
        if one == function(template, name)
    }
    return {
        by_resource[resource]
        for action, resource in granted(statements)
        if action == "lambda:InvokeFunction"
    }


def test_each_level_may_invoke_its_function_and_those_below_it(template, documents):
    found = {name: invoked(template, statements) for name, statements in documents.items()}
    assert found == {
        "viewer": {"viewers"},
        "operator": {"viewers", "operators"},
        # The orchestrator takes dead events back.
        "deployer": {"viewers", "operators", "api", "orchestrator"},
        "data": set(),
        "alerts": set(),
    }


def test_each_level_may_do_all_that_the_one_before_it_may(documents):
    viewer, operator, deployer = (granted(documents[level]) for level in LEVELS)
    assert viewer < operator < deployer
    assert granted(documents["data"]) < deployer


def test_viewers_and_readers_of_data_only_read(documents):
    for name in ("viewer", "data"):
        actions = {action for action, _ in granted(documents[name])} - {"lambda:InvokeFunction"}
        assert all(action.partition(":")[2].startswith(READS) for action in actions), name


def test_rows_of_tables_are_for_the_data_policy_and_deployers_alone(documents):
    may = {
        name
        for name, statements in documents.items()
        if any("/data/" in resource for _, resource in granted(statements))
    }
    assert may == {"data", "deployer"}


def test_nobody_reaches_what_only_functions_read(documents):
    services = {
        action.partition(":")[0]
        for statements in documents.values()
        for action, _ in granted(statements)
    }
    assert services == {
        *("lambda", "cloudformation", "s3", "logs", "cloudwatch", "sqs", "ecs", "dynamodb"),
        *("events", "sns", "secretsmanager", "iam"),
    }
    assert {
        action.partition(":")[0]
        for name, statements in documents.items()
        for action, _ in granted(statements)
        if name != "alerts"
    }.isdisjoint({"events", "sns", "secretsmanager", "iam"})
    of_table = {
        action
        for statements in documents.values()
        for action, _ in granted(statements)
        if action.startswith("dynamodb:")
    }
    assert of_table == set(TABLE_SETTINGS), "what the table has shows no item"


def test_who_makes_alerts_reaches_what_is_called_as_one_and_no_secret_of_ponds(documents):
    for action, resource in granted(documents["alerts"]):
        assert (
            "_alert_*" in resource
            or resource.startswith("arn:Alerts")
            or action in {"events:ListRules", "events:PutEvents", "iam:CreateServiceLinkedRole"}
        ), (action, resource)
        if action.startswith("secretsmanager:"):
            assert ":secret:events!connection/" in resource


def test_who_tests_alerts_puts_no_event_that_triggers_a_pond(documents):
    (test,) = [one for one in documents["alerts"] if one["Action"] == "events:PutEvents"]
    assert test["Condition"] == {
        "StringEquals": {"events:source": SOURCE, "events:detail-type": ALERT_TYPE}
    }


def test_every_resource_is_named_where_aws_can_name_it(documents):
    wide = {
        action
        for statements in documents.values()
        for action, resource in granted(statements)
        if resource == "*"
    }
    assert wide == {
        "lambda:ListEventSourceMappings",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricStatistics",
        "events:ListRules",
    }
    assert not {
        action
        for statements in documents.values()
        for action, _ in granted(statements)
        if "*" in action
    }


def test_a_policy_has_a_name_that_a_permission_set_can_know(template):
    names = {
        rendered(one["Properties"]["ManagedPolicyName"])
        for one in of_type(template, "AWS::IAM::ManagedPolicy").values()
    }
    assert names == {f"Duckstring-test-ref:AWS::Region-{name}" for name in CONSISTS_OF}


def test_a_policy_is_not_longer_than_iam_takes_it(documents):
    # A reference becomes an ARN of at most so many characters.
    text = json.dumps(documents["deployer"], separators=(",", ":"))
    assert len(text) < MOST_CHARACTERS


def test_the_stack_has_no_policies_for_people_where_the_user_wants_none(tmp_path):
    stack = synthesize(tmp_path, Config(catchment="test", people=False))
    assert of_type(stack, "AWS::IAM::ManagedPolicy") == {}
    assert not [name for name in stack["Outputs"] if name.endswith("Policy")]


def test_whether_there_are_policies_is_yes_or_no():
    assert (Config.read({}.get).people, Config.read({"people": "no"}.get).people) == (True, False)
    with pytest.raises(OperatorError, match="-c people=perhaps"):
        Config.read({"people": "perhaps"}.get)


def test_the_page_has_the_policies_of_the_code():
    path = Path(__file__).parents[2] / "docs" / "policies.py"
    spec = importlib.util.spec_from_file_location("policies", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "write it with: make docs"
