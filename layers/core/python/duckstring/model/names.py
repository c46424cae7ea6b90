"""Names: a Pond, its line (``sales@1``), a run of it (``sales@1/42``), and where things live in
S3.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple, NewType

from duckstring.errors import InvariantError, OperatorError
from duckstring.model.instants import Instant, to_text

Line = NewType("Line", str)
"""A Pond's major version, ``sales@1``: the unit that runs."""

LimitAddress = NewType("LimitAddress", str)
"""Where letters to a limit go, ``limit:databricks``. No line is called so: it has no colon."""

Address = Line | LimitAddress
"""Whom a letter may be to."""

RunKey = NewType("RunKey", str)
"""One run of a line, ``sales@1/42``."""

_ATTEMPT_FORM = re.compile(
    r"(data/([a-z][a-z0-9_]{0,47}@(?:0|[1-9][0-9]{0,5}))/([a-z][a-z0-9_]{0,47})"
    r"/([0-9]{10,15})-([a-z][a-z0-9_]{0,47})-([1-9][0-9]{0,8})-([0-9a-z]{1,64}))",
    re.ASCII,
)
_SUFFIX = ".parquet"
_PATH_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*(?:/[A-Za-z0-9][A-Za-z0-9._=-]*)*", re.ASCII)
"""The names that engines give files, and their folders (``day=2030-01-01``). What begins with ``_``
or ``.`` is an engine's own.
"""
_LONGEST_PATH = 200
_MARK = "_$folder$"
"""The end of the name of an object that EMR puts beside a folder."""
_SHOWN = 200

POND_NAME = re.compile(r"^[a-z][a-z0-9_]{0,47}\Z")
"""Also the rule for Ripples and tables' short names where the product makes them."""

LIMIT_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,47}\Z")
LIMIT_NAME_WORDS = "a lower-case letter, then lower-case letters, digits, _ and -, at most 48"
_LIMIT = "limit:"

PYTHON_MODULE = "src/pond.py"
"""The module with a Pond's Python Ripples, unless pond.toml names another one."""
SQL_FOLDER = "src/ripples"
"""The folder with a Pond's SQL Ripples."""
CHECKS_FOLDER = "src/checks"
"""The folder with a Pond's checks in SQL."""

_KEY_LENGTH = 64
_DIGEST = 20
"""Hexadecimal digits: no two of a billion keys are alike."""
MOST_MAJOR = 999_999
_LINE = re.compile(r"^([a-z][a-z0-9_]{0,47})@(0|[1-9][0-9]{0,5})\Z")
_WRITER = re.compile(r"(?:data/[^/]*/)?[^/]*/(\d{10})-([a-z][a-z0-9_]*)-")
_IN_TABLE = re.compile(r"(data/[^/]+/[^/]+)/(.+)", re.DOTALL)
_RUN = re.compile(r"^([a-z][a-z0-9_]{0,47}@(?:0|[1-9][0-9]{0,5}))/([1-9][0-9]{0,9})\Z")


def line(pond: str, major: int) -> Line:
    """``line("sales", 1) == "sales@1"``."""
    return Line(f"{pond}@{major}")


def parse_line(text: str) -> tuple[str, int]:
    """``("sales", 1)`` of ``sales@1``.

    Raises:
        ValueError: the text is not a line.
    """
    if not (found := _LINE.match(text)):
        raise ValueError(f"{text!r} is not a line; write it as pond@major, for example sales@1")
    return found[1], int(found[2])


def limit_address(name: str) -> LimitAddress:
    """``limit_address("databricks") == "limit:databricks"``."""
    return LimitAddress(f"{_LIMIT}{name}")


def limit_of(address: str) -> str:
    """``databricks`` of ``limit:databricks``; empty: the text is no address of a limit."""
    name = address.removeprefix(_LIMIT)
    return name if name != address and LIMIT_NAME.match(name) else ""


def run_key(of: Line, number: int) -> RunKey:
    """``run_key("sales@1", 42) == "sales@1/42"``."""
    return RunKey(f"{of}/{number}")


def parse_run(text: str) -> tuple[Line, int]:
    """``("sales@1", 42)`` of ``sales@1/42``.

    Raises:
        ValueError: the text is not a run.
    """
    if not (found := _RUN.match(text)):
        raise ValueError(
            f"{text!r} is not a run; write it as pond@major/number, for example sales@1/42"
        )
    return Line(found[1]), int(found[2])


def execution_name(of: Line, number: int, launch: int) -> str:
    """The name of a run's state machine execution: at most 80 characters of Step Functions'
    alphabet.
    """
    return f"{of.replace('@', '-')}-{number}-{launch}"


def try_key(
    catchment: str, of: Line, number: int, started: Instant, *, ripple: str, tried: int
) -> str:
    """The name of one try of a Ripple for an external engine: at most 64 characters of ``a-z0-9-``,
    a letter first.

    The same for every attempt, pause and worker of the try. ``started`` is the run's: a line that
    was removed and deployed again numbers its runs from 1 again.
    """
    pond, major = parse_line(of)
    identity = "\n".join((catchment, of, str(number), to_text(started), ripple, str(tried)))
    digest = sha256(identity.encode()).hexdigest()[:_DIGEST]
    tail = f"-{major}-{number}-{digest}"
    return pond.replace("_", "-")[: _KEY_LENGTH - len(tail)].rstrip("-") + tail


class TableKey(NamedTuple):
    """The parts of a table version's key: which attempt wrote it, and in which invocation.

    ``path``: below the location that the attempt has given another engine (``location_of_key``);
    empty: the attempt has written the object itself.
    """

    line: Line
    table: str
    run: int
    ripple: str
    attempt: int
    invocation: str
    path: str = ""


