"""Task tokens: how a worker reports to the state machine that waits for it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import code_of
from duckstring.errors import TransientError
from duckstring.model.verdicts import ENDED

_GONE = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}
_ERROR = "Duckstring.Ended"


class StepTokens:
    """``supervise.Tokens`` and ``task_ended.Tokens``: Step Functions. False: nobody waits for
    this token any more.
    """

    def __init__(self, clients: Clients) -> None:
        """Answer with the process's own credentials."""
        self._clients = clients

    def beat(self, token: str) -> bool:
        """The worker lives.

        Raises:
            TransientError: Step Functions did not receive it.
        """
        try:
            self._clients.prompt_stepfunctions.send_task_heartbeat(taskToken=token)
        except (ClientError, BotoCoreError) as error:
            return _refused(error)
        return True

    def answer(self, token: str, answer: Mapping[str, object]) -> bool:
        """Send how the attempt ended, in the form of the ripple function: an attempt that did not
        succeed fails its task.

        Raises:
            TransientError: Step Functions did not receive it.
        """
        payload = json.dumps(answer)
        try:
            if answer["outcome"] == "ok":
                self._clients.prompt_stepfunctions.send_task_success(
                    taskToken=token, output=payload
                )
            else:
                self._clients.prompt_stepfunctions.send_task_failure(
                    taskToken=token, error=_ERROR, cause=ENDED + payload
                )
        except (ClientError, BotoCoreError) as error:
            return _refused(error)
        return True


def _refused(error: ClientError | BotoCoreError) -> bool:
    if isinstance(error, ClientError) and code_of(error) in _GONE:
        return False
    raise TransientError(f"Step Functions did not take a word: {error}") from error
