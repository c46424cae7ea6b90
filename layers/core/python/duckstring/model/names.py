"""Names: a Pond, its line (``sales@1``), a run of it (``sales@1/42``), and where things live in S3."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NewType

from duckstring.model.instants import Instant, to_text

Line = NewType("Line", str)
"""A Pond's major version, ``sales@1``: the unit that runs."""

RunKey = NewType("RunKey", str)
"""One run of a line, ``sales@1/42``."""

POND_NAME = re.compile(r"^[a-z][a-z0-9_]{0,47}\Z")
"""Also the rule for Ripples and tables' short names where the product makes them."""

_KEY_LENGTH = 64
_DIGEST = 20
"""Hexadecimal digits: no two of a billion keys are alike."""
_LINE = re.compile(r"^([a-z][a-z0-9_]{0,47})@(0|[1-9][0-9]{0,5})\Z")
_RUN = re.compile(r"^([a-z][a-z0-9_]{0,47}@(?:0|[1-9][0-9]{0,5}))/([1-9][0-9]*)\Z")


def line(pond: str, major: int) -> Line:
    """``line("sales", 1) == "sales@1"``."""
    return Line(f"{pond}@{major}")


def parse_line(text: str) -> tuple[str, int]:
    """``("sales", 1)`` of ``sales@1``.

    Raises:
        ValueError: the text is no line.
    """
    if not (found := _LINE.match(text)):
        raise ValueError(f"{text!r} is no line; write it as pond@major, for example sales@1")
    return found[1], int(found[2])


def run_key(of: Line, number: int) -> RunKey:
    """``run_key("sales@1", 42) == "sales@1/42"``."""
    return RunKey(f"{of}/{number}")


def parse_run(text: str) -> tuple[Line, int]:
    """``("sales@1", 42)`` of ``sales@1/42``.

    Raises:
        ValueError: the text is no run.
    """
    if not (found := _RUN.match(text)):
        raise ValueError(f"{text!r} is no run; write it as pond@major/number, for example sales@1/42")
    return Line(found[1]), int(found[2])


def execution_name(of: Line, number: int, launch: int) -> str:
    """The name of a run's state machine execution: at most 80 characters of Step Functions' alphabet."""
    return f"{of.replace('@', '-')}-{number}-{launch}"


def try_key(catchment: str, of: Line, number: int, started: Instant, *, ripple: str, tried: int) -> str:
    """What an external engine knows one try of a Ripple by: at most 64 characters of ``a-z0-9-``, a letter first.

    The same for every attempt, pause and worker of the try. ``started`` is the run's: a line that was removed and deployed
    again counts its runs anew.
    """
    pond, major = parse_line(of)
    told = "\n".join((catchment, of, str(number), to_text(started), ripple, str(tried)))
    digest = sha256(told.encode()).hexdigest()[:_DIGEST]
    tail = f"-{major}-{number}-{digest}"
    return pond.replace("_", "-")[: _KEY_LENGTH - len(tail)].rstrip("-") + tail


def artifact_key(pond: str, version: str, sha256: str) -> str:
    """Where a Pond's package lies in the Catchment's bucket."""
    return f"artifacts/{pond}/{version}/{sha256}.zip"


def table_key(of: Line, table: str, *, run: int, ripple: str, attempt: int, invocation: str) -> str:
    """Where one version of a table lies: a name that nobody else can ever write.

    Not even the same attempt: AWS may invoke it twice. ``invocation`` tells the two apart.
    """
    return f"data/{of}/{table}/{run:010d}-{ripple}-{attempt}-{invocation}.parquet"
