"""What an attempt's process prints and logs, written to the log by its parent. Each line carries
the attempt that it belongs to.

An author's fields stand beside the product's, and never replace them. Secrets are masked here,
before a line leaves.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from duckstring.model.foreign import MOST, Redactor, readable
from duckstring.worker.channel import Message
from duckstring.worker.output import LONGEST_LINE

RESERVED = frozenset(
    {
        *(
            "run",
            "ripple",
            "attempt",
            "launch",
            "tried",
            "called",
            "where",
            "pauses",
            "outcome",
            "failure",
            "error",
            "traceback",
        ),
        *(
            "stream",
            "logger",
            "level",
            "location",
            "timestamp",
            "message",
            "service",
            "exception",
            "exception_name",
            "stack_trace",
        ),
        *(
            "cold_start",
            "function_name",
            "function_arn",
            "function_request_id",
            "function_memory_size",
            "sampling_rate",
            "xray_trace_id",
        ),
        *vars(logging.makeLogRecord({})),
        *("asctime", "taskName"),
    }
)
"""Fields that say what the product knows."""

_YEAR_3000 = 32_503_680_000
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)


class AuthorLog:
    """The log of one attempt."""

    def __init__(self, redactor: Redactor) -> None:
        """Write to the log of this process, without the secrets that ``redactor`` knows."""
        self._log, self._redactor = logging.getLogger("duckstring.pond"), redactor

    def line(self, text: str, stream: str, at: float | None = None) -> None:
        """Write lines that were printed together, at ``at`` (seconds since 1970), which keeps them
        in order with the records beside them.

        A secret may lie across the ends of lines, so they are searched as one text and split
        afterwards.
        """
        if not self._log.isEnabledFor(logging.INFO):
            return
        for line in self._redactor.text(text, most=len(text) + MOST).split("\n"):
            if line.strip():
                for start in range(0, len(line), LONGEST_LINE):
                    self._print(line[start : start + LONGEST_LINE].rstrip("\r"), stream, at)

    def _print(self, line: str, stream: str, at: float | None) -> None:
        fields = {
            "levelno": logging.INFO,
            "levelname": "INFO",
            "msg": line,
            "funcName": "print",
            "stream": stream,
        }
        record = logging.makeLogRecord({"name": self._log.name} | fields)
        _set_time(record, at)
        self._log.handle(record)

    def record(self, message: Message) -> None:
        """Write a record of the author's logging."""
        record = logging.LogRecord(
            self._log.name,
            _level(message.get("level")),
            str(message.get("file")),
            int(message["line"]) if isinstance(message.get("line"), int) else 0,
            self._clean(str(message.get("message"))),
            None,
            None,
            str(message.get("function")),
        )
        _set_time(record, message.get("created"))
        for name, value in _fields(message).items():
            setattr(record, name, self._redactor.tree(value, most=LONGEST_LINE))
        if self._log.isEnabledFor(record.levelno):
            self._log.handle(record)

    def _clean(self, text: str) -> str:
        return self._redactor.text(text, most=LONGEST_LINE)


def _set_time(record: logging.LogRecord, at: object) -> None:
    """Set the attempt's own time. An implausible time is ignored, and the worker's stays."""
    if isinstance(at, float) and 0 <= at < _YEAR_3000:
        record.created = at
        record.msecs = at % 1 * 1000


def _level(number: object) -> int:
    """The nearest standard level."""
    wanted = number if isinstance(number, int) else logging.INFO
    return max([level for level in _LEVELS if level <= wanted], default=logging.DEBUG)


def _fields(message: Message) -> dict[str, Any]:
    more = message.get("more")
    found = (
        {f"{name}_" if name in RESERVED else readable(name): value for name, value in more.items()}
        if isinstance(more, Mapping)
        else {}
    )
    if message.get("trace"):
        found |= {"exception_name": message.get("raised"), "exception": message["trace"]}
    return found
