"""One attempt of one Ripple, from the invocation to the report.

This is the process of the invocation: it talks to AWS, and calls no author's code. That code runs
in a process of its own, which is forked at once and prepared while the line's state and the other
inputs are read.

Nobody sees anything of an attempt before the orchestrator has accepted the report: its tables lie
under keys of this attempt alone. An attempt that is not the current one does nothing and answers
"ok", so that a branch of an abandoned execution ends. An attempt that pauses has several
invocations, one after the other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath

from duckstring.engine.attempts import is_awaited
from duckstring.engine.state import PondState
from duckstring.engine.visible import arrivals_before, found_runs
from duckstring.errors import TransientError
from duckstring.model.attempts import LONGEST, AttemptStarted, Began
from duckstring.worker.arrivals import Given
from duckstring.worker.attempt_process import Call
from duckstring.worker.author_log import AuthorLog
from duckstring.worker.endings import Answer, Work, abandon, out_of_time, report_end
from duckstring.worker.ends import Done, Memory, discarded, known
from duckstring.worker.ports import Admitted, Order, Worker
from duckstring.worker.processes import Process
from duckstring.worker.surroundings import sources, surroundings, try_of, variables
from duckstring.worker.usage import Meter
from duckstring.worker.watch import Follow, Limit, follow

_MARGIN_SECONDS = 60.0
_MARGIN_PART = 4
"""Of the function's time, where that is short: a hand-over keeps so much of it to end the code
and say so.
"""
_AT_ONCE = 4


def run_ripple(order: Order, worker: Worker) -> Answer:
    """Make the attempt, unless it is not the current one.

    Returns:
        ``{"outcome": "ok"}``; ``{"outcome": "paused", "seconds": n}``; or
        ``{"outcome": ..., "failure": {...}}``: ``failed`` if the author's code raised, ``timeout``
        if it took longer than it may, ``memory`` if it wanted more of it than there is, ``overran``
        if the function's time ended first.

    Raises:
        TransientError: AWS did not answer. This, like every exception from here, counts as a
            loss of the attempt.
    """
    meter = Meter(worker.books, order.site)
    try:
        return _run_ripple(order, worker, meter)
    finally:
        meter.close()


def _run_ripple(order: Order, worker: Worker, meter: Meter) -> Answer:
    with worker.processes.one() as one, ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        admitted = worker.admissions.of_run(order)
        state = admitted.state
        if not _is_awaited(order, state):
            worker.log.info("attempt is not the current one; nothing done")
            return {"outcome": "ok"}
        row = AttemptStarted(
            order.run, order.ripple, order.attempt, worker.clock.now(), order.site, order.pauses
        )
        worker.label({"tried": try_of(order, state)})
        artifact = state.runs[order.run].artifact
        granted = pool.submit(admitted.granted)
        keys = pool.submit(admitted.keys)
        package = pool.submit(unpacked, artifact, worker)
        pinned = pool.submit(sources, order, admitted)
        began = worker.history.started(order.line, row)
        if began is None:
            return abandon(order, worker)
        work = _work(order, state, began, meter)
        if (left := (work.deadline - worker.clock.now()).total_seconds()) <= 0:
            return out_of_time(work, worker)
        worker.begins(left)
        around = replace(surroundings(order, state, pinned.result(), worker), pauses=began.pauses)
        given = granted.result()
        worker.redactor.learn(given.secrets, given.environment)
        module = state.runs[order.run].module
        call = Call(around, package.result(), module, variables(given), keys.result())
        return _attempt(one, call, work, admitted, worker)


def _attempt(one: Process, call: Call, work: Work, admitted: Admitted, worker: Worker) -> Answer:
    order, around = work.order, call.around
    limits = _limits(work, (work.deadline - worker.clock.now()).total_seconds())
    ends = worker.clock.now() + timedelta(seconds=min(limit.seconds for limit in limits))
    call = replace(call, around=replace(around, ends=ends))
    memory = Memory(order.site.memory_mib)
    # Another attempt may have other rights: what waits for it has none yet.
    ahead = partial(worker.processes.fork_ahead, call.keys if call.keys.shared else None)
    renews = admitted.keys if call.keys.renewed else None
    given = _given(order, admitted.state, worker)
    how = replace(_follow(work, limits, worker), called=ahead, keys=renews, given=given)
    outcome = follow(one, call, how)
    work.meter.add(outcome.exit.peak_kib if outcome.exit else 0, outcome.end)
    if outcome.taken:
        return abandon(order, worker, work)
    ended = known(outcome, order.ripple, memory, redactor=worker.redactor, around=around)
    if isinstance(ended, Done) and given is not None:
        ended = replace(ended, arrivals=given.taken)
    return report_end(ended, outcome.why, work, worker, discarded=discarded(outcome))


def _given(order: Order, state: PondState, worker: Worker) -> Given | None:
    """The objects that arrived, as the run has found them: the same for each of its attempts."""
    if state.sources:
        return None
    run = state.runs[order.run]
    after = arrivals_before(state, run, order.ripple)
    return Given(worker.backlog, order.line, after=after, upto=run.arrived)


def _is_awaited(order: Order, state: PondState) -> bool:
    return is_awaited(
        state,
        run=order.run,
        launch=order.launch,
        ripple=order.ripple,
        attempt=order.attempt,
        has_begun=order.pauses > 0,
    )


def unpacked(artifact: str, worker: Worker) -> Path:
    """The folder of the package. It is fetched and unpacked once in each process, unless its files
    are changed.

    Raises:
        TransientError: the package is not what it should be.
    """
    if (kept := worker.projects.find(artifact)) is not None:
        return kept
    package = worker.artifacts.fetch(artifact)
    if (found := sha256(package).hexdigest()) != PurePosixPath(artifact).stem:
        raise TransientError(
            f"The package {artifact} has the checksum {found}.", hint="Deploy the Pond again."
        )
    return worker.projects.add(artifact, package)


def _work(order: Order, state: PondState, began: Began, meter: Meter) -> Work:
    specs = {spec.name: spec for spec in state.release.ripples} if state.release else {}
    asked = specs[order.ripple].timeout_seconds if order.ripple in specs else None
    timeout = LONGEST if asked is None else timedelta(seconds=asked)
    run = state.runs[order.run]
    return Work(
        order,
        timeout,
        len(state.ripples),
        began,
        meter,
        try_of(order, state),
        found_runs(state, run),
        PurePosixPath(run.artifact).stem,
    )


def _limits(work: Work, left: float) -> list[Limit]:
    """What ends the attempt's code: its own deadline in ``left`` seconds, and the function's."""
    limits, seconds = [Limit(left, "timeout")], work.order.seconds
    if seconds is not None:
        limits.append(Limit(seconds - min(_MARGIN_SECONDS, seconds / _MARGIN_PART), "overran"))
    return limits


def _follow(work: Work, limits: list[Limit], worker: Worker) -> Follow:
    order, log = work.order, AuthorLog(worker.redactor)
    return Follow(
        memory=worker.memories.of(
            order.line, run=order.run, ripple=order.ripple, tried=work.tried, attempt=order.attempt
        ),
        look=partial(
            worker.history.taken,
            order.line,
            run=order.run,
            ripple=order.ripple,
            attempt=order.attempt,
        ),
        line=log.line,
        record=log.record,
        log=worker.log,
        pace=worker.pace,
        limits=limits,
    )
