"""The api function: one request, one use case, one answer. IAM decides who may invoke it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring import wiring
from duckstring.api.answer import answer
from duckstring.model.foreign import Redactor
from functions.json_log import json_logger

if TYPE_CHECKING:
    from duckstring.model.answers import Answered, Refused

logger = json_logger("api", Redactor(os.environ))
ports = wiring.api(os.environ)


@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> Answered | Refused:
    """Answer one request. A bug is logged in full, and the caller gets the request's id."""
    try:
        result = answer(event, ports)
    except Exception:
        logger.exception("request broke", op=event.get("op"))
        return _broken(context.aws_request_id)
    logger.info(
        "request answered", op=event.get("op"), ok=result["ok"], refused=result.get("error")
    )
    return result


def _broken(request: str) -> Refused:
    message = f"The Catchment failed on this request (id {request})."
    return {
        "ok": False,
        "error": {
            "type": "InternalError",
            "message": message,
            "hint": "The api function's log says why, under that id.",
        },
    }
