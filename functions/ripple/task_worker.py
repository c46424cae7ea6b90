"""The worker of a task: makes the attempt as the ripple function would, and tells its supervisor how it went."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

from duckstring.model.compute import ORDER
from duckstring.model.verdicts import ENDED

_FIRST_TO_GO = "500"


class TaskContext:
    """Lambda's context, as far as the handler asks for it: a task has no time limit of its own."""

    def get_remaining_time_in_millis(self) -> int:
        """More than any Ripple may take."""
        return 10**12


def main() -> None:
    """Make the attempt. What is left behind (threads that do not end) goes with the process."""
    words = int(sys.argv[1])
    os.set_inheritable(words, False)
    # If memory ends, the kernel takes this process, and its supervisor tells.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    from functions.ripple.handler import EndedError, handle  # noqa: PLC0415 - it wires as it is imported: let that, too, be seen to fail

    try:
        answer = handle({"op": "run", **json.loads(os.environ[ORDER])}, TaskContext())
    except EndedError as ended:
        answer = json.loads(str(ended).removeprefix(ENDED))
    with os.fdopen(words, "wb") as told:
        told.write(json.dumps({"answer": answer}).encode() + b"\n")
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
