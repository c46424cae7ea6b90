"""Pond Runs: starting, passing, completing and failing them. Rules: docs/engine.md, "Starting a
Pond Run", "Faults".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from duckstring.engine import tables, visible
from duckstring.engine.arrivals import ask_for_rest
from duckstring.engine.asking import lagging, order_next
from duckstring.engine.demand import hold_target, pull_again, started_f, take_target
from duckstring.engine.effects import Announce, AnswerGate, RecordRun, RunStatus
from duckstring.engine.state import Kept, RippleState, Run, Tide, Wave
from duckstring.engine.turn import Turn
from duckstring.model.checks import CHECK_FAILED
from duckstring.model.events import PondEvent
from duckstring.model.failures import Failure, shortened
from duckstring.model.instants import NEVER, ZERO, Instant, just_after
from duckstring.model.said import Said
from duckstring.model.shares import Wanted
from duckstring.model.values import replace
from duckstring.model.windows import next_opening, open_now

FIRST_BACK_OFF = timedelta(seconds=60)
LONGEST_BACK_OFF = timedelta(hours=1)

_KINDS: Mapping[str, PondEvent] = {"ContractError": "contract", CHECK_FAILED: "check"}
"""Failures that have an event of their own, by the name of the error."""

MOST_RUNS = 50
"""In flight. Every Pulse may start one, however quickly they come, and all of them lie in an item
of at most 400 KB. What is asked for beyond that is held, and one run satisfies it as soon as
another is over.
"""


def source_f(turn: Turn) -> Instant:
    """The freshness that a run started now would have. NEVER: there is nothing to run on."""
    if turn.is_windowed:
        found = open_now(turn.windows.values(), turn.now)
        return found.end if found else NEVER
    if not turn.sources:
        pull = (
            NEVER if turn.pull is None else max(turn.pull, just_after(turn.start_f))
        )  # even if this clock is behind
        target = (
            turn.targets[-1] if turn.targets and not _is_read(turn, turn.targets[-1]) else NEVER
        )
        newest = max(pull, turn.woken or NEVER, target)
        return newest if newest > turn.start_f else NEVER
    required = [view.report.end_f for view in turn.sources.values() if not view.optional]
    return min(required) if required else max(view.report.end_f for view in turn.sources.values())


def _is_read(turn: Turn, epoch: Instant) -> bool:
    """Whether a run in flight of an Inlet began to read no earlier than this was asked for. When it
    is done, it is fresh enough for this demand.

    So Pulses that come together share one run, and what is read is never older than the Pulse.
    """
    return any(
        run.started >= epoch and run.failure is None and not run.forced
        for run in turn.runs.values()
    )


def start_run(turn: Turn) -> bool:
    """Start a Pond Run if it is wanted and supplied."""
    if turn.pull is None and not turn.targets and turn.woken is None and turn.health == "ok":
        return False
    if not _may_start(turn):
        return False
    if is_forcing(turn) or len(turn.runs) >= MOST_RUNS:
        return False
    if turn.health == "failed":
        return _start_after_failure(turn)
    may_be_pushed, may_be_pulled = room(turn)
    f = source_f(turn) if may_be_pushed or may_be_pulled else NEVER
    pushed = bool(turn.targets) and f >= turn.targets[0]
    woken = turn.woken is not None and f >= turn.woken
    pulled = turn.pull is not None and may_be_pulled and not lagging(turn)
    if f <= turn.start_f or not (pulled or (may_be_pushed and (pushed or woken))):
        return False
    _begin(turn, f)
    return True


def _may_start(turn: Turn) -> bool:
    """Whether any run may start. Nothing that is asked for is dropped if not."""
    return (
        turn.release is not None
        and turn.next_release is None
        and turn.health != "killed"
        and not turn.hold.on
    )


def room(turn: Turn) -> tuple[bool, bool]:
    """Whether a pushed run may begin, and whether a pulled one may.

    A run that begins while its root Ripples are busy would only grow old. In a chain of Ripples
    each one takes the newest run that waits, so a pushed run begins once the root is at rest.
    Parallel Ripples would not take the same runs: pushes could go on without any run being
    completed by all of them. There a pushed run begins once no run is in flight. A pulled run
    begins only after the previous output has been taken.
    """
    is_chain, roots_rest, above = True, True, ""
    for name, ripple in turn.ripples.items():
        if not ripple.parents:
            roots_rest = roots_rest and ripple.attempt is None and not ripple.targets
        if above and above not in ripple.parents:
            is_chain = False
        above = name
    return (_root_rests(turn) if is_chain else not in_flight(turn)), roots_rest


def _root_rests(turn: Turn) -> bool:
    """Whether the root of a chain is at rest. A run that begins then replaces the older waiting
    runs.
    """
    root = next(iter(turn.ripples.values()), None)
    return root is None or root.attempt is None


def in_flight(turn: Turn) -> bool:
    """Whether a run is in flight that has not failed."""
    for run in turn.runs.values():  # noqa: SIM110 - asked at every step of demand; a generator costs more than the answer
        if run.failure is None:
            return True
    return False


def _start_after_failure(turn: Turn) -> bool:
    """Start a fresh run after a failure, when Sources have newer output. For an Inlet the outside
    world is the Source: it starts after a back-off, while its Window is open.

    Only one run at a time: two in flight could both fail, which would be one try too many.
    """
    if turn.failures > turn.source_retries or turn.asleep or turn.starved or in_flight(turn):
        return False
    f = source_f(turn)
    if turn.is_inlet:
        if turn.retry_at is None or turn.retry_at > turn.now or (turn.is_windowed and f == NEVER):
            return False
        f = max(f, just_after(turn.start_f), NEVER if turn.is_windowed else turn.now)
    if f <= turn.start_f:
        return False
    _begin(turn, f)
    return True


def start_forced(turn: Turn) -> bool:
    """Run again at the published freshness, once nothing is in flight. The freshness does not
    advance, and no Sink runs because of it.
    """
    if not turn.force or turn.runs or not _may_start(turn):
        return False
    turn.force = False
    abandon_failure(turn)
    _take_all(turn)
    turn.put_all_ripples(
        {name: replace(ripple, start_f=NEVER, end_f=NEVER) for name, ripple in turn.ripples.items()}
    )
    _launch(turn, _new_run(turn, turn.end_f, prior_f=NEVER, delay=turn.delay, forced=True))
    return True


def is_forcing(turn: Turn) -> bool:
    """Whether a forced run waits or is in flight. A newer run would overtake it before it had done
    anything.
    """
    if turn.force:
        return True
    for run in turn.runs.values():  # noqa: SIM110 - asked at every step of demand; a generator costs more than the answer
        if run.forced and run.failure is None:
            return True
    return False


def opening_due(turn: Turn) -> Instant | None:
    """When the Window opens that waiting demand, or a failed Inlet's retry, waits for. None:
    nothing waits for an opening.

    A line that is down for good starts nothing, no matter how much is asked of it.
    """
    if not turn.is_windowed or turn.release is None or turn.health == "killed":
        return None
    wanted = turn.pull is not None or turn.woken is not None or bool(turn.targets)
    needs_opening = turn.has_tries if turn.health == "failed" else wanted
    opening = next_opening(turn.windows.values(), turn.now) if needs_opening else None
    return opening.start if opening else None


def _begin(turn: Turn, f: Instant) -> None:
    prior_f, passes = turn.start_f, _passes(turn)
    rearm = turn.pull is not None and not turn.blocked
    run = _for_what(turn, _new_run(turn, f, prior_f=prior_f, delay=_delay(turn, f), forced=False))
    _take_all(turn)
    if rearm:
        order_next(turn)
    turn.start_f = f
    turn.pull = turn.woken = turn.retry_at = None
    turn.asking = turn.urgent = turn.tapped = False
    turn.targets = tuple(t for t in turn.targets if t > f)
    if passes:
        _pass(turn, run)
    else:
        _launch(turn, run)


def _for_what(turn: Turn, run: Run) -> Run:
    """The run with the demand that it begins for. A retry also serves the demand that came while
    the line was down.
    """
    pull, tapped, target = turn.pull, turn.tapped, NEVER
    if turn.health != "ok" and turn.kept is not None:
        pull, tapped, turn.kept = max(pull or NEVER, turn.kept.epoch), tapped or turn.kept.own, None
    for epoch in turn.targets:
        if epoch <= run.f:
            target = epoch
    return replace(run, pull=pull, tapped=tapped, target=target, woken=turn.woken)


def _take_all(turn: Turn) -> None:
    """A run reads what the Sources have now."""
    turn.put_all_sources(
        {line: replace(view, taken=view.report.end_f) for line, view in turn.sources.items()}
    )


def _delay(turn: Turn, f: Instant) -> timedelta:
    """How long before ``f`` the data may have been read: the length of the Window that it came
    through.
    """
    if turn.is_windowed:
        found = open_now(turn.windows.values(), turn.now)
        return found.end - found.start if found else ZERO
    return max((v.report.delay for v in turn.sources.values() if v.report.end_f == f), default=ZERO)


def _new_run(turn: Turn, f: Instant, *, prior_f: Instant, delay: timedelta, forced: bool) -> Run:
    release = turn.release
    assert release is not None  # noqa: S101 - the callers checked
    turn.runs_started += 1
    return Run(
        number=turn.runs_started,
        f=f,
        prior_f=prior_f,
        delay=delay,
        version=release.version,
        artifact=release.artifact,
        module=release.module,
        budget=turn.immediate_retries,
        started=turn.now,
        forced=forced,
        pins={line: view.report.snapshot for line, view in turn.sources.items()},
        arrived=turn.arrived,
    )


def _launch(turn: Turn, run: Run) -> None:
    turn.put_run(run)
    turn.launching.append(run.number)
    turn.put_all_ripples(
        {
            name: replace(ripple, targets=(*ripple.targets, run.f))
            for name, ripple in turn.ripples.items()
        }
    )
    turn.emit(
        _with_why(turn, run, RecordRun(run.number, run.f, run.version, "running", run.started))
    )


def _with_why(turn: Turn, run: Run, row: RecordRun) -> RecordRun:
    """The row of a run that begins, with what it reads, what it began for, and who asked."""
    wanted = _wanted(turn, run)
    asked = {at for at in (run.pull, run.target) if at is not None and at > NEVER}
    said = _who_said(turn, run, wanted)
    return replace(row, pins=run.pins, wanted=wanted, said=said, asked=tuple(sorted(asked)))


def _who_said(turn: Turn, run: Run, wanted: Wanted) -> Said | None:
    """Who asked this very line. None: nobody did, or who it was is not known."""
    match wanted:
        case "tide" | "wave":
            return turn.said.get("trigger")
        case "push":
            said = turn.said.get("pulse")
            return said if said and said.at == run.target else None
        case "pull":
            return None
        case _:
            return turn.said.get(wanted)


def _wanted(turn: Turn, run: Run) -> Wanted:
    """What the run begins for, as far as the line knows."""
    if run.forced:
        return "force"
    if run.woken is not None:
        return "wake"
    if isinstance(turn.trigger, Tide) and run.target > NEVER:
        return "tide"
    if isinstance(turn.trigger, Wave) and run.pull is not None:
        return "wave"
    if run.tapped:
        return "tap"
    return "push" if run.target > NEVER else "pull"


def _passes(turn: Turn) -> bool:
    """Whether neither what this line last read nor its code has changed.

    Each Source is compared with what was taken of *it*. A line that reads only optional Sources may
    be fresher than one of them, and would miss its next change if its own freshness were compared.
    """
    return (
        bool(turn.sources)
        and not turn.runs
        and turn.health == "ok"
        and turn.release is not None
        and turn.published_artifact == turn.release.artifact
        and not any(ripple.always_run for ripple in turn.ripples.values())
        and all(view.report.changed_f <= view.taken for view in turn.sources.values())
    )


def _pass(turn: Turn, run: Run) -> None:
    """Complete the run at once without executing anything. The published snapshot stays."""
    for ripple in tuple(turn.ripples.values()):
        turn.put_ripple(replace(ripple, start_f=run.f, end_f=run.f, pull=False, targets=()))
    _advance(turn, run, changed=False)
    row = RecordRun(run.number, run.f, run.version, "pass", run.started, turn.now, changed=False)
    turn.emit(_with_why(turn, run, row))
    pull_again(turn)


def complete_runs(turn: Turn) -> bool:
    """Publish the newest run that every Ripple has reached, and complete all the runs that it
    overtook.
    """
    end_f = turn.end_f
    for ripple in reversed(turn.ripples.values()):  # leaves first: usually they are the ones behind
        if ripple.end_f < end_f or (ripple.end_f == end_f and not _has_forced(turn)):
            return False
    reached = min((ripple.end_f for ripple in turn.ripples.values()), default=NEVER)
    done = sorted(
        (r for r in turn.runs.values() if r.f <= reached and r.failure is None), key=lambda r: r.f
    )
    while done and done[-1].superseded:
        done.pop()
    if not done:
        return False
    if breaches := tables.contents_after(turn, done).breaches:
        fail_run(turn, done[-1], shortened(tables.breach(turn, done[-1], breaches)))
        return True
    newest = done[-1] = _as_fresh_as_it_began(turn, done[-1])
    contents = tables.contents_after(turn, done)
    changed = bool(contents.gone) or _changed(turn, done)
    _advance(turn, newest, changed=changed)
    turn.snapshot_f = newest.f
    gone = [
        line
        for line, view in turn.sources.items()
        if view.report.snapshot < newest.pins.get(line, 0)
    ]
    turn.published_artifact = (
        "" if gone else newest.artifact
    )  # what it read was removed meanwhile: the next run may not pass
    visible.publish_positions(turn, done, gone=gone)
    turn.held_f = NEVER
    tables.publish(
        turn,
        contents,
        snapshot=newest.number,
        version=newest.version,
        warnings=newest.warnings,
    )
    _recover(turn, newest)
    for run in done:
        overtaken_by = newest.number if run.superseded else 0
        turn.emit(
            RecordRun(
                run.number,
                run.f,
                run.version,
                "success",
                run.started,
                turn.now,
                changed=changed,
                overtaken_by=overtaken_by,
                warnings=run.warnings,
            )
        )
        _let_go(turn, run)
        turn.drop_run(run.number)
    warned = tuple(one.check for one in newest.warnings)
    turn.emit(Announce("succeeded", "running", newest.f, run=newest.number, warnings=warned))
    ask_for_rest(turn, done)
    pull_again(turn)
    return True


def _as_fresh_as_it_began(turn: Turn, run: Run) -> Run:
    """The run, at the newest epoch that was asked of an Inlet meanwhile and that lies before the
    run's start (``_is_read``).
    """
    if turn.sources or turn.windows or run.forced or run.f < turn.start_f or not turn.targets:
        return run
    f = max((epoch for epoch in turn.targets if epoch <= run.started), default=NEVER)
    if f <= run.f:
        return run
    for ripple in tuple(turn.ripples.values()):
        last_held = f if ripple.last_held == run.f else ripple.last_held
        turn.put_ripple(replace(ripple, start_f=f, end_f=f, last_held=last_held))
    turn.start_f = f
    turn.targets = tuple(epoch for epoch in turn.targets if epoch > f)
    return replace(run, f=f)


def _has_forced(turn: Turn) -> bool:
    for run in turn.runs.values():  # noqa: SIM110 - asked at every step; a generator costs more than the answer
        if run.forced:
            return True
    return False


def _advance(turn: Turn, run: Run, *, changed: bool) -> None:
    """Move to the run's freshness. What a forced run changed shows at the next one: Sinks have
    taken this one already.
    """
    if run.f <= turn.end_f:
        turn.restated = turn.restated or changed
        return
    turn.end_f, turn.delay = run.f, run.delay
    if changed or turn.restated:
        turn.changed_f, turn.restated = run.f, False


def _let_go(turn: Turn, run: Run) -> None:
    """Answer a branch that still waits. Its Ripple overtook this run, so nothing else would ever
    answer it.
    """
    for name in sorted(run.waiting):
        turn.emit(AnswerGate(run.number, run.launch, name, "done"))


def _changed(turn: Turn, done: list[Run]) -> bool:
    """Whether these runs leave anything different from what is published, by fingerprint."""
    outputs = [version for run in done for version in run.outputs.values()]
    if not outputs:
        writers = turn.ripples.keys() - {turn.release.check_ripple if turn.release else ""}
        return not all(writers <= run.skipped for run in done)
    before = turn.tables
    return any(
        v.table not in before or before[v.table].fingerprint != v.fingerprint for v in outputs
    )


def _recover(turn: Turn, run: Run) -> None:
    if run.f > turn.failed_f:
        turn.failures = 0
        if turn.health == "failed":
            turn.health, turn.failure, turn.retry_at = "ok", None, None


def fail_run(turn: Turn, run: Run, failure: Failure) -> None:
    """Fail the run and every run that it had overtaken. Attempts that still run finish and are
    recorded.
    """
    fallen = [
        r
        for r in turn.runs.values()
        if r.number == run.number or (r.superseded and r.f < run.f and r.failure is None)
    ]
    lost = {r.f for r in fallen}
    for dead in fallen:
        turn.put_run(replace(visible.note_watchers(turn, dead), failure=failure))
        _record_end(turn, dead, "failed", failure)
    for dead in sorted(fallen, key=lambda r: -r.number):
        for name in turn.ripples:
            visible.hand_on(turn, turn.runs[dead.number], name)
    numbers = {dead.number for dead in fallen}
    for ripple in tuple(turn.ripples.values()):
        has_not_begun = (
            ripple.attempt is not None
            and ripple.attempt.run in numbers
            and not ripple.attempt.dispatched
        )
        left = replace(ripple, targets=tuple(t for t in ripple.targets if t not in lost))
        if left.end_f in lost:
            left = replace(left, end_f=_undone(turn, left))
        turn.put_ripple(at_rest(turn, left) if has_not_begun or left.attempt is None else left)
    previous = turn.health
    turn.health = "failed"
    turn.failed_f = max(turn.failed_f, run.f)
    turn.failures += 1
    turn.failure, turn.failed_run, turn.retry_at = failure, run.number, None
    _give_back(turn, fallen)
    plan_retry(turn, at_once=True)
    before = previous if previous != "ok" else "running"
    turn.emit(Announce("failed", before, run.f, run=run.number, reason=failure.message))
    if (kind := _KINDS.get(failure.error)) is not None:
        turn.emit(Announce(kind, before, run.f, run=run.number, reason=failure.message))


def _give_back(turn: Turn, fallen: list[Run]) -> None:
    """Give back the demand of failed runs: to a newer run in flight, or else to the next run."""
    pull = max((run.pull for run in fallen if run.pull is not None), default=None)
    tapped, target = any(run.tapped for run in fallen), max(run.target for run in fallen)
    woken = max((run.woken for run in fallen if run.woken is not None), default=None)
    newer = [
        r
        for r in turn.runs.values()
        if r.failure is None and not r.forced and r.f > max(run.f for run in fallen)
    ]
    if newer:
        heir = max(newer, key=lambda r: r.f)
        turn.put_run(
            replace(
                heir,
                pull=_newest(heir.pull, pull),
                tapped=heir.tapped or tapped,
                target=max(heir.target, target),
                woken=_newest(heir.woken, woken),
            )
        )
        return
    turn.woken = _newest(turn.woken, woken)
    if target > started_f(turn):
        hold_target(turn, target)
    if pull is not None:
        kept = turn.kept or Kept(NEVER)
        turn.kept = Kept(max(kept.epoch, pull), kept.own or tapped, kept.anew)


def _newest(one: Instant | None, other: Instant | None) -> Instant | None:
    return max(one, other) if one is not None and other is not None else one or other


def _undone(turn: Turn, ripple: RippleState) -> Instant:
    """The freshness of a Ripple after a failed run. Its work is never published, and a later run
    may have the same freshness, so it must be done again.
    """
    return max(
        (r.f for r in turn.runs.values() if r.failure is None and r.f < ripple.end_f),
        default=turn.end_f,
    )


def at_rest(turn: Turn, ripple: RippleState) -> RippleState:
    """The Ripple without an attempt. Its freshness stays, but is at least that of what is
    published, in case a forced run set it back.
    """
    rested = max(ripple.end_f, turn.end_f)
    return replace(ripple, attempt=None, start_f=rested, end_f=rested)


def plan_retry(turn: Turn, *, at_once: bool = False) -> bool:
    """When a failed line that has a try left tries again (an Inlet), or asks its Sources for
    something to try with.

    ``at_once``: also while a newer run is in flight.
    """
    planned = turn.retry_at
    if not turn.has_tries or turn.asleep or not _lacks(turn):
        turn.retry_at = None
    elif planned is None and (
        at_once or all(run.failure is not None for run in turn.runs.values())
    ):
        turn.retry_at = turn.now + _back_off(turn.failures)
        if (
            not turn.is_inlet
        ):  # a Window may put our freshness into the future, and nobody has newer before then
            turn.retry_at = max(turn.retry_at, just_after(turn.start_f))
    return turn.retry_at != planned


def _lacks(turn: Turn) -> bool:
    """Whether a retry has no plan yet. An Inlet's retry always needs one. Any other line needs one
    if it is wanted and has not asked its Sources yet.
    """
    if turn.is_inlet:
        return True
    if turn.has_asked_to_retry:
        return False
    return (
        bool(turn.targets)
        or turn.pull is not None
        or turn.kept is not None
        or turn.trigger is not None
    )


def ask_to_retry(turn: Turn) -> bool:
    """A line that failed asks its Sources, once for each failure, for something newer than it
    failed on. Each Source runs once for it.
    """
    if turn.is_inlet or turn.retry_at is None or turn.retry_at > turn.now:
        return False
    turn.retry_at = None
    take_target(turn, max(turn.now, just_after(turn.start_f)))
    return True


def wake_up(turn: Turn, *, unless: bool = False) -> None:
    """A line that was put to sleep is wanted again. What had failed may be tried again."""
    if turn.asleep and not unless:
        turn.asleep = False


def _back_off(failures: int) -> timedelta:
    doubled: int = 2 ** min(failures - 1, 10)
    return min(FIRST_BACK_OFF * doubled, LONGEST_BACK_OFF)


def _record_end(turn: Turn, run: Run, status: RunStatus, failure: Failure | None) -> None:
    turn.emit(RecordRun(run.number, run.f, run.version, status, run.started, turn.now, failure))


def drop_finished_failures(turn: Turn) -> bool:
    """Drop each failed run that is over: nothing of it runs any more, no branch of it waits, and no
    attempt that may have seen its tables is at work.
    """
    if not any_failed(turn):
        return False
    failed = [run for run in turn.runs.values() if run.failure is not None and not run.waiting]
    busy = {ripple.attempt.run for ripple in turn.ripples.values() if ripple.attempt}
    over = [run for run in failed if run.number not in busy and not visible.is_watched(turn, run)]
    for run in over:
        turn.drop_run(run.number)
    return bool(over)


def any_failed(turn: Turn) -> bool:
    """Whether a run that has failed is still in flight."""
    for run in turn.runs.values():  # noqa: SIM110 - asked at every step; a generator costs more than the answer
        if run.failure is not None:
            return True
    return False


def abandon_failure(turn: Turn) -> None:
    """Go from failed or killed to idle without running. The abandoned run no longer counts as
    started.
    """
    if turn.health == "ok":
        return
    turn.health, turn.failure, turn.retry_at, turn.failures = "ok", None, None, 0
    turn.published_artifact = (
        ""  # what the abandoned run took was never published: the next run may not pass
    )
    turn.start_f = max(
        (run.f for run in turn.runs.values() if run.failure is None), default=turn.end_f
    )
