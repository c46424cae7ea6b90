"""Records how an attempt, or an invocation of it, ended: first in its row of history, then to the
engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from duckstring.engine.letters import Letter
from duckstring.engine.signals import RippleSucceeded
from duckstring.model.attempts import AttemptFinished, AttemptPaused, Began, OwnEnd, OwnFailure
from duckstring.model.checks import CheckResult, in_words, warnings_of
from duckstring.model.costs import NOTHING, Used, plus
from duckstring.model.durations import duration_in_words
from duckstring.model.failures import failed_answer
from duckstring.model.instants import Instant, to_text
from duckstring.model.limits import ERROR_NAME
from duckstring.model.names import run_key
from duckstring.model.pauses import spaced
from duckstring.worker.calling import Cut, Fault, Pauses
from duckstring.worker.checked import failed
from duckstring.worker.ends import Done, Known
from duckstring.worker.ports import Order, Worker
from duckstring.worker.usage import LETTER_SENT, ROW_WRITTEN, Meter

Answer = Mapping[str, object]

_PAUSED: Used = {"stepfunctions_transitions": 3}
"""A branch that pauses goes by way of ``Ended`` and ``Pause`` into ``Run`` again
(infra/machine.py). The orchestrator does not hear of it.
"""


@dataclass(frozen=True, slots=True)
class Work:
    """An attempt under way. ``ripples``: how many Ripples its run has; ``tried``: which try of its
    Ripple it belongs to; ``found``: the older runs in flight whose tables it sees; ``package``: the
    SHA-256 of its package, in hexadecimal digits.
    """

    order: Order
    timeout: timedelta
    ripples: int
    began: Began
    meter: Meter
    tried: int = 1
    found: tuple[int, ...] = ()
    package: str = ""

    @property
    def deadline(self) -> Instant:
        """When it must have ended. The time that it waits for a place in the machine or for a task
        to start does not count.
        """
        return self.began.started + self.timeout


def report_end(
    ended: Known, how: str, work: Work, worker: Worker, *, discarded: Sequence[str] = ()
) -> Answer:
    """Report how an attempt ended, if it is still ours.

    Args:
        ended: how.
        how: why it was ended, if it was.
        work: the attempt.
        worker: with which it was made.
        discarded: the tables that it had written before it paused.
    """
    match ended:
        case Done():
            if (fault := failed(ended.checks)) is not None:
                return fail("check", fault, work, worker, checks=ended.checks)
            return _succeed(ended, work, worker)
        case Fault():
            return fail("memory" if ended.memory else "failed", ended, work, worker)
        case Cut():
            return (
                out_of_time(work, worker, ended)
                if how == "timeout"
                else fail("overran", _overrun(work, ended), work, worker)
            )
        case Pauses():
            return _pause(ended, discarded, work, worker)


def abandon(order: Order, worker: Worker, work: Work | None = None) -> Answer:
    """The attempt's outcome was already recorded; end this branch quietly. Most likely its
    execution was stopped. ``work``: of an attempt that had begun.
    """
    used = plus(work.began.used, work.meter.report(ROW_WRITTEN)) if work else NOTHING
    worker.history.left(
        order.line,
        run=order.run,
        ripple=order.ripple,
        attempt=order.attempt,
        at=worker.clock.now(),
        used=used,
    )
    worker.log.info("attempt was taken; nothing reported")
    return {"outcome": "ok"}


def out_of_time(work: Work, worker: Worker, where: Cut | None = None) -> Answer:
    """Report that the attempt failed by taking too long. Its ``on_kill`` is called then."""
    answer = fail("failed", timed_out(work, where), work, worker)
    return {**answer, "outcome": "timeout"} if answer["outcome"] == "failed" else answer


def timed_out(work: Work, where: Cut | None = None) -> Fault:
    """The fault of an attempt that took too long."""
    order = work.order
    message = (
        f"Ripple {order.ripple!r} took longer than its timeout of "
        f"{duration_in_words(work.timeout)}, pauses included: this attempt "
        f"began at {to_text(work.began.started)}. Give it more by @ripple(timeout=...), or see "
        "what it waits for."
    )
    return Fault("TimeoutError", message, _with_error(where, f"TimeoutError: {message}"))


def _overrun(work: Work, where: Cut) -> Fault:
    limit = duration_in_words(timedelta(seconds=round(work.order.seconds or 0)))
    message = (
        f"Ripple {work.order.ripple!r} was stopped, for the function's {limit} were about to end."
    )
    return Fault("Overran", message, _with_error(where, f"Overran: {message}"))


def _with_error(where: Cut | None, line: str) -> str:
    frames = where.traceback if where else ""
    return f"Traceback (most recent call last):\n{frames}{line}\n" if frames else f"{line}\n"


def fail(
    status: OwnFailure,
    fault: Fault,
    work: Work,
    worker: Worker,
    *,
    checks: tuple[CheckResult, ...] = (),
) -> Answer:
    """Report that the attempt did not succeed. ``checks``: how each check ended, if it made
    checks.
    """
    fault = redacted(fault, worker)
    if not write_fault(status, fault, work, worker, checks=checks):
        return abandon(work.order, worker, work)
    worker.log.error(
        "ripple failed",
        extra={
            "outcome": status,
            "error": fault.error,
            "failure": fault.message,
            "traceback": fault.traceback,
            **({"final": True} if fault.final else {}),
        },
    )
    order = work.order
    return failed_answer(
        status,
        ripple=order.ripple,
        attempt=order.attempt,
        error=fault.error,
        message=fault.message,
        final=fault.final and status == "failed",
    )


def redacted(fault: Fault, worker: Worker) -> Fault:
    """The fault in the form to store: the text of an author's error may contain secrets."""
    clean = worker.redactor.text
    return replace(
        fault,
        error=clean(fault.error, most=ERROR_NAME),
        message=clean(fault.message),
        traceback=clean(fault.traceback),
    )


