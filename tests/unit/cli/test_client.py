from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore import exceptions as botocore_errors
from botocore.exceptions import ClientError

from duckstring.errors import OperatorError
from duckstring.model.schema import SCHEMA
from duckstring_cli import catchments
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from duckstring_cli.doors import LambdaDoor, OlderCatchmentError
from duckstring_cli.errors import AccessError, CatchmentRefusedError, NotRunningError

LOCAL = Catchment(name="dev", kind="local", stack="Duckstring-dev", region="us-east-1", port=4566)
CLOUD = Catchment(
    name="prod", kind="aws", stack="Duckstring-prod", region="eu-central-1", profile="work"
)


class Function:
    """The Lambda client as far as the door knows it: answers, or raises."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    @property
    def session(self) -> Function:
        return self

    endpoint = None

    def get_credentials(self) -> None:
        """It signs nothing."""

    def client(self, service: str, **_: object) -> Function:
        assert service == "lambda"
        return self

    def invoke(self, **request: Any) -> Mapping[str, Any]:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        assert isinstance(self.answer, Mapping)
        return self.answer


def door(
    monkeypatch: pytest.MonkeyPatch, answer: object, catchment: Catchment = LOCAL
) -> tuple[LambdaDoor, Function]:
    function = Function(answer)
    monkeypatch.setattr(catchments, "outputs", lambda _: {"ApiFunction": "Duckstring-dev-api"})
    monkeypatch.setattr(catchments, "session", lambda _: function)
    monkeypatch.setattr(catchments, "renew", _refused_outputs)
    return LambdaDoor(catchment), function


def _refused_outputs(_: Catchment) -> Mapping[str, str]:
    raise OperatorError("The stack cannot be read.")


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Invoke")


def test_an_operation_goes_to_the_api_function_as_the_protocol_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payload = io.BytesIO(
        json.dumps({"ok": True, "result": {"line": "sales@1", "epoch": None}}).encode()
    )
    opened, function = door(monkeypatch, {"Payload": payload})
    answer = Client(LOCAL, invoke=opened).trigger("sales", "tide", bound=60.0)
    assert answer == {"line": "sales@1", "epoch": None}
    assert function.asked[0]["FunctionName"] == "Duckstring-dev-api"
    assert json.loads(function.asked[0]["Payload"]) == {
        "op": "trigger",
        "pond": "sales",
        "kind": "tide",
        "bound": 60.0,
        "schema": SCHEMA,
    }


def test_a_catchment_that_does_not_know_the_question_is_to_be_upgraded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = {
        "type": "OperatorError",
        "message": "No operation 'cost'; allowed: hello.",
        "hint": "",
    }
    payload = io.BytesIO(json.dumps({"ok": False, "error": refused}).encode())
    opened, _ = door(monkeypatch, {"Payload": payload})
    with pytest.raises(OlderCatchmentError) as told:
        Client(LOCAL, invoke=opened).hello()
    assert told.value.message == (
        "Catchment 'dev' is of an older release than this command, and cannot answer it."
    )
    assert told.value.hint == "Upgrade the Catchment: duckstring catchment start dev"


def test_a_refusal_keeps_the_catchments_words_hint_and_traceback() -> None:
    error = {"type": "DeployRefusedError", "message": "a\nb", "hint": "c", "traceback": "Traceback"}
    with pytest.raises(CatchmentRefusedError) as told:
        Client(LOCAL, invoke=lambda _: {"ok": False, "error": error}).hello()
    assert (told.value.type, told.value.message, told.value.hint, told.value.traceback) == (
        "DeployRefusedError",
        "a\nb",
        "c",
        "Traceback",
    )


@pytest.mark.parametrize(
    ("raised", "catchment", "kind", "message", "hint"),
    [
        (
            botocore_errors.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
            LOCAL,
            NotRunningError,
            "Catchment 'dev' is not running.",
            "duckstring catchment start dev",
        ),
        (
            botocore_errors.ConnectTimeoutError(endpoint_url="x"),
            CLOUD,
            NotRunningError,
            "AWS in eu-central-1 cannot be reached.",
            "region",
        ),
        (
            botocore_errors.NoCredentialsError(),
            CLOUD,
            AccessError,
            "No AWS credentials for Catchment 'prod'.",
            "aws sso login --profile work",
        ),
        (
            botocore_errors.ProfileNotFound(profile="work"),
            CLOUD,
            AccessError,
            "There is no AWS profile 'work'",
            "list-profiles",
        ),
        (
            botocore_errors.UnauthorizedSSOTokenError(),
            CLOUD,
            AccessError,
            "Your AWS login has expired.",
            "aws sso login --profile work",
        ),
        (
            refused("ExpiredTokenException"),
            CLOUD,
            AccessError,
            "Your AWS login has expired.",
            "aws sso login --profile work",
        ),
        (
            refused("UnrecognizedClientException"),
            CLOUD,
            AccessError,
            "AWS does not know the credentials",
            "aws sso login",
        ),
        (
            refused("AccessDeniedException", "not you"),
            CLOUD,
            AccessError,
            (
                "hello on Catchment 'prod' needs its viewer policy, which your credentials do not "
                "have: not you"
            ),
            'docs/aws.md, "People"',
        ),
        (
            refused("ResourceNotFoundException", "gone"),
            LOCAL,
            NotRunningError,
            "Catchment 'dev' runs but is not deployed",
            "catchment start dev",
        ),
        (
            refused("ValidationError", "gone"),
            CLOUD,
            NotRunningError,
            "Stack 'Duckstring-prod' of Catchment 'prod' is not there",
            "catchment list",
        ),
        (
            refused("TooManyRequestsException", "busy"),
            CLOUD,
            OperatorError,
            "Invoke on Catchment 'prod' failed: TooManyRequestsException: busy",
            "",
        ),
    ],
)
def test_what_aws_raises_becomes_one_line_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    catchment: Catchment,
    kind: type[OperatorError],
    message: str,
    hint: str,
) -> None:
    opened, _ = door(monkeypatch, raised, catchment)
    with pytest.raises(kind) as told:
        opened({"op": "hello"})
    assert message in told.value.message
    assert "\n" not in told.value.message
    assert hint in told.value.hint


def test_a_function_that_breaks_is_told_by_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = io.BytesIO(
        json.dumps({"errorType": "KeyError", "errorMessage": "first\n'bucket'"}).encode()
    )
    opened, _ = door(monkeypatch, {"FunctionError": "Unhandled", "Payload": payload})
    with pytest.raises(
        OperatorError, match="answers for Catchment 'dev' broke: KeyError: 'bucket'"
    ):
        opened({"op": "hello"})
