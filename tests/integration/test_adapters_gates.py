"""Branches that wait at gates, and the answers that they get."""

from __future__ import annotations

import json

import pytest

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.executions import TokenGates
from duckstring.engine.effects import AnswerGate
from duckstring.engine.signals import GateReached
from duckstring.model.failures import Failure
from duckstring.model.permits import AttemptName
from tests.integration.adapters_kit import SALES, code_of
from tests.integration.aws import PERMITS


@pytest.fixture
def gates(aws: Clients, table: str) -> TokenGates:
    return TokenGates(aws, table, PERMITS)


Sent = list[dict[str, str]]


def sent_by(call: str, aws: Clients, monkeypatch: pytest.MonkeyPatch) -> Sent:
    sent: Sent = []
    monkeypatch.setattr(aws.stepfunctions, call, lambda **given: sent.append(given))
    return sent


@pytest.fixture
def succeeded(aws: Clients, monkeypatch: pytest.MonkeyPatch) -> Sent:
    return sent_by("send_task_success", aws, monkeypatch)


@pytest.fixture
def failed(aws: Clients, monkeypatch: pytest.MonkeyPatch) -> Sent:
    return sent_by("send_task_failure", aws, monkeypatch)


class TestGates:
    def test_an_answer_goes_to_every_token_of_the_attempt_once(
        self, gates: TokenGates, failed: Sent
    ) -> None:
        for token in ("a", "b", "a", "b"):
            gates.keep(SALES, GateReached(1, 1, "load"), token=token)
        answer = AnswerGate(
            1, 1, "load", "cancelled", failure=Failure("clean", 2, "ValueError", "no rows")
        )
        gates.answer(SALES, answer)
        gates.answer(SALES, answer)
        assert [(s["taskToken"], s["error"]) for s in failed] == [
            ("a", "Duckstring.Cancelled"),
            ("b", "Duckstring.Cancelled"),
        ]
        assert json.loads(failed[0]["cause"]) == {
            "ripple": "clean",
            "attempt": 2,
            "error": "ValueError",
            "message": "no rows",
        }

    def test_a_gate_succeeds_with_an_attempt_to_run_and_with_nothing_else(
        self, aws: Clients, gates: TokenGates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[object] = []
        monkeypatch.setattr(
            aws.stepfunctions,
            "send_task_success",
            lambda **given: said.append(json.loads(given["output"])),
        )
        monkeypatch.setattr(
            aws.stepfunctions,
            "send_task_failure",
            lambda **given: said.append((given["error"], given["cause"])),
        )
        task = AnswerGate(1, 1, "load", "task", 3, memory_mib=16_384)
        for answer in (
            AnswerGate(1, 1, "load", "lambda", 2),
            AnswerGate(1, 1, "load", "done"),
            AnswerGate(1, 1, "load", "cancelled"),
            task,
        ):
            gates.keep(SALES, GateReached(1, 1, "load"), token="t")
            gates.answer(SALES, answer)
        permits = [PERMITS.of(AttemptName(SALES, 1, "load", attempt)) for attempt in (2, 3)]
        asked = json.dumps({"attempt": 3, "memory_mib": 16384, "permit": permits[1]})
        assert said == [
            {"attempt": 2, "permit": permits[0]},
            ("Duckstring.Done", "null"),
            ("Duckstring.Cancelled", "null"),
            ("Duckstring.Task", asked),
        ]

    def test_an_answer_said_again_is_not_heard_by_the_branch_that_came_back_from_it(
        self, gates: TokenGates, succeeded: Sent
    ) -> None:
        gates.keep(
            SALES,
            GateReached(1, 1, "load", 2, "failed", Failure("load", 2, "ValueError", "no rows")),
            token="t",
        )
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 2))
        gates.answer(SALES, AnswerGate(1, 1, "load", "task", 2, memory_mib=8192))
        assert succeeded == []
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 3))
        assert [s["taskToken"] for s in succeeded] == ["t"]

    def test_the_tokens_of_one_wait_are_limited_and_the_first_ones_stay(
        self, gates: TokenGates, succeeded: Sent
    ) -> None:
        for number in range(30):
            gates.keep(SALES, GateReached(1, 1, "load"), token=f"t{number:02d}")
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 1))
        assert [s["taskToken"] for s in succeeded] == [f"t{number:02d}" for number in range(16)]

    @pytest.mark.parametrize(
        "code", ["AccessDeniedException", "ValidationException", "InvalidToken"]
    )
    def test_a_token_that_step_functions_refuses_keeps_nobody_waiting(
        self, aws: Clients, gates: TokenGates, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        said: list[str] = []

        def tell(**given: str) -> None:
            if given["taskToken"] == "forged":
                raise code_of(code)
            said.append(given["taskToken"])

        monkeypatch.setattr(aws.stepfunctions, "send_task_success", tell)
        for token in ("forged", "true"):
            gates.keep(SALES, GateReached(1, 1, "load"), token=token)
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 1))
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 1))
        assert said == ["true"]

    def test_a_gate_letter_that_comes_late_does_not_take_the_place_of_a_newer_one(
        self, gates: TokenGates, succeeded: Sent
    ) -> None:
        for attempt, token in ((2, "new"), (1, "old")):
            gates.keep(SALES, GateReached(1, 1, "load", attempt), token=token)
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 3))
        assert [s["taskToken"] for s in succeeded] == ["new"]

    @pytest.mark.parametrize("code", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
    def test_a_branch_that_left_is_answered(
        self,
        aws: Clients,
        table: str,
        gates: TokenGates,
        monkeypatch: pytest.MonkeyPatch,
        code: str,
    ) -> None:
        def gone(**_: object) -> None:
            raise aws.stepfunctions.exceptions.ClientError(
                {"Error": {"Code": code}}, "SendTaskFailure"
            )

        monkeypatch.setattr(aws.stepfunctions, "send_task_failure", gone)
        gates.keep(SALES, GateReached(1, 1, "load"), token="t")
        gates.answer(SALES, AnswerGate(1, 1, "load", "done"))
        assert aws.dynamodb.scan(TableName=table)["Count"] == 0

    def test_a_throttled_answer_is_not_forgotten(
        self,
        aws: Clients,
        table: str,
        gates: TokenGates,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def busy(**_: object) -> None:
            raise aws.stepfunctions.exceptions.ClientError(
                {"Error": {"Code": "ThrottlingException"}}, "SendTaskFailure"
            )

        monkeypatch.setattr(aws.stepfunctions, "send_task_failure", busy)
        gates.keep(SALES, GateReached(1, 1, "load"), token="t")
        with pytest.raises(aws.stepfunctions.exceptions.ClientError):
            gates.answer(SALES, AnswerGate(1, 1, "load", "done"))
        assert aws.dynamodb.scan(TableName=table)["Count"] == 1
