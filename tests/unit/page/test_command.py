"""``duckstring ui`` as it is typed."""

from __future__ import annotations

import json
import socket
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from duckstring_cli.page import serve
from tests.unit.cli.commands_kit import Bench
from tests.unit.page.page_kit import HELLO


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch, files: Path, bench: Bench) -> Bench:
    """A server that ends as soon as it is ready."""

    def serves(_client: object, held: socket.socket, **how: Any) -> None:
        on_ready, read_only = how["on_ready"], how["read_only"]
        on_ready(f"http://127.0.0.1:{held.getsockname()[1]}/#token=a-secret{read_only:d}")

    monkeypatch.setattr(serve, "serve", serves)
    monkeypatch.setattr(serve, "built_page", lambda: files)
    bench.answers({"hello": HELLO})
    return bench


def test_the_address_is_printed_and_opened_by_a_file_that_only_this_user_reads(
    at_once: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def opens(address: str) -> bool:
        path = Path(address.removeprefix("file://"))
        opened.append((address, path.stat().st_mode & 0o077, path.parent.stat().st_mode & 0o077))
        assert f"url={told}" in path.read_text()
        return True

    told = "http://127.0.0.1:"
    monkeypatch.setattr(webbrowser, "open", opens)
    code, out, err = at_once.run("ui")
    assert code == 0
    assert out.startswith(told)
    assert "token=a-secret0" in out
    ((address, file_mode, folder_mode),) = opened
    assert "secret" not in address  # what a program is started with, every user can read
    assert (file_mode, folder_mode) == (0, 0)
    assert not Path(address.removeprefix("file://")).exists()
    assert "It is open in your browser. Ctrl-C ends it." in err


def test_it_can_be_left_to_the_user_to_open_it(
    at_once: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("it was opened"))
    code, out, err = at_once.run("ui", "--no-open", "--read-only")
    assert (code, "token=a-secret1" in out) == (0, True)
    assert "Open that address in a browser. Ctrl-C ends it." in err


def test_its_address_is_json_for_programs(at_once: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("it was opened"))
    code, out, err = at_once.run("ui", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["address"].startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_one_line(at_once: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = at_once.run("ui", "--no-open", "--port", str(port))
    assert said[:2] == (2, "")
    assert said[2].splitlines() == [
        f"error: Port {port} cannot be used: Address already in use.",
        "hint: Choose another --port, or leave it out.",
    ]


def test_a_checkout_without_the_built_page_says_how_to_build_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(serve, "files", lambda _: tmp_path / "cli" / "duckstring_cli")
    assert bench.run("ui") == (
        2,
        "",
        "error: The web page is not built in this checkout.\nhint: Build it: make ui\n",
    )
