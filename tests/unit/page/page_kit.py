"""The page's server on a port of this machine, in front of a made-up api function."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from duckstring_cli.client import Client
from duckstring_cli.page import serve
from tests.unit.cli.commands_kit import DEV

TOKEN = "the-token-of-this-start"
HELLO = {"version": "0.1.0"}
DONE = {"line": "sales@1", "health": "ok", "asleep": False, "applied": True}
NOTHING: dict[str, Any] = {"now": "2030-01-01T12:00:00.000000Z", "lines": []}

Answers = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Served:
    """A server, and raw requests to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[dict[str, Any]] = []
        self.answers: Answers = {"hello": HELLO, "control": DONE, "status": NOTHING}

    def door(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(dict(request))
        held = self.answers
        found = held(request) if callable(held) else held[str(request["op"])]
        return found if "ok" in found else {"ok": True, "result": found}

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self._http("GET", path, params=query or None)

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self._http("POST", path, json=body)

    def _http(self, method: str, path: str, **how: Any) -> httpx.Response:
        address = f"http://127.0.0.1:{self.port}/api/{path}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.request(method, address, headers=headers, timeout=60, **how)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: str | None = None,
        token: str | None = TOKEN,
        **headers: str,
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        connection.putrequest(method, path, skip_host="Host" in sent)
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            sent.setdefault("Content-Length", str(len(body.encode())))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() if body is not None else None)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text

    def act(self, **more: Any) -> tuple[int, dict[str, str], str]:
        body = json.dumps({"line": "sales@1", "verb": "wake"})
        return self.ask("/api/control", method="POST", **{"body": body, **more})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>the page</title>")
    (folder / "assets").mkdir()
    (folder / "assets" / "page-1a2b.js").write_text("1")
    (folder.parent / "secret.txt").write_text("a secret")
    return folder


def served(
    files: Path, *, read_only: bool = False, client: Client | None = None
) -> Iterator[Served]:
    """A page's server: of ``client``, or of answers that a test gives."""
    ready = threading.Event()
    with serve.listening(None) as held:
        one = Served(held.getsockname()[1])
        threading.Thread(
            target=serve.serve,
            args=(client or Client(DEV, invoke=one.door), held),
            kwargs={
                "read_only": read_only,
                "on_ready": lambda _: ready.set(),
                "token": TOKEN,
                "page": files,
            },
            daemon=True,
        ).start()
        assert ready.wait(20)
        yield one


@pytest.fixture(scope="module")
def server(files: Path) -> Iterator[Served]:
    yield from served(files)


@pytest.fixture
def page(server: Served) -> Served:
    """Which nobody has asked anything yet."""
    server.asked.clear()
    server.answers = {}
    return server
