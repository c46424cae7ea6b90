"""The state machine of a Pond Run, in JSONata: one branch per Ripple. All decisions are made by the
orchestrator.

A state entered costs as much as forty writes to the table, so the usual path is short. An attempt
that succeeds ends its branch. An attempt that does not succeed *fails its task*: a Catch costs
nothing, but a Choice after each attempt would. A gate's success means "run", and any other verdict
is its failure. A run of one Ripple needs no Map.

An attempt runs in the function or as a task. An attempt that pauses is invoked again after a while,
in the function and with the same number, because it only has to look, and that is short. A branch
that found the function too small after a pause stays in tasks, pauses included. A task's worker
ends its attempt with its token, in the same form that the function uses.

Rules of this file. A branch of the Map never ends in Fail, because its siblings would be cut off. A
gate is retried only if its letter was not sent; once it was, somebody may hold its token. What AWS
lost is ``lost`` and not ``crashed``, so it costs the author no retry. Timeouts are literal. A
terminal state is a Pass, because an ``Output`` of Succeed is not applied everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from duckstring.model.compute import ORDER, TASK_SIZES, TOKEN
from duckstring.model.verdicts import CANCELLED, DONE, ENDED, MOST_BRANCHES, SILENCE_SECONDS, TASK
from infra.accepted import accept
from infra.tasks import CONTAINER

_GATE_SECONDS = 364 * 24 * 3600
_LAMBDA_SECONDS = 960
_TASK_SECONDS = 30 * 24 * 3600
"""No Ripple is given so long: its own deadline ends it, and silence what has none."""
_REST_SECONDS = 10
_CAUSE_LENGTH = 4_000
"""Of what AWS says of a crash: ten letters of one batch may each leave theirs in the outbox of
one item.
"""
_CANCELLED_LENGTH = 1000
"""Of a cancelled branch's own failure; history has the whole text. A Map's result has all branches,
300 at most (``model/pauses.py``), and 256 KiB at most. So only the branches that failed by
themselves keep a message, which are no more than are at work at a time. The others keep the name
of the error.
"""
_NAME_LENGTH, _FAULT_LENGTH = 60, 30
"""Of the name of an error in the other branches, and of what AWS says of a gate that it lost."""

_NO_ROOM = ["Lambda.TooManyRequestsException"]
"""As many invocations run as the account may have. One that waits has lost nothing, and may wait
for hours.
"""

_FAULTS = [
    "Lambda.ServiceException",
    "Lambda.SdkClientException",
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
]
"""The invocation, or its answer, got lost on the way: nothing that the author's code has done."""

_LOST = [*_NO_ROOM, *_FAULTS]

_NO_TASK_ROOM = [
    "ECS.AmazonECSException",
    "ECS.LimitExceededException",
    "ECS.ServerException",
    "ECS.ThrottlingException",
    "AmazonECS.Unknown",
]
"""ECS did not start a task: no place, too many at once, or a fault of its own.
``AmazonECS.Unknown``: it said so in a list.
"""

_REFUSED = ["ECS.ClientException"]
"""ECS refused the request. It would most likely refuse it again."""

_KILLED_FOR_MEMORY = ("Runtime.OutOfMemory", "signal: killed", "exit status 137")
"""How Lambda reports a function that used more memory than it had."""

_SILENT = (
    f"Nothing was received from it for {SILENCE_SECONDS} s: its task did not come up in time, "
    "or lost its network."
)

_OUT_OF_TIME = ("Sandbox.Timedout", "Task timed out after")
"""How Lambda reports a function that ran to its last second, in spite of the worker's watch."""

State = dict[str, Any]


def _again(errors: list[str], *, seconds: int, tries: int, longest: int) -> State:
    return {
        "ErrorEquals": errors,
        "IntervalSeconds": seconds,
        "BackoffRate": 2,
        "MaxAttempts": tries,
        "MaxDelaySeconds": longest,
        "JitterStrategy": "FULL",
    }


def _for_room(errors: list[str]) -> State:
    """Two to five hours. Each try adds three events to a history that has room for 25,000, from 40
    branches.
    """
    return _again(errors, seconds=2, tries=60, longest=300)


