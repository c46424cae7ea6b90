"""Letters that cannot be true of a line in its state: stamps that their sender has not come to."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from duckstring.engine.letters import hold_signal
from duckstring.engine.signals import (
    HoldSet,
    ObjectArrived,
    PullReceived,
    RippleSucceeded,
    SinkAttached,
    SinkDetached,
    SourceTold,
    TargetReceived,
)
from duckstring.engine.state import PondState, Run, SourceReport, SourceView
from duckstring.model.arrivals import ArrivedObject
from duckstring.model.catalog import Part, Position, TableVersion
from duckstring.model.checks import MOST_CHECKS, CheckWarning
from duckstring.model.instants import NEVER, ZERO
from duckstring.model.names import Line, file_of_key, location_of_key, table_key
from duckstring.model.said import Hold
from duckstring.model.values import replace
from duckstring.orchestrator.credible import credible, possible
from duckstring.orchestrator.ports import Received
from duckstring.testing.simulator import START
from tests.unit.api.world import NOON

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


def key(run, *, of=HERE, table="orders", attempt=1, ripple="load"):
    return table_key(of, table, run=run, ripple=ripple, attempt=attempt, invocation="0a1b2c3dp1")


def part(run, **more):
    return Part(file_of_key(key(run, **more)), 1, 1)


def located(run, file="part-0", **more):
    """What another engine has written for an attempt."""
    return Part(file_of_key(f"{location_of_key(key(run, **more))}{file}"), 1, 1, use="base")


def run_of(number, *, outputs=(), pins=()):
    return Run(
        *(number, START, NEVER, ZERO, "1.0.0", "a", "m", 0, START),
        outputs=dict(outputs),
        pins=dict(pins),
    )


def version(*parts, at=9):
    own = key(at) if at != 9 else f"data/{HERE}/orders/{parts[-1].file}.parquet"
    return TableVersion("orders", own, 2, 2, "f", parts=parts, total="7")


BASE = TableVersion("orders", key(3), 1, 1, "f")
AT_WORK = PondState(
    HERE,
    tables={"orders": BASE},
    runs={
        8: run_of(8, outputs={"orders": version(part(3), part(8), at=8)}),
        9: run_of(9, pins={SOURCE: 5}),
    },
)


def report(table=None, **more):
    tables = {} if table is None else {"orders": table}
    return RippleSucceeded(9, "load", 1, tables, **more)


def believed(signal):
    letters = credible(HERE, [Received(signal, (1, "1"))], None)
    return bool(possible(letters, AT_WORK, lambda _: 0))


@pytest.mark.parametrize(
    "signal",
    [
        report(version(part(3), part(9))),
        report(version(part(3), part(8), part(9))),
        report(TableVersion("orders", key(9), 1, 1, "f", merge_key=("id",))),
        report(version(located(9), located(9, "day=1/x"), part(9))),
        replace(report(version(located(9, attempt=1), part(9, attempt=2))), attempt=2),
        report(positions={"orders.orders": Position(key(5, of=SOURCE))}, found=(8,)),
        replace(report(version(part(2), part(9))), run=7),
    ],
    ids=["published", "in flight", "whole", "adopted", "adopted of before", "position", "over"],
)
def test_parts_that_the_attempt_could_find_and_positions_that_it_could_reach_are_believed(signal):
    if signal.run == 7:  # nothing comes of it
        signal = replace(signal, tables={})
    assert believed(signal)


@pytest.mark.parametrize(
    "signal",
    [
        report(version(part(2), part(9))),
        report(version(part(3), part(8, attempt=2), part(9))),
        report(version(part(3), part(10), part(9))),
        report(version(part(3), part(9, table="x"), part(9), at=8)),
        report(version(located(9, attempt=2), part(9))),
        report(version(located(9, ripple="join"), part(9))),
        report(version(located(8), part(9))),
        report(version(located(10), part(9))),
        report(version(located(9, "_x"), part(9))),
        report(version(located(9, "a*"), part(9))),
        report(version(located(9, "../x"), part(9))),
        report(version(part(9), located(9), at=9)),
        report(replace(version(located(9)), parts=(), key=version(located(9)).keys[0])),
        report(version(part(9))),
        report(version(Part("../../secrets", 1, 1), part(9))),
        report(version(replace(part(3), rows=2**51), part(9))),
        report(version(part(3), replace(part(9), kind="changes"))),
        report(replace(BASE, key=key(9), total="x")),
        report(positions={"orders.orders": Position(key(6, of=SOURCE))}),
        report(positions={"orders.orders": Position(key(1, of=SINK))}),
        report(positions={"sales.orders": Position(key(1, of=SOURCE))}),
        report(positions={"orders.orders": Position("artifacts/orders/1.0.0/ab.zip")}),
        report(positions={f"orders.t{n}": Position(key(1, of=SOURCE, table=f"t{n}"))
                          for n in range(101)}),
        report(found=tuple(range(1001))),
    ],
)  # fmt: skip
def test_parts_and_positions_that_the_attempt_could_not_find_are_refused(signal):
    assert not believed(signal)


def warned(*warnings):
    register = SimpleNamespace(releases=lambda _pond: {}, removed=lambda _pond: [])
    signal = RippleSucceeded(1, "checks", 1, warnings=warnings)
    return bool(credible(HERE, [Received(signal, (1, "1"))], register))


def test_warnings_that_no_checks_can_have_are_refused():
    assert warned(CheckWarning("late", 3, "too late"))
    assert not warned(CheckWarning("Late", 3))
    assert not warned(CheckWarning("late", 2**50 + 1))
    assert not warned(*(CheckWarning(f"c{n}") for n in range(MOST_CHECKS + 1)))


def test_a_hold_that_the_catchment_does_not_know_is_refused():
    hold = Hold(NOON, on=True, by="alice@laptop", note="new warehouse")
    register = SimpleNamespace(hold=lambda: hold)

    def is_believed(signal):
        return bool(credible(HERE, [Received(signal, (1, "1"))], register))

    assert is_believed(hold_signal(hold))
    assert not is_believed(HoldSet(NOON + timedelta(days=900)))
    assert not is_believed(HoldSet(NOON, on=False, by="alice@laptop", note="new warehouse"))
    assert not is_believed(HoldSet(NOON - timedelta(hours=1)))


@pytest.mark.parametrize(
    ("found", "is_believed"),
    [
        (ArrivedObject("landing", "in/a", 7, "v", "e", "s"), True),
        (ArrivedObject("", "in/a"), False),
        (ArrivedObject("../x", "in/a"), False),
        (ArrivedObject("landing", ""), False),
        (ArrivedObject("landing", "x" * 1_025), False),
        (ArrivedObject("landing", "a", 2**60), False),
    ],
)
def test_an_object_that_cannot_be_is_refused(found, is_believed):
    letter = Received(ObjectArrived(found, "pulse", START), (1, "1"))
    assert bool(credible(HERE, [letter], None)) is is_believed


def test_an_attempt_may_not_say_that_objects_arrive():
    arrived = ObjectArrived(ArrivedObject("landing", "a"), "pulse", START)
    assert credible(HERE, [Received(arrived, (1, "1"), attempt="x")], None) == []
