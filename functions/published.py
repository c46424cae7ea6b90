"""Messages that say which lines have published, as the exporters get them: events of the bus of
the last minute, and lines of which the sweep has found that they are not shown.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from aws_lambda_powertools import Logger

from duckstring.model.lake import ALL_LINES, LOOK
from duckstring.model.names import Line, line, parse_line

_ALL = Line("")


def lines_of(event: Mapping[str, Any], logger: Logger) -> Collection[Line] | None:
    """The lines that an invocation is about; none: all lines. None: nothing of it is for us."""
    bodies = [record["body"] for record in event.get("Records", ())]
    lines = {of for body in bodies for of in _lines(body, logger)}
    if bodies and not lines:
        return None
    return () if _ALL in lines or not bodies else lines


def is_look(event: Mapping[str, Any]) -> bool:
    """Whether it is asked for to look at everything, at what was exported before as well."""
    return any(record["body"] == LOOK for record in event.get("Records", ()))


def _lines(body: str, logger: Logger) -> Iterator[Line]:
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
