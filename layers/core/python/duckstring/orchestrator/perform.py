"""Perform effects: each is one port call. The order is the engine's: a branch is let go only
after what precedes it.
"""

from __future__ import annotations

from typing import assert_never

from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    AttachTo,
    CallOnKill,
    DetachFrom,
    DropSchedule,
    Effect,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    SendPull,
    SendTarget,
    SetAlarm,
    SetSchedule,
    StartRun,
    StopRun,
    StopTask,
    TellSink,
    TellSinks,
)
from duckstring.engine.letters import Letter
from duckstring.engine.signals import (
    PullReceived,
    Signal,
    SinkAttached,
    SinkDetached,
    SourceTold,
    TargetReceived,
)
from duckstring.engine.state import PondState, Stamp
from duckstring.model.limits import REASON, within
from duckstring.model.names import Line
from duckstring.orchestrator.ports import EffectPorts

_Sent = SendPull | SendTarget | AttachTo | DetachFrom | TellSink | TellSinks


def perform(state: PondState, outbox: tuple[Effect, ...], ports: EffectPorts) -> None:
    """Perform an outbox committed with ``state``; performing it again changes nothing.

    What starts or frees compute goes first and letters next, all in one batch: they are what others
    wait for. History and events follow. A task is stopped, and a killed Ripple told, after its
    attempt's row has said so.
    """
    letters = []
    late: list[tuple[Stamp, Effect]] = []
    for index, effect in enumerate(outbox):
        stamp = (state.revision, index)
        match effect:
            case SendPull() | SendTarget() | AttachTo() | DetachFrom() | TellSink() | TellSinks():
                letters += _letters(state, effect, stamp)
            case StartRun() | StopRun() | AnswerGate():
                _act(state.line, effect, ports)
            case RecordRun() | RecordAttempt() | StopTask() | CallOnKill():
                late.append((stamp, effect))
            case Announce() | SetAlarm() | SetSchedule() | DropSchedule() | PublishSnapshot():
                late.append((stamp, effect))
            case _:
                assert_never(effect)
    if letters:
        ports.mailbox.send(letters)
    for stamp, effect in late:
        _note(state, effect, stamp, ports)


def _act(line: Line, effect: StartRun | StopRun | AnswerGate, ports: EffectPorts) -> None:
    match effect:
        case StartRun():
            ports.executions.start(line, effect)
        case StopRun():
            ports.executions.stop(line, effect)
        case AnswerGate():
            ports.gates.answer(line, effect)
        case _:
            assert_never(effect)


def _note(state: PondState, effect: Effect, stamp: Stamp, ports: EffectPorts) -> None:  # noqa: C901 - one arm an effect
    match effect:
        case RecordRun():
            ports.history.record_run(state.line, effect)
        case RecordAttempt():
            ports.history.record_attempt(state.line, effect)
        case StopTask():
            ports.workers.stop_task(state.line, effect)
        case CallOnKill():
            ports.workers.call_on_kill(state.line, effect)
        case SetAlarm():
            ports.alarms.set(state.line, effect.at)
        case SetSchedule():
            ports.schedules.set(state.line, effect.window)
        case DropSchedule():
            ports.schedules.drop(state.line, effect.name)
        case Announce():
            version = state.release.version if state.release else ""
            ports.bus.announce(
                state.line,
                version,
                effect,
                key=f"{state.line}:{stamp[0]}:{stamp[1]}:{effect.event}",
            )
        case _:
            pass  # PublishSnapshot was committed together with the state


def _letters(state: PondState, effect: _Sent, stamp: Stamp) -> list[Letter]:
    """The key names the addressee: one effect may have many."""
    said = _signals(state, effect, stamp)
    return [
        Letter(to, signal, key=f"{state.line}>{to}:{stamp[0]}:{stamp[1]}") for to, signal in said
    ]


def _signals(state: PondState, effect: _Sent, stamp: Stamp) -> list[tuple[Line, Signal]]:
    line = state.line
    match effect:
        case SendPull(source, epoch, held, waits, anew, urgent):
            return [(source, PullReceived(line, epoch, held, stamp, waits, anew, urgent))]
        case SendTarget(source, epoch):
            return [(source, TargetReceived(line, epoch, stamp))]
        case AttachTo(source):
            return [(source, SinkAttached(line, stamp))]
        case DetachFrom(source):
            return [(source, SinkDetached(line, stamp))]
        case TellSink(sink, end_f, changed_f, delay, snapshot, down, reason, retries):
            return [
                (
                    sink,
                    SourceTold(
                        line,
                        end_f,
                        changed_f,
                        delay,
                        snapshot,
                        down,
                        within(reason, REASON),
                        stamp,
                        retries,
                    ),
                )
            ]
        case TellSinks(end_f, changed_f, delay, snapshot, down, reason, retries):
            told = SourceTold(
                line,
                end_f,
                changed_f,
                delay,
                snapshot,
                down,
                within(reason, REASON),
                stamp,
                retries,
            )
            return [(sink, told) for sink in sorted(state.sinks)]
        case _:
            assert_never(effect)
