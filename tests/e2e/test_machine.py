"""The state machine alone, with a ripple function and a mailbox that the test plays."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest

from duckstring.adapters.aws.executions import Machine, TokenGates, execution_arn
from duckstring.engine.effects import AnswerGate, RippleBranch, StartRun
from duckstring.model.compute import ORDER, TOKEN
from duckstring.model.failures import Failure
from duckstring.model.pauses import MOST_RIPPLES
from duckstring.model.permits import AttemptName
from duckstring.model.verdicts import ENDED, MOST_BRANCHES
from infra.machine import definition
from tests.e2e.conftest import make_role

SOURCE = """
import json

def handle(event, context):
    print(event)
    kind = event["ripple"]
    if event["permit"] != f"{kind}-{event['attempt']}":
        raise ValueError(f"attempt {event['attempt']} came with the permit {event['permit']!r}")
    if kind == "raises":
        raise ValueError("boom")
    failure = {"ripple": kind, "attempt": 1, "error": "KeyError", "message": "'x' \\ \\n é"}
    if kind == "fails" and event["attempt"] == 1:
        raise RuntimeError("ENDED" + json.dumps({"outcome": "failed", "failure": failure}))
    if kind == "loses" and event["attempt"] == 1:
        failure |= {"error": "EndpointConnectionError", "message": "no S3"}
        raise RuntimeError("ENDED" + json.dumps({"outcome": "lost", "failure": failure}))
    if kind == "pauses" and event["attempt"] == 2 and event["pauses"] != 2:
        raise ValueError(f"the history has 2 pauses, not {event['pauses']}")
    if kind == "pauses" and event["pauses"] < 2:
        raise RuntimeError("ENDED" + json.dumps({"outcome": "paused", "seconds": 0.2}))
    if kind in ("pauses", "overruns") and event["attempt"] == 1:
        failure |= {"error": "Overran", "message": f"after {event['pauses']} pauses"}
        raise RuntimeError("ENDED" + json.dumps({"outcome": "overran", "failure": failure}))
    if kind == "killed":
        raise RuntimeError("RequestId: 1 Error: Runtime exited with error: signal: killed")
    if kind == "late":
        raise RuntimeError("2030-01-01 Task timed out after 900.00 seconds")
    return {"outcome": "ok"}
