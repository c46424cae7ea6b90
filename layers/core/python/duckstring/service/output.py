"""What an author prints becomes lines of the log."""

from __future__ import annotations

import io
import logging

from typing_extensions import override


class LineLog(io.TextIOBase):
    """A text stream that logs each line as it is completed."""

    def __init__(self, log: logging.Logger, stream: str) -> None:
        """Log to ``log``, naming ``stream``."""
        super().__init__()
        self._log = log
        self._stream = stream
        self._rest = ""
        self._saying = False

    @override
    def writable(self) -> bool:
        """It is."""
        return True

    @override
    def write(self, text: str, /) -> int:
        """Log the lines that ``text`` completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._say(line)
        return len(text)

    @override
    def flush(self) -> None:
        """Log what has no end yet."""
        rest, self._rest = self._rest, ""
        self._say(rest)

    def _say(self, line: str) -> None:
        """A log handler that an author has tied to this stream would bring each line back for ever: it comes once."""
        if not line.strip() or self._saying:
            return
        self._saying = True
        try:
            self._log.info(line.rstrip("\r"), extra={"stream": self._stream})
        finally:
            self._saying = False
