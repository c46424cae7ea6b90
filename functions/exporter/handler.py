"""The exporter's Lambda handler: what was published in the last minute, as events of the bus; and
lines of which the sweep has found that the lake does not show them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring import wiring
from duckstring.errors import TransientError
from duckstring.exporter.export import export
from duckstring.model.foreign import Redactor
from duckstring.model.lake import ALL_LINES
from duckstring.model.names import Line, line, parse_line
from duckstring.model.schema import NewerSchemaError
from functions.json_log import json_logger

_ALL = Line("")
logger = json_logger("exporter", Redactor(os.environ))
ports = wiring.exporter(os.environ, Path(gettempdir()))


@logger.inject_lambda_context
def handle(event: dict[str, Any], _context: LambdaContext) -> dict[str, object]:
    """Export what the messages are about; without messages, everything. An error escapes: the
    messages come again, and the function's error metric shows it.

    Raises:
        TransientError: some lines could not be read. The others are exported.
    """
    bodies = [record["body"] for record in event.get("Records", ())]
    lines = {of for body in bodies for of in _lines(body)}
    if bodies and not lines:
        return {}
    try:
        report = export(ports, () if _ALL in lines or not bodies else lines)
    except NewerSchemaError as error:
        logger.error("export refused: %s", error.message, hint=error.hint)  # noqa: TRY400 - one line
        raise
    logger.info("exported", report=report.to_json())
    if report.left_out:
        why = "; ".join(f"{of}: {reason}" for of, reason in sorted(report.left_out.items()))
        raise TransientError(f"Not exported: {why}")
    return report.to_json()


def _lines(body: str) -> Iterator[Line]:
    """The lines that a message is about. Other applications may put events on the bus, too."""
    try:
        message = json.loads(body)
        if "lines" in message and message["lines"] == ALL_LINES:
            yield _ALL
            return
        if "lines" in message:
            named = list(message["lines"])
        else:
            named = [line(message["detail"]["pond"], message["detail"]["major"])]
        for of in named:
            parse_line(of)
            yield Line(of)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("not understood: %s", type(error).__name__)
