"""The agent that runs the emulator's ECS tasks: what it does is what a cluster does. The task
here is any command.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from duckstring.adapters.aws.overrides import EcsOverrides
from duckstring_cli import catchments
from duckstring_cli.local import catchment as local
from tests.e2e.conftest import make_role
from tests.e2e.drive import until

SHOW = """
import json, os, sys, urllib.request
import functions.ripple.task, duckstring, duckdb, pandas
from botocore.session import Session
print("first")
told = json.load(urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"]))
print(json.dumps({
    "told": told,
    "key": Session().get_credentials().method,
    "table": os.environ["DUCKSTRING_TABLE"],
    "greeting": os.environ["GREETING"],
    "extra": os.environ["EXTRA"],
    "home": os.environ["HOME"],
    "cwd": os.getcwd(),
}))
print("to stderr", file=sys.stderr)
sys.exit(7)
"""
HOLD = """
import os, signal, time
print("holds", os.getpid())
signal.signal(signal.SIGTERM, lambda *_: (print("told"), os._exit(3)))
time.sleep(600)
"""
DEAF = """
import os, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("holds", os.getpid(), subprocess.Popen(["sleep", "600"]).pid)
time.sleep(600)
"""


@dataclass
class Cluster:
    """A Catchment's cluster, as an operator sees it."""

    name: str

    def client(self, service):
        return catchments.session(catchments.find(self.name)).client(service)

    @property
    def outputs(self):
        return catchments.outputs(catchments.find(self.name))

    def run(self, script, **extra):
        """A task whose container runs a script; its ARN."""
        variables = [{"name": name, "value": value} for name, value in extra.items()]
        overrides = {
            "containerOverrides": [
                {"name": "worker", "command": ["python", "-c", script], "environment": variables}
            ]
        }
        started = self.client("ecs").run_task(
            cluster=self.outputs["Cluster"],
            taskDefinition=f"duckstring-{self.name}",
            launchType="FARGATE",
            overrides=overrides,
        )
        return started["tasks"][0]["taskArn"]

    def task(self, arn):
        return self.client("ecs").describe_tasks(cluster=self.outputs["Cluster"], tasks=[arn])[
            "tasks"
        ][0]

    def stopped(self, arn):
        return until(
            lambda: (task := self.task(arn))["lastStatus"] == "STOPPED" and task,
            what="the task stops",
            show=lambda: self.log(arn),
        )

    def log(self, arn):
        stream = f"task/worker/{arn.rpartition('/')[2]}"
        logs = self.client("logs")  # another client has other exceptions
        try:
            found = logs.get_log_events(
                logGroupName=self.outputs["TaskLogs"], logStreamName=stream, startFromHead=True
            )
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in found["events"]]

    def holds(self, arn):
        """The processes that it says it has, once it says so."""
        said = until(
            lambda: [line for line in self.log(arn) if line.startswith("holds")],
            what="the task speaks",
            show=lambda: self.task(arn),
        )
        return [int(pid) for pid in said[0].split()[1:]]


@pytest.fixture
def cluster(local_catchment):
    return Cluster(local_catchment.name)


@pytest.fixture
def heard(cluster):
    """The events of tasks that stopped, as a rule of an operator's gets them: by the task's ARN."""
    sqs, events = cluster.client("sqs"), cluster.client("events")
    queue = sqs.create_queue(QueueName="stopped-tasks")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {"lastStatus": ["STOPPED"]},
    }
    events.put_rule(Name="stopped-tasks", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="stopped-tasks", Targets=[{"Id": "queue", "Arn": arn}])

    def of(task):
        seen = {}

        def ask():
            for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
                "Messages", []
            ):
                detail = json.loads(message["Body"])["detail"]
                seen[detail["taskArn"]] = detail
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return seen.get(task)

        return until(ask, what="the event of the task's end")

    return of


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_task_runs_with_the_functions_code_and_the_tasks_surroundings(cluster, heard):
    arn = cluster.run(SHOW, EXTRA="yes")
    task = cluster.stopped(arn)
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert (task["desiredStatus"], task["containers"][0]["exitCode"]) == ("STOPPED", 7)
    first, shown, last = cluster.log(arn)
    assert (first, last) == ("first", "to stderr")
    said = json.loads(shown)
    assert said["key"] == "container-role", (
        "as on Fargate: of the task's role, and none of the user's"
    )
    assert (said["table"], said["greeting"], said["extra"]) == (
        cluster.outputs["Table"],
        "hello",
        "yes",
    )
    assert said["told"]["Labels"]["com.amazonaws.ecs.task-arn"] == arn
    assert said["told"]["LogOptions"]["awslogs-group"] == cluster.outputs["TaskLogs"]
    assert said["told"]["LogOptions"]["awslogs-stream"] == f"task/worker/{arn.rpartition('/')[2]}"
    assert not Path(said["cwd"]).exists(), "what it left on its disk is gone with it"
    detail = heard(arn)
    assert (detail["stopCode"], detail["containers"][0]["exitCode"]) == (
        "EssentialContainerExited",
        7,
    )
    assert {"name": "EXTRA", "value": "yes"} in detail["overrides"]["containerOverrides"][0][
        "environment"
    ]


