"""Letters: signals on their way to a line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from duckstring.engine.effects import (
    AttachTo,
    DetachFrom,
    SendPull,
    SendTarget,
    TellSink,
    TellSinks,
)
from duckstring.engine.signals import (
    Deployed,
    PullReceived,
    Removed,
    Signal,
    SinkAttached,
    SinkDetached,
    SourceTold,
    TargetReceived,
)
from duckstring.engine.state import PondState, Stamp, bounded
from duckstring.model.catalog import Release, Removal
from duckstring.model.instants import to_text
from duckstring.model.names import Line


@dataclass(frozen=True, slots=True)
class Letter:
    """A signal on its way to a line. ``key`` is the same for the same letter sent twice.

    ``is_of_event``: the key is that of an event, which nobody can guess, and an echo of the event
    may give the letter another time. So the key alone says that it is the same.
    """

    to: Line
    signal: Signal
    key: str
    is_of_event: bool = False


Sent = SendPull | SendTarget | AttachTo | DetachFrom | TellSink | TellSinks
"""Effects that are letters to other lines."""


def letters_of(state: PondState, effect: Sent, stamp: Stamp) -> list[Letter]:
    """What ``effect`` sends. ``state`` is the sender's, committed with the effect.

    The key names the addressee, for one effect may have many.
    """
    line = state.line
    to: Iterable[Line]
    signal: Signal
    match effect:
        case SendPull(source, epoch, held, waits, anew, urgent):
            to, signal = [source], PullReceived(line, epoch, held, stamp, waits, anew, urgent)
        case SendTarget(source, epoch):
            to, signal = [source], TargetReceived(line, epoch, stamp)
        case AttachTo(source):
            to, signal = [source], SinkAttached(line, stamp)
        case DetachFrom(source):
            to, signal = [source], SinkDetached(line, stamp)
        case TellSink(sink, report):
            to, signal = [sink], SourceTold(line, bounded(report), stamp)
        case TellSinks(report):
            to, signal = sorted(state.sinks), SourceTold(line, bounded(report), stamp)
        case _:
            assert_never(effect)
    return [Letter(one, signal, key=f"{line}>{one}:{stamp[0]}:{stamp[1]}") for one in to]


def announcement(release: Release) -> Letter:
    """The letter of one selection."""
    key = f"deployed:{release.line}:{release.version}:{release.sha256}:{to_text(release.deployed)}"
    return Letter(release.line, Deployed(release), key)


def removal_letter(removal: Removal) -> Letter:
    """The letter of one removal."""
    return Letter(
        removal.line, Removed(removal.at), f"removed:{removal.line}:{to_text(removal.at)}"
    )


def is_pending(removal: Removal, state: PondState) -> bool:
    """Whether the line still is what was removed. One that heard must not hear again: it may
    hold demand of Sinks by now.
    """
    return any(
        release is not None and release.deployed <= removal.at
        for release in (state.release, state.next_release)
    )
