"""Pond Runs: starting, passing, completing and failing them. Rules: docs/engine.md, "Starting a Pond Run", "Faults"."""

from __future__ import annotations

from datetime import timedelta

from duckstring.engine.demand import just_after, take_pull
from duckstring.engine.effects import Announce, AnswerGate, PublishSnapshot, RecordRun, RunStatus, SendPull
from duckstring.engine.state import Failure, Run, Wave
from duckstring.engine.turn import Turn
from duckstring.model.instants import NEVER, ZERO, Instant
from duckstring.model.values import replace

FIRST_BACK_OFF = timedelta(seconds=60)
LONGEST_BACK_OFF = timedelta(hours=1)


def source_f(turn: Turn) -> Instant:
    """The freshness that a run started now would have; NEVER: it has nothing to run on."""
    if not turn.sources:
        newest = max(turn.pull or NEVER, turn.targets[-1] if turn.targets else NEVER)
        return newest if newest > turn.start_f else NEVER
    required = [view.end_f for view in turn.sources.values() if not view.optional]
    return min(required) if required else max(view.end_f for view in turn.sources.values())


def start_run(turn: Turn) -> bool:
    """Start a Pond Run if it is wanted and supplied."""
    if turn.release is None or turn.next_release is not None or turn.health == "killed":
        return False
    f = source_f(turn)
    if not _wanted(turn, f):
        return False
    _begin(turn, max(f, turn.now, just_after(turn.start_f)) if _is_retry_of_the_world(turn) else f)
    return True


def _wanted(turn: Turn, f: Instant) -> bool:
    if turn.health == "failed":
        if turn.failures > turn.source_retries:
            return False
        return _is_retry_of_the_world(turn) if turn.is_inlet else f > turn.start_f
    pushed = bool(turn.targets) and f >= turn.targets[0]
    pulled = turn.pull is not None and f > turn.start_f
    return pushed or pulled


def _is_retry_of_the_world(turn: Turn) -> bool:
    """A failed Inlet without Sources whose back-off is over: the outside world is its Source."""
    due = turn.retry_at
    return turn.health == "failed" and turn.is_inlet and due is not None and due <= turn.now


def _begin(turn: Turn, f: Instant) -> None:
    release = turn.release
    assert release is not None  # noqa: S101 - start_run checked
    prior_f, passes = turn.start_f, _passes(turn)
    rearm = turn.pull is not None and not turn.blocked
    pins = {line: view.snapshot for line, view in turn.sources.items()}
    for line, view in sorted(turn.sources.items()):
        turn.put_source(replace(view, taken=view.end_f))
        if rearm:
            turn.emit(SendPull(line, turn.now, view.end_f))
    turn.start_f = f
    turn.pull = None
    turn.retry_at = None
    turn.targets = tuple(t for t in turn.targets if t > f)
    turn.delay = max((v.delay for v in turn.sources.values() if v.end_f == f), default=ZERO)
    turn.runs_started += 1
    run = Run(
        number=turn.runs_started,
        f=f,
        prior_f=prior_f,
        delay=turn.delay,
        version=release.version,
        artifact=release.artifact,
        module=release.module,
        budget=turn.immediate_retries,
        started=turn.now,
        pins=pins,
    )
    if passes:
        _pass(turn, run)
        return
    turn.put_run(run)
    turn.launching.append(run.number)
    for ripple in tuple(turn.ripples.values()):
        turn.put_ripple(replace(ripple, targets=(*ripple.targets, f)))
    turn.emit(RecordRun(run.number, f, run.version, "running", run.started))


def _passes(turn: Turn) -> bool:
    """Nothing has changed of what this line last read, nor its code.

    Each Source is held against what was taken of *it*: a line that reads only optional Sources may be fresher than one
    of them, and would pass over its next change if its own freshness were the measure.
    """
    return (
        bool(turn.sources)
        and not turn.runs
        and turn.health == "ok"
        and turn.release is not None
        and turn.published_artifact == turn.release.artifact
        and not any(ripple.always_run for ripple in turn.ripples.values())
        and all(view.changed_f <= view.taken for view in turn.sources.values())
    )


def _pass(turn: Turn, run: Run) -> None:
    """The run completes at once with nothing executed; the published snapshot stays."""
    for ripple in tuple(turn.ripples.values()):
        turn.put_ripple(replace(ripple, start_f=run.f, end_f=run.f, pull=False, targets=()))
    turn.end_f = run.f
    turn.emit(RecordRun(run.number, run.f, run.version, "pass", run.started, turn.now, changed=False))
    _pull_again(turn)