def test_a_task_that_is_told_to_stop_has_stopped_when_its_process_has(cluster, heard):
    arn = cluster.run(HOLD)
    (pid,) = cluster.holds(arn)
    assert cluster.task(arn)["lastStatus"] == "RUNNING"
    cluster.client("ecs").stop_task(cluster=cluster.outputs["Cluster"], task=arn, reason="by hand")
    task = cluster.stopped(arn)
    assert (task["stopCode"], task["stoppedReason"], task["containers"][0]["exitCode"]) == (
        "UserInitiated",
        "by hand",
        3,
    )
    assert cluster.log(arn)[-1] == "told"
    assert not lives(pid)
    assert heard(arn)["stoppedReason"] == "by hand"
    # As in AWS, once more is no error.
    cluster.client("ecs").stop_task(cluster=cluster.outputs["Cluster"], task=arn)
    assert cluster.task(arn)["stoppedReason"] == "by hand"


def test_a_task_that_is_told_to_stop_before_it_says_a_word_stops_too(cluster, heard):
    arn = cluster.run(HOLD)
    cluster.client("ecs").stop_task(
        cluster=cluster.outputs["Cluster"], task=arn, reason="too early"
    )
    assert cluster.stopped(arn)["stopCode"] == "UserInitiated"
    assert heard(arn)["stoppedReason"] == "too early"


def test_a_task_whose_process_is_killed_has_stopped_by_itself(cluster, heard):
    arn = cluster.run(DEAF)
    pid, child = cluster.holds(arn)
    os.kill(pid, signal.SIGKILL)
    assert cluster.stopped(arn)["containers"][0]["exitCode"] == 137
    assert heard(arn)["stopCode"] == "EssentialContainerExited"
    until(lambda: not lives(child), what="a container's processes end with its first")


def test_a_task_that_cannot_start_says_so(cluster, heard):
    arn = cluster.run(SHOW, DUCKSTRING_CATCHMENT="elsewhere")
    task = cluster.stopped(arn)
    assert task["stopCode"] == "TaskFailedToStart"
    assert "Catchment elsewhere has no ripple function" in heard(arn)["stoppedReason"]


def test_what_a_task_was_started_with_is_remembered_after_its_end(cluster):
    """By it a task's end is answered for whose event left it out."""
    arn = cluster.run("pass", EXTRA="yes")
    cluster.stopped(arn)
    overrides = EcsOverrides(SimpleNamespace(ecs=cluster.client("ecs")), cluster.outputs["Cluster"])
    (container,) = overrides.of(arn)["containerOverrides"]
    assert container["environment"] == [{"name": "EXTRA", "value": "yes"}]
    assert overrides.of(arn[:-4] + "0000") == {}


def test_a_stop_and_a_hard_kill_leave_no_task_behind(cluster):
    for end in (local.stop, lambda name: os.kill(local.status(name).running.pid, signal.SIGKILL)):
        arn = cluster.run(DEAF)
        pids = cluster.holds(arn)
        end(cluster.name)
        local.start(cluster.name)
        until(lambda pids=pids: not any(map(lives, pids)), what="its processes are gone")
        listed = cluster.client("ecs").list_tasks(cluster=cluster.outputs["Cluster"])["taskArns"]
        assert listed == [], "nor does the cluster think that one runs"


@pytest.fixture
def silent(cluster):
    """A state machine that hands its token to a queue and wants to hear of it every 6 s."""
    queue = cluster.client("sqs").create_queue(QueueName="silent")["QueueUrl"]
    states = {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"},
            "HeartbeatSeconds": 6,
            "TimeoutSeconds": 600,
            "Catch": [
                {"ErrorEquals": ["States.HeartbeatTimeout"], "Output": "silent", "Next": "Told"}
            ],
            "Next": "Told",
        },
        "Told": {"Type": "Pass", "End": True},
    }
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": states})
    role = make_role(cluster, "silent")
    machine = cluster.client("stepfunctions").create_state_machine(
        name="silent", definition=definition, roleArn=role
    )["stateMachineArn"]

    def start():
        execution = cluster.client("stepfunctions").start_execution(stateMachineArn=machine)[
            "executionArn"
        ]
        ask = lambda: (  # noqa: E731
            cluster.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")
        )
        (message,) = until(ask, what="the token comes")
        cluster.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return execution, message["Body"]

    return start


def test_a_task_that_falls_silent_fails_and_one_that_beats_does_not(cluster, silent):
    states = cluster.client("stepfunctions")
    (quiet, _), (alive, token) = silent(), silent()

    def beats_until_the_other_is_given_up():
        states.send_task_heartbeat(taskToken=token)
        return states.describe_execution(executionArn=quiet)["status"] != "RUNNING"

    until(beats_until_the_other_is_given_up, what="the silent one is given up")
    assert json.loads(states.describe_execution(executionArn=quiet)["output"]) == "silent"
    assert states.describe_execution(executionArn=alive)["status"] == "RUNNING"
    states.send_task_success(taskToken=token, output='"well"')
    until(
        lambda: states.describe_execution(executionArn=alive)["status"] == "SUCCEEDED",
        what="the other ends well",
    )
    assert json.loads(states.describe_execution(executionArn=alive)["output"]) == "well"