def _jsonata(expression: str) -> str:
    return "{% " + expression + " %}"


def definition() -> dict[str, Any]:
    """The machine in Amazon States Language.

    Substituted at deployment: ``${Partition}`` of AWS, ``${RippleFunction}`` and its
    ``${FunctionMemory}``, ``${Mailbox}``, and of tasks ``${Cluster}``, ``${TaskDefinition}``,
    ``${Subnets}`` (with commas between), ``${SecurityGroup}`` and ``${PublicIp}``.
    """
    return {
        "Comment": "One Pond Run: a branch for each Ripple.",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": {
            # The input of a run of one Ripple has the fields of its branch at the top.
            "Begin": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": _jsonata("$states.input.verdict = 'lambda'"), "Next": "RunAlone"},
                    {"Condition": _jsonata("$states.input.verdict = 'wait'"), "Next": "AwaitAlone"},
                    {
                        "Condition": _jsonata("$states.input.verdict = 'task'"),
                        "Next": "RunOnTaskAlone",
                    },
                ],
                "Default": "Ripples",
            },
            **_branch("Alone"),
            "CancelledAlone": _fail("$states.input"),
            "Ripples": {
                "Type": "Map",
                "Items": _jsonata("$states.input.branches"),
                "MaxConcurrency": MOST_BRANCHES,
                "ItemSelector": {
                    "line": _jsonata("$states.input.line"),
                    "run": _jsonata("$states.input.run"),
                    "launch": _jsonata("$states.input.launch"),
                    "ripple": _jsonata("$states.context.Map.Item.Value.ripple"),
                    "verdict": _jsonata("$states.context.Map.Item.Value.verdict"),
                    "attempt": _jsonata("$states.context.Map.Item.Value.attempt"),
                    "memory_mib": _jsonata(_or("$states.context.Map.Item.Value.memory_mib", "0")),
                    "permit": _jsonata(_or("$states.context.Map.Item.Value.permit", "''")),
                },
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "Route",
                    "States": _routed(),
                },
                "Output": _jsonata(f"{{'cancelled': [$append({_WITH_MESSAGE}, {_WITHOUT})[0]]}}"),
                "Next": "Verdict",
            },
            "Verdict": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": _jsonata("$count($states.input.cancelled) > 0"), "Next": "Failed"}
                ],
                "Default": "Succeeded",
            },
            "Succeeded": _done(),
            "Failed": _fail("$states.input.cancelled[0]"),
        },
    }


def _fail(place: str) -> State:
    def first(key: str, otherwise: str) -> str:
        found = f"{place}.failure.{key}"
        return _jsonata(
            f"$exists({found}) ? $substring({found}, 0, {_CANCELLED_LENGTH}) : '{otherwise}'"
        )

    return {
        "Type": "Fail",
        "Error": first("error", "Cancelled"),
        "Cause": first("message", "The run was cancelled."),
    }


def _done() -> State:
    return {"Type": "Pass", "Output": {"status": "done"}, "End": True}


def _or(place: str, otherwise: str) -> str:
    return f"$exists({place}) ? {place} : {otherwise}"


_PAUSES = _or("$states.input.pauses", "0")
"""That this branch has made, in all attempts: the history of the execution has all of them."""
_STAYS = _or("$states.input.stays", "false")
"""Whether it goes on as a task after a pause: the function was too small for what came after an
earlier one.
"""
_OUTGREW = f"({_STAYS}) or (({_PAUSES}) > 0 and $ended.outcome in ['overran', 'memory'])"
_KEPT = f"{{'pauses': {_PAUSES}, 'stays': {_STAYS}}}"
_WHOSE = (
    "{"
    + ", ".join(f"'{key}': $states.input.{key}" for key in ("line", "run", "launch", "ripple"))
    + "}"
)
_PERMIT = _or("$states.input.permit", "''")
"""Executions that began in the release before have none."""
_ATTEMPTED = (
    f"{{'attempt': $states.input.attempt, 'memory_mib': $states.input.memory_mib, 'pauses': "
    f"{_PAUSES}, 'permit': {_PERMIT}}}"
)
_ORDER = f"$string($merge([{_WHOSE}, {_ATTEMPTED}]))"
_CPU_UNITS = (
    "{" + ", ".join(f"'{size.memory_mib}': '{size.cpu_units}'" for size in TASK_SIZES) + "}"
)
_FAILED = "$states.input.failure"
_CANCELLED = (
    f"{{'status': 'cancelled', 'failure': $exists({_FAILED}.error) ? "
    f"({_FAILED}.ripple = $states.input.ripple ? $merge([{_FAILED}, "
    f"{{'message': $substring({_FAILED}.message, 0, {_CANCELLED_LENGTH})}}]) : "
    f"{{'error': $substring({_FAILED}.error, 0, {_NAME_LENGTH})}}) : null}}"
)
_WITHOUT = "$states.result[status = 'cancelled']"
_WITH_MESSAGE = "$states.result[status = 'cancelled' and $exists(failure.message)]"