def complete_runs(turn: Turn) -> bool:
    """Publish the newest run that every Ripple has reached, and with it all that it overtook."""
    reached = min((ripple.end_f for ripple in turn.ripples.values()), default=NEVER)
    if reached <= turn.end_f:
        return False
    done = sorted((r for r in turn.runs.values() if r.f <= reached and r.failure is None), key=lambda r: r.f)
    while done and done[-1].superseded:
        done.pop()
    if not done:
        return False
    newest = done[-1]
    outputs = {name: version for run in done for name, version in run.outputs.items()}
    changed = _changed(turn, done)
    turn.put_tables({**turn.tables, **outputs})
    turn.end_f = max(turn.end_f, newest.f)
    turn.changed_f = turn.end_f if changed else turn.changed_f
    turn.snapshot = newest.number
    turn.published_artifact = newest.artifact
    turn.emit(PublishSnapshot(newest.number, newest.f, turn.tables))
    _recover(turn, newest)
    for run in done:
        overtaken_by = newest.number if run.superseded else 0
        turn.emit(RecordRun(run.number, run.f, run.version, "success", run.started, turn.now, changed=changed, overtaken_by=overtaken_by))
        _let_go(turn, run)
        turn.drop_run(run.number)
    turn.emit(Announce("succeeded", "running", newest.f, run=newest.number))
    _pull_again(turn)
    return True


def _let_go(turn: Turn, run: Run) -> None:
    """A branch that still waits belongs to a Ripple that overtook this run: nobody else would ever answer it."""
    for name in sorted(run.waiting):
        turn.emit(AnswerGate(run.number, run.launch, name, "done"))


def _changed(turn: Turn, done: list[Run]) -> bool:
    """Whether these runs leave anything different from what is published, by fingerprint."""
    outputs = [version for run in done for version in run.outputs.values()]
    if not outputs:
        return not all(set(turn.ripples) <= run.skipped for run in done)
    before = turn.tables
    return any(v.table not in before or before[v.table].fingerprint != v.fingerprint for v in outputs)


def _recover(turn: Turn, run: Run) -> None:
    if run.f > turn.failed_f:
        turn.failures = 0
        if turn.health == "failed":
            turn.health, turn.failure, turn.retry_at = "ok", None, None


def _pull_again(turn: Turn) -> None:
    if isinstance(turn.trigger, Wave):
        take_pull(turn, turn.now, turn.end_f)


def fail_run(turn: Turn, run: Run, failure: Failure) -> None:
    """The run has failed, and every run that it had overtaken with it. What still runs finishes and is recorded."""
    fallen = [r for r in turn.runs.values() if r.number == run.number or (r.superseded and r.f < run.f and r.failure is None)]
    lost = {r.f for r in fallen}
    for dead in fallen:
        turn.put_run(replace(dead, failure=failure))
        _record_end(turn, dead, "failed", failure)
    numbers = {dead.number for dead in fallen}
    for ripple in tuple(turn.ripples.values()):
        waits = ripple.attempt is not None and ripple.attempt.run in numbers and not ripple.attempt.dispatched
        left = replace(ripple, targets=tuple(t for t in ripple.targets if t not in lost))
        turn.put_ripple(replace(left, attempt=None, start_f=left.end_f) if waits else left)
    previous = turn.health
    turn.health = "failed"
    turn.failed_f = max(turn.failed_f, run.f)
    turn.failures += 1
    turn.failure, turn.failed_run = failure, run.number
    turn.retry_at = turn.now + _back_off(turn.failures) if turn.is_inlet and turn.failures <= turn.source_retries else None
    turn.emit(Announce("failed", previous if previous != "ok" else "running", run.f, run=run.number, reason=failure.message))


def _back_off(failures: int) -> timedelta:
    doubled: int = 2 ** min(failures - 1, 10)
    return min(FIRST_BACK_OFF * doubled, LONGEST_BACK_OFF)


def _record_end(turn: Turn, run: Run, status: RunStatus, failure: Failure | None) -> None:
    turn.emit(RecordRun(run.number, run.f, run.version, status, run.started, turn.now, failure))


def bury_failed_runs(turn: Turn) -> bool:
    """A failed run is over when nothing of it runs any more and no branch of it waits."""
    busy = {ripple.attempt.run for ripple in turn.ripples.values() if ripple.attempt}
    over = [r for r in turn.runs.values() if r.failure and r.number not in busy and not r.waiting]
    for run in over:
        turn.drop_run(run.number)
    return bool(over)


def abandon_failure(turn: Turn) -> None:
    """Failed or killed to idle, without running: the run that was given up no longer counts as started."""
    if turn.health == "ok":
        return
    turn.health, turn.failure, turn.retry_at, turn.failures = "ok", None, None, 0
    turn.published_artifact = ""  # what the run given up had taken was never published: the next run may not pass
    turn.start_f = max((run.f for run in turn.runs.values() if run.failure is None), default=turn.end_f)
