"""Runs the page's server until Ctrl-C."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import uvicorn

from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError
from duckstring_cli.page.app import make_app

HOST = "127.0.0.1"
_ENDS_WITHIN = 3
"""Seconds for requests that are under way when the server ends."""


def built_page() -> Path:
    """The folder with the page's files.

    Raises:
        BadInputError: this is a checkout in which the page was not built.
    """
    for folder in (Path(str(files("duckstring_cli"))) / "_page", _checkout() / "ui" / "dist"):
        if (folder / "index.html").is_file():
            return folder
    raise BadInputError("The web page is not built in this checkout.", hint="Build it: make ui")


def _checkout() -> Path:
    return Path(str(files("duckstring_cli"))).parents[1]


@contextlib.contextmanager
def listening(port: int | None) -> Iterator[socket.socket]:
    """A socket on 127.0.0.1: on ``port``, or on any that is free.

    Raises:
        BadInputError: ``port`` is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((HOST, port or 0))
        except OSError as error:
            raise BadInputError(
                f"Port {port} cannot be used: {error.strerror}.",
                hint="Choose another --port, or leave it out.",
            ) from error
        yield taken


def serve(
    client: Client,
    held: socket.socket,
    *,
    read_only: bool,
    on_ready: Callable[[str], None],
    token: str = "",
    page: Path | None = None,
) -> None:
    """Serve until the process is told to end.

    Args:
        client: the way to the Catchment.
        held: the socket to serve on.
        read_only: whether everything that changes something is refused.
        on_ready: called with the page's address once it answers.
        token: of this start; empty: a new one.
        page: the built page; None: this package's own.
    """
    token = token or secrets.token_urlsafe(32)
    port = held.getsockname()[1]
    app = make_app(
        client,
        page or built_page(),
        token=token,
        hosts=[f"{HOST}:{port}", f"localhost:{port}"],
        read_only=read_only,
    )
    config = uvicorn.Config(
        app,
        log_level="critical",
        lifespan="off",
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_ENDS_WITHIN,
    )
    server = uvicorn.Server(config)
    threading.Thread(
        target=_tell,
        args=(server, lambda: on_ready(f"http://{HOST}:{port}/#token={token}")),
        daemon=True,
    ).start()
    server.run(sockets=[held])


def _tell(server: uvicorn.Server, ready: Callable[[], None]) -> None:
    pause = threading.Event()
    while not server.started and not server.should_exit:
        pause.wait(0.02)
    if server.started:
        ready()


def show(address: str, folder: Path) -> bool:
    """Open the page in the user's browser. False: there is none.

    Every user of a machine can read the words that a program was started with, and the address has
    the token. So the browser is given a file in ``folder``, which only this user can read, and
    which leads there.
    """
    door = folder / "open.html"
    door.touch(mode=0o600)
    door.write_text(
        f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">'
        f'<a href="{address}">The page</a>\n',
        encoding="utf-8",
    )
    try:
        return webbrowser.open(door.as_uri())
    except webbrowser.Error:
        return False
