"""One local run from its beginning to its end: Puddles, the line's state, the Ripples, what is
kept.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.ports import Clock
from duckstring.puddles.arrivals import read_backlog, write_backlog
from duckstring.puddles.attempts import Attempts
from duckstring.puddles.hydrate import PART, Made, forget_made, hydrate, is_stale
from duckstring.puddles.inputs import Inputs, read_inputs
from duckstring.puddles.line import LocalLine, read_line, seed_from, write_line
from duckstring.puddles.project import FOLDER, LocalPond
from duckstring.puddles.running import Event, Local, Ran, check_inputs, run_pond

_IGNORE = "*\n"


@dataclass(frozen=True, slots=True)
class Hydrated:
    """Puddles have been executed."""

    tables: tuple[Made, ...]


Told = Callable[[Hydrated | Event], None]


def _untold(_event: Hydrated | Event) -> None:
    """The default: nobody wants to know."""


@dataclass(frozen=True, slots=True)
class How:
    """How to run. ``only``: one Ripple, otherwise all. ``fresh``: begin with nothing; the earlier
    runs are forgotten once this one is published. ``here``: call the Puddles in this process, too.
    """

    only: str | None = None
    fresh: bool = False
    here: bool = False


def run_once(
    pond: LocalPond, attempts: Attempts, clock: Clock, how: How = How(), told: Told = _untold
) -> Ran:
    """Run a project's Pond once, on its Puddles, into ``puddles/out``.

    Puddles that are missing or out of date are executed first. ``told`` gets what happens.

    Raises:
        PuddleError: something is wrong with the Puddles, or a Source has none.
        CodeFailedError: a module or a Puddle of the author's raised.
        RippleError: there is no such Ripple.
        OperatorError: another run is at work here.
    """
    with at_work(pond):
        specs = attempts.ripples()
        inputs = _up_to_date(pond, clock, told, here=how.here)
        check_inputs(pond, inputs)
        empty = LocalLine(pond, specs, PondState(pond.line))
        line = empty if how.fresh else read_line(pond, specs)
        if not line.state.snapshot:
            seed_from(pond, inputs.of(pond.name), line)
        backlog = read_backlog(pond, clock.now(), fresh=how.fresh)
        ran = run_pond(Local(pond, line, inputs, attempts, clock, told, backlog), only=how.only)
        if ran.ok or not how.fresh:  # a fresh run that failed replaces nothing
            write_line(pond, line)
            write_backlog(pond, backlog)
        return ran


def _up_to_date(pond: LocalPond, clock: Clock, told: Told, *, here: bool) -> Inputs:
    """The inputs, made anew if a Puddle is newer than its table."""
    if not pond.puddles.is_file():
        forget_made(pond)
    inputs = read_inputs(pond)
    if not is_stale(pond, inputs):
        return inputs
    if made := hydrate(pond, clock.now(), here=here, needed=False):
        told(Hydrated(tuple(made)))
    return read_inputs(pond)


@contextmanager
def at_work(pond: LocalPond) -> Iterator[None]:
    """Only one command at a time changes what lies in ``puddles``.

    Raises:
        OperatorError: another one is at work.
    """
    for folder in (pond.inputs, pond.outputs):
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text(_IGNORE, encoding="utf-8")
    with (pond.outputs / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OperatorError(
                f"Another command is at work in {pond.root / FOLDER}.",
                hint="Wait for it, or end it.",
            ) from error
        for left in pond.inputs.glob(f"{PART}*"):  # of a command that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield
