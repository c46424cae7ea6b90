"""Calls a killed Ripple's own ``on_kill`` function once, to cancel what the Ripple started
elsewhere. This is best effort, and recorded.

The Ripple's worker is first given time to leave, because whatever it was about to start or remember
has to be cancelled as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from duckstring.author.surroundings import Surroundings
from duckstring.errors import InvariantError, TransientError
from duckstring.model.attempts import TAKEN, AttemptSeen, KillEnd, OnKillCalled
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line, parse_line, try_key
from duckstring.worker.attempt_process import Call
from duckstring.worker.author_log import AuthorLog
from duckstring.worker.calling import Cut, Fault, Pauses
from duckstring.worker.ends import Done, Known, known
from duckstring.worker.ends import Memory as MemoryKills
from duckstring.worker.ports import Admitted, KillOrder, Worker
from duckstring.worker.run_ripple import unpacked
from duckstring.worker.surroundings import variables
from duckstring.worker.watch import Follow, Limit, follow

_PATIENCE = timedelta(seconds=15)
_LOOK = timedelta(milliseconds=500)
_MOST_SECONDS = 120.0
_SPARE_SECONDS = 10.0
"""Of the function's time, to say how it ended."""


class KillHistory(Protocol):
    """The row of an attempt, as the caller of ``on_kill`` needs it."""

    def seen(self, line: Line, *, run: int, ripple: str, attempt: int) -> AttemptSeen:
        """The state of the attempt."""

    def claim_on_kill(self, line: Line, *, run: int, ripple: str, attempt: int) -> bool:
        """Write that ``on_kill`` is called. False: that is written already."""

    def called_on_kill(self, line: Line, row: OnKillCalled) -> None:
        """Write how the call ended."""

    def lost_on_kill(self, line: Line, row: OnKillCalled) -> None:
        """Write that a call's process ended before it could report. This does nothing if it has
        reported.
        """


def on_kill(order: KillOrder, worker: Worker, kills: KillHistory) -> str:
    """Wait for the attempt's worker to leave, then make the call, unless it was made already.

    Returns:
        ``confirmed``: it returned; ``requested``: it returned ``Requested``; ``refused``: it
        raised, or took too long; ``ok``: nothing was to be called.

    Raises:
        TransientError: AWS did not answer; nothing was called.
    """
    admitted = worker.admissions.of_kill(order)
    granted = admitted.granted()
    worker.redactor.learn(granted.secrets, granted.environment)
    package = unpacked(order.artifact, worker)
    seen = _wait(order, worker, kills)
    if seen.status == "success":
        worker.log.info("on_kill has nothing to do")
        return "ok"
    if not kills.claim_on_kill(
        order.line, run=order.run, ripple=order.ripple, attempt=order.attempt
    ):
        # Lambda invokes again after a death. The function is called only once, but its missing
        # return has to be recorded here.
        kills.lost_on_kill(
            order.line,
            OnKillCalled(order.run, order.ripple, order.attempt, "refused", _died(order)),
        )
        worker.log.info("on_kill was called before")
        return "ok"
    how, message = _kill_result(_call(order, package, variables(granted), admitted, worker), order)
    kills.called_on_kill(
        order.line, OnKillCalled(order.run, order.ripple, order.attempt, how, message)
    )
    worker.log.info("on_kill was called", extra={"how": how, "told": message})
    return how


def _wait(order: KillOrder, worker: Worker, kills: KillHistory) -> AttemptSeen:
    until = worker.clock.now() + _PATIENCE
    while True:
        seen = kills.seen(order.line, run=order.run, ripple=order.ripple, attempt=order.attempt)
        if _has_left(seen) or worker.clock.now() >= until:
            return seen
        worker.clock.wait(_LOOK)


def _has_left(seen: AttemptSeen) -> bool:
    """Whether the worker has left. A worker that ended the attempt itself has left."""
    return seen.status in TAKEN if seen.away else seen.status not in {"", "running", *TAKEN}


def _call(
    order: KillOrder,
    package: Path,
    given: Mapping[str, str],
    admitted: Admitted,
    worker: Worker,
) -> Known:
    last = worker.memories.last(order.line, run=order.run, ripple=order.ripple, tried=order.tried)
    seconds, log = _time(order), AuthorLog(worker.redactor)
    around = _surroundings(order, worker, ends=worker.clock.now() + timedelta(seconds=seconds))
    how = Follow(
        memory=_Kept(last),
        look=lambda: None,
        line=log.line,
        record=log.record,
        log=worker.log,
        pace=worker.pace,
        limits=[Limit(seconds, "timeout")],
    )
    memory = MemoryKills(0)
    with worker.processes.one() as one:
        keys = admitted.keys()
        outcome = follow(one, Call(around, package, order.module, given, keys, killed=True), how)
    try:
        return known(outcome, order.ripple, memory, redactor=worker.redactor, around=None)
    except TransientError as error:
        return Fault(type(error).__name__, error.message, "")


def _kill_result(ended: Known, order: KillOrder) -> tuple[KillEnd, str]:
    match ended:
        case Done(requested=True):
            return "requested", ended.value or ""
        case Done():
            return "confirmed", ended.value or ""
        case Fault():
            return "refused", f"{ended.error}: {ended.message}"
        case Cut():
            return "refused", _late(order)
        case Pauses():
            raise InvariantError("A function given as on_kill= has paused.")


def _late(order: KillOrder) -> str:
    return f"on_kill of Ripple {order.ripple!r} did not return within {_time(order):.0f} s."


def _died(order: KillOrder) -> str:
    return (
        f"on_kill of Ripple {order.ripple!r} ended with its process before it returned: what it "
        "had done by then nobody knows."
    )


def _time(order: KillOrder) -> float:
    return min(_MOST_SECONDS, max(order.seconds - _PATIENCE.total_seconds() - _SPARE_SECONDS, 1.0))


def _surroundings(order: KillOrder, worker: Worker, *, ends: Instant) -> Surroundings:
    return Surroundings(
        name=parse_line(order.line)[0],
        line=order.line,
        version=order.version,
        run=order.run,
        ripple=order.ripple,
        attempt=order.attempt,
        invocation="",
        run_key=try_key(
            worker.catchment,
            order.line,
            order.run,
            order.started,
            ripple=order.ripple,
            tried=order.tried,
        ),
        f=order.f,
        previous_f=NEVER,
        ends=ends,
        killed=True,
    )


class _Kept:
    """What an attempt left behind, read only."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = entries

    def entries(self) -> Mapping[str, str]:
        return self._entries

    def keep(self, key: str, text: str) -> None:
        raise InvariantError(f"{key} = {text} is remembered for a run that is over.")
