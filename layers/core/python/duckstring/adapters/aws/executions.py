"""Executions and gates in Step Functions. Starting twice is the same as starting once, and
answering a branch that left is not an error.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.layout import former_key, token_key
from duckstring.adapters.aws.permits import Permits
from duckstring.engine.effects import AnswerGate, RippleBranch, StartRun, StopRun
from duckstring.engine.signals import GateReached
from duckstring.errors import InvariantError
from duckstring.model.failures import shortened
from duckstring.model.names import Line, execution_name
from duckstring.model.permits import AttemptName
from duckstring.model.verdicts import CANCELLED, DONE, TASK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_GONE = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}
_FOREIGN = {"ValidationException", "AccessDeniedException"}
"""Of a token that none of our branches can have: too long for one, or another machine's.
Somebody wrote it into a letter.
"""
_MOST_TOKENS = 16
_log = logging.getLogger("duckstring.gates")
_OVER = {
    "ExecutionDoesNotExist",
    "ValidationException",
}  # the second one's only cause, for a name of ours: it does not run
_TOKEN_TTL_SECONDS = (
    370 * 24 * 3600
)  # longer than the longest execution (a year): only forgotten ones expire


class Machine:
    """``ports.Executions``."""

    def __init__(self, clients: Clients, machine: str, permits: Permits) -> None:
        """Start executions of the state machine with ARN ``machine``; ``permits`` go with the
        attempts that run at once.
        """
        self._clients, self._machine, self._permits = clients, machine, permits

    def start(self, line: Line, run: StartRun) -> None:
        """Start the run's execution.

        Raises:
            InvariantError: an execution of that name exists with another input.
        """
        name = execution_name(line, run.run, run.launch)
        branches = [self._branch(line, run.run, branch) for branch in run.branches]
        alone = branches[0] if len(branches) == 1 else {}
        payload = json.dumps(
            {"line": line, "run": run.run, "launch": run.launch, "branches": branches, **alone}
        )
        try:
            self._clients.stepfunctions.start_execution(
                stateMachineArn=self._machine, name=name, input=payload
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            self._check_same(name, payload, error)

    def _check_same(self, name: str, payload: str, error: ClientError) -> None:
        there = self._clients.stepfunctions.describe_execution(
            executionArn=execution_arn(self._machine, name)
        )
        # Compare its branches only, without their permits: an outbox may be performed again after
        # an upgrade, and the upgrade may have changed the input's form.
        if _branches(there.get("input") or "{}") != _branches(payload):
            raise InvariantError(f"Execution {name} exists with another input.") from error

    def stop(self, line: Line, run: StopRun) -> None:
        """Stop the run's execution."""
        name = execution_name(line, run.run, run.launch)
        stop_execution(self._clients, execution_arn(self._machine, name))

    def _branch(self, line: Line, run: int, branch: RippleBranch) -> dict[str, object]:
        """A Ripple's part of the machine's input. ``memory_mib`` goes with ``task``, a permit with
        an attempt; older inputs have none.
        """
        fields: dict[str, object] = {
            "ripple": branch.ripple,
            "verdict": branch.verdict,
            "attempt": branch.attempt,
        }
        if branch.verdict in {"lambda", "task"}:
            attempt = AttemptName(line, run, branch.ripple, branch.attempt)
            fields["permit"] = self._permits.of(attempt)
        return {**fields, "memory_mib": branch.memory_mib} if branch.verdict == "task" else fields


def _branches(payload: str) -> object:
    branches = json.loads(payload).get("branches") or []
    return [{key: branch[key] for key in branch if key != "permit"} for branch in branches]


