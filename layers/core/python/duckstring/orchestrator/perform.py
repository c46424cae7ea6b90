"""Perform effects: each is one port call. The engine sets the order: a branch is answered only
after the effects that precede it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    AttachTo,
    CallOnKill,
    ClaimTokens,
    DetachFrom,
    DropSchedule,
    Effect,
    KeepArrival,
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
from duckstring.engine.letters import Letter, letters_of
from duckstring.engine.state import PondState
from duckstring.orchestrator.ports import EffectPorts


def perform(state: PondState, outbox: tuple[Effect, ...], ports: EffectPorts) -> None:  # noqa: C901, PLR0912, PLR0915 - one arm an effect
    """Perform an outbox committed with ``state``; performing it again changes nothing.

    Effects that start or free compute go first, and then all letters in one batch, because others
    wait for these. History and events follow. A task is stopped, and the ``on_kill`` of a killed
    Ripple called, after its attempt's row has been written. Whoever is told of runs is told last,
    when all rows are written.
    """
    line, letters = state.line, list[Letter]()
    late: list[Callable[[], None]] = []
    for index, effect in enumerate(outbox):
        match effect:
            case StartRun():
                ports.executions.start(line, effect)
            case StopRun():
                ports.executions.stop(line, effect)
            case AnswerGate():
                ports.gates.answer(line, effect)
            case (
                SendPull()
                | SendTarget()
                | AttachTo()
                | DetachFrom()
                | TellSink()
                | TellSinks()
                | ClaimTokens()
            ):
                letters += letters_of(state, effect, (state.revision, index))
            case RecordRun():
                late.append(partial(ports.history.record_run, line, effect))
            case RecordAttempt():
                late.append(partial(ports.history.record_attempt, line, effect))
            case StopTask():
                late.append(partial(ports.workers.stop_task, line, effect))
            case CallOnKill():
                late.append(partial(ports.workers.call_on_kill, line, effect))
            case SetAlarm(at):
                late.append(partial(ports.alarms.set, line, at))
            case SetSchedule(window):
                late.append(partial(ports.schedules.set, line, window))
            case DropSchedule(name):
                late.append(partial(ports.schedules.drop, line, name))
            case Announce(event):
                version = state.release.version if state.release else ""
                key = f"{line}:{state.revision}:{index}:{event}"
                late.append(partial(ports.bus.announce, line, version, effect, key=key))
            case PublishSnapshot() | KeepArrival():
                pass  # committed together with the state
            case _:
                assert_never(effect)
    if letters:
        ports.mailbox.send(letters)
    for call in late:
        call()
    if ports.news and (rows := [one for one in outbox if isinstance(one, RecordRun)]):
        ports.news.tell(line, rows)
