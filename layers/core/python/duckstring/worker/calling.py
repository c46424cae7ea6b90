"""Calls an author's function in the attempt's own process, and describes how it ended.

Whatever the author's code raises becomes an end that can be reported, even if its text cannot be
made.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

from duckstring.author.errors import RippleError
from duckstring.author.pausing import Paused
from duckstring.author.pond import Pond
from duckstring.author.ripple import Declared, takes_pond
from duckstring.errors import DuckstringError, TransientError
from duckstring.model import foreign
from duckstring.worker.project import Project

Function = Callable[..., object]
Find = Callable[[Declared], Function | None]
Value = TypeVar("Value")

MOST_CHAINED: Final = 100
"""Errors of one chain (``raise ... from``, "during handling of ...") and its groups that are
reported.
"""

LONGEST_TEXT: Final = 2 * foreign.MOST
"""Characters of a message or a traceback that are sent."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The function returned. ``value``: what it returned, as text; None if that was None."""

    value: str | None = None
    requested: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """The function raised this. ``memory``: there was not enough of it. ``final``: the Ripple's
    ``retry_on`` does not name it.
    """

    error: str
    message: str
    traceback: str
    memory: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class Unreachable:
    """AWS did not answer, which is not the author's fault."""

    message: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The function was ended from outside, and where it was then."""

    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The function is to be called again in so many ``seconds``."""

    seconds: int


_OURS: Final = (f"{Path(__file__).parents[1]}/", contextlib.__file__)
"""How the files of our frames begin; contextlib's stand between them."""
_CAUSE: Any = BaseException.__dict__["__cause__"]
_CONTEXT: Any = BaseException.__dict__["__context__"]
_MEMBERS: Any = BaseExceptionGroup.__dict__["exceptions"]
"""An author's class may have its own in their places."""

Ended = Returned | Fault | Unreachable | Cut | Pauses


class Stopped(BaseException):
    """This attempt is to end. It is not an ``Exception``: code that continues after any error must
    not continue after this one.
    """


def call(project: Project, ripple: str, pond: Pond, find: Find) -> object:
    """Import the project and call one of its functions. Returns what the function returns."""
    here = os.getpid()
    try:
        project.enter()
        function = _found(project, ripple, find)
        return function(pond) if takes_pond(function) else function()
    finally:
        if os.getpid() != here:
            # A process that the Ripple forked has returned instead of ending. It would answer in
            # our place.
            os._exit(0)


def _found(project: Project, ripple: str, find: Find) -> Function:
    if (one := project.find(ripple)) is None or (function := find(one)) is None:
        known = ", ".join(project.names()) or "none"
        raise RippleError(
            f"{project.module} has no Ripple {ripple!r}; it has {known}.",
            hint="Deploy the Pond again.",
        )
    return function


def judged(error: BaseException, project: Project) -> Ended:
    """How the call ended, from its exception."""
    # By its type: isinstance would call code of the error, too.
    kind = type(error)
    if issubclass(kind, Stopped):
        return Cut(_safely(lambda: _frames(error, project), ""))
    if issubclass(kind, Paused):
        return Pauses(error.seconds)  # type: ignore[attr-defined]
    if issubclass(kind, TransientError) and not _raised_by_author(error, project):
        return Unreachable(_safely(lambda: str(error.message), kind.__name__))  # type: ignore[attr-defined]
    return fault(error, project)


def fault(error: BaseException, project: Project) -> Fault:
    """The fault that describes an exception of an author's code."""
    name = _safely(lambda: str(type(error).__name__), "BaseException")
    memory = _safely(lambda: _wants_memory(error), otherwise=False)
    message = _safely(lambda: _message(error), "(no message: it could not be made)")
    return Fault(
        name[:200],
        cut(message),
        cut(_safely(lambda: _written(error, project), f"{name}: {message}\n")),
        memory,
    )


def _message(error: BaseException) -> str:
    try:
        # Not a subclass of str, whose methods might do anything.
        message = "".join(str(error))
    except BaseException as broken:  # noqa: BLE001 - the author's own code
        given = _safely(lambda: "".join(repr(error.args)), "unknown")
        reason = _reason(broken)
        return f"(no message: its __str__ raised {reason}; its arguments: {given})"
    if issubclass(type(error), DuckstringError) and (hint := getattr(error, "hint", "")):
        message = f"{message} {hint}"
    return message


