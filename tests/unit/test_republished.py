"""A letter that wants an earlier snapshot has its number only: the rest comes from the manifest."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.signals import Republished
from duckstring.engine.state import PondState, RippleState, Run
from duckstring.model.catalog import Position, TableVersion
from duckstring.model.instants import NEVER
from duckstring.model.names import Line, table_key
from duckstring.orchestrator.deliver import deliver
from duckstring.orchestrator.ports import Held, Received
from duckstring.testing.fakes import MemoryStateStore
from duckstring.worker.surroundings import previous_freshness
from tests.unit.api.world import NOON, StillClock, release

SALES, HOUR = Line("sales@1"), timedelta(hours=1)


def version(number: int) -> TableVersion:
    key = table_key(SALES, "orders", run=number, ripple="load", attempt=1, invocation="x")
    return TableVersion("orders", key, 1, 1, f"f{number}")


def snapshot(number: int, **more: object) -> PublishSnapshot:
    f = NOON - (9 - number) * HOUR
    return PublishSnapshot(number, f, {"orders": version(number)}, positions={}, **more)  # type: ignore[arg-type]


TAKEN = {"load": {"up.a": Position("data/up@1/a/0000000001-load-1-x.parquet")}}


class Line9:
    """``sales@1`` has published snapshot 9, and these are kept."""

    def __init__(self, *kept: PublishSnapshot) -> None:
        state = PondState(
            SALES,
            release=release("sales@1"),
            ripples={"load": RippleState("load")},
            snapshot=9,
            runs_started=9,
            end_f=NOON,
            snapshot_f=NOON,
            tables={"orders": version(9)},
        )
        self.store = MemoryStateStore({SALES: Held(state)}, {(SALES, one.run): one for one in kept})
        self.sent = 0

    def receive(self, signal: Republished) -> PondState:
        self.sent += 1
        deliver(
            SALES,
            [Received(signal, (self.sent, str(self.sent)))],
            store=self.store,
            gates=None,  # type: ignore[arg-type] # no branch waits
            perform=lambda *_: None,
            clock=StillClock(),
        )
        return self.store.load(SALES).state


def test_what_is_published_again_is_the_manifest_whatever_the_letter_says() -> None:
    forged = Republished(4, NOON, {"orders": version(5)}, TAKEN)
    state = Line9(snapshot(4)).receive(forged)
    assert (state.snapshot, state.tables, state.positions) == (10, {"orders": version(4)}, {})
    assert state.held_f == NOON - 5 * HOUR


def test_a_letter_that_is_delivered_twice_changes_nothing_more() -> None:
    line = Line9(snapshot(4))
    first = line.receive(Republished(4))
    line.sent -= 1
    assert line.receive(Republished(4)) == first


@pytest.mark.parametrize("kept", [(), (PublishSnapshot(4, NOON, {}),)], ids=["gone", "of before"])
def test_a_letter_whose_snapshot_is_gone_is_logged_and_dropped(
    kept: tuple[PublishSnapshot, ...], caplog: pytest.LogCaptureFixture
) -> None:
    line = Line9(*kept)
    with caplog.at_level(logging.ERROR):
        assert line.receive(Republished(4)).snapshot == 9
    assert "snapshot 4 is not kept" in caplog.text


def test_the_next_attempt_goes_on_from_the_freshness_of_the_data() -> None:
    """``previous_f``: an Inlet that looks back to it loses no rows."""
    before = Line9(snapshot(4))
    run = Run(11, NOON + HOUR, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON)
    assert previous_freshness(before.store.load(SALES).state, run, "load") == NOON
    after = before.receive(Republished(4))
    assert previous_freshness(after, run, "load") == NOON - 5 * HOUR
    twice = Line9(snapshot(4), snapshot(7, held_f=NOON - 8 * HOUR)).receive(Republished(7))
    assert previous_freshness(twice, run, "load") == NOON - 8 * HOUR
    assert twice.held_f != NEVER
