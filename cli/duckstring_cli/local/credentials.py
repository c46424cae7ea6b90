"""The Catchment's access key, for what runs in it: functions, tasks, and the emulator itself.
Standard library only: part of the server.

``patches/credentials.py`` has the emulator ask here.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from duckstring_cli.local.guard import Request
from duckstring_cli.local.keys import AccessKey, asked_nonce
from duckstring_cli.local.patches.credentials import account, is_awaited, is_of_a_task

OWN_PAGE = "/_duckstring"
_TASK_CREDENTIALS = "/v2/credentials/"
_TASK_METADATA = re.compile(r"/v4/([A-Za-z0-9_-]{32,})(?:/task)?(?:/stats)?/?")
_STACK_ANSWER = re.compile(r"/_ministack/cfn-response/([0-9a-f-]{36})")
_LIFETIME = 3600

OfRole = Callable[[Mapping[str, Any]], dict[str, str]]
"""Variables of a session of a role (``patches.credentials.sessions``)."""

_asking: ContextVar[str] = ContextVar("asking")
"""The ARN of the task whose request is being answered."""


class Credentials:
    """Gives the key to functions and tasks of the Catchment, and knows the other secrets that
    are accepted.
    """

    def __init__(self, key: AccessKey, *, of_role: OfRole | None = None) -> None:
        """Give out ``key``; or, where roles are enforced, sessions of roles (``of_role``)."""
        self._key, self._of_role = key, of_role
        self._tasks: dict[str, tuple[str, str]] = {}
        self._roles: dict[str, str] = {}

    def of_new_task(self, arn: str, variables: Mapping[str, str], role: str) -> None:
        """Remember where a task fetches its credentials, with what token, and of what role."""
        self._roles[arn] = role
        self._tasks[arn] = (
            urlsplit(variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"]).path,
            variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"],
        )

    def forget_task(self, arn: str) -> None:
        """The task has ended."""
        self._tasks.pop(arn, None)
        self._roles.pop(arn, None)

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
        return found is not None and is_awaited(found[1])

    def _is_of_task(self, request: Request) -> bool:
        if request.path.startswith(_TASK_CREDENTIALS):
            given = request.headers.get("authorization", "").encode()
            for arn, (path, token) in list(self._tasks.items()):
                if path == request.path and hmac.compare_digest(given, token.encode()):
                    _asking.set(arn)
                    return True
            return False
        found = _TASK_METADATA.fullmatch(request.path)
        return found is not None and is_of_a_task(found[1])

    @property
    def variables(self) -> dict[str, str]:
        """The key, as SDKs look for it."""
        key = self._key
        return {
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_SESSION_TOKEN": "",
        }

    def of_function(self, config: Mapping[str, Any]) -> dict[str, str]:
        """What a function of that ``config`` finds in its environment."""
        # The execution environment's name, which SDKs send along: the emulator leaves it out.
        own = self._of_role(config) if self._of_role else self.variables
        return {**own, "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}"}

    def of_task(self) -> dict[str, str]:
        """The answer to a task that asks for its credentials."""
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + _LIFETIME))
        arn = _asking.get("")
        role = self._roles.get(arn) or f"arn:aws:iam::{account()}:role/duckstring-task"
        own = self._of_role(_as_function(arn, role)) if self._of_role else self.variables
        return {
            "AccessKeyId": own["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": own["AWS_SECRET_ACCESS_KEY"],
            "Token": own["AWS_SESSION_TOKEN"],
            "Expiration": ends,
            "RoleArn": role,
        }


def _as_function(task: str, role: str) -> dict[str, str]:
    """The emulator makes sessions for functions only; the name of one of a task is the task's."""
    _, partition, _, region, owner, named = task.split(":", 5)
    name = named.rsplit("/", 1)[-1]
    arn = f"arn:{partition}:lambda:{region}:{owner}:function:{name}"
    return {"Role": role, "FunctionArn": arn, "FunctionName": name}
