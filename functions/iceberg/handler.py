"""The Lambda handler of the export to Iceberg: what was published in the last minute, as events of
the bus; lines of which the sweep has found that Glue does not show them; and now and then a look at
all of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring import wiring
from duckstring.errors import TransientError
from duckstring.exporter.iceberg import export_iceberg
from duckstring.model.foreign import Redactor
from duckstring.model.schema import NewerSchemaError
from functions.json_log import json_logger
from functions.published import is_look, lines_of

logger = json_logger("iceberg", Redactor(os.environ))
ports = wiring.iceberg(os.environ, Path(gettempdir()))


@logger.inject_lambda_context
def handle(event: dict[str, Any], _context: LambdaContext) -> dict[str, object]:
    """Export what the messages are about; without messages, everything. An error escapes: the
    messages come again, and the function's error metric shows it.

    Raises:
        TransientError: some databases are not as they should be. The others are.
    """
    lines = lines_of(event, logger)
    if lines is None:
        return {}
    try:
        report = export_iceberg(ports, lines, look=is_look(event))
    except NewerSchemaError as error:
        logger.error("export refused: %s", error.message, hint=error.hint)  # noqa: TRY400 - one line
        raise
    logger.info("exported", report=report.to_json())
    if report.failed:
        why = "; ".join(f"{name}: {reason}" for name, reason in sorted(report.failed.items()))
        raise TransientError(f"Not exported: {why}")
    return report.to_json()
