"""The access key of a local Catchment, and the answer by which its own server is known."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from duckstring_cli import catchments
from duckstring_cli.catchments import (
    Catchment,
    CatchmentNotAnsweringError,
    CatchmentNotRunningError,
)
from duckstring_cli.local import keys, process
from duckstring_cli.local.home import catchment_folder
from duckstring_cli.local.keys import (
    AccessKey,
    answer_signature,
    ask_header,
    asked_nonce,
    ensure_key,
    make_private,
    read_key,
)


def modes(folder):
    return {
        stat.S_IMODE(path.lstat().st_mode) & 0o077
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink()
    }


def test_a_key_is_random_kept_and_private(tmp_path):
    one, other = ensure_key(tmp_path / "one"), ensure_key(tmp_path / "other")
    assert one != other
    assert (ensure_key(tmp_path / "one"), read_key(tmp_path / "one")) == (one, one)
    assert len(one.access_key_id) == 20
    assert len(one.secret_access_key) == 40
    assert modes(tmp_path / "one") == {0}


@pytest.mark.parametrize("held", ["", "{", "[]", '{"access_key_id": "x"}', "\udcff"])
def test_a_damaged_key_file_is_replaced(tmp_path, held):
    keys.key_file(tmp_path).write_bytes(held.encode(errors="surrogateescape"))
    assert read_key(tmp_path) is None
    assert ensure_key(tmp_path) == read_key(tmp_path)


def test_only_the_holder_of_the_key_is_answered():
    key, other = AccessKey("A", "secret"), AccessKey("A", "another")
    header, nonce = ask_header(key, "GET")
    assert asked_nonce(key, "GET", header) == nonce
    assert asked_nonce(other, "GET", header) == ""
    assert asked_nonce(key, "POST", header) == ""
    for wrong in (
        "",
        "Duckstring",
        header[:-1],
        header.replace("Duckstring", "Bearer"),
        f"Duckstring nan {key.sign('ask', 'GET', 'nan')}",
    ):
        assert asked_nonce(key, "GET", wrong) == ""


def test_a_request_that_was_recorded_is_soon_too_old(monkeypatch):
    key = AccessKey("A", "secret")
    header, _ = ask_header(key, "GET")
    now = time.time()
    monkeypatch.setattr(keys.time, "time", lambda: now + 301)
    assert asked_nonce(key, "GET", header) == ""


def test_what_others_could_read_is_tightened(tmp_path):
    folder, outside = tmp_path / "state", tmp_path / "outside"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "run").touch(mode=0o755)
    (folder / "file").touch(mode=0o666)
    outside.touch(mode=0o644)
    (folder / "link").symlink_to(outside)
    (folder / "dangling").symlink_to(tmp_path / "nothing")
    make_private(folder)
    assert modes(folder) == {0}
    assert os.access(folder / "deep" / "run", os.X_OK)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


class Squatter(BaseHTTPRequestHandler):
    """Another user's program on the port of a Catchment that is stopped; it has seen everything
    but the key.
    """

    folder, key, port = "", None, 0

    def do_GET(self):
        said = {
            "catchment": "dev",
            "folder": self.folder,
            "pid": os.getpid(),
            "port": self.port,
            "workers": 0,
            "tasks": 0,
            "checkpoint": 1,
            "unsaved": False,
        }
        body = json.dumps(said)
        self.send_response(200)
        if self.key:
            nonce = self.headers["Authorization"].split(" ")[1]
            self.send_header("x-duckstring-signature", answer_signature(self.key, nonce, body))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        """Be silent."""


@pytest.mark.parametrize(("knows", "elsewhere"), [(False, 0), (True, 0), (True, 1)])
def test_a_program_that_does_not_have_the_key_is_not_taken_for_the_server(
    tmp_path, monkeypatch, knows, elsewhere
):
    """Nor one that hands the question on to the server, which listens elsewhere."""
    key = ensure_key(tmp_path)
    monkeypatch.setattr(Squatter, "folder", str(tmp_path.resolve()))
    monkeypatch.setattr(Squatter, "key", key if knows else None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Squatter) as server:
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        monkeypatch.setattr(Squatter, "port", server.server_port + elsewhere)
        assert bool(process.ask(tmp_path, server.server_port)) is (knows and not elsewhere)
        server.shutdown()


@pytest.mark.parametrize(
    ("held", "error"), [(True, CatchmentNotAnsweringError), (False, CatchmentNotRunningError)]
)
def test_a_server_that_is_there_and_silent_is_not_called_stopped(
    tmp_path, monkeypatch, held, error
):
    """One with too many connections, say: to start it would be refused."""
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    ensure_key(catchment_folder("dev"))
    monkeypatch.setattr(process, "ask", lambda *_, **__: None)
    monkeypatch.setattr(process, "is_held", lambda _: held)
    with pytest.raises(error):
        catchments.require_running(
            Catchment(name="dev", kind="local", stack="Duckstring-dev", port=1), patience=0.3
        )


def test_a_server_that_refuses_at_first_is_asked_again(tmp_path, monkeypatch):
    """It has just begun, or has too many connections for a moment."""
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    key = ensure_key(catchment_folder("dev"))
    answers = iter([None, None, "here"])
    monkeypatch.setattr(process, "ask", lambda *_, **__: next(answers))
    monkeypatch.setattr(process, "is_held", lambda _: True)
    one = Catchment(name="dev", kind="local", stack="Duckstring-dev", port=1)
    assert catchments.require_running(one) == key
