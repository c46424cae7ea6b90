"""One external run for each try of a Ripple: it is started or found, checked between pauses, and
its end is reported. This module knows no engine.

The order matters. What is about to be started is remembered first, and the run's id is remembered
before the first check. A worker that comes after a crash uses what is remembered. It attaches to an
id. Without an id it repeats the start with the same key, if the engine recognizes the key, and
otherwise searches for the key. Only a retry after the Ripple itself failed has a new ``run_key``,
and so a new external run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal, NoReturn, Protocol, TypeVar

from duckstring.author.errors import EnvironmentMissingError
from duckstring.author.kills import Requested
from duckstring.author.pausing import LONGEST
from duckstring.errors import DuckstringError, InvariantError
from duckstring.external import clock
from duckstring.external.env import HasEnv
from duckstring.external.errors import (
    AccessRefusedError,
    BusyError,
    CancelRefusedError,
    ExternalError,
    ExternalRunFailedError,
    RefusedError,
    UnknownRunError,
    UnreadableError,
)
from duckstring.model.durations import HINT, seconds_of
from duckstring.model.sql import literal

State = Literal["active", "succeeded", "failed", "cancelled"]
"""What every engine's words come down to. A word that is not known is ``active``: nobody says
that the run has ended.
"""

SETTLING = 90.0
"""Seconds in which a run that is being started may be missing from an engine's list: a request's
own time, and the list's.
"""
APPEARING = 300.0
"""Seconds after which a run that the engine does not know is lost rather than new."""
CANCELLING = 100.0
"""Seconds in which a cancel finds its run, and sees it end, if its caller has so many."""
_LAST_LOOK = 10.0
"""Of its caller's time, that a last look may take."""
_KEY_LENGTH = 64
"""Of a key: the shortest that an engine takes (a Databricks idempotency token)."""
_DIGEST = 16
_TRIES = (1.0, 3.0)
"""Seconds between the tries of one request, before the wait is left to a pause."""
_SHORTEST_PAUSE = "15s"
_LONGEST_ASKED = 3600.0
_LONGEST_HEADLINE = 160
"""Characters of an engine's message before the link: a list shows a line's beginning only."""

Answer = TypeVar("Answer")


class Handle(HasEnv, Protocol):
    """What a job needs of the Pond that a Ripple is given."""

    @property
    def run_key(self) -> str:
        """The same over lost workers, hand-overs and pauses of one try; new for each retry after
        the Ripple failed.
        """

    @property
    def ends(self) -> datetime:
        """When this call is ended if it has not returned, UTC."""

    @property
    def log(self) -> logging.Logger:
        """The Ripple's log."""

    def remember(self, key: str, value: object, /) -> None:
        """Keep a JSON value for this try."""

    def recall(self, key: str, /) -> object:
        """What this try remembered; None if nothing."""

    def pause(self, wait: str | None = None, /) -> NoReturn:
        """End this invocation and be called again later."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found. ``word`` is the engine's own for the state, ``answer`` all that it
    said. ``used``: what a run that has ended took, by names with their units, for the log.
    """

    state: State
    word: str
    message: str = ""
    url: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    answer: Mapping[str, object] = field(default_factory=dict)
    used: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExternalRun:
    """A run that has succeeded. ``state`` is the engine's own word, ``answer`` its last answer,
    whole.
    """

    engine: str
    id: str
    url: str
    state: str
    started: datetime | None
    ended: datetime | None
    answer: Mapping[str, object] = field(default_factory=dict, repr=False)

    def select(self) -> str:
        """One row of facts as SQL, for ``pond.write_table``: engine, run_id, url, state,
        started, ended.
        """
        texts = {"engine": self.engine, "run_id": self.id, "url": self.url, "state": self.state}
        times = {"started": self.started, "ended": self.ended}
        columns = [f"{literal(value)} AS {name}" for name, value in texts.items()]
        columns += [
            f"CAST({'NULL' if at is None else literal(at.isoformat())} AS TIMESTAMPTZ) AS {name}"
            for name, at in times.items()
        ]
        return f"SELECT {', '.join(columns)}"


