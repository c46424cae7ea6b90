"""A fake engine: an HTTP server on this machine, and what a test says of how it fares."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Self

from typing_extensions import override

from duckstring.external import clock
from duckstring.external.errors import ExternalError
from duckstring.external.fake.pond import FakeClock, FakePond
from duckstring.external.fake.shapes import PLAIN, Asked, Call, Shape, State
from duckstring.external.web import Json

if TYPE_CHECKING:
    from duckstring.external.http import HttpJob

_CALLS = ("start", "status", "cancel", "find", "message", "token")


@dataclass
class FakeRun:
    """A run of the fake engine. ``word`` is the engine's own for its state."""

    id: str
    key: str
    asked: Asked
    started: float
    state: State = "active"
    word: str = ""
    message: str = ""
    ended: float | None = None
    looks: int = 0
    finds: int = 0
    cancels: int = 0


@dataclass
class _Fault:
    """What comes in the place of an answer. ``status`` 0: the connection is closed."""

    status: int = 0
    carried_out: bool = False
    seconds: float = 0.0
    retry_after: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: object
    retry_after: str = ""


class FakeEngine:
    """An engine on this machine, as long as the ``with`` block lasts.

    ``runs`` are the runs that were started, ``requests`` all that it was asked, ``pond`` the Pond
    that ``call`` gives to a Ripple, ``url`` its address.
    """

    def __init__(
        self,
        shape: Shape = PLAIN,
        *,
        looks: int = 2,
        token_uses: int | None = None,
        token_seconds: float = 3600.0,
        needs_token: bool | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """An engine that has no run yet.

        Args:
            shape: how it is asked, and what it answers.
            looks: after how many looks a run ends.
            token_uses: for how many requests a token is good; None: any number.
            token_seconds: how long a token is good, on ``clock``.
            needs_token: whether requests need a token of ``shape.token``; None: if ``token_uses``
                is given, or the shape says so.
            environment: the secrets and variables that ``pond`` has. ``{url}`` in one is this
                engine's address.
        """
        self.shape = shape
        self.looks = looks
        self.clock = FakeClock()
        self.runs: list[FakeRun] = []
        self.requests: list[str] = []
        self.pond = FakePond(environment, clock=self.clock)
        self._token_uses, self._token_seconds = token_uses, token_seconds
        self._needs_token = (
            shape.needs_token or token_uses is not None if needs_token is None else needs_token
        )
        self._tokens: dict[str, tuple[float, int]] = {}
        self._issued = 0
        self._faults: dict[str, list[_Fault]] = {call: [] for call in _CALLS}
        self._failures: list[str] = []
        self._strange: list[str] = []
        self._hidden = 0
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._server: ThreadingHTTPServer | None = None

    @classmethod
    def of(
        cls,
        job: HttpJob,
        *,
        environment: Mapping[str, str] | None = None,
        looks: int = 2,
        token_uses: int | None = None,
        **shape: object,
    ) -> Self:
        """An engine that is asked as ``job`` asks, and answers as ``job`` reads.

        It says nothing about whether the paths of ``job`` are those of the real engine.

        Args:
            job: its ``host`` has to be an ``Env``, which ``pond`` then has as this engine's
                address. Each other ``Env`` of it has a value of its own, if none is given.
            environment: values for those.
            looks: after how many looks a run ends.
            token_uses: for how many requests a token is good.
            shape: fields of ``Shape`` that cannot be read off: ``show`` where the job's ``state``
                is a function, ``listed`` where ``found`` is, ``cancel`` where ``cancel`` is.

        Raises:
            ExternalError: something of the job cannot be read off.
        """
        from duckstring.external.fake.reading import Settings  # noqa: PLC0415 - it imports the jobs

        settings = Settings(job, environment or {})
        engine = cls(
            looks=looks, token_uses=token_uses, needs_token=settings.has_token, environment={}
        )
        engine._read = lambda url: settings.shape(url, shape)
        engine.pond.environment = settings.environment
        engine._host = settings.host
        return engine

    _read: Callable[[str], Shape] | None = None
    _host: str = ""

    @property
    def url(self) -> str:
        """The address, with no slash at its end."""
        if self._server is None:
            raise ExternalError(
                "The fake engine has no address yet.", hint="Write with FakeEngine() as engine:"
            )
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def started(self) -> dict[str, list[str]]:
        """The ids of the runs that were started, by their key."""
        found: dict[str, list[str]] = {}
        for run in self.runs:
            found.setdefault(run.key, []).append(run.id)
        return found

    def call(self, ripple: Callable[..., object]) -> object:
        """Call a Ripple with ``pond`` as the worker does: again after each pause."""
        return self.pond.call(ripple)

    # What a test may say.

    def fail_next(self, message: str = "It broke.") -> None:
        """The next run that ends fails."""
        self._failures.append(message)

    def answer(
        self,
        call: Call,
        status: int,
        *,
        times: int = 1,
        carried_out: bool = False,
        retry_after: str = "",
        message: str = "",
    ) -> None:
        """Answer ``times`` requests with an error. ``carried_out``: and do what was asked."""
        self._add(call, times, _Fault(status, carried_out, 0.0, retry_after, message))

    def lose_reply(self, call: Call, *, times: int = 1, carried_out: bool = True) -> None:
        """Do what is asked, and close the connection without an answer."""
        self._add(call, times, _Fault(0, carried_out))

    def delay(self, call: Call, seconds: float, *, times: int = 1) -> None:
        """Answer after some real seconds."""
        self._add(call, times, _Fault(-1, carried_out=True, seconds=seconds))

    def show_state(self, word: str, *, times: int = 1) -> None:
        """Show this state, whatever it means, in the next looks, which do not count."""
        self._strange.extend([word] * times)

    def hide(self, finds: int) -> None:
        """A new run is missing from the answers to so many requests that look for it."""
        self._hidden = finds

    def expire_tokens(self) -> None:
        """Every token that was given is refused from now on."""
        self._tokens.clear()
        self._needs_token = True

    def heal(self) -> None:
        """Answer as usual from now on."""
        self._strange.clear()
        for faults in self._faults.values():
            faults.clear()

    def __enter__(self) -> Self:
        """Listen, and let waiting take no time."""
        server = type("_Server", (ThreadingHTTPServer,), {"daemon_threads": True})(
            ("127.0.0.1", 0), _handler(self)
        )
        self._server = server
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        self._stack.enter_context(clock.replaced(self.clock))
        self.pond.environment = {
            name: value.replace("{url}", self.url) for name, value in self.pond.environment.items()
        }
        if self._host:
            self.pond.environment[self._host] = self.url
        if self._read is not None:
            self.shape = self._read(self.url)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more."""
        self._stack.close()
        self._server = None

    def _add(self, call: Call, times: int, fault: _Fault) -> None:
        if call not in _CALLS:
            raise ExternalError(f"{call!r} is no call; allowed: {', '.join(_CALLS)}.")
        self._faults[call].extend([fault] * times)

    # What it does when it is asked.

    def handle(
        self, method: str, target: str, headers: Mapping[str, str], body: Json
    ) -> _Answer | None:
        """The answer to one request. None: there is none, and the connection is closed."""
        with self._lock:
            self.requests.append(f"{method} {target}")
            if (asked := self.shape.asked(method, target, headers, body)) is None:
                return _error(404, f"No request {method} {target}.")
            faults = self._faults[asked.call]
            fault = faults.pop(0) if faults else None
            if fault is not None and not fault.carried_out:
                return _instead(fault)
            done = self._carry_out(asked)
        if fault is None:
            return done
        time.sleep(fault.seconds)
        return done if fault.status < 0 else _instead(fault)

    def _carry_out(self, asked: Asked) -> _Answer:
        if asked.call == "token":
            return self._token(asked)
        if self._needs_token and not self._is_known(asked):
            return _error(401, "Token is invalid or has expired.")
        match asked.call:
            case "start":
                return self._start(asked)
            case "find":
                return self._find(asked)
            case _:
                return self._of_run(asked)

    def _of_run(self, asked: Asked) -> _Answer:
        run_id = asked.found.get("id") or asked.found.get("key", "")
        run = next((run for run in self.runs if run_id in {run.id, run.key}), None)
        if run is None:
            return _error(404, f"Run {run_id} does not exist.")
        if asked.call == "cancel":
            return self._cancel(run, asked)
        if asked.call == "message":
            return _Answer(200, self.shape.told(run))
        return self._look(run)

    def _token(self, asked: Asked) -> _Answer:
        if not self.shape.grants(asked):
            return _error(401, "Invalid credentials")
        self._issued += 1
        token = f"token-{self._issued:04d}-of-the-fake-engine"
        uses = -1 if self._token_uses is None else self._token_uses
        self._tokens[token] = (self.clock.time() + self._token_seconds, uses)
        return _Answer(201, self.shape.granted(token, self._token_seconds))

    def _is_known(self, asked: Asked) -> bool:
        for token, (ends, uses) in self._tokens.items():
            if any(value.endswith(token) for value in asked.headers.values()):
                if not uses or self.clock.time() >= ends:
                    return False
                self._tokens[token] = (ends, uses - 1)
                return True
        return False

    def _start(self, asked: Asked) -> _Answer:
        key = self.shape.key(asked)
        known = [run for run in self.runs if run.key == key and key]
        if known and not self.shape.keyless:
            if self.shape.conflicts:
                return _error(409, f"Run {known[0].id} exists already.")
            return _Answer(200, self.shape.show(known[0]))
        run = FakeRun(self._new_id(key), key, asked, self.clock.time(), finds=self._hidden)
        run.word = self.shape.words["active"]
        self.runs.append(run)
        return _Answer(201, self.shape.show(run))

    def _new_id(self, key: str) -> str:
        return key if self.shape.conflicts else str(len(self.runs) + 1)

    def _find(self, asked: Asked) -> _Answer:
        seen = [run for run in self.runs if run.finds <= 0]
        for run in self.runs:
            run.finds -= 1
        return _Answer(200, {} if self.shape.listed is None else self.shape.listed(asked, seen))

    def _cancel(self, run: FakeRun, asked: Asked) -> _Answer:
        if not self.shape.cancels(asked):
            return _error(422, "The body does not ask for an end.")
        run.cancels += 1
        if run.state == "active":
            self._end(run, "cancelled", "Run cancelled.")
        return _Answer(200, self.shape.show(run))

    def _look(self, run: FakeRun) -> _Answer:
        if self._strange:
            return _Answer(200, self.shape.show(replace(run, word=self._strange.pop(0))))
        run.looks += 1
        if run.state == "active" and run.looks >= self.looks:
            message = self._failures.pop(0) if self._failures else ""
            self._end(run, "failed" if message else "succeeded", message)
        return _Answer(200, self.shape.show(run))

    def _end(self, run: FakeRun, state: State, message: str) -> None:
        run.state, run.word, run.message = state, self.shape.words[state], message
        run.ended = self.clock.time()


def _error(status: int, message: str) -> _Answer:
    return _Answer(status, {"detail": message})


def _instead(fault: _Fault) -> _Answer | None:
    if not fault.status:
        return None
    message = fault.message or f"The fake engine answers {fault.status}."
    return _Answer(fault.status, {"detail": message}, fault.retry_after)


def _handler(engine: FakeEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            written = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                answer = engine.handle(self.command, self.path, headers, _object(written))
            except Exception as error:  # noqa: BLE001 - a function of the test's own Shape
                answer = _error(500, f"The Shape raised {type(error).__name__}: {error}")
            self.close_connection = True
            if answer is None:
                return
            body = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            if answer.retry_after:
                self.send_header("Retry-After", answer.retry_after)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - as http.server has it

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _object(written: bytes) -> Json:
    """A body of JSON, or a form."""
    from urllib.parse import parse_qsl  # noqa: PLC0415 - forms are rare

    try:
        found = json.loads(written) if written else {}
    except ValueError:
        return dict(parse_qsl(written.decode(errors="replace")))
    return found if isinstance(found, dict) else {}
