"""The centre of the house: one Pond, one signal, one step.

``receive`` writes down the fact that a signal carries. ``settle`` then applies the rules until none
fires; a rule sees only what is true now, never what came first. ``publish_report`` sends the Sinks
what is new about us.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple, assert_never

from duckstring.engine import asking, compute, demand, gates, ripples, runs, tables, verbs
from duckstring.engine.effects import (
    Announce,
    AttachTo,
    DetachFrom,
    Effect,
    SetAlarm,
    TellSink,
    TellSinks,
)
from duckstring.engine.signals import (
    AlarmRang,
    BudgetSet,
    ComputePinned,
    Deployed,
    ExecutionEnded,
    GateReached,
    Ordered,
    PullReceived,
    Removed,
    RippleSucceeded,
    Signal,
    SinkAttached,
    SinkDetached,
    SourceTold,
    TableRemoved,
    TargetReceived,
    Triggered,
    WindowAdded,
    WindowOpened,
    WindowRemoved,
)
from duckstring.engine.state import (
    Health,
    PondState,
    RippleState,
    SourceReport,
    SourceView,
    Stamp,
    Tide,
    Wave,
    bounded,
)
from duckstring.engine.turn import Turn
from duckstring.model.catalog import Release, RippleSpec
from duckstring.model.instants import NEVER, Instant, just_after
from duckstring.model.limits import MOST_SINKS
from duckstring.model.names import Line
from duckstring.model.values import replace

_SKEW = timedelta(seconds=2)
"""An alarm that rings this much early by our clock is set again; what rings earlier still was
meant for something past.
"""

_SOON = timedelta(seconds=1)
"""The least time to an alarm: one set again must not be taken for the one before it."""


class Step(NamedTuple):
    """What a step leaves: the line's new state, and what to do about it, in order."""

    state: PondState
    effects: tuple[Effect, ...]


def step(state: PondState, signal: Signal, now: Instant) -> Step:
    """Advance one line by one signal.

    Pure and total: no clock, no input or output, no exception. A signal that comes again does no
    more than the passing of time would.
    """
    return steps(state, (signal,), now)


def steps(state: PondState, signals: Iterable[Signal], now: Instant) -> Step:
    """Advance one line by several signals, as if by one step each; Sinks are told once.

    But for a change of being down: a line that was down for a moment has dropped demand, and must
    hear it again.
    """
    turn = Turn(state, now)
    last = _public(turn)
    for signal in signals:
        receive(turn, signal)
        if turn.blocked != last.is_down:  # a deploy that waits for this failure is to clear it
            last = publish_report(turn, last)
        settle(turn)
        turn.heard = None
        turn.finished = ""
        turn.anew = NEVER
        if turn.blocked != last.is_down:
            last = publish_report(turn, last)
    publish_report(turn, last)
    _set_alarm(turn)
    return Step(turn.freeze(), tuple(turn.effects))


def receive(turn: Turn, signal: Signal) -> None:  # noqa: C901, PLR0912, PLR0915 - one arm a signal
    """Write down a fact. Facts of a sender that are no news are dropped here."""
    match signal:
        case RippleSucceeded():  # what comes most often is looked for first
            ripples.finish_ripple(turn, signal)
        case GateReached():
            ripples.end_attempt_badly(turn, signal)
            gates.reach_gate(turn, signal)
        case SourceTold():
            _hear_source(turn, signal)
        case PullReceived():
            if _is_news(turn, signal.sink, signal.stamp):
                demand.take_sinks_pull(turn, signal)
        case TargetReceived():
            if _is_news(turn, signal.sink, signal.stamp):
                demand.take_target(turn, signal.epoch)
        case ExecutionEnded():
            ripples.lose_execution(
                turn, run=signal.run, launch=signal.launch, status=signal.status, cause=signal.cause
            )
        case Triggered():
            _trigger(turn, signal)
        case SinkAttached():
            if _is_news(turn, signal.sink, signal.stamp):
                turn.emit(TellSink(signal.sink, _report(turn)))
        case SinkDetached():
            if _is_news(turn, signal.sink, signal.stamp):
                turn.drop_sink(signal.sink)
                turn.awaited = False
        case Deployed():
            _take_release(turn, signal.release)
        case Ordered():
            verbs.obey(turn, signal)
        case BudgetSet():
            verbs.set_budgets(turn, signal)
        case ComputePinned():
            compute.pin(turn, signal)
        case WindowAdded():
            verbs.add_window(turn, signal.window)
        case WindowRemoved():
            verbs.remove_window(turn, signal.name)
        case TableRemoved():
            tables.remove_table(turn, signal.table)
        case Removed():
            verbs.remove_line(turn, signal.at)
        case WindowOpened():
            pass  # what is open follows from now
        case AlarmRang():
            if turn.alarm is not None and turn.alarm <= turn.now + _SKEW:
                turn.alarm = None
        case _:
            assert_never(signal)


def _is_news(turn: Turn, sink: Line, stamp: Stamp) -> bool:
    heard = turn.sinks.get(sink)
    if heard is None and len(turn.sinks) >= MOST_SINKS:
        return False
    if heard is not None and stamp <= heard:
        return False
    turn.put_sink(sink, stamp)
    return True


def _hear_source(turn: Turn, told: SourceTold) -> None:
    view = turn.sources.get(told.source)
    if view is None or told.stamp <= view.heard:
        return
    report = bounded(told.report)
    begins_anew = report.end_f < view.report.end_f
    if begins_anew:
        turn.published_artifact = ""  # what was read of it is gone: the next run may not pass
    turn.put_source(
        replace(
            view,
            report=report,
            taken=NEVER if begins_anew else view.taken,
            asked=NEVER if begins_anew else view.asked,
            heard=told.stamp,
        )
    )
    turn.heard = told.source
    now = turn.sources[told.source]
    if view.report.down and not report.down and view.optional:
        if not turn.blocked:
            demand.solicit_again(turn)
        elif turn.health == "failed":  # it may have dropped what we are to be tried again with
            asking.ask_helped(turn, now)
    elif now.is_retried and not view.is_retried:
        asking.ask_helped(turn, now)  # it may have dropped, or never heard, what we want of it


def _trigger(turn: Turn, asked: Triggered) -> None:
    runs.wake_up(turn, unless=asked.kind == "remove")
    match asked.kind:
        case "tap":
            is_answered = (
                turn.is_inlet and not turn.is_windowed and asked.epoch <= turn.start_f <= turn.now
            )
            if is_answered and turn.release is not None and not turn.blocked:
                demand.own_tap(turn, asked.epoch)
            else:
                demand.take_pull(
                    turn, asked.epoch, turn.end_f, waits=True, anew=asked.epoch, own=True
                )
        case "wave":
            turn.trigger = Wave()
            demand.take_pull(turn, asked.epoch, turn.end_f, waits=True, anew=asked.epoch, own=True)
        case "pulse":
            demand.take_target(turn, asked.epoch)
        case "tide":
            turn.trigger = Tide(asked.bound) if asked.bound is not None else turn.trigger
            if turn.targets:  # what they were asked for may be forgotten somewhere above
                demand.take_target(turn, asked.epoch)
        case "remove":
            turn.trigger = None
        case _:
            assert_never(asked.kind)


def _take_release(turn: Turn, release: Release) -> None:
    """Take up what is deployed. What is selected already has nothing to wait for, unless there
    is a failure to clear.
    """
    selected = turn.next_release or turn.release
    is_same = selected is not None and replace(selected, deployed=release.deployed) == release
    if is_same and turn.next_release is None and turn.health != "failed":
        turn.release = release
    else:
        turn.next_release = release


def adopt_release(turn: Turn) -> bool:
    """Select the deployed version, as soon as no run of another one is in flight. It starts
    nothing.
    """
    release = turn.next_release
    if release is None or turn.runs:
        return False
    before = turn.release
    turn.release, turn.next_release = release, None
    if before is None:
        turn.immediate_retries, turn.source_retries = (
            release.immediate_retries,
            release.source_retries,
        )
    if turn.health == "failed":
        runs.abandon_failure(turn)
    _bind_sources(turn)
    if (
        turn.woken is not None
    ):  # an Inlet waits for an epoch, any other line for something newer than it had
        turn.woken = max(turn.woken, turn.now) if turn.is_inlet else just_after(turn.start_f)
    turn.put_all_ripples({spec.name: _fresh(turn, spec, before) for spec in release.ripples})
    turn.voice = turn.may_ask
    if not turn.blocked:
        demand.solicit_again(turn)
    elif turn.health == "ok":
        asking.ask_helped(turn)
    return True


def _fresh(turn: Turn, spec: RippleSpec, before: Release | None) -> RippleState:
    """A Ripple of the version just selected. Where it runs was learnt, unless its author now
    says something else of that.
    """
    known = turn.ripples.get(spec.name)
    hints = {
        (one.timeout_seconds, one.memory_mib)
        for one in (before.ripples if before else ())
        if one.name == spec.name
    }
    keeps = known is not None and (spec.timeout_seconds, spec.memory_mib) in hints
    return RippleState(
        spec.name,
        spec.parents,
        spec.always_run,
        start_f=turn.end_f,
        end_f=turn.end_f,
        pull=turn.pull is not None,
        task_mib=known.task_mib if known and keeps else 0,
        measured=known.measured if known and keeps else False,
    )


