"""The server of a local Catchment: MiniStack, started by this file and run by MiniStack's own interpreter.

Standard library only. What a laptop needs and the emulator lacks is added here and nowhere else:

- checkpoints: while something happens, a forked child writes the whole state, as of one instant, to a new generation;
  a hard kill comes back with the last complete one;
- layers are unpacked once and shared by all worker processes;
- what a function or its children print does not get between a worker and its answers;
- a burst of invocations waits a moment for warm workers before it starts cold ones, and most are forked;
- pauses that the emulator makes between one Ripple and the next are taken out;
- it ends at once when told to, and leaves no worker behind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import copy
import fcntl
import hashlib
import importlib
import importlib.util
import io
import json
import logging
import os
import resource
import shutil
import signal
import sys
import threading
import time
import types
import warnings
import zipfile
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import IO, Any

_QUIET = 0.4
_LONGEST_WAIT = 3.0
_SHORTEST_GAP = 1.0
_GAP_FACTOR = 20
"""A checkpoint that took t seconds is not followed by another for 20 t: at most 5 % of one core."""

_CHILD_LIMIT = 60.0
_DRAIN = 2.0
_CLAIM_LIMIT = 3.0
_LAYER_MARK = b"duckstring-layer:"
_UNUSED_LAYER_DAYS = 14
_PATIENCE = 0.15
_EXECUTION_REST = 0.15
_POLLER_REST = 0.002
_CORES = os.cpu_count() or 2
_WANTED_SOON = ("functions.orchestrator.", "functions.ripple.", "functions.api.")

_OWN_DESCRIPTORS = """
import os, sys
sys.stdin = os.fdopen(os.dup(0), "r", encoding="utf-8")
sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)
"""

logger = logging.getLogger("duckstring")

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


def _ministack(name: str) -> Any:  # noqa: ANN401 - the emulator has no types
    return importlib.import_module(f"ministack.{name}")


def _beside(name: str) -> Any:  # noqa: ANN401
    """A module of this folder: the emulator's interpreter does not know our packages."""
    found = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if found is None or found.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def warm_up() -> None:
    """Start what the first trigger needs, before it comes. The latest deployment's workers; those there are, stay."""
    runtime, service = _ministack("core.lambda_runtime"), _ministack("services.lambda_svc")
    for record in list(service._functions._data.values()):  # noqa: SLF001 - the emulator's edge
        config = record["config"]
        if str(config.get("Handler", "")).startswith(_WANTED_SOON):
            worker, _ = runtime.acquire_worker(config["FunctionName"], config, record["code_zip"])
            try:
                runtime.ensure_spawned(worker)
            finally:
                runtime.release_worker(worker)


