"""One step of a line: apply one signal to its state.

``receive`` records the fact that a signal carries. ``settle`` then applies the rules until none
fires. A rule sees only what is true now, never the order in which facts arrived. ``publish_report``
sends the Sinks what has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple, assert_never

from duckstring.engine import (
    arrivals,
    asking,
    compute,
    delays,
    demand,
    gates,
    restored,
    ripples,
    runs,
    staleness,
    tables,
    tokens,
    verbs,
    visible,
)
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
    ClaimsAsked,
    ComputePinned,
    Deployed,
    ExecutionEnded,
    GateReached,
    HoldSet,
    ObjectArrived,
    Ordered,
    PrioritySet,
    PullReceived,
    Removed,
    Republished,
    Restored,
    RippleSucceeded,
    Signal,
    SinkAttached,
    SinkDetached,
    SourceTold,
    StaleBoundSet,
    TableRemoved,
    TargetReceived,
    TokensGranted,
    Triggered,
    WindowAdded,
    WindowOpened,
    WindowRemoved,
)
from duckstring.engine.state import (
    Health,
    PondState,
    RippleState,
    SaidKind,
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
from duckstring.model.limits import MOST_PRIORITY, MOST_SINKS
from duckstring.model.names import Line
from duckstring.model.said import Said
from duckstring.model.said import bounded as bounded_words
from duckstring.model.triggers import TriggerKind
from duckstring.model.values import replace

_SKEW = timedelta(seconds=2)
"""An alarm that rings early by no more than this is cleared and set again. One that rings earlier
still was meant for an older date.
"""

_SOON = timedelta(seconds=1)
"""The shortest time to an alarm. A new alarm must not be mistaken for the previous one."""


_NOTED: Mapping[TriggerKind, SaidKind] = {"tap": "tap", "pulse": "pulse"}
"""Triggers that are asked for once. All others change the standing one."""


class Step(NamedTuple):
    """The result of a step: the line's new state, and the effects in order."""

    state: PondState
    effects: tuple[Effect, ...]


def step(state: PondState, signal: Signal, now: Instant) -> Step:
    """Advance one line by one signal.

    The function is pure and total: no clock, no input or output, no exception. A repeated signal
    does no more than the passing of time would.
    """
    return steps(state, (signal,), now)


def steps(state: PondState, signals: Iterable[Signal], now: Instant) -> Step:
    """Advance one line by several signals, as if by one step each, but report to the Sinks only
    once.

    The exception is a change of being down. A line that was down for a moment has dropped demand,
    so its Sinks must learn of it to ask again.
    """
    turn = Turn(state, now)
    last = _public(turn)
    for signal in signals:
        receive(turn, signal)
        if turn.blocked != last.is_down:  # a deploy that waits for this failure is to clear it
            last = publish_report(turn, last)
        settle(turn)
        turn.reporter = None
        turn.finished = ""
        turn.reissued_at = NEVER
        if turn.blocked != last.is_down:
            last = publish_report(turn, last)
    publish_report(turn, last)
    if turn.watch is not None or turn.stale_bound is not None or isinstance(turn.trigger, Tide):
        staleness.look(turn)
    tokens.tell_limits(turn)
    _set_alarm(turn)
    return Step(turn.freeze(), tuple(turn.effects))


def receive(turn: Turn, signal: Signal) -> None:  # noqa: C901, PLR0912, PLR0915 - one arm a signal
    """Record a fact. A fact that is not newer than the last one of its sender is dropped here."""
    match signal:
        case RippleSucceeded():  # the most frequent signals come first
            ripples.finish_ripple(turn, signal)
        case GateReached():
            ripples.end_attempt_badly(turn, signal)
            gates.reach_gate(turn, signal)
        case SourceTold():
            _take_report(turn, signal)
        case PullReceived():
            if _is_news(turn, signal.sink, signal.stamp):
                demand.take_sinks_pull(turn, signal)
        case TargetReceived():
            if _is_news(turn, signal.sink, signal.stamp):
                demand.take_target(turn, signal.epoch)
        case TokensGranted():
            tokens.take_grant(turn, signal)
        case ExecutionEnded():
            ripples.lose_execution(
                turn, run=signal.run, launch=signal.launch, status=signal.status, cause=signal.cause
            )
        case Triggered():
            _trigger(turn, signal)
        case ObjectArrived():
            arrivals.take_arrival(turn, signal)
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
        case HoldSet():
            verbs.hold(turn, signal)
        case BudgetSet():
            verbs.set_budgets(turn, signal)
        case PrioritySet():
            turn.priority = min(signal.priority, MOST_PRIORITY)
        case ClaimsAsked():
            turn.doubted |= {signal.limit}
        case ComputePinned():
            compute.pin(turn, signal)
        case WindowAdded():
            verbs.add_window(turn, signal.window)
        case WindowRemoved():
            verbs.remove_window(turn, signal.name)
        case TableRemoved():
            tables.remove_table(turn, signal.table)
        case Republished():
            tables.publish_again(turn, signal)
        case Removed():
            verbs.remove_line(turn, signal.at)
        case Restored():
            restored.say_again(turn, signal.at, _report(turn))
        case StaleBoundSet():
            turn.stale_bound = signal.bound
        case WindowOpened():
            pass  # what is open follows from now
        case AlarmRang():
            if turn.alarm is not None and turn.alarm <= turn.now + _SKEW:
                turn.alarm = None
        case _:
            assert_never(signal)


