"""Ctrl-C at any moment: no traceback, exit code 130, a terminal as it was, and a line that says
what goes on.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from duckstring_cli import deploying, interrupts, main
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from duckstring_cli.errors import BrokenOffError

DEV = Catchment(name="dev", kind="local", stack="Duckstring-dev", region="us-east-1", port=1)
IMPORTING = """
import os, signal, sys

wanted = sys.argv.pop(1)

class Keys:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Keys())
from duckstring_cli.main import main
main()
"""


def hears_interrupts() -> None:
    """Also where the tests run in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def in_the_foreground() -> None:
    hears_interrupts()
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # its controlling terminal


@pytest.mark.parametrize(
    "module",
    [
        "pathlib",
        "typer",
        "rich.console",
        "duckstring.errors",
        "duckstring_cli.groups",
        "boto3",
        "botocore.client",
    ],
)
def test_an_interrupt_during_the_imports_shows_no_traceback(tmp_path: Path, module: str) -> None:
    registry = tmp_path / "config.toml"
    registry.write_text('[catchments.dev]\nkind = "aws"\nstack = "S"\nregion = "us-east-1"\n')
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, module, "status", "--once"],
        env={"DUCKSTRING_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        preexec_fn=hears_interrupts,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr in {"", "\n"}


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[socket.socket]:
    """A Catchment on this machine that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (tmp_path / "config.toml").write_text(
            f'[catchments.dev]\nkind = "local"\nstack = "S"\nregion = "us-east-1"\nport = {port}\n'
        )
        folder = tmp_path / "catchments" / "dev"
        folder.mkdir(parents=True)
        (folder / "access-key.json").write_text(
            '{"access_key_id": "DUCK", "secret_access_key": "secret"}'
        )
        yield server


def typed(
    words: list[str], keys: bytes, server: socket.socket, home: Path
) -> tuple[int, str, bool]:
    """Exit code, what the terminal got, and whether it echoes, where ``keys`` are typed once the
    command waits for the Catchment.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "duckstring_cli.main", *words],
        env={"DUCKSTRING_HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=in_the_foreground,  # noqa: PLW1509 - there are no threads here
    )
    server.settimeout(60)
    held = server.accept()[0]
    os.write(ours, keys)
    told = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.05)[0]:
            told += os.read(ours, 65_536)
    echoes = bool(termios.tcgetattr(theirs)[3] & termios.ECHO)
    for one in (ours, theirs):
        os.close(one)
    held.close()
    return process.returncode, told.decode(), echoes


@pytest.mark.parametrize("keys", [b"\x03", b"\x03\x03\x03"], ids=["once", "thrice"])
@pytest.mark.parametrize(
    "words",
    ["status", "query sales t --csv", "logs sales@1/1 --follow", "trigger wave sales --watch"],
)
def test_an_interrupt_while_the_catchment_is_asked_is_one_line(
    silent: socket.socket, tmp_path: Path, words: str, keys: bytes
) -> None:
    code, told, echoes = typed(words.split(), keys, silent, tmp_path)
    shown = (
        told.replace("^C", "")
        .replace("\x1b[?25h", "")
        .replace("\x1b[2m", "")
        .replace("\x1b[0m", "")
        .strip()
    )
    assert (code, echoes) == (130, True)
    assert shown in {"", "Not watched any longer; the Catchment goes on."}
    assert told.rfind("\x1b[?25l") <= told.rfind("\x1b[?25h")


def interrupted(_: Mapping[str, object]) -> Mapping[str, Any]:
    raise KeyboardInterrupt


def test_what_was_sent_may_be_done_all_the_same_and_the_line_says_so() -> None:
    with pytest.raises(
        BrokenOffError,
        match=r"the Catchment may do it all the same. Look: duckstring status --once",
    ):
        Client(DEV, invoke=interrupted).trigger("sales", "wave")
    with pytest.raises(KeyboardInterrupt):
        Client(DEV, invoke=interrupted).status()


def test_a_deploy_that_is_interrupted_before_it_is_sent_says_that_nothing_was_deployed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deploying, "pack", interrupted)
    with pytest.raises(BrokenOffError, match=r"^Nothing was deployed\.$"):
        deploying.deploy(
            Client(DEV, invoke=interrupted),
            cast("Any", [None, None]),
            overwrite=False,
            on_step=lambda _: None,
        )


def test_a_library_that_makes_an_error_of_an_interrupt_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def duckdb_says(*_: object, **__: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr("duckstring_cli.groups.app", duckdb_says)
    monkeypatch.setattr(interrupts, "seen", lambda: True)
    assert main.run(["status"]) == 130
    assert capsys.readouterr().err == ""


def test_where_interrupts_are_ignored_they_stay_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupts.arm()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
