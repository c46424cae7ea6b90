"""What an API destination does not take is tried again, and then kept in the dead-letter queue.

Emulator: it calls the endpoint once. What that refuses is logged and dropped; a target's retry
policy and dead-letter queue are kept and not looked at.
AWS: an answer of 409, 429 or 5xx, and no answer, are tried again for as long as the policy says.
What was never taken goes to the target's queue, with the rule, the target and the error.
For us: ``duckstring alert test`` and ``doctor`` say which page did not arrive. Here the tries are
made within seconds, three at most, so that a test of a wrong address does not take an hour.
"""

from __future__ import annotations

import contextvars
import json
import time

from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_EVENTS, _SQS = "services.eventbridge", "services.sqs"
_INVOKE = NAMES.replaced(_EVENTS, "_invoke_target", "target event rule view")
_BUILD = NAMES.replaced(
    _EVENTS, "_build_api_destination_request", "dest conn target_http_params payload"
)
_DELIVER = NAMES.replaced(_EVENTS, "_deliver_to_api_destination", "name request conn token_key")
_SEND = NAMES.called(_EVENTS, "_api_destination_send_sync", "request auth_headers")
_HEADERS = NAMES.called(_EVENTS, "_connection_auth_headers", "conn token_key")
_VIEW = NAMES.called(_EVENTS, "_pattern_event_view", "event")
_QUEUE = NAMES.called(_SQS, "_queue_by_arn", "arn")
_PUT = NAMES.called(_SQS, "_act_send_message", "data qurl")
NAMES.mentioned(_EVENTS, "_dispatch_to_api_destination", "_build_api_destination_request")
NAMES.mentioned(_EVENTS, "_dispatch_to_api_destination", "_deliver_to_api_destination")

_ABOUT = "duckstring"
"""A field of the emulator's own request, which its sender does not look at."""
_TRIES = 3
_FIRST_PAUSE = 0.2
_AGAIN = {401, 407, 409, 429}
_FAILED = 500

_about: contextvars.ContextVar[Foreign] = contextvars.ContextVar("about", default=None)


def keep_deliveries() -> None:
    """Try again, and keep what was never taken."""
    invoke, build = _INVOKE.read(), _BUILD.read()

    def invoke_target(target: Foreign, event: Foreign, rule: Foreign, view: Foreign = None) -> None:
        token = _about.set((target, event, rule))
        try:
            invoke(target, event, rule, view)
        finally:
            _about.reset(token)

    def build_request(*given: Foreign) -> Foreign:
        # It is sent by another thread, which has neither the account nor the region.
        return {**build(*given), _ABOUT: (contextvars.copy_context(), _about.get())}

    _INVOKE.replace(invoke_target)
    _BUILD.replace(build_request)
    _DELIVER.replace(_deliver)


def _deliver(_name: str, request: Foreign, conn: Foreign, token_key: Foreign) -> None:
    context, about = request.pop(_ABOUT)
    code, message, pause = "", "", _FIRST_PAUSE
    for number in range(_TRIES):
        if number:
            time.sleep(pause)
            pause *= 2
        try:
            status = _SEND.read()(request, _HEADERS.read()(conn, token_key))
        except Exception as error:  # noqa: BLE001 - whatever the network says
            code, message = "SDK_CLIENT_ERROR", f"The endpoint did not answer: {error}"
            continue
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP
            return
        code, message = "NO_PERMISSIONS", f"The endpoint answered {status}."
        if status not in _AGAIN and status < _FAILED:
            break
        code = "THROTTLING" if status == 429 else "INVOCATION_FAILURE"  # noqa: PLR2004
    context.run(_keep, about, code, message)


def _keep(about: Foreign, code: str, message: str) -> None:
    if about is None:
        return
    target, event, rule = about
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    queue = _QUEUE.read()(arn) if arn else None
    if queue is None:
        return
    said = {
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message,
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target.get("Arn", ""),
    }
    attributes = {
        name: {"DataType": "String", "StringValue": value} for name, value in said.items() if value
    }
    body = json.dumps(_VIEW.read()(event).event_with_detail())
    _PUT.read()(
        {"QueueUrl": queue["url"], "MessageBody": body, "MessageAttributes": attributes},
        queue["url"],
    )