def write_fault(
    status: OwnEnd,
    fault: Fault,
    work: Work,
    worker: Worker,
    *,
    checks: tuple[CheckResult, ...] = (),
) -> bool:
    """Write the fault to the attempt's row. False: the attempt was taken from us."""
    fault = redacted(fault, worker)
    order, usage = work.order, work.began.usage.most(work.meter.usage())
    fault_fields = (fault.error, fault.message, fault.traceback)
    row = AttemptFinished(
        order.run,
        order.ripple,
        order.attempt,
        status,
        worker.clock.now(),
        *fault_fields,
        usage=usage,
        used=plus(work.began.used, work.meter.report(ROW_WRITTEN)),
        checks=checks,
    )
    return worker.history.finished(order.line, row)


def _succeed(done: Done, work: Work, worker: Worker) -> Answer:
    order, tables, usage = work.order, done.tables, work.began.usage.most(work.meter.usage())
    now = worker.clock.now()
    row = AttemptFinished(
        order.run,
        order.ripple,
        order.attempt,
        "success",
        now,
        message=in_words(done.checks),
        tables=tables,
        usage=usage,
        reads=done.reads,
        used=plus(work.began.used, work.meter.report(ROW_WRITTEN, LETTER_SENT)),
        checks=done.checks,
        lineage=done.lineage,
        package=work.package,
    )
    if not worker.history.finished(order.line, row):
        return abandon(order, worker, work)
    signal = RippleSucceeded(
        run=order.run,
        ripple=order.ripple,
        attempt=order.attempt,
        tables=tables,
        skipped=done.skipped,
        seconds=usage.seconds,
        peak_mib=usage.peak_mib,
        function_seconds=worker.function.seconds,
        function_mib=worker.function.memory_mib,
        kept=done.kept,
        dropped=done.dropped,
        warnings=warnings_of(done.checks),
        positions=done.positions,
        found=work.found,
        arrivals=done.arrivals,
    )
    worker.mailbox.send(
        [
            Letter(
                order.line,
                signal,
                f"{run_key(order.line, order.run)}-{order.ripple}-{order.attempt}-ok",
            )
        ]
    )
    written = {
        "tables": len(tables),
        "rows": sum(table.rows for table in tables.values()),
        "skipped": done.skipped,
    }
    worker.log.info(
        "ripple succeeded", extra={**written, "seconds": usage.seconds, "peak_mib": usage.peak_mib}
    )
    return {"outcome": "ok"}


def _pause(paused: Pauses, discarded: Sequence[str], work: Work, worker: Worker) -> Answer:
    """The state machine waits, and calls again. A pause that would begin after the deadline ends
    the attempt.
    """
    order, now = work.order, worker.clock.now()
    if (left := (work.deadline - now).total_seconds()) <= 0:
        return out_of_time(work, worker)
    seconds = spaced(paused.seconds, pauses=order.pauses, ripples=work.ripples, left=left)
    usage = work.began.usage.most(work.meter.usage())
    used = plus(work.began.used, work.meter.report(ROW_WRITTEN, _PAUSED))
    row = AttemptPaused(
        order.run, order.ripple, order.attempt, now + timedelta(seconds=seconds), usage, used
    )
    if not worker.history.paused(order.line, row):
        return abandon(order, worker, work)
    if discarded:
        worker.log.warning(
            "a pause drops the tables that were written before it",
            extra={"tables": list(discarded)},
        )
    worker.log.info(
        "ripple pauses",
        extra={"seconds": seconds, "asked": paused.seconds, "pauses": work.began.pauses + 1},
    )
    return {"outcome": "paused", "seconds": seconds}
