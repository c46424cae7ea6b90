"""The worker of a task: makes the attempt as the ripple function would, and tells its supervisor how it went."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from duckstring.model.compute import ORDER
from duckstring.model.names import Line
from duckstring.service.worker import Order

_FIRST_TO_GO = "500"


def main() -> None:
    """Make the attempt. What is left behind (threads that do not end) goes with the process."""
    words = int(sys.argv[1])
    os.set_inheritable(words, False)
    # If memory ends, the kernel takes this process, and its supervisor tells.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    with os.fdopen(words, "wb", buffering=0) as told:

        def say(word: object) -> None:
            told.write(json.dumps(word).encode() + b"\n")

        say({"answer": _attempt(json.loads(os.environ[ORDER]), begins=lambda seconds: say({"seconds": seconds}))})
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _attempt(order: dict[str, Any], *, begins: Callable[[float], None]) -> dict[str, Any]:
    """A task has no time limit of its own: ``seconds`` is None."""
    from functions.ripple import logs, wiring  # noqa: PLC0415 - it wires as it begins: let that, too, be seen to fail
    from functions.ripple.attempt import attempt  # noqa: PLC0415 - see above

    app = wiring.from_env(os.environ, logs.begin(), label=logs.label)
    which = (Line(order["line"]), order["run"], order["launch"], order["ripple"], order["attempt"])
    return attempt(Order(*which, app.site), replace(app.worker, begins=begins))


if __name__ == "__main__":
    main()