def parse_table_key(key: str) -> TableKey | None:
    """The inverse of ``table_key``, also for what another engine has written into a location; None:
    ``key`` has another form.

    Keys come back to us in letters and rows that every worker may write. One with ``?``, ``*``,
    ``[``, ``#``, ``%`` or a control character in it would be another address once it is part of a
    URI, so none may pass.
    """
    written = attempt_of_key(key)
    if written is None or not written.path:
        return written
    return written if is_path(written.path) else None


def is_path(path: str) -> bool:
    """Whether what lies below a location under ``path`` may be part of a table."""
    return len(path) <= _LONGEST_PATH and _PATH_FORM.fullmatch(path) is not None


def attempt_of_key(key: str) -> TableKey | None:
    """Which attempt has brought about what lies under ``key``: as ``parse_table_key``, but also for
    what is part of no table, whatever its ``path`` is. None: no attempt has.
    """
    if not (found := _ATTEMPT_FORM.match(key)):
        return None
    own, line, table, run, ripple, attempt, invocation = found.groups()
    parsed = TableKey(Line(line), table, int(run), ripple, int(attempt), invocation)
    # Of all spellings of a number, only the one that table_key writes.
    same = table_key(
        parsed.line,
        table,
        run=parsed.run,
        ripple=ripple,
        attempt=parsed.attempt,
        invocation=invocation,
    )
    if same != f"{own}{_SUFFIX}":
        return None
    if key == same:
        return parsed
    rest = key.removeprefix(own)
    if not rest.startswith(("/", _MARK)):
        return None
    return parsed._replace(path=rest.removeprefix("/") or "/")


def checked_table_key(key: str) -> str:
    """``key``, where an address is made of it.

    Raises:
        InvariantError: it is not the key of a table version.
    """
    if parse_table_key(key) is None:
        raise InvariantError(
            f"{key[:_SHOWN]!a} is not the key of a table version; no address is made of it.",
            hint=(
                'Somebody wrote it into a letter or the table. See who may: docs/aws.md, "Who '
                'may do what".'
            ),
        )
    return key


def artifact_key(pond: str, version: str, sha256: str) -> str:
    """Where a Pond's package lies in the Catchment's bucket."""
    return f"artifacts/{pond}/{version}/{sha256}.zip"


def pond_of_artifact(artifact: str) -> str:
    """The Pond whose package lies under the key ``artifact``."""
    return artifact.split("/")[1]


def table_key(of: Line, table: str, *, run: int, ripple: str, attempt: int, invocation: str) -> str:
    """The key of one version of a table. No other attempt can ever write it.

    Even the same attempt cannot: AWS may invoke it twice, and ``invocation`` differs.
    """
    return f"data/{of}/{table}/{run:010d}-{ripple}-{attempt}-{invocation}.parquet"


def location_of_key(key: str) -> str:
    """What an attempt gives another engine to write a table into, instead of writing the object
    ``key`` (``table_key``) itself. It ends in ``/``.
    """
    return f"{key.removesuffix(_SUFFIX)}/"


def checked_location(location: str) -> str:
    """``location``, where an address is made of it.

    Raises:
        InvariantError: it is no location of a table (``location_of_key``).
    """
    key = f"{location.removesuffix('/')}{_SUFFIX}"
    written = parse_table_key(key)
    if written is None or written.path or location_of_key(key) != location:
        raise InvariantError(f"{location[:_SHOWN]!a} is no location; no address is made of it.")
    return location


def readable(key: str) -> str:
    """What a right to read an object names: its key, or all of the location that it lies in."""
    written = parse_table_key(key)
    return f"{key.removesuffix(written.path)}*" if written is not None and written.path else key


def file_of_key(key: str) -> str:
    """The end of a table version's key, by which ``key_of_file`` finds it again: without its
    suffix, or from the location on.
    """
    found = _IN_TABLE.fullmatch(key)
    file = found[2] if found else key.rpartition("/")[2]
    return file if is_located(file) else file.removesuffix(_SUFFIX)


def key_of_file(table: str, file: str) -> str:
    """The key of a file of the table that ``table_of_key`` names."""
    return f"{table}/{file}" if is_located(file) else f"{table}/{file}{_SUFFIX}"


def is_located(file: str) -> bool:
    """Whether a file (``file_of_key``) lies in a location: another engine has written it."""
    return "/" in file


def path_of_key(key: str) -> str:
    """What follows the line in a key: ``orders/...``."""
    return key.split("/", 2)[2]


def table_of_key(key: str) -> str:
    """The folder of a table version's key: ``data/sales@1/orders``."""
    found = _IN_TABLE.fullmatch(key)
    return found[1] if found else key.rpartition("/")[0]


def writer_of(key: str) -> tuple[int, str]:
    """The run and the Ripple that wrote the object under ``key`` (``table_key``), or had it
    written; ``(0, "")`` if it has another form.
    """
    found = _WRITER.match(key)
    return (int(found[1]), found[2]) if found else (0, "")


def package_id(artifact: str) -> str:
    """A short name of one package, for comparing: two versions with the same contents are two
    packages.
    """
    return sha256(artifact.encode()).hexdigest()[:12]


_EXECUTION = re.compile(r"^([a-z][a-z0-9_]*)-(\d+)-(\d+)-(\d+)$")


def read_execution_name(name: str) -> tuple[Line, int, int]:
    """(line, run, launch) of what ``model.names.execution_name`` wrote.

    Raises:
        OperatorError: this execution is not ours.
    """
    if not (found := _EXECUTION.match(name)):
        raise OperatorError(f"Execution {name!r} is not one of a Pond Run.")
    return line(found[1], int(found[2])), int(found[3]), int(found[4])
