"""Letters to other lines: to whom they go, what they say, and which of them are the same."""

from __future__ import annotations

import pytest

from duckstring.engine.effects import (
    AttachTo,
    DetachFrom,
    SendPull,
    SendTarget,
    TellSink,
    TellSinks,
)
from duckstring.engine.letters import (
    Letter,
    Sent,
    announcement,
    is_pending,
    letters_of,
    removal_letter,
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
from duckstring.engine.state import Down, PondState, SourceReport, bounded
from duckstring.model.catalog import Removal
from duckstring.model.limits import REASON, stored_bytes
from duckstring.model.values import replace
from duckstring.testing.simulator import START, pond, seconds
from tests.unit.engine.test_demand import A, B, C, D

STAMP = (7, 2)
LATER = START + seconds(1)
FAILED = SourceReport(START, START, snapshot=3, down=Down(B, "failed", "no rows " * 1_000))


@pytest.mark.parametrize(
    ("effect", "signal"),
    [
        (
            SendPull(A, LATER, START, waits=True, anew=LATER, urgent=True),
            PullReceived(B, LATER, START, STAMP, waits=True, anew=LATER, urgent=True),
        ),
        (SendTarget(A, LATER), TargetReceived(B, LATER, STAMP)),
        (AttachTo(A), SinkAttached(B, STAMP)),
        (DetachFrom(A), SinkDetached(B, STAMP)),
        (TellSink(A, FAILED), SourceTold(B, bounded(FAILED), STAMP)),
    ],
)
def test_a_letter_says_who_sends_it_and_what_the_effect_says(effect: Sent, signal: Signal) -> None:
    state = PondState(B, sinks={C: (1, 0)})
    assert letters_of(state, effect, STAMP) == [Letter(A, signal, "b@1>a@1:7:2")]


def test_a_report_goes_to_every_sink_with_a_key_for_each() -> None:
    state = PondState(B, sinks={D: (1, 0), C: (9, 9)})
    letters = letters_of(state, TellSinks(FAILED), STAMP)
    assert [(letter.to, letter.key) for letter in letters] == [
        (C, "b@1>c@1:7:2"),
        (D, "b@1>d@1:7:2"),
    ]
    (told,) = {letter.signal for letter in letters}
    assert isinstance(told, SourceTold)
    assert told.report.down is not None
    assert stored_bytes(told.report.down.message) <= REASON


def test_a_report_of_a_line_without_sinks_is_no_letter() -> None:
    assert letters_of(PondState(B), TellSinks(FAILED), STAMP) == []


def test_a_deploy_and_a_removal_are_one_letter_each_however_often_they_are_sent() -> None:
    release = replace(pond(B), version="1.2.0", sha256="abc", deployed=START)
    assert announcement(release) == Letter(
        B, Deployed(release), "deployed:b@1:1.2.0:abc:2030-01-01T00:00:00.000000Z"
    )
    assert removal_letter(Removal(B, START)) == Letter(
        B, Removed(START), "removed:b@1:2030-01-01T00:00:00.000000Z"
    )
    again = replace(release, deployed=LATER)
    assert announcement(again).key != announcement(release).key


@pytest.mark.parametrize(
    ("state", "pending"),
    [
        (PondState(B, release=pond(B)), True),
        (PondState(B, next_release=pond(B)), True),
        (PondState(B, release=replace(pond(B), deployed=LATER)), False),
        (PondState(B), False),
    ],
)
def test_a_removal_is_pending_while_its_line_has_what_was_removed(
    state: PondState, *, pending: bool
) -> None:
    assert is_pending(Removal(B, START), state) is pending