class Engine(Protocol):
    """One job of one engine, as one turn of a Ripple reaches it.

    Every method may raise ``BusyError`` (try later), ``AccessRefusedError`` (somebody has to mend
    the credentials) and ``RefusedError`` (do not try again).
    """

    @property
    def kind(self) -> str:
        """The engine's name, for people."""

    @property
    def job(self) -> str:
        """Which of the engine's jobs, for people: ``Databricks job 101``."""

    @property
    def slot(self) -> str:
        """What tells this job from every other that the same Ripple may run."""

    @property
    def repeatable(self) -> bool:
        """Whether a second start with the same key finds the first one's run instead of starting
        another.
        """

    def start(self, key: str) -> str:
        """Start a run under ``key``; its id."""

    def find(self, key: str, since: float) -> str | None:
        """The run that was started under ``key`` at or after ``since`` (seconds since 1970), if
        there is one.

        An engine that finds only by starting again does that: afterwards ``key`` cannot start
        anything any more.
        """

    def look(self, run: str) -> Seen:
        """How the run is.

        Raises:
            UnknownRunError: the engine knows no such run.
        """

    def cancel(self, run: str) -> None:
        """Ask the run to end."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What is remembered of a try's external run: that it is being started (no ``run`` yet), or
    its id.
    """

    since: float
    run: str = ""


# The order below is the order of a run's life.


def start(engine: Engine, pond: Handle, *, poll: str | None = None) -> str:
    """Start this try's run, or attach to it, and do not wait: for several at once.

    The call does not return where the engine has no time: the Ripple pauses, and comes here again.

    Returns:
        The run's id.

    Raises:
        RefusedError: the engine refused a request.
    """
    return _begun(engine, pond, poll).run


def run(engine: Engine, pond: Handle, *, poll: str | None = None) -> ExternalRun:
    """Start this try's run, or attach to it, and wait for its end by pausing.

    Call it before ``write_table``: a pause drops what this turn has written.

    Returns:
        The facts of the run, which has succeeded.

    Raises:
        ExternalRunFailedError: it failed, was cancelled, or is no longer known; with the engine's
            message and a link.
        RefusedError: the engine refused a request.
    """
    held = _begun(engine, pond, poll)
    try:
        seen = _look(engine, held)
    except (BusyError, AccessRefusedError, EnvironmentMissingError) as error:
        _wait_out(error, engine, pond, poll)
    except RefusedError as refused:
        raise _still_going(refused, engine, held.run) from refused
    pond.log.info(
        "external run looked at",
        extra={
            "job": engine.job,
            "external_run": held.run,
            "state": seen.word,
            "url": seen.url,
            **seen.used,
        },
    )
    if seen.state == "active":
        _pause(pond, poll)
    if seen.state != "succeeded":
        raise _failed(engine, held.run, seen)
    return ExternalRun(
        engine.kind, held.run, seen.url, seen.word, seen.started, seen.ended, seen.answer
    )


def cancel(engine: Engine, pond: Handle) -> str:
    """Cancel this try's run, and see it end: for ``@ripple(on_kill=...)``.

    Returns:
        What became of the run, in one line; ``Requested`` if it was asked to end and has not ended
        yet.

    Raises:
        CancelRefusedError: the engine refused, or cannot tell whether there is a run.
    """
    limit = min(_now() + CANCELLING, pond.ends.timestamp() - _LAST_LOOK)
    if (held := _recall(engine, pond)) is None:
        return f"{engine.job}: no run was started."
    if (found := _find_to_cancel(engine, pond, held, limit)) is None:
        return f"{engine.job}: no run was started under this try's key."
    name = f"{engine.job}, run {found}"
    if (seen := _seen_or_none(engine, found)) is not None and seen.state != "active":
        return f"{name} had ended before it was cancelled: {seen.word}. {seen.url}".rstrip()
    try:
        _until(limit, lambda: engine.cancel(found), appears=held.since + APPEARING)
    except (BusyError, RefusedError) as error:
        raise CancelRefusedError(
            f"{name} was not cancelled: {error.message}", hint=error.hint
        ) from error
    pond.log.info("cancel requested", extra={"job": engine.job, "external_run": found})
    return _confirm(engine, found, name, limit)


def checked_poll(poll: str | None) -> str | None:
    """The pause between looks, as an author wrote it: refused before a run has been started, not
    after.

    Raises:
        ExternalError: it is not a duration.
    """
    if poll is not None and (seconds_of(poll) or 0) not in range(1, LONGEST + 1):
        raise ExternalError(
            f"poll={poll!r}; allowed: a duration over zero, of at most 7d.", hint=HINT
        )
    return poll