class Generations:
    """Complete checkpoints on disk. ``current`` names the newest; writing it is the commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._number = self._read()

    def _read(self) -> int:
        pointer = self._folder / "current"
        return int(pointer.read_text(encoding="ascii")) if pointer.exists() else 0

    @property
    def number(self) -> int:
        """The newest complete generation; 0: none yet."""
        return self._number

    @property
    def current(self) -> Path:
        """Where it lies."""
        return self._path(self._number)

    def prepare(self) -> Path:
        """A folder for the next generation, holding what the current one does."""
        path = self._path(self._number + 1)
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        # Services not loaded since the start keep the state they were saved with.
        for file in self.current.glob("*.json"):
            os.link(file, path / file.name)
        return path

    def commit(self) -> None:
        """Make the prepared generation the current one."""
        number = self._number + 1
        unfinished = self._folder / "current.new"
        unfinished.write_text(str(number), encoding="ascii")
        unfinished.replace(self._folder / "current")
        shutil.rmtree(self._path(self._number), ignore_errors=True)
        self._number = number

    def _path(self, number: int) -> Path:
        return self._folder / f"generation-{number:08d}"


class Layers:
    """Layer zips by content: unpacked once for all workers, and kept as files instead of inside the state."""

    def __init__(self, unpacked: Path, blobs: Path) -> None:
        self._unpacked = unpacked
        self._blobs = blobs
        self._lock = threading.Lock()
        self._digests: dict[int, tuple[bytes, str]] = {}
        for folder in (unpacked, blobs):
            folder.mkdir(parents=True, exist_ok=True)
        self._forget_unused()

    def digest(self, content: bytes) -> str:
        """The content's SHA-256, computed once for an object."""
        known = self._digests.get(id(content))
        if known is None or known[0] is not content:
            known = (content, hashlib.sha256(content).hexdigest())
            self._digests[id(content)] = known
        return known[1]

    def keep(self, content: bytes) -> str:
        """Write the content to a file, unless it is there, and answer its name."""
        name = self.digest(content)
        path = self._blobs / f"{name}.layer"
        if not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}")
            unfinished.write_bytes(content)
            unfinished.replace(path)
        return name

    def kept(self, name: str) -> bytes:
        """What ``keep`` wrote."""
        return (self._blobs / f"{name}.layer").read_bytes()

    def prune(self, used: set[str]) -> None:
        """Forget blobs that no saved layer names."""
        for path in self._blobs.glob("*.layer"):
            if path.stem not in used:
                path.unlink()

    def ticket(self, content: bytes) -> bytes:
        """An empty zip whose comment names the content: what a worker is given to unpack."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.comment = _LAYER_MARK + self.digest(content).encode()
        self._unpack(content)
        return buffer.getvalue()

    def link(self, name: str, folder: Path) -> None:
        """Put the unpacked layer in the place of the empty ``folder``."""
        shared = self._unpacked / name
        os.utime(shared)
        folder.rmdir()
        folder.symlink_to(shared, target_is_directory=True)

    def _unpack(self, content: bytes) -> None:
        shared = self._unpacked / self.digest(content)
        with self._lock:
            if shared.exists():
                return
            unfinished = shared.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(unfinished)
            unfinished.rename(shared)

    def _forget_unused(self) -> None:
        oldest = time.time() - _UNUSED_LAYER_DAYS * 24 * 3600
        for path in self._unpacked.iterdir():
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)


def share_layers(layers: Layers) -> None:
    """Have workers link layers instead of unpacking them, and save layers as files."""
    runtime, service = _ministack("core.lambda_runtime"), _ministack("services.lambda_svc")

    class LinkingZip(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:  # type: ignore[explicit-override]  # noqa: ANN401
            if self.comment.startswith(_LAYER_MARK):
                layers.link(self.comment.removeprefix(_LAYER_MARK).decode(), Path(path))
            else:
                super().extractall(path, members, pwd)

    # The worker's module sees this instead of zipfile; nobody else does.
    seen: Any = types.ModuleType("zipfile")
    seen.__dict__.update(zipfile.__dict__)
    seen.ZipFile = LinkingZip
    runtime.zipfile = seen
    resolve = service._resolve_layer_zip  # noqa: SLF001 - the emulator's edge

    def resolve_to_ticket(attachment: Any) -> bytes | None:  # noqa: ANN401
        content = resolve(attachment)
        return layers.ticket(content) if content else content

    service._resolve_layer_zip = resolve_to_ticket  # noqa: SLF001
    _save_layers_as_files(service, layers)


def _save_layers_as_files(service: Any, layers: Layers) -> None:  # noqa: ANN401
    get_state, load = service.get_state, service.load_persisted_state

    def get_state_without_layers() -> Any:  # noqa: ANN401
        state = get_state()
        for version in _versions(state["layers"]):
            if isinstance(version.get("_zip_data"), bytes):
                version["_zip_data"] = {"__layer__": layers.keep(version["_zip_data"])}
        return state

    def load_with_layers(state: Any) -> None:  # noqa: ANN401
        for version in _versions(state.get("layers")):
            if isinstance(version.get("_zip_data"), dict):
                version["_zip_data"] = layers.kept(version["_zip_data"]["__layer__"])
        load(state)

    service.get_state, service.load_persisted_state = get_state_without_layers, load_with_layers
    # A generation that is not committed yet must not take blobs from the one before.
    service._prune_orphan_code_blobs = lambda _used: None  # noqa: SLF001


def _versions(node: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Every layer version anywhere inside the emulator's layer store."""
    node = getattr(node, "_data", node)
    if isinstance(node, dict):
        if "_zip_data" in node:
            yield node
        for value in list(node.values()):
            yield from _versions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _versions(value)