"""


class Permits:
    """Permits that the played function can check: an attempt comes with its own, on every way."""

    def of(self, attempt, purpose="run"):
        return f"{attempt.ripple}-{attempt.attempt}"


FAILURE = {"ripple": "fails", "attempt": 1, "error": "KeyError", "message": "'x' \\ \n é"}


@pytest.fixture(scope="module")
def machine(local_catchment):
    from duckstring_cli import catchments

    access = catchments.session(catchments.find(local_catchment.name))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("played.py", SOURCE.replace("ENDED", ENDED))
    runtime = access.client("lambda").get_function_configuration(
        FunctionName=catchments.outputs(local_catchment)["RippleFunction"]
    )["Runtime"]
    role = make_role(access, "played")
    function = access.client("lambda").create_function(
        FunctionName="played",
        Runtime=runtime,
        Role=role,
        Handler="played.handle",
        Code={"ZipFile": packed.getvalue()},
    )["FunctionArn"]
    return play(access, function, role)


def play(access, function, role):
    """The machine with a shorter rest, a mailbox and a cluster of its own."""
    queue = access.client("sqs").create_queue(
        QueueName="played.fifo", Attributes={"FifoQueue": "true"}
    )["QueueUrl"]
    played = definition()
    # A shorter rest, that says that it was taken: the emulator's history does not tell what a
    # branch passed through.
    rested = "{% $merge([$states.input, {'outcome': 'lost, and rested'}]) %}"
    for rest in (
        played["States"]["RestAlone"],
        played["States"]["Ripples"]["ItemProcessor"]["States"]["Rest"],
    ):
        rest |= {"Seconds": 1, "Output": rested}
    ecs = access.client("ecs")
    ecs.create_cluster(clusterName="played")
    ecs.register_task_definition(
        family="played",
        containerDefinitions=[
            {"name": "worker", "image": "none", "command": ["true"], "memory": 512}
        ],
    )
    words = {
        "Partition": "aws",
        "RippleFunction": function,
        "FunctionMemory": "3008",
        "Mailbox": queue,
        "Cluster": "played",
        "TaskDefinition": "played",
    }
    words |= {"Subnets": "subnet-1,subnet-2", "SecurityGroup": "sg-1", "PublicIp": "ENABLED"}
    text = json.dumps(played)
    for name, word in words.items():
        text = text.replace(f"${{{name}}}", word)
    arns = [
        access.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(machine), roleArn=role
        )["stateMachineArn"]
        for name, machine in (("played", json.loads(text)), ("measured", measured(text)))
    ]
    return Played(access, queue, *arns)


def measured(text):
    """The machine whose end says how large the result of its Map was."""
    machine = json.loads(text)
    states = machine["States"]
    states["Ripples"]["Output"] = (
        "{% {'size': $length($string($states.result)), 'cancelled': [1]} %}"
    )
    states["Failed"]["Error"] = "Measured"
    states["Failed"]["Cause"] = "{% $string($states.input.size) %}"
    return machine


class Played:
    def __init__(self, access, queue, arn, measured):
        self.stepfunctions, self.sqs, self.queue, self.arn = (
            access.client("stepfunctions"),
            access.client("sqs"),
            queue,
            arn,
        )
        self.measured = measured
        self.ecs = access.client("ecs")
        self.runs = 6
        self.seen = set()

    def start(self, **branches):
        self.runs += 1
        size = {"task": 16_384}
        listed = [
            RippleBranch(name, verdict, int(verdict != "wait"), size.get(verdict, 0))
            for name, verdict in branches.items()
        ]
        Machine(self, self.arn, Permits()).start("sales@1", StartRun(self.runs, 1, tuple(listed)))
        return execution_arn(self.arn, f"sales-1-{self.runs}-1")

    def gate(self):
        for _ in range(100):
            for message in self.sqs.receive_message(
                QueueUrl=self.queue, WaitTimeSeconds=1, AttributeNames=["All"]
            ).get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                assert message["Attributes"]["MessageGroupId"] == "sales@1"
                return json.loads(message["Body"])
        raise AssertionError("no gate was reached")

    def answer(self, gate, verdict, attempt=0, failure=None, memory_mib=0):
        told = Failure(**failure) if failure else None
        TokenGates(self, "", Permits())._send_answer(
            gate["token"],
            AnswerGate(gate["run"], 1, gate["ripple"], verdict, attempt, told, memory_mib),
            AttemptName("sales@1", gate["run"], gate["ripple"], attempt),
        )

    def task(self):
        """The newest task that was started, as ECS describes it, and what its container is told."""
        for _ in range(300):
            # The local Catchment runs it, and it ends at once: nobody waits for a task of this
            # cluster.
            listed = [
                arn
                for status in ("RUNNING", "STOPPED")
                for arn in self.ecs.list_tasks(cluster="played", desiredStatus=status)["taskArns"]
            ]
            if new := [arn for arn in dict.fromkeys(listed) if arn not in self.seen]:
                self.seen.update(new)
                (task,) = self.ecs.describe_tasks(cluster="played", tasks=new)["tasks"]
                (container,) = task["overrides"]["containerOverrides"]
                told = {one["name"]: one["value"] for one in container["environment"]}
                order = json.loads(told[ORDER])
                assert order["permit"] == f"{order['ripple']}-{order['attempt']}"
                return task, order, told[TOKEN]
            time.sleep(0.05)
        raise AssertionError("no task was started")

    def end(self, execution):
        for _ in range(300):
            found = self.stepfunctions.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return found
            time.sleep(0.05)
        raise AssertionError("it did not end")


def test_a_root_that_may_start_needs_no_gate(machine):
    assert machine.end(machine.start(load="lambda"))["status"] == "SUCCEEDED"
    assert machine.end(machine.start(load="lambda", other="lambda"))["status"] == "SUCCEEDED"


BESIDE = pytest.mark.parametrize("beside", [{}, {"load": "lambda"}], ids=["alone", "in a map"])


@BESIDE
def test_a_branch_waits_for_its_verdict_and_then_runs(machine, beside):
    execution = machine.start(join="wait", **beside)
    gate = machine.gate()
    token = gate.pop("token")
    whose = {
        "to": "sales@1",
        "kind": "gate_reached",
        "run": machine.runs,
        "launch": 1,
        "ripple": "join",
    }
    assert gate == {**whose, "attempt": 0, "outcome": "none", "failure": None, "memory_mib": 0}
    machine.answer(gate | {"token": token}, verdict="lambda", attempt=1)
    assert machine.end(execution)["status"] == "SUCCEEDED"


@BESIDE
def test_a_failed_attempt_tells_its_failure_and_runs_again_when_it_may(machine, beside):
    execution = machine.start(fails="lambda", **beside)
    gate = machine.gate()
    assert (gate["outcome"], gate["attempt"], gate["failure"]) == ("failed", 1, FAILURE)
    machine.answer(gate, verdict="lambda", attempt=2)
    assert machine.end(execution)["status"] == "SUCCEEDED"


@BESIDE
def test_a_lost_attempt_rests_and_asks_again(machine, beside):
    execution = machine.start(loses="lambda", **beside)
    gate = machine.gate()
    assert (gate["outcome"], gate["attempt"], gate["failure"]["error"]) == (
        "lost, and rested",
        1,
        "EndpointConnectionError",
    )
    machine.answer(gate, verdict="lambda", attempt=2)
    assert machine.end(execution)["status"] == "SUCCEEDED"


@BESIDE
def test_who_pauses_comes_again_with_the_same_attempt_and_a_later_attempt_counts_on(
    machine, beside
):
    execution = machine.start(pauses="lambda", **beside)
    gate = machine.gate()
    assert (gate["outcome"], gate["attempt"], gate["failure"]["message"]) == (
        "overran",
        1,
        "after 2 pauses",
    )
    assert gate["memory_mib"] == 3008
    machine.answer(gate, verdict="lambda", attempt=2)
    assert machine.end(execution)["status"] == "SUCCEEDED"


@pytest.mark.parametrize(("how", "outcome"), [("killed", "memory"), ("late", "overran")])
def test_what_lambda_says_of_a_function_without_memory_or_time_is_understood(machine, how, outcome):
    execution = machine.start(**{how: "lambda"})
    gate = machine.gate()
    assert (gate["outcome"], gate["failure"]["attempt"], gate["memory_mib"]) == (outcome, 1, 3008)
    machine.answer(gate, verdict="done")
    assert machine.end(execution)["status"] == "SUCCEEDED"


@BESIDE
def test_an_attempt_that_overran_goes_on_as_a_task(machine, beside):
    execution = machine.start(overruns="lambda", **beside)
    machine.answer(machine.gate(), verdict="task", attempt=2, memory_mib=8192)
    task, order, token = machine.task()
    whose = {"line": "sales@1", "run": machine.runs, "launch": 1, "ripple": "overruns"}
    attempted = {"attempt": 2, "memory_mib": 8192, "pauses": 0, "permit": "overruns-2"}
    assert order == {**whose, **attempted}
    assert (task["overrides"]["cpu"], task["overrides"]["memory"], task["launchType"]) == (
        "2048",
        "8192",
        "FARGATE",
    )
    machine.stepfunctions.send_task_heartbeat(taskToken=token)
    machine.stepfunctions.send_task_success(taskToken=token, output="{}")
    assert machine.end(execution)["status"] == "SUCCEEDED"


@BESIDE
def test_a_task_tells_its_failure_and_what_became_of_one_that_could_not_is_lost(machine, beside):
    execution = machine.start(other="task", **beside)
    ended = "Duckstring.Ended"
    silent = (
        "Nothing was received from it for 180 s: its task did not come up in time, "
        "or lost its network."
    )
    for verdict, error, cause, expected in (
        (
            "task",
            ended,
            ENDED + json.dumps({"outcome": "failed", "failure": FAILURE}),
            ("failed", FAILURE["message"]),
        ),
        (
            "task",
            ended,
            "Task stopped: SpotInterruption",
            ("lost, and rested", "Task stopped: SpotInterruption"),
        ),
        ("task", "States.HeartbeatTimeout", "", ("lost, and rested", silent)),
        (
            "done",
            ended,
            ENDED + json.dumps({"outcome": "memory", "failure": FAILURE}),
            ("memory", FAILURE["message"]),
        ),
    ):
        _task, _order, token = machine.task()
        machine.stepfunctions.send_task_failure(taskToken=token, error=error, cause=cause)
        gate = machine.gate()
        assert (gate["outcome"], gate["failure"]["message"]) == expected
        assert gate["memory_mib"] == 16_384
        machine.answer(gate, verdict=verdict, attempt=gate["attempt"] + 1, memory_mib=16_384)
    assert machine.end(execution)["status"] == "SUCCEEDED"


@BESIDE
def test_a_task_that_pauses_goes_on_in_the_function(machine, beside):
    execution = machine.start(other="task", **beside)
    _task, _order, token = machine.task()
    machine.stepfunctions.send_task_failure(
        taskToken=token,
        error="Duckstring.Ended",
        cause=ENDED + json.dumps({"outcome": "paused", "seconds": 1}),
    )
    assert machine.end(execution)["status"] == "SUCCEEDED"
    assert machine.ecs.list_tasks(cluster="played")["taskArns"] == []


@BESIDE
def test_a_branch_that_found_the_function_too_small_after_a_pause_stays_in_tasks(machine, beside):
    execution = machine.start(overruns="task", **beside)
    paused = {
        "error": "Duckstring.Ended",
        "cause": ENDED + json.dumps({"outcome": "paused", "seconds": 1}),
    }
    machine.stepfunctions.send_task_failure(taskToken=machine.task()[2], **paused)
    gate = machine.gate()
    assert (gate["outcome"], gate["failure"]["message"]) == ("overran", "after 1 pauses")
    machine.answer(gate, verdict="task", attempt=2, memory_mib=8192)
    machine.stepfunctions.send_task_failure(taskToken=machine.task()[2], **paused)
    _task, order, token = machine.task()
    assert [order[key] for key in ("attempt", "memory_mib", "pauses")] == [2, 8192, 2]
    machine.stepfunctions.send_task_failure(
        taskToken=token, error="Duckstring.Ended", cause="SpotInterruption"
    )
    machine.answer(machine.gate(), verdict="task", attempt=3, memory_mib=8192)
    machine.stepfunctions.send_task_failure(taskToken=machine.task()[2], **paused)
    machine.stepfunctions.send_task_success(taskToken=machine.task()[2], output="{}")
    assert machine.end(execution)["status"] == "SUCCEEDED"


def test_a_long_failure_is_cut_where_a_branch_ends(machine):
    execution = machine.start(fails="lambda", loses="wait")
    for gate in (machine.gate(), machine.gate()):
        machine.answer(
            gate, verdict="cancelled", attempt=1, failure=FAILURE | {"message": "x" * 20_000}
        )
    ended = machine.end(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "KeyError", "x" * 1000)


@BESIDE
def test_a_crashed_attempt_tells_its_error(machine, beside):
    execution = machine.start(raises="lambda", **beside)
    gate = machine.gate()
    assert (gate["outcome"], gate["failure"]["ripple"], gate["failure"]["attempt"]) == (
        "crashed",
        "raises",
        1,
    )
    assert gate["failure"]["error"]
    assert "boom" in gate["failure"]["message"]
    machine.answer(gate, verdict="done", attempt=1)
    assert machine.end(execution)["status"] == "SUCCEEDED"


def test_the_result_of_the_largest_run_that_fails_has_room(machine):
    """Of 300 Ripples 40 fail by themselves, with all the text that they may have. Half of the
    others lose their gates, and half are cancelled for what the first one failed of.
    """
    names = [f"r{number:03d}".ljust(48, "x") for number in range(MOST_RIPPLES)]
    lowest = "\x01"  # a character that JSON spells with six
    rest = dict.fromkeys(names, "wait")
    machine.runs += 1
    listed = tuple(RippleBranch(name, verdict, 0, 0) for name, verdict in rest.items())
    run = StartRun(machine.runs, 1, listed)
    Machine(machine, machine.measured, Permits()).start("sales@1", run)
    execution = execution_arn(machine.measured, f"sales-1-{machine.runs}-1")
    answered = 0
    while answered < MOST_RIPPLES:
        gate = machine.gate()
        number = int(gate["ripple"][1:4])
        whose = gate["ripple"] if number < MOST_BRANCHES else names[0]
        failure = {"ripple": whose, "attempt": 9, "error": lowest * 300, "message": lowest * 9_000}
        if number < MOST_BRANCHES or number % 2:
            machine.answer(gate, "cancelled", failure=failure)
        else:
            machine.stepfunctions.send_task_failure(
                taskToken=gate["token"], error="States.Timeout", cause=lowest * 9_000
            )
        answered += 1
    ended = machine.end(execution)
    assert ended["error"] == "Measured"
    # Characters, which are bytes: all of it is ASCII.
    assert 60_000 < int(ended["cause"]) < 250_000


def test_who_was_cancelled_for_another_branch_tells_that_ones_failure(machine):
    execution = machine.start(join="wait", fails="lambda", load="wait")
    gates = {gate["ripple"]: gate for gate in (machine.gate(), machine.gate(), machine.gate())}
    for name in ("join", "load", "fails"):
        machine.answer(gates[name], verdict="cancelled", attempt=1, failure=FAILURE)
    ended = machine.end(execution)
    assert (ended["error"], ended["cause"]) == ("KeyError", FAILURE["message"])


def test_a_cancelled_branch_fails_the_run_with_its_failure_after_its_siblings_ended(machine):
    execution = machine.start(fails="lambda", load="lambda", join="wait")
    gates = {gate["ripple"]: gate for gate in (machine.gate(), machine.gate())}
    machine.answer(gates["fails"], verdict="cancelled", attempt=1, failure=FAILURE)
    machine.answer(gates["join"], verdict="lambda", attempt=1)
    ended = machine.end(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == (
        "FAILED",
        "KeyError",
        FAILURE["message"],
    )


@BESIDE
def test_a_cancelled_branch_without_a_failure_still_says_something(machine, beside):
    execution = machine.start(join="wait", **beside)
    machine.answer(machine.gate(), verdict="cancelled", attempt=0)
    ended = machine.end(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == (
        "FAILED",
        "Cancelled",
        "The run was cancelled.",
    )
