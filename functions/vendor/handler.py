"""The vendor's Lambda handler: credentials for one attempt. Workers may invoke it, and with them
whatever their authors' code sends.
"""

from __future__ import annotations

import os
from typing import Any

from duckstring import wiring
from duckstring.adapters.aws.vending import answer_to_object, refusal_to_object, request_of
from duckstring.errors import OperatorError, TransientError
from duckstring.model.foreign import Redactor
from duckstring.vendor.vend import vend
from functions.json_log import json_logger

logger = json_logger("vendor", Redactor(os.environ))
ports = wiring.vendor(os.environ)


def handle(event: dict[str, Any], _context: object) -> dict[str, object]:
    """Answer one request. Refusals are answers, too; the log has each of them."""
    try:
        request = request_of(event)
        permitted = vend(request, ports)
    except (OperatorError, TransientError) as error:
        logger.warning("refused", why=error.message)
        return refusal_to_object(error)
    attempt = request.attempt
    logger.info(
        "permitted",
        line=attempt.line,
        run=attempt.run,
        ripple=attempt.ripple,
        attempt=attempt.attempt,
        purpose=request.purpose,
        sessions=len(permitted.sessions),
    )
    return answer_to_object(permitted)