def keep_queues() -> None:
    """Queues survive a restart: under whatever port, and with the messages that were in flight visible at once."""
    queues = _ministack("services.sqs")
    # The emulator finds a queue by its URL, and would look for one with today's port: a queue from before the port
    # changed would never be polled again. So the URL is a name, with one port for ever.
    queues.DEFAULT_PORT = "4566"
    load = queues.load_persisted_state

    def load_and_release(state: Any) -> None:  # noqa: ANN401
        load(state)
        now = time.time()
        for queue in queues._queues._data.values():  # noqa: SLF001
            for message in queue.get("messages", []):
                if message.get("receive_count"):
                    message["visible_at"] = min(message["visible_at"], now)

    queues.load_persisted_state = load_and_release


def take_out_pauses() -> None:
    """Each is a rest of the emulator's between one Ripple and the next: before an execution's first state, and of its queue poller."""
    service, states = _ministack("services.lambda_svc"), _ministack("services.stepfunctions")
    service._ESM_IDLE_WAKE_GAP_SECONDS = _POLLER_REST  # noqa: SLF001 - the emulator's edge
    seen: Any = types.ModuleType("time")
    seen.__dict__.update(time.__dict__)
    seen.sleep = lambda seconds: None if seconds == _EXECUTION_REST else time.sleep(seconds)
    states.time = seen


class Starts:
    """Who may start another worker: as many at a time as there are cores, and rather than start one, wait a moment for a warm one."""

    def __init__(self, runtime: Any) -> None:  # noqa: ANN401
        self._runtime = runtime
        self._acquire = runtime.acquire_worker
        self._changed = threading.Condition()
        self._starting: set[int] = set()

    def acquire(self, name: str, config: Any, code: bytes, qualifier: str = "$LATEST", **named: Any) -> Any:  # noqa: ANN401
        """A free worker, or a new one when its turn comes."""
        key = self._runtime._worker_key(name, config, qualifier)  # noqa: SLF001
        since = time.monotonic()
        with self._changed:
            while not self._may_go_on(key, waited=time.monotonic() - since):
                self._changed.wait(_PATIENCE)
            worker, how = self._acquire(name, config, code, qualifier=qualifier, **named)
            if how == "spawn":
                self._starting.add(id(worker))
            return worker, how

    def tell(self, worker: Any) -> None:  # noqa: ANN401
        """The worker has started, or is free."""
        with self._changed:
            self._starting.discard(id(worker))
            self._changed.notify_all()

    def _may_go_on(self, key: str, *, waited: float) -> bool:
        with self._runtime._lock:  # noqa: SLF001
            pool = list(self._runtime._workers.get(key, ()))  # noqa: SLF001
        if any(not worker.in_use for worker in pool):
            return True
        return len(self._starting) < _CORES and (len(pool) < _CORES or waited >= _PATIENCE)


def keep_answers_apart() -> None:
    """Workers answer over their standard output, which their child processes inherit: give the answers descriptors of their own."""
    runtime = _ministack("core.lambda_runtime")
    runtime._PYTHON_WORKER_SCRIPT = _OWN_DESCRIPTORS + runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001


