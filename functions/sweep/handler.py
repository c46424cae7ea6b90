"""The sweep function: one round every few minutes, and at a local start."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring import wiring
from duckstring.model.foreign import Redactor
from duckstring.model.schema import NewerSchemaError
from duckstring.sweep.sweep import sweep
from functions.json_log import json_logger

logger = json_logger("sweep", Redactor(os.environ))
ports = wiring.sweep(os.environ)


@logger.inject_lambda_context
def handle(_event: dict[str, Any], _context: LambdaContext) -> dict[str, object]:
    """Sweep once. An error escapes: the next sweep is the retry, and the function's error metric
    shows it.
    """
    try:
        report = sweep(ports)
    except NewerSchemaError as error:
        logger.error("sweep refused: %s", error.message, hint=error.hint)  # noqa: TRY400 - one line
        raise
    # Lines of their own: the dashboard's queries read them.
    bounds: Any = report.pop("bounds")
    for fields in bounds:
        logger.info("bound", **fields)
    logger.info("swept", report=report)
    return report
