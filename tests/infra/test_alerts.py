"""What alerts need of the stack: who may call their destinations, and what is kept of pages."""

from __future__ import annotations

import json

from tests.infra.policies import rendered
from tests.infra.template_kit import of_type


def test_events_calls_the_destinations_of_alerts_for_rules_of_alerts_alone(template):
    role = template["Outputs"]["AlertRole"]["Value"]["Fn::GetAtt"][0]
    (trust,) = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    rules = rendered(trust["Condition"]["ArnLike"]["aws:SourceArn"])
    assert rules.endswith("/duckstring-test_alert_*")
    assert "aws:SourceAccount" in trust["Condition"]["StringEquals"]
    (statement,) = [
        one
        for policy in of_type(template, "AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"].get("Roles", [])
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert statement["Action"] == "events:InvokeApiDestination"
    assert rendered(statement["Resource"]).endswith(":api-destination/duckstring-test_alert_*")


def test_a_page_that_is_not_taken_is_kept_for_rules_of_alerts_alone(template):
    dead = template["Outputs"]["DeadEvents"]["Value"]["Ref"]
    may = [
        one
        for policy in of_type(template, "AWS::SQS::QueuePolicy").values()
        if {"Ref": dead} in policy["Properties"]["Queues"]
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if "ArnLike" in one.get("Condition", {})
    ]
    (statement,) = may
    assert statement["Action"] == "sqs:SendMessage"
    assert rendered(statement["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(
        "/duckstring-test_alert_*"
    )


def test_the_orchestrator_hears_of_troubles_of_lines_and_of_no_pages(template):
    patterns = [
        rule["Properties"].get("EventPattern", {})
        for rule in of_type(template, "AWS::Events::Rule").values()
    ]
    (troubles,) = [one for one in patterns if "failed" in one.get("detail", {}).get("state", [])]
    assert troubles["detail-type"] == ["duckstring.pond"]
    assert set(troubles["detail"]["state"]) == {"failed", "killed", "recovered", "stale", "fresh"}
    assert "duckstring.alert" not in json.dumps(patterns)
