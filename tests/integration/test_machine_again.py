"""Cases of the state machine (``tests/e2e/test_machine.py``), word for word, in a second
interpreter: moto's. One emulator's reading of the States Language would be no proof.

moto evaluates JSONata in a Java machine that it does not bring: here it has ``jsonata-python``. Its
Lambda would need Docker: the function is called in this process. Queues and tokens are moto's.

Not here: verdicts that are JSON in a failure's cause (``task``, ``cancelled``). moto writes texts
into an expression without escaping quotation marks, and the expression is none any more.
"""

from __future__ import annotations

import io
import json
import traceback

import boto3
import pytest
from jsonata import Jsonata
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.jsonata import jsonata

from duckstring.model.verdicts import ENDED
from tests.e2e.test_machine import (
    SOURCE,
    play,
    test_a_branch_waits_for_its_verdict_and_then_runs,
    test_a_failed_attempt_tells_its_failure_and_runs_again_when_it_may,
    test_a_lost_attempt_rests_and_asks_again,
    test_a_root_that_may_start_needs_no_gate,
    test_what_lambda_says_of_a_function_without_memory_or_time_is_understood,
    test_who_pauses_comes_again_with_the_same_attempt_and_a_later_attempt_counts_on,
)

__all__ = [
    "test_a_branch_waits_for_its_verdict_and_then_runs",
    "test_a_failed_attempt_tells_its_failure_and_runs_again_when_it_may",
    "test_a_lost_attempt_rests_and_asks_again",
    "test_a_root_that_may_start_needs_no_gate",
    "test_what_lambda_says_of_a_function_without_memory_or_time_is_understood",
    "test_who_pauses_comes_again_with_the_same_attempt_and_a_later_attempt_counts_on",
]

# moto's own: one that is an error would end an execution.
pytestmark = pytest.mark.filterwarnings("ignore")

EXECUTES = {"stepfunctions": {"execute_state_machine": True}}


class Function:
    """Lambda, as far as the machine uses it."""

    def __init__(self) -> None:
        self._module: dict[str, object] = {}
        exec(SOURCE.replace("ENDED", ENDED), self._module)

    def invoke(self, *, Payload, **_):  # noqa: N803 - boto3's own
        try:
            answer = self._module["handle"](json.loads(Payload), None)
        except Exception as error:  # noqa: BLE001 - as Lambda does
            told = {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "stackTrace": traceback.format_tb(error.__traceback__),
            }
            return {"FunctionError": "Unhandled", **payload(told)}
        return payload(answer)


def payload(answer):
    body = io.BytesIO(json.dumps(answer).encode())
    return {"StatusCode": 200, "Payload": body, "ResponseMetadata": {"HTTPStatusCode": 200}}


def evaluate(expression):
    return Jsonata(expression).evaluate(None)


@pytest.fixture(scope="module")
def machine():
    with pytest.MonkeyPatch.context() as patch, mock_aws(config=EXECUTES):
        patch.setattr(jsonata, "_eval_jsonata", evaluate)
        patch.setattr(lambda_eval_utils, "boto_client_for", lambda **_: Function())
        access = boto3.Session("testing", "testing", region_name="us-east-1")
        function = "arn:aws:lambda:us-east-1:123456789012:function:played"
        yield play(access, function, "arn:aws:iam::123456789012:role/played")
