"""Between the ripple function and S3: DuckDB's requests do not pass botocore, so their faults need
a place of their own.

The function's environment names this as its S3 (``AWS_ENDPOINT_URL_S3``). A request is passed on
as it was signed, with the host for which it was signed.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import unquote

from typing_extensions import override

Fault = Literal["refuse", "cut", "lose"]
"""Refused with 503; the connection cut before S3 hears of it; done by S3, and the connection
cut.
"""

_DROPPED = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate "
    b"(chaos).</Message></Error>"
)


@dataclass
class Rule:
    """Requests of these methods, whose path has all of these texts: the next so many, after
    some.
    """

    texts: tuple[str, ...]
    fault: Fault
    methods: tuple[str, ...] = ()
    skip: int = 0
    times: int = 1
    seen: int = 0
    fired: list[float] = field(default_factory=list)

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is one of them."""
        if (self.methods and method not in self.methods) or not all(
            text in path for text in self.texts
        ):
            return False
        self.seen += 1
        if not self.skip < self.seen <= self.skip + self.times:
            return False
        self.fired.append(time.time())
        return True


class Storage(ThreadingHTTPServer):
    """S3 as the Ripples see it."""

    daemon_threads = True

    def __init__(self, port: Callable[[], int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port_behind = port
        self.rules: list[Rule] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """A worker that was killed leaves its connection in the middle."""

    def struck(self, method: str, path: str) -> Rule | None:
        with self.lock:
            return next((rule for rule in self.rules if rule.strikes(method, path)), None)


class _Handler(BaseHTTPRequestHandler):
    server: Storage
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        rule = self.server.struck(self.command, unquote(self.path))
        if rule is not None and rule.fault == "refuse":
            self._send(
                503,
                [("Content-Type", "application/xml")],
                b"" if self.command == "HEAD" else _SLOW_DOWN,
            )
            return
        if rule is not None and rule.fault == "cut":
            self.close_connection = True
            return
        status, headers, answer = self._behind(body)
        if rule is not None:
            self.close_connection = True
            return
        self._send(status, headers, answer)

    def _behind(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port_behind(), timeout=30)
        try:
            kept = {
                name: value for name, value in self.headers.items() if name.lower() not in _DROPPED
            }
            connection.request(self.command, self.path, body=body, headers=kept)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            return 503, [], b""
        finally:
            connection.close()

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            if name.lower() not in _DROPPED:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def storage(port: Callable[[], int]) -> Iterator[Storage]:
    """Serve until the block ends."""
    made = Storage(port)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        made.shutdown()
