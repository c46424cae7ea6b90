"""The alarms of the Catchment itself: what each looks at, and who is told."""

from __future__ import annotations

import json
import re
from typing import Any

from duckstring.adapters.aws.inbox import wait_after
from infra.config import Config
from tests.infra.conftest import synthesize
from tests.infra.template_kit import mailbox, of_type


def watched(template: dict[str, Any], metric: str) -> dict[str, float]:
    alarms = [one["Properties"] for one in of_type(template, "AWS::CloudWatch::Alarm").values()]
    return {
        one["Dimensions"][0]["Value"]["Fn::GetAtt"][0]: one["Threshold"]
        for one in alarms
        if one["MetricName"] == metric
    }


def test_every_dead_letter_queue_has_an_alarm(template):
    dead = {
        name
        for name, one in of_type(template, "AWS::SQS::Queue").items()
        if "RedrivePolicy" not in one["Properties"] and not name.startswith("Lake")
    }
    assert watched(template, "ApproximateNumberOfMessagesVisible") == dict.fromkeys(dead, 1)


def test_a_letter_that_waits_for_a_quarter_of_an_hour_raises_an_alarm(template):
    (late,) = watched(template, "ApproximateAgeOfOldestMessage").items()
    assert late == (mailbox(template), 15 * 60)


ALARMS = {
    "OldLetters": ("ApproximateAgeOfOldestMessage", 1, "notBreaching"),
    "StuckLetters": ("duckstring-test-stuck-letters", 1, "notBreaching"),
    "DeadLetters": ("ApproximateNumberOfMessagesVisible", 1, "notBreaching"),
    "DeadDelays": ("ApproximateNumberOfMessagesVisible", 1, "notBreaching"),
    "DeadEvents": ("ApproximateNumberOfMessagesVisible", 1, "notBreaching"),
    "OrchestratorFails": ("Errors", 3, "notBreaching"),
    "SweepFails": ("Errors", 3, "notBreaching"),
    "ExporterFails": ("Errors", 3, "notBreaching"),
    "OrchestratorThrottled": ("Throttles", 3, "notBreaching"),
    "RippleThrottled": ("Throttles", 3, "notBreaching"),
    "SweepMissing": ("Invocations", 2, "breaching"),
}
"""What each looks at, in how many periods, and what no data means."""


def alarms(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        re.sub(r"^Monitoring|Alarm[0-9A-F]{8}$", "", name): one["Properties"]
        for name, one in of_type(template, "AWS::CloudWatch::Alarm").items()
    }


def test_each_alarm_looks_at_what_it_is_about_and_says_what_to_do(template):
    found = alarms(template)
    assert {
        name: (one["MetricName"], one["EvaluationPeriods"], one["TreatMissingData"])
        for name, one in found.items()
    } == ALARMS
    for name, one in found.items():
        subject = name.removesuffix("Fails").removesuffix("Throttled").removesuffix("Missing")
        about = json.dumps(one.get("Dimensions", []))
        assert subject in about or name in {"StuckLetters", "OldLetters"}, name
        assert one["AlarmDescription"].endswith("."), name
        assert not {"AlarmActions", "OKActions"} & one.keys(), "nobody is told unless asked for"


def test_a_letter_that_was_received_often_is_counted_from_the_orchestrators_own_words(template):
    (held,) = (one["Properties"] for one in of_type(template, "AWS::Logs::MetricFilter").values())
    assert "Orchestrator" in held["LogGroupName"]["Ref"]
    assert held["FilterPattern"] == "{ $.received > 10 }"
    (counted,) = held["MetricTransformations"]
    stuck = alarms(template)["StuckLetters"]
    assert (counted["MetricNamespace"], counted["MetricName"]) == (
        stuck["Namespace"],
        stuck["MetricName"],
    )
    assert sum(map(wait_after, range(1, 11))) > stuck["Period"], "a short outage is no alarm"


def test_alarms_tell_a_topic_and_people_when_they_ring_and_when_it_is_over(tmp_path):
    given = "arn:aws:sns:eu-central-1:123456789012:on-call"
    told = synthesize(
        tmp_path, Config(alarm_topic=given, alarm_emails=("a@example.com", "b@example.com"))
    )
    ((topic, _),) = of_type(told, "AWS::SNS::Topic").items()
    for name, one in alarms(told).items():
        assert one["AlarmActions"] == one["OKActions"] == [given, {"Ref": topic}], name
    heard = {
        (
            one["Properties"]["Protocol"],
            one["Properties"]["Endpoint"],
            one["Properties"]["TopicArn"]["Ref"],
        )
        for one in of_type(told, "AWS::SNS::Subscription").values()
    }
    assert heard == {("email", f"{who}@example.com", topic) for who in "ab"}
    ((_, policy),) = of_type(told, "AWS::SNS::TopicPolicy").items()
    refused, allowed = policy["Properties"]["PolicyDocument"]["Statement"]
    if refused["Effect"] == "Allow":
        refused, allowed = allowed, refused
    assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
