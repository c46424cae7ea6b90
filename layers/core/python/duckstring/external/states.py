"""AWS Step Functions: a Standard state machine's execution, which bears the try's key as its
name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from duckstring.external import aws
from duckstring.external.core import Handle, Seen, State, slot_of
from duckstring.external.env import Text, text
from duckstring.external.errors import RefusedError, UnknownRunError
from duckstring.external.job import Job, running, starting

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

_ENDS: Mapping[str, State] = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "failed",
    "ABORTED": "cancelled",
}
_ARN_PARTS = 7
"""arn, partition, service, region, account, kind, name; a version or alias may follow."""


class StateMachine(Job):
    """A Standard state machine of AWS Step Functions. Make it once, at module level; nothing is
    asked before ``run``.

    An Express machine cannot be waited for: nobody can ask how its execution is.

    Args:
        arn: the machine's ARN, also of a version or an alias.
        input: the execution's input, any JSON value.
        role: a role to assume for it; otherwise the workers' own.
        name: tells apart several executions of the same machine in one Ripple.
        poll: how long to pause between looks (``"60s"``); otherwise 15 s growing to 5 minutes.

    ``start`` and ``run`` take ``input``, too: the execution's input instead of this one.
    """

    def __init__(
        self,
        arn: Text,
        *,
        input: object = None,  # noqa: A002 - AWS's word
        role: Text | None = None,
        name: str = "",
        poll: str | None = None,
    ) -> None:
        super().__init__(name=name, poll=poll)
        self._arn = arn
        self._input = {} if input is None else input
        self._role = role

    @override
    def _engine(self, pond: Handle, *, input: object = None) -> _Machine:
        arn = text(self._arn, pond)
        parts = arn.split(":")
        if len(parts) < _ARN_PARTS or parts[2] != "states" or parts[5] != "stateMachine":
            hint = "Write arn:aws:states:REGION:ACCOUNT:stateMachine:NAME."
            raise RefusedError(
                f"StateMachine: {arn!r} is not the ARN of a state machine.", hint=hint
            )
        client = aws.Account.of(pond, region=parts[3], role=self._role).client("stepfunctions")
        return _Machine(
            client, arn, self._name, json.dumps(self._input if input is None else input)
        )

    start = starting(_engine)
    run = running(_engine)


@dataclass(frozen=True, slots=True)
class _Machine:
    """One machine, as the core wants it."""

    client: SFNClient
    arn: str
    name: str
    input: str
    kind: str = "AWS Step Functions"
    repeatable: bool = True

    @property
    def job(self) -> str:
        return f"State machine {self._called}"

    @property
    def slot(self) -> str:
        place = ":".join(self.arn.split(":")[3:5])
        return slot_of("states", place, self._called, self.name)

    @property
    def _called(self) -> str:
        return self.arn.split(":")[6]

    def start(self, key: str) -> str:
        """A name that was taken is this try's own: its execution may have another input, or have
        ended.
        """
        try:
            with aws.classified_errors(f"{self.job}: StartExecution"):
                return self._standard(
                    self.client.start_execution(
                        stateMachineArn=self.arn, name=key, input=self.input
                    )["executionArn"]
                )
        except RefusedError as refused:
            if aws.code_of(refused.__cause__) != "ExecutionAlreadyExists":
                raise
            return self._execution(key)

    def find(self, key: str, since: float) -> str | None:
        del since  # an execution is found by name
        try:
            self.look(self._execution(key))
        except UnknownRunError:
            return None
        return self._execution(key)

    def look(self, run: str) -> Seen:
        with aws.classified_errors(f"{self.job}: DescribeExecution"):
            found = self.client.describe_execution(executionArn=run)
        word = found["status"]
        region = self.client.meta.region_name
        return Seen(
            state=_ENDS.get(word, "active"),
            word=word,
            message=_message(found),
            url=aws.console(region, f"states/home?region={region}#/v2/executions/details/{run}"),
            started=aws.utc(found["startDate"]),
            ended=aws.utc(found.get("stopDate")),
            answer={name: value for name, value in found.items() if name != "ResponseMetadata"},
        )

    def cancel(self, run: str) -> None:
        with aws.classified_errors(f"{self.job}: StopExecution"):
            self.client.stop_execution(
                executionArn=run, error="duckstring.killed", cause="Its Ripple was killed."
            )

    def _execution(self, key: str) -> str:
        """The ARN of the execution with this name, whether there is one or not."""
        return ":".join([*self.arn.split(":")[:5], "execution", self._called, key])

    def _standard(self, execution: str) -> str:
        if ":express:" in execution:
            raise RefusedError(
                f"{self.job} is an Express machine: its execution cannot be looked at.",
                hint="Make it a Standard machine.",
            )
        return execution


def _message(found: DescribeExecutionOutputTypeDef) -> str:
    return ": ".join(part for part in (found.get("error"), found.get("cause")) if part)
