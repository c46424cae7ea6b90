"""One local run from its beginning to its end: Puddles, the line's state, the Ripples, what is
kept.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.ports import Clock
from duckstring.puddles.attempts import Attempts
from duckstring.puddles.hydrate import Made, hydrate, is_stale
from duckstring.puddles.inputs import Inputs, read_inputs
from duckstring.puddles.line import LocalLine, read_line, seed_from, write_line
from duckstring.puddles.project import FOLDER, LocalPond
from duckstring.puddles.running import Local, Ran, Told, check_inputs, run_pond

_IGNORE = "*\n"


def run_once(
    pond: LocalPond,
    attempts: Attempts,
    clock: Clock,
    *,
    only: str | None = None,
    fresh: bool = False,
    here: bool = False,
    told: Told,
    hydrated: Callable[[Sequence[Made]], None],
) -> Ran:
    """Run a project's Pond once, on its Puddles, into ``puddles/out``.

    Args:
        pond: the project.
        attempts: make the Ripples' attempts.
        clock: the time.
        only: one Ripple; otherwise all.
        fresh: forget the earlier runs.
        here: call the Puddles in this process, too.
        told: gets what happens.
        hydrated: gets the tables that were made because they were missing or out of date.

    Raises:
        PuddleError: something is wrong with the Puddles, or a Source has none.
        CodeFailedError: a module or a Puddle of the author's raised.
        OperatorError: another run is at work here, or there is no Ripple ``only``.
    """
    with at_work(pond):
        specs = attempts.ripples()
        inputs = up_to_date(pond, clock, here=here, hydrated=hydrated)
        check_inputs(pond, inputs)
        line = LocalLine(pond, specs, PondState(pond.line)) if fresh else read_line(pond, specs)
        if not line.state.snapshot:
            seed_from(pond, inputs.of(pond.name), line)
        ran = run_pond(Local(pond, line, inputs, attempts, clock, told), only=only)
        write_line(pond, line)
        return ran


def up_to_date(
    pond: LocalPond,
    clock: Clock,
    *,
    here: bool = False,
    hydrated: Callable[[Sequence[Made]], None] = lambda _: None,
) -> Inputs:
    """The inputs, made anew if a Puddle is newer than its table."""
    inputs = read_inputs(pond)
    if not is_stale(pond, inputs):
        return inputs
    if made := hydrate(pond, clock.now(), here=here, needed=False):
        hydrated(made)
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
        yield
