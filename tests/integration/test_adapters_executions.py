"""Executions of Step Functions: started and stopped once."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.executions import Machine, execution_arn
from duckstring.engine.effects import (
    RippleBranch,
    StartRun,
    StopRun,
)
from duckstring.errors import InvariantError
from duckstring.model.permits import AttemptName
from tests.integration.adapters_kit import SALES
from tests.integration.aws import PERMITS


class TestExecutions:
    RUN = StartRun(42, 1, (RippleBranch("load", "lambda", 1), RippleBranch("join", "wait")))

    def test_the_input_is_the_protocols(self, aws: Clients, machine: str) -> None:
        Machine(aws, machine, PERMITS).start(SALES, self.RUN)
        there = aws.stepfunctions.describe_execution(
            executionArn=execution_arn(machine, "sales-1-42-1")
        )
        assert json.loads(there["input"]) == {
            "line": "sales@1",
            "run": 42,
            "launch": 1,
            "branches": [
                {
                    "ripple": "load",
                    "verdict": "lambda",
                    "attempt": 1,
                    "permit": PERMITS.of(AttemptName(SALES, 42, "load", 1)),
                },
                {"ripple": "join", "verdict": "wait", "attempt": 0},
            ],
        }

    def test_a_run_of_one_ripple_says_its_branch_at_the_top_too(
        self, aws: Clients, machine: str
    ) -> None:
        Machine(aws, machine, PERMITS).start(
            SALES, StartRun(43, 1, (RippleBranch("load", "lambda", 1),))
        )
        there = aws.stepfunctions.describe_execution(
            executionArn=execution_arn(machine, "sales-1-43-1")
        )
        permit = PERMITS.of(AttemptName(SALES, 43, "load", 1))
        alone = {"ripple": "load", "verdict": "lambda", "attempt": 1, "permit": permit}
        assert json.loads(there["input"]) == {
            "line": "sales@1",
            "run": 43,
            "launch": 1,
            "branches": [alone],
            **alone,
        }

    def test_a_branch_that_begins_as_a_task_says_its_size(self, aws: Clients, machine: str) -> None:
        Machine(aws, machine, PERMITS).start(
            SALES, StartRun(44, 1, (RippleBranch("load", "task", 1, 8192),))
        )
        there = json.loads(
            aws.stepfunctions.describe_execution(
                executionArn=execution_arn(machine, "sales-1-44-1")
            )["input"]
        )
        assert there["branches"] == [
            {
                "ripple": "load",
                "verdict": "task",
                "attempt": 1,
                "memory_mib": 8192,
                "permit": PERMITS.of(AttemptName(SALES, 44, "load", 1)),
            }
        ]
        assert there["memory_mib"] == 8192

    def test_starting_twice_is_starting_once(self, aws: Clients, machine: str) -> None:
        Machine(aws, machine, PERMITS).start(SALES, self.RUN)
        Machine(aws, machine, PERMITS).start(SALES, self.RUN)
        assert len(aws.stepfunctions.list_executions(stateMachineArn=machine)["executions"]) == 1

    def test_the_same_run_with_other_branches_is_a_bug(self, aws: Clients, machine: str) -> None:
        Machine(aws, machine, PERMITS).start(SALES, self.RUN)
        with pytest.raises(InvariantError, match="sales-1-42-1"):
            Machine(aws, machine, PERMITS).start(SALES, StartRun(42, 1, ()))

    def test_an_execution_whose_input_an_older_version_wrote_is_the_same(
        self, aws: Clients, machine: str
    ) -> None:
        branch = {"ripple": "load", "verdict": "lambda", "attempt": 1}
        older = json.dumps({"line": "sales@1", "run": 43, "launch": 1, "branches": [branch]})
        aws.stepfunctions.start_execution(stateMachineArn=machine, name="sales-1-43-1", input=older)
        Machine(aws, machine, PERMITS).start(
            SALES, StartRun(43, 1, (RippleBranch("load", "lambda", 1),))
        )

    def test_stopping_is_safe_before_and_after(self, aws: Clients, machine: str) -> None:
        door = Machine(aws, machine, PERMITS)
        door.stop(SALES, StopRun(42, 1))
        door.start(SALES, self.RUN)
        door.stop(SALES, StopRun(42, 1))
        there = aws.stepfunctions.describe_execution(
            executionArn=execution_arn(machine, "sales-1-42-1")
        )
        assert there["status"] == "ABORTED"

    @pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "ValidationException"])
    def test_stopping_what_is_over_is_success(
        self, aws: Clients, machine: str, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        def refuse(**_: str) -> None:
            raise ClientError(
                {"Error": {"Code": code, "Message": "Execution is not running"}}, "StopExecution"
            )

        monkeypatch.setattr(aws.stepfunctions, "stop_execution", refuse)
        Machine(aws, machine, PERMITS).stop(SALES, StopRun(42, 1))
        code = "AccessDeniedException"
        with pytest.raises(ClientError):
            Machine(aws, machine, PERMITS).stop(SALES, StopRun(42, 1))
