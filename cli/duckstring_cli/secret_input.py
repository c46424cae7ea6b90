"""The value of a secret, or a URL of an alert: typed unseen, or read from standard input. It is in
no error. And that of an env value, which may be shown.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

from duckstring.model.secret_entries import MOST_BYTES
from duckstring_cli.errors import BadInputError

_LINE_OF_TERMINAL = 4095
"""Bytes of one line that a terminal gives; what is typed beyond is cut without a word."""
_ENCODED = "Encode what is binary: base64 FILE"


class Hints(NamedTuple):
    """What to do where there is no value, and where a terminal is no way to give it."""

    empty: str
    piped: str


OF_SECRETS = Hints(
    "Remove an entry: duckstring secret rm NAME --pond POND",
    "Give it by standard input, as: duckstring secret set NAME --pond POND < FILE",
)


@dataclass(frozen=True, slots=True)
class Value:
    """A value. ``typed``: by a person at a terminal."""

    text: str = field(repr=False)
    typed: bool = False


def is_typed() -> bool:
    """Whether a person is there to type it."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_value(question: str, hints: Hints = OF_SECRETS) -> Value:
    """Ask for the value where a person is there; else read standard input to its end, without the
    last line end.

    Raises:
        BadInputError: there is none, or it is no text.
        Abort: the person has thought better of it.
    """
    if is_typed():
        return Value(_checked(_asked(question, hints), hints), typed=True)
    return Value(_checked(_piped(), hints))


def plain_value(name: str, given: str | None) -> str:
    """The value of an env value: as it was given (it may be empty), else asked for, else standard
    input without its last line end.

    Raises:
        BadInputError: there is none, or it is no text.
        Abort: the person has thought better of it.
    """
    hints = Hints(
        f'An empty one is given so: duckstring env set {name} ""',
        f"Give it by standard input, as: duckstring env set {name} < FILE",
    )
    if given == "":
        return ""
    if given is None:
        from typer import prompt

        given = prompt(f"Value of {name}", err=True, default="") if is_typed() else _piped()
    return _checked(given, hints)


def _asked(question: str, hints: Hints) -> str:
    from getpass import GetPassWarning, getpass

    from typer import Abort

    try:
        with warnings.catch_warnings():
            # It would warn, and then show what is typed.
            warnings.simplefilter("error", GetPassWarning)
            typed = getpass(question, stream=sys.stderr)
    except GetPassWarning:
        raise BadInputError("This terminal cannot hide what is typed.", hint=hints.piped) from None
    except (EOFError, KeyboardInterrupt, UnicodeDecodeError) as error:
        sys.stderr.write("\n")  # the line end was not shown either
        if isinstance(error, KeyboardInterrupt):
            raise
        raise (Abort() if isinstance(error, EOFError) else _no_text(hints.piped)) from None
    if len(typed.encode(errors="replace")) >= _LINE_OF_TERMINAL:
        raise BadInputError(
            f"A terminal takes a line of {_LINE_OF_TERMINAL:,} bytes, and cuts what is longer.",
            hint=hints.piped,
        )
    return typed


def _piped() -> str:
    if sys.stdin is None:
        return ""
    most = MOST_BYTES + len("\r\n")
    held = sys.stdin.buffer.read(most + 1)
    if len(held) > most:
        raise BadInputError(
            f"The value has more than {MOST_BYTES:,} bytes, and so would the Catchment's secret.",
            hint="Keep what is large elsewhere, and here the password to it.",
        )
    try:
        text = held.decode()
    except UnicodeDecodeError:
        raise _no_text(_ENCODED) from None
    return text.removesuffix("\n").removesuffix("\r")


def _checked(text: str, hints: Hints) -> str:
    if not text:
        raise BadInputError("There is no value: it is empty.", hint=hints.empty)
    if "\0" in text:
        raise BadInputError(
            "The value has a NUL character, which no variable can have.",
            hint=_ENCODED,
        )
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise _no_text(hints.piped)
    return text


def _no_text(hint: str) -> BadInputError:
    """Raised without its cause: that would have the value."""
    return BadInputError("The value is not a text in UTF-8.", hint=hint)