def _routed() -> dict[str, State]:
    """A branch of the Map."""
    return {
        "Route": {
            "Type": "Choice",
            "Choices": [
                {"Condition": _jsonata("$states.input.verdict = 'lambda'"), "Next": "Run"},
                {"Condition": _jsonata("$states.input.verdict = 'wait'"), "Next": "Await"},
                {"Condition": _jsonata("$states.input.verdict = 'task'"), "Next": "RunOnTask"},
                {"Condition": _jsonata("$states.input.verdict = 'done'"), "Next": "Done"},
            ],
            "Default": "Cancelled",
        },
        **_branch(""),
        "Cancelled": {
            "Type": "Pass",
            "Output": _jsonata(_CANCELLED),
            "End": True,
        },
    }


def _branch(suffix: str) -> dict[str, State]:
    """The states of one Ripple except the first and ``Cancelled``. ``suffix`` keeps the names
    unique in the machine.
    """
    return {
        f"Run{suffix}": _run(suffix),
        f"RunOnTask{suffix}": _run_on_task(suffix),
        # What AWS lost once, it may lose again in the next second.
        f"Ended{suffix}": {
            "Type": "Choice",
            "Choices": [
                {"Condition": _jsonata("$states.input.outcome = 'lost'"), "Next": f"Rest{suffix}"},
                {
                    "Condition": _jsonata(
                        "$states.input.outcome = 'paused' and $states.input.stays"
                    ),
                    "Next": f"PauseTask{suffix}",
                },
                {
                    "Condition": _jsonata("$states.input.outcome = 'paused'"),
                    "Next": f"Pause{suffix}",
                },
            ],
            "Default": f"Await{suffix}",
        },
        f"Rest{suffix}": {"Type": "Wait", "Seconds": _REST_SECONDS, "Next": f"Await{suffix}"},
        # Also what began as a task.
        f"Pause{suffix}": _pause(f"Run{suffix}"),
        f"PauseTask{suffix}": _pause(f"RunOnTask{suffix}"),
        f"Await{suffix}": _await(suffix),
        f"Done{suffix}": _done(),
    }


def _pause(then: str) -> State:
    return {
        "Type": "Wait",
        "Seconds": _jsonata("$max([1, $ceil($states.input.seconds)])"),
        "Next": then,
    }


def _run(suffix: str) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::lambda:invoke",
        "Arguments": {
            "FunctionName": "${RippleFunction}",
            "Payload": {
                "op": "run",
                "line": _jsonata("$states.input.line"),
                "run": _jsonata("$states.input.run"),
                "launch": _jsonata("$states.input.launch"),
                "ripple": _jsonata("$states.input.ripple"),
                "attempt": _jsonata("$states.input.attempt"),
                "pauses": _jsonata(_PAUSES),
                "permit": _jsonata(_PERMIT),
            },
        },
        "TimeoutSeconds": _LAMBDA_SECONDS,
        "Output": {"status": "done"},
        "Retry": [_for_room(_NO_ROOM), _again(_FAULTS, seconds=2, tries=8, longest=60)],
        "Catch": [
            {"ErrorEquals": _LOST, "Output": _caught("'lost'"), "Next": f"Rest{suffix}"},
            {
                "ErrorEquals": ["States.ALL"],
                "Output": _worker_answer(_LAMBDA_ENDED, mib="${FunctionMemory}", stays=_OUTGREW),
                "Next": f"Ended{suffix}",
            },
        ],
        "End": True,
    }


