"""The vendor's Lambda handler: credentials for one attempt. Workers may invoke it. So may their
authors' code, with any event.
"""

from __future__ import annotations

import os
import platform
from typing import Any

from duckstring import wiring
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.spending import Spending
from duckstring.adapters.aws.vending import answer_to_object, refusal_to_object, request_of
from duckstring.errors import OperatorError, TransientError
from duckstring.model.costs import plus, to_text
from duckstring.model.foreign import Redactor
from duckstring.vendor.vend import vend
from functions.json_log import counted, json_logger

logger = json_logger("vendor", Redactor(os.environ))
clients = Clients()
ports = wiring.vendor(os.environ, clients)
spending = Spending(
    lambda: plus(clients.tally.so_far(), {"log_bytes": counted.written}),
    memory_mib=int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")),
    is_arm=platform.machine() in {"aarch64", "arm64"},
)


def handle(event: dict[str, Any], _context: object) -> dict[str, object]:
    """Answer one request. Refusals are answers, too; the log has each of them. The answer says what
    it took, for the attempt that asked.
    """
    spending.begin()
    answer = _answer(event)
    return {**answer, "used": to_text(spending.tell())}


def _answer(event: dict[str, Any]) -> dict[str, object]:
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
