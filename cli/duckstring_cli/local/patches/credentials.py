"""What runs in the Catchment acts with the Catchment's key.

Emulator: it gives functions its account's number as their key, and tasks keys that nobody knows.
AWS: functions and tasks get keys of their role.
For us: the guard lets in who has the Catchment's key, or another secret that is checked here: a
task's own token, or the token of a custom resource that the emulator waits for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from duckstring_cli.local.patches.declared import Names

NAMES = Names()

_OF_FUNCTION = (
    NAMES.replaced("core.lambda_runtime", "execution_credentials", "config"),
    NAMES.replaced("services.lambda_svc", "execution_credentials", "config"),
)
_OF_TASK = NAMES.replaced("services.imds", "_ecs_task_credentials_doc")
_ACCOUNT = NAMES.called("core.responses", "get_account_id")
_AWAITED = NAMES.unloaded("services.cloudformation.custom_resource", "_pending")
_TOKENS = NAMES.value("services.ecs_metadata", "_TOKEN_TO_TASK", "dict")


def give_key(
    variables: Mapping[str, str],
    of_function: Callable[[Mapping[str, Any]], dict[str, str]],
    of_task: Callable[[], dict[str, str]],
) -> None:
    """Have functions and tasks act with the Catchment's key.

    Args:
        variables: the key for the emulator itself, as environment variables.
        of_function: the variables of a function, by its configuration.
        of_task: the document that a task is given.
    """
    # The emulator's own root: what signs and checks URLs in its services.
    os.environ.update(variables)
    for name in _OF_FUNCTION:
        name.replace(of_function)
    _OF_TASK.replace(of_task)


def sessions() -> Callable[[Mapping[str, Any]], dict[str, str]]:
    """The emulator's own way, which it has if it evaluates policies: the variables of a session of
    a role, by a configuration with ``Role``, ``FunctionArn`` and ``FunctionName``.
    """
    found: Callable[[Mapping[str, Any]], dict[str, str]] = _OF_FUNCTION[0].read()
    return found


def account() -> str:
    """The account in which the emulator acts."""
    return str(_ACCOUNT.read()())


def is_awaited(token: str) -> bool:
    """Whether the emulator waits for the answer of a custom resource under that token."""
    return token in _AWAITED.read()


def is_of_a_task(token: str) -> bool:
    """Whether the token is that of a task's metadata."""
    return token in _TOKENS.read()