def execution_arn(machine: str, name: str) -> str:
    """The ARN of an execution, from its machine's."""
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def stop_execution(clients: Clients, arn: str) -> None:
    """Stop an execution. One that is over, or never existed, counts as success."""
    try:
        clients.stepfunctions.stop_execution(
            executionArn=arn, error="Stopped", cause="Stopped by the Catchment"
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _OVER:
            raise


class TokenGates:
    """``ports.Gates``: tokens lie in items of their own, too long for the actor's state.

    One wait of a branch may have several tokens. If Step Functions does not learn that its message
    was sent, it sends another with another token, and only the last one works. A forged letter may
    bring a token, too. So no token replaces another: all that came for the newest attempt are kept,
    and all are answered.
    """

    def __init__(self, clients: Clients, table: str, permits: Permits) -> None:
        """Keep tokens in ``table``; ``permits`` go with the attempts that are let go."""
        self._clients, self._table, self._permits = clients, table, permits

    def keep(self, line: Line, gate: GateReached, *, token: str) -> None:
        """Remember a waiting branch's token. A late letter of an earlier attempt does not replace
        it.
        """
        key = token_key(line, gate.run, gate.launch, gate.ripple)
        attempt: AttributeValueTypeDef = {"N": str(gate.attempt)}
        item: dict[str, AttributeValueTypeDef] = {
            **key,
            "token": {"S": token},
            "attempt": attempt,
            "expires": {"N": str(int(time.time()) + _TOKEN_TTL_SECONDS)},
        }
        if not self._keep_first(item):
            self._keep_beside(key, attempt, token)

    def _keep_first(self, item: Mapping[str, AttributeValueTypeDef]) -> bool:
        """Replace the tokens of earlier attempts. False: there is one of this attempt or a later
        one.
        """
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(attempt) OR attempt < :attempt",
                ExpressionAttributeValues={":attempt": item["attempt"]},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _keep_beside(
        self, key: Mapping[str, AttributeValueTypeDef], attempt: AttributeValueTypeDef, token: str
    ) -> None:
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="ADD #beside :tokens",
                ConditionExpression=(
                    "attempt = :attempt AND #token <> :token AND (attribute_not_exists(#beside) "
                    "OR size(#beside) < :most)"
                ),
                ExpressionAttributeNames={"#token": "token", "#beside": "beside"},
                ExpressionAttributeValues={
                    ":attempt": attempt,
                    ":token": {"S": token},
                    ":tokens": {"SS": [token]},
                    ":most": {"N": str(_MOST_TOKENS - 1)},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def answer(self, line: Line, answer: AnswerGate) -> None:
        """Give the verdict and forget the token."""
        key = token_key(line, answer.run, answer.launch, answer.ripple)
        if self._answer(line, key, answer) is None:
            self._answer(line, former_key(line, key), answer)

    def _answer(
        self, line: Line, key: dict[str, AttributeValueTypeDef], answer: AnswerGate
    ) -> bool | None:
        """Whether the branch needs no other answer. None: there is no token under ``key``, or
        nobody waits with it.
        """
        got = self._clients.dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in got:
            return None
        item = got["Item"]
        if _is_echo(answer, int(item.get("attempt", {"N": "0"})["N"])):
            return False
        tokens = [item["token"]["S"], *sorted(item.get("beside", {}).get("SS", ()))]
        attempt = AttemptName(line, answer.run, answer.ripple, answer.attempt)
        waited = [self._is_accepted(token, answer, attempt) for token in tokens]
        self._clients.dynamodb.delete_item(TableName=self._table, Key=key)
        return True if any(waited) else None

    def _is_accepted(self, token: str, answer: AnswerGate, attempt: AttemptName) -> bool:
        """Send the answer. False: nobody waits with this token."""
        try:
            self._send_answer(token, answer, attempt)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _FOREIGN:
                _log.error(
                    "task token refused",
                    extra={"run": answer.run, "ripple": answer.ripple, "code": code},
                )
            elif code not in _GONE:
                raise
            return False
        return True

    def _send_answer(self, token: str, answer: AnswerGate, attempt: AttemptName) -> None:
        """A gate succeeds with the attempt to run. Any other verdict is sent as a failure, so that
        no extra state is needed to distinguish them.
        """
        if answer.verdict == "lambda":
            output = {"attempt": answer.attempt, "permit": self._permits.of(attempt)}
            self._clients.stepfunctions.send_task_success(
                taskToken=token, output=json.dumps(output)
            )
            return
        cause: object = codec.to_object(shortened(answer.failure)) if answer.failure else None
        if answer.verdict == "task":
            permit = self._permits.of(attempt)
            cause = {
                "attempt": answer.attempt,
                "memory_mib": answer.memory_mib,
                "permit": permit,
            }
        error = {"done": DONE, "task": TASK}.get(answer.verdict, CANCELLED)
        self._clients.stepfunctions.send_task_failure(
            taskToken=token, error=error, cause=json.dumps(cause)
        )


def _is_echo(answer: AnswerGate, attempted: int) -> bool:
    """Whether the answer is a repeat: the branch asks after the very attempt that the answer gives
    it, so it has received that answer.
    """
    return answer.verdict in ("lambda", "task") and answer.attempt <= attempted