def _run_on_task(suffix: str) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::ecs:runTask.waitForTaskToken",
        "Arguments": {
            "Cluster": "${Cluster}",
            "TaskDefinition": "${TaskDefinition}",
            "LaunchType": "FARGATE",
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "Subnets": _jsonata("$split('${Subnets}', ',')"),
                    "SecurityGroups": ["${SecurityGroup}"],
                    "AssignPublicIp": "${PublicIp}",
                }
            },
            "Overrides": {
                "Cpu": _jsonata(f"$lookup({_CPU_UNITS}, $string($states.input.memory_mib))"),
                "Memory": _jsonata("$string($states.input.memory_mib)"),
                "ContainerOverrides": [
                    {
                        "Name": CONTAINER,
                        "Environment": [
                            {"Name": ORDER, "Value": _jsonata(_ORDER)},
                            {"Name": TOKEN, "Value": _jsonata("$states.context.Task.Token")},
                        ],
                    }
                ],
            },
        },
        "HeartbeatSeconds": SILENCE_SECONDS,
        "TimeoutSeconds": _TASK_SECONDS,
        "Output": {"status": "done"},
        # Each try has a token of its own. A task that started and died costs another attempt.
        "Retry": [_for_room(_NO_TASK_ROOM), _again(_REFUSED, seconds=5, tries=8, longest=120)],
        # Its worker reports how it ended. Without a report, the author did not cause the end.
        "Catch": [
            {
                "ErrorEquals": ["States.ALL"],
                "Output": _worker_answer("'lost'", mib="$states.input.memory_mib", stays=_STAYS),
                "Next": f"Ended{suffix}",
            }
        ],
        "End": True,
    }


_LET_GO = (
    "{'attempt': $states.result.attempt, 'permit': " + _or("$states.result.permit", "''") + "}"
)


def _await(suffix: str) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {
            "QueueUrl": "${Mailbox}",
            "MessageGroupId": _jsonata("$states.input.line"),
            "MessageDeduplicationId": _jsonata("$uuid()"),
            "MessageBody": {
                "to": _jsonata("$states.input.line"),
                "kind": "gate_reached",
                "run": _jsonata("$states.input.run"),
                "launch": _jsonata("$states.input.launch"),
                "ripple": _jsonata("$states.input.ripple"),
                "attempt": _jsonata("$states.input.attempt"),
                "outcome": _jsonata(
                    "$exists($states.input.outcome) ? $states.input.outcome : 'none'"
                ),
                "failure": _jsonata(
                    "$exists($states.input.failure) ? $states.input.failure : null"
                ),
                "memory_mib": _jsonata(_or("$states.input.memory_mib", "0")),
                "token": _jsonata("$states.context.Task.Token"),
            },
        },
        "TimeoutSeconds": _GATE_SECONDS,
        # The outcome of the attempt before must not survive into the next message.
        "Output": _jsonata(f"$merge([{_WHOSE}, {_LET_GO}, {_KEPT}])"),
        "Retry": [
            {"ErrorEquals": [DONE, CANCELLED, TASK], "MaxAttempts": 0},
            # Any other failure means that the letter was not sent.
            _again(["States.TaskFailed"], seconds=2, tries=6, longest=60),
        ],
        "Catch": [
            {"ErrorEquals": [DONE], "Next": f"Done{suffix}"},
            {
                "ErrorEquals": [TASK],
                "Output": _jsonata(
                    f"$merge([{_WHOSE}, $parse($states.errorOutput.Cause), {_KEPT}])"
                ),
                "Next": f"RunOnTask{suffix}",
            },
            {
                "ErrorEquals": [CANCELLED],
                "Output": _jsonata(
                    "{'ripple': $states.input.ripple, 'failure': $parse($states.errorOutput.Cause)}"
                ),
                "Next": f"Cancelled{suffix}",
            },
            {
                "ErrorEquals": ["States.ALL"],
                "Output": _jsonata(f"$merge([$states.input, {_LOST_GATE}])"),
                "Next": f"Cancelled{suffix}",
            },
        ],
        "Next": f"Run{suffix}",
    }


