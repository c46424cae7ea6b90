"""A function's process, ready but not started: it has imported the handler, and forks a worker
whenever one is wanted.

AWS starts workers on machines of their own, at once; on a laptop twenty that import boto3 and
DuckDB side by side take many seconds. A fork has imported everything before it begins, and shares
that memory.

Standard library only; started by ``forking.py`` with the environment of the function.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from pathlib import Path


def main() -> None:
    """Import, then fork at each word on the socket, until it is closed."""
    door = socket.socket(fileno=int(sys.argv[1]))
    sys.path[:0] = [folder for folder in sys.argv[3:] if folder]
    # As the emulator's script has it. Loggers keep this object: in a fork it writes to the fork's
    # own stream.
    sys.stdout = sys.stderr
    importlib.import_module(sys.argv[2])
    gc.collect()
    gc.freeze()
    # The kernel reaps the children; the server watches them itself.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    door.sendall(b"ready\n")
    while True:
        order, streams, _, _ = socket.recv_fds(door, 4096, 3)
        if not order:
            return
        child = os.fork()
        if not child:
            door.close()
            _become(Path(order.decode()), streams)
        for stream in streams:
            os.close(stream)
        door.sendall(f"{child}\n".encode())


def _become(order: Path, streams: list[int]) -> None:
    """Be the worker that the emulator meant to start: its streams, folder, environment and
    script.
    """
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        # The script may put others in their places: these must not take the descriptors along when
        # they go.
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        wanted = json.loads(order.read_text(encoding="utf-8"))
        os.chdir(wanted["cwd"])
        os.environ.clear()
        os.environ.update(wanted["env"])
        sys.argv = [wanted["script"]]
        runpy.run_path(wanted["script"], run_name="__main__")
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


main()
