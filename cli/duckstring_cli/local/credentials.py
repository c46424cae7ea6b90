"""The Catchment's access key, for what runs in it: functions, tasks, and the emulator itself.
Standard library only: part of the server.

The emulator gives functions its account's number as their key, and tasks keys that nobody knows.
"""

from __future__ import annotations

import hmac
import os
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from duckstring_cli.local.emulator import ministack
from duckstring_cli.local.guard import Request
from duckstring_cli.local.keys import AccessKey, asked_nonce

OWN_PAGE = "/_duckstring"
_TASK_CREDENTIALS = "/v2/credentials/"
_TASK_METADATA = re.compile(r"/v4/([A-Za-z0-9_-]{32,})(?:/task)?(?:/stats)?/?")
_STACK_ANSWER = re.compile(r"/_ministack/cfn-response/([0-9a-f-]{36})")
_LIFETIME = 3600


class Credentials:
    """Gives the key to whoever runs in the Catchment, and knows the other secrets by which one
    may come in.
    """

    def __init__(self, key: AccessKey) -> None:
        self._key = key
        self._tasks: dict[str, tuple[str, str]] = {}

    def supply(self) -> None:
        """Have functions and tasks act with the Catchment's key."""
        runtime, service, metadata = (
            ministack(name)
            for name in ("core.lambda_runtime", "services.lambda_svc", "services.imds")
        )
        # The emulator's own root: what signs and checks URLs in its services.
        os.environ.update(self._variables)
        runtime.execution_credentials = service.execution_credentials = self._of_function
        metadata._ecs_task_credentials_doc = self._of_task  # noqa: SLF001 - the emulator's edge

    def of_new_task(self, arn: str, told: Mapping[str, str]) -> None:
        """Remember where a task was told to fetch its credentials, and with what token."""
        self._tasks[arn] = (
            urlsplit(told["AWS_CONTAINER_CREDENTIALS_FULL_URI"]).path,
            told["AWS_CONTAINER_AUTHORIZATION_TOKEN"],
        )

    def forget_task(self, arn: str) -> None:
        """The task has ended."""
        self._tasks.pop(arn, None)

    def may_pass(self, request: Request) -> bool:
        """Whether the request carries a secret of its own: our commands', a task's, a custom
        resource's.
        """
        if request.path == OWN_PAGE:
            return bool(
                asked_nonce(self._key, request.method, request.headers.get("authorization", ""))
            )
        if request.method == "GET":
            return self._is_of_task(request)
        found = _STACK_ANSWER.fullmatch(request.path) if request.method == "PUT" else None
        return (
            found is not None
            and found[1] in ministack("services.cloudformation.custom_resource")._pending  # noqa: SLF001
        )

    def _is_of_task(self, request: Request) -> bool:
        if request.path.startswith(_TASK_CREDENTIALS):
            given = request.headers.get("authorization", "").encode()
            return any(
                path == request.path and hmac.compare_digest(given, token.encode())
                for path, token in list(self._tasks.values())
            )
        found = _TASK_METADATA.fullmatch(request.path)
        return found is not None and found[1] in ministack("services.ecs_metadata")._TOKEN_TO_TASK  # noqa: SLF001

    @property
    def _variables(self) -> dict[str, str]:
        key = self._key
        return {
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_SESSION_TOKEN": "",
        }

    def _of_function(self, config: Mapping[str, Any]) -> dict[str, str]:
        # The execution environment's name, which SDKs send along: the emulator leaves it out.
        return {**self._variables, "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}"}

    def _of_task(self) -> dict[str, str]:
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + _LIFETIME))
        key = self._key
        account = ministack("core.responses").get_account_id()
        return {
            "AccessKeyId": key.access_key_id,
            "SecretAccessKey": key.secret_access_key,
            "Token": "",
            "Expiration": ends,
            "RoleArn": f"arn:aws:iam::{account}:role/duckstring-task",
        }
