"""Objects that arrive, from the letter to the worker's page, in DynamoDB."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duckstring.adapters.aws.arrived import DynamoBacklog
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.effects import KeepArrival
from duckstring.engine.signals import Deployed, ObjectArrived
from duckstring.errors import StateConflictError
from duckstring.model.arrivals import ArrivedObject, KeptArrival
from duckstring.model.names import Line
from duckstring.orchestrator.deliver import deliver
from duckstring.orchestrator.ports import Received
from duckstring.testing.fakes import MemoryClock
from duckstring.testing.simulator import pond

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def found(key, **more):
    return ArrivedObject("landing", key, 7, **more)


@pytest.fixture
def line(here):
    return Delivered(here)


class Delivered:
    """A line in DynamoDB, and letters that come to it."""

    def __init__(self, here):
        self.here, self.count = here, 0
        self.store = DynamoStateStore(here.clients, here.settings.table)
        self.backlog = DynamoBacklog(here.clients, here.settings.table)
        self.give(Deployed(pond(SALES)))

    def give(self, *signals):
        letters = []
        for signal in signals:
            self.count += 1
            letters.append(Received(signal, (1_000 + self.count, f"{self.count:020d}")))
        return deliver(
            SALES,
            letters,
            store=self.store,
            gates=None,
            perform=lambda *_: None,
            clock=MemoryClock(NOON),
        )

    def arrive(self, *objects, kind="pulse"):
        return self.give(*(ObjectArrived(one, kind, NOON) for one in objects))

    @property
    def state(self):
        return self.store.load(SALES).state

    def page(self, after=0, upto=99, most=99):
        return [one.number for one in self.backlog.page(SALES, after=after, upto=upto, most=most)]


def test_objects_are_kept_under_their_numbers_with_all_that_s3_has_said(line):
    whole = found("in/ü b.parquet", version="v1", etag="e", sequencer="00F")
    line.arrive(whole, found("in/2"))
    assert line.state.arrived == 2
    assert line.backlog.page(SALES, after=0, upto=9, most=9) == [
        KeptArrival(1, whole, NOON),
        KeptArrival(2, found("in/2"), NOON),
    ]
    items = line.here.items("ARRIVED#sales@1")
    assert sorted(items)[:2] == ["OBJECT#000000000001", "OBJECT#000000000002"]
    assert len(items) == 4


def test_a_repeat_is_dropped_in_one_delivery_and_in_a_later_one(line):
    one = found("in/1", sequencer="a")
    line.arrive(one, one)
    assert line.arrive(one) == ()
    runs = line.state.runs_started
    line.arrive(one, found("in/1", sequencer="b"))
    assert (line.state.arrived, line.page()) == (2, [1, 2])
    assert runs == 1


def test_a_page_is_what_lies_between(line):
    for start in range(0, 30, 10):
        line.arrive(*(found(f"in/{n}") for n in range(start, start + 10)))
    assert line.page() == list(range(1, 31))
    assert line.page(after=4, upto=7) == [5, 6, 7]
    assert line.page(after=4, upto=20, most=3) == [5, 6, 7]
    assert line.page(after=7, upto=7) == []
    other = line.backlog.page(Line("sales@2"), after=0, upto=9, most=9)
    assert list(other) == []


def test_what_is_dropped_is_gone_and_may_come_again(line):
    line.arrive(found("in/1"), found("in/2"))
    line.backlog.drop(SALES, line.backlog.page(SALES, after=0, upto=1, most=9))
    assert line.page() == [2]
    assert len(line.here.items("ARRIVED#sales@1")) == 2
    line.arrive(found("in/1"))
    assert line.page() == [2, 3]


def test_of_two_deliveries_at_the_same_time_one_loses_and_keeps_nothing(line):
    held = line.store.load(SALES)
    line.arrive(found("in/1"))
    late = KeepArrival(1, found("in/late"), NOON)
    with pytest.raises(StateConflictError):
        line.store.commit(held, held.state, (late,), (1, "1"))
    assert [one.found.key for one in line.backlog.page(SALES, after=0, upto=9, most=9)] == ["in/1"]
