"""The ways to the functions that answer people: on this machine, and in AWS with the user's own
credentials.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from duckstring.errors import OperatorError
from duckstring.model.access import LEVELS, Level, level_for, levels_from
from duckstring.model.schema import SCHEMA
from duckstring_cli import catchments
from duckstring_cli.aws_errors import REPLACED, denied, not_running, translated_errors
from duckstring_cli.calling import by_this_user, proven
from duckstring_cli.errors import DENIED, aws_code

if TYPE_CHECKING:
    from duckstring_cli.catchments import Catchment
    from duckstring_cli.local.door import Door

Invoke = Callable[[Mapping[str, object]], Mapping[str, Any]]
"""One call of the api function: its request to its answer, both JSON objects."""

FUNCTIONS: Mapping[Level, str] = {
    "viewer": "ViewerFunction",
    "operator": "OperatorFunction",
    "deployer": "ApiFunction",
}
"""The stack's outputs that name the function of each level. Stacks of earlier releases have the
api function alone.
"""


def open_door(catchment: Catchment, *, patience: float | None = None) -> Invoke:
    """The way to the api function. ``patience``: seconds to wait for an answer; None: as long as
    a deploy may take.
    """
    return (LocalDoor if catchment.kind == "local" else LambdaDoor)(catchment, patience=patience)


class LocalDoor:
    """The api function of a Catchment on this machine. Its key permits everything, so the others
    would only be two more cold starts.
    """

    def __init__(self, catchment: Catchment, *, patience: float | None = None) -> None:
        self._catchment, self._patience = catchment, patience
        self._open: Door | None = None

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        """Invoke it.

        Raises:
            NotRunningError: nothing answers, or holds no stack.
            OperatorError: the function broke.
        """
        from duckstring_cli.local.door import RefusedError, UnansweredError

        try:
            self._open = self._open or self._opened()
            payload, is_broken = self._open.invoke(_signed(by_this_user(request)))
        except UnansweredError as error:
            raise not_running(self._catchment) from error
        except RefusedError as error:
            raise denied(self._catchment, "Invoke", error.code, error.message) from error
        if is_broken:
            raise _broken(self._catchment, payload)
        return _told(self._catchment, cast("Mapping[str, Any]", payload))

    def _opened(self) -> Door:
        from duckstring_cli.local.door import Door

        one = self._catchment
        key = catchments.require_running(one, patience=self._patience)
        function = catchments.outputs(one)["ApiFunction"]
        opened = Door(port=one.port, region=one.region, function=function, key=key)
        return opened if self._patience is None else replace(opened, patience=self._patience)


class LambdaDoor:
    """The functions of a Catchment in AWS, found once by the stack's outputs.

    A request goes to the function of the least level that serves it. If this user may not invoke
    that one, those above it are tried: a policy may name the api function alone.
    """

    def __init__(self, catchment: Catchment, *, patience: float | None = None) -> None:
        self._catchment, self._patience = catchment, patience
        self._open: tuple[Any, Mapping[str, str]] | None = None
        self._denied: set[str] = set()
        self._is_renewed = False

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        """Invoke it.

        Raises:
            NotRunningError: nothing answers.
            AccessError: AWS does not let this user in.
            OperatorError: the function broke.
        """
        needed = level_for(request)
        with translated_errors(self._catchment, doing=f"{request['op']}", needed=needed):
            answer = self._asked(needed, json.dumps(_signed(self._proven(request))).encode())
            payload = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            raise _broken(self._catchment, payload)
        return _told(self._catchment, cast("Mapping[str, Any]", payload))

    def _proven(self, request: Mapping[str, object]) -> Mapping[str, object]:
        bucket = self._opened()[1].get("Bucket", "")
        access = catchments.session(self._catchment)
        return proven(request, access, region=self._catchment.region, bucket=bucket)

    def level(self) -> Level | None:
        """The highest level that this user has. Nothing is invoked to find it out.

        Raises:
            NotRunningError: nothing answers.
        """
        with translated_errors(self._catchment):
            found = self._highest()
            return self._highest() if found is None and self._renewed() else found

    def _highest(self) -> Level | None:
        from botocore.exceptions import ClientError

        function, outputs = self._opened()
        for level in reversed(LEVELS):
            try:
                if name := outputs.get(FUNCTIONS[level]):
                    function.invoke(FunctionName=name, InvocationType="DryRun")
                    return level
            except ClientError as error:
                if aws_code(error) not in DENIED | REPLACED:
                    raise
        return None

    def _asked(self, needed: Level, payload: bytes) -> Mapping[str, Any]:
        from botocore.exceptions import ClientError

        try:
            return self._first(needed, payload)
        except ClientError as error:
            # The outputs that are remembered may be those of a stack before its upgrade.
            if aws_code(error) not in DENIED | REPLACED or not self._renewed():
                raise
            return self._first(needed, payload)

    def _first(self, needed: Level, payload: bytes) -> Mapping[str, Any]:
        """The answer of the first function that lets this user in. A call that is denied has done
        nothing, so the next one may be tried.
        """
        from botocore.exceptions import ClientError

        function, outputs = self._opened()
        serving = [
            outputs[out] for one in levels_from(needed) if (out := FUNCTIONS[one]) in outputs
        ]
        denied: list[ClientError] = []
        for name in [one for one in serving if one not in self._denied] or serving:
            try:
                answer: Mapping[str, Any] = function.invoke(FunctionName=name, Payload=payload)
            except ClientError as error:
                if aws_code(error) not in DENIED:
                    raise
                self._denied.add(name)
                denied.append(error)
            else:
                self._denied.discard(name)
                return answer
        raise denied[0]

    def _renewed(self) -> bool:
        """Whether the stack, asked once, has other functions than those that are remembered."""
        if self._is_renewed:
            return False
        self._is_renewed = True
        client, held = self._opened()
        try:
            found = catchments.renew(self._catchment)
        except OperatorError:
            return False
        self._open = client, found
        return any(held.get(out) != found.get(out) for out in FUNCTIONS.values())

    def _opened(self) -> tuple[Any, Mapping[str, str]]:
        if self._open is None:
            outputs = catchments.outputs(self._catchment)
            self._open = (_client(self._catchment, self._patience), outputs)
        return self._open


def _signed(request: Mapping[str, object]) -> Mapping[str, object]:
    """A newer Catchment lets a command that knows an older schema look, and change nothing."""
    return {**request, "schema": SCHEMA}


def _told(catchment: Catchment, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer, unless the Catchment is too old to know the question.

    Raises:
        OlderCatchmentError: it is.
    """
    error = answer.get("error") or {}
    if str(error.get("message", "")).startswith("No operation "):
        raise OlderCatchmentError(catchment)
    return answer