def slot_of(*parts: str) -> str:
    """The slot of a job (``Engine.slot``): its engine, what it is called there, and its ``name=``.

    Empty parts are left out.
    """
    return "/".join(filter(None, parts))


def key_of(run_key: str, slot: str) -> str:
    """What this try's run of a job is known by at its engine: at most 64 characters of a-z, 0-9 and
    ``-``.

    Engines keep keys for all jobs together: two jobs of one Ripple must not have the same.
    """
    digest = sha256(f"{run_key}\n{slot}".encode()).hexdigest()[:_DIGEST]
    return f"{run_key[: _KEY_LENGTH - _DIGEST - 1].rstrip('-')}-{digest}"


def _begun(engine: Engine, pond: Handle, poll: str | None) -> _Held:
    held = _recall(engine, pond)
    if held is not None and held.run:
        return held
    try:
        # A start without an id: somebody died, or got no answer, in between.
        found = None if held is None or engine.repeatable else _find_again(engine, pond, held)
        started = found or _start(engine, pond, clear=held is None or not engine.repeatable)
    except BusyError as busy:
        _wait_out(busy, engine, pond, poll)
    except (AccessRefusedError, EnvironmentMissingError, UnreadableError) as refused:
        if _recall(engine, pond) is None:
            raise
        # A run may be going, and a failure here would lead to a second one beside it.
        _wait_out(refused, engine, pond, poll)
    begun = _Held(_now(), started)
    _remember(engine, pond, begun)
    pond.log.info(
        "external run begun",
        extra={"job": engine.job, "external_run": started, "attached": found is not None},
    )
    return begun


def _start(engine: Engine, pond: Handle, *, clear: bool) -> str:
    """Start a run, having said so. ``clear``: no earlier start of this try is in doubt."""
    _remember(engine, pond, _Held(_now()))
    key = key_of(pond.run_key, engine.slot)
    doubts: list[bool] = []

    def once() -> str:
        try:
            return engine.start(key)
        except BusyError as busy:
            doubts.append(busy.in_doubt)
            raise

    try:
        return _patiently(once) if engine.repeatable else once()
    except (BusyError, EnvironmentMissingError, RefusedError):
        if clear and not any(doubts):
            # Nothing was started: the next attempt need not look for it.
            _remember(engine, pond, None)
        raise


def _find_again(engine: Engine, pond: Handle, held: _Held) -> str | None:
    """The run of a start that returned no id. A list may lag behind: only what stays missing was
    never started.
    """
    key = key_of(pond.run_key, engine.slot)
    found = _patiently(lambda: engine.find(key, held.since))
    if found is None and _now() - held.since < SETTLING:
        pond.log.info(
            "external start in doubt; looking again before starting", extra={"job": engine.job}
        )
        pond.pause(_SHORTEST_PAUSE)
    return found


def _look(engine: Engine, held: _Held) -> Seen:
    try:
        return _patiently(lambda: engine.look(held.run))
    except UnknownRunError as unknown:
        if _now() - held.since < APPEARING:
            return Seen("active", "unknown")
        message = f"{engine.job}, run {held.run}, is not known any more: {unknown.message}"
        raise ExternalRunFailedError(message, run=held.run, url="", word="unknown") from unknown
    except UnreadableError as unreadable:
        raise BusyError(unreadable.message, in_doubt=True) from unreadable


def _failed(engine: Engine, run: str, seen: Seen) -> ExternalRunFailedError:
    """The first line has what a list has room for: the message, the link, and then which run it
    was. A message of several lines follows, whole.
    """
    message = seen.message.strip() or "The engine gives no reason."
    first = _headline(message)
    which = f"({engine.job}, run {run}, ended {seen.word})"
    line = " ".join(filter(None, (first, seen.url, which)))
    return ExternalRunFailedError(
        line if first == message else f"{line}\n{message}", run=run, url=seen.url, word=seen.word
    )


