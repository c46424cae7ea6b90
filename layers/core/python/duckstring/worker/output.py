"""What an author logs and prints in the attempt's process, on its way to the parent, which writes
the log.

Python's own streams and loggers send messages, so their lines keep their order. Anything else that
writes to the descriptors 1 and 2 (child processes, libraries in C) is read from there by the
parent, line by line.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from typing import Literal

from typing_extensions import override

from duckstring.model.foreign import cut, plain, readable
from duckstring.worker.channel import Writer

LONGEST_LINE = 100_000
"""Characters. CloudWatch takes 256 KB a line, and JSON may make six of one."""
LONGEST_TEXT = 1_000_000
"""Characters of lines that are sent together, and of a line before it is broken: a secret may
lie across its ends.
"""

CHATTY = ("boto3", "botocore", "httpcore", "httpx", "urllib3")
"""Loggers of libraries that say much at INFO."""

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_DEEPEST, _MOST_MEMBERS = 3, 1_000

_getpid = os.getpid


class Stream(io.TextIOWrapper):
    """``sys.stdout`` or ``sys.stderr``: a stream over the descriptor, whose text becomes messages,
    one for each line.
    """

    def __init__(self, number: int, name: Literal["stdout", "stderr"], link: Writer) -> None:
        """Text written here is of the stream ``name``, whose descriptor is ``number``."""
        raw = io.FileIO(number, "w", closefd=False)
        super().__init__(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", write_through=True
        )
        self._name, self._link, self._pid = name, link, _getpid()
        self._part = ""
        self._saying = threading.local()

    @override
    def write(self, text: str, /) -> int:
        """Send the lines that ``text`` completes."""
        if _getpid() != self._pid or getattr(self._saying, "now", False):
            return super().write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        lines, _, rest = (self._part + text).rpartition("\n")
        if rest and "\n" not in self._part and len(lines) < LONGEST_TEXT:
            # ``print`` writes the last line's end by itself: the lines before it wait, to be sent
            # together.
            lines, rest = "", self._part + text
        self._part = ""
        self._say(lines)
        whole = max(len(rest) - 1, 0) // LONGEST_TEXT * LONGEST_TEXT
        self._say(rest[:whole], goes_on=True)
        self._part = rest[whole:]
        return len(text)

    @override
    def flush(self) -> None:
        """Send the text that has no end of line yet, and write out what went to the buffer
        beneath.
        """
        rest, self._part = self._part, ""
        if rest:
            self._say(rest, goes_on=True)
        super().flush()

    def _say(self, lines: str, *, goes_on: bool = False) -> None:
        """Send lines. ``goes_on``: the last one has no end yet."""
        if not lines:
            return
        self._saying.now = True
        try:
            common = {"stream": self._name, "at": time.time()}
            starts = range(0, len(lines), LONGEST_TEXT)
            for start in starts:
                more = goes_on or start != starts[-1]
                self._link.send(
                    {"lines": lines[start : start + LONGEST_TEXT], "goes_on": more} | common
                )
        except OSError:
            super().write(lines + "\n")
        finally:
            self._saying.now = False


class Relay(logging.Handler):
    """Sends log records to the parent."""

    def __init__(self, link: Writer) -> None:
        """Send over ``link``."""
        super().__init__()
        self._link, self._pid = link, _getpid()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Send one record. A record that cannot be formatted is reported to the author as Python
        does it.
        """
        try:
            if _getpid() != self._pid:
                sys.__stderr__ and sys.__stderr__.write(record.getMessage() + "\n")
                return
            self._link.send({"record": _described(record)})
        except Exception:  # noqa: BLE001 - a log line never ends an attempt
            self.handleError(record)


def _described(record: logging.LogRecord) -> dict[str, object]:
    more = {
        _text_of(name): _simple(value)
        for name, value in record.__dict__.items()
        if name not in _PLAIN
    }
    message: dict[str, object] = {
        "level": record.levelno,
        "logger": record.name,
        "message": cut(record.getMessage(), LONGEST_TEXT),
        "file": record.pathname,
        "line": record.lineno,
        "function": record.funcName,
        "created": record.created,
        "more": more,
    }
    if record.exc_info and record.exc_info[1] is not None:
        message["trace"] = _trace_of(record.exc_info[1])
        message["raised"] = record.exc_info[1].__class__.__name__
    return message


def _trace_of(error: BaseException) -> str:
    """The traceback. Its text calls the author's code: an error there costs the frames, not the
    record.
    """
    try:
        return cut("".join(traceback.format_exception(error)), LONGEST_TEXT)
    except Exception:  # noqa: BLE001
        return _text_of(error)


def _simple(value: object) -> object:
    """The value in a JSON form; as text if JSON has no form for it."""
    return plain(value, _text_of, depth=_DEEPEST, most=_MOST_MEMBERS)


def _text_of(value: object) -> str:
    return readable(value, most=LONGEST_TEXT)


def reset_loggers() -> None:
    """Make every logger pass its records on, up to the root. Each touched logger costs a forked
    process a page, so call this before forking.
    """
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
    logging.root.setLevel(logging.INFO)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def begin_output(link: Writer) -> logging.Logger:
    """Send prints and log records over ``link``. Returns the Pond's own logger, which logging
    configuration cannot reach.
    """
    relay = Relay(link)
    sys.stdout = sys.__stdout__ = Stream(1, "stdout", link)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = Stream(2, "stderr", link)  # type: ignore[misc]
    logging.root.handlers[:] = [relay]
    own = logging.Logger("duckstring.pond", logging.INFO)  # noqa: LOG001 - a configuration could disable one that is known
    own.addHandler(relay)
    return own


def end_output() -> None:
    """Send what was printed without an end of line."""
    for stream in {sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__} - {None}:
        with suppress(Exception):
            stream.flush()  # type: ignore[union-attr]


class Lines:
    """Splits what arrives from a descriptor into texts of whole lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes, as one text."""
        lines, end, self._rest = (self._rest + data).rpartition(b"\n")
        if len(self._rest) > LONGEST_TEXT:
            lines, self._rest = lines + end + self._rest, b""
        return [_text(lines)] if lines else []

    def finish(self) -> list[str]:
        """The text after the last end of line."""
        return self.feed(b"\n") if self._rest else []


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")
