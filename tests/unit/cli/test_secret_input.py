"""A value that a person types: nobody sees it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.unit.cli.test_interrupts import in_the_foreground

READ = """
import sys
from duckstring_cli.errors import BadInputError
from duckstring_cli.secret_input import read_value
try:
    value = read_value("Value of TOKEN (not shown): ")
    print("got", len(value.text), value.text[::-1], value.typed, repr(value))
except BadInputError as error:
    print("refused", error.message)
except BaseException as error:
    print("ended", type(error).__name__)
"""


def at_a_terminal(keys: bytes) -> str:
    """What a terminal shows of ``READ`` that gets these keys once it asks."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", READ],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=in_the_foreground,  # noqa: PLW1509 - there are no threads here
    )
    os.close(theirs)
    shown = b""
    while b"shown): " not in shown:  # from then on nothing is echoed
        shown += os.read(ours, 65_536)
    os.write(ours, keys)
    with suppress(OSError):  # the other end is closed
        while more := os.read(ours, 65_536):
            shown += more
    os.close(ours)
    process.wait()
    return shown.decode().replace("\r\n", "\n")


def test_what_is_typed_is_not_shown() -> None:
    assert at_a_terminal("swördfish\n".encode()) == (
        "Value of TOKEN (not shown): \ngot 9 hsifdröws True Value(typed=True)\n"
    )


@pytest.mark.parametrize(
    ("keys", "ends"),
    [
        (b"\n", "refused There is no value: it is empty."),
        (b"\x04", "ended Abort"),
        (b"half\x03", "ended KeyboardInterrupt"),
        (b"\xff\n", "refused The value is not a text in UTF-8."),
        (b"x" * 4094 + b"yz\n", "refused A terminal takes a line of 4,095 bytes"),
    ],
)
def test_what_is_no_value_ends_in_a_line_of_its_own(keys: bytes, ends: str) -> None:
    assert at_a_terminal(keys).startswith(f"Value of TOKEN (not shown): \n{ends}")
