"""One attempt of one Ripple, from the invocation to the report.

Nothing of it is seen by anybody before the orchestrator has accepted the report: tables lie under keys of this attempt
alone. An attempt that is not the current one does nothing and says "ok", so that a branch of an abandoned execution ends.
An attempt that pauses has several invocations, one after the other.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import PurePosixPath

from duckstring.author.pond import Pond
from duckstring.engine.state import PondState
from duckstring.errors import TransientError
from duckstring.model.attempts import LONGEST, AttemptStarted, Began
from duckstring.service.calling import call
from duckstring.service.endings import Answer, Work, nothing_told, out_of_time, tell, timed_out, write_fault
from duckstring.service.project import Project
from duckstring.service.surroundings import environment, surroundings, try_of, variables
from duckstring.service.usage import Meter
from duckstring.service.watch import Limit, Watch
from duckstring.service.worker import Order, Worker

_MARGIN_SECONDS = 60.0
_MARGIN_PART = 4
"""Of the function's time, where that is short: a hand-over keeps so much of it to end the code and say so."""


def run_ripple(order: Order, worker: Worker) -> Answer:
    """Make the attempt, unless it is not the current one.

    Returns:
        ``{"outcome": "ok"}``; ``{"outcome": "paused", "seconds": n}``; or ``{"outcome": ..., "failure": {...}}``: ``failed`` if
        the author's code raised, ``timeout`` if it took longer than it may, ``memory`` if it wanted more of it than there is,
        ``overran`` if the function's time ended first.

    Raises:
        TransientError: the world did not answer. This, like every exception from here, counts as a loss of the attempt.
    """
    meter = Meter()
    state = worker.states.read(order.line)
    if not is_current(order, state):
        worker.log.info("attempt is not the current one; nothing done")
        return {"outcome": "ok"}
    worker.label({"tried": try_of(order, state)})
    began = worker.history.started(order.line, AttemptStarted(order.run, order.ripple, order.attempt, worker.clock.now(), order.site))
    if began is None:
        return nothing_told(order, worker)
    return _attempt(_work(order, state, began, meter), state, worker)


def _attempt(work: Work, state: PondState, worker: Worker) -> Answer:
    if (left := (work.deadline - worker.clock.now()).total_seconds()) <= 0:
        return out_of_time(work, worker)
    worker.begins(left)
    order, secrets = work.order, variables(worker.secrets)
    memory = worker.memories.of(order.line, run=order.run, ripple=order.ripple, tried=try_of(order, state), attempt=order.attempt)
    limits = _limits(work, left)
    ends = worker.clock.now() + timedelta(seconds=min(limit.seconds for limit in limits))
    around = surroundings(order, state, work.began, worker, ends=ends)
    pond = Pond(around, storage=worker.storage, memory=memory, log=logging.getLogger("duckstring.pond"))
    with environment(secrets), _watch(work, pond, worker, limits) as watch, closing(pond):
        run = state.runs[order.run]
        ended = call(project(run.artifact, run.module, secrets, worker), order.ripple, pond, watch)
        if watch.taken:
            return nothing_told(order, worker)
        return tell(ended, watch.ended, work, pond, worker)


def is_current(order: Order, state: PondState) -> bool:
    """Whether the engine waits for this very attempt: the fence against workers that outlived their run.

    In a run that has failed nothing begins any more; but what had begun is finished, and what pauses has begun: what it started
    elsewhere goes on, and somebody has to see how it ends.
    """
    run, ripple = state.runs.get(order.run), state.ripples.get(order.ripple)
    if run is None or run.launch != order.launch or ripple is None or ripple.attempt is None:
        return False
    if run.failure is not None and not order.pauses:
        return False
    return (ripple.attempt.run, ripple.attempt.number) == (order.run, order.attempt)


def project(artifact: str, module: str, secrets: Mapping[str, str], worker: Worker) -> Project:
    """Unpacked once a process. Modules read the environment as they load, so another environment is another import.

    Raises:
        TransientError: the package is not what it should be.
    """
    key = (artifact, module, sha256(json.dumps(secrets, sort_keys=True).encode()).hexdigest())
    if (kept := worker.shelf.find(key)) is not None:
        return kept
    package = worker.artifacts.fetch(artifact)
    if (found := sha256(package).hexdigest()) != PurePosixPath(artifact).stem:
        raise TransientError(f"The package {artifact} has the checksum {found}.", hint="Deploy the Pond again.")
    return worker.shelf.add(key, package, module)


def _work(order: Order, state: PondState, began: Began, meter: Meter) -> Work:
    specs = {spec.name: spec for spec in state.release.ripples} if state.release else {}
    asked = specs[order.ripple].timeout_seconds if order.ripple in specs else None
    timeout = LONGEST if asked is None else timedelta(seconds=asked)
    return Work(order, timeout, len(state.ripples), began, meter)


def _limits(work: Work, left: float) -> list[Limit]:
    """What ends the attempt's code: its own deadline in ``left`` seconds, and the function's."""
    limits, seconds = [Limit(left, "timeout")], work.order.seconds
    if seconds is not None:
        limits.append(Limit(seconds - min(_MARGIN_SECONDS, seconds / _MARGIN_PART), "overran"))
    return limits


def _watch(work: Work, pond: Pond, worker: Worker, limits: list[Limit]) -> Watch:
    order = work.order

    def last_words(why: str) -> None:
        if why == "timeout":
            write_fault("failed", timed_out(work), work, worker)
        else:
            worker.history.left(order.line, run=order.run, ripple=order.ripple, attempt=order.attempt, at=worker.clock.now())

    look = partial(worker.history.taken, order.line, run=order.run, ripple=order.ripple, attempt=order.attempt)
    return Watch(look, interrupt=pond.interrupt, log=worker.log, pace=worker.pace, limits=limits, last_words=last_words)
