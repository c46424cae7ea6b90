"""The server of a local Catchment: MiniStack, started by ``serve.py`` and run by MiniStack's own
interpreter.

Standard library only. What a laptop needs and the emulator lacks is added here and nowhere else.
``patches/`` has all that is changed in the emulator; when the server starts, ``patches/check.py``
first compares what they use with the emulator that is installed.

- ``wire.py``, ``guard.py``, ``signatures.py``, ``credentials.py``, ``reach.py``: who may come in,
  with a key that is random for each Catchment, and how far;
- ``policies.py``: if it is asked for, what functions and tasks may do is what their roles allow;
- ``checkpoints.py``: while something happens, a forked child writes the whole state, as of one
  instant, to a new generation; a hard kill comes back with the last complete one;
- ``layers.py``: layers are unpacked once and shared by all worker processes;
- ``watchdog.py``: a worker that was stopped, or died while another holds its answers, ends an
  invocation instead of holding it;
- ``logs.py``: logs are read to their end, page after page;
- ``workers.py``: what a function or its children print does not get between a worker and its
  answers; a burst of invocations waits a moment for warm workers before it starts cold ones, and
  most are forked;
- ``tasks.py``: ECS tasks run, as processes, and their ends are announced;
- ``heartbeats.py``: a task of a state machine that falls silent fails;
- ``patches/queues.py``: messages survive a restart, and each other;
- ``patches/deliveries.py``: what an API destination does not take is tried again and kept;
- ``patches/windows.py``: a function that waits for a batch gets it together;
- ``patches/pauses.py``: pauses that the emulator makes between one Ripple and the next are taken
  out;
- it ends at once when told to, and leaves no worker behind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import importlib
import json
import logging
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from duckstring_cli.local.boot import boot_id
from duckstring_cli.local.checkpoints import Checkpoints, Generations
from duckstring_cli.local.credentials import OWN_PAGE, Credentials
from duckstring_cli.local.guard import Guard, Receive, Request, Scope, Send
from duckstring_cli.local.keys import answer_signature, asked_nonce, ensure_key, make_private
from duckstring_cli.local.layers import Layers
from duckstring_cli.local.patches import check, program
from duckstring_cli.local.patches.alarms import judge_alarms
from duckstring_cli.local.patches.code import keep_code_in
from duckstring_cli.local.patches.credentials import give_key, sessions
from duckstring_cli.local.patches.deliveries import keep_deliveries
from duckstring_cli.local.patches.heartbeats import keep_heartbeats
from duckstring_cli.local.patches.layers import share_layers
from duckstring_cli.local.patches.logs import page_logs
from duckstring_cli.local.patches.pauses import take_out_pauses
from duckstring_cli.local.patches.policies import enforce_roles
from duckstring_cli.local.patches.queues import guard_queues, keep_queues
from duckstring_cli.local.patches.ranges import read_ranges
from duckstring_cli.local.patches.routes import bound_routes
from duckstring_cli.local.patches.senders import asking, tell_senders
from duckstring_cli.local.patches.windows import gather_batches
from duckstring_cli.local.patches.workers import keep_answers_apart, pace_workers, warm_up
from duckstring_cli.local.policies import RECORD, Requests
from duckstring_cli.local.reach import reaching
from duckstring_cli.local.signatures import Signatures, refusal
from duckstring_cli.local.tasks import Tasks
from duckstring_cli.local.wire import limited_protocol

_DRAIN = 2.0
_CLAIM_LIMIT = 3.0
_OLD = "tmp-old-"
"""What folders are called that are deleted beside the start."""

logger = logging.getLogger("duckstring")


class Server:
    """The emulator's application with ours around it."""

    def __init__(self, *, name: str, folder: Path, port: int, iam: bool = False) -> None:
        self._name = name
        self._port = port
        self._folder = folder
        self._key = ensure_key(folder)
        self._generations = Generations(folder / "state")
        _set_environment(folder, port, self._generations.current, iam=iam)
        # Before anything is changed or served.
        check.require()
        self._layers = Layers(folder.parent / ".layers", folder / "blobs")
        self._app = program.application()
        # It was for the emulator. Functions would inherit it and be silent; and after a silent
        # invocation the emulator waits 50 ms.
        os.environ.pop("LOG_LEVEL")
        _enforce(iam=iam, record=os.environ.pop(RECORD, ""))
        keep_code_in(folder / "blobs")
        self._checkpoints = Checkpoints(self._generations, self._layers)
        share_layers(self._layers)
        _mend()
        keep_answers_apart()
        pace_workers(self._checkpoints.note)
        tell_senders()
        take_out_pauses()
        gather_batches()
        keep_heartbeats()
        credentials = Credentials(self._key, of_role=sessions() if iam else None)
        give_key(credentials.variables, credentials.of_function, credentials.of_task)
        self._tasks = Tasks(self._layers, credentials, self._checkpoints.note)
        self._tasks.supply()
        self._guard = Guard(
            self._let_in,
            may_pass=credentials.may_pass,
            judge=Signatures(self._key).judge,
            refusal=refusal,
        )
        self._stopping = False

    async def serve(self) -> None:
        """Serve until told to stop."""
        serving = importlib.import_module("uvicorn")
        config = serving.Config(
            self,
            host="127.0.0.1",
            port=self._port,
            loop="none",
            http=limited_protocol(),
            ws="none",
            timeout_keep_alive=75,
            server_header=False,
            date_header=False,
            access_log=False,
            log_level="warning",
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        self._checkpoints.start(loop)
        server = serving.Server(config)
        # Signals are ours: a graceful end would wait for every open connection.
        server.capture_signals = contextlib.nullcontext
        await server.serve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        await self._guard(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if path == OWN_PAGE:
            await self._answer(scope, receive, send)
            return
        if scope["type"] == "http" and not path.startswith("/_ministack"):
            self._checkpoints.note()
        headers = Request.of(scope).headers if scope["type"] == "http" else {}
        with reaching(scope), asking(headers):
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        nonce = asked_nonce(
            self._key, scope["method"], dict(scope["headers"])[b"authorization"].decode()
        )
        if scope["method"] == "POST":
            await receive()
            await asyncio.to_thread(self._checkpoints.write)
        if scope["method"] == "PUT":
            threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
        report = {
            "catchment": self._name,
            "folder": str(self._folder),
            "pid": os.getpid(),
            "port": self._port,
            "workers": program.count_of_workers(),
            "tasks": self._tasks.count,
            **self._checkpoints.report,
        }
        body = json.dumps(report)
        proof = answer_signature(self._key, nonce, body).encode()
        headers = [(b"content-type", b"application/json"), (b"x-duckstring-signature", proof)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})

    def _stop(self) -> None:
        if self._stopping:
            os._exit(1)
        self._stopping = True
        self._task = asyncio.get_running_loop().create_task(self._drain_and_end())

    async def _drain_and_end(self) -> None:
        """Let short invocations finish, save, and end: waiting executions would hold an orderly
        shutdown for ever.
        """
        limit = time.monotonic() + _DRAIN
        while program.is_busy() and time.monotonic() < limit:
            await asyncio.sleep(0.05)
        self._tasks.end_all()
        code = 1
        try:
            self._checkpoints.write_last()
            code = 0
        finally:
            with contextlib.suppress(Exception):
                program.end_workers()
            os._exit(code)


def _set_environment(folder: Path, port: int, state: Path, *, iam: bool) -> None:
    """What MiniStack reads at import. Functions inherit it, so it holds nothing of the user's."""
    scratch = empty_scratch(folder)
    os.environ.update(
        {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(folder / "s3"),
            "TMPDIR": str(scratch),
            "LOG_LEVEL": "WARNING",
            "AUTH": str(iam).lower(),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
            "LAMBDA_EXECUTOR": "local",
            "LAMBDA_WARM_TTL_SECONDS": "60",
            "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
        }
    )


def empty_scratch(folder: Path) -> Path:
    """A new folder for what workers write. What a server that was killed has left is deleted beside
    the start: thousands of workers' folders take longer than the command waits for an answer.
    """
    scratch = folder / "tmp"
    with contextlib.suppress(FileNotFoundError):
        scratch.rename(folder / f"{_OLD}{os.getpid()}-{time.time_ns()}")
    scratch.mkdir()
    old = sorted(folder.glob(f"{_OLD}*"))
    if old:
        threading.Thread(target=_delete, args=(old,), name="leftovers", daemon=True).start()
    return scratch


def _delete(folders: Sequence[Path]) -> None:
    """Children of the server before may still write there: the next start deletes the rest."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _mend() -> None:
    """What needs nothing of ours."""
    bound_routes()
    keep_queues()
    guard_queues()
    read_ranges()
    page_logs()
    judge_alarms()
    keep_deliveries()


def _enforce(*, iam: bool, record: str) -> None:
    os.environ.pop("AUTH")
    if iam:
        enforce_roles(Requests(Path(record)) if record else None)


def _claim(folder: Path, port: int) -> IO[str]:
    """Hold the folder for as long as this process lives: two servers would write over each
    other's state.
    """
    claim = (folder / "server.json").open("a+", encoding="utf-8")
    # A forked child of a server that was just killed holds it a moment longer.
    limit = time.monotonic() + _CLAIM_LIMIT
    while True:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > limit:
                claim.seek(0)
                raise SystemExit(f"{folder} belongs to another server: {claim.read()}") from None
            time.sleep(0.05)
    claim.truncate(0)
    claim.write(json.dumps({"pid": os.getpid(), "port": port, "boot": boot_id(), "guarded": True}))
    claim.flush()
    return claim


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Serve one Catchment."""
    parser = argparse.ArgumentParser(description="The server of a local Duckstring Catchment.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--iam", action="store_true", help="Enforce roles.")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    _raise_file_limit()
    # For whatever is written from here on, by functions and tasks as well: the state holds the
    # Ripples' secrets.
    os.umask(0o077)
    folder = arguments.folder.resolve()
    claim = _claim(folder, arguments.port)
    for private in (folder, folder.parent / ".layers"):
        make_private(private)
    try:
        server = Server(name=arguments.name, folder=folder, port=arguments.port, iam=arguments.iam)
    except check.ChangedEmulatorError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(check.CHANGED) from None
    # Threads of invocations compute beside the loop: without this each request waits for them up to
    # 5 ms at a time.
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop) as runner:
        runner.run(server.serve())
    claim.close()


if __name__ == "__main__":
    main()
