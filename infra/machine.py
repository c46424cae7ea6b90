"""The state machine of a Pond Run, in JSONata: one branch per Ripple, all decisions made in the mailbox.

A state entered costs as much as forty writes to the table, so the usual way is short: an attempt that succeeds ends its branch, and
one that does not *fails its task* (a Catch costs nothing, a Choice after each attempt would); a gate's success is "run", any other
verdict is its failure; and a run of one Ripple needs no Map.

Rules of this file: a branch of the Map never ends in Fail (its siblings would be cut off), a gate is retried only where its letter
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

from duckstring.model.verdicts import CANCELLED, DONE, ENDED, MOST_BRANCHES

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
        "StartAt": "Begin",
        "States": {
            # The input of a run of one Ripple has the fields of its branch at the top.
            "Begin": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": _jsonata("$states.input.verdict = 'lambda'"), "Next": "RunAlone"},
                    {"Condition": _jsonata("$states.input.verdict = 'wait'"), "Next": "AwaitAlone"},
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
                },
                "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Route", "States": _routed()},
                "Output": _jsonata("{'cancelled': [$states.result[status = 'cancelled'][0]]}"),
                "Next": "Verdict",
            },
            "Verdict": {
                "Type": "Choice",
                "Choices": [{"Condition": _jsonata("$count($states.input.cancelled) > 0"), "Next": "Failed"}],
                "Default": "Succeeded",
            },
            "Succeeded": _done(),
            "Failed": _fail("$states.input.cancelled[0]"),
        },
    }


def _fail(place: str) -> State:
    def first(key: str, otherwise: str) -> str:
        found = f"{place}.failure.{key}"
        return _jsonata(f"$exists({found}) ? $substring({found}, 0, {_TOLD_LENGTH}) : '{otherwise}'")

    return {"Type": "Fail", "Error": first("error", "Cancelled"), "Cause": first("message", "The run was cancelled.")}


def _done() -> State:
    return {"Type": "Pass", "Output": {"status": "done"}, "End": True}


_CANCELLED = (
    "{'status': 'cancelled', 'failure': $exists($states.input.failure.error) ? "
    "$merge([$states.input.failure, {'message': $substring($states.input.failure.message, 0, "
    f"{_TOLD_LENGTH})}}]) : null}}"
)


def _routed() -> dict[str, State]:
    """A branch of the Map."""
    return {
        "Route": {
            "Type": "Choice",
            "Choices": [
                {"Condition": _jsonata("$states.input.verdict = 'lambda'"), "Next": "Run"},
                {"Condition": _jsonata("$states.input.verdict = 'wait'"), "Next": "Await"},
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
    """The states of one Ripple but for the first and ``Cancelled``; ``suffix`` keeps names apart, that a machine may not have twice."""
    return {
        f"Run{suffix}": _run(suffix),
        # What AWS lost once it loses again in the next second.
        f"Ended{suffix}": {
            "Type": "Choice",
            "Choices": [{"Condition": _jsonata("$states.input.outcome = 'lost'"), "Next": f"Rest{suffix}"}],
            "Default": f"Await{suffix}",
        },
        f"Rest{suffix}": {"Type": "Wait", "Seconds": _REST_SECONDS, "Next": f"Await{suffix}"},
        f"Await{suffix}": _await(suffix),
        f"Done{suffix}": _done(),
    }


def _run(suffix: str) -> State:
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
        "Output": {"status": "done"},
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
            {"ErrorEquals": _LOST, "Output": _caught("lost"), "Next": f"Rest{suffix}"},
            {"ErrorEquals": ["States.ALL"], "Output": _told(), "Next": f"Ended{suffix}"},
        ],
        "End": True,
    }


def _await(suffix: str) -> State:
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
            "'ripple': $states.input.ripple, 'attempt': $states.result.attempt}"
        ),
        "Retry": [
            {"ErrorEquals": [DONE, CANCELLED], "MaxAttempts": 0},
            # Whatever else failed is a letter that was not sent.
            {
                "ErrorEquals": ["States.TaskFailed"],
                "IntervalSeconds": 2,
                "BackoffRate": 2,
                "MaxAttempts": 6,
                "MaxDelaySeconds": 60,
                "JitterStrategy": "FULL",
            },
        ],
        "Catch": [
            {"ErrorEquals": [DONE], "Next": f"Done{suffix}"},
            {
                "ErrorEquals": [CANCELLED],
                "Output": _jsonata("{'failure': $parse($states.errorOutput.Cause)}"),
                "Next": f"Cancelled{suffix}",
            },
            {"ErrorEquals": ["States.ALL"], "Output": _caught("cancelled"), "Next": f"Cancelled{suffix}"},
        ],
        "Next": f"Run{suffix}",
    }


_ERROR = "$states.errorOutput"


def _caught(outcome: str) -> str:
    return _jsonata(f"$merge([$states.input, {_failure(outcome)}])")


def _told() -> str:
    """The answer of a worker whose attempt did not succeed, or the crash of one that could not answer."""
    cause = f"$exists({_ERROR}.Cause) ? {_ERROR}.Cause : ''"
    answer = f"$parse($substringAfter($parse($cause).errorMessage, '{ENDED}'))"
    return _jsonata(f"($cause := {cause}; $merge([$states.input, $contains($cause, '{ENDED}') ? {answer} : {_failure('crashed')}]))")


def _failure(outcome: str) -> str:
    return (
        f"{{'outcome': '{outcome}', 'failure': {{"
        "'ripple': $states.input.ripple, 'attempt': $states.input.attempt, "
        f"'error': {_ERROR}.Error, "
        f"'message': $exists({_ERROR}.Cause) ? $substring({_ERROR}.Cause, 0, {_CAUSE_LENGTH}) : ''}}}}"
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
