"""Letters that cannot be true of a line in its state: stamps that their sender has not come to."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from duckstring.engine.signals import (
    PullReceived,
    RippleSucceeded,
    SinkAttached,
    SinkDetached,
    SourceTold,
    TargetReceived,
)
from duckstring.engine.state import PondState, SourceReport, SourceView
from duckstring.model.checks import MOST_CHECKS, CheckWarning
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.credible import credible, possible
from duckstring.orchestrator.ports import Received
from duckstring.testing.simulator import START

HERE, SINK, SOURCE = Line("sales@1"), Line("reports@1"), Line("orders@1")
STATE = PondState(
    HERE, sinks={SINK: (40, 2)}, sources={SOURCE: replace(SourceView(SOURCE), heard=(7, 0))}
)
KINDS = {
    "pull": (SINK, lambda stamp: PullReceived(SINK, START, NEVER, stamp)),
    "target": (SINK, lambda stamp: TargetReceived(SINK, START, stamp)),
    "attached": (SINK, lambda stamp: SinkAttached(SINK, stamp)),
    "detached": (SINK, lambda stamp: SinkDetached(SINK, stamp)),
    "told": (
        SOURCE,
        lambda stamp: SourceTold(SOURCE, SourceReport(START, START, snapshot=1), stamp),
    ),
}


def kept(signal, revision):
    asked = []

    def revision_of(line):
        asked.append(line)
        return revision

    return bool(possible([Received(signal, (1, "1"))], STATE, revision_of)), asked


@pytest.mark.parametrize("kind", KINDS)
def test_a_stamp_that_its_sender_has_not_come_to_is_refused(kind):
    sender, made = KINDS[kind]
    assert kept(made((2**53 - 1, 2**53 - 1)), 5_000) == (False, [sender])
    assert kept(made((5_001, 0)), 5_000) == (False, [sender])


@pytest.mark.parametrize("kind", KINDS)
def test_a_stamp_far_ahead_is_believed_of_a_line_that_was_committed_so_often(kind):
    sender, made = KINDS[kind]
    assert kept(made((5_000, 3)), 5_000) == (True, [sender])


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_asked_about_the_usual_stamp(kind):
    _, made = KINDS[kind]
    assert kept(made((41, 0)), 0) == (True, [])


def warned(*warnings):
    register = SimpleNamespace(releases=lambda _pond: {}, removed=lambda _pond: [])
    signal = RippleSucceeded(1, "checks", 1, warnings=warnings)
    return bool(credible(HERE, [Received(signal, (1, "1"))], register))


def test_warnings_that_no_checks_can_have_are_refused():
    assert warned(CheckWarning("late", 3, "too late"))
    assert not warned(CheckWarning("Late", 3))
    assert not warned(CheckWarning("late", 2**50 + 1))
    assert not warned(*(CheckWarning(f"c{n}") for n in range(MOST_CHECKS + 1)))
