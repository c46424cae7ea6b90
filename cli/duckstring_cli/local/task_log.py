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

from duckstring_cli.local.emulator import ministack, scoped

_LAST_WORDS = 2.0
_LONG_LINE = 200_000

Key = tuple[str, str, str]
"""Account, region, task ARN: how the emulator keeps its tasks."""


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
        config = ministack("services.ecs")._awslogs_config(container, task_id, task_id)  # noqa: SLF001
        if config is None or not ministack("services.ecs")._ensure_awslogs_stream(config):  # noqa: SLF001
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
            while said := os.read(output.fileno(), 65_536):
                *lines, rest = (rest + said).split(b"\n")
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
            names = {
                "logGroupName": self.options["awslogs-group"],
                "logStreamName": self.options["awslogs-stream"],
            }
            ministack("services.cloudwatch_logs")._put_log_events({**names, "logEvents": events})  # noqa: SLF001
