"""What the functions share that answer the command and the page. Each serves one level of access,
which its handler names: no request does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from duckstring.api.answer import answer
from duckstring.api.ports import ApiPorts
from duckstring.model.access import Level

if TYPE_CHECKING:
    from duckstring.model.answers.common import Answered, Refused


def serve(
    event: Mapping[str, object], ports: ApiPorts, level: Level, *, logger: Logger, request: str
) -> Answered | Refused:
    """Answer one request. A bug is logged in full, and the caller gets the ``request``'s id."""
    try:
        result = answer(event, ports, level, number=request)
    except Exception:
        logger.exception("request broke", op=event.get("op"))
        return _broken(request)
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
            "hint": "The function's log says why, under that id.",
        },
    }
