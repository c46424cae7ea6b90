"""An author's function is called: how it ended, in our words."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from duckstring.author.errors import RippleError
from duckstring.author.pausing import Paused
from duckstring.author.pond import Pond
from duckstring.author.ripple import Declared, takes_pond
from duckstring.errors import DuckstringError, TransientError
from duckstring.model.foreign import readable
from duckstring.service import watch as watching
from duckstring.service.mentions import tables_read
from duckstring.service.output import LineLog
from duckstring.service.project import Project
from duckstring.service.watch import Stopped, Watch

Function = Callable[..., object]
Find = Callable[[Declared], Function | None]


@dataclass(frozen=True, slots=True)
class Returned:
    """It came back."""

    value: object = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What it raised. ``memory``: there was not enough of it."""

    error: str
    message: str
    traceback: str
    memory: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """It was ended from outside, and where it was then. The watch knows why."""

    traceback: str = ""


Ended = Returned | Fault | Cut | Paused


def call(project: Project, ripple: str, pond: Pond, watch: Watch, *, find: Find = lambda one: one.function) -> Ended:
    """Call a function of a Ripple's; what it prints becomes lines of the log.

    Raises:
        TransientError: the world did not answer.
    """
    here = os.getpid()
    try:
        with ExitStack() as stack:
            stack.enter_context(project.entered())
            stack.enter_context(redirect_stdout(LineLog(pond.log, "stdout")))
            stack.enter_context(redirect_stderr(LineLog(pond.log, "stderr")))
            found = _find(project, ripple, find)
            try:
                value = watch.call(partial(found, pond) if takes_pond(found) else found)
            finally:
                if os.getpid() != here:
                    # A process that the Ripple forked came back instead of ending: it would answer in our place.
                    os._exit(0)
    except (Exception, SystemExit, KeyboardInterrupt, Stopped, Paused) as error:  # noqa: BLE001 - whatever an author's code raises
        # The storage may fail in the author's own statements, too: a table is read when its rows are asked for.
        explained = pond.outage(error) or pond.explained(error)
        return _judged(explained.with_traceback(error.__traceback__), project, watch)
    if watch.ended:
        return Cut()
    pond.reads = tables_read(pond, project.root)
    # One who catches everything has caught the pause as well, and said it nevertheless.
    return pond.paused or Returned(value)


def _judged(error: BaseException, project: Project, watch: Watch) -> Ended:
    if watch.ended or isinstance(error, Stopped):
        frames = traceback.extract_tb(_from_author(error.__traceback__, project))
        told = traceback.format_list([frame for frame in frames if frame.filename != watching.__file__])
        return Cut("".join(told).replace(f"{project.root}/", ""))
    match error:
        case Paused():
            return error
        case TransientError() if not watch.taken:
            raise error
        case _:
            return _fault(error, project)


def _find(project: Project, ripple: str, find: Find) -> Function:
    declared = {one.spec.name: one for one in project.ripples()}
    if (one := declared.get(ripple)) is None or (found := find(one)) is None:
        known = ", ".join(declared) or "none"
        raise RippleError(f"{project.module} has no Ripple {ripple!r}; it has {known}.", hint="Deploy the Pond again.")
    return found


def _fault(error: BaseException, project: Project) -> Fault:
    message = readable(error)
    if isinstance(error, DuckstringError) and error.hint:
        message = f"{message} {error.hint}"
    told = traceback.TracebackException(type(error), error, _from_author(error.__traceback__, project))
    written = "".join(told.format()).replace(f"{project.root}/", "")
    return Fault(type(error).__name__, message, written, memory=_wants_memory(error))


def _wants_memory(error: BaseException) -> bool:
    """Python's own error (NumPy's and Arrow's are kinds of it), and DuckDB's, if anybody has loaded that."""
    duckdb = sys.modules.get("duckdb")
    return isinstance(error, (MemoryError, getattr(duckdb, "OutOfMemoryException", MemoryError)))


def _from_author(frames: TracebackType | None, project: Project) -> TracebackType | None:
    """The frames from the author's first one on; all, if none is the author's."""
    here = frames
    while here is not None and not here.tb_frame.f_code.co_filename.startswith(str(project.root)):
        here = here.tb_next
    return here or frames