def _reason(broken: BaseException) -> str:
    return _safely(lambda: f"{type(broken).__name__}: {broken}", type(broken).__name__)


def _written(error: BaseException, project: Project) -> str:
    left_out = "(errors that came before these are left out)\n" if _cut_chain(error) else ""
    described = traceback.TracebackException(
        type(error), error, shown_frames(error.__traceback__, project)
    )
    return left_out + "".join(described.format()).replace(f"{project.root}/", "")


def _cut_chain(error: BaseException) -> bool:
    """Drop everything beyond the first errors of a chain. Returns whether there was more.

    A retry in a loop may chain thousands of errors, and Python walks through all of them whenever
    it raises another one. Formatting them would take minutes.
    """
    seen, rest, is_cut = {id(error)}, [error], False
    for one in rest:
        for link in (_CAUSE, _CONTEXT):
            before = link.__get__(one)
            if before is not None and id(before) not in seen:
                if len(seen) < MOST_CHAINED:
                    rest.append(before)
                    seen.add(id(before))
                else:
                    link.__set__(one, None)
                    is_cut = True
        if issubclass(type(one), BaseExceptionGroup):
            more = [each for each in _MEMBERS.__get__(one) if id(each) not in seen]
            rest += more
            seen.update(map(id, more))
    return is_cut


def _frames(error: BaseException, project: Project) -> str:
    frames = [
        one
        for one in traceback.extract_tb(authors_frames(error.__traceback__, project))
        if one.name != "_stop"
    ]
    return "".join(traceback.format_list(frames)).replace(f"{project.root}/", "")


def to_the_author(dump: str, root: Path) -> str:
    """The interpreter's dump of a crash, innermost frame first, up to the author's outermost frame.
    The frames that called it are ours.
    """
    lines = dump.splitlines(keepends=True)
    last = max(
        (at for at, line in enumerate(lines, 1) if line.startswith(f'  File "{root}/')),
        default=len(lines),
    )
    return "".join(lines[:last]).replace(f"{root}/", "")


def authors_frames(frames: TracebackType | None, project: Project) -> TracebackType | None:
    """The frames from the author's first one on; all, if none is the author's."""
    here = frames
    while here is not None and not _is_authors(here, project):
        here = here.tb_next
    return here or frames


def shown_frames(frames: TracebackType | None, project: Project) -> TracebackType | None:
    """``authors_frames`` without those of ours at the end: where a fault of the author's was found
    is of no use to the author.
    """
    here = authors_frames(frames, project)
    if here is None or not _is_authors(here, project):
        return here
    chain = []
    while here is not None:
        chain.append(here)
        here = here.tb_next
    while chain[-1].tb_frame.f_code.co_filename.startswith(_OURS):
        chain.pop()
    shown: TracebackType | None = None
    for one in reversed(chain):
        shown = TracebackType(shown, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return shown


def _raised_by_author(error: BaseException, project: Project) -> bool:
    """Our own errors count as an outage only if our code raised them."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and _is_authors(last, project)


def _is_authors(frames: TracebackType, project: Project) -> bool:
    return frames.tb_frame.f_code.co_filename.startswith(f"{project.root}/")


def _wants_memory(error: BaseException) -> bool:
    """Whether it is Python's own memory error (NumPy's and Arrow's are kinds of it), or DuckDB's,
    if that is imported.
    """
    duckdb = sys.modules.get("duckdb")
    return issubclass(
        type(error), (MemoryError, getattr(duckdb, "OutOfMemoryException", MemoryError))
    )


def _safely(make: Callable[[], Value], otherwise: Value) -> Value:
    try:
        return make()
    except BaseException:  # noqa: BLE001 - whatever an author's class does when it is asked for words
        return otherwise


def cut(text: str) -> str:
    """As much of the text as is sent. What is kept is shorter: only where secrets are known may a
    text be cut that could contain some.
    """
    return foreign.cut(text, LONGEST_TEXT)
