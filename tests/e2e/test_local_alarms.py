"""Every alarm of the stack rings for what it is about, and for nothing else: judged by the emulator
over the metrics that AWS's services publish, with its clock moved by hand.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import duckstring_cli
from duckstring_cli.local.tools import ensure_tools
from infra.config import Config
from tests.infra.conftest import synthesize
from tests.infra.template_kit import of_type

TOPIC = "arn:aws:sns:us-east-1:000000000000:on-call"
SCRIPT = """
import json, sys, types

for name in ("duckstring_cli", "duckstring_cli.local"):
    package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + name.removeprefix("duckstring_cli").replace(".", "/")]
    sys.modules[name] = package

from duckstring_cli.local.patches.alarms import judge_alarms
from ministack.services import cloudwatch, sns

asked = json.loads(sys.stdin.read())
clock = types.SimpleNamespace(now=1_800_000_000.0)
time = types.ModuleType("time")
time.time = lambda: clock.now
cloudwatch.time = sys.modules["duckstring_cli.local.patches.alarms"].time = time
told = []
sns._fanout = lambda topic, _id, message, _subject: told.append([topic, json.loads(message)])
judge_alarms()
for alarm in asked["alarms"]:
    cloudwatch._put_metric_alarm({}, alarm, True)

def states():
    cloudwatch._evaluate_all_alarms()
    return {one["AlarmName"]: one["StateValue"] for one in cloudwatch._alarms.values()}

said = []
for step in asked["steps"]:
    for _ in range(step.get("minutes", 0)):
        clock.now += 60
        for namespace, metric, dimensions, value in step["each_minute"]:
            cloudwatch.record_metric(namespace, metric, value, "Count", dimensions)
    before = len(told)
    found = states()
    heard = [[topic, one["AlarmName"], one["NewStateValue"]] for topic, one in told[before:]]
    said.append({"ringing": sorted(n for n, s in found.items() if s == "ALARM"), "told": heard})
print(json.dumps(said))
"""

SWEPT = ("AWS/Lambda", "Invocations", "Sweep", 1)
CAUSES = {
    "OldLetters": ([("AWS/SQS", "ApproximateAgeOfOldestMessage", "MessagingMailbox", 901)], 1),
    "StuckLetters": ([("Duckstring", "of the filter", "", 1)], 1),
    "DeadLetters": ([("AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeadLetters", 1)], 1),
    "DeadDelays": ([("AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeadDelays", 1)], 1),
    "DeadEvents": ([("AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeadEvents", 1)], 1),
    "OrchestratorFails": ([("AWS/Lambda", "Errors", "Orchestrator", 1)], 11),
    "SweepFails": ([("AWS/Lambda", "Errors", "Sweep", 1)], 11),
    "ExporterFails": ([("AWS/Lambda", "Errors", "Exporter", 1)], 11),
    "OrchestratorThrottled": ([("AWS/Lambda", "Throttles", "Orchestrator", 1)], 11),
    "RippleThrottled": ([("AWS/Lambda", "Throttles", "Ripple", 1)], 11),
    "SweepMissing": ([], 30),
}
"""For each alarm: what AWS publishes each minute, of which queue or function, and after how many
minutes it rings: the emulator's periods end now, so three of five minutes have each a minute of
the cause after eleven.
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> dict[str, Any]:
    return synthesize(tmp_path_factory.mktemp("synth"), Config(alarm_topic=TOPIC))


def resource(template: dict[str, Any], word: str) -> str:
    """The logical name of the one queue or function that is called so."""
    (found,) = {
        one
        for kind in ("AWS::SQS::Queue", "AWS::Lambda::Function")
        for one in of_type(template, kind)
        if re.fullmatch(rf"(Messaging|Doors)?{word}(Function)?[0-9A-F]{{8}}", one)
    }
    return found


def resolved(alarm: dict[str, Any]) -> dict[str, Any]:
    """A reference is the logical name of what it refers to."""
    dimensions = [
        {"Name": one["Name"], "Value": logical(one["Value"])} for one in alarm.get("Dimensions", [])
    ]
    return {**alarm, "Dimensions": dimensions}


def logical(value: dict[str, Any]) -> str:
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


def published(template, namespace, metric, word, value):
    if not word:
        (counted,) = of_type(template, "AWS::Logs::MetricFilter").values()
        (made,) = counted["Properties"]["MetricTransformations"]
        return [made["MetricNamespace"], made["MetricName"], {}, value]
    kind = "FunctionName" if namespace == "AWS/Lambda" else "QueueName"
    return [namespace, metric, {kind: resource(template, word)}, value]


def judged(template: dict[str, Any], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    alarms = [
        {"AlarmName": re.sub(r"^Monitoring|Alarm[0-9A-F]{8}$", "", name)}
        | resolved(one["Properties"])
        for name, one in of_type(template, "AWS::CloudWatch::Alarm").items()
    ]
    python = ensure_tools(lambda _step: None).emulator_python
    done = subprocess.run(
        [str(python), "-c", SCRIPT, str(Path(duckstring_cli.__file__).parent)],
        input=json.dumps({"alarms": alarms, "steps": steps}),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_the_table_has_every_alarm(template):
    assert {
        re.sub(r"^Monitoring|Alarm[0-9A-F]{8}$", "", name)
        for name in of_type(template, "AWS::CloudWatch::Alarm")
    } == set(CAUSES)


@pytest.mark.parametrize("alarm", CAUSES)
def test_an_alarm_rings_alone_once_its_cause_has_lasted_and_is_over_after_it(template, alarm):
    causes, minutes = CAUSES[alarm]
    well = [published(template, *SWEPT)]
    bad = [published(template, *one) for one in causes] + (well if causes else [])
    before, early, ringing, after = judged(
        template,
        [
            {"minutes": 40, "each_minute": well},
            {"minutes": minutes - 1, "each_minute": bad},
            {"minutes": 1, "each_minute": bad},
            {"minutes": 40, "each_minute": well},
        ],
    )
    assert (before["ringing"], early["ringing"]) == ([], [])
    assert ringing["ringing"] == [alarm]
    assert ringing["told"] == [[TOPIC, alarm, "ALARM"]]
    assert after == {"ringing": [], "told": [[TOPIC, alarm, "OK"]]}


def test_what_happens_to_another_function_or_queue_rings_no_alarm(template):
    others = [
        published(template, "AWS/Lambda", "Errors", "Ripple", 5),
        ["AWS/Lambda", "Errors", {"FunctionName": "another-teams"}, 5],
        ["AWS/Lambda", "Throttles", {"FunctionName": "another-teams"}, 5],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "another-teams"}, 5],
        published(template, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Mailbox", 5),
    ]
    well = [published(template, *SWEPT)]
    (_, seen) = judged(
        template,
        [
            {"minutes": 40, "each_minute": well},
            {"minutes": 60, "each_minute": [*others, *well]},
        ],
    )
    assert seen == {"ringing": [], "told": []}
