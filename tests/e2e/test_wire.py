"""What a connection to a local Catchment may cost before anybody has shown a key: time, memory,
places.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

import duckstring_cli
from duckstring_cli.local.tools import ensure_tools

WITHIN = 1.0
HEAD = b"GET /x HTTP/1.1\r\nHost: x\r\n"


@contextmanager
def serving(duckstring_home, *, within=WITHIN, connections=0):
    python = ensure_tools(lambda _: None).emulator_python
    command = [
        str(python),
        str(Path(__file__).with_name("wire_server.py")),
        str(within),
        str(connections),
    ]
    folder = Path(duckstring_cli.__file__).parent.parent
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(folder)}, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


@pytest.fixture(scope="module")
def port(duckstring_home):
    with serving(duckstring_home) as port:
        yield port


def opened(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def said(connection):
    """All that comes until the other side closes."""
    found = b""
    try:
        while more := connection.recv(65_536):
            found += more
    except ConnectionResetError:
        pass
    return found


def answer(connection):
    """One answer: the status, and what the application received."""
    found = connection.recv(65_536)
    while b"]" not in found and (more := connection.recv(65_536)):
        found += more
    head, _, body = found.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), json.loads(body)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        HEAD,
        b"\r\n",
        HEAD + b"\r\n" + HEAD,
        b"PUT /early HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab",
    ],
    ids=[
        "nothing",
        "half a line",
        "half a head",
        "an empty line",
        "half of the next head",
        "half a body",
    ],
)
def test_who_sends_half_of_something_is_not_waited_for(port, sent):
    with opened(port) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        said(connection)
        assert time.monotonic() - began < 5 * WITHIN


def test_an_empty_line_after_an_answer_is_no_request(port):
    with opened(port) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert answer(connection)[0] == 200
        connection.sendall(b"\r\n")
        began = time.monotonic()
        assert (said(connection), time.monotonic() - began < 5 * WITHIN) == (b"", True)


def test_who_drips_has_no_more_time(port):
    with opened(port) as connection:
        connection.sendall(HEAD)
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - began < 10 * WITHIN:
                connection.sendall(b"x-more: 1\r\n")
                time.sleep(0.1)
        assert time.monotonic() - began < 5 * WITHIN


def test_who_waits_between_requests_or_sends_a_long_body_has_time(port):
    with opened(port) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert answer(connection)[0] == 200
        time.sleep(2 * WITHIN)
        connection.sendall(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        time.sleep(2 * WITHIN)
        connection.sendall(b"cd")
        assert answer(connection)[1][:2] == ["/x", 4]


@pytest.mark.parametrize(
    "line", [b"x-a: " + b"a" * 1000 + b"\r\n", b"a" * 1000], ids=["many lines", "one line"]
)
def test_a_head_has_a_size(port, line):
    with opened(port) as connection:
        connection.sendall(HEAD)
        # It is closed while more is on its way.
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            connection.sendall(line * 100_000)
        found = said(connection)
        assert found[:12] in {b"", b"HTTP/1.1 431"}


def test_a_long_head_is_refused_with_its_reason(port):
    with opened(port) as connection:
        connection.sendall(HEAD + b"x-a: " + b"a" * 65_536 + b"\r\n\r\n")
        found = said(connection)
        assert (found[:12], b"65,536" in found) == (b"HTTP/1.1 431", True)


def test_heads_on_one_connection_are_not_added_up(port):
    with opened(port) as connection:
        for _ in range(5):
            connection.sendall(HEAD + b"x-a: " + b"a" * 30_000 + b"\r\n\r\n")
            assert answer(connection)[0] == 200


@pytest.mark.parametrize("pause", [0, 0.2])
def test_a_line_after_the_body_is_no_header(port, pause):
    with opened(port) as connection:
        connection.sendall(
            b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"2\r\nab\r\n0\r\n" if pause else b"")
        )
        time.sleep(pause)
        connection.sendall(
            (b"" if pause else b"2\r\nab\r\n0\r\n") + b"x-late: 1\r\n\r\n" + HEAD + b"\r\n"
        )
        found = said(connection)
        assert (found[:12], b"x-late" in found, found.count(b"HTTP/1.1 ")) == (
            b"HTTP/1.1 400",
            False,
            1,
        )


def test_a_body_in_chunks_comes_whole(port):
    with opened(port) as connection:
        connection.sendall(
            b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        )
        assert answer(connection)[1][:2] == ["/x", 2]


def test_a_user_is_served_while_strangers_hold_all_places(duckstring_home):
    with serving(duckstring_home, within=60, connections=20) as port, ExitStack() as stack:
        user = stack.enter_context(opened(port))
        user.sendall(b"GET /known HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(user)[0] == 200
        for number in range(100):
            stranger = stack.enter_context(opened(port))
            stranger.sendall(HEAD if number % 2 else b"")
        for connection in (user, stack.enter_context(opened(port))):
            connection.sendall(b"GET /known HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer(connection)[0] == 200


def test_when_all_are_at_work_a_newcomer_is_told(duckstring_home):
    with serving(duckstring_home, within=60, connections=3) as port, ExitStack() as stack:
        for _ in range(3):
            busy = stack.enter_context(opened(port))
            busy.sendall(b"PUT /known HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        time.sleep(0.3)
        found = said(stack.enter_context(opened(port)))
        assert (found[:12], b"too many connections" in found) == (b"HTTP/1.1 503", True)
