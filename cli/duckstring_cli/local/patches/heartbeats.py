"""A task of a state machine that falls silent fails.

Emulator: it does not look at ``HeartbeatSeconds``.
AWS: a task that waits for a token fails with ``States.HeartbeatTimeout`` when its worker has said
nothing for so long.
For us: the run of a worker that was killed without a word would wait for the whole time-out of its
Ripple, which may be hours.
"""

from __future__ import annotations

from duckstring_cli.local.heartbeats import Heartbeats, Scope
from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_INVOKE = NAMES.replaced(
    "services.stepfunctions", "_invoke_with_callback", "resource input_data token state_def"
)
_HEAR = NAMES.replaced("services.stepfunctions", "_send_task_heartbeat", "data")
_TOKENS = NAMES.value("services.stepfunctions", "_task_tokens", "AccountRegionScopedDict")
_ACCOUNT = NAMES.called("core.responses", "get_account_id")
_REGION = NAMES.called("core.responses", "get_region")
_GET_SCOPED = NAMES.called(
    "core.responses", "AccountRegionScopedDict.get_scoped", "self account_id region key"
)

_FAILURE = {"Error": "States.HeartbeatTimeout", "Cause": ""}


def keep_heartbeats() -> None:
    """Have the emulator's tasks keep their ``HeartbeatSeconds``."""
    heartbeats = Heartbeats(_fail)
    invoke, hear = _INVOKE.read(), _HEAR.read()

    def invoke_and_await(
        resource: Foreign, given: Foreign, token: str, definition: Foreign
    ) -> Foreign:
        seconds = definition.get("HeartbeatSeconds")
        if seconds is None:
            return invoke(resource, given, token, definition)
        scope = (_ACCOUNT.read()(), _REGION.read()())
        with heartbeats.awaiting(token, float(seconds), scope):
            return invoke(resource, given, token, definition)

    def hear_and_note(data: Foreign) -> Foreign:
        answer = hear(data)
        heartbeats.note(str(data.get("taskToken")))
        return answer

    _INVOKE.replace(invoke_and_await)
    _HEAR.replace(hear_and_note)
    heartbeats.start()


def _fail(scope: Scope, token: str) -> None:
    waiting = _GET_SCOPED.of(_TOKENS.read())(*scope, token)
    if waiting and not waiting["event"].is_set():
        waiting["error"] = dict(_FAILURE)
        waiting["event"].set()
