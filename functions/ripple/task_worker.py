"""The worker of a task: makes the attempt as the ripple function would, and reports to its
supervisor.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from duckstring.model.compute import ORDER
from duckstring.model.names import Line
from duckstring.worker.descendants import close_to_others
from duckstring.worker.ports import Order
from functions.ripple.origins import origin_of

_FIRST_TO_GO = "500"


def main() -> None:
    """Make the attempt. Anything left behind (threads that do not end) ends with the process."""
    number = int(sys.argv[1])
    # Programs that the author's code starts must not keep it open.
    os.set_inheritable(number, False)
    # If memory runs out, the kernel kills this process, and its supervisor reports it.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    with os.fdopen(number, "wb", buffering=0) as words:
        _send(words, answer=_attempt(words))
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _attempt(words: BinaryIO) -> Mapping[str, object]:
    # Before an AWS client is imported, as in the function.
    origin = origin_of(os.environ)
    origin.start()
    close_to_others()
    # They read the environment when imported. A failure there has to be reported, too.
    from functions.ripple import logs, wiring  # noqa: PLC0415
    from functions.ripple.attempt import attempt  # noqa: PLC0415

    app = wiring.from_env(os.environ, logs.begin(), label=logs.label, origin=origin)
    given = json.loads(os.environ[ORDER])
    order = Order(
        Line(given["line"]),
        given["run"],
        given["launch"],
        given["ripple"],
        given["attempt"],
        app.site,
        given.get("pauses", 0),
        permit=given.get("permit", ""),
    )
    return attempt(order, replace(app.worker, begins=lambda seconds: _send(words, seconds=seconds)))


def _send(words: BinaryIO, **word: object) -> None:
    words.write(json.dumps(word).encode() + b"\n")


if __name__ == "__main__":
    main()
