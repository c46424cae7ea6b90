"""The log of a Lambda function: one JSON object on each line, whatever texts it contains."""

from __future__ import annotations

import logging
import sys
from typing import IO, NoReturn, cast

from aws_lambda_powertools import Logger
from typing_extensions import override

from duckstring.model.costs import LINE_BYTES
from duckstring.model.foreign import Redactor, readable


class Counted:
    """Standard output, with a count of the bytes that are written to it, as the log's price counts
    them.
    """

    def __init__(self) -> None:
        self.written = 0

    def write(self, text: str) -> None:
        """Write a line."""
        self.written += len(text.encode(errors="replace")) + LINE_BYTES
        sys.stdout.write(text)

    def flush(self) -> None:
        """Write it now."""
        sys.stdout.flush()


counted = Counted()
"""Of this process."""


def json_logger(service: str, redactor: Redactor) -> Logger:
    """A logger that can write every line, without the secrets that ``redactor`` knows, in keys as
    well as values.
    """
    made = Logger(
        service=service,
        stream=cast("IO[str]", counted),
        json_serializer=redactor.line,
        json_deserializer=_leave,
    )
    made.registered_handler.addFilter(_Formatted())
    # The root logger may get the same handler, and each line would be written twice.
    logging.getLogger(made.name).propagate = False
    return made


class _Formatted(logging.Filter):
    """A filter that makes a record's text. If the arguments do not fit the message, they are added
    to it, so that the line is not lost.
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.args or not isinstance(record.msg, dict):
            record.msg, record.args = _message(record), None
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return readable(record.getMessage())
    except BaseException:  # noqa: BLE001 - an argument's __str__ is its author's
        return f"{readable(record.msg)} {_parts(record.args)}"


def _parts(args: object) -> str:
    many = args if isinstance(args, tuple) else (args,)
    return " ".join(map(readable, many))


def _leave(_text: object) -> NoReturn:
    """A message that looks like JSON stays a text."""
    raise ValueError