def _bind_sources(turn: Turn) -> None:
    release = turn.release
    assert release is not None  # noqa: S101 - the caller has just set it
    old = turn.sources
    turn.put_all_sources(
        {
            spec.line: replace(
                old.get(spec.line) or SourceView(spec.line),
                minimum=spec.minimum,
                optional=spec.optional,
            )
            for spec in sorted(release.sources, key=lambda s: s.line)
        }
    )
    for line in turn.sources:
        turn.emit(AttachTo(line))
    for line in sorted(set(old) - set(turn.sources)):
        turn.emit(DetachFrom(line))


def revive(turn: Turn) -> bool:
    """A line that may ask more than before says again what it wants, so that nothing stalls
    after a recovery.
    """
    before, turn.voice = turn.voice, turn.may_ask
    if turn.voice <= before:
        return False
    if not turn.blocked:
        demand.solicit_again(turn)
    elif turn.starved:
        asking.ask_helped(turn)
    else:
        asking.send_newest_target(turn)
    return True


def settle(turn: Turn) -> None:
    """Apply the rules, first applicable first, until none fires, then let go the branches that this
    leaves something to do.

    Every firing makes its rule inapplicable, so this ends. A branch let go may end a run that has
    failed, and so fire rules again; no rule looks at the gates of any other.
    """
    while True:
        while fire(turn):
            pass
        if not gates.answer_gates(turn) or not runs.any_failed(turn):
            return


def fire(turn: Turn) -> bool:
    """Apply the first rule that applies, in this order; False: none does.

    What stands before an ``and`` its rules would see for themselves. Most steps need none of them,
    and a call is what costs.
    """
    runs_in_flight = bool(turn.runs)
    return (
        (runs_in_flight and runs.complete_runs(turn))
        or (turn.failed_run != 0 and runs.drop_finished_failures(turn))
        or (bool(turn.removing) and tables.publish_removals(turn))
        or (turn.next_release is not None and adopt_release(turn))
        or revive(turn)
        or (turn.trigger is not None and demand.mint_tide_target(turn))
        or (turn.force and runs.start_forced(turn))
        or runs.start_run(turn)
        or (turn.health == "failed" and (runs.plan_retry(turn) or runs.ask_to_retry(turn)))
        or asking.ask_sources(turn)
        or (turn.pull is not None and asking.ask_beyond(turn))
        or (runs_in_flight and ripples.start_ripples(turn))
    )


class Public(NamedTuple):
    """What the world sees of a line."""

    report: SourceReport
    health: Health

    @property
    def is_down(self) -> bool:
        """Whether the line does not run."""
        return self.report.down is not None


def publish_report(turn: Turn, last: Public) -> Public:
    """Send every Sink our report if it differs from the ``last``, and announce a change of being
    blocked. Returns what is public now.
    """
    public = _public(turn)
    if public == last:
        return last
    report, down = public.report, public.report.down
    if turn.sinks:
        turn.emit(TellSinks(report))
    if turn.release is None:
        return public
    if down is not None and not last.is_down and public.health == "ok":
        turn.emit(Announce("blocked", "ok", report.end_f, reason=down.reason))
    if last.is_down and down is None:
        previous = "blocked" if last.health == "ok" else last.health
        turn.emit(Announce("recovered", previous, report.end_f))
    return public


def _public(turn: Turn) -> Public:
    return Public(_report(turn), turn.health)


def _report(turn: Turn) -> SourceReport:
    down = turn.freeze().down if turn.blocked else None
    return SourceReport(turn.end_f, turn.changed_f, turn.delay, turn.snapshot, down)


def _set_alarm(turn: Turn) -> None:
    may_be_ahead = turn.pull is not None and turn.start_f >= turn.now
    if (
        turn.retry_at is None
        and not turn.windows
        and not isinstance(turn.trigger, Tide)
        and not may_be_ahead
    ):
        return  # as most of the time: nothing is due at any time
    dates = (demand.tide_due(turn), turn.retry_at, runs.opening_due(turn), asking.beyond_due(turn))
    due = [at for at in dates if at is not None and at > turn.now]
    if due and (turn.alarm is None or min(due) < turn.alarm or turn.alarm <= turn.now):
        turn.alarm = max(min(due), turn.now + _SOON)
        turn.emit(SetAlarm(turn.alarm))