class OlderCatchmentError(OperatorError):
    """The Catchment is of an older release than the command."""

    def __init__(self, catchment: Catchment) -> None:
        """Say how this Catchment is upgraded."""
        super().__init__(
            f"Catchment {catchment.name!r} is of an older release than this command, and cannot "
            "answer it.",
            hint=f"Upgrade the Catchment: {upgrading(catchment)}",
        )


def upgrading(catchment: Catchment) -> str:
    """How to bring a Catchment to this command's release."""
    if catchment.kind == "local":
        return f"duckstring catchment start {catchment.name}"
    return "npx aws-cdk@2 deploy, with its options (docs/aws.md, Upgrading)"


def _client(catchment: Catchment, patience: float | None) -> Any:  # noqa: ANN401 - botocore's clients have no static type without a service
    from botocore.config import Config

    # A repeated invoke is a second trigger: no retries, and time enough for a deploy that imports
    # every Pond.
    config = Config(
        connect_timeout=min(5, patience or 5),
        read_timeout=patience or 900,
        retries={"total_max_attempts": 1},
    )
    access = catchments.session(catchment)
    return access.session.client("lambda", endpoint_url=access.endpoint, config=config)


def _broken(catchment: Catchment, payload: object) -> OperatorError:
    found = payload if isinstance(payload, dict) else {}
    lines = str(found.get("errorMessage") or payload).strip().splitlines() or ["nothing"]
    return OperatorError(
        (
            f"The function that answers for Catchment {catchment.name!r} broke: "
            f"{found.get('errorType', 'error')}: {lines[-1]}"
        ),
        hint=(
            "This is a bug or a half-finished deployment of the Catchment: start it again, or "
            "report it."
        ),
    )