def _headline(message: str) -> str:
    """The line that says most: the first, or the last of a Python traceback."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    line = lines[-1 if lines[0].startswith("Traceback ") else 0]
    return line if len(line) <= _LONGEST_HEADLINE else f"{line[:_LONGEST_HEADLINE]}..."


def _still_going(refused: RefusedError, engine: Engine, run: str) -> RefusedError:
    return RefusedError(
        f"{engine.job}, run {run}, may still be going, but cannot be looked at: {refused.message}",
        hint=refused.hint,
    )


def _find_to_cancel(engine: Engine, pond: Handle, held: _Held, limit: float) -> str | None:
    """The run to cancel. While a list may lag behind, that it shows none does not say that there
    is none.
    """
    if held.run:
        return held.run
    key, settled, wait = key_of(pond.run_key, engine.slot), held.since + SETTLING, 1.0
    try:
        while (
            found := _until(limit, lambda: engine.find(key, held.since))
        ) is None and _now() < settled:
            if _now() + wait > limit:
                raise CancelRefusedError(
                    f"{engine.job}: a run may have been started under the key {key}, and is not "
                    "to be found."
                )
            _sleep(wait)
            wait = min(wait * 2, 8.0)
    except (BusyError, RefusedError) as error:
        raise CancelRefusedError(
            f"{engine.job}: whether a run was started under the key {key} is not known: "
            f"{error.message}",
            hint=error.hint,
        ) from error
    return found


def _seen_or_none(engine: Engine, run: str) -> Seen | None:
    """A look that may fail: what cannot be looked at can still be cancelled."""
    try:
        return _patiently(lambda: engine.look(run))
    except (BusyError, RefusedError):
        return None


def _confirm(engine: Engine, run: str, name: str, limit: float) -> str:
    wait, word = 0.5, ""
    while True:
        if (seen := _seen_or_none(engine, run)) is not None:
            if seen.state != "active":
                how = (
                    "is cancelled" if seen.state == "cancelled" else "has ended as it was cancelled"
                )
                return f"{name} {how}: {seen.word}. {seen.url}".rstrip()
            word = f" It is {seen.word}. {seen.url}".rstrip()
        if _now() + wait > limit:
            return Requested(f"{name} was asked to end and has not ended yet.{word}")
        _sleep(wait)
        wait = min(wait * 2, 8.0)


def _patiently(call: Callable[[], Answer]) -> Answer:
    """Try a repeatable request a few times. A longer wait belongs to a pause, which costs
    nothing.
    """
    for wait in _TRIES:
        try:
            return call()
        except BusyError as busy:
            if busy.wait > _TRIES[-1]:
                raise
            _sleep(max(wait, busy.wait))
    return call()


def _until(limit: float, call: Callable[[], Answer], *, appears: float = 0.0) -> Answer:
    """Try a request until ``limit``: no later turn follows. Until ``appears``, a run that the
    engine does not know may be a new one.
    """
    wait = 1.0
    while True:
        try:
            return call()
        except (BusyError, UnknownRunError) as error:
            pause = max(wait, error.wait) if isinstance(error, BusyError) else wait
            waits = isinstance(error, BusyError) or _now() < appears
            if not waits or _now() + pause > limit:
                raise
        _sleep(pause)
        wait = min(wait * 2, 8.0)


def _wait_out(error: DuckstringError, engine: Engine, pond: Handle, poll: str | None) -> NoReturn:
    """Pause until the engine has time, or until somebody has mended the credentials."""
    pond.log.warning(
        "external engine refuses or does not answer; asking again later",
        extra={"job": engine.job, "reason": error.message, "hint": error.hint},
    )
    wait = error.wait if isinstance(error, BusyError) else 0.0
    _pause(pond, f"{min(wait, _LONGEST_ASKED):.0f}s" if wait > _TRIES[-1] else poll)


def _pause(pond: Handle, wait: str | None) -> NoReturn:
    if wait is None:
        pond.pause()
    pond.pause(wait)


def _recall(engine: Engine, pond: Handle) -> _Held | None:
    match pond.recall(_memory(engine)):
        case None:
            return None
        case {"since": int() | float() as since, "run": str(run)}:
            return _Held(float(since), run)
        case other:
            raise InvariantError(
                f"{_memory(engine)!r} remembers {other!r}, which no job wrote.",
                hint="Keys in external/ are the jobs' own.",
            )


def _remember(engine: Engine, pond: Handle, held: _Held | None) -> None:
    pond.remember(_memory(engine), None if held is None else {"since": held.since, "run": held.run})


def _memory(engine: Engine) -> str:
    return f"external/{engine.slot}"


def _now() -> float:
    return clock.now()


def _sleep(seconds: float) -> None:
    clock.sleep(seconds)
