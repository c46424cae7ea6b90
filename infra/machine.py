"""The state machine of a Pond Run, in JSONata: one branch per Ripple, all decisions made in the mailbox.

Rules of this file: a branch never ends in Fail (its siblings would be cut off), a gate is retried only where its letter
was not sent (once it was, somebody may hold its token), what AWS lost is ``lost`` and not ``crashed`` (the author's budget
does not pay for it), timeouts are literal, and a terminal state is a Pass (an ``Output`` of Succeed is not applied everywhere).
"""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

MAX_BRANCHES = 40
"""An inline Map runs no more at a time; the branches come in topological order, so more of them still progress."""

_GATE_SECONDS = 364 * 24 * 3600
_LAMBDA_SECONDS = 960
_REST_SECONDS = 10
_CAUSE_LENGTH = 20_000
_TOLD_LENGTH = 1000
"""Of a cancelled branch's failure. A Map's result holds all of them, and 256 KiB at most; history has the whole text."""

_LOST = [
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.SdkClientException",
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
]
"""The invocation was refused, or its answer got lost on the way: nothing that the author's code has done."""

State = dict[str, Any]


def _jsonata(expression: str) -> str:
    return "{% " + expression + " %}"


def definition() -> dict[str, Any]:
    """The machine in Amazon States Language; ``${RippleFunction}`` and ``${Mailbox}`` are substituted at deployment."""
    return {
        "Comment": "One Pond Run: a branch for each Ripple.",
        "QueryLanguage": "JSONata",
        "StartAt": "Ripples",
        "States": {
            "Ripples": {
                "Type": "Map",
                "Items": _jsonata("$states.input.branches"),
                "MaxConcurrency": MAX_BRANCHES,
                "ItemSelector": {
                    "line": _jsonata("$states.input.line"),
                    "run": _jsonata("$states.input.run"),
                    "launch": _jsonata("$states.input.launch"),
                    "ripple": _jsonata("$states.context.Map.Item.Value.ripple"),
                    "verdict": _jsonata("$states.context.Map.Item.Value.verdict"),
                    "attempt": _jsonata("$states.context.Map.Item.Value.attempt"),
                },
                "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Route", "States": _branch()},
                "Output": _jsonata("{'cancelled': [$states.result[status = 'cancelled'][0]]}"),
                "Next": "Verdict",
            },
            "Verdict": {
                "Type": "Choice",
                "Choices": [{"Condition": _jsonata("$count($states.input.cancelled) > 0"), "Next": "Failed"}],
                "Default": "Succeeded",
            },
            "Succeeded": {"Type": "Pass", "Output": {"status": "done"}, "End": True},
            "Failed": {
                "Type": "Fail",
                "Error": _jsonata(_first_failure("error", "Cancelled")),
                "Cause": _jsonata(_first_failure("message", "The run was cancelled.")),
            },
        },
    }


def _first_failure(key: str, otherwise: str) -> str:
    found = f"$states.input.cancelled[0].failure.{key}"
    return f"$exists({found}) ? {found} : '{otherwise}'"


_CANCELLED = (
    "{'status': 'cancelled', 'failure': $exists($states.input.failure.error) ? "
    "$merge([$states.input.failure, {'message': $substring($states.input.failure.message, 0, "
    f"{_TOLD_LENGTH})}}]) : null}}"
)


def _branch() -> dict[str, State]:
    return {
        "Route": {
            "Type": "Choice",
            "Choices": [
                {"Condition": _jsonata("$states.input.verdict = 'lambda'"), "Next": "RunOnLambda"},
                {"Condition": _jsonata("$states.input.verdict = 'wait' and $states.input.outcome = 'lost'"), "Next": "Rest"},
                {"Condition": _jsonata("$states.input.verdict = 'wait'"), "Next": "Await"},
                {"Condition": _jsonata("$states.input.verdict = 'done'"), "Next": "Done"},
            ],
            "Default": "Cancelled",
        },
        "RunOnLambda": _run_on_lambda(),
        # What AWS lost once it loses again in the next second.
        "Rest": {"Type": "Wait", "Seconds": _REST_SECONDS, "Next": "Await"},
        "Await": _await(),
        "Done": {"Type": "Pass", "Output": {"status": "done"}, "End": True},
        "Cancelled": {
            "Type": "Pass",
            "Output": _jsonata(_CANCELLED),
            "End": True,
        },
    }