def _is_news(turn: Turn, sink: Line, stamp: Stamp) -> bool:
    last_stamp = turn.sinks.get(sink)
    if last_stamp is None and len(turn.sinks) >= MOST_SINKS:
        return False
    if last_stamp is not None and stamp <= last_stamp:
        return False
    turn.put_sink(sink, stamp)
    return True


def _take_report(turn: Turn, signal: SourceTold) -> None:
    view = turn.sources.get(signal.source)
    if view is None or signal.stamp <= view.heard:
        return
    report = bounded(signal.report)
    starts_over = report.end_f < view.report.end_f
    if starts_over:
        turn.published_artifact = ""  # what was read from it is gone: the next run may not pass
        visible.forget_source(turn, signal.source)
    turn.put_source(
        replace(
            view,
            report=report,
            taken=NEVER if starts_over else view.taken,
            asked=NEVER if starts_over else view.asked,
            heard=signal.stamp,
            former=max(view.former, view.report.snapshot) if starts_over else view.former,
        )
    )
    turn.reporter = signal.source
    now = turn.sources[signal.source]
    if view.report.down and not report.down and view.optional:
        if not turn.blocked:
            demand.solicit_again(turn)
        elif turn.health == "failed":  # it may have dropped what our retry needs
            asking.ask_helped(turn, now)
    elif now.is_retried and not view.is_retried:
        asking.ask_helped(turn, now)  # it may have dropped, or never received, our demand


def _trigger(turn: Turn, asked: Triggered) -> None:
    runs.wake_up(turn, unless=asked.kind == "remove")
    turn.note(
        _NOTED.get(asked.kind, "trigger"), bounded_words(Said(asked.epoch, asked.by, asked.note))
    )
    match asked.kind:
        case "tap":
            is_answered = (
                turn.is_inlet and not turn.is_windowed and asked.epoch <= turn.start_f <= turn.now
            )
            if is_answered and turn.release is not None and not turn.blocked:
                demand.own_tap(turn, asked.epoch)
            else:
                demand.take_pull(
                    turn,
                    asked.epoch,
                    turn.end_f,
                    is_starving=True,
                    reissued_at=asked.epoch,
                    own=True,
                )
        case "wave":
            turn.trigger = Wave()
            demand.take_pull(
                turn, asked.epoch, turn.end_f, is_starving=True, reissued_at=asked.epoch, own=True
            )
        case "pulse":
            demand.take_target(turn, asked.epoch)
        case "tide":
            turn.trigger = Tide(asked.bound) if asked.bound is not None else turn.trigger
            if turn.targets:  # a line above may have forgotten its demand
                demand.take_target(turn, asked.epoch)
        case "remove":
            turn.trigger = None
        case _:
            assert_never(asked.kind)


def _take_release(turn: Turn, release: Release) -> None:
    """Take up a deployed release. A release that is selected already does not wait for anything,
    unless there is a failure to clear.
    """
    selected = turn.next_release or turn.release
    is_same = selected is not None and replace(selected, deployed=release.deployed) == release
    if is_same and turn.next_release is None and turn.health != "failed":
        turn.release = release
    else:
        turn.next_release = release


def adopt_release(turn: Turn) -> bool:
    """Select the deployed version as soon as no run of another version is in flight. This starts
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
    visible.forget_ripples(turn)
    turn.voice = turn.may_ask
    if not turn.blocked:
        demand.solicit_again(turn)
    elif turn.health == "ok":
        asking.ask_helped(turn)
    return True


def _fresh(turn: Turn, spec: RippleSpec, before: Release | None) -> RippleState:
    """The state of a Ripple in the version just selected. The place that was learnt is kept, unless
    the author's hints have changed.
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
        uses=spec.uses,
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
    """If the line may ask more than before, ask again for what it wants, so that nothing stalls
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
    """Apply the rules, the first applicable one first, until none fires. Then answer the branches
    that have something to do.

    Every firing makes its rule inapplicable, so this ends. An answered branch may end a run that
    has failed, and so let rules fire again. No other rule depends on the gates.
    """
    while True:
        while fire(turn):
            pass
        if not gates.answer_gates(turn) or not runs.any_failed(turn):
            return


def fire(turn: Turn) -> bool:
    """Apply the first rule that applies, in this order. False: none does.

    The guard before each ``and`` repeats the rule's own check, to save a call. Most steps need none
    of these rules.
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
        or (runs_in_flight and tokens.ask_tokens(turn))
    )


class Public(NamedTuple):
    """What other lines and users see of a line."""

    report: SourceReport
    health: Health

    @property
    def is_down(self) -> bool:
        """Whether the line does not run."""
        return self.report.down is not None


def publish_report(turn: Turn, last: Public) -> Public:
    """Send every Sink the report if it differs from the ``last`` one, and announce a change of
    being blocked. Returns what is public now.
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
    delay_due = delays.delay_due(turn) if turn.runs else None
    if (
        turn.retry_at is None
        and not turn.windows
        and not isinstance(turn.trigger, Tide)
        and turn.watch is None
        and not may_be_ahead
        and delay_due is None
    ):
        return  # the usual case: nothing is due at any time
    dates = (
        demand.tide_due(turn),
        turn.retry_at,
        runs.opening_due(turn),
        asking.beyond_due(turn),
        staleness.stale_due(turn),
        delay_due,
    )
    due = [at for at in dates if at is not None and at > turn.now]
    if due and (turn.alarm is None or min(due) < turn.alarm or turn.alarm <= turn.now):
        turn.alarm = max(min(due), turn.now + _SOON)
        turn.emit(SetAlarm(turn.alarm))