def pace_workers(note: Callable[[], None]) -> None:
    """Have workers started in turn, and every invocation noted."""
    runtime, service = _ministack("core.lambda_runtime"), _ministack("services.lambda_svc")
    starts = Starts(runtime)
    forks = runtime.subprocess = _beside("forking").Forks()
    spawn, invoke = runtime.Worker._spawn, runtime.Worker.invoke  # noqa: SLF001
    release = runtime.release_worker

    def spawn_and_tell(worker: Any) -> None:  # noqa: ANN401
        try:
            with forks.starting(worker):
                spawn(worker)
        finally:
            starts.tell(worker)

    def invoke_and_note(worker: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401
        try:
            return invoke(worker, *args, **named)
        finally:
            note()

    def release_and_tell(worker: Any) -> None:  # noqa: ANN401
        release(worker)
        starts.tell(worker)

    runtime.Worker._spawn, runtime.Worker.invoke = spawn_and_tell, invoke_and_note  # noqa: SLF001
    service.acquire_worker, service.release_worker = starts.acquire, release_and_tell


class Checkpoints:
    """Writes the state as of one instant, when something has happened since it was last written."""

    def __init__(self, generations: Generations, layers: Layers) -> None:
        self._generations = generations
        self._layers = layers
        self._happened = threading.Event()
        self._latest = time.monotonic()
        self._writing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app = _ministack("app")
        self._persistence = _ministack("core.persistence")

    @property
    def report(self) -> dict[str, object]:
        """For the status page."""
        return {"checkpoint": self._generations.number, "unsaved": self._happened.is_set() or self._writing.locked()}

    def note(self) -> None:
        """Something happened."""
        self._latest = time.monotonic()
        self._happened.set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch from a thread that sleeps while nothing happens."""
        self._loop = loop
        threading.Thread(target=self._watch, name="checkpoints", daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._happened.wait()
            self._wait_for_a_pause()
            began = time.monotonic()
            self.write()
            time.sleep(max(_SHORTEST_GAP, _GAP_FACTOR * (time.monotonic() - began)))

    def _wait_for_a_pause(self) -> None:
        limit = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < limit and time.monotonic() - self._latest < _QUIET:
            time.sleep(_QUIET / 2)

    def write(self) -> bool:
        """Write a generation from a forked child and commit it. Not from the loop's thread."""
        with self._writing:
            self._happened.clear()
            self._remember_layers()
            folder = self._generations.prepare()
            # On the loop no request is half done, so that the table and the queues agree.
            done = asyncio.run_coroutine_threadsafe(self._fork(folder), self._need_loop()).result()
            if _ended_well(done):
                self._generations.commit()
                return True
            logger.error("The state could not be saved; the next checkpoint tries again.")
            self._happened.set()
            return False

    def write_last(self) -> None:
        """Write a generation in this process, which then ends."""
        with self._writing:
            used = {self._layers.keep(content) for content in self._contents()}
            self._dump(self._generations.prepare())
            self._generations.commit()
            self._layers.prune(used)

    def _need_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("not started")
        return self._loop

    async def _fork(self, folder: Path) -> int:
        with warnings.catch_warnings():
            # The child runs no thread but this one and takes no lock that another could hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child:
            return child
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.nice(5)
            self._dump(folder)
            code = 0
        finally:
            os._exit(code)

    def _dump(self, folder: Path) -> None:
        # This process ends after it: what it holds need not be copied before it is written.
        module: Any = copy
        module.deepcopy = _itself
        for service, get_state in self._app._build_persistence_save_dict().items():  # noqa: SLF001
            state = get_state()
            if state is None:
                continue
            version = self._persistence._state_format_version(service)  # noqa: SLF001
            wrapped = {"__ministack_format__": version, "payload": state}
            unfinished = folder / f"{service}.new"
            unfinished.write_text(json.dumps(wrapped, default=self._persistence._json_default), encoding="utf-8")  # noqa: SLF001
            unfinished.replace(folder / f"{service}.json")

    def _remember_layers(self) -> None:
        for content in self._contents():
            self._layers.keep(content)

    def _contents(self) -> list[bytes]:
        stored = _ministack("services.lambda_svc")._layers  # noqa: SLF001
        return [version["_zip_data"] for version in _versions(stored) if isinstance(version["_zip_data"], bytes)]


def _itself(value: Any, _memo: Any = None) -> Any:  # noqa: ANN401
    return value


def _ended_well(child: int) -> bool:
    limit = time.monotonic() + _CHILD_LIMIT
    while time.monotonic() < limit:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


class Server:
    """The emulator's application with ours around it."""

    def __init__(self, *, name: str, folder: Path, port: int) -> None:
        self._name = name
        self._port = port
        self._folder = folder
        self._generations = Generations(folder / "state")
        _set_environment(folder, port, self._generations.current)
        self._layers = Layers(folder.parent / ".layers", folder / "blobs")
        self._app = _ministack("app")
        # It was for the emulator. Functions would inherit it and be silent; and after a silent invocation the emulator waits 50 ms.
        os.environ.pop("LOG_LEVEL")
        service = _ministack("services.lambda_svc")
        service.CODE_BLOB_DIR = str(folder / "blobs")
        self._checkpoints = Checkpoints(self._generations, self._layers)
        share_layers(self._layers)
        keep_queues()
        keep_answers_apart()
        pace_workers(self._checkpoints.note)
        take_out_pauses()
        self._stopping = False

    async def serve(self) -> None:
        """Serve until told to stop."""
        serving = importlib.import_module("uvicorn")
        config = serving.Config(
            self,
            host="127.0.0.1",
            port=self._port,
            loop="none",
            http="httptools",
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
        path = str(scope.get("path", ""))
        if path.startswith("/_duckstring"):
            await self._answer(scope, receive, send)
            return
        if scope["type"] == "http" and not path.startswith("/_ministack"):
            self._checkpoints.note()
        await self._app.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await receive()
            await asyncio.to_thread(self._checkpoints.write)
        if scope["method"] == "PUT":
            threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
        workers = _ministack("core.lambda_runtime")._workers  # noqa: SLF001
        report = {
            "catchment": self._name,
            "folder": str(self._folder),
            "pid": os.getpid(),
            "workers": sum(len(pool) for pool in list(workers.values())),
            **self._checkpoints.report,
        }
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(report).encode()})

    def _stop(self) -> None:
        if self._stopping:
            os._exit(1)
        self._stopping = True
        self._task = asyncio.get_running_loop().create_task(self._drain_and_end())

    async def _drain_and_end(self) -> None:
        """Let short invocations finish, save, and end: waiting executions would hold an orderly shutdown for ever."""
        runtime = _ministack("core.lambda_runtime")
        limit = time.monotonic() + _DRAIN
        while runtime.workers_in_use() and time.monotonic() < limit:
            await asyncio.sleep(0.05)
        code = 1
        try:
            self._checkpoints.write_last()
            code = 0
        finally:
            with contextlib.suppress(Exception):
                runtime.reset()
            os._exit(code)


def _set_environment(folder: Path, port: int, state: Path) -> None:
    """What MiniStack reads at import. Functions inherit it, so it holds nothing of the user's."""
    scratch = folder / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
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
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
            "LAMBDA_EXECUTOR": "local",
            "LAMBDA_WARM_TTL_SECONDS": "60",
            "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
        }
    )


def _claim(folder: Path, port: int) -> IO[str]:
    """Hold the folder for as long as this process lives: two servers would write over each other's state."""
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
    claim.write(json.dumps({"pid": os.getpid(), "port": port}))
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
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _raise_file_limit()
    folder = arguments.folder.resolve()
    claim = _claim(folder, arguments.port)
    server = Server(name=arguments.name, folder=folder, port=arguments.port)
    # Threads of invocations compute beside the loop: without this each request waits for them up to 5 ms at a time.
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop) as runner:
        runner.run(server.serve())
    claim.close()


if __name__ == "__main__":
    main()
