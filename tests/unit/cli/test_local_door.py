"""The signed request that invokes the api function of a Catchment on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from duckstring.errors import OperatorError
from duckstring.model.schema import SCHEMA
from duckstring_cli import catchments, doors
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import NotRunningError
from duckstring_cli.local.door import Door, signed
from duckstring_cli.local.keys import AccessKey

KEY = AccessKey("DUCKKEY", "a secret/with+signs")
AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("function", ["Duckstring-dev-api", "odd name/with %2F", "größe~"])
@pytest.mark.parametrize("body", [b"{}", "{'ä': 1}".encode()])
def test_the_signature_is_the_one_that_botocore_makes(
    function: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from urllib.parse import quote

    path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
    ours = signed(KEY, "127.0.0.1:4566", path, body, region="eu-central-1", now=AT)
    request = AWSRequest("POST", f"http://127.0.0.1:4566{path}", data=body)
    request.headers["X-Amz-Content-SHA256"] = ours["x-amz-content-sha256"]
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: AT)
    SigV4Auth(
        Credentials(KEY.access_key_id, KEY.secret_access_key), "lambda", "eu-central-1"
    ).add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


@contextmanager
def answering(status: int, content: bytes, headers: dict[str, str]) -> Iterator[tuple[int, list]]:
    heard: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened(monkeypatch: pytest.MonkeyPatch, port: int) -> Any:
    monkeypatch.setattr(catchments, "require_running", lambda *_, **__: KEY)
    monkeypatch.setattr(catchments, "outputs", lambda _: {"ApiFunction": "Duckstring-dev-api"})
    one = Catchment(name="dev", kind="local", stack="Duckstring-dev", port=port)
    return doors.open_door(one)


def test_a_request_is_sent_once_and_its_answer_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200, b'{"ok": true, "result": {}}', {}) as (port, heard):
        assert opened(monkeypatch, port)({"op": "hello"}) == {"ok": True, "result": {}}
    path = "/2015-03-31/functions/Duckstring-dev-api/invocations"
    assert [(where, json.loads(what)) for where, what in heard] == [
        (path, {"op": "hello", "schema": SCHEMA})
    ]


@pytest.mark.parametrize(
    ("status", "content", "headers", "kind", "said"),
    [
        (
            404,
            b'{"message": "no function"}',
            {"x-amzn-ErrorType": "ResourceNotFoundException"},
            NotRunningError,
            "Catchment 'dev' runs but is not deployed: no function",
        ),
        (
            429,
            b'{"__type": "com.amazon#TooManyRequestsException", "Message": "busy"}',
            {},
            OperatorError,
            "Invoke on Catchment 'dev' failed: TooManyRequestsException: busy",
        ),
        (500, b"<html>", {}, OperatorError, "Invoke on Catchment 'dev' failed: 500: "),
        (
            200,
            b'{"errorType": "KeyError", "errorMessage": "gone"}',
            {"X-Amz-Function-Error": "Unhandled"},
            OperatorError,
            "The function that answers for Catchment 'dev' broke: KeyError: gone",
        ),
    ],
)
def test_each_refusal_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    content: bytes,
    headers: dict[str, str],
    kind: type[OperatorError],
    said: str,
) -> None:
    with (
        answering(status, content, headers) as (port, _),
        pytest.raises(kind) as told,
    ):
        opened(monkeypatch, port)({"op": "hello"})
    assert told.value.message.startswith(said)


def test_nobody_on_the_port_is_a_catchment_that_does_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(200, b"", {}) as (port, _):
        pass
    with pytest.raises(NotRunningError, match="'dev' is not running"):
        opened(monkeypatch, port)({"op": "hello"})


def test_a_door_without_patience_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from duckstring_cli.local.door import UnansweredError

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        door = Door(
            port=silent.getsockname()[1], region="us-east-1", function="f", key=KEY, patience=0.05
        )
        with pytest.raises(UnansweredError):
            door.invoke({})
