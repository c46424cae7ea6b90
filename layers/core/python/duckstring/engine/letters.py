"""Letters: signals on their way to a line, or to a limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from duckstring.engine.effects import (
    AttachTo,
    ClaimTokens,
    DetachFrom,
    SendPull,
    SendTarget,
    TellSink,
    TellSinks,
)
from duckstring.engine.limits import GrantTokens, LimitSignal, LimitState, TokensClaimed
from duckstring.engine.signals import (
    Deployed,
    HoldSet,
    PullReceived,
    Removed,
    Signal,
    SinkAttached,
    SinkDetached,
    SourceTold,
    TargetReceived,
    TokensGranted,
)
from duckstring.engine.state import PondState, Stamp, bounded
from duckstring.model.catalog import Release, Removal
from duckstring.model.instants import to_text
from duckstring.model.names import Address, Line, limit_address
from duckstring.model.said import Hold


@dataclass(frozen=True, slots=True)
class Letter:
    """A signal on its way. ``key`` is the same if the same letter is sent twice.

    ``is_of_event``: the key is the key of an event. Nobody can guess it, and a repeat of the event
    may give the letter another time, so the key alone identifies the letter.
    """

    to: Address
    signal: Signal | LimitSignal
    key: str
    is_of_event: bool = False


Sent = SendPull | SendTarget | AttachTo | DetachFrom | TellSink | TellSinks | ClaimTokens
"""Effects that are letters to other lines, or to limits."""


def letters_of(state: PondState, effect: Sent, stamp: Stamp) -> list[Letter]:
    """The letters that ``effect`` sends. ``state`` is the sender's, committed with the effect.

    The key contains the addressee, because one effect may have many.
    """
    line = state.line
    to: Iterable[Address]
    signal: Signal | LimitSignal
    match effect:
        case SendPull(source, epoch, held, is_starving, reissued_at, urgent):
            to, signal = (
                [source],
                PullReceived(line, epoch, held, stamp, is_starving, reissued_at, urgent),
            )
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
        case ClaimTokens(limit, claims, priority):
            to, signal = [limit_address(limit)], TokensClaimed(line, claims, stamp, priority)
        case _:
            assert_never(effect)
    return [Letter(one, signal, key=f"{line}>{one}:{stamp[0]}:{stamp[1]}") for one in to]


def grant_letters(state: LimitState, outbox: Sequence[GrantTokens]) -> list[Letter]:
    """The letters of an outbox that was committed with ``state``."""
    sender = limit_address(state.name)
    return [
        Letter(
            grant.line,
            TokensGranted(state.name, grant.claims),
            key=f"{sender}>{grant.line}:{state.revision}:{index}",
        )
        for index, grant in enumerate(outbox)
    ]


def announcement(release: Release) -> Letter:
    """The ``Deployed`` letter of one selected release."""
    key = f"deployed:{release.line}:{release.version}:{release.sha256}:{to_text(release.deployed)}"
    return Letter(release.line, Deployed(release), key)


def hold_signal(hold: Hold) -> HoldSet:
    """The signal that tells a line of the Catchment's hold."""
    return HoldSet(hold.at, hold.on, hold.by, hold.note)


def hold_letter(line: Line, hold: Hold) -> Letter:
    """The letter with that signal."""
    return Letter(line, hold_signal(hold), f"hold:{line}:{to_text(hold.at)}")


def removal_letter(removal: Removal) -> Letter:
    """The ``Removed`` letter of one removal."""
    return Letter(
        removal.line, Removed(removal.at), f"removed:{removal.line}:{to_text(removal.at)}"
    )


def is_pending(removal: Removal, state: PondState) -> bool:
    """Whether the line is still what was removed. A line that has processed its removal must not
    process it again: it may hold demand of Sinks by now.
    """
    return any(
        release is not None and release.deployed <= removal.at
        for release in (state.release, state.next_release)
    )
