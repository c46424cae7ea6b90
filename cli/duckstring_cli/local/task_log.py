"""What a task prints, in CloudWatch Logs as the ``awslogs`` driver puts it there. Standard
library only: part of the server.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from duckstring_cli.local.patches.program import scoped
from duckstring_cli.local.patches.tasks import Key, log_of, put_lines

_LAST_WORDS = 2.0
_LONG_LINE = 200_000


class TaskLog:
    """Line by line, while the task runs."""

    def __init__(self, scope: tuple[str, str], options: Mapping[str, str]) -> None:
        self.options = dict(options)
        self._scope = scope
        self._done = threading.Event()

    @classmethod
    def of(cls, key: Key, container: Mapping[str, Any]) -> TaskLog:
        """The log of a task's container."""
        task_id = key[2].rpartition("/")[2]
        if (config := log_of(container, task_id)) is None:
            raise LookupError("its container has no log group")
        region = config["region"] or key[1]
        return cls(
            (key[0], region),
            {
                "awslogs-group": config["group"],
                "awslogs-stream": config["stream"],
                "awslogs-region": region,
            },
        )

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        """Put what the process prints, until nobody can print any more."""
        if process.stdout is None:
            return
        rest = b""
        with process.stdout as output, scoped(*self._scope):
            while chunk := os.read(output.fileno(), 65_536):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _LONG_LINE:
                    lines, rest = [*lines, rest], b""
                self._put(lines)
            self._put([rest])
        self._done.set()

    def close(self) -> None:
        """Wait for its last lines."""
        self._done.wait(_LAST_WORDS)

    def _put(self, lines: Sequence[bytes]) -> None:
        now = int(time.time() * 1000)
        events = [
            {"timestamp": now, "message": line.decode(errors="replace").rstrip("\r")}
            for line in lines
            if line.strip()
        ]
        if events:
            put_lines(self.options["awslogs-group"], self.options["awslogs-stream"], events)