def _run_on_lambda() -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {
            "FunctionName": "${RippleFunction}",
            "Payload": {
                "op": "run",
                "line": _jsonata("$states.input.line"),
                "run": _jsonata("$states.input.run"),
                "launch": _jsonata("$states.input.launch"),
                "ripple": _jsonata("$states.input.ripple"),
                "attempt": _jsonata("$states.input.attempt"),
            },
        },
        "TimeoutSeconds": _LAMBDA_SECONDS,
        "Output": _jsonata(
            "$merge([$states.input, {"
            "'verdict': $states.result.Payload.outcome = 'ok' ? 'done' : 'wait', "
            "'outcome': $states.result.Payload.outcome, "
            "'failure': $states.result.Payload.failure}])"
        ),
        "Retry": [
            {
                "ErrorEquals": _LOST,
                "IntervalSeconds": 2,
                "BackoffRate": 2,
                "MaxAttempts": 8,
                "MaxDelaySeconds": 60,
                "JitterStrategy": "FULL",
            }
        ],
        "Catch": [
            {"ErrorEquals": _LOST, "Output": _caught("lost"), "Next": "Rest"},
            {"ErrorEquals": ["States.ALL"], "Output": _caught("crashed"), "Next": "Await"},
        ],
        "Next": "Route",
    }


def _await() -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
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
                "outcome": _jsonata("$exists($states.input.outcome) ? $states.input.outcome : 'none'"),
                "failure": _jsonata("$exists($states.input.failure) ? $states.input.failure : null"),
                "token": _jsonata("$states.context.Task.Token"),
            },
        },
        "TimeoutSeconds": _GATE_SECONDS,
        # The outcome of the attempt before must not survive into the next message.
        "Output": _jsonata(
            "{'line': $states.input.line, 'run': $states.input.run, 'launch': $states.input.launch, "
            "'ripple': $states.input.ripple, 'verdict': $states.result.verdict, "
            "'attempt': $states.result.attempt, 'failure': $states.result.failure}"
        ),
        # The orchestrator answers by success alone, so a failed task is a letter that was not sent.
        "Retry": [
            {
                "ErrorEquals": ["States.TaskFailed"],
                "IntervalSeconds": 2,
                "BackoffRate": 2,
                "MaxAttempts": 6,
                "MaxDelaySeconds": 60,
                "JitterStrategy": "FULL",
            }
        ],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": _caught("cancelled"), "Next": "Cancelled"}],
        "Next": "Route",
    }


def _caught(outcome: str) -> str:
    error = "$states.errorOutput"
    return _jsonata(
        f"$merge([$states.input, {{'outcome': '{outcome}', 'failure': {{"
        "'ripple': $states.input.ripple, 'attempt': $states.input.attempt, "
        f"'error': {error}.Error, "
        f"'message': $exists({error}.Cause) ? $substring({error}.Cause, 0, {_CAUSE_LENGTH}) : ''}}}}])"
    )


class PondRuns(Construct):
    """The state machine: one execution per Pond Run."""

    def __init__(self, scope: Construct, construct_id: str, *, ripple: lambda_.IFunction, mailbox: sqs.IQueue) -> None:
        super().__init__(scope, construct_id)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition())),
            definition_substitutions={"RippleFunction": ripple.function_arn, "Mailbox": mailbox.queue_url},
            state_machine_type=sfn.StateMachineType.STANDARD,
        )
        for action, resource in (("lambda:InvokeFunction", ripple.function_arn), ("sqs:SendMessage", mailbox.queue_arn)):
            self.machine.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