_ERROR = "$states.errorOutput"
_CAUSE = f"$exists({_ERROR}.Cause) ? {_ERROR}.Cause : ''"


_FAULT = f"$substring(({_CAUSE}), 0, {_FAULT_LENGTH})"
_FAULT_NAME = f"$substring({_ERROR}.Error, 0, {_NAME_LENGTH})"


def _failure(outcome: str, message: str, error: str = f"{_ERROR}.Error") -> str:
    return (
        f"{{'outcome': {outcome}, 'failure': {{"
        "'ripple': $states.input.ripple, 'attempt': $states.input.attempt, "
        f"'error': {error}, 'message': {message}}}}}"
    )


_LOST_GATE = _failure("'cancelled'", _FAULT, _FAULT_NAME)


def _caught(outcome: str) -> str:
    message = f"$substring(({_CAUSE}), 0, {_CAUSE_LENGTH})"
    return _jsonata(f"$merge([$states.input, {_failure(outcome, message)}])")


def _worker_answer(otherwise: str, *, mib: str, stays: str) -> str:
    """The answer of a worker whose attempt did not succeed, or (``otherwise``) what became of one
    that could not answer.

    A function's error is an object that contains the message, a task's is the message. Pauses are
    counted. ``stays``: whether the branch is to stay in tasks from here on.
    """
    sent_answer = (
        f"$substringAfter($substring($cause, 0, {len(ENDED)}) = '{ENDED}' ? $cause : "
        f"$parse($cause).errorMessage, '{ENDED}')"
    )
    silent = f"{_ERROR}.Error = 'States.HeartbeatTimeout' ? '{_SILENT}' : ''"
    message = f"$cause != '' ? $substring($cause, 0, {_CAUSE_LENGTH}) : {silent}"
    answer = (
        f"$contains($cause, '{ENDED}') ? $parse({sent_answer}) : {_failure(otherwise, message)}"
    )
    paused = f"({_PAUSES}) + ($ended.outcome = 'paused' ? 1 : 0)"
    more = f"{{'memory_mib': {mib}, 'pauses': {paused}, 'stays': {stays}}}"
    return _jsonata(
        f"($cause := {_CAUSE}; $ended := {answer}; $merge([$states.input, $ended, {more}]))"
    )


def _mentions(words: tuple[str, ...]) -> str:
    return " or ".join(f"$contains({_ERROR}.Error & ' ' & $cause, '{word}')" for word in words)


_LAMBDA_ENDED = (
    f"({_mentions(_KILLED_FOR_MEMORY)}) ? 'memory' : "
    f"({_mentions(_OUT_OF_TIME)}) ? 'overran' : 'crashed'"
)


class PondRuns(Construct):
    """The state machine: one execution per Pond Run."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        ripple: lambda_.IFunction,
        memory_mib: int,
        mailbox: sqs.IQueue,
        task: Mapping[str, str],
    ) -> None:
        """Run attempts in ``ripple``, which has ``memory_mib``, or as ``task``: what
        ``definition`` names of tasks.
        """
        super().__init__(scope, construct_id)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition())),
            definition_substitutions={
                "Partition": Aws.PARTITION,
                "RippleFunction": ripple.function_arn,
                "FunctionMemory": str(memory_mib),
                "Mailbox": mailbox.queue_url,
                **task,
            },
            state_machine_type=sfn.StateMachineType.STANDARD,
        )
        accept(
            self.machine,
            "SF1",
            "Step Functions keeps each execution's history for 90 days at no cost. A log would "
            "hold the errors of authors, and cost as much as the run.",
        )
        accept(
            self.machine,
            "SF2",
            "The history of runs and attempts is the trace, with what each one used.",
        )
        for action, resource in (
            ("lambda:InvokeFunction", ripple.function_arn),
            ("sqs:SendMessage", mailbox.queue_arn),
        ):
            self.machine.add_to_role_policy(
                iam.PolicyStatement(actions=[action], resources=[resource])
            )
