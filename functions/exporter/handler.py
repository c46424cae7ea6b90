"""The exporter's Lambda handler: what was published in the last minute, as events of the bus; and
lines of which the sweep has found that the lake does not show them.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring import wiring
from duckstring.errors import TransientError
from duckstring.exporter.export import export
from duckstring.model.foreign import Redactor
from duckstring.model.schema import NewerSchemaError
from functions.json_log import json_logger
from functions.published import lines_of

logger = json_logger("exporter", Redactor(os.environ))
ports = wiring.exporter(os.environ, Path(gettempdir()))


@logger.inject_lambda_context
def handle(event: dict[str, Any], _context: LambdaContext) -> dict[str, object]:
    """Export what the messages are about; without messages, everything. An error escapes: the
    messages come again, and the function's error metric shows it.

    Raises:
        TransientError: some lines could not be read. The others are exported.
    """
    lines = lines_of(event, logger)
    if lines is None:
        return {}
    try:
        report = export(ports, lines)
    except NewerSchemaError as error:
        logger.error("export refused: %s", error.message, hint=error.hint)  # noqa: TRY400 - one line
        raise
    logger.info("exported", report=report.to_json())
    if report.left_out:
        why = "; ".join(f"{of}: {reason}" for of, reason in sorted(report.left_out.items()))
        raise TransientError(f"Not exported: {why}")
    return report.to_json()
